//! `pellucid serve`: the service. Its flags are written as Clair 2.x's are, with one dash or two.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use pellucid_server::{Config, ConfigError, JsonLines, Options, ServeError, Server, Stop};
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::advice;
use crate::args::{ServeArgs, Talk};
use crate::exit::{Exit, Usage};

/// Where Clair looks for its configuration.
const CLAIR: &str = "/etc/clair/config.yaml";
/// Time that work on other threads gets to end by itself.
const GRACE: Duration = Duration::from_secs(1);
/// Milliseconds until the allocator gives freed memory back.
const PURGE_DELAY: &str = "MIMALLOC_PURGE_DELAY";
/// Flags that Clair's users write with one dash.
const FLAGS: [&str; 4] = ["-config", "-cpu-profile", "-insecure-tls", "-log-level"];

/// Gives Go's one-dash flags of `serve`, `config` and `notifications` their second dash.
pub(crate) fn go_flags(args: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut is_ours = false;
    args.enumerate()
        .map(|(index, arg)| {
            let Some(text) = arg.to_str() else {
                return arg;
            };
            is_ours |= index > 0 && matches!(text, "serve" | "config" | "notifications");
            let name = text.split('=').next().unwrap_or(text);
            if is_ours && FLAGS.contains(&name) {
                format!("-{text}").into()
            } else {
                arg
            }
        })
        .collect()
}

/// Starts logging: JSON lines on standard output, as Clair's. `-q` and `-v` mean what they mean elsewhere,
/// and are stronger than the level's name.
pub(crate) fn start_logging(args: &ServeArgs, talk: &Talk) {
    let level = wanted(&args.log_level, talk);
    // Libraries below tell more than anybody running a server wants.
    let quiet = tracing_subscriber::filter::Targets::new()
        .with_default(level)
        .with_targets(
            [
                "hyper",
                "hyper_util",
                "reqwest",
                "rustls",
                "tokio_postgres",
                "h2",
            ]
            .map(|library| (library, level.min(LevelFilter::WARN))),
        );
    let subscriber = tracing_subscriber::registry().with(JsonLines.with_filter(quiet));
    let started = tracing::subscriber::set_global_default(subscriber);
    debug_assert!(started.is_ok(), "logging starts once");
}

fn wanted(name: &str, talk: &Talk) -> LevelFilter {
    match (talk.quiet, talk.verbose) {
        (true, _) => LevelFilter::ERROR,
        (false, 0) => level(name).unwrap_or(LevelFilter::INFO),
        (false, 1) => LevelFilter::DEBUG,
        (false, _) => LevelFilter::TRACE,
    }
}

/// The level of that name. An unknown one was no error to Clair, whose deployments may carry it.
fn level(name: &str) -> Option<LevelFilter> {
    Some(match name.to_ascii_lowercase().as_str() {
        "trace" => LevelFilter::TRACE,
        "debug" => LevelFilter::DEBUG,
        "info" => LevelFilter::INFO,
        "warn" | "warning" => LevelFilter::WARN,
        "error" | "fatal" | "panic" => LevelFilter::ERROR,
        _ => return None,
    })
}

/// Has the allocator give memory back as soon as it is free, so that a server does not keep what a
/// thousand clients once needed. The allocator takes this from the environment, and only when a process
/// begins; so the process begins again, as the same one. Where it cannot, it takes more memory and serves
/// as well.
fn give_memory_back() {
    if std::env::var_os(PURGE_DELAY).is_some() {
        return;
    }
    let mut args = std::env::args_os();
    let name = args.next().unwrap_or_else(|| "pellucid".into());
    let mut again = std::process::Command::new("/proc/self/exe");
    let error = again.arg0(name).args(args).env(PURGE_DELAY, "0").exec();
    tracing::warn!(%error, "freed memory is given back late: the process could not begin again");
}

/// Serves until a signal asks for an end; a second one ends at once.
pub(crate) fn run(args: &ServeArgs) -> anyhow::Result<Exit> {
    give_memory_back();
    if args.cpu_profile.is_some() {
        tracing::warn!("-cpu-profile has no effect");
    }
    if level(&args.log_level).is_none() {
        tracing::warn!("-log-level {:?} is no level: it is info", args.log_level);
    }
    // Pages of 2 MiB, half of them empty, doubled what a server keeps resident; it may not work
    // everywhere, and then costs memory alone.
    let _ = nix::sys::prctl::set_thp_disable(true);
    let config = config(args.config.as_deref())?;
    let mut options = Options::default();
    options.data_dir = advice::data_dir(&args.store)?;
    if let (Some(said), Some(own)) = (&args.store.data_dir, &config.data_dir)
        && said != own
    {
        tracing::warn!(
            "the data directory is {}, as data_dir of the configuration says; {} is not used",
            own.display(),
            said.display()
        );
    }
    options.insecure_tls = args.insecure_tls;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let served = runtime.block_on(async {
        let stop = Stop::new();
        tokio::spawn(signals(stop.clone()));
        let server = match Server::start(&config, options, stop).await {
            Ok(server) => server,
            Err(ServeError::Config(error)) => return Err(usage(error)),
            Err(error) => return Err(error.into()),
        };
        server.ended().await?;
        Ok(Exit::Clean)
    });
    // A feed that is being read now is read again at the next start.
    runtime.shutdown_timeout(GRACE);
    served
}

/// The configuration that a flag names; none where it is empty, Clair's where it is absent and that
/// is there.
pub(crate) fn config(path: Option<&str>) -> anyhow::Result<Config> {
    let path = match path {
        Some("") => return Ok(Config::default()),
        Some(path) => path,
        None if Path::new(CLAIR).exists() => CLAIR,
        None => return Ok(Config::default()),
    };
    Config::read(path, |name| std::env::var(name).ok()).map_err(usage)
}

/// A configuration that cannot be used.
pub(super) fn usage(error: ConfigError) -> anyhow::Error {
    Usage(format!("failed to load configuration: {error}")).into()
}

async fn signals(stop: Stop) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
    ) else {
        tracing::error!("signals cannot be waited for");
        return;
    };
    for is_first in [true, false] {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        if is_first {
            stop.ask();
        }
    }
    std::process::exit(1);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quiet_and_verbose_are_levels_of_the_log() {
        let wanted = |name, quiet, verbose| wanted(name, &Talk { quiet, verbose });
        assert_eq!(wanted("warning", false, 0), LevelFilter::WARN);
        assert_eq!(wanted("notice", false, 0), LevelFilter::INFO);
        assert_eq!(wanted("info", true, 0), LevelFilter::ERROR);
        assert_eq!(wanted("error", false, 1), LevelFilter::DEBUG);
        assert_eq!(wanted("info", false, 2), LevelFilter::TRACE);
    }

    #[test]
    fn one_dash_is_as_good_as_two() {
        let args = |line: &str| {
            let args = go_flags(line.split(' ').map(OsString::from));
            args.join(" ".as_ref()).into_string().unwrap()
        };
        assert_eq!(
            args("pellucid serve -config=/x -log-level debug --insecure-tls -v"),
            "pellucid serve --config=/x --log-level debug --insecure-tls -v"
        );
        assert_eq!(
            args("pellucid config check -config /x"),
            "pellucid config check --config /x"
        );
        assert_eq!(args("pellucid scan -config"), "pellucid scan -config");
    }
}
