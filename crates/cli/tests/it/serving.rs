//! The binary at work as a service.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};

use pellucid_testkit::LayerBuilder;
use serde_json::{Value, json};

use crate::bench::{Bench, OS_RELEASE, status};

/// What it is started with, in the folder of a [`Bench`].
pub(crate) const SERVE: &[&str] = &["serve", "-config=config.yaml", "-log-level", "info"];

/// The served process; killed when it goes out of scope.
pub(crate) struct Serving {
    pub(crate) child: Child,
    pub(crate) api: SocketAddr,
}

impl Serving {
    /// Starts it with this `database:` section and waits until it listens.
    pub(crate) fn start(bench: &Bench, database: &str) -> Self {
        Self::run(bench, database, bench.command(SERVE))
    }

    /// The same with a command that ends in [`SERVE`].
    pub(crate) fn run(bench: &Bench, database: &str, command: Command) -> Self {
        Self::configured(bench, database, "{interval: 0}", "", command)
    }

    /// The same with this `updater:` section of Clair's and further sections of ours.
    pub(crate) fn configured(
        bench: &Bench,
        database: &str,
        updater: &str,
        more: &str,
        mut command: Command,
    ) -> Self {
        let config = format!(
            "clair:\n  api: {{port: 0, healthport: 0, address: 127.0.0.1}}\n  updater: {updater}\n  \
             database: {database}\n{more}"
        );
        bench.file("config.yaml", config);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let api = lines.by_ref().find_map(|line| {
            let line: Value = serde_json::from_str(&line.unwrap()).unwrap();
            (line["Event"] == "starting main API")
                .then(|| line["address"].as_str().unwrap().parse().unwrap())
        });
        // Read on, or it would wait for somebody to.
        std::thread::spawn(move || lines.for_each(drop));
        Self {
            child,
            api: api.unwrap(),
        }
    }

    /// Status and body of an answer; none when the connection ends first.
    pub(crate) fn ask(&self, method: &str, target: &str, body: &str) -> Option<(u16, String)> {
        let mut stream = TcpStream::connect(self.api).ok()?;
        let length = body.len();
        let head = format!("{method} {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n");
        let request = format!("{head}Content-Length: {length}\r\n\r\n{body}");
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some((status, body.to_owned()))
    }

    pub(crate) fn post_layer(&self, name: &str, path: &str, parent: &str) -> Option<u16> {
        let layer = json!({"Layer": {
            "Name": name, "Path": path, "ParentName": parent, "Format": "Docker"}});
        let (status, _) = self.ask("POST", "/v1/layers", &layer.to_string())?;
        Some(status)
    }

    /// A stored layer's features; none where there is no such layer.
    pub(crate) fn features(&self, name: &str) -> Option<Value> {
        let (status, body) = self.ask("GET", &format!("/v1/layers/{name}?features"), "")?;
        let answer: Value = serde_json::from_str(&body).unwrap();
        (status == 200).then(|| answer["Layer"]["Features"].clone())
    }

    pub(crate) fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([signal, &id]).status().unwrap();
        assert!(sent.success());
    }

    /// From now on no file that it writes becomes larger; `unlimited` takes that back. Only for what was started
    /// to ignore the signal that comes with it.
    pub(crate) fn room(&self, limit: &str) {
        let id = self.child.id().to_string();
        let set = Command::new("prlimit")
            .args(["--pid", &id, &format!("--fsize={limit}:")])
            .status();
        assert!(set.unwrap().success());
    }

    pub(crate) fn ended(mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A layer of 40 packages in the bench's folder; its path.
pub(crate) fn layer(bench: &Bench) -> String {
    let packages: Vec<(String, String)> = (0..40)
        .map(|number| (format!("package{number}"), format!("1.{number}-1")))
        .collect();
    let packages: Vec<(&str, &str, &str)> = packages
        .iter()
        .map(|(name, version)| (name.as_str(), version.as_str(), name.as_str()))
        .collect();
    let layer = LayerBuilder::new()
        .file("etc/os-release", OS_RELEASE)
        .file("var/lib/dpkg/status", status(&packages));
    bench.file("layer.tar", layer.tar());
    bench.path("layer.tar").to_str().unwrap().to_owned()
}

/// The features of one layer as those of another of the same content.
pub(crate) fn renamed(features: &Value, name: &str) -> Value {
    let text = features.to_string();
    serde_json::from_str(&text.replace("\"first\"", &format!("\"{name}\""))).unwrap()
}
