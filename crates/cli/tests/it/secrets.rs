//! A canary in everything that is secret, and nothing that is told has it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value, json};

use crate::bench::Bench;
use crate::serving::{Serving, layer};

const CANARY: &str = "canary-7d2e91c4";
/// Key of page tokens.
const KEY: &str = "7d2e91c47d2e91c47d2e91c47d2e91c47d2e91c47d2e91c47d2e91c47d2e91c4";

/// The service with its configuration, and all that it says.
struct Told {
    serving: Serving,
    lines: Receiver<String>,
    told: String,
}

impl Told {
    fn start(bench: &Bench, config: &str) -> Self {
        bench.file("config.yaml", config);
        let own = bench.command(&["serve", "-config=config.yaml", "-log-level", "trace"]);
        let mut command = Command::new("sh");
        command
            .args(["-c", "exec \"$0\" \"$@\" 2>&1"])
            .arg(own.get_program())
            .args(own.get_args())
            .current_dir(bench.folder())
            .env_clear();
        for (name, value) in own.get_envs() {
            command.env(name, value.unwrap());
        }
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in output.lines() {
                let _ = sender.send(line.unwrap());
            }
        });
        let mut told = String::new();
        let api = loop {
            let line = lines.recv().unwrap();
            told.push_str(&line);
            let line: Value = serde_json::from_str(&line).unwrap();
            if line["Event"] == "starting main API" {
                break line["address"].as_str().unwrap().parse().unwrap();
            }
        };
        Self {
            serving: Serving { child, api },
            lines,
            told,
        }
    }

    /// Waits until it has said this.
    fn until(&mut self, wanted: &str) {
        while !self.told.contains(wanted) {
            let line = self.lines.recv_timeout(Duration::from_secs(60));
            let line = line.unwrap_or_else(|_| panic!("no {wanted:?}: {}", self.told));
            self.told.push_str(&line);
        }
    }

    /// Ends it; all that it said.
    fn ended(self) -> String {
        let Self {
            serving,
            lines,
            mut told,
        } = self;
        serving.signal("-TERM");
        assert_eq!(serving.ended().code(), Some(0), "{told}");
        lines.iter().for_each(|line| told.push_str(&line));
        told
    }
}

/// Nothing that is a secret, in no spelling that a request has it in.
fn is_clean(text: &str) {
    let basic = pellucid_testkit::registry::basic("robot", CANARY);
    for secret in [CANARY, KEY, basic.trim_start_matches("Basic ")] {
        let place = text.find(secret);
        assert!(
            place.is_none(),
            "{}",
            &text[place.unwrap() - 200.min(place.unwrap())..]
        );
    }
}

fn files_are_clean(folder: &Path) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files_are_clean(&path),
            false => is_clean(&String::from_utf8_lossy(&std::fs::read(&path).unwrap())),
        }
    }
}

/// A server that fails whatever it is asked, as itself or as a proxy.
fn failing() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                match stream.read(&mut byte) {
                    Ok(1) => head.extend(byte),
                    _ => break,
                }
            }
            let _ = stream
                .write_all(b"HTTP/1.1 404 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
    });
    port
}

#[test]
fn no_secret_of_the_configuration_is_told() {
    // Somebody who fails, and nobody.
    for port in [failing(), 1] {
        let bench = Bench::new();
        let url = format!("http://robot:{CANARY}@127.0.0.1:{port}");
        let config = format!(
            "clair:
  api: {{port: 0, healthport: 0, address: 127.0.0.1, paginationkey: {KEY}}}
  updater: {{interval: 1h}}
  database: {{type: sqlite}}
  notifier: {{http: {{endpoint: '{url}/hook?token={CANARY}', proxy: '{url}', secret: '{CANARY}'}}}}
layer_sources: {{proxy: '{url}'}}
feeds: {{follow: [debian, alpine/v3.20], mirror: '{url}/mirror', proxy: '{url}', mirrors: {{alpine: '{url}/other'}}}}
"
        );
        let path = layer(&bench);
        let mut told = Told::start(&bench, &config);
        let serving = &told.serving;
        assert_eq!(serving.post_layer("first", &path, ""), Some(201));
        let vulnerability = json!({"Vulnerability": {"Name": "CVE-1", "NamespaceName": "debian:12",
            "Severity": "High", "FixedIn": [{"Name": "package1", "Version": "6"}]}});
        let space = "/v1/namespaces/debian:12/vulnerabilities";
        let mut answers = vec![
            serving
                .ask("POST", space, &vulnerability.to_string())
                .unwrap(),
        ];
        let of_others = format!("http://robot:{CANARY}@layers.test/x?sig={CANARY}");
        let of_others = json!({"Layer": {"Name": "second", "Path": of_others, "Format": "Docker",
            "Headers": {"Authorization": format!("Bearer {CANARY}")}}});
        answers.push(
            serving
                .ask("POST", "/v1/layers", &of_others.to_string())
                .unwrap(),
        );
        let statuses: Vec<u16> = answers.iter().map(|(status, _)| *status).collect();
        assert_eq!(statuses, [201, 400]);
        told.until("could not send notification");
        // Nobody is asked again and again, for longer than a test may take.
        if port != 1 {
            told.until("debian was not updated");
            told.until("alpine/v3.20 was not updated");
        }
        for target in [
            "/v1/metrics",
            "/v1/namespaces",
            "/v1/layers/first?features&vulnerabilities",
            "/api/v1/feeds",
            "/api/v1/notifications",
        ] {
            answers.push(told.serving.ask("GET", target, "").unwrap());
        }
        for (_, body) in &answers {
            is_clean(body);
        }
        is_clean(&told.ended());
        files_are_clean(&bench.path("data"));
        is_clean(
            &bench
                .run(&["config", "print", "-config=config.yaml"])
                .ended(0),
        );
    }
}

#[test]
fn no_password_of_a_database_is_told() {
    let config = |source: &str| {
        format!(
            "clair:
  api: {{port: 0, healthport: 0, address: 127.0.0.1}}
  updater: {{interval: 0}}
  database: {{type: pgsql, options: {{source: \"{source}\"}}}}
"
        )
    };
    let bench = Bench::new();
    for source in [
        format!("postgres://robot:{CANARY}@127.0.0.1:1/clair"),
        format!("host=127.0.0.1 port=1 user=robot password={CANARY} dbname=clair"),
    ] {
        let mut told = Told::start(&bench, &config(&source));
        told.until("the database is not there yet");
        let (status, body) = told.serving.ask("GET", "/v1/namespaces", "").unwrap();
        assert_eq!(status, 503);
        is_clean(&body);
        is_clean(&told.ended());
    }
    // Those that cannot be read at all.
    for source in [
        format!("postgres://robot:{CANARY}@127.0.0.1:{CANARY}/clair"),
        format!("host=127.0.0.1 port={CANARY}"),
        format!("host=127.0.0.1 password='{CANARY}"),
    ] {
        bench.file("config.yaml", config(&source));
        let run = bench.run(&["serve", "-config=config.yaml", "-log-level", "trace"]);
        assert_ne!(run.status, 0, "{source}");
        is_clean(&(run.stdout + &run.stderr));
    }
}
