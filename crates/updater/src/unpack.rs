//! Undoing gzip, xz, zstd and bzip2, one around the other if need be.
//!
//! Told by magic bytes, not by name: the same file comes plain, compressed by upstream, or
//! compressed once more in transit. No document of any feed begins with one of these. Archives are
//! `archive.rs`'s.

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};

/// Compressions around each other; more is no feed.
const DEPTH: usize = 3;
/// Most memory that an xz file may ask for, in bytes.
const XZ_MEMORY: u64 = 128 << 20;
/// Largest window of a zstd frame, as a power of two.
const ZSTD_WINDOW: u32 = 27;

/// Why a file has no plain bytes.
#[derive(Debug)]
pub(crate) enum UnpackError {
    TooLarge,
    Damaged(io::Error),
}

/// The plain bytes of a file of this length, at most so many.
pub(crate) fn unpack(file: File, length: u64, limit: u64) -> Result<Vec<u8>, UnpackError> {
    let (reader, layers) = layers(file)?;
    // A guess, so that growing does not copy too often; never more than a few times what is there.
    let expected = length.saturating_mul(if layers == 0 { 1 } else { 4 });
    let mut body = Vec::with_capacity(expected.min(limit) as usize + 1);
    // One byte more than allowed shows that there is more.
    reader
        .take(limit.saturating_add(1))
        .read_to_end(&mut body)
        .map_err(UnpackError::Damaged)?;
    if body.len() as u64 > limit {
        return Err(UnpackError::TooLarge);
    }
    Ok(body)
}

/// The plain bytes of a file as they are asked for.
pub(crate) fn plain(file: File) -> Result<Box<dyn Read>, UnpackError> {
    Ok(layers(file)?.0)
}

/// The plain bytes, and how many compressions were around them.
fn layers(file: File) -> Result<(Box<dyn Read>, usize), UnpackError> {
    let mut reader: Box<dyn Read> = Box::new(file);
    for depth in 0..DEPTH {
        let mut head = Vec::new();
        reader
            .by_ref()
            .take(6)
            .read_to_end(&mut head)
            .map_err(UnpackError::Damaged)?;
        let magic = head.clone();
        let whole = BufReader::with_capacity(128 << 10, Cursor::new(head).chain(reader));
        reader = match decoder(&magic, whole).map_err(UnpackError::Damaged)? {
            Decoder::Plain(plain) => return Ok((plain, depth)),
            Decoder::Packed(unpacked) => unpacked,
        };
    }
    Ok((reader, DEPTH))
}

enum Decoder {
    Plain(Box<dyn Read>),
    Packed(Box<dyn Read>),
}

fn decoder(magic: &[u8], reader: impl io::BufRead + 'static) -> io::Result<Decoder> {
    Ok(Decoder::Packed(if magic.starts_with(b"\x1f\x8b\x08") {
        Box::new(pellucid_inflate::Gunzip::new(reader))
    } else if magic.starts_with(b"\xfd7zXZ\0") {
        let stream =
            liblzma::stream::Stream::new_stream_decoder(XZ_MEMORY, liblzma::stream::CONCATENATED)?;
        Box::new(liblzma::bufread::XzDecoder::new_stream(reader, stream))
    } else if magic.starts_with(b"\x28\xb5\x2f\xfd") {
        let mut decoder = zstd::stream::read::Decoder::with_buffer(reader)?;
        decoder.window_log_max(ZSTD_WINDOW)?;
        Box::new(decoder)
    } else if magic.starts_with(b"BZh") {
        Box::new(bzip2::bufread::MultiBzDecoder::new(reader))
    } else {
        return Ok(Decoder::Plain(Box::new(reader)));
    }))
}

#[cfg(test)]
mod tests {
    use std::io::{Seek as _, Write as _};

    use super::*;

    fn unpacked(bytes: &[u8], limit: u64) -> Result<Vec<u8>, UnpackError> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file.rewind().unwrap();
        unpack(file, bytes.len() as u64, limit)
    }

    fn packed(text: &[u8]) -> [(&'static str, Vec<u8>); 4] {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(text).unwrap();
        let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 1);
        xz.write_all(text).unwrap();
        let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        bzip2.write_all(text).unwrap();
        [
            ("gzip", gzip.finish().unwrap()),
            ("xz", xz.finish().unwrap()),
            ("zstd", zstd::encode_all(text, 1).unwrap()),
            ("bzip2", bzip2.finish().unwrap()),
        ]
    }

    #[test]
    fn every_compression_is_undone_even_twice_and_none_is_cut_unnoticed() {
        let text: Vec<u8> = (0..4000_u32)
            .flat_map(|number| number.to_string().into_bytes())
            .collect();
        assert_eq!(unpacked(&text, 1 << 20).unwrap(), text);
        for (name, once) in packed(&text) {
            assert_eq!(unpacked(&once, 1 << 20).unwrap(), text, "{name}");
            for (outer, twice) in packed(&once) {
                assert_eq!(unpacked(&twice, 1 << 20).unwrap(), text, "{outer} {name}");
            }
            let several = [once.clone(), once.clone()].concat();
            assert_eq!(
                unpacked(&several, 1 << 20).unwrap(),
                text.repeat(2),
                "{name} twice in a row"
            );
            for end in (6..once.len()).step_by(97) {
                assert!(
                    unpacked(&once[..end], 1 << 20).is_err(),
                    "{name} cut at {end}"
                );
            }
        }
    }

    #[test]
    fn a_bomb_stops_at_the_limit() {
        for (name, bomb) in packed(&vec![0; 4 << 20]) {
            assert!(
                matches!(unpacked(&bomb, 1 << 20), Err(UnpackError::TooLarge)),
                "{name}"
            );
        }
        assert!(unpacked(&[7; 100], 100).is_ok());
        assert!(matches!(
            unpacked(&[7; 101], 100),
            Err(UnpackError::TooLarge)
        ));
    }
}
