//! What replicas tell each other about a followed key, beside the snapshot itself.

use pellucid_snapshot::{FeedStatus, Stored};
use serde::{Deserialize, Serialize};

/// By how much a time may lie ahead of the clock, in seconds: replicas' databases after a failover.
const SLACK: i64 = 60;
/// The largest part of its pause by which an update is put off at random.
const JITTER: f64 = 0.05;

/// The state of a key in the database. Times are the database's.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct KeyState {
    /// The published snapshot, as the catalog of whoever made it describes it.
    pub(crate) stored: Option<Stored>,
    /// How the last update went, and what the feed remembers of its URLs.
    pub(crate) status: FeedStatus,
    /// When it is to be updated.
    pub(crate) next_at: i64,
    /// When an update was last tried.
    pub(crate) tried_at: Option<i64>,
    /// When an update last succeeded, whether or not there was anything new.
    pub(crate) checked_at: Option<i64>,
    /// Failed updates since.
    pub(crate) failures: u32,
}

impl KeyState {
    /// Reads it; what cannot be read, of another release perhaps, is as if nothing were known.
    pub(crate) fn read(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_default()
    }

    pub(crate) fn write(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Notes an update that ended now; the next is due after `interval`, or sooner if it failed:
    /// a minute, doubled with each failure, as by Clair. `random` is from 0 to 1.
    pub(crate) fn ended(&mut self, now: i64, failed: bool, interval: u64, random: f64) {
        self.tried_at = Some(now);
        let pause = if failed {
            self.failures = self.failures.saturating_add(1);
            interval.min(60 << (self.failures - 1).min(16))
        } else {
            self.checked_at = Some(now);
            self.failures = 0;
            interval
        };
        // Replicas and feeds spread out by themselves.
        let jitter = pause as f64 * JITTER * random;
        let pause = i64::try_from(pause).unwrap_or(i64::from(u32::MAX));
        self.next_at = now
            .saturating_add(pause.max(1))
            .saturating_add(jitter as i64);
    }

    /// When it is to be updated, seen from now. What was written while the clock was ahead is not believed:
    /// a time that lies further away than an interval, or after a try that is still to come.
    pub(crate) fn due_at(&self, now: i64, interval: u64) -> i64 {
        let longest = (interval as f64 * (1.0 + JITTER)) as i64;
        let is_beyond = self.next_at > now.saturating_add(longest).saturating_add(SLACK);
        match is_beyond || self.tried_at.is_some_and(|at| is_ahead(at, now)) {
            true => 0,
            false => self.next_at,
        }
    }

    /// When it was last found up to date; `None` also where that lies ahead of the clock.
    pub(crate) fn checked(&self, now: i64) -> Option<i64> {
        self.checked_at.filter(|at| !is_ahead(*at, now))
    }
}

/// Whether a time that was written as the present lies ahead of the clock.
fn is_ahead(at: i64, now: i64) -> bool {
    at > now.saturating_add(SLACK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_clock_that_was_ahead_wrote_is_not_believed() {
        let year = 365 * 24 * 3600;
        let mut state = KeyState::default();
        assert_eq!(state.due_at(1000, 3600), 0);
        state.ended(1000, false, 3600, 1.0);
        assert_eq!(state.due_at(1000, 3600), 1000 + 3600 + 180);
        // Databases differ a little.
        assert_eq!(state.due_at(940, 3600), 1000 + 3600 + 180);
        assert_eq!(state.checked(940), Some(1000));

        let mut ahead = state.clone();
        ahead.ended(1000 + year, false, 3600, 1.0);
        assert_eq!(ahead.due_at(1000, 3600), 0);
        assert_eq!(ahead.checked(1000), None);
        // Tried again soon after, as failures are.
        ahead.ended(1000 + year, true, 3600, 0.0);
        assert_eq!(ahead.due_at(1000, 3600), 0);
        // The interval was shortened.
        assert_eq!(state.due_at(1000, 600), 0);
    }

    #[test]
    fn failures_are_tried_again_sooner_and_sooner_less_often() {
        let mut state = KeyState::default();
        let mut pauses = Vec::new();
        for _ in 0..8 {
            state.ended(1000, true, 3600, 0.0);
            pauses.push(state.next_at - 1000);
        }
        assert_eq!(pauses, [60, 120, 240, 480, 960, 1920, 3600, 3600]);
        assert_eq!((state.failures, state.checked_at), (8, None));
        state.ended(2000, false, 3600, 1.0);
        assert_eq!((state.failures, state.checked_at), (0, Some(2000)));
        assert_eq!(state.next_at, 2000 + 3600 + 180);
        assert_eq!(KeyState::read(&state.write()), state);
        assert_eq!(KeyState::read("no state"), KeyState::default());
    }
}
