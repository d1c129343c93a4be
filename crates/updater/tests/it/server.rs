//! A feed server on loopback that misbehaves as told.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What to answer.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// 200 with these headers and this body; 304 if the request has the `etag` among them.
    Body(Vec<(&'static str, String)>, Vec<u8>),
    /// A status without a body, and headers.
    Status(u16, Vec<(&'static str, String)>),
    /// Headers that promise this many bytes, and the connection ends after fewer.
    CutShort(usize, Vec<u8>),
    /// Headers, then nothing ever.
    HangInBody,
    /// Nothing ever.
    Hang,
    /// A byte every few milliseconds.
    Drip,
}

impl Answer {
    pub(crate) fn body(body: impl Into<Vec<u8>>) -> Self {
        Self::Body(Vec::new(), body.into())
    }
}

/// One request that came.
#[derive(Clone, Debug)]
pub(crate) struct Hit {
    pub(crate) path: String,
    /// Names in lower case.
    pub(crate) headers: HashMap<String, String>,
}

#[derive(Default)]
struct Shared {
    /// Answers to each path in turn; the last one stays.
    routes: HashMap<String, Vec<Answer>>,
    hits: Vec<Hit>,
}

/// The server; it ends with the test's runtime.
pub(crate) struct Server {
    pub(crate) url: String,
    shared: Arc<Mutex<Shared>>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::<Mutex<Shared>>::default();
        let server = Self {
            url,
            shared: Arc::clone(&shared),
        };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&shared)));
            }
        });
        server
    }

    /// Answers a path with these in turn, the last one from then on.
    pub(crate) fn answer(&self, path: &str, answers: impl Into<Vec<Answer>>) {
        self.shared
            .lock()
            .unwrap()
            .routes
            .insert(path.to_owned(), answers.into());
    }

    /// Requests so far for this path.
    pub(crate) fn hits(&self, path: &str) -> Vec<Hit> {
        self.all_hits()
            .into_iter()
            .filter(|hit| hit.path == path)
            .collect()
    }

    pub(crate) fn all_hits(&self) -> Vec<Hit> {
        self.shared.lock().unwrap().hits.clone()
    }
}

/// Serves one request; errors are the client's going away.
async fn serve(mut stream: TcpStream, shared: Arc<Mutex<Shared>>) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).ok()?;
    let mut lines = head.lines();
    let path = lines.next()?.split(' ').nth(1)?.to_owned();
    let headers: HashMap<_, _> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let answer = {
        let mut shared = shared.lock().unwrap();
        shared.hits.push(Hit {
            path: path.clone(),
            headers: headers.clone(),
        });
        match shared.routes.get_mut(&path) {
            None => Answer::Status(404, Vec::new()),
            Some(answers) if answers.len() > 1 => answers.remove(0),
            Some(answers) => answers.first()?.clone(),
        }
    };
    let write_head = |status: u16, length: usize, extra: &[(&str, String)]| {
        let mut head =
            format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n");
        extra
            .iter()
            .for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
        head + "\r\n"
    };
    match answer {
        Answer::Body(extra, body) => {
            let etag = extra
                .iter()
                .find(|(name, _)| *name == "etag")
                .map(|(_, value)| value);
            if etag.is_some() && etag == headers.get("if-none-match") {
                stream
                    .write_all(write_head(304, 0, &extra).as_bytes())
                    .await
                    .ok()?;
            } else {
                stream
                    .write_all(write_head(200, body.len(), &extra).as_bytes())
                    .await
                    .ok()?;
                stream.write_all(&body).await.ok()?;
            }
        }
        Answer::Status(status, extra) => {
            stream
                .write_all(write_head(status, 0, &extra).as_bytes())
                .await
                .ok()?;
        }
        Answer::CutShort(promised, body) => {
            stream
                .write_all(write_head(200, promised, &[]).as_bytes())
                .await
                .ok()?;
            stream.write_all(&body).await.ok()?;
        }
        Answer::HangInBody => {
            stream
                .write_all(write_head(200, 100, &[]).as_bytes())
                .await
                .ok()?;
            std::future::pending::<()>().await;
        }
        Answer::Hang => std::future::pending::<()>().await,
        Answer::Drip => {
            stream
                .write_all(write_head(200, 1 << 20, &[]).as_bytes())
                .await
                .ok()?;
            let mut beat = tokio::time::interval(Duration::from_millis(5));
            loop {
                beat.tick().await;
                stream.write_all(b" ").await.ok()?;
            }
        }
    }
    stream.shutdown().await.ok()
}
