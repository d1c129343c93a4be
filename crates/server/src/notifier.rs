//! The notifier of this server: Clair's keys, our outbox, and the numbers of both.

use std::sync::Arc;
use std::time::Duration;

use pellucid_notify::{Notifier, Options, Watch, Webhook, WebhookOptions};
use pellucid_store::Backlog;

use crate::background::Background;
use crate::config::{Clair, Notifications};
use crate::metrics::{Metrics, add_one};

/// The receiver that the configuration names; `None` where there is none.
pub(crate) fn options(clair: &Clair) -> Option<WebhookOptions> {
    let http = clair.notifier.as_ref()?.http.clone()?;
    let endpoint = http.endpoint.filter(|endpoint| !endpoint.is_empty())?;
    Some(WebhookOptions {
        endpoint,
        servername: http.servername,
        cafile: http.cafile,
        keyfile: http.keyfile,
        certfile: http.certfile,
        proxy: http.proxy,
        secret: http.secret,
    })
}

/// How deliveries are made.
pub(crate) fn settings(clair: &Clair, notifications: &Notifications) -> Options {
    let notifier = clair.notifier.clone().unwrap_or_default();
    Options {
        attempts: notifier.attempts,
        renotify: notifier.renotifyinterval.0,
        give_up: notifications.give_up.0,
        parallel: notifications.parallel,
        longest_wait: notifications.wait.0.max(notifications.hold.0),
    }
}

/// Sends what the outbox holds. A receiver that cannot be made sense of is said, as by Clair, and
/// the server goes on without.
pub(crate) async fn run(
    background: Background,
    webhook: WebhookOptions,
    settings: Options,
) -> Result<(), String> {
    let webhook = match Webhook::new(&webhook) {
        Ok(webhook) => webhook,
        Err(error) => {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "could not configure notifier"
            );
            background.stop.cancelled().await;
            return Ok(());
        }
    };
    let watch = Arc::new(Numbers(Arc::clone(&background.metrics)));
    let notifier = Notifier::new(background.store.clone(), webhook, settings, watch);
    let ended = notifier.run(&background.stop).await;
    ended.map_err(|error| error.to_string())
}

struct Numbers(Arc<Metrics>);

impl Watch for Numbers {
    fn delivered(&self, after: Duration) {
        self.0.delivered(after);
    }

    fn refused(&self) {
        add_one(&self.0.notifier_errors);
    }

    fn behind(&self, backlog: &Backlog) {
        self.0.behind(backlog.waiting, backlog.oldest, backlog.dead);
    }
}
