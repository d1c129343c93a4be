//! DEFLATE streams, held against another decoder.

use std::io::{Read, Write as _};

use pellucid_inflate::Inflate;

/// Bytes that are looked at of what comes out.
const MOST: u64 = 4 << 20;

/// Both decoders give the same bytes, or both refuse the stream, whatever the size of the pieces.
pub(crate) fn run(data: &[u8]) {
    let other = inflated(flate2::bufread::DeflateDecoder::new(data));
    let (first, stream) = data.split_first().unwrap_or((&0, data));
    assert_eq!(inflated(Inflate::new(data)), other, "as flate2 has it");
    let other = inflated(flate2::bufread::DeflateDecoder::new(stream));
    let pieces = std::io::BufReader::with_capacity(usize::from(*first) + 1, stream);
    assert_eq!(
        inflated(Inflate::new(pieces)),
        other,
        "as flate2 has it, in pieces"
    );
}

fn inflated(reader: impl Read) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = reader.take(MOST).read_to_end(&mut bytes);
    read.is_ok().then_some(bytes)
}

/// Text, runs and noise, packed at three levels.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let text = b"a word, another word, and a word again\n".repeat(40);
    let noise: Vec<u8> = (0..3_000_u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    let samples = [text, vec![0; 5_000], noise];
    let pack = |bytes: &[u8], level| {
        let mut encoder =
            flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::new(level));
        let _ = encoder.write_all(bytes);
        encoder.finish().unwrap_or_default()
    };
    let levels = [0, 1, 9];
    samples
        .iter()
        .flat_map(|bytes| levels.map(|level| pack(bytes, level)))
        .collect()
}
