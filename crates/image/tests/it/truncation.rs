//! A layer cut anywhere gives an error, or everything: never a part.

use std::io::{self, Read};

use pellucid_image::{Expected, Limits};

use crate::build::{bzip2, docker, gzip, saved, sha256, various, xz, zstd};
use crate::seen::{Line, image_at, read, stream, tar};

const CUTS: usize = 200;

fn whole() -> (Vec<u8>, Vec<Line>) {
    let plain = various().end();
    let lines = tar(&plain).unwrap().lines;
    (plain, lines)
}

fn cuts(length: usize) -> impl Iterator<Item = usize> {
    (0..CUTS)
        .map(move |cut| cut * length / CUTS)
        .chain((1..=8).map(move |back| length - back))
}

/// The layer in every compression, by its name.
fn blobs(plain: &[u8]) -> [(&'static str, Vec<u8>); 6] {
    [
        ("plain", plain.to_vec()),
        ("gzip", gzip(plain)),
        ("zstd", zstd(plain)),
        ("bzip2", bzip2(plain)),
        ("xz", xz(plain)),
        ("gzip members", plain.chunks(5000).flat_map(gzip).collect()),
    ]
}

#[test]
fn of_a_stream_without_digests() {
    let (plain, lines) = whole();
    for (name, blob) in blobs(&plain) {
        for cut in cuts(blob.len()) {
            if let Ok((seen, _)) = stream(&blob[..cut], &Expected::default(), &Limits::default()) {
                assert!(seen.lines == lines, "{name} cut at {cut} of {}", blob.len());
            }
        }
    }
}

/// Gives the bytes, then the error of a disk that fails.
struct Broken<'a>(&'a [u8]);

impl Read for Broken<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer)? {
            0 => Err(io::Error::from_raw_os_error(5)),
            count => Ok(count),
        }
    }
}

#[test]
fn an_input_error_anywhere_is_the_layer_s() {
    let (plain, _) = whole();
    for (name, blob) in blobs(&plain) {
        for end in cuts(blob.len()).chain([blob.len()]) {
            let mut broken = Broken(blob.get(..end).unwrap());
            let error = read(&mut broken, &Expected::default(), &Limits::default()).err();
            let error = error.unwrap_or_else(|| panic!("{name} that fails at {end} is accepted"));
            let text = format!("{error:?}");
            assert!(text.contains("code: 5"), "{name} at {end}: {text}");
        }
    }
}

#[test]
fn of_a_stream_whose_members_hide_the_cut() {
    // Cut between two gzip members that lie between two tar members: only a digest can tell.
    let tar = various();
    let (start, rest) = tar.0.split_at(1536);
    let blob = [gzip(start), gzip(rest)].concat();
    let expected = Expected {
        digest: Some(sha256(&blob)),
        ..Expected::default()
    };
    assert!(stream(&blob, &expected, &Limits::default()).is_ok());
    assert!(stream(&gzip(start), &expected, &Limits::default()).is_err());
}

#[test]
fn of_a_layer_in_an_archive() {
    let folder = tempfile::tempdir().unwrap();
    let (plain, lines) = whole();
    // The archive knows the diff id of the whole layer, but no size.
    let names = |cut: usize| {
        let mut files = docker("web:latest", std::slice::from_ref(&plain));
        files.0[0].1.truncate(cut);
        image_at(&saved(&folder, &files.tar()))
    };
    assert!(names(plain.len()).unwrap()[0].0 == lines);
    let blocks = (0..plain.len() / 512).step_by(3).map(|block| block * 512);
    for cut in cuts(plain.len()).chain(blocks) {
        if let Ok(layers) = names(cut) {
            assert!(layers[0].0 == lines, "cut at {cut} of {}", plain.len());
        }
    }
}

#[test]
fn of_the_archive_around_it() {
    let folder = tempfile::tempdir().unwrap();
    let (plain, lines) = whole();
    let archive = docker("web:latest", std::slice::from_ref(&plain)).tar();
    for (name, archive) in [("tar", archive.clone()), ("tar.gz", gzip(&archive))] {
        for cut in cuts(archive.len()).step_by(4) {
            if let Ok(layers) = image_at(&saved(&folder, &archive[..cut])) {
                assert!(
                    layers[0].0 == lines,
                    "{name} cut at {cut} of {}",
                    archive.len()
                );
            }
        }
    }
}
