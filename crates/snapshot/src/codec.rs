//! Bytes of the rows: variable-length integers, strings, and zstd around what is worth it.
//!
//! Integers are LEB128, seven bits a byte, lowest first. Strings are a length and UTF-8. Reading is
//! bounded by the bytes at hand: no length is believed before that many bytes are there.

use std::borrow::Cow;
use std::cell::RefCell;
use std::io;

/// The largest row after inflation, in bytes. Nothing larger is written or read.
pub(crate) const MAX_ROW: usize = 64 << 20;
/// Rows below this are stored as they are: a look-up of a small row must not pay for inflation.
const WORTH_COMPRESSING: usize = 2048;

/// Items of a list that memory is taken for before they are read.
pub(crate) const EXPECTED: usize = 64;
/// Most items of a list in an advisory: a byte each in the row, and some dozens once they are read.
pub(crate) const MAX_LIST: usize = 1 << 20;

/// Bytes that are not what the format says.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Malformed(pub(crate) &'static str);

/// Appends values to a byte vector.
#[derive(Default)]
pub(crate) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn byte(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    pub(crate) fn int(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }

    pub(crate) fn len(&mut self, len: usize) {
        self.int(len as u64);
    }

    /// A signed integer, zigzag so that small negative ones stay short.
    pub(crate) fn signed(&mut self, value: i64) {
        self.int((value << 1 ^ value >> 63) as u64);
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.len(text.len());
        self.bytes.extend_from_slice(text.as_bytes());
    }

    pub(crate) fn texts(&mut self, texts: &[String]) {
        self.len(texts.len());
        for text in texts {
            self.text(text);
        }
    }

    pub(crate) fn append(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Takes values from bytes.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn remaining(&self) -> usize {
        self.rest.len()
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Malformed> {
        let (byte, rest) = self.rest.split_first().ok_or(Malformed("ends early"))?;
        self.rest = rest;
        Ok(*byte)
    }

    pub(crate) fn int(&mut self) -> Result<u64, Malformed> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Malformed("has an integer that is too long"))
    }

    pub(crate) fn int32(&mut self) -> Result<u32, Malformed> {
        u32::try_from(self.int()?).map_err(|_| Malformed("has an integer that is too large"))
    }

    pub(crate) fn signed(&mut self) -> Result<i64, Malformed> {
        let value = self.int()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// A count of items that take at least one byte each.
    pub(crate) fn count(&mut self) -> Result<usize, Malformed> {
        let count = usize::try_from(self.int()?).unwrap_or(usize::MAX);
        if count > self.rest.len() {
            return Err(Malformed("counts more items than it has bytes"));
        }
        Ok(count)
    }

    pub(crate) fn bytes(&mut self, len: usize) -> Result<&'a [u8], Malformed> {
        let (head, rest) = self
            .rest
            .split_at_checked(len)
            .ok_or(Malformed("ends early"))?;
        self.rest = rest;
        Ok(head)
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, Malformed> {
        let len = self.count()?;
        std::str::from_utf8(self.bytes(len)?).map_err(|_| Malformed("has text that is not UTF-8"))
    }

    /// A count of items that become much larger than the bytes they are read from.
    pub(crate) fn list_count(&mut self) -> Result<usize, Malformed> {
        let count = self.count()?;
        if count > MAX_LIST {
            return Err(Malformed("has a list that is too long"));
        }
        Ok(count)
    }

    pub(crate) fn texts(&mut self) -> Result<Vec<String>, Malformed> {
        let count = self.list_count()?;
        let mut texts = Vec::with_capacity(count.min(EXPECTED));
        for _ in 0..count {
            texts.push(self.text()?.to_owned());
        }
        Ok(texts)
    }

    pub(crate) fn finish(self) -> Result<(), Malformed> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(Malformed("has bytes left over"))
        }
    }
}

/// zstd's level for large rows. Level 9 takes twice the time and saves two percent.
const LEVEL: i32 = 6;

/// Wraps rows: as they are, or as zstd where that is shorter.
pub(crate) struct Packer {
    compressor: zstd::bulk::Compressor<'static>,
}

impl Packer {
    pub(crate) fn new() -> io::Result<Self> {
        let mut compressor = zstd::bulk::Compressor::new(LEVEL)?;
        // The row's own length stands before it, and the file's digest covers both.
        compressor.include_contentsize(false)?;
        compressor.include_checksum(false)?;
        Ok(Self { compressor })
    }

    /// The wrapped row.
    pub(crate) fn pack(&mut self, raw: &[u8]) -> io::Result<Vec<u8>> {
        if raw.len() >= WORTH_COMPRESSING {
            let mut packed = Writer::new();
            packed.byte(1);
            packed.len(raw.len());
            packed.append(&self.compressor.compress(raw)?);
            if packed.as_bytes().len() < raw.len() {
                return Ok(packed.into_bytes());
            }
        }
        let mut packed = Writer::new();
        packed.byte(0);
        packed.append(raw);
        Ok(packed.into_bytes())
    }
}

/// The row inside [`Packer::pack`]'s wrapping.
pub(crate) fn unpack(packed: &[u8]) -> Result<Cow<'_, [u8]>, Malformed> {
    let mut reader = Reader::new(packed);
    match reader.byte()? {
        0 => Ok(reader.rest.into()),
        1 => {
            let len = usize::try_from(reader.int()?).unwrap_or(usize::MAX);
            if len > MAX_ROW {
                return Err(Malformed("claims to be larger than a row may be"));
            }
            inflate(reader.rest, len)
                .map(Cow::Owned)
                .ok_or(Malformed("is not readable zstd"))
        }
        _ => Err(Malformed("is wrapped in an unknown way")),
    }
}

/// Inflates to exactly `len` bytes; anything else is `None`.
fn inflate(compressed: &[u8], len: usize) -> Option<Vec<u8>> {
    thread_local! {
        static INFLATE: RefCell<Option<zstd::bulk::Decompressor<'static>>> =
            const { RefCell::new(None) };
    }
    INFLATE.with_borrow_mut(|slot| {
        if slot.is_none() {
            *slot = zstd::bulk::Decompressor::new().ok();
        }
        let raw = slot.as_mut()?.decompress(compressed, len).ok()?;
        (raw.len() == len).then_some(raw)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_of_every_size_come_back() {
        for value in [0, 1, 127, 128, 1 << 20, u64::from(u32::MAX), u64::MAX] {
            let mut writer = Writer::new();
            writer.int(value);
            writer.signed(value as i64);
            let bytes = writer.into_bytes();
            let mut reader = Reader::new(&bytes);
            assert_eq!(reader.int(), Ok(value));
            assert_eq!(reader.signed(), Ok(value as i64));
            assert_eq!(reader.finish(), Ok(()));
        }
        assert!(Reader::new(&[0xff; 11]).int().is_err());
        assert!(Reader::new(&[0x80]).int().is_err());
    }

    #[test]
    fn a_length_beyond_the_bytes_is_refused_before_anything_is_allocated() {
        let mut writer = Writer::new();
        writer.int(u64::MAX);
        writer.append(b"abc");
        let bytes = writer.into_bytes();
        assert!(Reader::new(&bytes).texts().is_err());
        let mut bomb = vec![1];
        let mut len = Writer::new();
        len.len(MAX_ROW + 1);
        bomb.extend_from_slice(len.as_bytes());
        assert!(unpack(&bomb).is_err());
    }
}
