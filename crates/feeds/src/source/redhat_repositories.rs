//! Red Hat's list of its repositories: the CPEs of the products that each is part of.
//!
//! One JSON file: `{"data": {"<repository>": {"cpes": ["cpe:/…"]}}}`. It says nothing of vulnerabilities. An image
//! names the repositories that its packages came from, and advisories name products; this joins the
//! two. A repository stands in the snapshot as the package of one statement, its products as the
//! statement's CPEs.

use pellucid_model::{Advisory, Affected, NameKind, Namespace, Status};
use serde::Deserialize;

use crate::format::json::{self, Members, Text};
use crate::format::whole;
use crate::{AdvisorySink, Answer, Feed, FeedError, FeedState, Fetched, Plan, Request};

/// `https://security.access.redhat.com/data/metrics/`.
pub(crate) struct RedHatRepositories;

const URL: &str = "https://security.access.redhat.com/data/metrics/repository-to-cpe.json";
/// It has 2 MB.
const LIMIT: u64 = 128 << 20;
/// Namespace that repositories stand in.
const NAMESPACE: &str = "redhat-repositories";

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow)]
    data: Members<'a, Repository<'a>>,
}

#[derive(Deserialize)]
struct Repository<'a> {
    #[serde(borrow, default)]
    cpes: Vec<Text<'a>>,
}

impl Feed for RedHatRepositories {
    fn name(&self) -> &'static str {
        "redhat-repositories"
    }

    fn answers(&self, _namespace: &Namespace) -> Option<Answer> {
        None
    }

    fn knows_repositories(&self, namespace: &Namespace) -> Option<Answer> {
        let is_answered = matches!(namespace.distribution(), "rhel" | "centos" | "scientific");
        is_answered.then(|| Answer {
            key: self.name().to_owned(),
            namespace: Namespace::new(NAMESPACE),
        })
    }

    fn plan(&self, key: &str, _state: &FeedState<'_>) -> Result<Plan, FeedError> {
        whole::plan(self.name(), key, || {
            Request::new("repository-to-cpe.json", URL, LIMIT)
        })
    }

    fn parse(&self, file: &Fetched<'_>, out: &mut dyn AdvisorySink) -> Result<(), FeedError> {
        let document: Document<'_> = json::document(file)?;
        if document.data.0.is_empty() {
            return Err(FeedError::NoRecords {
                file: file.name().to_owned(),
            });
        }
        for (name, repository) in &document.data.0 {
            if name.trim().is_empty() {
                out.bad_record("", "a repository without a name");
                continue;
            }
            let mut cpes: Vec<String> = Vec::new();
            for cpe in &repository.cpes {
                if cpe.starts_with("cpe:/") {
                    cpes.push(cpe.to_string());
                } else {
                    out.bad_record(name, &format!("{:?} is no CPE", cpe.0));
                }
            }
            cpes.sort();
            cpes.dedup();
            if cpes.is_empty() {
                // Unknown is not the same as of no product.
                out.left_out(name, "no product");
                continue;
            }
            let mut advisory = Advisory::new(&**name);
            advisory.affected.push(Affected {
                namespace: Namespace::new(NAMESPACE),
                package: name.to_string(),
                name_kind: NameKind::Binary,
                status: Status::NotAffected,
                ranges: Vec::new(),
                versions: Vec::new(),
                severity: None,
                arches: Vec::new(),
                module: None,
                cpes,
                note: None,
            });
            out.advisory(advisory);
        }
        Ok(())
    }
}
