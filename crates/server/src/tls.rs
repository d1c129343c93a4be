//! The API's TLS: our certificate, and where Clair's keys say so the clients'.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use sha2::{Digest as _, Sha256};

use crate::config::{Api, ConfigError};

/// What connections speak; `None` for plain HTTP.
pub(crate) fn config(api: &Api) -> Result<Option<Arc<ServerConfig>>, ConfigError> {
    let (Some(certificates), Some(key)) = (&api.certfile, &api.keyfile) else {
        return Ok(None);
    };
    let wrong = |key: &'static str, path: &Path, reason: &str| {
        ConfigError::value(key, format!("{}: {reason}", path.display()))
    };
    let chain = read(certificates)
        .ok_or_else(|| wrong("clair.api.certfile", certificates, "no certificate in it"))?;
    let private = fs::read(key)
        .ok()
        .and_then(|pem| PrivateKeyDer::from_pem_slice(&pem).ok())
        .ok_or_else(|| wrong("clair.api.keyfile", key, "no private key in it"))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| ConfigError::value("clair.api.certfile", error.to_string()))?;
    let builder = match &api.cafile {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let mut roots = RootCertStore::empty();
            let authorities = read(path)
                .ok_or_else(|| wrong("clair.api.cafile", path, "no certificate in it"))?;
            roots.add_parsable_certificates(authorities);
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                .build()
                .map_err(|error| wrong("clair.api.cafile", path, &error.to_string()))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut config = builder
        .with_single_cert(chain, private)
        .map_err(|error| wrong("clair.api.certfile", certificates, &error.to_string()))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Some(Arc::new(config)))
}

fn read(path: &Path) -> Option<Vec<CertificateDer<'static>>> {
    let pem = fs::read(path).ok()?;
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<_, _>>()
        .ok()?;
    Some(certificates).filter(|certificates| !certificates.is_empty())
}

/// Name of a client certificate in the audit log.
pub(crate) fn fingerprint(certificate: &CertificateDer<'_>) -> Arc<str> {
    let hash = hex::encode(Sha256::digest(certificate.as_ref()));
    format!("certificate {hash}").into()
}
