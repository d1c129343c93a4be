//! A layer's two digests and its compressions.

use pellucid_image::{Expected, Limits};
use pellucid_model::{Digest, DigestState};
use proptest::prelude::*;
use sha2::{Digest as _, Sha512};

use crate::build::{Tar, bzip2, docker, gzip, saved, sha256, various, xz, zstd};
use crate::seen::{chain, image_at, stream, tar};

fn unknown() -> Expected {
    Expected::default()
}

#[test]
fn every_compression_gives_the_same_entries() {
    let plain = various().end();
    let wanted = tar(&plain).unwrap().lines;
    let (start, rest) = plain.split_at(plain.len() / 3);
    let skippable = b"\x5a\x2a\x4d\x18\x03\0\0\0abc";
    for (name, blob) in [
        ("gzip", gzip(&plain)),
        ("zstd", zstd(&plain)),
        ("bzip2", bzip2(&plain)),
        ("xz", xz(&plain)),
        ("two gzip members", [gzip(start), gzip(rest)].concat()),
        ("two zstd frames", [zstd(start), zstd(rest)].concat()),
        ("two bzip2 streams", [bzip2(start), bzip2(rest)].concat()),
        ("two xz streams", [xz(start), xz(rest)].concat()),
        (
            "a skippable frame first",
            [&skippable[..], &zstd(&plain)].concat(),
        ),
        (
            "a skippable frame last",
            [&zstd(&plain), &skippable[..]].concat(),
        ),
    ] {
        let (seen, read) = stream(&blob, &unknown(), &Limits::default()).unwrap();
        assert!(seen.lines == wanted, "{name}");
        assert_eq!(read.digest, Some(sha256(&blob)), "{name}");
        assert_eq!(read.diff_id, Some(sha256(&plain)), "{name}");
        assert_eq!(read.digest_state, DigestState::Verified);
        assert_eq!(
            (read.blob_bytes, read.tar_bytes),
            (blob.len() as u64, plain.len() as u64)
        );
        assert_eq!(read.entries, wanted.len() as u64);
    }
}

#[test]
fn bytes_after_the_compressed_stream_are_an_error() {
    let plain = various().end();
    for (name, blob) in [
        ("gzip", gzip(&plain)),
        ("zstd", zstd(&plain)),
        ("bzip2", bzip2(&plain)),
        ("xz", xz(&plain)),
    ] {
        for garbage in [&b"garbage"[..], b"x", &[b'y'; 300_000]] {
            let blob = [&blob, garbage].concat();
            let error = stream(&blob, &unknown(), &Limits::default()).err();
            let error = chain(&error.unwrap_or_else(|| panic!("{name}: {}", garbage.len())));
            assert!(
                error.contains(&format!("the {name} stream is broken")),
                "{error}"
            );
        }
    }
}

#[test]
fn a_wrong_check_sum_is_an_error() {
    let plain = various().end();
    let mut blob = gzip(&plain);
    let at = blob.len() - 6;
    blob[at] ^= 1;
    assert!(stream(&blob, &unknown(), &Limits::default()).is_err());
}

#[test]
fn digests_that_do_not_fit_are_errors() {
    let plain = various().end();
    for blob in [gzip(&plain), plain.clone()] {
        let (digest, diff_id) = (sha256(&blob), sha256(&plain));
        let other = sha256(b"other");
        let size = Some(blob.len() as u64);
        let right = Expected {
            index: Some(3),
            digest: Some(digest),
            diff_id: Some(diff_id),
            size,
        };
        stream(&blob, &right, &Limits::default()).unwrap();
        for (wrong, text) in [
            (
                Expected {
                    digest: Some(other),
                    ..right
                },
                "the blob has the digest",
            ),
            (
                Expected {
                    diff_id: Some(other),
                    ..right
                },
                "diff id",
            ),
            (
                Expected {
                    size: Some(5),
                    ..right
                },
                "bytes, not 5",
            ),
        ] {
            let error = chain(&stream(&blob, &wrong, &Limits::default()).err().unwrap());
            assert!(error.contains(text), "{error}");
            assert!(error.starts_with("layer 3 (sha256:"), "{error}");
        }
        let sha512 = |bytes: &[u8]| Some(Digest::Sha512(Sha512::digest(bytes).into()));
        for right in [
            Expected {
                digest: sha512(&blob),
                ..right
            },
            Expected {
                diff_id: sha512(&plain),
                ..right
            },
            Expected {
                diff_id: sha512(&plain),
                digest: None,
                ..right
            },
        ] {
            stream(&blob, &right, &Limits::default()).unwrap();
        }
    }
}

#[test]
fn a_visitor_hears_of_progress() {
    struct Heard(std::sync::Mutex<Vec<(usize, u64)>>);
    impl pellucid_image::Progress for Heard {
        fn bytes(&self, layer: usize, read: u64) {
            self.0.lock().unwrap().push((layer, read));
        }
    }
    let blob = gzip(&various().end());
    let heard = Heard(Default::default());
    let expected = Expected {
        index: Some(5),
        ..Default::default()
    };
    let mut seen = crate::seen::Seen::default();
    pellucid_image::read_layer_stream(
        &mut &*blob,
        &expected,
        &Limits::default(),
        &mut seen,
        &heard,
    )
    .unwrap();
    assert_eq!(
        heard.0.into_inner().unwrap().last(),
        Some(&(5, blob.len() as u64))
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Seeking over bodies and reading through them must agree, whatever the bytes.
    #[test]
    fn both_ways_through_a_layer_see_the_same(
        damage in prop::collection::vec((0_usize..8192, any::<u8>()), 0..4),
        cut in prop::option::of(0_usize..8192),
    ) {
        let mut bytes = Tar::default()
            .pax(&[("size", "700"), ("path", "long")])
            .file("x", &[b'1'; 700])
            .pax(&[("GNU.sparse.map", "5,1"), ("GNU.sparse.size", "9")])
            .file("sparse", b"1")
            .directory("d/")
            .symlink("l", "m")
            .file("last", &[b'2'; 5000][..3000])
            .end();
        for (at, byte) in damage {
            let at = at % bytes.len();
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut);
        }
        let folder = tempfile::tempdir().unwrap();
        let archive = docker("web:1", std::slice::from_ref(&bytes)).tar();
        let seeked = image_at(&saved(&folder, &archive));
        let expected = Expected { diff_id: Some(sha256(&bytes)), ..Expected::default() };
        let streamed = stream(&bytes, &expected, &Limits::default());
        match (seeked, streamed) {
            (Ok(layers), Ok((seen, _))) => prop_assert_eq!(&layers[0].0, &seen.lines),
            (Err(_), Err(_)) => {}
            (seeked, streamed) => prop_assert!(false, "{} {}", seeked.is_ok(), streamed.is_ok()),
        }
    }
}
