//! containerd's content store, with a metadata file that bbolt wrote (`docker.io/library/debian:12` in
//! the namespace `default`). The digest in it is replaced by that of an image made here.

use std::path::Path;

use pellucid_image::OpenOptions;
use pellucid_testkit::{Compression, ImageBuilder, LayerBuilder};

use crate::seen;

const METADATA: &[u8] = include_bytes!("../data/containerd/meta.db");
const DIGEST: &str = "@DIGEST@";

fn image() -> ImageBuilder {
    ImageBuilder::new()
        .compression(Compression::Gzip)
        .layer(LayerBuilder::new().file("etc/os-release", "ID=debian\n"))
}

/// Writes the store; the metadata's digest and size are those of the image's manifest.
fn store(root: &Path) -> String {
    let content = root.join("io.containerd.content.v1.content");
    image().oci_layout(&content);
    let index = std::fs::read_to_string(content.join("index.json")).unwrap();
    let index: serde_json::Value = serde_json::from_str(&index).unwrap();
    let entry = &index["manifests"][0];
    let digest = entry["digest"].as_str().unwrap().to_owned();
    for aside in ["index.json", "oci-layout"] {
        std::fs::remove_file(content.join(aside)).unwrap();
    }
    let size = entry["size"].as_u64().unwrap();
    let mut metadata = METADATA.to_vec();
    replace(&mut metadata, DIGEST.as_bytes(), digest.as_bytes());
    // A number of two bytes, as Go writes it.
    let twice = size * 2;
    let written = [
        u8::try_from(twice & 0x7f).unwrap() | 0x80,
        u8::try_from(twice >> 7).unwrap(),
    ];
    replace(&mut metadata, &SIZE, &written);
    let folder = root.join("io.containerd.metadata.v1.bolt");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("meta.db"), metadata).unwrap();
    digest
}

/// 4242, as Go writes it, after its key.
const SIZE: [u8; 2] = [0xa4, 0x42];

fn replace(bytes: &mut [u8], from: &[u8], to: &[u8]) {
    let places: Vec<usize> = (0..bytes.len() - to.len())
        .filter(|at| bytes[*at..].starts_with(from))
        .collect();
    assert!(!places.is_empty());
    for at in places {
        bytes[at..at + to.len()].copy_from_slice(to);
    }
}

#[test]
fn an_image_is_found_by_its_name_in_the_metadata() {
    let root = tempfile::tempdir().unwrap();
    let digest = store(root.path());
    let path = root.path().to_str().unwrap();
    for reference in [
        path.to_owned(),
        format!("containerd:{path}#debian:12"),
        format!("containerd:{path}#default/docker.io/library/debian:12"),
        format!("containerd:{path}#{digest}"),
    ] {
        let layers = seen::image(&reference, &OpenOptions::default()).unwrap();
        assert_eq!(layers[0].0[0].0, "file etc/os-release 10", "{reference}");
        let opened = pellucid_image::open(&reference, &OpenOptions::default()).unwrap();
        assert_eq!(opened.image().tags, ["docker.io/library/debian:12"]);
        assert_eq!(opened.image().digest.unwrap().to_string(), digest);
    }
    let absent = seen::image(
        &format!("containerd:{path}#alpine"),
        &OpenOptions::default(),
    );
    let said = absent.unwrap_err().to_string();
    assert!(
        said.contains("there is: default/docker.io/library/debian:12"),
        "{said}"
    );
}

#[test]
fn damaged_metadata_is_an_error_and_never_a_panic() {
    let root = tempfile::tempdir().unwrap();
    let digest = store(root.path());
    let path = root.path().join("io.containerd.metadata.v1.bolt/meta.db");
    let whole = std::fs::read(&path).unwrap();
    let reference = format!("containerd:{}", root.path().display());
    for at in (0..whole.len()).step_by(97) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0xff;
        let answers = [damaged, whole[..at].to_vec()].map(|bytes| {
            std::fs::write(&path, bytes).unwrap();
            pellucid_image::open(&reference, &OpenOptions::default()).ok()
        });
        // What still leads to an image leads to the right one.
        for opened in answers.iter().flatten() {
            assert_eq!(opened.image().digest.unwrap().to_string(), digest, "{at}");
        }
    }
}
