//! The OSV database of language ecosystems, one archive an ecosystem.
//!
//! Records come from many publishers (GHSA, PYSEC, RUSTSEC, GO, MAL, BIT, HSEC): several may be about
//! one flaw and name each other as aliases; matching joins them. An archive also holds withdrawn
//! records, and records that name packages of other ecosystems beside its own.
//!
//! Not here: what a record says (`format/osv_packages.rs`), distributions' records (their own feeds
//! say more).

use pellucid_model::{Namespace, PackageKind};

use crate::format::osv_packages::{self, ECOSYSTEMS, RECORD_LIMIT};
use crate::{AdvisorySink, Answer, Feed, FeedError, FeedState, Fetched, Plan, Request};

/// `https://osv.dev`.
pub(crate) struct Osv;

const HOST: &str = "https://osv-vulnerabilities.storage.googleapis.com";

/// The largest archive (npm, with its malware reports) has some 2 GB unpacked.
const LIMIT: u64 = 16 << 30;
impl Feed for Osv {
    fn name(&self) -> &'static str {
        "osv"
    }

    fn parts(&self) -> Vec<String> {
        ECOSYSTEMS
            .iter()
            .map(|(ecosystem, _)| format!("osv/{ecosystem}"))
            .collect()
    }

    fn answers(&self, namespace: &Namespace) -> Option<Answer> {
        let (ecosystem, _) = ECOSYSTEMS
            .iter()
            .find(|(_, kind)| kind.name() == namespace.as_str())?;
        Some(Answer {
            key: format!("osv/{ecosystem}"),
            namespace: namespace.clone(),
        })
    }

    fn plan(&self, key: &str, _state: &FeedState<'_>) -> Result<Plan, FeedError> {
        let (ecosystem, _) = ecosystem_of(key)?;
        let url = format!("{HOST}/{ecosystem}/all.zip");
        Ok(Plan::Advisories {
            requests: vec![Request::archive("all.zip", url, LIMIT, RECORD_LIMIT)],
            mark: None,
        })
    }

    fn wants_member(&self, _request: &Request, member: &str) -> bool {
        member.ends_with(".json")
    }

    fn parse(&self, file: &Fetched<'_>, out: &mut dyn AdvisorySink) -> Result<(), FeedError> {
        let (ecosystem, kind) = ecosystem_of(file.key)?;
        osv_packages::parse(file, |name| (name == ecosystem).then_some(kind), out)
    }
}

fn ecosystem_of(key: &str) -> Result<(&'static str, PackageKind), FeedError> {
    key.strip_prefix("osv/")
        .and_then(|name| {
            ECOSYSTEMS
                .iter()
                .copied()
                .find(|(ecosystem, _)| *ecosystem == name)
        })
        .ok_or_else(|| FeedError::UnknownKey {
            key: key.chars().take(80).collect(),
        })
}
