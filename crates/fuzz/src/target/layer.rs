//! A layer's blob, read as the scan reads it: decompression, tar, every detector.

use std::io::{Read as _, Write as _};

use pellucid_image::{Expected, Limits, read_layer_stream};
use pellucid_testkit::LayerBuilder;

use crate::seed;

/// Reads the layer; a layer that ends without error was read to its end.
pub(crate) fn run(data: &[u8]) {
    let limits = Limits {
        layer_bytes: 16 << 20,
        image_bytes: 16 << 20,
        file_bytes: 4 << 20,
        window_bytes: 16 << 20,
        layer_entries: 20_000,
        ..Limits::default()
    };
    let mut reader = pellucid_detect::layer();
    let mut blob = data;
    let read = read_layer_stream(&mut blob, &Expected::default(), &limits, &mut reader, &());
    if let Ok(read) = read {
        assert!(read.tar_bytes <= limits.layer_bytes, "the limit holds");
        assert_eq!(read.blob_bytes, data.len() as u64, "read to the end");
        let _ = reader.finish(0);
    }
}

/// Plain tars.
pub(crate) fn tar() -> Vec<Vec<u8>> {
    let status = b"Package: a\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n\n";
    let packages = LayerBuilder::new()
        .directory("var/lib/dpkg/")
        .file("etc/os-release", "ID=debian\nVERSION_ID=\"12\"\n")
        .file("var/lib/dpkg/status", status);
    let links = LayerBuilder::new()
        .symlink("lib", "usr/lib")
        .file("usr/lib/apk/db/installed", "P:musl\nV:1.2.4-r2\n\n")
        .hardlink("lib/other", "usr/lib/apk/db/installed")
        .whiteout("etc/gone")
        .file("etc/.wh..wh..opq", "");
    let long = LayerBuilder::new().file(&"d/".repeat(120), "x");
    let mut seeds: Vec<_> = [packages, links, long]
        .into_iter()
        .map(LayerBuilder::tar)
        .collect();
    seeds.extend(
        seed::files("crates/image/tests/data")
            .into_iter()
            .map(|(_, bytes)| bytes),
    );
    seeds
}

/// The tars with gzip, one of them in two members.
pub(crate) fn gzip() -> Vec<Vec<u8>> {
    let zip = |tar: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        let _ = encoder.write_all(tar);
        encoder.finish().unwrap_or_default()
    };
    let mut seeds: Vec<_> = tar().iter().map(|tar| zip(tar)).collect();
    if let Some((first, second)) = tar().first().map(|tar| {
        let (first, second) = tar.split_at(tar.len() / 2);
        (zip(first), zip(second))
    }) {
        seeds.push([first, second].concat());
    }
    seeds
}

/// The tars with zstd.
pub(crate) fn zstd() -> Vec<Vec<u8>> {
    let zip = |tar: Vec<u8>| zstd::encode_all(&*tar, 1).unwrap_or_default();
    tar().into_iter().map(zip).collect()
}

/// The tars with bzip2.
pub(crate) fn bzip2() -> Vec<Vec<u8>> {
    let zip = |tar: Vec<u8>| {
        let mut zipped = Vec::new();
        let mut encoder = bzip2::read::BzEncoder::new(&*tar, bzip2::Compression::fast());
        let _ = encoder.read_to_end(&mut zipped);
        zipped
    };
    tar().into_iter().map(zip).collect()
}

/// The tars with xz.
pub(crate) fn xz() -> Vec<Vec<u8>> {
    let zip = |tar: Vec<u8>| {
        let mut zipped = Vec::new();
        let mut encoder = liblzma::read::XzEncoder::new(&*tar, 0);
        let _ = encoder.read_to_end(&mut zipped);
        zipped
    };
    tar().into_iter().map(zip).collect()
}
