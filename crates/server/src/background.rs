//! The loops beside the requests: each a task, all ended by one token.
//!
//! A loop that ends with an error or a panic is started again after a pause; it never takes the
//! server with it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use pellucid_store::Store;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::{Clair, Notifications};
use crate::metrics::Metrics;
use crate::snapshots::Snapshots;
use crate::updates::Updates;
use crate::{indexer, notifier};

/// Pause before a loop that failed is started again.
const PAUSE: Duration = Duration::from_secs(5);

/// What a loop may use.
#[derive(Clone)]
pub struct Background {
    /// The database.
    pub store: Store,
    /// The advisory data in use.
    pub snapshots: Snapshots,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// Ends the loop.
    pub stop: CancellationToken,
}

/// A loop: runs until its token is cancelled.
pub(crate) type Loop = Arc<
    dyn Fn(Background) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send>> + Send + Sync,
>;

/// Starts every loop.
pub(crate) fn start(
    background: &Background,
    clair: &Clair,
    notifications: &Notifications,
    updates: &Arc<Updates>,
    others: &[(&'static str, Loop)],
    tasks: &TaskTracker,
) {
    let (fetch, follow) = (Arc::clone(updates), Arc::clone(updates));
    let fetch: Loop = Arc::new(move |it| Box::pin(Arc::clone(&fetch).fetch(it.stop)));
    let follow: Loop = Arc::new(move |it| Box::pin(Arc::clone(&follow).follow(it.stop)));
    let index: Loop = Arc::new(|it| Box::pin(indexer::run(it)));
    let mut own = vec![
        ("snapshots", follow),
        ("updater", fetch),
        ("indexer", index),
    ];
    if let Some(options) = notifier::options(clair) {
        let settings = notifier::settings(clair, notifications);
        let send: Loop =
            Arc::new(move |it| Box::pin(notifier::run(it, options.clone(), settings.clone())));
        own.push(("notifier", send));
    }
    for (name, run) in own.iter().chain(others) {
        tasks.spawn(keep(name, Arc::clone(run), background.clone()));
    }
}

async fn keep(name: &'static str, run: Loop, background: Background) {
    while !background.stop.is_cancelled() {
        let outcome = tokio::spawn(run(background.clone())).await;
        match outcome {
            Ok(Ok(())) if background.stop.is_cancelled() => return,
            Ok(Ok(())) => tracing::debug!(name, "a loop has ended"),
            Ok(Err(reason)) => tracing::error!(name, reason = reason.as_str(), "a loop failed"),
            Err(_) => tracing::error!(name, "a loop panicked"),
        }
        tokio::select! {
            () = background.stop.cancelled() => return,
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
}
