//! An image's archive: its members, manifests and configuration.

use std::io::Write as _;

use pellucid_detect::DetectOptions;
use pellucid_image::{Limits, OpenOptions};
use pellucid_model::Inventory;
use pellucid_testkit::{Compression, ImageBuilder, LayerBuilder};

/// Opens the archive and reads what is in it.
pub(crate) fn run(data: &[u8]) {
    let _ = inventory(data);
}

/// What is in the archive; nothing if it cannot be read.
pub(crate) fn inventory(data: &[u8]) -> Option<Inventory> {
    let mut file = tempfile::NamedTempFile::new().ok()?;
    file.write_all(data).and_then(|()| file.flush()).ok()?;
    let options = OpenOptions {
        limits: Limits {
            image_bytes: 16 << 20,
            layer_bytes: 16 << 20,
            window_bytes: 16 << 20,
            image_layers: 32,
            ..Limits::default()
        },
        ..OpenOptions::default()
    };
    let image = pellucid_image::open(&file.path().to_string_lossy(), &options).ok()?;
    let detect = DetectOptions {
        threads: 1,
        ..DetectOptions::default()
    };
    pellucid_detect::image(&image, &detect, &()).ok()
}

fn image() -> ImageBuilder {
    let status = b"Package: a\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n\n";
    ImageBuilder::new()
        .tag("example:1")
        .layer(
            LayerBuilder::new()
                .created_by("ADD rootfs")
                .file("etc/os-release", "ID=debian\nVERSION_ID=\"12\"\n")
                .file("var/lib/dpkg/status", status),
        )
        .layer(LayerBuilder::new().whiteout("etc/gone"))
}

/// Archives as `docker save` writes them.
pub(crate) fn docker() -> Vec<Vec<u8>> {
    vec![
        image().docker_archive(),
        image().compression(Compression::Gzip).docker_archive(),
    ]
}

/// OCI layouts in an archive.
pub(crate) fn oci() -> Vec<Vec<u8>> {
    vec![
        image().oci_archive(),
        image().compression(Compression::Gzip).oci_archive(),
    ]
}
