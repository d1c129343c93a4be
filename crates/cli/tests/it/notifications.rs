//! The service killed in the middle of updates and deliveries, and what its outbox says afterwards.
//! `benches/notify-crash.py` is the long form.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use pellucid_testkit::{LayerBuilder, Mirror};
use serde_json::Value;

const CVES: u32 = 30;

/// What a version of the data says fixes a CVE: one in three changes.
fn fix(cve: u32, version: u32) -> String {
    format!("2.{}-1", (version + cve) / 3 + 1)
}

fn tracker(version: u32) -> String {
    let records: Vec<String> = (0..CVES)
        .map(|cve| {
            let fix = fix(cve, version);
            format!(
                r#""CVE-2024-{cve:04}":{{"releases":{{"bookworm":{{"status":"resolved","urgency":"low","fixed_version":"{fix}"}}}}}}"#
            )
        })
        .collect();
    format!(r#"{{"bash":{{{}}}}}"#, records.join(","))
}

/// Takes messages, after it has refused the first few for ever.
#[derive(Clone, Default)]
struct Receiver {
    taken: Arc<Mutex<Vec<String>>>,
    gone: Arc<Mutex<u32>>,
}

impl Receiver {
    fn start(&self) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let own = self.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A connection that a kill cut is no message.
                let _ = own.answer(stream);
            }
        });
        port
    }

    fn answer(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? <= 2 {
                break;
            }
            if let Some((name, value)) = line.split_once(": ")
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let Ok(body) = serde_json::from_slice::<Value>(&body) else {
            return Ok(());
        };
        let name = body["Notification"]["Name"].as_str().unwrap().to_owned();
        let gone = &mut *self.gone.lock().unwrap();
        let status = if *gone > 0 {
            *gone -= 1;
            "410 Gone"
        } else {
            self.taken.lock().unwrap().push(name);
            "200 OK"
        };
        write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n")
    }
}

struct Service {
    folder: PathBuf,
    child: Child,
    api: String,
}

impl Service {
    fn start(folder: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_pellucid"))
            .args(["serve", "-config"])
            .arg(folder.join("config.yaml"))
            .arg("--data-dir")
            .arg(folder.join("data"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let api = loop {
            let line = lines.next().unwrap().unwrap();
            let line: Value = serde_json::from_str(&line).unwrap();
            if line["Event"] == "starting main API" {
                break line["address"].as_str().unwrap().to_owned();
            }
        };
        // Read on, so that the pipe never fills.
        std::thread::spawn(move || lines.for_each(drop));
        let folder = folder.to_owned();
        Self { folder, child, api }
    }

    fn kill(mut self) -> PathBuf {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.folder.clone()
    }

    fn ask(&self, method: &str, target: &str, body: &str) -> (u16, Value) {
        let mut stream = TcpStream::connect(&self.api).unwrap();
        let length = body.len();
        write!(
            stream,
            "{method} {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, serde_json::from_str(body).unwrap_or(Value::Null))
    }

    /// The version of the data that answers are of; none before the first. It is one, whole.
    fn version(&self, newest: u32) -> Option<u32> {
        let (_, layer) = self.ask("GET", "/v1/layers/base?vulnerabilities", "");
        let list = layer["Layer"]["Features"][0]["Vulnerabilities"].as_array()?;
        let found: BTreeMap<&str, &str> = list
            .iter()
            .map(|it| {
                (
                    it["Name"].as_str().unwrap(),
                    it["FixedBy"].as_str().unwrap(),
                )
            })
            .collect();
        let version = (0..=newest).find(|version| {
            found.len() == CVES as usize
                && (0..CVES)
                    .all(|cve| found[format!("CVE-2024-{cve:04}").as_str()] == fix(cve, *version))
        });
        Some(version.unwrap_or_else(|| panic!("a mixed snapshot: {found:?}")))
    }

    /// The fixes on either side of a notification.
    fn fixes(&self, one: &Value) -> (String, String) {
        let name = one["name"].as_str().unwrap();
        let (_, body) = self.ask("GET", &format!("/v1/notifications/{name}?limit=5"), "");
        let side = |side: &str| {
            let fix = &body["Notification"][side]["Vulnerability"]["FixedIn"][0]["Version"];
            fix.as_str().unwrap().to_owned()
        };
        (side("Old"), side("New"))
    }

    fn outbox(&self, state: &str) -> Vec<Value> {
        let target = format!("/api/v1/notifications?limit=1000&state={state}");
        let (_, page) = self.ask("GET", &target, "");
        page["notifications"].as_array().unwrap().clone()
    }
}

fn until(what: &str, good: impl Fn() -> bool) {
    let begun = Instant::now();
    while !good() {
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "no {what} in a minute"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn pellucid(folder: &Path, args: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_pellucid"))
        .arg("notifications")
        .args(args)
        .arg("--config")
        .arg(folder.join("config.yaml"))
        .arg("--data-dir")
        .arg(folder.join("data"))
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    (output.status.code(), text)
}

#[test]
fn killed_in_updates_and_deliveries_it_loses_and_mixes_nothing() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().to_owned();
    let mirror = Mirror::new(folder.join("mirror"));
    let receiver = Receiver::default();
    let port = receiver.start();
    let config = format!(
        "clair:\n  api: {{address: 127.0.0.1, port: 0, healthport: 0}}\n  updater: {{interval: 1s}}\n  \
         notifier: {{http: {{endpoint: 'http://127.0.0.1:{port}/hook'}}}}\n\
         feeds: {{follow: [debian], mirror: '{}'}}\nnotifications: {{wait: 0s, hold: 0s}}\n",
        mirror.folder().display()
    );
    std::fs::write(folder.join("config.yaml"), config).unwrap();
    let status =
        "Package: bash\nStatus: install ok installed\nVersion: 1.0-1\nArchitecture: amd64\n";
    let layer = LayerBuilder::new()
        .file("etc/os-release", "ID=debian\nVERSION_ID=\"12\"\n")
        .file("var/lib/dpkg/status", status);
    let path = folder.join("layer.tar");
    std::fs::write(&path, layer.tar()).unwrap();

    mirror.debian(tracker(0));
    let mut service = Service::start(&folder);
    let post = serde_json::json!({"Layer": {"Name": "base", "Path": path, "Format": "Docker"}});
    let (status, answer) = service.ask("POST", "/v1/layers", &post.to_string());
    assert_eq!(status, 201, "{answer}");
    until("first data", || service.version(0) == Some(0));

    let newest = 6;
    let mut seen = 0;
    for version in 1..=newest {
        mirror.debian(tracker(version));
        let got = receiver.taken.lock().unwrap().len();
        match version % 3 {
            // In the middle of whatever it does.
            0 => {}
            // The folder has the new snapshot; the database perhaps not yet.
            1 => until("new data", || service.version(version) == Some(version)),
            // Some of the messages are on their way.
            _ => until("message", || receiver.taken.lock().unwrap().len() > got),
        }
        service = Service::start(&service.kill());
        let now = service.version(version);
        assert!(now >= Some(seen), "{now:?} after {seen}");
        seen = now.unwrap();
    }
    until("newest data", || service.version(newest) == Some(newest));
    // Answers are new a moment before what changed is told.
    until("end of the outbox", || {
        let waiting = service.outbox("pending");
        let mut last = BTreeMap::new();
        for one in &waiting {
            last.insert(one["vulnerability"].as_str().unwrap(), service.fixes(one).1);
        }
        let is_told = (0..CVES)
            .all(|cve| last.get(format!("CVE-2024-{cve:04}").as_str()) == Some(&fix(cve, newest)));
        is_told && waiting.iter().all(|it| it["delivered"].is_i64())
    });
    let told = service.outbox("pending");
    let names: BTreeSet<String> = told
        .iter()
        .map(|it| it["name"].as_str().unwrap().to_owned())
        .collect();
    let taken: BTreeSet<String> = receiver.taken.lock().unwrap().iter().cloned().collect();
    assert_eq!(names, taken);
    let mut now: BTreeMap<String, String> = (0..CVES)
        .map(|cve| (format!("CVE-2024-{cve:04}"), fix(cve, 0)))
        .collect();
    for one in &told {
        let (old, new) = service.fixes(one);
        let vulnerability = one["vulnerability"].as_str().unwrap().to_owned();
        assert_eq!(now.insert(vulnerability, new), Some(old));
    }
    service.kill();
}

#[test]
fn what_was_given_up_is_listed_and_sent_again() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().to_owned();
    std::fs::create_dir(folder.join("data")).unwrap();
    let receiver = Receiver::default();
    *receiver.gone.lock().unwrap() = 1;
    let port = receiver.start();
    let config = format!(
        "clair:\n  api: {{address: 127.0.0.1, port: 0, healthport: 0}}\n  updater: null\n  \
         notifier: {{http: {{endpoint: 'http://127.0.0.1:{port}/hook'}}}}\n"
    );
    std::fs::write(folder.join("config.yaml"), config).unwrap();
    // Nothing has been made yet: that is no empty list.
    assert_eq!(pellucid(&folder, &["list"]).0, Some(2));

    let service = Service::start(&folder);
    let body = serde_json::json!({"Vulnerability": {
        "Name": "OWN-1\u{1b}[31m", "NamespaceName": "debian:12", "Severity": "Low", "FixedIn": []
    }});
    let target = "/v1/namespaces/debian:12/vulnerabilities";
    assert_eq!(service.ask("POST", target, &body.to_string()).0, 201);
    until("dead letter", || service.outbox("dead").len() == 1);
    let (status, text) = pellucid(&folder, &["list"]);
    let name = service.outbox("dead")[0]["name"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(status, Some(0));
    assert_eq!(
        text,
        format!("{name}  dead     api  debian:12  OWN-1\\x1b[31m  got status 410, expected 2xx\n")
    );
    let (_, json) = pellucid(&folder, &["list", "--state", "dead", "-f", "json"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (&json[0]["name"], &json[0]["attempts"]),
        (&Value::from(name.as_str()), &Value::from(1))
    );
    let said = "1 will be sent again\n".to_owned();
    assert_eq!(pellucid(&folder, &["replay", &name]), (Some(0), said));
    until("message", || {
        *receiver.taken.lock().unwrap() == [name.clone()]
    });
    for (args, status) in [
        (&["replay", "no-such-name"][..], Some(2)),
        (&["replay", &name], Some(2)),
        (&["replay", "--all"], Some(0)),
        (&["release", "debian"], Some(2)),
        (&["discard", "debian"], Some(2)),
    ] {
        assert_eq!(pellucid(&folder, args).0, status, "{args:?}");
    }
    service.kill();
}
