//! Errors as people read them: what failed, why, and what to do about it.

use std::io::{IsTerminal as _, Write as _};

use pellucid_detect::BillError;
use pellucid_image::{ImageError, LayerFault, RegistryFault};

use crate::memory::TooLittle;
use crate::output;

/// Prints an error with its causes, and a hint where there is one.
///
/// Messages quote images and feeds, so all of it is escaped.
pub(crate) fn print(error: &anyhow::Error) {
    let mut stderr = std::io::stderr().lock();
    let unicode = stderr.is_terminal() && output::is_utf8();
    for (number, cause) in error.chain().enumerate() {
        let label = if number == 0 { "error" } else { "caused by" };
        let cause = cause.to_string();
        let cause = pellucid_report::escape(&cause, unicode);
        // Nobody is left to tell if standard error is gone.
        let _ = writeln!(stderr, "{label}: {cause}");
    }
    if let Some(hint) = hint(error) {
        let _ = writeln!(stderr, "hint: {}", pellucid_report::escape(&hint, unicode));
    }
}

fn hint(error: &anyhow::Error) -> Option<String> {
    if error.downcast_ref::<TooLittle>().is_some() {
        return Some("give it more, or leave --memory out".to_owned());
    }
    error.chain().find_map(|cause| {
        cause
            .downcast_ref::<ImageError>()
            .and_then(image_hint)
            .or_else(|| limit_hint(cause.downcast_ref()?))
            .or_else(|| bill_hint(cause.downcast_ref()?))
    })
}

fn image_hint(error: &ImageError) -> Option<String> {
    let hint = match error {
        ImageError::SeveralImages { .. } => "write the name of one after the path and a colon",
        ImageError::NoSuchPlatform { .. } => "choose one with --platform",
        ImageError::Read { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
            "save the image to a file first: docker save IMAGE -o image.tar"
        }
        ImageError::Limit { limit, .. } => return Some(raise(limit)),
        ImageError::Registry { source, .. } => return registry_hint(source),
        _ => return None,
    };
    Some(hint.to_owned())
}

fn registry_hint(fault: &RegistryFault) -> Option<String> {
    Some(match fault {
        RegistryFault::Anonymous { registry, .. } => format!(
            "log in with docker login {registry} or podman login {registry}, or say --username"
        ),
        RegistryFault::RateLimited { .. } => {
            "logging in raises most registries' limits; --registry-mirror asks another place first"
                .to_owned()
        }
        RegistryFault::Transport { host, .. } => format!(
            "if {host} speaks HTTP without TLS, say --plain-http {host}; if a CA of your own signed \
             its certificate, --ca-file FILE"
        ),
        RegistryFault::Realm { realm, .. } => {
            format!("if {realm} is to be trusted with them, say --token-host {realm}")
        }
        RegistryFault::NotFound { .. } => {
            "a file or folder is named by its path; docker: and podman: name an engine's images"
                .to_owned()
        }
        _ => return None,
    })
}

fn bill_hint(error: &BillError) -> Option<String> {
    let hint = match error {
        BillError::Form { form } if form.contains("attestation") => {
            "take the list out of it: its predicate is the list"
        }
        BillError::Form { .. } | BillError::Version { .. } => {
            "write the list again in JSON, as CycloneDX or SPDX 2.3: every tool that makes lists can"
        }
        BillError::Unknown => {
            "CycloneDX, SPDX 2 and syft's own format are read, all in JSON; purls of a file, one a \
             line, with purl:FILE"
        }
        _ => return None,
    };
    Some(hint.to_owned())
}

fn limit_hint(fault: &LayerFault) -> Option<String> {
    match fault {
        LayerFault::Limit { limit, .. } => Some(raise(limit)),
        _ => None,
    }
}

fn raise(limit: &str) -> String {
    format!("if the image is trusted, --limit {limit}=VALUE raises the bound")
}
