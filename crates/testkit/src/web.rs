//! A web server on loopback that answers as a test wants and remembers what it was asked.

use std::io::{self, BufRead as _, BufReader, Read as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// What was asked.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// `GET` and the like.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// What followed.
    pub body: Vec<u8>,
}

impl Request {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(own, _)| own == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// What is answered.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// `200` and the like.
    pub status: u16,
    /// Beside the length.
    pub headers: Vec<(String, String)>,
    /// All of it.
    pub body: Vec<u8>,
    /// After so many bytes of the body the connection breaks.
    pub cut: Option<usize>,
}

impl Answer {
    /// A body that is well.
    pub fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self::status(200).body(body)
    }

    /// Nothing but a status.
    pub fn status(status: u16) -> Self {
        Self {
            status,
            ..Self::default()
        }
    }

    /// With a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// With a body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }
}

/// A running server; dropping it stops it.
pub struct WebServer {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    asked: Arc<Mutex<Vec<Request>>>,
}

impl WebServer {
    /// Serves on a free port.
    pub fn start(answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let address = listener.local_addr().expect("it is bound");
        let stop = Arc::new(AtomicBool::new(false));
        let asked: Arc<Mutex<Vec<Request>>> = Arc::default();
        let (stopped, log, answer) = (Arc::clone(&stop), Arc::clone(&asked), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                let (Ok(stream), log, answer) = (stream, Arc::clone(&log), Arc::clone(&answer))
                else {
                    continue;
                };
                // A caller that goes away has what it wanted.
                std::thread::spawn(move || {
                    let read = stream.try_clone();
                    if let Ok(read) = read {
                        let _ = serve(read, stream, &log, &*answer);
                    }
                });
            }
        });
        Self {
            address,
            stop,
            asked,
        }
    }

    /// `127.0.0.1:PORT`.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// The same machine under another name: another host to whoever compares names.
    pub fn other_host(&self) -> String {
        format!("localhost:{}", self.address.port())
    }

    /// What was asked so far.
    pub fn asked(&self) -> Vec<Request> {
        self.asked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Drop for WebServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Wakes the thread that waits for a connection.
        let _ = TcpStream::connect(self.address);
    }
}

/// Answers one request of a stream.
pub(crate) fn serve(
    read: impl io::Read,
    mut write: impl io::Write,
    log: &Mutex<Vec<Request>>,
    answer: &dyn Fn(&Request) -> Answer,
) -> io::Result<()> {
    let mut reader = BufReader::new(read);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_ascii_whitespace();
    let mut request = Request {
        method: words.next().unwrap_or_default().to_owned(),
        target: words.next().unwrap_or_default().to_owned(),
        ..Request::default()
    };
    if request.method.is_empty() {
        return Ok(());
    }
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        let pair = (name.to_ascii_lowercase(), value.trim().to_owned());
        request.headers.push(pair);
    }
    let length = request
        .header("content-length")
        .and_then(|n| n.parse().ok());
    request.body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut request.body)?;
    log.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(request.clone());
    let answer = answer(&request);
    write!(
        write,
        "HTTP/1.1 {} x\r\nconnection: close\r\n",
        answer.status
    )?;
    if !answer
        .headers
        .iter()
        .any(|(name, _)| name == "content-length")
    {
        write!(write, "content-length: {}\r\n", answer.body.len())?;
    }
    for (name, value) in &answer.headers {
        write!(write, "{name}: {value}\r\n")?;
    }
    write.write_all(b"\r\n")?;
    let sent = answer
        .cut
        .unwrap_or(answer.body.len())
        .min(answer.body.len());
    write.write_all(answer.body.get(..sent).unwrap_or_default())?;
    write.flush()
}
