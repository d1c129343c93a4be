//! The audit log: who did what to what, and how it ended; and what no line of any log may hold.

use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex};

use pellucid_server::{Options, Scope, Token};
use serde_json::json;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber, span};

use crate::service::{Service, config, debian};

/// SHA-256 of `one` and `two`.
const ONE: &str = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed";
const TWO: &str = "3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3";

/// Every event of a level or above, as its target and `name=value` words.
#[derive(Clone)]
pub(crate) struct Lines {
    level: Level,
    lines: Arc<Mutex<Vec<(String, String)>>>,
}

/// What must live as long as they are to be collected.
pub(crate) struct Collecting {
    _second: tracing::Dispatch,
    _guard: tracing::subscriber::DefaultGuard,
}

impl Lines {
    /// Collects what this thread tells from now on.
    pub(crate) fn collect(level: Level) -> (Self, Collecting) {
        let lines = Self {
            level,
            lines: Arc::default(),
        };
        // While there is but one subscriber, `tracing` lets the thread that comes to an event first decide
        // whether anybody wants it, and another test's thread wants none. Of two, all are asked.
        let collecting = Collecting {
            _second: tracing::Dispatch::new(lines.clone()),
            _guard: tracing::subscriber::set_default(lines.clone()),
        };
        (lines, collecting)
    }

    /// Those that were not looked at yet.
    pub(crate) fn take(&self) -> Vec<(String, String)> {
        std::mem::take(&mut self.lines.lock().unwrap())
    }
}

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= self.level
    }
    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }
    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn event(&self, event: &Event<'_>) {
        let mut words = Words(Vec::new());
        event.record(&mut words);
        let target = event.metadata().target().to_owned();
        let mut lines = self.lines.lock().unwrap();
        lines.push((target, words.0.join(" ")));
    }
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

struct Words(Vec<String>);

impl Visit for Words {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.push(format!("{field}={value}"));
    }
    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        let mut cause = Some(value);
        while let Some(error) = cause {
            self.0.push(format!("{field}={error}"));
            cause = error.source();
        }
    }
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.push(format!("{field}={value:?}"));
    }
}

// One thread: what the server logs on it comes to this test's subscriber and to no other.
#[tokio::test]
async fn every_write_and_delete_has_its_line_and_no_line_has_a_secret() {
    let (lines, _collecting) = Lines::collect(Level::DEBUG);
    let mut config = config();
    let token = |name: &str, sha256: &str, scopes: &[Scope]| Token {
        name: name.to_owned(),
        sha256: sha256.to_owned(),
        scopes: scopes.to_vec(),
    };
    config.clair.api_mut().tokens = vec![
        token("quay", ONE, &[Scope::LayersRead, Scope::LayersWrite]),
        token("root", TWO, &[Scope::Admin]),
    ];
    // With tokens no file of the machine is a layer but below such a folder.
    let folder = tempfile::tempdir().unwrap();
    config.layer_sources.files = vec![folder.path().to_owned()];
    let service = Service::within(folder, config, Options::default()).await;
    let path = service.layer("canary-in-the-path", debian(&[("bash", "5.2-1")]));
    let layer = |name: &str, path: &str| {
        json!({"Layer": {"Name": name, "Path": path, "Format": "Docker",
            "Headers": {"Authorization": "Basic canary-in-a-header"}}})
        .to_string()
    };
    let flaw = |more: serde_json::Value| {
        let mut flaw = json!({"Severity": "High"});
        flaw.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        json!({"Vulnerability": flaw}).to_string()
    };
    let at = "/v1/namespaces/debian:12/vulnerabilities";
    let named = flaw(json!({"Name": "CVE-1", "NamespaceName": "debian:12"}));
    let fix = json!({"Feature": {"Name": "bash", "NamespaceName": "debian:12", "Version": "9"}});
    tracing::callsite::rebuild_interest_cache();
    let requests = [
        ("one", "POST", "/v1/layers".to_owned(), layer("a", &path)),
        (
            "one",
            "POST",
            "/v1/layers".to_owned(),
            layer("b", "http://127.0.0.1:1/?canary-in-a-url"),
        ),
        ("one", "DELETE", "/v1/layers/a".to_owned(), String::new()),
        (
            "canary-as-a-token",
            "DELETE",
            "/v1/layers/a".to_owned(),
            String::new(),
        ),
        ("two", "POST", at.to_owned(), named),
        ("two", "PUT", format!("{at}/CVE-1"), flaw(json!({}))),
        (
            "two",
            "PUT",
            format!("{at}/CVE-1/fixes/bash"),
            fix.to_string(),
        ),
        (
            "two",
            "DELETE",
            format!("{at}/CVE-1/fixes/bash"),
            String::new(),
        ),
        ("two", "DELETE", format!("{at}/CVE-1"), String::new()),
        (
            "two",
            "DELETE",
            "/v1/notifications/none".to_owned(),
            String::new(),
        ),
        ("two", "DELETE", "/v1/layers/a".to_owned(), String::new()),
        // Reading is nobody's business.
        ("two", "GET", "/v1/layers/a".to_owned(), String::new()),
    ];
    for (token, method, target, body) in &requests {
        let header = format!("Authorization: Bearer {token}\r\n");
        service.ask_with(method, target, &header, body).await;
    }
    let lines = lines.take();
    let audit: Vec<&str> = lines
        .iter()
        .filter(|(target, _)| target == "audit")
        .map(|(_, words)| words.as_str())
        .collect();
    let flaw = "namespaces/debian:12/vulnerabilities/CVE-1";
    let expected = [
        ("quay", "v1/postLayer", "layers/a".to_owned(), 201),
        ("quay", "v1/postLayer", "layers/b".to_owned(), 400),
        ("quay", "v1/deleteLayer", "layers/a".to_owned(), 403),
        ("unknown", "v1/deleteLayer", "layers/a".to_owned(), 401),
        ("root", "v1/postVulnerability", flaw.to_owned(), 201),
        ("root", "v1/putVulnerability", flaw.to_owned(), 200),
        ("root", "v1/putFix", format!("{flaw}/fixes/bash"), 200),
        ("root", "v1/deleteFix", format!("{flaw}/fixes/bash"), 200),
        ("root", "v1/deleteVulnerability", flaw.to_owned(), 200),
        (
            "root",
            "v1/deleteNotification",
            "notifications/none".to_owned(),
            404,
        ),
        ("root", "v1/deleteLayer", "layers/a".to_owned(), 200),
    ];
    let expected: Vec<String> = expected
        .iter()
        .map(|(who, verb, object, status)| {
            format!("message=audit principal={who} verb={verb} object={object} status={status}")
        })
        .collect();
    assert_eq!(audit, expected);
    for (_, words) in lines.iter() {
        assert!(!words.contains("canary"), "{words}");
    }
}
