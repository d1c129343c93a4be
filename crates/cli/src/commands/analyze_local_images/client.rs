//! Clair's API as this client speaks it.

use std::error::Error;
use std::io;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap};
use serde::{Deserialize, Serialize};

/// The largest answer that is read.
const ANSWER: usize = 256 << 20;
/// The largest answer that is quoted.
const QUOTED: usize = 64 << 10;

/// The header of our own service that names what no advisory data covers.
const NOT_COVERED: &str = "pellucid-not-covered";

/// A layer to analyse, on the wire.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Layer<'a> {
    name: &'a str,
    path: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    parent_name: &'a str,
    format: &'a str,
}

impl<'a> Layer<'a> {
    /// A layer in Docker's format; the lowest one has an empty parent.
    pub(super) fn docker(name: &'a str, path: &'a str, parent_name: &'a str) -> Self {
        Self {
            name,
            path,
            parent_name,
            format: "Docker",
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Posted<'a> {
    layer: &'a Layer<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    layer: Option<Analysed>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Analysed {
    features: Option<Vec<Feature>>,
}

/// A package as the server found it.
#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Feature {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) added_by: String,
    pub(super) vulnerabilities: Option<Vec<Vulnerability>>,
}

/// What affects a package.
#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Vulnerability {
    pub(super) name: String,
    pub(super) description: String,
    pub(super) link: String,
    pub(super) severity: String,
    pub(super) fixed_by: String,
}

/// What a server says of a layer.
pub(super) struct Found {
    pub(super) features: Vec<Feature>,
    /// The namespace of which it has no advisory data, so that no vulnerability of it is known. A Clair
    /// never says so.
    pub(super) not_covered: Option<String>,
}

/// What a server answered.
struct Answered {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

/// A server of API v1.
pub(super) struct Client {
    endpoint: String,
    client: reqwest::Client,
}

impl Client {
    pub(super) fn new(endpoint: &str) -> Result<Self, String> {
        // An error means that the program has chosen one already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = || reqwest::Client::builder().connect_timeout(Duration::from_secs(30));
        // Without certificate authorities only a server without TLS can be asked.
        let client = match builder().build() {
            Err(_) if !endpoint.starts_with("https:") => builder().tls_certs_only([]).build(),
            built => built,
        };
        Ok(Self {
            endpoint: endpoint.to_owned(),
            client: client
                .map_err(|error| format!("Could not set up HTTP: {}", innermost(&error)))?,
        })
    }

    /// Has a layer analysed.
    pub(super) async fn post_layer(&self, layer: &Layer<'_>) -> Result<(), String> {
        let url = format!("{}/v1/layers", self.endpoint);
        let body = serde_json::to_vec(&Posted { layer }).map_err(|error| error.to_string())?;
        let request = self
            .client
            .post(&url)
            .header(CONTENT_TYPE, "application/json");
        let answered = self.ask("Post", &url, request.body(body), QUOTED).await?;
        if answered.status == 201 {
            Ok(())
        } else {
            Err(refused(&answered))
        }
    }

    /// A layer's packages with what affects them.
    pub(super) async fn features(&self, layer: &str) -> Result<Found, String> {
        let url = format!("{}/v1/layers/{layer}?vulnerabilities", self.endpoint);
        let answered = self.ask("Get", &url, self.client.get(&url), ANSWER).await?;
        if answered.status != 200 {
            return Err(refused(&answered));
        }
        let named = answered.headers.get(NOT_COVERED);
        Ok(Found {
            features: features(&answered.body)?,
            not_covered: named.map(|name| String::from_utf8_lossy(name.as_bytes()).into_owned()),
        })
    }

    async fn ask(
        &self,
        verb: &str,
        url: &str,
        request: reqwest::RequestBuilder,
        limit: usize,
    ) -> Result<Answered, String> {
        let told = |error: reqwest::Error| format!("{verb} {url:?}: {}", cause(&error, url));
        let mut response = request.send().await.map_err(told)?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(told)? {
            if body.len() + chunk.len() > limit {
                if response.status() == 200 {
                    return Err(format!("{verb} {url:?}: the answer is too large"));
                }
                break;
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answered {
            status: response.status().as_u16(),
            headers: std::mem::take(response.headers_mut()),
            body,
        })
    }
}

/// The packages that an answer lists.
pub(super) fn features(answer: &[u8]) -> Result<Vec<Feature>, String> {
    let answer: Answer = serde_json::from_slice(answer).map_err(|error| error.to_string())?;
    let features = answer.layer.and_then(|layer| layer.features);
    Ok(features.unwrap_or_default())
}

/// The host of an endpoint: what stands before the port.
pub(super) fn host(endpoint: &str) -> &str {
    let rest = endpoint
        .split_once("://")
        .map_or(endpoint, |(_, rest)| rest);
    let rest = rest.split('/').next().unwrap_or(rest);
    if let Some((address, _)) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return address;
    }
    rest.split(':').next().unwrap_or(rest)
}

fn refused(answered: &Answered) -> String {
    format!(
        "Got response {} with message {}",
        answered.status,
        String::from_utf8_lossy(&answered.body)
    )
}

/// Why a request failed, in Go's words where clients have seen them.
fn cause(error: &reqwest::Error, url: &str) -> String {
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<io::Error>()
            && error.kind() == io::ErrorKind::ConnectionRefused
        {
            let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
            let authority = rest.split('/').next().unwrap_or(rest);
            let port = if url.starts_with("https:") {
                ":443"
            } else {
                ":80"
            };
            let port = if authority.contains(':') { "" } else { port };
            return format!("dial tcp {authority}{port}: connect: connection refused");
        }
        next = error.source();
    }
    innermost(error)
}

fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_is_what_stands_before_the_port() {
        for (endpoint, wanted) in [
            ("http://clair:6060", "clair"),
            ("http://10.1.2.3:6060/", "10.1.2.3"),
            ("https://clair.example", "clair.example"),
            ("http://[2001:db8::1]:6060", "2001:db8::1"),
        ] {
            assert_eq!(host(endpoint), wanted);
        }
    }

    #[test]
    fn the_lowest_layer_names_no_parent() {
        let json = |layer: &Layer<'_>| serde_json::to_string(&Posted { layer }).unwrap();
        assert_eq!(
            json(&Layer::docker("a", "/t/a/layer.tar", "")),
            r#"{"Layer":{"Name":"a","Path":"/t/a/layer.tar","Format":"Docker"}}"#
        );
        assert!(json(&Layer::docker("b", "/t", "a")).contains(r#""ParentName":"a""#));
    }
}
