//! Bundles carried from one catalog to another.

use std::path::Path;

use pellucid_snapshot::bundle::{self, Imported, SigningKey, VerifyingKey};
use pellucid_snapshot::{Builder, Catalog, FeedStatus};

use crate::fixture::{advisory, affected, meta};

/// RFC 8410's example, made for nothing but examples.
const PRIVATE: &str = "302e020100300506032b657004220420d4ee72dbf913584ad5b6d8f1f769f8ad3afe7c28cbf1d4fbe097a88f44755842";
const PUBLIC: &str =
    "302a300506032b657003210019bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1";

fn der(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2);
    digits
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// A catalog with so many advisories of Debian, fetched at a time.
fn catalog(directory: &Path, count: usize, fetched_at: i64) -> Catalog {
    let catalog = Catalog::open(directory).unwrap();
    let path = catalog.building_path("debian").unwrap();
    let mut builder = Builder::create(path, meta()).unwrap();
    for number in 0..count {
        let of = vec![affected("debian:12", "openssl", "3")];
        builder
            .add(&advisory(&format!("CVE-2024-{number:04}"), of))
            .unwrap();
    }
    let status = FeedStatus {
        last_checked: Some(fetched_at),
        ..FeedStatus::default()
    };
    catalog
        .publish("debian", builder.finish().unwrap(), fetched_at, status)
        .unwrap();
    catalog
}

#[test]
fn an_old_bundle_takes_nothing_back() {
    let (before, here) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let old = catalog(before.path(), 1, 1_000);
    let key = SigningKey::from_der(&der(PRIVATE)).unwrap();
    let mut carried = Vec::new();
    bundle::export(&old, &["debian".to_owned()], Some(&key), &mut carried).unwrap();

    let catalog = catalog(here.path(), 2, 2_000);
    let key = VerifyingKey::from_der(&der(PUBLIC)).unwrap();
    let became = |older| {
        let imported = bundle::import(&catalog, carried.as_slice(), Some(&key), older).unwrap();
        let now = catalog.reference("debian").unwrap();
        let count = catalog.current("debian").unwrap().unwrap().advisories();
        (imported[0].1, count, now.fetched_at)
    };
    // Rightly signed, and yet a way to have a vulnerability unknown again.
    assert_eq!(became(false), (Imported::Older, 2, 2_000));
    // Who asks for it has old data that is known to be old.
    assert_eq!(became(true), (Imported::Published, 1, 1_000));
}

#[test]
fn a_bundle_cannot_say_that_it_is_younger_than_it_was_signed() {
    let before = tempfile::tempdir().unwrap();
    let old = catalog(before.path(), 1, 1_000);
    let key = SigningKey::from_der(&der(PRIVATE)).unwrap();
    let mut carried = Vec::new();
    bundle::export(&old, &["debian".to_owned()], Some(&key), &mut carried).unwrap();
    let at = carried
        .windows(4)
        .position(|window| window == b"1000")
        .unwrap();
    carried[at..at + 4].copy_from_slice(b"9000");

    let here = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(here.path()).unwrap();
    let key = VerifyingKey::from_der(&der(PUBLIC)).unwrap();
    let refused = bundle::import(&catalog, carried.as_slice(), Some(&key), true);
    assert!(
        matches!(refused, Err(bundle::BundleError::Signature)),
        "{refused:?}"
    );
    assert!(catalog.current("debian").unwrap().is_none());
}
