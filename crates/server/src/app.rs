//! What every request needs.

use std::time::Duration;

use pellucid_store::Store;

use crate::answers::Answers;
use crate::auth::Auth;
use crate::fetch::Fetcher;
use crate::metrics::Metrics;
use crate::process::Scanner;
use crate::snapshots::Snapshots;
use crate::updates::Updates;
use crate::v1;

/// Shared by all requests.
pub(crate) struct App {
    pub(crate) updates: std::sync::Arc<Updates>,
    pub(crate) store: Store,
    pub(crate) snapshots: Snapshots,
    pub(crate) fetcher: Fetcher,
    pub(crate) scanner: Scanner,
    pub(crate) answers: Answers,
    pub(crate) written: v1::Written,
    pub(crate) auth: Auth,
    pub(crate) metrics: std::sync::Arc<Metrics>,
    pub(crate) pages: v1::Pages,
    pub(crate) timeout: Duration,
}

/// Who sent a request.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) address: std::net::SocketAddr,
    /// Fingerprint of a verified client certificate.
    pub(crate) certificate: Option<std::sync::Arc<str>>,
}
