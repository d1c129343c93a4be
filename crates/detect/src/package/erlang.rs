//! Erlang and Elixir packages: the application file `ebin/NAME.app` of what is built or released.
//!
//! Source: Erlang's `app`(4). An application file is an Erlang term; the version is the text of
//! `{vsn, "…"}`. The applications of Erlang/OTP and Elixir themselves come with their runtime and
//! are no packages of Hex. A release's own application is listed like those it is made of: nothing
//! tells them apart.

use pellucid_image::Want;
use pellucid_model::PackageKind;

use super::named;
use crate::DetectError;
use crate::detector::{Candidate, Class, DetectFile, Detected, Detector, Trigger};
use crate::path::split;

/// The detector.
pub(crate) struct Erlang;

impl Detector for Erlang {
    fn name(&self) -> &'static str {
        "erlang"
    }

    fn version(&self) -> u32 {
        2
    }

    fn class(&self) -> Class {
        Class::Language
    }

    fn triggers(&self) -> &'static [Trigger] {
        &[Trigger::Extension("app")]
    }

    fn wants(&self, candidate: &Candidate<'_>) -> Want {
        if !is_of_the_runtime(candidate.path) && split(candidate.folder()).1 == b"ebin" {
            Want::Whole { limit: 4 << 20 }
        } else {
            Want::Skip
        }
    }

    fn detect(&self, file: &DetectFile<'_>, out: &mut Detected) -> Result<(), DetectError> {
        let bytes = file.bytes()?;
        let text = String::from_utf8_lossy(&bytes);
        let name = split(file.path).1;
        let name = String::from_utf8_lossy(name.strip_suffix(b".app").unwrap_or(name));
        let version = text.split_once("vsn").and_then(|(_, rest)| {
            let value = rest.trim_start().strip_prefix(',')?.trim_start();
            Some(value.strip_prefix('"')?.split_once('"')?.0)
        });
        named(
            out,
            PackageKind::Hex,
            &name,
            version.unwrap_or_default(),
            None,
        )
    }
}

/// Whether a file lies in the libraries of Erlang/OTP or Elixir: below `erlang/lib` or `elixir/lib`.
fn is_of_the_runtime(path: &[u8]) -> bool {
    let parts = || path.split(|byte| *byte == b'/');
    parts()
        .zip(parts().skip(1))
        .any(|(above, below)| matches!(above, b"erlang" | b"elixir") && below == b"lib")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_whose_name_ends_like_a_runtime_is_none() {
        assert!(is_of_the_runtime(
            b"usr/lib/erlang/lib/kernel-9.1/ebin/kernel.app"
        ));
        assert!(is_of_the_runtime(
            b"usr/local/lib/elixir/lib/mix/ebin/mix.app"
        ));
        assert!(!is_of_the_runtime(
            b"app/rel/hello_elixir/lib/phoenix-1.7.0/ebin/phoenix.app"
        ));
    }
}
