//! A blob as a stream that survives its connection: what was cut is asked for from where it ended.
//!
//! Nothing is kept: pieces go from the connection to the layer's reader, which computes the digest
//! and compares it.

use std::io::{self, Read};
use std::ops::Range;

use reqwest::{Response, StatusCode};

use super::RegistryFault;
use super::answer;
use super::body::Body;
use super::client::{Client, Endpoint, Get};

/// Reads one blob, or a part of it.
pub(super) struct BlobReader<'a> {
    client: &'a Client,
    endpoints: Vec<Endpoint>,
    path: String,
    /// Offset in the blob of the next byte to be asked for.
    at: u64,
    /// Offset after the last byte that is wanted.
    end: u64,
    /// Whether that is also the blob's end, so that what follows is an error.
    whole: bool,
    body: Option<Body>,
    /// Whether the last answer was just the part that was asked for.
    partial: bool,
    /// Bytes of an answer that begins before what is wanted.
    skip: u64,
    piece: Vec<u8>,
    /// What of the piece is wanted and was not read yet.
    unread: Range<usize>,
    /// Answers that brought nothing, one after another.
    fruitless: u32,
}

impl<'a> BlobReader<'a> {
    /// All of a blob.
    pub(super) fn whole(
        client: &'a Client,
        endpoints: Vec<Endpoint>,
        digest: &str,
        size: u64,
    ) -> Self {
        Self {
            whole: true,
            ..Self::part(client, endpoints, digest, 0, size)
        }
    }

    /// The bytes from `at` to before `end`.
    pub(super) fn part(
        client: &'a Client,
        endpoints: Vec<Endpoint>,
        digest: &str,
        at: u64,
        end: u64,
    ) -> Self {
        Self {
            client,
            endpoints,
            path: format!("blobs/{digest}"),
            at,
            end,
            whole: false,
            body: None,
            partial: false,
            skip: 0,
            piece: Vec::new(),
            unread: 0..0,
            fruitless: 0,
        }
    }

    /// Whether the registry answers with just the part that was asked for.
    pub(super) fn is_partial(&mut self) -> Result<bool, RegistryFault> {
        if self.body.is_none() {
            self.ask()?;
        }
        Ok(self.partial)
    }

    /// Gets the next piece; nothing of it is unread at the end.
    fn next(&mut self) -> Result<(), RegistryFault> {
        loop {
            let Some(body) = &mut self.body else {
                if self.at >= self.end && !(self.whole && self.end == 0 && self.at == 0) {
                    return Ok(());
                }
                self.ask()?;
                continue;
            };
            match body.next(std::mem::take(&mut self.piece)) {
                Ok(Some(piece)) => {
                    let there = piece.len();
                    self.piece = piece;
                    let skipped = usize::try_from(self.skip).unwrap_or(there).min(there);
                    self.skip -= skipped as u64;
                    let mut wanted = there - skipped;
                    if !self.whole {
                        let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
                        wanted = wanted.min(left);
                    }
                    if wanted == 0 {
                        if !self.whole && self.at >= self.end {
                            self.body = None;
                        }
                        continue;
                    }
                    self.fruitless = 0;
                    self.at += wanted as u64;
                    self.unread = skipped..skipped + wanted;
                    return Ok(());
                }
                Ok(None) if self.at >= self.end => {
                    self.body = None;
                    return Ok(());
                }
                // Cut, and politely: an answer may have no length.
                Ok(None) => self.cut(None)?,
                Err(fault) => self.cut(Some(fault))?,
            }
        }
    }

    fn cut(&mut self, fault: Option<RegistryFault>) -> Result<(), RegistryFault> {
        self.body = None;
        self.fruitless += 1;
        if self.fruitless <= self.client.options().retries {
            return Ok(());
        }
        Err(fault.unwrap_or_else(|| RegistryFault::Protocol {
            host: self.host(),
            reason: "it ends blobs early, again and again",
        }))
    }

    fn ask(&mut self) -> Result<(), RegistryFault> {
        let range = match (self.at, self.whole) {
            (0, true) => None,
            (at, true) => Some((at, None)),
            (at, false) => Some((at, Some(self.end.saturating_sub(1)))),
        };
        let get = Get {
            path: self.path.clone(),
            accept: "*/*",
            range,
        };
        let (response, endpoint) = first(self.client, &self.endpoints, &get)?;
        // A resumed blob is one from the same place.
        self.endpoints.retain(|other| *other == endpoint);
        self.skip = match (response.status(), range) {
            (StatusCode::PARTIAL_CONTENT, Some((first, _))) => {
                if answer::begins_at(response.headers()) != Some(first) {
                    return Err(RegistryFault::Protocol {
                        host: endpoint.host,
                        reason: "it answers with another range than was asked for",
                    });
                }
                0
            }
            _ => self.at,
        };
        self.partial = response.status() == StatusCode::PARTIAL_CONTENT;
        self.body = Some(Body::of(response, self.client)?);
        Ok(())
    }

    fn host(&self) -> String {
        let first = self.endpoints.first();
        first.map(|one| one.host.clone()).unwrap_or_default()
    }
}

impl Read for BlobReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.unread.is_empty() {
            self.next().map_err(io::Error::other)?;
        }
        let count = self.unread.len().min(buffer.len());
        let from = self.unread.start..self.unread.start + count;
        if let (Some(to), Some(from)) = (buffer.get_mut(..count), self.piece.get(from)) {
            to.copy_from_slice(from);
        }
        self.unread.start += count;
        Ok(count)
    }
}

/// The answer of the first place that has one.
pub(super) fn first(
    client: &Client,
    endpoints: &[Endpoint],
    get: &Get,
) -> Result<(Response, Endpoint), RegistryFault> {
    let mut fault = None;
    for endpoint in endpoints {
        match client.get(endpoint, get) {
            Ok(response) => return Ok((response, endpoint.clone())),
            Err(error) => {
                client.pass_over(endpoint, &error);
                fault = Some(error);
            }
        }
    }
    Err(fault.unwrap_or(RegistryFault::Protocol {
        host: String::new(),
        reason: "there is no place to ask",
    }))
}
