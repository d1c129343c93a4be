//! A receiver that remembers what it got and answers as it is told, and a store with an outbox.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pellucid_model::Severity;
use pellucid_notify::{Notifier, Options, Watch, Webhook, WebhookOptions};
use pellucid_store::{Backlog, Database, Edit, Namespace, NotificationId, Store};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// A request: its head as it came, and its body.
#[derive(Clone, Debug)]
pub(crate) struct Got {
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Got {
    /// The notification's name.
    pub(crate) fn name(&self) -> String {
        let json: serde_json::Value = serde_json::from_str(&self.body).unwrap();
        json["Notification"]["Name"].as_str().unwrap().to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(own, _)| own.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }
}

/// The answer that does not come.
pub(crate) const NEVER: &str = "never";

pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    got: Arc<Mutex<Vec<Got>>>,
    news: Arc<Notify>,
}

impl Receiver {
    /// Answers the request of this number (from 0) with a status line and headers; nothing at all
    /// for an empty text. For [`NEVER`] it keeps the connection and says nothing.
    pub(crate) async fn start(
        answer: impl Fn(usize, &Got) -> String + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let receiver = Self {
            address: listener.local_addr().unwrap(),
            got: Arc::default(),
            news: Arc::default(),
        };
        let (got, news) = (Arc::clone(&receiver.got), Arc::clone(&receiver.news));
        let answer = Arc::new(answer);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (got, news) = (Arc::clone(&got), Arc::clone(&news));
                let answer = Arc::clone(&answer);
                tokio::spawn(async move {
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        head.push(stream.read_u8().await.unwrap());
                    }
                    let head = String::from_utf8(head).unwrap();
                    let mut one = Got {
                        head,
                        body: String::new(),
                    };
                    let length = one.header("content-length").unwrap().parse().unwrap();
                    let mut body = vec![0; length];
                    stream.read_exact(&mut body).await.unwrap();
                    one.body = String::from_utf8(body).unwrap();
                    let number = {
                        let mut got = got.lock().unwrap();
                        got.push(one.clone());
                        got.len() - 1
                    };
                    let answer = answer(number, &one);
                    if answer == NEVER {
                        news.notify_waiters();
                        return std::future::pending().await;
                    }
                    if !answer.is_empty() {
                        let answer = format!("HTTP/1.1 {answer}\r\nContent-Length: 0\r\n\r\n");
                        let _ = stream.write_all(answer.as_bytes()).await;
                    }
                    news.notify_waiters();
                });
            }
        });
        receiver
    }

    pub(crate) fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.got().iter().map(Got::name).collect()
    }

    /// Waits until what came is enough.
    pub(crate) async fn until(&self, enough: impl Fn(&[Got]) -> bool) -> Vec<Got> {
        let wait = async {
            loop {
                let news = self.news.notified();
                let got = self.got();
                if enough(&got) {
                    return got;
                }
                let _ = tokio::time::timeout(Duration::from_millis(200), news).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), wait)
            .await
            .unwrap_or_else(|_| panic!("only these came: {:?}", self.got()))
    }

    pub(crate) fn options(&self) -> WebhookOptions {
        WebhookOptions {
            endpoint: format!("http://{}/hook", self.address),
            ..WebhookOptions::default()
        }
    }
}

pub(crate) async fn store() -> (TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.sqlite");
    let store = Store::open(&Database::Sqlite { path }).await.unwrap();
    (folder, store)
}

/// Makes a notification, and gives its name.
pub(crate) async fn tell(store: &Store, vulnerability: &str) -> String {
    let edit = Edit::Merge {
        description: String::new(),
        link: String::new(),
        severity: Severity::Low,
        metadata: None,
        fixes: Vec::new(),
    };
    let namespace = Namespace {
        name: "debian:12".to_owned(),
        version_format: "dpkg".to_owned(),
    };
    store
        .edit_vulnerability(&namespace, vulnerability, edit, None)
        .await
        .unwrap();
    let all = store.notifications(NotificationId(0), 1000).await.unwrap();
    all.last().unwrap().name.clone()
}

/// A notifier that runs until it is dropped.
pub(crate) struct Running(CancellationToken);

impl Running {
    pub(crate) fn start(store: &Store, webhook: &WebhookOptions, options: Options) -> Self {
        let stop = CancellationToken::new();
        let webhook = Webhook::new(webhook).unwrap();
        let notifier = Notifier::new(store.clone(), webhook, options, Arc::new(Nobody));
        let token = stop.clone();
        tokio::spawn(async move { notifier.run(&token).await.unwrap() });
        Self(stop)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

struct Nobody;

impl Watch for Nobody {
    fn delivered(&self, _after: Duration) {}
    fn refused(&self) {}
    fn behind(&self, _backlog: &Backlog) {}
}
