//! A registry on loopback: images made in memory, and what goes wrong with registries.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::ImageBuilder;
use crate::web::{Answer, Request, WebServer};

/// Who may read.
#[derive(Clone, Debug, Default)]
pub enum Guard {
    /// Everyone.
    #[default]
    Open,
    /// Who knows this name and password.
    Basic(String, String),
    /// Who has a token from this address.
    Token {
        /// The address of the token server.
        realm: String,
        /// The token.
        token: String,
    },
}

/// What is in a registry, and how it behaves.
#[derive(Default)]
pub struct Content {
    /// `NAME/manifests/TAG` and `NAME/manifests/DIGEST`, `NAME/blobs/DIGEST`: type and bytes.
    pub documents: BTreeMap<String, (String, Vec<u8>)>,
    /// Who may read.
    pub guard: Guard,
    /// Answers that come before the right one, once each, for what ends so.
    pub first: Vec<(String, Answer)>,
    /// Blobs are elsewhere: at this address.
    pub blobs_at: Option<String>,
    /// Whether parts of blobs can be had.
    pub no_ranges: bool,
    /// Bytes of answers' bodies.
    pub sent: u64,
}

/// A running registry.
pub struct Registry {
    server: WebServer,
    content: Arc<Mutex<Content>>,
}

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}

impl Registry {
    /// An empty one.
    pub fn new() -> Self {
        let content: Arc<Mutex<Content>> = Arc::default();
        let own = Arc::clone(&content);
        let server = WebServer::start(move |request| {
            let mut content = own.lock().unwrap_or_else(PoisonError::into_inner);
            let answer = content.answer(request);
            content.sent += answer.body.len() as u64;
            answer
        });
        Self { server, content }
    }

    /// What is in it, to be changed.
    pub fn content(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The server below.
    pub fn server(&self) -> &WebServer {
        &self.server
    }

    /// `127.0.0.1:PORT`.
    pub fn host(&self) -> String {
        self.server.host()
    }

    /// Adds an image under a name and a tag; returns its manifest's digest.
    pub fn push(&self, name: &str, tag: &str, image: ImageBuilder) -> String {
        let entry = self.add(name, image);
        let digest = entry["digest"].as_str().unwrap_or_default().to_owned();
        let mut content = self.content();
        let manifest = content.documents[&format!("{name}/manifests/{digest}")].clone();
        content
            .documents
            .insert(format!("{name}/manifests/{tag}"), manifest);
        digest
    }

    /// Adds an index of images, one a platform.
    pub fn push_index(&self, name: &str, tag: &str, images: Vec<ImageBuilder>) -> String {
        let mut entries: Vec<Value> = images
            .into_iter()
            .map(|image| self.add(name, image))
            .collect();
        // As BuildKit does: where an image came from, beside it.
        let mut attestation = entries[0].clone();
        attestation["platform"] = json!({"os": "unknown", "architecture": "unknown"});
        attestation["digest"] = format!("sha256:{}", "0".repeat(64)).into();
        entries.push(attestation);
        let kind = "application/vnd.oci.image.index.v1+json";
        let index = json!({"schemaVersion": 2, "mediaType": kind, "manifests": entries});
        let index = index.to_string().into_bytes();
        let digest = digest(&index);
        let mut content = self.content();
        for selector in [tag, &digest] {
            let path = format!("{name}/manifests/{selector}");
            content
                .documents
                .insert(path, (kind.to_owned(), index.clone()));
        }
        digest
    }

    /// Adds a document as it is.
    pub fn put(&self, path: &str, kind: &str, bytes: Vec<u8>) {
        let document = (kind.to_owned(), bytes);
        self.content().documents.insert(path.to_owned(), document);
    }

    fn add(&self, name: &str, image: ImageBuilder) -> Value {
        let files = image.oci_files();
        let index = files.iter().find(|(path, _)| path == "index.json");
        let index: Value = serde_json::from_slice(&index.expect("a layout has one").1)
            .expect("we wrote it ourselves");
        let entry = index["manifests"][0].clone();
        for (path, bytes) in files {
            let Some(hex) = path.strip_prefix("blobs/sha256/") else {
                continue;
            };
            let digest = format!("sha256:{hex}");
            let kind = if entry["digest"] == digest {
                "manifests"
            } else {
                "blobs"
            };
            let media_type = match kind {
                "manifests" => "application/vnd.oci.image.manifest.v1+json",
                _ => "application/octet-stream",
            };
            self.put(&format!("{name}/{kind}/{digest}"), media_type, bytes);
        }
        entry
    }
}

impl Content {
    fn answer(&mut self, request: &Request) -> Answer {
        let path = request.target.split('?').next().unwrap_or_default();
        if let Some(refused) = self.refuse(request) {
            return refused;
        }
        if let Some(at) = self
            .first
            .iter()
            .position(|(end, _)| path.ends_with(end.as_str()))
        {
            return self.first.remove(at).1;
        }
        let Some(name) = path.strip_prefix("/v2/") else {
            return Answer::status(404);
        };
        if let Some(place) = self.blobs_at.as_ref().filter(|_| name.contains("/blobs/")) {
            return Answer::status(307).header("location", format!("{place}{path}?signature=x"));
        }
        let Some((kind, bytes)) = self.documents.get(name) else {
            let errors = json!({"errors": [{"code": "MANIFEST_UNKNOWN", "message": "unknown"}]});
            return Answer::status(404).body(errors.to_string());
        };
        let answer = Answer::ok(bytes.clone()).header("content-type", kind.clone());
        if name.contains("/manifests/") {
            return answer.header("docker-content-digest", digest(bytes));
        }
        match request.header("range").filter(|_| !self.no_ranges) {
            Some(range) => part(bytes, range),
            None => answer,
        }
    }

    fn refuse(&self, request: &Request) -> Option<Answer> {
        let (wanted, challenge) = match &self.guard {
            Guard::Open => return None,
            Guard::Basic(name, password) => {
                (basic(name, password), "Basic realm=\"test\"".to_owned())
            }
            Guard::Token { realm, token } => (
                format!("Bearer {token}"),
                format!("Bearer realm=\"{realm}\",service=\"test\""),
            ),
        };
        let is_known = request.header("authorization") == Some(&wanted);
        (!is_known).then(|| Answer::status(401).header("www-authenticate", challenge))
    }
}

/// A part of a blob, as `Range` asks for it.
pub fn part(bytes: &[u8], range: &str) -> Answer {
    let asked = range.trim_start_matches("bytes=");
    let (first, last) = asked.split_once('-').expect("we write ranges so");
    let first: usize = first.parse().expect("we write ranges so");
    let last = last.parse::<usize>().map_or(bytes.len(), |last| last + 1);
    let last = last.min(bytes.len());
    match bytes.get(first..last) {
        Some(part) => Answer::status(206)
            .header(
                "content-range",
                format!("bytes {first}-{}/{}", last - 1, bytes.len()),
            )
            .body(part),
        None => Answer::status(416),
    }
}

/// What `Authorization` says to a server that knows names and passwords.
pub fn basic(name: &str, password: &str) -> String {
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("{name}:{password}"));
    format!("Basic {pair}")
}

/// `sha256:…`
pub fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}
