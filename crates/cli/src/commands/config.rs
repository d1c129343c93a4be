//! `pellucid config`: whether a configuration of the service makes sense, and what is in effect.

use super::serve;
use crate::args::ConfigCommand;
use crate::exit::Exit;
use crate::{hints, output, rules};

/// Checks or prints.
pub(crate) fn run(command: &ConfigCommand) -> anyhow::Result<Exit> {
    match command {
        ConfigCommand::Check(args) => {
            let config = serve::config(args.config.as_deref())?;
            let wrong = config.trial();
            if !wrong.is_empty() {
                for error in wrong {
                    hints::print(&serve::usage(error));
                }
                return Ok(Exit::Usage);
            }
            let ignored = config.ignored();
            output::write(None, |out| {
                for key in ignored {
                    writeln!(out, "{key} has no effect")?;
                }
                writeln!(out, "ok")
            })?;
        }
        ConfigCommand::Print(args) => {
            let config = args.file.config.as_deref();
            if args.scan || args.origin {
                let mut text = Vec::new();
                rules::print(config, args.origin, &mut text)?;
                output::write(None, |out| out.write_all(&text))?;
                return Ok(Exit::Clean);
            }
            let text = serve::config(config)?.print();
            output::write(None, |out| write!(out, "{text}"))?;
        }
    }
    Ok(Exit::Clean)
}
