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
        1
    }

    fn class(&self) -> Class {
        Class::Language
    }

    fn triggers(&self) -> &'static [Trigger] {
        &[Trigger::Extension("app")]
    }

    fn wants(&self, candidate: &Candidate<'_>) -> Want {
        let own = [&b"erlang/lib/"[..], b"elixir/lib/"]
            .iter()
            .any(|own| candidate.path.windows(own.len()).any(|part| part == *own));
        if !own && split(candidate.folder()).1 == b"ebin" {
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
