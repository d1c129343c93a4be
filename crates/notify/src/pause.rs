//! How long a delivery waits after it failed.
//!
//! Clair's way: one second, doubled with each try, up to `attempts` tries; then it rests and begins
//! anew. Every pause is shortened at random by up to a half, so that many do not come back at once.

use std::time::Duration;

/// The longest pause, and the rest between rounds.
const LONGEST: Duration = Duration::from_secs(15 * 60);

/// The pause after this try, the first being 1. `random` is from 0 to 1.
pub(crate) fn after(attempt: u32, attempts: u32, random: f64) -> Duration {
    let attempts = attempts.max(1);
    let place = attempt.saturating_sub(1) % attempts;
    let whole = if is_last(attempt, attempts) {
        LONGEST
    } else {
        Duration::from_secs(1 << place.min(20)).min(LONGEST)
    };
    whole.mul_f64(1.0 - random.clamp(0.0, 1.0) / 2.0)
}

/// Whether a round ends with this try.
pub(crate) fn is_last(attempt: u32, attempts: u32) -> bool {
    attempt.is_multiple_of(attempts.max(1))
}

/// A number from 0 to 1.
pub(crate) fn random() -> f64 {
    let mut bytes = [0; 4];
    // Without random numbers the pauses are whole.
    match getrandom::fill(&mut bytes) {
        Ok(()) => f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX),
        Err(_) => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_and_rest_between_rounds() {
        let seconds: Vec<u64> = (1..=8)
            .map(|attempt| after(attempt, 4, 0.0).as_secs())
            .collect();
        assert_eq!(seconds, [1, 2, 4, 900, 1, 2, 4, 900]);
        assert_eq!(after(40, 1000, 0.0), LONGEST);
        assert_eq!(after(3, 5, 1.0), Duration::from_secs(2));
        assert_eq!(after(u32::MAX, 0, 0.5).as_secs(), 675);
        assert!((0.0..=1.0).contains(&random()));
    }
}
