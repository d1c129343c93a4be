//! An answer's body, copied on the thread that received it.
//!
//! The HTTP client gives each piece a buffer of its own, up to 400 KiB. Were those freed by the threads that
//! read layers, the allocator would give their memory back late: some 40 MiB with four layers at once.
//! So the connections' thread copies pieces into a few buffers, which go to the reader and come back.

use std::time::Duration;

use reqwest::Response;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::RegistryFault;
use super::client::{Client, host_of};

/// Bytes of a buffer.
const BUFFER: usize = 64 << 10;

/// Buffers of a body: one is filled while one is read, and one waits.
const BUFFERS: usize = 3;

/// A body that arrives.
pub(super) struct Body {
    full: Receiver<Result<Vec<u8>, RegistryFault>>,
    empty: Sender<Vec<u8>>,
}

impl Body {
    /// Begins to receive.
    pub(super) fn of(response: Response, client: &Client) -> Result<Self, RegistryFault> {
        let (filled, full) = channel(BUFFERS);
        let (empty, emptied) = channel(BUFFERS);
        for _ in 0..BUFFERS {
            // There is room for as many.
            let _ = empty.try_send(Vec::new());
        }
        client.spawn(receive(response, client.options().stall, filled, emptied))?;
        Ok(Self { full, empty })
    }

    /// Waits for the next piece, `None` at the end; takes back the one before.
    pub(super) fn next(&mut self, used: Vec<u8>) -> Result<Option<Vec<u8>>, RegistryFault> {
        if used.capacity() > 0 {
            // One that finds no room is of the body before.
            let _ = self.empty.try_send(used);
        }
        self.full.blocking_recv().transpose()
    }
}

/// Copies what comes, until its end or until no one reads it any more.
async fn receive(
    mut response: Response,
    stall: Duration,
    full: Sender<Result<Vec<u8>, RegistryFault>>,
    mut empty: Receiver<Vec<u8>>,
) {
    let host = host_of(response.url());
    loop {
        let chunk = tokio::select! {
            chunk = tokio::time::timeout(stall, response.chunk()) => chunk,
            () = full.closed() => return,
        };
        let fault = match chunk {
            Ok(Ok(Some(chunk))) => {
                for part in chunk.chunks(BUFFER) {
                    let Some(mut buffer) = empty.recv().await else {
                        return;
                    };
                    buffer.clear();
                    buffer.extend_from_slice(part);
                    if full.send(Ok(buffer)).await.is_err() {
                        return;
                    }
                }
                continue;
            }
            Ok(Ok(None)) => return,
            Ok(Err(source)) => RegistryFault::Transport {
                host,
                source: source.without_url(),
            },
            Err(_) => RegistryFault::Stalled { host, limit: stall },
        };
        // Whoever listened may have gone.
        let _ = full.send(Err(fault)).await;
        return;
    }
}
