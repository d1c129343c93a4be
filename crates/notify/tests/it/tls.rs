//! A receiver that speaks TLS: whom we trust, what name it must have, and who we are.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use pellucid_notify::{Webhook, WebhookOptions};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// An authority, and certificates of its for the receiver `receiver.test` and for us.
fn certificates(folder: &Path) -> Result<(), String> {
    let openssl = |args: &str| {
        let output = Command::new("openssl")
            .args(args.split(' '))
            .current_dir(folder)
            .output()
            .map_err(|error| format!("openssl does not run: {error}"))?;
        match output.status.success() {
            true => Ok(()),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    };
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    openssl(&format!(
        "req -x509 {key} -keyout ca.key -out ca.pem -subj /CN=authority -days 2"
    ))?;
    std::fs::write(folder.join("ext"), "subjectAltName=DNS:receiver.test\n").unwrap();
    for name in ["receiver", "us"] {
        openssl(&format!(
            "req {key} -keyout {name}.key -out {name}.csr -subj /CN={name}"
        ))?;
        openssl(&format!(
            "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out {name}.pem \
             -days 2 -extfile ext"
        ))?;
    }
    Ok(())
}

fn server(folder: &Path) -> ServerConfig {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut roots = RootCertStore::empty();
    let authority = CertificateDer::from_pem_file(folder.join("ca.pem")).unwrap();
    roots.add(authority).unwrap();
    let clients = WebPkiClientVerifier::builder(Arc::new(roots))
        .build()
        .unwrap();
    ServerConfig::builder()
        .with_client_cert_verifier(clients)
        .with_single_cert(
            vec![CertificateDer::from_pem_file(folder.join("receiver.pem")).unwrap()],
            PrivateKeyDer::from_pem_file(folder.join("receiver.key")).unwrap(),
        )
        .unwrap()
}

#[tokio::test]
async fn both_sides_show_who_they_are() {
    let folder = tempfile::tempdir().unwrap();
    if let Err(reason) = certificates(folder.path()) {
        println!("skipped: {reason}");
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("https://{}/hook", listener.local_addr().unwrap());
    let acceptor = TlsAcceptor::from(Arc::new(server(folder.path())));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // Whoever is not let in is told so by the handshake.
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            let mut request = Vec::new();
            while !request.ends_with(b"}}") {
                request.push(stream.read_u8().await.unwrap());
            }
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
            stream.write_all(answer).await.unwrap();
        }
    });
    let path = |name: &str| Some(folder.path().join(name));
    let whole = WebhookOptions {
        endpoint,
        servername: Some("receiver.test".to_owned()),
        cafile: path("ca.pem"),
        certfile: path("us.pem"),
        keyfile: path("us.key"),
        ..WebhookOptions::default()
    };
    let send =
        |options: WebhookOptions| async move { Webhook::new(&options).unwrap().send("name").await };
    assert_eq!(send(whole.clone()).await, Ok(()));
    let wrong_name = WebhookOptions {
        servername: None,
        ..whole.clone()
    };
    assert!(send(wrong_name).await.is_err());
    let unknown_authority = WebhookOptions {
        cafile: None,
        ..whole.clone()
    };
    assert!(send(unknown_authority).await.is_err());
    let nobody = WebhookOptions {
        certfile: None,
        keyfile: None,
        ..whole
    };
    assert!(send(nobody).await.is_err());
}
