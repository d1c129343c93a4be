//! A layer that is cut gives an error, or all its packages: never a shorter list.

use std::io::Write as _;

use bzip2::write::BzEncoder;
use flate2::write::GzEncoder;
use liblzma::write::XzEncoder;
use pellucid_detect::{LayerInventory, layer};
use pellucid_image::{Expected, Limits, read_layer_stream};
use pellucid_testkit::LayerBuilder;

use crate::layers::status;

/// Places where each layer is cut.
const CUTS: usize = 1000;

/// Distribution, packages of three kinds, and what does not compress between them.
fn whole() -> Vec<u8> {
    let mut number = 1_u32;
    let noise = std::iter::repeat_with(|| {
        number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (number >> 24) as u8
    });
    let noise: Vec<u8> = noise.take(20_000).collect();
    LayerBuilder::new()
        .file("etc/os-release", "ID=debian\nVERSION_ID=12\n")
        .file("noise/before", &noise)
        .file("var/lib/dpkg/status", status(&["tar 1.34", "openssl 3.0"]))
        .file("noise/between", &noise)
        .file(
            "app/node_modules/a/package.json",
            r#"{"name":"a","version":"1.0.0"}"#,
        )
        .file(
            "usr/lib/python3/dist-packages/b-2.dist-info/METADATA",
            "Metadata-Version: 2.1\nName: b\nVersion: 2\n",
        )
        .tar()
}

fn read(mut blob: &[u8]) -> Option<LayerInventory> {
    let mut visitor = layer();
    let (expected, limits) = (Expected::default(), Limits::default());
    read_layer_stream(&mut blob, &expected, &limits, &mut visitor, &()).ok()?;
    visitor.finish(0).ok()
}

#[test]
fn a_layer_cut_at_any_thousandth_gives_an_error_or_all_its_packages() {
    let tar = whole();
    let mut gzip = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&tar).unwrap();
    let mut bzip2 = BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    bzip2.write_all(&tar).unwrap();
    let mut xz = XzEncoder::new(Vec::new(), 0);
    xz.write_all(&tar).unwrap();
    let blobs = [
        ("gzip", gzip.finish().unwrap()),
        ("zstd", zstd::encode_all(&*tar, 1).unwrap()),
        ("bzip2", bzip2.finish().unwrap()),
        ("xz", xz.finish().unwrap()),
        ("plain", tar.clone()),
    ];
    let all = read(&tar).unwrap();
    assert!(all.files().len() >= 4, "{:?}", all.files());
    for (name, blob) in blobs {
        assert!(read(&blob).unwrap() == all, "{name}");
        let mut read_whole = 0;
        for cut in 0..CUTS {
            let length = cut * blob.len() / CUTS;
            if let Some(found) = read(&blob[..length]) {
                assert!(found == all, "{name} cut at {length} of {}", blob.len());
                read_whole += 1;
            }
        }
        // Only what ends a tar can be missing.
        assert!(
            read_whole < CUTS / 20,
            "{name}: {read_whole} cuts were passed over"
        );
    }
}
