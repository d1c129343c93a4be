//! The `pellucid` command.
//!
//! Place in the flow: the rightmost room, the only one that knows the command line, the environment,
//! the terminal and what day it is. Standard output is data, standard error is talk. How each
//! command ends is `exit::Exit`.

mod advice;
mod args;
mod bare;
mod bases;
mod bill;
mod commands;
mod confined;
mod exit;
mod hints;
pub mod hostile;
mod limits;
mod logging;
mod memory;
mod output;
mod outputs;
mod progress;
mod rules;
mod sources;
mod units;

use std::ffi::OsString;
use std::process::ExitCode;

use crate::args::{Args, Command};
use crate::exit::{Exit, Usage};

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().collect();
    if let Some(args) = commands::analyze_local_images::asked(&args) {
        return commands::analyze_local_images::run(args);
    }
    if commands::version::asked(&args) {
        let printed = commands::version::run();
        return if printed.is_ok() {
            Exit::Clean
        } else {
            Exit::Failed
        }
        .into();
    }
    let args = args::parse(bare::scan(commands::serve::go_flags(args.into_iter())));
    match &args.command {
        Command::Serve(serve) => commands::serve::start_logging(serve, &args.talk),
        _ => logging::start(&args.talk),
    }
    match run(&args) {
        Ok(exit) => exit,
        Err(error) => {
            hints::print(&error);
            Exit::of(&error)
        }
    }
    .into()
}

fn run(args: &Args) -> anyhow::Result<Exit> {
    match &args.command {
        Command::Scan(scan) => commands::scan::run(scan, &args.talk),
        Command::Packages(packages) => commands::packages::run(packages, &args.talk),
        Command::Convert(convert) => commands::convert::run(convert),
        Command::Diff(diff) => commands::diff::run(diff, &args.talk),
        Command::Explain(explain) => commands::explain::run(explain, &args.talk),
        Command::Db(command) => commands::db::run(command, &args.talk),
        Command::Serve(serve) => commands::serve::run(serve),
        Command::Config(config) => commands::config::run(config),
        Command::Notifications(command) => commands::notifications::run(command),
        Command::Healthcheck(healthcheck) => commands::healthcheck::run(healthcheck),
        Command::Completions(completions) => commands::completions::run(completions),
        Command::Man(man) => commands::completions::man(man),
        Command::VersionCompare(compare) => commands::version_compare::run(compare),
        Command::AnalyzeLocalImages(_) => Err(Usage(format!(
            "write {} before other options",
            commands::analyze_local_images::NAME
        ))
        .into()),
    }
}
