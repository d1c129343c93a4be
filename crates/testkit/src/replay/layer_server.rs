//! The server on loopback that a recording's layers are fetched from.
//!
//! `/layers/F` is the file; `/auth/F` the same for whoever sends `X-Golden-Auth: s3cret`;
//! `/redirect/F` leads to `/layers/F`; `/gzenc/F` is the file compressed on the way; `/status/N` an
//! empty answer with that status.

use std::fs;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use flate2::Compression;
use flate2::write::GzEncoder;

/// A running server; dropping it stops it.
#[derive(Debug)]
pub struct LayerServer {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
}

impl LayerServer {
    /// Serves the `layers` folder of a recording.
    ///
    /// # Errors
    /// No port on loopback can be had.
    pub fn start(recording: &Path) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let stop = Arc::new(AtomicBool::new(false));
        let (folder, stopped) = (recording.join("layers"), Arc::clone(&stop));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                let (Ok(stream), folder) = (stream, folder.clone()) else {
                    continue;
                };
                // A caller that goes away has what it wanted.
                std::thread::spawn(move || serve(stream, &folder).unwrap_or_default());
            }
        });
        Ok(Self { address, stop })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for LayerServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Wakes the thread that waits for a connection.
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(mut stream: TcpStream, folder: &Path) -> io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let mut has_key = false;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
            break;
        }
        has_key |= line.trim().split_once(": ").is_some_and(|(name, value)| {
            name.eq_ignore_ascii_case("x-golden-auth") && value == "s3cret"
        });
    }
    let target = first.split(' ').nth(1).unwrap_or_default();
    let target = target.split('?').next().unwrap_or(target);
    let mut parts = target.trim_start_matches('/').splitn(2, '/');
    let (kind, name) = (
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
    );
    // A name with folders in it is not one of the recording's.
    let file = || fs::read(folder.join(name.replace('/', "")));
    let (status, header, body) = match kind {
        "auth" if !has_key => (401, String::new(), Vec::new()),
        "layers" | "auth" => match file() {
            Ok(body) => (200, String::new(), body),
            Err(_) => (404, String::new(), Vec::new()),
        },
        "redirect" => (302, format!("Location: /layers/{name}\r\n"), Vec::new()),
        "gzenc" => match file() {
            Ok(body) => {
                let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
                gzip.write_all(&body)?;
                (200, "Content-Encoding: gzip\r\n".to_owned(), gzip.finish()?)
            }
            Err(_) => (404, String::new(), Vec::new()),
        },
        "status" => (name.parse().unwrap_or(400), String::new(), Vec::new()),
        _ => (404, String::new(), Vec::new()),
    };
    let length = match status {
        204 => String::new(),
        _ => format!("Content-Length: {}\r\n", body.len()),
    };
    write!(
        stream,
        "HTTP/1.1 {status} status\r\n{header}{length}Connection: close\r\n\r\n"
    )?;
    stream.write_all(&body)
}
