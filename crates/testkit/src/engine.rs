//! An engine on a unix socket that has one image.

use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::web::{Answer, Request, serve};

/// A running engine; dropping it stops it.
pub struct Engine {
    socket: PathBuf,
    stop: Arc<AtomicBool>,
    asked: Arc<Mutex<Vec<Request>>>,
}

impl Engine {
    /// Listens on a socket in a folder, and has an image of this name: what `docker save` gives.
    pub fn start(folder: &Path, name: &str, archive: Vec<u8>) -> Self {
        let socket = folder.join("engine.sock");
        let listener = UnixListener::bind(&socket).expect("the folder takes a socket");
        let stop = Arc::new(AtomicBool::new(false));
        let asked: Arc<Mutex<Vec<Request>>> = Arc::default();
        let (stopped, log, base) = (
            Arc::clone(&stop),
            Arc::clone(&asked),
            format!("/images/{name}"),
        );
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                let answer = |request: &Request| match request.target.strip_prefix(&base) {
                    Some("/json") => Answer::ok("{}"),
                    Some("/get") => Answer::ok(archive.clone()),
                    _ => Answer::status(404),
                };
                // A caller that goes away has what it wanted.
                if let Ok(read) = stream.try_clone() {
                    let _ = serve(read, stream, &log, &answer);
                }
            }
        });
        Self {
            socket,
            stop,
            asked,
        }
    }

    /// Where it listens.
    pub fn socket(&self) -> PathBuf {
        self.socket.clone()
    }

    /// What was asked so far.
    pub fn asked(&self) -> Vec<String> {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.iter().map(|request| request.target.clone()).collect()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Wakes the thread that waits for a connection.
        let _ = UnixStream::connect(&self.socket);
    }
}
