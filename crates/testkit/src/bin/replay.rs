//! Replays a recorded folder of requests and responses against any server of Clair's API v1.
//!
//! The server must be able to read the folder's layers by path, and its database must be empty.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use pellucid_testkit::golden::Transcript;
use pellucid_testkit::replay::{Permitted, Stage, Surroundings, Target, replay};

const USAGE: &str = "\
usage: replay DIR --server URL [options]

  --health URL          where the health server is; without it its pairs are skipped
  --permitted FILE      table of permitted differences; pellucid's own if absent
  --strict              permit no difference (a Clair against its own recording)
  --notifications CMD   shell command that prints the names of all notifications, oldest first,
                        for example: psql -Atc 'select name from vulnerability_notification order by id'
  --stage CMD           shell command that is given webhook, database-down, database-up or timeout
                        as $1, brings it about and waits until the server is ready for it; if it
                        fails, the pairs of that stage are skipped
  --engine-note TEXT    printed with the result

Ends with 0 if nothing is wrong, 1 if something is, 2 if it could not run.
";

struct Options {
    folder: PathBuf,
    target: Target,
    permitted: Permitted,
    note: Option<String>,
    commands: Commands,
}

struct Commands {
    target: Target,
    notifications: Option<String>,
    stage: Option<String>,
}

impl Surroundings for Commands {
    fn notifications(&mut self) -> Result<Vec<String>, String> {
        let command = self
            .notifications
            .as_ref()
            .ok_or("no --notifications command")?;
        let output = Command::new("sh")
            .args(["-c", command])
            .output()
            .map_err(|error| error.to_string())?;
        if !output.status.success() {
            return Err(format!(
                "--notifications: {}",
                String::from_utf8_lossy(&output.stderr).trim()
            ));
        }
        let names = String::from_utf8_lossy(&output.stdout);
        Ok(names.split_whitespace().map(str::to_owned).collect())
    }

    fn enter(&mut self, stage: Stage) -> Result<Target, String> {
        let name = stage.name();
        let command = self
            .stage
            .as_ref()
            .ok_or(format!("no --stage command for {name}"))?;
        let status = Command::new("sh")
            .args(["-c", command, "stage", name])
            .status()
            .map_err(|error| error.to_string())?;
        if status.success() {
            Ok(self.target.clone())
        } else {
            Err(format!("the --stage command declines {name}"))
        }
    }
}

fn main() -> ExitCode {
    let ended = options(std::env::args().skip(1))
        .and_then(|options| run(options).map_err(|error| format!("replay: {error}\n")));
    match ended {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // Nobody is left to tell if standard error is gone.
            let _ = io::stderr().write_all(error.as_bytes());
            ExitCode::from(2)
        }
    }
}

fn run(mut options: Options) -> Result<bool, String> {
    let transcript = Transcript::read(&options.folder)?;
    let outcomes = replay(
        &transcript,
        options.target,
        &options.permitted,
        &mut options.commands,
    )?;
    let note = options
        .note
        .map(|note| format!(" ({note})"))
        .unwrap_or_default();
    // A reader that closed early has seen what it wanted.
    let _ = writeln!(io::stdout(), "{outcomes}{note}");
    Ok(outcomes.wrong() == 0)
}

fn options(mut args: impl Iterator<Item = String>) -> Result<Options, String> {
    let (mut folder, mut server, mut health, mut note) = (None, None, None, None);
    let (mut notifications, mut stage) = (None, None);
    let mut permitted = Permitted::pellucid();
    while let Some(arg) = args.next() {
        let mut value = || {
            args.next()
                .ok_or(format!("replay: {arg} needs a value\n{USAGE}"))
        };
        match arg.as_str() {
            "--server" => server = Some(authority(&value()?)?),
            "--health" => health = Some(authority(&value()?)?),
            "--engine-note" => note = Some(value()?),
            "--notifications" => notifications = Some(value()?),
            "--stage" => stage = Some(value()?),
            "--strict" => permitted = Permitted::default(),
            "--permitted" => {
                let file = value()?;
                let text = std::fs::read_to_string(&file);
                permitted = text
                    .map_err(|error| error.to_string())
                    .and_then(|text| Permitted::parse(&text))
                    .map_err(|error| format!("replay: {file}: {error}\n"))?;
            }
            _ if folder.is_none() && !arg.starts_with('-') => folder = Some(PathBuf::from(arg)),
            _ => return Err(USAGE.to_owned()),
        }
    }
    let (Some(folder), Some(api)) = (folder, server) else {
        return Err(USAGE.to_owned());
    };
    let target = Target { api, health };
    Ok(Options {
        folder,
        permitted,
        note,
        commands: Commands {
            target: target.clone(),
            notifications,
            stage,
        },
        target,
    })
}

/// Host and port of a plain URL.
fn authority(url: &str) -> Result<String, String> {
    let authority = url
        .strip_prefix("http://")
        .map(|rest| rest.trim_end_matches('/'));
    match authority {
        Some(authority) if !authority.contains('/') => Ok(if authority.contains(':') {
            authority.to_owned()
        } else {
            format!("{authority}:80")
        }),
        _ => Err(format!("replay: {url}: write http://HOST:PORT\n")),
    }
}
