//! What is told on standard error beside errors: warnings, with `-v` each step, with `-q` nothing.

use tracing::Level;

use crate::args::Talk;

/// Starts logging for the whole process. No environment variable changes it.
pub(crate) fn start(talk: &Talk) {
    let level = match (talk.quiet, talk.verbose) {
        (true, _) => Level::ERROR,
        (false, 0) => Level::WARN,
        (false, 1) => Level::INFO,
        (false, 2) => Level::DEBUG,
        (false, _) => Level::TRACE,
    };
    let started = tracing::subscriber::set_global_default(
        tracing_subscriber::fmt()
            .with_max_level(level)
            .with_writer(std::io::stderr)
            .with_ansi(false)
            .with_target(false)
            .without_time()
            .finish(),
    );
    debug_assert!(started.is_ok(), "logging starts once");
}
