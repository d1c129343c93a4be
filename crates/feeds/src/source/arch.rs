//! Arch Linux's security tracker: one document, a record an AVG (a group of CVEs in one release of
//! some packages).
//!
//! Names are of installed packages. The version that was affected when the group was made is no lower
//! bound: the range is everything before the fix. A fix that is only in testing is not a fix yet.
//! Groups vanish when their packages leave the distribution.

use pellucid_model::{Advisory, Affected, NameKind, Namespace, Severity, Status};
use pellucid_version::{Range, Scheme};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::format::json::{self, Text};
use crate::format::{rpm, whole};
use crate::{AdvisorySink, Answer, Feed, FeedError, FeedState, Fetched, Plan, Request};

/// `https://security.archlinux.org`.
pub(crate) struct Arch;

const HOST: &str = "https://security.archlinux.org/";

/// The document has some 700 kB.
const LIMIT: u64 = 64 << 20;

impl Feed for Arch {
    fn name(&self) -> &'static str {
        "arch"
    }

    fn answers(&self, namespace: &Namespace) -> Option<Answer> {
        // Arch for ARM builds the same packages.
        matches!(namespace.as_str(), "arch" | "archarm").then(|| Answer {
            key: self.name().to_owned(),
            namespace: Namespace::new("arch"),
        })
    }

    fn plan(&self, key: &str, _state: &FeedState<'_>) -> Result<Plan, FeedError> {
        whole::plan(self.name(), key, || {
            Request::new("all.json", format!("{HOST}all.json"), LIMIT)
        })
    }

    fn parse(&self, file: &Fetched<'_>, out: &mut dyn AdvisorySink) -> Result<(), FeedError> {
        let records: Vec<&RawValue> = json::document(file)?;
        if records.is_empty() {
            return Err(FeedError::NoRecords {
                file: file.name().to_owned(),
            });
        }
        for raw in records {
            match serde_json::from_str::<Group<'_>>(raw.get()) {
                Ok(group) => match group.advisory(out) {
                    Ok(advisory) => out.advisory(advisory),
                    Err(reason) => out.bad_record(&group.name, &reason),
                },
                Err(error) => {
                    let start: String = raw.get().chars().take(60).collect();
                    out.bad_record(&start, &error.to_string());
                }
            }
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct Group<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    packages: Vec<Text<'a>>,
    #[serde(borrow)]
    status: Text<'a>,
    #[serde(borrow)]
    severity: Text<'a>,
    #[serde(borrow, rename = "type")]
    kind: Option<Text<'a>>,
    #[serde(borrow)]
    fixed: Option<Text<'a>>,
    #[serde(borrow, default)]
    issues: Vec<Text<'a>>,
    #[serde(borrow, default)]
    advisories: Vec<Text<'a>>,
}

impl Group<'_> {
    fn advisory(&self, out: &mut dyn AdvisorySink) -> Result<Advisory, String> {
        if !self.name.starts_with("AVG-") {
            return Err("its name is not one of Arch's".to_owned());
        }
        if self.packages.is_empty() {
            return Err("it names no package".to_owned());
        }
        let fixed = self.fixed.as_deref().map(str::trim);
        if let Some(version) = fixed.filter(|version| !Scheme::Pacman.is_valid(version)) {
            return Err(format!("{version:?} is no version"));
        }
        let mut note = None;
        let (status, ranges) = match (&*self.status, fixed) {
            ("Fixed", Some(fixed)) => (Status::Affected, vec![Range::before(fixed)]),
            ("Fixed", None) => return Err("fixed without a version".to_owned()),
            ("Vulnerable", _) => (Status::Affected, vec![Range::all()]),
            ("Testing", fixed) => {
                note = fixed.map(|fixed| format!("{fixed} in testing"));
                (Status::Affected, vec![Range::all()])
            }
            ("Unknown", _) => (Status::UnderInvestigation, vec![Range::all()]),
            ("Not affected", _) => (Status::NotAffected, Vec::new()),
            (other, _) => return Err(format!("unknown status {other:?}")),
        };
        let mut advisory = Advisory::new(&*self.name);
        advisory.title = self.kind.as_deref().map(str::to_owned);
        advisory.severity = rpm::severity(&self.severity).unwrap_or_else(|| {
            let reason = format!("unknown severity {:?}", self.severity.0);
            out.bad_record(&self.name, &reason);
            Severity::Unknown
        });
        advisory.severity_word = Some(self.severity.to_string());
        advisory.related = self
            .issues
            .iter()
            .map(|issue| issue.trim().to_owned())
            .filter(|issue| !issue.is_empty())
            .collect();
        advisory.related.sort();
        advisory.related.dedup();
        advisory.links.push(format!("{HOST}{}", self.name));
        for bulletin in &self.advisories {
            advisory.links.push(format!("{HOST}{bulletin}"));
        }
        advisory.affected = self
            .packages
            .iter()
            .map(|package| Affected {
                namespace: Namespace::new("arch"),
                package: package.to_string(),
                name_kind: NameKind::Binary,
                status,
                ranges: ranges.clone(),
                versions: Vec::new(),
                severity: None,
                arches: Vec::new(),
                module: None,
                cpes: Vec::new(),
                note: note.clone(),
            })
            .collect();
        Ok(advisory)
    }
}
