//! `pellucid convert REPORT`: a saved report in other formats.

use crate::args::ConvertArgs;
use crate::commands::saved;
use crate::exit::Exit;
use crate::outputs::Outputs;

/// Writes a saved report. What it says about gates was judged when it was made.
pub(crate) fn run(args: &ConvertArgs) -> anyhow::Result<Exit> {
    let outputs = Outputs::of(&args.output)?;
    outputs.write(&saved::read(&args.report)?)?;
    Ok(Exit::Clean)
}
