//! A reader of gzip files.

use std::io::{self, BufRead, Read};

use crc32fast::Hasher;

use crate::decoder::{Decoder, Fault};

const HEADER: Fault = Fault("invalid gzip header");

/// Longest name or comment of a member.
const TEXT: u64 = 65_535;

/// Reads what the members of a gzip file (RFC 1952) hold, one after the other.
///
/// Checksums and sizes are compared. What is damaged, or follows the last member, is an error of
/// kind [`io::ErrorKind::InvalidData`]; what is cut short one of [`io::ErrorKind::UnexpectedEof`].
pub struct Gunzip<R> {
    input: R,
    decoder: Decoder,
    state: State,
    checksum: Hasher,
    /// Bytes of this member so far, as far as they fit.
    size: u32,
}

#[derive(Clone, Copy)]
enum State {
    First,
    Body,
    Between,
    Over,
    Failed,
}

impl<R: BufRead> Gunzip<R> {
    /// Reads the file that `input` is.
    pub fn new(input: R) -> Self {
        Self {
            input,
            decoder: Decoder::new(),
            state: State::First,
            checksum: Hasher::new(),
            size: 0,
        }
    }

    fn fill(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.state {
                State::Over => return Ok(0),
                State::Failed => return Err(Fault("a gzip file that has failed before").into()),
                State::First | State::Between => {
                    if matches!(self.state, State::Between) && self.is_over()? {
                        self.state = State::Over;
                        continue;
                    }
                    self.header()?;
                    self.decoder.reset();
                    self.checksum.reset();
                    self.size = 0;
                    self.state = State::Body;
                }
                State::Body => {
                    let count = self.decoder.read(&mut self.input, buffer)?;
                    if count > 0 {
                        self.checksum
                            .update(buffer.get(..count).unwrap_or_default());
                        self.size = self.size.wrapping_add(count as u32);
                        return Ok(count);
                    }
                    self.trailer()?;
                    self.state = State::Between;
                }
            }
        }
    }

    fn is_over(&mut self) -> io::Result<bool> {
        loop {
            match self.input.fill_buf() {
                Ok(rest) => return Ok(rest.is_empty()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Reads a member's header (RFC 1952, section 2.3).
    fn header(&mut self) -> io::Result<()> {
        const CHECKSUM: u8 = 1 << 1;
        const EXTRA: u8 = 1 << 2;
        const NAME: u8 = 1 << 3;
        const COMMENT: u8 = 1 << 4;
        const RESERVED: u8 = 0xe0;
        let mut header = Header {
            input: &mut self.input,
            checksum: Hasher::new(),
        };
        let [0x1f, 0x8b, 8, flags, ..] = header.array::<10>()? else {
            return Err(HEADER.into());
        };
        if flags & RESERVED != 0 {
            return Err(HEADER.into());
        }
        if flags & EXTRA != 0 {
            for _ in 0..u16::from_le_bytes(header.array()?) {
                header.array::<1>()?;
            }
        }
        for text in [NAME, COMMENT] {
            if flags & text != 0 {
                header.text()?;
            }
        }
        if flags & CHECKSUM != 0 {
            let sum = header.checksum.clone().finalize();
            if header.array()? != (sum as u16).to_le_bytes() {
                return Err(Fault("a gzip header without its checksum").into());
            }
        }
        Ok(())
    }

    /// Compares a member with what its end says.
    fn trailer(&mut self) -> io::Result<()> {
        let mut trailer = Header {
            input: &mut self.input,
            checksum: Hasher::new(),
        };
        let checksum = u32::from_le_bytes(trailer.array()?);
        let size = u32::from_le_bytes(trailer.array()?);
        if checksum != self.checksum.clone().finalize() || size != self.size {
            return Err(Fault("a gzip member that does not match its checksum").into());
        }
        Ok(())
    }
}

impl<R: BufRead> Read for Gunzip<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let read = self.fill(buffer);
        if read.is_err() {
            self.state = State::Failed;
        }
        read
    }
}

/// A header being read.
struct Header<'a, R> {
    input: &'a mut R,
    checksum: Hasher,
}

impl<R: BufRead> Header<'_, R> {
    fn array<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.input.read_exact(&mut bytes)?;
        self.checksum.update(&bytes);
        Ok(bytes)
    }

    fn text(&mut self) -> io::Result<()> {
        for _ in 0..=TEXT {
            if self.array()? == [0] {
                return Ok(());
            }
        }
        Err(Fault("a gzip header with an endless name or comment").into())
    }
}
