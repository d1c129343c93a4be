//! The server that a remote Clair fetches an image's layers from.
//!
//! It knows the layers' own paths and nothing else, and answers one host: layers hold secrets.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener, TcpStream, ToSocketAddrs as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// Where Clair's client listens.
pub(super) const PORT: u16 = 9279;
/// How long a request may take to come, and a reader to read on.
const PATIENCE: Duration = Duration::from_secs(60);
/// Bytes of a request's header.
const HEADER: u64 = 16 << 10;
/// Requests at once.
const REQUESTS: usize = 64;

/// A running server; dropping it stops it.
pub(super) struct LayerServer {
    stop: Arc<AtomicBool>,
    port: u16,
}

struct Shared {
    folder: PathBuf,
    files: HashSet<String>,
    allowed: HashSet<IpAddr>,
    requests: AtomicUsize,
}

impl LayerServer {
    /// Serves these files of a folder to a host.
    pub(super) fn start(folder: &Path, files: HashSet<String>, host: &str) -> Result<Self, String> {
        Self::start_on(PORT, folder, files, host)
            .map_err(|error| format!("Could not set up HTTP server: {error}"))
    }

    fn start_on(port: u16, folder: &Path, files: HashSet<String>, host: &str) -> io::Result<Self> {
        let allowed = (host, 0).to_socket_addrs()?;
        let shared = Arc::new(Shared {
            folder: folder.to_owned(),
            files,
            allowed: allowed.map(|address| address.ip().to_canonical()).collect(),
            requests: AtomicUsize::new(0),
        });
        // A machine without IPv6 cannot listen on both.
        let listener = TcpListener::bind((Ipv6Addr::UNSPECIFIED, port))
            .or_else(|_| TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)))?;
        let port = listener.local_addr()?.port();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                if shared.requests.fetch_add(1, Ordering::Relaxed) >= REQUESTS {
                    shared.requests.fetch_sub(1, Ordering::Relaxed);
                    continue;
                }
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || {
                    // Who went away does not want the rest.
                    let _ = shared.serve(stream);
                    shared.requests.fetch_sub(1, Ordering::Relaxed);
                });
            }
        });
        Ok(Self { stop, port })
    }
}

impl Drop for LayerServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Wakes the thread that waits for a connection.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
    }
}

impl Shared {
    fn serve(&self, mut stream: TcpStream) -> io::Result<()> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let request = Request::read(stream.try_clone()?)?;
        let file = request.file(&self.files);
        let empty =
            |status| format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        if !self
            .allowed
            .contains(&stream.peer_addr()?.ip().to_canonical())
        {
            return stream.write_all(empty("403 Forbidden").as_bytes());
        }
        let file = match (
            request.method(),
            file.map(|file| File::open(self.folder.join(file))),
        ) {
            ("GET" | "HEAD", Some(Ok(file))) => file,
            _ => return stream.write_all(empty("404 Not Found").as_bytes()),
        };
        write!(
            stream,
            "HTTP/1.1 200 OK\r\nContent-Type: application/x-tar\r\nContent-Length: {}\r\n\
             Connection: close\r\n\r\n",
            file.metadata()?.len()
        )?;
        if request.method() == "GET" {
            io::copy(&mut { file }, &mut stream)?;
        }
        Ok(())
    }
}

/// The first line of a request.
struct Request(String);

impl Request {
    /// Reads a request to the end of its header.
    fn read(from: impl Read) -> io::Result<Self> {
        let mut from = BufReader::new(from.take(HEADER));
        let mut first = String::new();
        from.read_line(&mut first)?;
        let mut line = String::new();
        while from.read_line(&mut line)? > 0 && !line.trim_end().is_empty() {
            line.clear();
        }
        Ok(Self(first))
    }

    fn method(&self) -> &str {
        self.0.split_whitespace().next().unwrap_or_default()
    }

    /// Which of these files it asks for.
    fn file(&self, files: &HashSet<String>) -> Option<&str> {
        let target = self.0.split_whitespace().nth(1)?;
        let file = target.strip_prefix('/')?;
        files.contains(file).then_some(file)
    }
}

/// Reads a request, for `crate::hostile`.
///
/// # Panics
/// When it reads on behind the bound, or names another file than the one that there is.
pub(super) fn hostile(request: &[u8]) {
    let mut rest = request;
    let asked = Request::read(&mut rest);
    assert!((request.len() - rest.len()) as u64 <= HEADER, "read on");
    if let Ok(asked) = asked {
        let files = HashSet::from(["a/layer.tar".to_owned()]);
        let file = asked.file(&files);
        assert!(file.is_none_or(|file| file == "a/layer.tar"), "{file:?}");
        let _ = asked.method();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(server: &LayerServer, request: &str) -> String {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, server.port)).unwrap();
        stream
            .write_all(format!("{request} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes())
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn only_layers_are_served_and_only_to_one_host() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("a")).unwrap();
        for file in ["a/layer.tar", "manifest.json"] {
            std::fs::write(folder.path().join(file), "content").unwrap();
        }
        let files = || HashSet::from(["a/layer.tar".to_owned()]);
        let server = LayerServer::start_on(0, folder.path(), files(), "127.0.0.1").unwrap();
        assert!(ask(&server, "GET /a/layer.tar").ends_with("\r\n\r\ncontent"));
        assert!(ask(&server, "HEAD /a/layer.tar").ends_with("\r\n\r\n"));
        for other in [
            "GET /manifest.json",
            "GET /a/../manifest.json",
            "GET /",
            "PUT /a/layer.tar",
            "",
        ] {
            assert!(ask(&server, other).starts_with("HTTP/1.1 404"), "{other}");
        }
        let server = LayerServer::start_on(0, folder.path(), files(), "192.0.2.1").unwrap();
        assert!(ask(&server, "GET /a/layer.tar").starts_with("HTTP/1.1 403"));
    }
}
