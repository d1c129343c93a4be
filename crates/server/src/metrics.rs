//! Counters and durations, as Prometheus text 0.0.4.
//!
//! Clair's names, labels and buckets are kept, so that its dashboards go on; what they cannot say is
//! under `pellucid_`. Labels are drawn from fixed lists: no name that a caller chose is ever one.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Upper bounds of Clair's histograms of milliseconds.
const MILLISECONDS: [f64; 10] = [
    9.375, 18.75, 37.5, 75.0, 150.0, 300.0, 600.0, 1200.0, 2400.0, 4800.0,
];

/// Everything that is counted.
#[derive(Debug, Default)]
pub struct Metrics {
    requests: Mutex<BTreeMap<(&'static str, u16), Histogram>>,
    /// Layers read to their end.
    pub layers_read: AtomicU64,
    /// Bytes of blobs read.
    pub layer_bytes: AtomicU64,
    /// Layers that could not be read, or were not supported.
    pub layers_failed: AtomicU64,
    /// Layers turned away because too many waited.
    pub layers_shed: AtomicU64,
    /// Fetches that the policy forbade.
    pub fetches_denied: AtomicU64,
    /// Answers taken from memory.
    pub answers_cached: AtomicU64,
    /// Answers made anew.
    pub answers_made: AtomicU64,
    /// Errors of the database, under Clair's name.
    pub database_errors: AtomicU64,
    /// Connections open now.
    pub connections: AtomicU64,
    /// Failed updates.
    pub updater_errors: AtomicU64,
    /// Seconds that the last update took.
    pub updater_seconds: AtomicU64,
    /// When an update last succeeded, in seconds since the epoch.
    pub updater_last_success: AtomicU64,
    /// Notifications that could not be delivered.
    pub notifier_errors: AtomicU64,
    notifier_latency: Mutex<Histogram>,
    feeds: Mutex<BTreeMap<String, FeedNumbers>>,
    /// Notifications that the receiver never got and still may.
    notifications_waiting: AtomicU64,
    /// When the oldest of them was made, in seconds since the epoch; 0 for none.
    notifications_oldest: AtomicU64,
    /// Notifications given up.
    notifications_dead: AtomicU64,
    /// Notifications that wait for an operator.
    notifications_held: AtomicU64,
}

/// What is known of a followed key. Keys are drawn from the table of feeds.
#[derive(Debug, Default)]
struct FeedNumbers {
    /// Of the snapshot in use; `None` without one.
    advisories: Option<u64>,
    /// When it was last found up to date, in seconds since the epoch.
    checked_at: Option<i64>,
    errors: u64,
}

#[derive(Debug, Default)]
struct Histogram {
    counts: [u64; MILLISECONDS.len()],
    count: u64,
    sum: f64,
}

impl Histogram {
    fn observe(&mut self, duration: Duration) {
        let milliseconds = duration.as_secs_f64() * 1000.0;
        self.count += 1;
        self.sum += milliseconds;
        for (count, bound) in self.counts.iter_mut().zip(MILLISECONDS) {
            if milliseconds <= bound {
                *count += 1;
            }
        }
    }

    fn write(&self, out: &mut String, name: &str, labels: &str) {
        let separator = if labels.is_empty() { "" } else { "," };
        for (count, bound) in self.counts.iter().zip(MILLISECONDS) {
            let _ = writeln!(
                out,
                "{name}_bucket{{{labels}{separator}le=\"{bound}\"}} {count}"
            );
        }
        let count = self.count;
        let _ = writeln!(
            out,
            "{name}_bucket{{{labels}{separator}le=\"+Inf\"}} {count}"
        );
        let braces = if labels.is_empty() {
            String::new()
        } else {
            format!("{{{labels}}}")
        };
        let _ = writeln!(out, "{name}_sum{braces} {}", self.sum);
        let _ = writeln!(out, "{name}_count{braces} {count}");
    }
}

/// Adds one.
pub(crate) fn add_one(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}

impl Metrics {
    /// Counts an answered request.
    pub(crate) fn request(&self, route: &'static str, status: u16, took: Duration) {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        requests.entry((route, status)).or_default().observe(took);
    }

    /// Counts a delivered notification, by the time since it was made.
    pub fn delivered(&self, latency: Duration) {
        let mut latencies = self
            .notifier_latency
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        latencies.observe(latency);
    }

    /// Counts an update of a key.
    pub(crate) fn updated(&self, key: &str, failed: bool, took: Duration) {
        self.updater_seconds.store(took.as_secs(), Relaxed);
        if failed {
            add_one(&self.updater_errors);
            let mut feeds = self.feeds.lock().unwrap_or_else(PoisonError::into_inner);
            feeds.entry(key.to_owned()).or_default().errors += 1;
        }
    }

    /// Notes what all replicas know of a key.
    pub(crate) fn feed(&self, key: &str, advisories: Option<u64>, checked_at: Option<i64>) {
        let mut feeds = self.feeds.lock().unwrap_or_else(PoisonError::into_inner);
        let feed = feeds.entry(key.to_owned()).or_default();
        feed.advisories = advisories;
        feed.checked_at = checked_at;
        if let Some(last) = checked_at.and_then(|at| u64::try_from(at).ok()) {
            self.updater_last_success.fetch_max(last, Relaxed);
        }
    }

    /// Notes how many notifications wait for an operator.
    pub(crate) fn held(&self, count: u64) {
        self.notifications_held.store(count, Relaxed);
    }

    /// Notes how far behind the receiver of notifications is.
    pub(crate) fn behind(&self, waiting: u64, oldest: Option<i64>, dead: u64) {
        let oldest = oldest.and_then(|at| u64::try_from(at).ok());
        self.notifications_waiting.store(waiting, Relaxed);
        self.notifications_oldest
            .store(oldest.unwrap_or(0), Relaxed);
        self.notifications_dead.store(dead, Relaxed);
    }

    /// The text of all of them.
    pub(crate) fn text(&self, auth_mode: &str) -> String {
        let mut out = String::with_capacity(8 << 10);
        let name = "clair_api_response_duration_milliseconds";
        head(
            &mut out,
            name,
            "histogram",
            "The duration of time it takes to receieve and write a response to an API request",
        );
        {
            let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
            for ((route, status), histogram) in requests.iter() {
                // Clair's route of the metrics never knew its status.
                let code = if *route == "v1/getMetrics" {
                    "???".to_owned()
                } else {
                    status.to_string()
                };
                histogram.write(
                    &mut out,
                    name,
                    &format!("code=\"{code}\",route=\"{route}\""),
                );
            }
        }
        let name = "clair_notifier_latency_milliseconds";
        head(
            &mut out,
            name,
            "histogram",
            "Time it takes to send a notification after it's been created.",
        );
        {
            let latency = self
                .notifier_latency
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            latency.write(&mut out, name, "");
        }
        self.simple(&mut out);
        self.feeds(&mut out);
        self.notifications(&mut out);
        head(
            &mut out,
            "pellucid_auth_mode",
            "gauge",
            "Who may do what: open, restricted or tokens.",
        );
        let _ = writeln!(out, "pellucid_auth_mode{{mode=\"{auth_mode}\"}} 1");
        head(
            &mut out,
            "pellucid_build_info",
            "gauge",
            "The version that runs.",
        );
        let version = env!("CARGO_PKG_VERSION");
        let _ = writeln!(out, "pellucid_build_info{{version=\"{version}\"}} 1");
        process(&mut out);
        out
    }

    fn feeds(&self, out: &mut String) {
        let feeds = self.feeds.lock().unwrap_or_else(PoisonError::into_inner);
        let now = now();
        // An alert on either must see a feed that has no data. Of data that came as a bundle nobody knows
        // until when it was up to date.
        let checked = |feed: &FeedNumbers| match feed.checked_at {
            Some(at) => u64::try_from(at).ok(),
            None => feed.advisories.is_none().then_some(0),
        };
        for (name, kind, help, value) in [
            (
                "pellucid_feed_advisories",
                "gauge",
                "Advisories of the snapshot in use.",
                &(|feed: &FeedNumbers| Some(feed.advisories.unwrap_or_default().to_string()))
                    as &dyn Fn(&FeedNumbers) -> Option<String>,
            ),
            (
                "pellucid_feed_last_success_timestamp_seconds",
                "gauge",
                "When a feed was last found up to date; 0 for never.",
                &|feed| checked(feed).map(|at| at.to_string()),
            ),
            (
                "pellucid_feed_age_seconds",
                "gauge",
                "Time since a feed was last found up to date; +Inf if it never was.",
                &|feed| {
                    checked(feed).map(|at| match at {
                        0 => "+Inf".to_owned(),
                        at => now.saturating_sub(at).to_string(),
                    })
                },
            ),
            (
                "pellucid_feed_errors_total",
                "counter",
                "Updates of a feed that failed in this process.",
                &|feed| Some(feed.errors.to_string()),
            ),
        ] {
            head(out, name, kind, help);
            for (key, feed) in feeds.iter() {
                if let Some(value) = value(feed) {
                    let _ = writeln!(out, "{name}{{feed=\"{key}\"}} {value}");
                }
            }
        }
    }

    fn notifications(&self, out: &mut String) {
        let oldest = self.notifications_oldest.load(Relaxed);
        let age = if oldest == 0 {
            0
        } else {
            now().saturating_sub(oldest)
        };
        for (name, help, value) in [
            (
                "pellucid_notifications_waiting",
                "Notifications that the receiver never got and still may.",
                self.notifications_waiting.load(Relaxed),
            ),
            (
                "pellucid_notification_oldest_seconds",
                "Age of the oldest notification that waits.",
                age,
            ),
            (
                "pellucid_notifications_dead",
                "Notifications given up.",
                self.notifications_dead.load(Relaxed),
            ),
            (
                "pellucid_notifications_held",
                "Notifications of too large updates, which wait for an operator.",
                self.notifications_held.load(Relaxed),
            ),
        ] {
            head(out, name, "gauge", help);
            let _ = writeln!(out, "{name} {value}");
        }
    }

    fn simple(&self, out: &mut String) {
        let counters: [(&str, &str, &str, &AtomicU64); 14] = [
            (
                "clair_pgsql_concurrent_lock_vafv_total",
                "gauge",
                "Number of transactions trying to hold the exclusive Vulnerability_Affects_FeatureVersion lock.",
                &AtomicU64::new(0),
            ),
            (
                "clair_pgsql_errors_total{request=\"store\"}",
                "counter",
                "Number of errors that PostgreSQL requests generated.",
                &self.database_errors,
            ),
            (
                "clair_notifier_backend_errors_total{backend=\"webhook\"}",
                "counter",
                "Number of errors that notifier backends generated.",
                &self.notifier_errors,
            ),
            (
                "clair_updater_duration_seconds",
                "gauge",
                "Time it takes to update the vulnerability database.",
                &self.updater_seconds,
            ),
            (
                "clair_updater_errors_total",
                "counter",
                "Numbers of errors that the updater generated.",
                &self.updater_errors,
            ),
            (
                "clair_updater_notes_total",
                "gauge",
                "Number of notes that the vulnerability fetchers generated.",
                &AtomicU64::new(0),
            ),
            (
                "pellucid_updater_last_success_timestamp_seconds",
                "gauge",
                "When an update last succeeded.",
                &self.updater_last_success,
            ),
            (
                "pellucid_layers_read_total",
                "counter",
                "Layers read to their end.",
                &self.layers_read,
            ),
            (
                "pellucid_layer_bytes_total",
                "counter",
                "Bytes of layers read.",
                &self.layer_bytes,
            ),
            (
                "pellucid_layers_rejected_total{reason=\"unreadable\"}",
                "counter",
                "Layers that were not stored.",
                &self.layers_failed,
            ),
            (
                "pellucid_layers_rejected_total{reason=\"queue\"}",
                "",
                "",
                &self.layers_shed,
            ),
            (
                "pellucid_fetches_denied_total",
                "counter",
                "Layer paths that the policy forbids.",
                &self.fetches_denied,
            ),
            (
                "pellucid_answers_total{from=\"memory\"}",
                "counter",
                "Answers about layers.",
                &self.answers_cached,
            ),
            (
                "pellucid_answers_total{from=\"match\"}",
                "",
                "",
                &self.answers_made,
            ),
        ];
        for (name, kind, help, value) in counters {
            if !kind.is_empty() {
                head(out, name.split('{').next().unwrap_or(name), kind, help);
            }
            let _ = writeln!(out, "{name} {}", value.load(Relaxed));
        }
        head(
            out,
            "pellucid_connections",
            "gauge",
            "Connections open now.",
        );
        let _ = writeln!(
            out,
            "pellucid_connections {}",
            self.connections.load(Relaxed)
        );
    }
}

/// Seconds since the epoch.
fn now() -> u64 {
    u64::try_from(jiff::Timestamp::now().as_second()).unwrap_or(0)
}

fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

/// What the system knows of this process.
fn process(out: &mut String) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kibibytes = |key: &str| {
        status
            .lines()
            .find_map(|line| line.strip_prefix(key))
            .and_then(|rest| rest.split_whitespace().next())
            .and_then(|number| number.parse::<u64>().ok())
    };
    if let Some(resident) = kibibytes("VmRSS:") {
        let name = "process_resident_memory_bytes";
        head(out, name, "gauge", "Resident memory size in bytes.");
        let _ = writeln!(out, "{name} {}", resident * 1024);
    }
    if let Ok(files) = std::fs::read_dir("/proc/self/fd") {
        let name = "process_open_fds";
        head(out, name, "gauge", "Number of open file descriptors.");
        let _ = writeln!(out, "{name} {}", files.count());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feed_without_data_is_infinitely_old() {
        let metrics = Metrics::default();
        metrics.feed("alpine", None, None);
        metrics.feed("debian", Some(7), Some(now().cast_signed() - 100));
        metrics.feed("osv", Some(5), None);
        let text = metrics.text("open");
        for line in [
            "pellucid_feed_advisories{feed=\"alpine\"} 0",
            "pellucid_feed_last_success_timestamp_seconds{feed=\"alpine\"} 0",
            "pellucid_feed_age_seconds{feed=\"alpine\"} +Inf",
            "pellucid_feed_age_seconds{feed=\"debian\"} 10",
            "pellucid_feed_advisories{feed=\"osv\"} 5",
        ] {
            assert!(
                text.lines().any(|it| it.starts_with(line)),
                "{line}\n{text}"
            );
        }
        assert!(
            !text.contains("pellucid_feed_age_seconds{feed=\"osv\"}"),
            "{text}"
        );
    }

    #[test]
    fn durations_fall_into_clairs_buckets() {
        let metrics = Metrics::default();
        metrics.request("v1/getLayer", 200, Duration::from_millis(20));
        metrics.request("v1/getMetrics", 200, Duration::from_millis(1));
        let text = metrics.text("open");
        for line in [
            "clair_api_response_duration_milliseconds_bucket{code=\"200\",route=\"v1/getLayer\",le=\"18.75\"} 0",
            "clair_api_response_duration_milliseconds_bucket{code=\"200\",route=\"v1/getLayer\",le=\"37.5\"} 1",
            "clair_api_response_duration_milliseconds_bucket{code=\"200\",route=\"v1/getLayer\",le=\"+Inf\"} 1",
            "clair_api_response_duration_milliseconds_count{code=\"???\",route=\"v1/getMetrics\"} 1",
        ] {
            assert!(text.lines().any(|it| it == line), "{line}\n{text}");
        }
    }
}
