//! A server to test, a client for it, and a server of layers.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use pellucid_server::{Config, Options, Server, Stop};
use pellucid_testkit::LayerBuilder;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

pub(crate) struct Service {
    pub(crate) folder: TempDir,
    pub(crate) server: Server,
}

/// A configuration on free ports.
pub(crate) fn config() -> Config {
    let mut config = Config::default();
    config.clair.api_mut().port = 0;
    config.clair.api_mut().healthport = 0;
    // Nothing is fetched but what a test provides.
    config.clair.updater = None;
    config
}

/// The same, with its data in PostgreSQL.
pub(crate) fn on_postgres(source: &str) -> Config {
    let text = format!(
        "clair:\n  api: {{port: 0, healthport: 0, address: 127.0.0.1}}\n  updater:\n  database: {{type: pgsql, \
         options: {{source: \"{source}\"}}}}\n"
    );
    Config::parse(&text, Path::new("test.yaml")).unwrap()
}

impl Service {
    pub(crate) async fn start() -> Self {
        Self::with(config(), Options::default()).await
    }

    pub(crate) async fn with(config: Config, options: Options) -> Self {
        Self::within(tempfile::tempdir().unwrap(), config, options).await
    }

    pub(crate) async fn within(folder: TempDir, config: Config, mut options: Options) -> Self {
        options.data_dir = folder.path().to_owned();
        let server = Server::start(&config, options, Stop::new()).await.unwrap();
        Self { folder, server }
    }

    /// Writes a layer where the server can read it.
    pub(crate) fn layer(&self, name: &str, layer: LayerBuilder) -> String {
        let path = self.folder.path().join(name);
        std::fs::write(&path, layer.tar()).unwrap();
        path.to_str().unwrap().to_owned()
    }

    pub(crate) async fn ask(&self, method: &str, target: &str, body: &str) -> Answer {
        self.ask_with(method, target, "", body).await
    }

    pub(crate) async fn get(&self, target: &str) -> Answer {
        self.ask("GET", target, "").await
    }

    /// `headers` are whole lines.
    pub(crate) async fn ask_with(
        &self,
        method: &str,
        target: &str,
        headers: &str,
        body: &str,
    ) -> Answer {
        let mut address = self.server.api;
        if address.ip().is_unspecified() {
            address.set_ip([127, 0, 0, 1].into());
        }
        ask(address, method, target, headers, body).await
    }

    pub(crate) async fn post_layer(&self, name: &str, path: &str, parent: &str) -> Answer {
        let layer = serde_json::json!({"Layer": {
            "Name": name, "Path": path, "ParentName": parent, "Format": "Docker"
        }});
        self.ask("POST", "/v1/layers", &layer.to_string()).await
    }
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    pub(crate) fn error(&self) -> String {
        let json = self.json();
        json["Error"]["Message"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }
}

pub(crate) async fn ask(
    address: SocketAddr,
    method: &str,
    target: &str,
    headers: &str,
    body: &str,
) -> Answer {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let length = body.len();
    let request = format!(
        "{method} {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}Content-Length: \
         {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    let text = String::from_utf8_lossy(&bytes);
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let mut lines = head.lines();
    let status = lines
        .next()
        .unwrap()
        .split(' ')
        .nth(1)
        .unwrap()
        .parse()
        .unwrap();
    let headers = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    Answer {
        status,
        headers,
        body: body.to_owned(),
    }
}

pub(crate) fn debian(packages: &[(&str, &str)]) -> LayerBuilder {
    let status: String = packages
        .iter()
        .map(|(name, version)| {
            format!("Package: {name}\nStatus: install ok installed\nVersion: {version}\nArchitecture: amd64\n\n")
        })
        .collect();
    LayerBuilder::new()
        .file("etc/os-release", "ID=debian\nVERSION_ID=\"12\"\n")
        .file("var/lib/dpkg/status", status)
}

/// A server of layers that counts who asks, and shows what they sent.
pub(crate) struct LayerServer {
    pub(crate) address: SocketAddr,
    pub(crate) asked: Arc<AtomicUsize>,
    pub(crate) requests: Arc<std::sync::Mutex<Vec<String>>>,
}

impl LayerServer {
    /// Answers every request with what `answer` makes of its head.
    pub(crate) async fn start(answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(AtomicUsize::new(0));
        let requests = Arc::new(std::sync::Mutex::new(Vec::new()));
        let (count, seen) = (Arc::clone(&asked), Arc::clone(&requests));
        let answer = Arc::new(answer);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let (answer, seen) = (Arc::clone(&answer), Arc::clone(&seen));
                tokio::spawn(async move {
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        match stream.read_u8().await {
                            Ok(byte) => head.push(byte),
                            Err(_) => return,
                        }
                    }
                    let head = String::from_utf8_lossy(&head).into_owned();
                    let reply = answer(&head);
                    seen.lock().unwrap().push(head);
                    let _ = stream.write_all(&reply).await;
                });
            }
        });
        Self {
            address,
            asked,
            requests,
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

/// A 200 with these bytes.
pub(crate) fn ok(body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}
