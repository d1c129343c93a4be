//! `pellucid analyze-local-images`, also under that name alone: Clair 1.2's client.
//!
//! Flags, messages, report and statuses are the real client's, oddities included; scripts read
//! them. An error ends with 1, not with what other commands end with. Beyond it: layers of all
//! layouts that `docker save` and `podman save` write, podman where there is no docker, and a line of
//! the log where our service has no advisory data.
//! Deliberately absent: a gate by severity, and any flag that the real client's help does not list.

mod client;
pub(crate) mod flags;
mod layer_server;
mod report;
mod saved;
mod wrap;

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use self::client::{Client, Layer};
use self::flags::{Asked, Flags};

/// The name that the binary is called by, or the command.
pub(crate) const NAME: &str = "analyze-local-images";
/// How the shell says that somebody interrupted.
const INTERRUPTED: u8 = 130;

/// Set once somebody interrupted: what fails then is no news.
static IS_INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// The arguments, if the command line asks for this client.
pub(crate) fn asked(args: &[OsString]) -> Option<&[OsString]> {
    let (program, rest) = args.split_first()?;
    if Path::new(program)
        .file_name()
        .is_some_and(|name| name == NAME)
    {
        return Some(rest);
    }
    rest.split_first()
        .filter(|(command, _)| *command == NAME)
        .map(|(_, rest)| rest)
}

/// Analyses one image of the local container engine.
pub(crate) fn run(args: &[OsString]) -> ExitCode {
    let flags = match flags::parse(args) {
        Ok(Asked::Analyse(flags)) => flags,
        Ok(Asked::Help) => {
            talk(flags::USAGE);
            return ExitCode::SUCCESS;
        }
        Err(wrong) => {
            talk(&format!("{}{}", wrong.message, flags::USAGE));
            return ExitCode::from(wrong.status);
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            log(&format!("Could not start: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let status = runtime.block_on(async {
        tokio::select! {
            analysed = tokio::spawn(async move { analyse(&flags).await }) => match analysed {
                Ok(Ok(())) => 0,
                Ok(Err(error)) => {
                    log(&error);
                    1
                }
                Err(_) => 1,
            },
            _ = tokio::signal::ctrl_c() => {
                IS_INTERRUPTED.store(true, Ordering::Relaxed);
                INTERRUPTED
            }
        }
    });
    // A command that still saves would be waited for otherwise; its folder goes with the task.
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    ExitCode::from(status)
}

async fn analyse(flags: &Flags) -> Result<(), String> {
    let folder = tempfile::Builder::new()
        .prefix("analyze-local-image-")
        .tempdir()
        .map_err(|error| format!("Could not create temporary folder: {error}"))?;
    log(&format!(
        "Saving {} to local disk (this may take some time)",
        flags.image
    ));
    let (image, into) = (flags.image.clone(), folder.path().to_owned());
    let layers = tokio::task::spawn_blocking(move || {
        let saved = saved::save(&image, &into)?;
        log("Retrieving image history");
        saved.layers(&image)
    });
    let layers = layers.await.map_err(|error| error.to_string())??;
    let client = Client::new(&flags.endpoint)?;
    let is_local = ["127.0.0.1", "localhost"]
        .iter()
        .any(|name| flags.endpoint.contains(name));
    // Dropping it stops it: it has to outlast the analysis.
    let mut server = None;
    let base = if is_local {
        folder.path().display().to_string()
    } else {
        let host = client::host(&flags.endpoint);
        log(&format!("Setting up HTTP server (allowing: {host})"));
        let files = layers.iter().map(|layer| layer.path.clone()).collect();
        server = Some(layer_server::LayerServer::start(
            folder.path(),
            files,
            host,
        )?);
        format!("http://{}:{}", flags.my_address, layer_server::PORT)
    };
    log(&format!("Analyzing {} layers... ", layers.len()));
    let mut parent = "";
    for layer in &layers {
        log(&format!("Analyzing {}", layer.name));
        let path = format!("{base}/{}", layer.path);
        client
            .post_layer(&Layer::docker(&layer.name, &path, parent))
            .await
            .map_err(|error| format!("Could not analyze layer: {error}"))?;
        parent = &layer.name;
    }
    log("Retrieving image's vulnerabilities");
    let found = client
        .features(parent)
        .await
        .map_err(|error| format!("Could not get layer information: {error}"))?;
    drop(server);
    if let Some(namespace) = &found.not_covered {
        // The report has Clair's words, which call an empty list a success.
        log(&format!(
            "No advisory data for {namespace}: its vulnerabilities are not known"
        ));
    }
    let text = report::text(flags, &found.features, jiff::Timestamp::now());
    // A reader that closed early has what it wanted.
    let _ = io::stdout().lock().write_all(text.as_bytes());
    Ok(())
}

/// Reads a server's answer and makes a report of it, for `crate::hostile`.
///
/// # Panics
/// When the report would steer a terminal.
pub(crate) fn hostile_answer(answer: &[u8]) {
    let Ok(features) = client::features(answer) else {
        return;
    };
    let flags = Flags {
        endpoint: String::new(),
        my_address: String::new(),
        minimum: report::Severity::Unknown,
        color: flags::Color::Never,
        image: "a:1".to_owned(),
    };
    let text = report::text(&flags, &features, jiff::Timestamp::UNIX_EPOCH);
    let steers = |letter: char| letter.is_control() && letter != '\n' && letter != '\t';
    assert!(!text.contains(steers), "{text:?}");
}

/// Reads what the engine saved, for `crate::hostile`.
pub(crate) fn hostile_image(archive: &[u8]) {
    saved::hostile(archive);
}

/// Reads a request for a layer, for `crate::hostile`.
pub(crate) fn hostile_request(request: &[u8]) {
    layer_server::hostile(request);
}

/// A line of the log: time to the microsecond, level, text.
fn log(message: &str) {
    if IS_INTERRUPTED.load(Ordering::Relaxed) {
        return;
    }
    let now = jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M:%S%.6f");
    let message = report::printable(message.strip_suffix('\n').unwrap_or(message));
    talk(&format!("{now} I | {message}\n"));
}

fn talk(text: &str) {
    // Nobody is left to tell if standard error is gone.
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_or_the_command_asks_for_it() {
        let is_asked = |line: &str| {
            let args: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            asked(&args).map(<[OsString]>::len)
        };
        assert_eq!(
            is_asked("/usr/bin/analyze-local-images -color never x"),
            Some(3)
        );
        assert_eq!(is_asked("pellucid analyze-local-images x"), Some(1));
        assert_eq!(is_asked("pellucid scan analyze-local-images"), None);
        assert_eq!(is_asked("pellucid"), None);
    }
}
