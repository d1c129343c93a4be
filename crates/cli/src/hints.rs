//! Errors as people read them: what failed, why, and what to do about it.

use std::io::{IsTerminal as _, Write as _};

use pellucid_detect::BillError;
use pellucid_image::{ImageError, LayerFault, RegistryFault};
use pellucid_snapshot::SnapshotError;

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
            .or_else(|| data_hint(cause.downcast_ref()?))
    })
}

fn image_hint(error: &ImageError) -> Option<String> {
    let hint = match error {
        ImageError::SeveralImages { .. } => "write the name of one after the path and a colon",
        ImageError::NoSuchPlatform { .. } => "choose one with --platform",
        ImageError::Absent {
            source_name: None | Some("docker-archive" | "oci-archive"),
            ..
        } => "save the image to a file first: docker save IMAGE -o image.tar",
        ImageError::Limit { limit, .. } => return Some(raise(limit)),
        ImageError::Registry { source, .. } => return registry_hint(source),
        ImageError::Unasked { source, .. } => return image_hint(source),
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
        RegistryFault::Transport { host, source } if is_unknown_name(source) => {
            format!("the name {host} has no address here: is it written right?")
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

/// Whether a connection failed because no address is known of the host's name.
fn is_unknown_name(mut error: &dyn std::error::Error) -> bool {
    loop {
        // Its type is no part of what the client's library promises.
        if error.to_string() == "dns error" {
            return true;
        }
        match error.source() {
            Some(source) => error = source,
            None => return false,
        }
    }
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

fn data_hint(error: &SnapshotError) -> Option<String> {
    use std::io::ErrorKind::{NotADirectory, PermissionDenied, ReadOnlyFilesystem};
    let SnapshotError::Io { source, .. } = error else {
        return None;
    };
    matches!(
        source.kind(),
        PermissionDenied | ReadOnlyFilesystem | NotADirectory
    )
    .then(|| "say --data-dir DIR or set PELLUCID_DATA_DIR to keep the data elsewhere".to_owned())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Told(&'static str, #[source] Option<Box<Self>>);

    #[test]
    fn a_name_without_address_is_told_from_a_server_without_tls() {
        let chain = |last| Told("error sending request", Some(Box::new(Told(last, None))));
        assert!(is_unknown_name(&chain("dns error")));
        assert!(!is_unknown_name(&chain("tcp connect error")));
    }
}
