//! What is told on standard error beside errors: warnings, with `-v` each step, with `-q` nothing.

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::args::Talk;

/// Starts logging for the whole process. No environment variable changes it.
pub(crate) fn start(talk: &Talk) {
    let level = match (talk.quiet, talk.verbose) {
        (true, _) => LevelFilter::ERROR,
        (false, 0) => LevelFilter::WARN,
        (false, 1) => LevelFilter::INFO,
        (false, 2) => LevelFilter::DEBUG,
        (false, _) => LevelFilter::TRACE,
    };
    let mut targets = Targets::new().with_default(level);
    if talk.verbose == 0 {
        // A feed that fails is told by the command that asked for it, in its report or as an error.
        targets = targets.with_target("pellucid_updater", LevelFilter::OFF);
    }
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_target(false)
        .without_time();
    let subscriber = tracing_subscriber::registry().with(lines).with(targets);
    let started = tracing::subscriber::set_global_default(subscriber);
    debug_assert!(started.is_ok(), "logging starts once");
}
