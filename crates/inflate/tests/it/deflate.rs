//! DEFLATE streams, beside those that flate2 reads and writes.

use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _};

use flate2::Compression;
use flate2::write::DeflateEncoder;
use pellucid_inflate::Inflate;
use proptest::prelude::*;

/// Reads a stream `input` bytes at a time into buffers of `output` bytes.
fn inflated(stream: &[u8], input: usize, output: usize) -> std::io::Result<Vec<u8>> {
    let mut reader = Inflate::new(BufReader::with_capacity(input, stream));
    let (mut all, mut buffer) = (Vec::new(), vec![0; output]);
    loop {
        match reader.read(&mut buffer)? {
            0 => return Ok(all),
            count => all.extend_from_slice(&buffer[..count]),
        }
    }
}

fn packed(bytes: &[u8], level: u32) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::new(level));
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// What flate2 makes of it.
fn by_flate2(stream: &[u8]) -> Option<Vec<u8>> {
    let mut all = Vec::new();
    let mut reader = flate2::bufread::DeflateDecoder::new(stream);
    reader.read_to_end(&mut all).ok().map(|_| all)
}

/// Numbers that look random and are the same in every run.
fn noise(seed: u64) -> impl Iterator<Item = u8> {
    let mut state = seed | 1;
    std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 24) as u8
    })
}

/// Text, noise, runs, short periods and repetitions from as far back as can be.
fn samples() -> Vec<Vec<u8>> {
    let mut samples = vec![Vec::new(), vec![7], vec![0; 100_000]];
    samples.push(noise(1).take(70_000).collect());
    samples.push(noise(2).take(90_000).map(|byte| byte & 15).collect());
    for period in [2, 3, 5, 7, 8, 9, 15, 16, 17, 255, 32_767, 32_768, 32_769] {
        let once: Vec<u8> = noise(period).take(period as usize).collect();
        samples.push(once.into_iter().cycle().take(120_000).collect());
    }
    let mut mixed = Vec::new();
    for part in 0..400_u64 {
        mixed.extend(noise(part).take(part as usize % 90));
        let from = mixed.len().saturating_sub(part as usize * 91 % 40_000);
        mixed.extend_from_within(from..(from + part as usize).min(mixed.len()));
        writeln!(mixed, "line {part} of some text, of some text").unwrap();
    }
    samples.push(mixed);
    samples
}

#[test]
fn every_sample_comes_back_in_pieces_of_any_size() {
    for sample in samples() {
        for level in [0, 1, 6, 9] {
            let stream = packed(&sample, level);
            for (input, output) in [
                (131_072, 262_144),
                (1, 1_000),
                (40, 299),
                (33, 1),
                (300, 400),
            ] {
                let found = inflated(&stream, input, output).unwrap();
                assert!(found == sample, "level {level}, pieces {input} {output}");
            }
        }
    }
}

#[test]
fn codes_of_any_length_are_looked_up() {
    // How often a byte comes doubles from one to the next, so that codes get as long as they can.
    let mut bytes = Vec::new();
    for value in 0..22_u8 {
        bytes.extend(std::iter::repeat_n(value * 11, 1 << (21 - value)));
    }
    let scattered: Vec<u8> = (0..bytes.len())
        .map(|place| bytes[place * 1_000_003 % bytes.len()])
        .collect();
    let stream = packed(&scattered, 9);
    assert!(inflated(&stream, 65_536, 65_536).unwrap() == scattered);
    assert!(inflated(&stream, 1, 65_536).unwrap() == scattered);
}

#[test]
fn fixed_codes_and_blocks_as_they_are() {
    // "aaaaaaaaaa" as a literal and a match of nine from one back, in fixed codes.
    let stream = [0x4b, 0x84, 0x03, 0x00];
    assert_eq!(
        inflated(&stream, 9, 99).unwrap(),
        by_flate2(&stream).unwrap()
    );
    assert_eq!(inflated(&stream, 9, 99).unwrap(), b"aaaaaaaaaa");
    let stored = [1, 3, 0, 0xfc, 0xff, b'a', b'b', b'c'];
    assert_eq!(inflated(&stored, 2, 2).unwrap(), b"abc");
    let empty = [1, 0, 0, 0xff, 0xff];
    assert_eq!(inflated(&empty, 2, 2).unwrap(), b"");
}

#[test]
fn what_zlib_refuses_is_refused() {
    // Streams of zlib's own tests (`test/infcover.c`), with what it says of them.
    for (stream, says) in [
        (&[0x06][..], "invalid block type"),
        (&[0x01, 0, 0, 0, 0], "invalid stored block lengths"),
        (&[0xfc, 0, 0], "too many length or distance symbols"),
        (&[0x04, 0, 0xfe, 0xff], "invalid code lengths set"),
        (&[0x04, 0, 0x24, 0x49, 0], "invalid bit length repeat"),
        (
            &[0x04, 0, 0x24, 0xe9, 0xff, 0xff],
            "invalid bit length repeat",
        ),
        (
            &[0x04, 0, 0x24, 0xe9, 0xff, 0x6d],
            "invalid code -- missing end-of-block",
        ),
        (
            &[
                4, 0x80, 0x49, 0x92, 0x24, 0x49, 0x92, 0x24, 0x71, 0xff, 0xff, 0x93, 0x11, 0,
            ],
            "invalid literal/lengths set",
        ),
        (
            &[
                4, 0x80, 0x49, 0x92, 0x24, 0x49, 0x92, 0x24, 0x0f, 0xb4, 0xff, 0xff, 0xc3, 0x84,
            ],
            "invalid distances set",
        ),
        (&[0x02, 0x7e, 0xff, 0xff], "invalid distance code"),
        (
            &[0x0c, 0xc0, 0x81, 0, 0, 0, 0, 0, 0x90, 0xff, 0x6b, 0x04, 0],
            "invalid distance too far back",
        ),
    ] {
        let error = inflated(stream, 9, 999).unwrap_err();
        assert_eq!(error.to_string(), says, "{stream:x?}");
        assert_eq!(error.kind(), ErrorKind::InvalidData);
        assert_eq!(by_flate2(stream), None, "{stream:x?}");
    }
}

#[test]
fn a_stream_that_is_cut_is_an_error_and_stays_one() {
    let sample = &samples()[4][..3_000];
    for level in [0, 1, 9] {
        let stream = packed(sample, level);
        for end in 0..stream.len() {
            let error = inflated(&stream[..end], 64, 500).unwrap_err();
            assert_eq!(
                error.kind(),
                ErrorKind::UnexpectedEof,
                "level {level}, {end}"
            );
        }
        let mut reader = Inflate::new(&stream[..stream.len() - 1]);
        assert!(reader.read_to_end(&mut Vec::new()).is_err());
        assert!(reader.read(&mut [0; 9]).is_err());
    }
}

#[test]
fn what_follows_is_left_to_the_reader() {
    for sample in samples() {
        for level in [0, 6] {
            let mut stream = packed(&sample, level);
            stream
                .extend_from_slice(b"what follows it, and more than the decoder would look ahead");
            let mut reader = BufReader::new(&*stream);
            Inflate::new(&mut reader)
                .read_to_end(&mut Vec::new())
                .unwrap();
            assert!(reader.fill_buf().unwrap().starts_with(b"what follows"));
        }
    }
}

proptest! {
    #[test]
    fn bytes_come_back(bytes in prop::collection::vec(0..12_u8, 0..5_000), level in 0..10_u32, input in 1..200_usize) {
        prop_assert_eq!(inflated(&packed(&bytes, level), input, 700).unwrap(), bytes);
    }

    #[test]
    fn a_damaged_stream_gives_what_zlib_gives(
        which in 0..20_usize, level in 1..10_u32, place in any::<prop::sample::Index>(), bit in 0..8_u32,
        input in 1..100_usize,
    ) {
        let samples = samples();
        let sample = &samples[which % samples.len()];
        let mut stream = packed(&sample[..sample.len().min(20_000)], level);
        // Most of what can be wrong is in the first bytes, where the codes stand.
        let place = place.index(stream.len().min(400));
        stream[place] ^= 1 << bit;
        prop_assert_eq!(inflated(&stream, input, 3_000).ok(), by_flate2(&stream));
        prop_assert_eq!(inflated(&stream, 9_000, 3_000).ok(), by_flate2(&stream));
    }

    #[test]
    fn any_bytes_give_what_zlib_gives(mut stream in prop::collection::vec(any::<u8>(), 1..300), kind in 0..3_u8) {
        stream[0] = stream[0] & !7 | kind << 1 | 1;
        prop_assert_eq!(inflated(&stream, 300, 5_000).ok(), by_flate2(&stream));
        prop_assert_eq!(inflated(&stream, 3, 50).ok(), by_flate2(&stream));
    }
}
