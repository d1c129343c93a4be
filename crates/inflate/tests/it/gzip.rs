//! gzip files: members, headers and what stands at their ends.

use std::io::{self, ErrorKind, Read as _, Write as _};

use flate2::{Compression, GzBuilder};
use pellucid_inflate::Gunzip;

fn unpacked(file: &[u8]) -> io::Result<Vec<u8>> {
    let mut all = Vec::new();
    Gunzip::new(file).read_to_end(&mut all)?;
    Ok(all)
}

fn by_flate2(file: &[u8]) -> Option<Vec<u8>> {
    let mut all = Vec::new();
    let mut reader = flate2::bufread::MultiGzDecoder::new(file);
    reader.read_to_end(&mut all).ok().map(|_| all)
}

fn member(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzBuilder::new()
        .filename("a name")
        .comment("a comment")
        .extra(*b"four")
        .write(Vec::new(), Compression::new(6));
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn members_follow_each_other() {
    let file = [member(b"one, "), member(b""), member(b"two")].concat();
    assert_eq!(unpacked(&file).unwrap(), b"one, two");
}

#[test]
fn a_match_does_not_reach_into_the_member_before() {
    // A member whose match of nine goes back further than its one literal.
    let mut second = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
    second.extend([0x4b, 0x84, 0x13, 0x00]);
    second.extend([0; 8]);
    let file = [member(&[b'x'; 40_000]), second].concat();
    assert_eq!(unpacked(&file).ok(), by_flate2(&file));
    assert!(unpacked(&file).is_err());
}

#[test]
fn a_file_that_is_damaged_anywhere_is_an_error() {
    let file = member(b"some text, some text, some more of it");
    for place in 0..file.len() {
        let mut damaged = file.clone();
        damaged[place] ^= 0x40;
        assert_eq!(unpacked(&damaged).ok(), by_flate2(&damaged), "byte {place}");
    }
    for place in file.len() - 8..file.len() {
        let mut damaged = file.clone();
        damaged[place] ^= 1;
        let error = unpacked(&damaged).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData);
        assert_eq!(
            error.to_string(),
            "a gzip member that does not match its checksum"
        );
    }
}

#[test]
fn a_file_that_is_cut_or_goes_on_is_an_error() {
    let file = member(b"some text, some text, some more of it");
    for end in 0..file.len() {
        let error = unpacked(&file[..end]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof, "{end}");
    }
    for rest in [&b"\0"[..], b"no member, but more of it", &[0; 600]] {
        assert!(unpacked(&[&file, rest].concat()).is_err());
    }
}

#[test]
fn headers_have_bounds_and_checksums() {
    let mut endless = vec![0x1f, 0x8b, 8, 1 << 3, 0, 0, 0, 0, 0, 3];
    endless.extend([b'n'; 70_000]);
    assert_eq!(
        unpacked(&endless).unwrap_err().to_string(),
        "a gzip header with an endless name or comment"
    );
    let reserved = [
        0x1f,
        0x8b,
        8,
        1 << 5,
        0,
        0,
        0,
        0,
        0,
        3,
        3,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
    ];
    assert_eq!(
        unpacked(&reserved).unwrap_err().to_string(),
        "invalid gzip header"
    );
    // An empty member whose header has a checksum: of the ten bytes before it.
    let header = [0x1f, 0x8b, 8, 1 << 1, 0, 0, 0, 0, 0, 3];
    let mut sum = crc32(&header).to_le_bytes()[..2].to_vec();
    let rest = [3, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let whole = |sum: &[u8]| [&header[..], sum, &rest].concat();
    assert_eq!(unpacked(&whole(&sum)).unwrap(), b"");
    sum[0] ^= 1;
    assert!(unpacked(&whole(&sum)).is_err());
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}
