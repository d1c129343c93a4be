//! TLS, and client certificates where Clair's `cafile` asks for them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use pellucid_server::{Config, Options};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::service::{Service, config};

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/tls")
        .join(name)
}

pub(crate) fn with_tls(cafile: bool) -> Config {
    let mut config = config();
    let api = config.clair.api_mut();
    api.certfile = Some(file("server.pem"));
    api.keyfile = Some(file("server.key"));
    api.cafile = cafile.then(|| file("authority.pem"));
    config
}

fn client(with_certificate: bool) -> TlsConnector {
    TlsConnector::from(Arc::new(client_config(with_certificate)))
}

pub(crate) fn client_config(with_certificate: bool) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(file("authority.pem")).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    if with_certificate {
        let chain = vec![CertificateDer::from_pem_file(file("client.pem")).unwrap()];
        let key = PrivateKeyDer::from_pem_file(file("client.key")).unwrap();
        builder.with_client_auth_cert(chain, key).unwrap()
    } else {
        builder.with_no_client_auth()
    }
}

/// The answer's head, or nothing where there was none.
async fn ask(service: &Service, client: TlsConnector, request: &str) -> Option<String> {
    let stream = TcpStream::connect(service.server.api).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = client.connect(name, stream).await.ok()?;
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.ok()?;
    String::from_utf8(answer).ok().filter(|it| !it.is_empty())
}

const GET: &str = "GET /v1/namespaces HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
const DELETE: &str = "DELETE /v1/layers/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

#[tokio::test]
async fn a_certificate_makes_the_api_speak_tls_alone() {
    let service = Service::with(with_tls(false), Options::default()).await;
    let answer = ask(&service, client(false), GET).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let mut plain = TcpStream::connect(service.server.api).await.unwrap();
    plain.write_all(GET.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP/"), "{answer:?}");
    // The health server stays as it is.
    let health = crate::service::ask(service.server.health, "GET", "/health", "", "").await;
    assert_eq!(health.status, 200);
}

#[tokio::test]
async fn with_an_authority_only_its_clients_are_served_and_may_do_everything() {
    let mut config = with_tls(true);
    // Reachable from everywhere: what opens it is the certificate.
    config.clair.api_mut().address = Some([0, 0, 0, 0].into());
    let service = Service::with(config, Options::default()).await;
    assert_eq!(ask(&service, client(false), GET).await, None);
    let answer = ask(&service, client(true), DELETE).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
}

/// The certificate that a new connection is shown.
async fn shown(service: &Service) -> CertificateDer<'static> {
    let stream = TcpStream::connect(service.server.api).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let stream = client(false).connect(name, stream).await.unwrap();
    let (_, session) = stream.get_ref();
    session.peer_certificates().unwrap()[0].clone().into_owned()
}

#[tokio::test]
async fn a_renewed_certificate_is_in_use_without_a_restart_and_a_broken_one_never() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (folder.path().join("tls.pem"), folder.path().join("tls.key"));
    let put = |name: &str, to: &Path| {
        std::fs::copy(file(name), to).unwrap();
    };
    put("server.pem", &certificate);
    put("server.key", &key);
    let mut config = config();
    let api = config.clair.api_mut();
    api.certfile = Some(certificate.clone());
    api.keyfile = Some(key.clone());
    let service = Service::with(config, Options::default()).await;
    let read = |name: &str| CertificateDer::from_pem_file(file(name)).unwrap();
    let (old, renewed) = (read("server.pem"), read("renewed.pem"));
    assert_eq!(shown(&service).await, old);
    // Half of a renewal: the key is another one's still.
    put("renewed.pem", &certificate);
    assert_eq!(shown(&service).await, old);
    put("renewed.key", &key);
    assert_eq!(shown(&service).await, renewed);
    for broken in [
        "",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ] {
        std::fs::write(&certificate, broken).unwrap();
        assert_eq!(shown(&service).await, renewed, "{broken:?}");
    }
    std::fs::remove_file(&certificate).unwrap();
    assert_eq!(shown(&service).await, renewed);
    put("server.pem", &certificate);
    put("server.key", &key);
    assert_eq!(shown(&service).await, old);
}
