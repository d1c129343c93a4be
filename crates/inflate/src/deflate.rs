//! A reader of one DEFLATE stream.

use std::io::{self, BufRead, Read};

use crate::decoder::Decoder;

/// Reads what a DEFLATE stream (RFC 1951) holds.
///
/// A stream that is damaged is an error of kind [`io::ErrorKind::InvalidData`], one that is cut
/// short one of kind [`io::ErrorKind::UnexpectedEof`]. No byte behind the stream is taken from the
/// reader.
pub struct Inflate<R> {
    input: R,
    decoder: Decoder,
}

impl<R: BufRead> Inflate<R> {
    /// Reads the stream with which `input` begins.
    pub fn new(input: R) -> Self {
        Self {
            input,
            decoder: Decoder::new(),
        }
    }
}

impl<R: BufRead> Read for Inflate<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.decoder.read(&mut self.input, buffer)
    }
}
