//! What can be wrong around the layers: digests, sizes, manifests, indexes, configuration.

use serde_json::{Value, json};

use super::super::End;
use super::tar::{SYMLINK, Tar};
use super::{Case, INDEX, LAYER, Layout, MANIFEST, Made, debian, digest, gzip, place};
use End::{Ends, Fails};

pub(in super::super) const LAYOUTS: &[Case] = &[
    ("digest-mismatch", digest_mismatch, Fails("layer 0")),
    ("diffid-mismatch", diffid_mismatch, Fails("layer 0")),
    ("diffid-count", diffid_count, Fails("diff ids")),
    ("layer-missing", layer_missing, Fails("not there")),
    ("size-mismatch", size_mismatch, Fails("layer 0")),
    ("digest-odd", digest_odd, Fails("digest")),
    (
        "media-type-unknown",
        media_type_unknown,
        Fails("media type"),
    ),
    ("index-loop", index_loop, Fails("index_depth")),
    ("json-deep", json_deep, Fails("not readable")),
    ("json-deep-config", json_deep_config, Fails("configuration")),
    ("json-not-utf8", json_not_utf8, Fails("index.json")),
    ("layers-10000", layers_10000, Ends),
    (
        "docker-path-outside",
        docker_path_outside,
        Fails("not there"),
    ),
    (
        "docker-layer-symlink-outside",
        docker_layer_symlink_outside,
        Fails("not there"),
    ),
    (
        "docker-no-manifest",
        docker_no_manifest,
        Fails("not an image"),
    ),
    (
        "oci-dir-link-outside",
        oci_dir_link_outside,
        Fails("cannot read"),
    ),
];

/// A layout of one layer before it is sealed.
fn one() -> Layout {
    let mut layout = Layout::default();
    let tar = debian().end();
    layout.push(gzip(&tar), digest(&tar));
    layout
}

fn archive(layout: &Layout) -> Made {
    Made::Archive(layout.archive())
}

/// Where the only layer's blob is.
fn place_of_layer(layout: &Layout) -> String {
    place(layout.layers[0]["digest"].as_str().unwrap())
}

fn digest_mismatch() -> Made {
    let mut layout = one().sealed();
    let other = gzip(&debian().file("another", "x").end());
    let place = place_of_layer(&layout);
    layout.files.insert(place, other);
    archive(&layout)
}

fn diffid_mismatch() -> Made {
    let mut layout = one();
    layout.diff_ids = vec![digest(b"another layer")];
    archive(&layout.sealed())
}

fn diffid_count() -> Made {
    let mut layout = one();
    layout.diff_ids.clear();
    archive(&layout.sealed())
}

fn layer_missing() -> Made {
    let mut layout = one();
    let tar = Tar::new().file("upper", "x").end();
    layout.push(gzip(&tar), digest(&tar));
    let mut layout = layout.sealed();
    let upper = place(layout.layers[1]["digest"].as_str().unwrap());
    layout.files.remove(&upper).unwrap();
    archive(&layout)
}

fn size_mismatch() -> Made {
    let mut layout = one();
    layout.layers[0]["size"] = json!(1_u64 << 60);
    archive(&layout.sealed())
}

fn digest_odd() -> Made {
    let mut odd = Vec::new();
    for digest in [
        "sha256:../../../etc/passwd",
        "md5:00000000000000000000000000000000",
        "sha256:FF",
        "sha256:",
        ":",
        "",
    ] {
        let mut layout = one();
        layout
            .layers
            .push(json!({"mediaType": LAYER, "digest": digest, "size": 1}));
        odd.push(layout.sealed().archive());
    }
    Made::Archives(odd)
}

fn media_type_unknown() -> Made {
    let mut layout = one();
    layout.layers[0]["mediaType"] = json!("application/vnd.example.unheard-of");
    archive(&layout.sealed())
}

/// An index of an index of an index…: none can hold its own digest.
fn index_loop() -> Made {
    let mut layout = one().sealed();
    let index: Value = serde_json::from_slice(&layout.files["index.json"]).unwrap();
    let mut entry = index["manifests"][0].clone();
    for _ in 0..1000 {
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]});
        entry = layout.put(INDEX, index.to_string().into_bytes());
    }
    archive(&layout.indexed(&entry))
}

fn json_deep() -> Made {
    let mut layout = one();
    let manifest = ["[".repeat(100_000), "]".repeat(100_000)].concat();
    let manifest = layout.put(MANIFEST, manifest.into_bytes());
    archive(&layout.indexed(&manifest))
}

fn json_deep_config() -> Made {
    let config = [
        r#"{"os":"#.repeat(100_000),
        "0".to_owned(),
        "}".repeat(100_000),
    ]
    .concat();
    archive(&one().sealed_with(config.into_bytes()))
}

fn json_not_utf8() -> Made {
    let mut layout = one().sealed();
    let index = b"{\"schemaVersion\": 2, \"manifests\": \"\xc3\x28\"".to_vec();
    layout.files.insert("index.json".to_owned(), index);
    archive(&layout)
}

fn layers_10000() -> Made {
    let mut layout = one();
    layout.layers = vec![layout.layers[0].clone(); 10_000];
    layout.diff_ids = vec![layout.diff_ids[0].clone(); 10_000];
    archive(&layout.sealed())
}

fn docker(manifest: &Value, others: Tar) -> Made {
    Made::Archive(others.file("manifest.json", manifest.to_string()).end())
}

fn docker_path_outside() -> Made {
    let manifest = json!([{
        "Config": "../../../etc/hostname",
        "RepoTags": ["a:1"],
        "Layers": ["/etc/passwd", "../../etc/group"],
    }]);
    docker(&manifest, Tar::new())
}

fn docker_layer_symlink_outside() -> Made {
    let config = json!({
        "os": "linux",
        "architecture": "amd64",
        "rootfs": {"type": "layers", "diff_ids": [digest(b"")]},
    });
    let others = Tar::new().file("config.json", config.to_string()).link(
        SYMLINK,
        "one/layer.tar",
        "../../../../../etc/passwd",
    );
    let manifest =
        json!([{"Config": "config.json", "RepoTags": ["a:1"], "Layers": ["one/layer.tar"]}]);
    docker(&manifest, others)
}

fn docker_no_manifest() -> Made {
    Made::Archive(debian().end())
}

fn oci_dir_link_outside() -> Made {
    let layout = one().sealed();
    let link = (place_of_layer(&layout), "/etc/passwd");
    Made::Folder {
        files: layout.files,
        link,
    }
}
