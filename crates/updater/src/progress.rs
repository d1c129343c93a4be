//! What a caller may show while an update runs.

use std::time::Duration;

use crate::Outcome;

/// Told how an update goes. Called from several tasks at a time, often: be quick.
pub trait UpdateProgress: Sync {
    /// This many bytes of a file are here, of so many where the server says.
    fn downloading(&self, key: &str, file: &str, bytes: u64, total: Option<u64>) {
        let _ = (key, file, bytes, total);
    }

    /// A try failed and the next one is made after a pause.
    fn waiting(&self, key: &str, file: &str, reason: &str, pause: Duration) {
        let _ = (key, file, reason, pause);
    }

    /// Everything is here and is being read.
    fn reading(&self, key: &str) {
        let _ = key;
    }

    /// A snapshot key is done with, well or not.
    fn finished(&self, outcome: &Outcome) {
        let _ = outcome;
    }
}

/// Tells nobody.
impl UpdateProgress for () {}
