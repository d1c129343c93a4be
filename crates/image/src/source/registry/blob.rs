//! A blob as a stream that survives its connection: what was cut is asked for from where it ended.
//!
//! Nothing is kept: pieces go from the connection to the layer's reader, which computes the digest
//! and compares it.

use std::io::{self, Read};

use bytes::{Buf as _, Bytes};
use reqwest::{Response, StatusCode, header};

use super::RegistryFault;
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
    response: Option<Response>,
    /// Bytes of an answer that begins before what is wanted.
    skip: u64,
    piece: Bytes,
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
            response: None,
            skip: 0,
            piece: Bytes::new(),
            fruitless: 0,
        }
    }

    /// Whether the registry answers with just the part that was asked for.
    pub(super) fn is_partial(&mut self) -> Result<bool, RegistryFault> {
        if self.response.is_none() {
            self.ask()?;
        }
        let response = self.response.as_ref();
        Ok(response.is_some_and(|one| one.status() == StatusCode::PARTIAL_CONTENT))
    }

    /// The next piece; empty at the end.
    fn next(&mut self) -> Result<Bytes, RegistryFault> {
        loop {
            let Some(response) = &mut self.response else {
                if self.at >= self.end && !(self.whole && self.end == 0 && self.at == 0) {
                    return Ok(Bytes::new());
                }
                self.ask()?;
                continue;
            };
            match self.client.chunk(response) {
                Ok(Some(mut piece)) => {
                    let skipped = self.skip.min(piece.len() as u64);
                    piece.advance(usize::try_from(skipped).unwrap_or(piece.len()));
                    self.skip -= skipped;
                    if !self.whole {
                        let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
                        piece.truncate(left);
                    }
                    if piece.is_empty() {
                        if !self.whole && self.at >= self.end {
                            self.response = None;
                        }
                        continue;
                    }
                    self.fruitless = 0;
                    self.at += piece.len() as u64;
                    return Ok(piece);
                }
                Ok(None) if self.at >= self.end => {
                    self.response = None;
                    return Ok(Bytes::new());
                }
                // Cut, and politely: an answer may have no length.
                Ok(None) => self.cut(None)?,
                Err(fault) => self.cut(Some(fault))?,
            }
        }
    }

    fn cut(&mut self, fault: Option<RegistryFault>) -> Result<(), RegistryFault> {
        self.response = None;
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
            path: &self.path,
            accept: "*/*",
            range,
        };
        let (response, endpoint) = first(self.client, &self.endpoints, get)?;
        // A resumed blob is one from the same place.
        self.endpoints.retain(|other| *other == endpoint);
        self.skip = match (response.status(), range) {
            (StatusCode::PARTIAL_CONTENT, Some((first, _))) => {
                if begins_at(&response) != Some(first) {
                    return Err(RegistryFault::Protocol {
                        host: endpoint.host,
                        reason: "it answers with another range than was asked for",
                    });
                }
                0
            }
            _ => self.at,
        };
        self.response = Some(response);
        Ok(())
    }

    fn host(&self) -> String {
        let first = self.endpoints.first();
        first.map(|one| one.host.clone()).unwrap_or_default()
    }
}

impl Read for BlobReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.piece.is_empty() {
            self.piece = self.next().map_err(io::Error::other)?;
        }
        let count = self.piece.len().min(buffer.len());
        if let Some(to) = buffer.get_mut(..count) {
            self.piece.copy_to_slice(to);
        }
        Ok(count)
    }
}

/// The answer of the first place that has one.
pub(super) fn first(
    client: &Client,
    endpoints: &[Endpoint],
    get: Get<'_>,
) -> Result<(Response, Endpoint), RegistryFault> {
    let mut fault = None;
    for endpoint in endpoints {
        match client.get(endpoint, get) {
            Ok(response) => return Ok((response, endpoint.clone())),
            Err(error) => fault = Some(error),
        }
    }
    Err(fault.unwrap_or(RegistryFault::Protocol {
        host: String::new(),
        reason: "there is no place to ask",
    }))
}

/// Where a partial answer begins.
fn begins_at(response: &Response) -> Option<u64> {
    let text = response
        .headers()
        .get(header::CONTENT_RANGE)?
        .to_str()
        .ok()?;
    let range = text.trim().strip_prefix("bytes")?.trim_start();
    range.split('-').next()?.trim().parse().ok()
}
