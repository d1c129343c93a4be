//! The API's TLS: our certificate, and where Clair's keys say so the clients'.
//!
//! The files are read again at every handshake: a new certificate is in use from the next connection on.
//! Files that make no sense, or not yet, as between the writing of a certificate and of its key, change
//! nothing and are said once.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use sha2::{Digest as _, Sha256};

use crate::config::{Api, ConfigError};

/// What connections speak.
pub(crate) struct Tls {
    files: Files,
    current: Mutex<Current>,
}

struct Files {
    certificates: PathBuf,
    key: PathBuf,
    authorities: Option<PathBuf>,
}

/// The files' contents; `None` for one that cannot be read.
#[derive(PartialEq, Eq)]
struct Contents {
    certificates: Option<Vec<u8>>,
    key: Option<Vec<u8>>,
    authorities: Option<Vec<u8>>,
}

struct Current {
    /// What was looked at last, good or not.
    seen: Contents,
    config: Arc<ServerConfig>,
}

impl Tls {
    /// What the configuration says; `None` for plain HTTP.
    pub(crate) fn of(api: &Api) -> Result<Option<Self>, ConfigError> {
        let (Some(certificates), Some(key)) = (&api.certfile, &api.keyfile) else {
            return Ok(None);
        };
        let files = Files {
            certificates: certificates.clone(),
            key: key.clone(),
            authorities: api.cafile.clone(),
        };
        let seen = files.read();
        let config = files.config(&seen)?;
        let current = Mutex::new(Current { seen, config });
        Ok(Some(Self { files, current }))
    }

    /// For the next handshake: what the files say now, else what they said last. Reads them.
    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        let seen = self.files.read();
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if seen != current.seen {
            match self.files.config(&seen) {
                Ok(config) => {
                    tracing::info!("the certificate files have changed and are in use");
                    current.config = config;
                }
                Err(error) => tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the certificate files have changed and cannot be used; what was in use stays"
                ),
            }
            current.seen = seen;
        }
        Arc::clone(&current.config)
    }
}

impl Files {
    fn read(&self) -> Contents {
        Contents {
            certificates: fs::read(&self.certificates).ok(),
            key: fs::read(&self.key).ok(),
            authorities: self
                .authorities
                .as_ref()
                .and_then(|path| fs::read(path).ok()),
        }
    }

    fn config(&self, contents: &Contents) -> Result<Arc<ServerConfig>, ConfigError> {
        let wrong = |key: &'static str, path: &Path, reason: &str| {
            ConfigError::value(key, format!("{}: {reason}", path.display()))
        };
        let of_server = |reason: &str| wrong("clair.api.certfile", &self.certificates, reason);
        let chain = certificates(contents.certificates.as_deref())
            .ok_or_else(|| of_server("no certificate in it"))?;
        let private = contents
            .key
            .as_deref()
            .and_then(|pem| PrivateKeyDer::from_pem_slice(pem).ok())
            .ok_or_else(|| wrong("clair.api.keyfile", &self.key, "no private key in it"))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| of_server(&error.to_string()))?;
        let builder = match &self.authorities {
            None => builder.with_no_client_auth(),
            Some(path) => {
                let of_clients = |reason: &str| wrong("clair.api.cafile", path, reason);
                let mut roots = RootCertStore::empty();
                let authorities = certificates(contents.authorities.as_deref())
                    .ok_or_else(|| of_clients("no certificate in it"))?;
                roots.add_parsable_certificates(authorities);
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                        .build()
                        .map_err(|error| of_clients(&error.to_string()))?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let mut config = builder
            .with_single_cert(chain, private)
            .map_err(|error| of_server(&error.to_string()))?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

fn certificates(pem: Option<&[u8]>) -> Option<Vec<CertificateDer<'static>>> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem?)
        .collect::<Result<_, _>>()
        .ok()?;
    Some(certificates).filter(|certificates| !certificates.is_empty())
}

/// Name of a client certificate in the audit log.
pub(crate) fn fingerprint(certificate: &CertificateDer<'_>) -> Arc<str> {
    let hash = hex::encode(Sha256::digest(certificate.as_ref()));
    format!("certificate {hash}").into()
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;
    use crate::log::tests::Kept;

    #[test]
    fn what_cannot_be_used_is_said_once_and_so_is_what_can_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let good = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tls");
        for name in ["server.pem", "server.key"] {
            fs::copy(good.join(name), path(name)).unwrap();
        }
        let mut api = Api::default();
        api.certfile = Some(path("server.pem"));
        api.keyfile = Some(path("server.key"));
        let tls = Tls::of(&api).unwrap().unwrap();
        let kept = Kept::default();
        let subscriber = tracing_subscriber::registry().with(kept.clone());
        let said = || {
            tls.config();
            tls.config();
            kept.take()
        };
        tracing::subscriber::with_default(subscriber, || {
            assert_eq!(said(), [] as [String; 0]);
            let shown = path("server.pem").display().to_string();
            // One that cannot be read, one that makes no sense, and a key of another certificate.
            fs::remove_file(path("server.pem")).unwrap();
            let lines = said();
            let [line] = &*lines else { panic!("{lines:?}") };
            for part in [
                r#""Level":"error""#,
                "the certificate files have changed and cannot be used; what was in use stays",
                "clair.api.certfile",
                &format!("{shown}: no certificate in it"),
            ] {
                assert!(line.contains(part), "{part}: {line}");
            }
            fs::write(path("server.pem"), "-----BEGIN").unwrap();
            assert!(said().concat().contains("no certificate in it"));
            fs::copy(good.join("renewed.pem"), path("server.pem")).unwrap();
            assert!(said().concat().contains("cannot be used"));
            fs::copy(good.join("server.pem"), path("server.pem")).unwrap();
            let lines = said();
            assert_eq!(lines.len(), 1, "{lines:?}");
            assert!(lines.concat().contains("have changed and are in use"));
        });
    }
}
