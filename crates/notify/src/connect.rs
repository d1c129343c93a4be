//! A connection to the receiver, direct or through a proxy. One per message: they are rare.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{StatusCode, Uri};
use percent_encoding::percent_decode_str;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::WebhookError;

/// Time for a connection to be made.
const CONNECT: Duration = Duration::from_secs(5);
/// Bytes of a proxy's answer at most.
const PROXY_ANSWER: usize = 8 << 10;

/// A host, a port, and the credentials of its URL as a `Basic` value.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) authorization: Option<String>,
}

/// The way to the receiver.
pub(crate) struct Way {
    pub(crate) receiver: Place,
    pub(crate) proxy: Option<Place>,
    /// Present where the receiver speaks TLS.
    pub(crate) tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
}

pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Place {
    pub(crate) fn of(uri: &Uri, port: u16) -> Result<Self, WebhookError> {
        let host = uri.host().filter(|host| !host.is_empty());
        let host = host.ok_or(WebhookError::Url {
            what: "has no host",
        })?;
        let authority = uri.authority().map(|it| it.as_str()).unwrap_or_default();
        let authorization = authority.rsplit_once('@').map(|(user, _)| {
            let decoded: Vec<u8> = percent_decode_str(user).collect();
            let colon: &[u8] = if user.contains(':') { b"" } else { b":" };
            format!("Basic {}", STANDARD.encode([&decoded, colon].concat()))
        });
        Ok(Self {
            host: host
                .trim_start_matches('[')
                .trim_end_matches(']')
                .to_owned(),
            port: uri.port_u16().unwrap_or(port),
            authorization,
        })
    }

    /// As it stands in a request.
    fn authority(&self) -> String {
        match self.host.contains(':') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        }
    }
}

impl Way {
    /// Whether the proxy reads the request itself.
    pub(crate) fn proxy_reads(&self) -> Option<&Place> {
        self.proxy.as_ref().filter(|_| self.tls.is_none())
    }

    pub(crate) async fn connect(&self) -> io::Result<Box<dyn Stream>> {
        let first = self.proxy.as_ref().unwrap_or(&self.receiver);
        let connect = TcpStream::connect((first.host.as_str(), first.port));
        let mut stream = tokio::time::timeout(CONNECT, connect)
            .await
            .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "no connection in time"))??;
        stream.set_nodelay(true)?;
        let Some((config, name)) = &self.tls else {
            return Ok(Box::new(stream));
        };
        if let Some(proxy) = &self.proxy {
            tunnel(&mut stream, proxy, &self.receiver).await?;
        }
        let connector = TlsConnector::from(Arc::clone(config));
        let stream = connector.connect(name.clone(), stream).await?;
        Ok(Box::new(stream))
    }
}

/// Asks a proxy for a way to the receiver.
async fn tunnel(stream: &mut TcpStream, proxy: &Place, receiver: &Place) -> io::Result<()> {
    let to = receiver.authority();
    let mut request = format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n");
    if let Some(authorization) = &proxy.authorization {
        request.push_str(&format!("Proxy-Authorization: {authorization}\r\n"));
    }
    request.push_str("\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        if answer.len() >= PROXY_ANSWER {
            return Err(io::Error::other("the proxy's answer does not end"));
        }
        answer.push(stream.read_u8().await?);
    }
    granted(&answer)
}

/// Whether a proxy's answer grants the way: any 2xx (RFC 9110, 9.3.6).
pub(crate) fn granted(answer: &[u8]) -> io::Result<()> {
    let line = answer.split(|byte| *byte == b'\r').next();
    let line = line.and_then(|line| std::str::from_utf8(line).ok());
    let status = line
        .and_then(|line| line.strip_prefix("HTTP/1."))
        .and_then(|line| line.split(' ').nth(1))
        .and_then(|status| StatusCode::from_bytes(status.as_bytes()).ok());
    match status {
        Some(status) if status.is_success() => Ok(()),
        Some(status) => {
            let status = status.as_u16();
            Err(io::Error::other(format!("the proxy answered {status}")))
        }
        None => Err(io::Error::other("the proxy's answer is not one of HTTP")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_grants_the_way_with_a_status_of_http_alone() {
        for answer in ["HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.0 204\r\n\r\n"] {
            assert!(granted(answer.as_bytes()).is_ok(), "{answer:?}");
        }
        let told = |answer: &[u8]| granted(answer).unwrap_err().to_string();
        assert_eq!(
            told(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"),
            "the proxy answered 407"
        );
        for answer in [
            &b"SSH-2.0-OpenSSH_9.2 2\r\n\r\n"[..],
            b"HTTP/1.1 2\r\n\r\n",
            b"HTTP/1.1 \x1b[2J\r\n\r\n",
            b"\xff 200\r\n\r\n",
        ] {
            assert_eq!(told(answer), "the proxy's answer is not one of HTTP");
        }
    }
}
