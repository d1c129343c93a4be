//! Whom we trust and who we are, where the receiver speaks TLS.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use crate::WebhookError;

/// Certificates of Clair's keys; an empty path is none.
#[derive(Clone, Default, Debug)]
pub(crate) struct Files<'a> {
    pub(crate) ca: Option<&'a Path>,
    pub(crate) certificate: Option<&'a Path>,
    pub(crate) key: Option<&'a Path>,
}

pub(crate) fn config(files: &Files<'_>) -> Result<Arc<ClientConfig>, WebhookError> {
    // An error means that the program has chosen one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = ClientConfig::builder().with_root_certificates(roots(files.ca)?);
    let config = match (files.certificate, files.key) {
        (None, None) => builder.with_no_client_auth(),
        (Some(certificate), Some(key)) => {
            let chain = certificates(certificate)?;
            let key = PrivateKeyDer::from_pem_file(key).map_err(|error| pem(key, &error))?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|source| WebhookError::Certificate { source })?
        }
        _ => return Err(WebhookError::HalfCertificate),
    };
    Ok(Arc::new(config))
}

fn roots(ca: Option<&Path>) -> Result<RootCertStore, WebhookError> {
    let mut roots = RootCertStore::empty();
    match ca {
        Some(path) => {
            for certificate in certificates(path)? {
                roots
                    .add(certificate)
                    .map_err(|source| WebhookError::Certificate { source })?;
            }
        }
        None => {
            // Some of a system's certificates may be unusable; the others count.
            let found = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(found.certs);
        }
    }
    Ok(roots)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, WebhookError> {
    let read = CertificateDer::pem_file_iter(path).map_err(|error| pem(path, &error))?;
    let found: Vec<_> = read
        .collect::<Result<_, _>>()
        .map_err(|error| pem(path, &error))?;
    if found.is_empty() {
        return Err(pem(path, &"it holds no certificate"));
    }
    Ok(found)
}

fn pem(path: &Path, error: &dyn std::fmt::Display) -> WebhookError {
    WebhookError::Pem {
        path: PathBuf::from(path),
        reason: error.to_string(),
    }
}
