//! What every request needs.

use std::sync::{Arc, OnceLock};
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
    pub(crate) updates: Arc<Updates>,
    pub(crate) store: Store,
    pub(crate) snapshots: Snapshots,
    pub(crate) fetcher: Fetcher,
    pub(crate) scanner: Scanner,
    pub(crate) answers: Answers,
    pub(crate) written: v1::Written,
    pub(crate) bodies: v1::Bodies,
    pub(crate) auth: Auth,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) pages: v1::Pages,
    pub(crate) lister: v1::Lister,
    pub(crate) timeout: Duration,
}

/// What can be asked while the database is waited for at start, and after.
pub(crate) struct Started {
    app: OnceLock<Arc<App>>,
    metrics: Arc<Metrics>,
    auth_mode: &'static str,
}

impl Started {
    pub(crate) fn new(auth_mode: &'static str, metrics: &Arc<Metrics>) -> Self {
        Self {
            app: OnceLock::new(),
            metrics: Arc::clone(metrics),
            auth_mode,
        }
    }

    /// The start is done. There is one.
    pub(crate) fn set(&self, app: App) {
        let _ = self.app.set(Arc::new(app));
    }

    /// What requests need; `None` before the start is done.
    pub(crate) fn app(&self) -> Option<&Arc<App>> {
        self.app.get()
    }

    /// The metrics as text.
    pub(crate) fn metrics(&self) -> String {
        self.metrics.text(self.auth_mode)
    }
}

/// Who sent a request.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) address: std::net::SocketAddr,
    /// Fingerprint of a verified client certificate.
    pub(crate) certificate: Option<Arc<str>>,
}
