//! Prints what an image contains: `packages REFERENCE [--hidden] [--json]`.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "an example's output"
)]

use std::process::ExitCode;

use pellucid_detect::{DetectError, DetectOptions};
use pellucid_image::OpenOptions;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let flag = |name: &str| arguments.iter().any(|argument| argument == name);
    let Some(reference) = arguments
        .iter()
        .find(|argument| !argument.starts_with("--"))
    else {
        eprintln!("usage: packages REFERENCE [--hidden] [--json]");
        return ExitCode::from(2);
    };
    let options = DetectOptions {
        hidden: flag("--hidden"),
        ..DetectOptions::default()
    };
    let outcome = pellucid_image::open(reference, &OpenOptions::default())
        .map_err(|source| DetectError::Layer { layer: 0, source })
        .and_then(|image| pellucid_detect::image(&image, &options, &()));
    match outcome {
        Ok(inventory) if flag("--json") => {
            match serde_json::to_string_pretty(&inventory) {
                Ok(json) => println!("{json}"),
                Err(error) => eprintln!("{error}"),
            }
            ExitCode::SUCCESS
        }
        Ok(inventory) => {
            for distribution in &inventory.distributions {
                eprintln!(
                    "{} ({} in layer {})",
                    distribution.namespace, distribution.path, distribution.layer
                );
            }
            for entry in &inventory.packages {
                let package = &entry.package;
                println!(
                    "{}\t{}\t{}{}",
                    package.kind,
                    package.name,
                    package.version,
                    if entry.hidden { "\thidden" } else { "" },
                );
            }
            for warning in &inventory.warnings {
                eprintln!("warning: {warning:?}");
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            let mut cause: Option<&dyn std::error::Error> = Some(&error);
            while let Some(error) = cause {
                eprintln!("error: {error}");
                cause = error.source();
            }
            ExitCode::from(3)
        }
    }
}
