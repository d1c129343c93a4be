//! The loop: what is due is claimed, sent, and its outcome recorded.
//!
//! Several messages are on their way at a time. While every one fails the receiver is left alone
//! for a growing while, and what waits keeps its tries.

use std::sync::Arc;
use std::time::Duration;

use pellucid_store::{Backlog, Delivery, Store, StoreError};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::pause;
use crate::webhook::{LONGEST_WAIT, Refused, Webhook};

/// The name of the one receiver in the outbox. It outlives a change of its URL.
pub const RECEIVER: &str = "webhook";
/// How long a claim holds: longer than any message takes.
const LEASE: Duration = Duration::from_secs(60);
/// Time between looks into the outbox while there is nothing to send.
const LOOK: Duration = Duration::from_secs(2);
/// Time between counts of the whole outbox.
const COUNT: Duration = Duration::from_secs(10);
/// The longest time that a receiver which takes nothing is left alone.
const LONGEST_REST: Duration = Duration::from_secs(60);

/// How deliveries are made.
#[derive(Clone, Debug)]
pub struct Options {
    /// Tries of a round; between rounds a notification rests.
    pub attempts: u32,
    /// A delivered notification that nobody deletes is sent again after this time; zero is never.
    pub renotify: Duration,
    /// A notification that could not be delivered for this long, and for a whole round, is given up;
    /// zero is never.
    pub give_up: Duration,
    /// Messages on their way at a time.
    pub parallel: usize,
    /// The longest time for which whoever makes notifications puts off sending them.
    pub longest_wait: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            attempts: 5,
            renotify: Duration::from_secs(2 * 3600),
            give_up: Duration::from_secs(3 * 24 * 3600),
            parallel: 8,
            longest_wait: Duration::ZERO,
        }
    }
}

/// Whoever counts what happens.
pub trait Watch: Send + Sync {
    /// One arrived, so long after it was made.
    fn delivered(&self, after: Duration);
    /// One was not taken.
    fn refused(&self);
    /// How far behind the receiver is.
    fn behind(&self, backlog: &Backlog);
}

/// Sends what the outbox holds.
pub struct Notifier {
    store: Store,
    webhook: Arc<Webhook>,
    options: Options,
    watch: Arc<dyn Watch>,
}

impl Notifier {
    /// Sends what this store's outbox holds to this webhook.
    pub fn new(store: Store, webhook: Webhook, options: Options, watch: Arc<dyn Watch>) -> Self {
        Self {
            store,
            webhook: Arc::new(webhook),
            options,
            watch,
        }
    }

    /// Runs until the token is cancelled; messages on their way are waited for.
    ///
    /// # Errors
    /// The database is away or damaged. What was on its way is sent again once its claim has run
    /// out.
    pub async fn run(&self, stop: &CancellationToken) -> Result<(), StoreError> {
        self.store.register_receiver(RECEIVER).await?;
        let mut sending: JoinSet<Result<Sent, StoreError>> = JoinSet::new();
        let mut rest = Rest::default();
        let mut counted: Option<Instant> = None;
        loop {
            let free = self.options.parallel.max(1) - sending.len();
            let room = if rest.is_over() { free } else { 0 };
            let count = u32::try_from(room).unwrap_or(u32::MAX);
            let claimed = match count {
                0 => Vec::new(),
                _ => self.store.claim_deliveries(RECEIVER, count, LEASE).await?,
            };
            for delivery in claimed {
                sending.spawn(self.deliver(delivery));
            }
            if counted.is_none_or(|at| at.elapsed() >= COUNT) {
                counted = Some(Instant::now());
                self.correct().await?;
                self.watch.behind(&self.store.backlog(RECEIVER).await?);
            }
            let pause = rest.left().map_or(LOOK, |left| left.min(LOOK));
            tokio::select! {
                () = stop.cancelled() => break,
                Some(done) = sending.join_next() => match done {
                    Ok(done) => rest.note(done?),
                    Err(_) => tracing::error!("a delivery panicked"),
                },
                () = tokio::time::sleep(pause) => {}
            }
        }
        while let Some(done) = sending.join_next().await {
            if let Ok(done) = done {
                done?;
            }
        }
        Ok(())
    }

    /// Makes due what no setting puts off for as long as it is.
    async fn correct(&self) -> Result<(), StoreError> {
        let options = &self.options;
        let longest = options.renotify.max(options.longest_wait);
        let longest = longest.max(LONGEST_WAIT);
        let store = &self.store;
        let count = store.bring_forward_deliveries(RECEIVER, longest).await?;
        if count > 0 {
            tracing::warn!(
                count,
                "notifications were put off while the database's clock was ahead: they are due now"
            );
        }
        Ok(())
    }

    /// Sends one, and records what came of it.
    fn deliver(
        &self,
        delivery: Delivery,
    ) -> impl Future<Output = Result<Sent, StoreError>> + Send + 'static {
        let (store, webhook) = (self.store.clone(), Arc::clone(&self.webhook));
        let (options, watch) = (self.options.clone(), Arc::clone(&self.watch));
        async move {
            let name = delivery.name.as_str();
            let age = age(&delivery);
            match webhook.send(name).await {
                Ok(()) => {
                    watch.delivered(age);
                    tracing::info!(notification = name, "successfully sent notification");
                    let again = Some(options.renotify).filter(|again| !again.is_zero());
                    store.delivery_succeeded(&delivery, again).await?;
                    Ok(Sent::Taken)
                }
                Err(refused) => {
                    watch.refused();
                    let again = again(&delivery, &refused, age, &options);
                    say(&delivery, &refused, again, &options);
                    store
                        .delivery_failed(&delivery, &refused.reason, again)
                        .await?;
                    Ok(Sent::Refused(refused.retry_after))
                }
            }
        }
    }
}

/// When to try again; `None` gives it up.
fn again(
    delivery: &Delivery,
    refused: &Refused,
    age: Duration,
    options: &Options,
) -> Option<Duration> {
    let is_old = !options.give_up.is_zero() && age > options.give_up;
    if refused.gone || is_old && delivery.attempt >= options.attempts {
        return None;
    }
    let pause = pause::after(delivery.attempt, options.attempts, pause::random());
    Some(pause.max(refused.retry_after.unwrap_or_default()))
}

fn say(delivery: &Delivery, refused: &Refused, again: Option<Duration>, options: &Options) {
    let (name, attempt) = (delivery.name.as_str(), delivery.attempt);
    let reason = refused.reason.as_str();
    match again {
        None => tracing::error!(
            notification = name,
            attempt,
            reason,
            "a notification was given up: list it with `pellucid notifications list`"
        ),
        Some(_) if pause::is_last(attempt, options.attempts) => tracing::warn!(
            notification = name,
            attempt,
            reason,
            "giving up on sending notification : max attempts exceeded"
        ),
        Some(pause) => tracing::warn!(
            notification = name,
            attempt,
            reason,
            pause_seconds = pause.as_secs(),
            "could not send notification"
        ),
    }
}

/// Time since the notification was made, as far as both clocks agree.
fn age(delivery: &Delivery) -> Duration {
    let now = jiff::Timestamp::now().as_second();
    Duration::from_secs(u64::try_from(now - delivery.created_at).unwrap_or(0))
}

enum Sent {
    Taken,
    Refused(Option<Duration>),
}

/// Whether the receiver is left alone.
#[derive(Default)]
struct Rest {
    failures: u32,
    until: Option<Instant>,
}

impl Rest {
    /// Failures in a row after which the receiver is taken to be down.
    const PATIENCE: u32 = 8;

    fn note(&mut self, sent: Sent) {
        let Sent::Refused(retry_after) = sent else {
            *self = Self::default();
            return;
        };
        self.failures = self.failures.saturating_add(1);
        let own = match self.failures.checked_sub(Self::PATIENCE) {
            Some(more) => Duration::from_secs(1 << more.min(6)).min(LONGEST_REST),
            None => Duration::ZERO,
        };
        let asked = retry_after.unwrap_or_default().min(LONGEST_REST);
        let until = Instant::now() + own.max(asked);
        self.until = Some(self.until.map_or(until, |other| other.max(until)));
    }

    fn is_over(&self) -> bool {
        self.left().is_none()
    }

    fn left(&self) -> Option<Duration> {
        let left = self.until?.saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(left)
    }
}
