//! Azure Linux and CBL-Mariner: Microsoft's OVAL, one file a release.
//!
//! A definition is one CVE in one *source* package. *Less than* is a fix; *less than or equal* the
//! last version known to be affected, without one. `patchable` of `Not Applicable` says that the
//! package is not affected, whatever the criteria. Versions come with and without the distribution's
//! tag (`2.6.7-3`, `0.8-1.azl3`): it is taken off here, as the matcher takes it off the installed one.
//! No product is named in the criteria, the file's name says it.
//!
//! Not here: the CSAF documents of 2025 and later.

use pellucid_model::{NameKind, Namespace, Severity, Status};

use crate::format::oval::{self, Dialect, Row, Verdict};
use crate::format::rpm;
use crate::{AdvisorySink, Answer, Feed, FeedError, FeedState, Fetched, Plan, Request};

/// `https://github.com/microsoft/AzureLinuxVulnerabilityData`.
pub(crate) struct AzureLinux;

const HOST: &str = "https://raw.githubusercontent.com/microsoft/AzureLinuxVulnerabilityData/main";

/// The largest file has 10 MB.
const LIMIT: u64 = 256 << 20;

/// Keys, namespaces, and the names of the files.
const RELEASES: &[(&str, &str, &str)] = &[
    (
        "azurelinux/3.0",
        "azurelinux:3.0",
        "azurelinux-3.0-oval.xml",
    ),
    (
        "azurelinux/mariner-2.0",
        "mariner:2.0",
        "cbl-mariner-2.0-oval.xml",
    ),
    (
        "azurelinux/mariner-1.0",
        "mariner:1.0",
        "cbl-mariner-1.0-oval.xml",
    ),
];

const DIALECT: Dialect = Dialect {
    products: |_| None,
    names_products: false,
    true_comments: false,
};

impl Feed for AzureLinux {
    fn name(&self) -> &'static str {
        "azurelinux"
    }

    fn parts(&self) -> Vec<String> {
        RELEASES.iter().map(|(key, ..)| (*key).to_owned()).collect()
    }

    fn answers(&self, namespace: &Namespace) -> Option<Answer> {
        let (key, name, _) = RELEASES
            .iter()
            .find(|(_, name, _)| *name == namespace.as_str())?;
        Some(Answer {
            key: (*key).to_owned(),
            namespace: Namespace::from(*name),
        })
    }

    fn plan(&self, key: &str, _state: &FeedState<'_>) -> Result<Plan, FeedError> {
        let (_, _, file) = release_of(key)?;
        Ok(Plan::Advisories {
            requests: vec![Request::new(*file, format!("{HOST}/{file}"), LIMIT)],
            mark: None,
        })
    }

    fn parse(&self, file: &Fetched<'_>, out: &mut dyn AdvisorySink) -> Result<(), FeedError> {
        let (_, namespace, _) = release_of(file.key)?;
        DIALECT.read(file, out, &mut |definition, rows, out| {
            let ids = definition.cve_ids();
            let Some(id) = ids.first() else {
                out.bad_record(&definition.id, "it names no CVE");
                return;
            };
            let mut advisory = definition.advisory(id, out);
            // The title is a sentence about one package of several.
            advisory.title = None;
            advisory.description = String::new();
            let rows: Vec<Row> = rows
                .iter()
                .map(|row| Row {
                    namespaces: vec![Namespace::from(*namespace)],
                    verdict: match &row.verdict {
                        Verdict::Before(version) => Verdict::Before(untagged(version)),
                        Verdict::Through(version) => Verdict::Through(untagged(version)),
                        other => other.clone(),
                    },
                    ..row.clone()
                })
                .collect();
            advisory.affected = oval::affected(&rows, NameKind::Source, &[], None);
            let word = definition.patchable.as_deref().unwrap_or_default();
            for affected in &mut advisory.affected {
                if word.eq_ignore_ascii_case("not applicable") {
                    affected.status = Status::NotAffected;
                    affected.ranges.clear();
                    affected.note = Some(word.to_owned());
                }
                // Several definitions make one advisory: each row keeps its own severity.
                affected.severity = rpm::severity(&definition.severity)
                    .filter(|severity| *severity != Severity::Unknown);
            }
            if advisory.affected.is_empty() {
                out.bad_record(&definition.id, "it names no package");
            } else {
                out.advisory(advisory);
            }
        })
    }
}

type Release = (&'static str, &'static str, &'static str);

fn release_of(key: &str) -> Result<&'static Release, FeedError> {
    RELEASES
        .iter()
        .find(|(known, ..)| *known == key)
        .ok_or_else(|| FeedError::unknown_key(key))
}

/// A version without epoch and without `.azl3` or `.cm2`.
fn untagged(version: &str) -> String {
    let version = rpm::without_epoch(version).unwrap_or(version);
    let is_tag = |tag: &str| {
        let digits = tag.strip_prefix("azl").or_else(|| tag.strip_prefix("cm"));
        digits.is_some_and(|digits| {
            !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
        })
    };
    match version.rsplit_once('.') {
        Some((rest, tag)) if is_tag(tag) => rest.to_owned(),
        _ => version.to_owned(),
    }
}
