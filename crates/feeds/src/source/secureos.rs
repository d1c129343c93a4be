//! SecureOS of SecureBuild: a secdb of one document, whose newest copy an index names.
//!
//! The index, `latest.json`, gives `latest_url` and the `sha256` of the compressed document. The shape of
//! that is told in `format/secdb.rs`; the distribution has no releases.

use pellucid_model::Namespace;
use serde::Deserialize;

use crate::format::json;
use crate::format::secdb::{self, Rolling};
use crate::{AdvisorySink, Answer, Feed, FeedError, FeedState, Fetched, Plan, Request};

/// `https://securebuild.com`.
pub(crate) struct SecureOs;

const HOST: &str = "https://security.secureos.io/";
const INDEX: &str = "latest.json";
const INDEX_LIMIT: u64 = 1 << 20;

const DOCUMENT: Rolling = Rolling {
    name: "secureos",
    url: "https://security.secureos.io/v1/secdb.json.gz",
    page: HOST,
};

#[derive(Deserialize)]
struct Index {
    latest_url: String,
    sha256: String,
}

impl Feed for SecureOs {
    fn name(&self) -> &'static str {
        DOCUMENT.name
    }

    fn answers(&self, namespace: &Namespace) -> Option<Answer> {
        DOCUMENT.answers(namespace)
    }

    fn plan(&self, key: &str, state: &FeedState<'_>) -> Result<Plan, FeedError> {
        if key != DOCUMENT.name {
            return Err(FeedError::unknown_key(key));
        }
        let Some(file) = state.indexes.first() else {
            let url = format!("{HOST}v1/{INDEX}");
            return Ok(Plan::Index(vec![Request::new(INDEX, url, INDEX_LIMIT)]));
        };
        let index: Index = json::document(&Fetched {
            indexes: &[],
            key,
            request: &file.request,
            member: None,
            body: &file.body,
        })?;
        // What the index names is fetched from where the index is.
        if !index.latest_url.starts_with(HOST) || index.latest_url.contains("..") {
            return Err(FeedError::Table {
                file: file.request.name.clone(),
                found: index.latest_url.chars().take(80).collect(),
                expected: "a latest_url on the same host",
            });
        }
        let mut request = Request::new(secdb::DOCUMENT, index.latest_url, secdb::ROLLING_LIMIT);
        request.sha256 = Some(index.sha256.to_ascii_lowercase());
        Ok(Plan::Advisories {
            requests: vec![request],
            mark: None,
        })
    }

    fn parse(&self, file: &Fetched<'_>, out: &mut dyn AdvisorySink) -> Result<(), FeedError> {
        DOCUMENT.parse(file, out)
    }
}
