//! Updates snapshots from the command line: `update [--mirror URL|DIR] [--as-of DATE] [--offline]
//! --data-dir DIR FEED…`. Says how long each took and the process's largest resident size.

#![expect(clippy::print_stdout, reason = "it is what the example is for")]

use std::process::ExitCode;

use pellucid_snapshot::Catalog;
use pellucid_updater::{FetchOptions, update};

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(3),
        Err(what) => {
            println!("error: {what}");
            ExitCode::from(2)
        }
    }
}

async fn run() -> Result<bool, String> {
    let mut options = FetchOptions::default();
    let (mut directory, mut keys) = (None, Vec::new());
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} wants a value"));
        match argument.as_str() {
            "--mirror" => options.mirror = Some(value()?),
            "--as-of" => options.as_of = Some(value()?),
            "--data-dir" => directory = Some(value()?),
            "--offline" => options.offline = true,
            word => keys.extend(pellucid_feeds::keys(word).map_err(|error| error.to_string())?),
        }
    }
    let directory = directory.ok_or("--data-dir is missing")?;
    let catalog = Catalog::open(directory).map_err(|error| error.to_string())?;
    let mut good = true;
    for outcome in update(&keys, &catalog, &options, &()).await {
        let result = match &outcome.result {
            Ok(updated) => format!("{updated:?}"),
            Err(error) => {
                good = false;
                format!("not updated: {}", error.chain())
            }
        };
        println!(
            "{:<14} {:>7.1} ms {:>11} bytes  {} bad, {} left out  {result}",
            outcome.key,
            outcome.took.as_secs_f64() * 1000.0,
            outcome.downloaded,
            outcome.bad_records.count,
            outcome.left_out,
        );
    }
    if let Ok(status) = std::fs::read_to_string("/proc/self/status") {
        status
            .lines()
            .filter(|line| line.starts_with("VmHWM"))
            .for_each(|line| println!("{line}"));
    }
    Ok(good)
}
