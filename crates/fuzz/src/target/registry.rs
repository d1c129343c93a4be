//! What registries answer and engines keep, to begin with; and layers that are read by their tables.

use std::fmt::Write as _;
use std::io::Write as _;

use pellucid_image::{Body, Entry, LayerVisitor, Limits, Want};

use crate::{input, seed};

/// Reads a layer by its table of contents, as a scan reads it, and so that parts of every kind are
/// fetched.
pub(crate) fn lazy(data: &[u8]) {
    let limits = limits();
    let mut all = All::default();
    pellucid_image::hostile::lazy(data, &limits, &mut all);
    assert!(all.shown <= limits.layer_bytes, "the limit holds");
    let mut reader = pellucid_detect::layer();
    if pellucid_image::hostile::lazy(data, &limits, &mut reader) {
        let _ = reader.finish(0);
    }
}

fn limits() -> Limits {
    Limits {
        layer_bytes: 4 << 20,
        image_bytes: 4 << 20,
        file_bytes: 1 << 20,
        spool_after: 16 << 10,
        ratio_after: 1 << 20,
        window_bytes: 16 << 20,
        layer_entries: 5000,
        ..Limits::default()
    }
}

/// Wants everything, at first the beginning of every other file.
#[derive(Default)]
struct All {
    entries: u64,
    /// Bytes of files that were seen whole.
    shown: u64,
}

impl LayerVisitor for All {
    fn entry(&mut self, _: &Entry<'_>) -> Want {
        self.entries += 1;
        match self.entries % 2 {
            0 => Want::Head(64),
            _ => Want::Whole { limit: u64::MAX },
        }
    }

    fn head(&mut self, _: &Entry<'_>, _: &[u8]) -> Want {
        Want::Whole { limit: u64::MAX }
    }

    fn file(&mut self, _: &Entry<'_>, body: &Body<'_>) {
        // The end alone first, so that parts are fetched out of order.
        let size = body.len().unwrap_or_default();
        let _ = body.read_at(size.saturating_sub(10), &mut [0; 10]);
        if let Ok(bytes) = body.bytes() {
            self.shown += bytes.len() as u64;
        }
    }

    fn too_large(&mut self, _: &Entry<'_>, _: u64) {}
}

/// eStargz and zstd:chunked, with and without digests: a file, one in two parts, a run of zeros and a link.
pub(crate) fn lazies() -> Vec<Vec<u8>> {
    let gzip = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        let _ = encoder.write_all(bytes);
        encoder.finish().unwrap_or_default()
    };
    let zstd = |bytes: &[u8]| zstd::bulk::compress(bytes, 1).unwrap_or_default();
    [true, false]
        .into_iter()
        .flat_map(|digests| [stargz(gzip, digests), chunked(zstd, digests)])
        .collect()
}

fn digest(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    format!("sha256:{}", hex::encode(sha2::Sha256::digest(bytes)))
}

/// The files, each part compressed by itself, and the entries of a table.
fn parts(compress: impl Fn(&[u8]) -> Vec<u8>, digests: bool) -> (Vec<u8>, String) {
    let status = b"Package: a\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n\n";
    let two = b"two parts of a file";
    let of = |key: &str, bytes: &[u8]| match digests {
        true => format!(r#","{key}":"{}""#, digest(bytes)),
        false => String::new(),
    };
    let (mut blob, mut entries) = (Vec::new(), String::new());
    let files: [(&str, &[u8], usize); 3] = [
        ("etc/os-release", b"ID=debian\nVERSION_ID=\"12\"\n", 100),
        ("var/lib/dpkg/status", status, 100),
        ("two", two, 10),
    ];
    for (name, content, size) in files {
        for (number, part) in content.chunks(size).enumerate() {
            let kind = if number == 0 { "reg" } else { "chunk" };
            let at = blob.len();
            blob.extend(compress(part));
            let _ = write!(
                entries,
                r#"{{"name":"{name}","type":"{kind}","size":{},"offset":{at},"endOffset":{},"chunkSize":{}{}{}}},"#,
                content.len(),
                blob.len(),
                part.len(),
                of("digest", content),
                of("chunkDigest", part),
            );
        }
    }
    // A part of a file and a file, and no bytes.
    let at = blob.len();
    blob.extend(compress(two));
    let end = blob.len();
    let chunk = of("chunkDigest", two);
    let _ = write!(
        entries,
        r#"{{"name":"holes","type":"reg","size":1019,"offset":{at},"endOffset":{end},"chunkSize":19{chunk}}},
{{"name":"holes","type":"chunk","offset":{end},"chunkSize":1000,"chunkType":"zeros"}},
{{"name":"zeros","type":"reg","size":70000,"chunkSize":70000,"chunkType":"zeros"}},
{{"name":"d/","type":"dir"}},{{"name":"l","type":"symlink","linkName":"two"}}"#
    );
    (blob, format!(r#"{{"version":1,"entries":[{entries}]}}"#))
}

fn descriptor(annotations: &str, blob: &[u8]) -> Vec<u8> {
    let line = format!(
        r#"{{"digest":"{}","size":{},"annotations":{{{annotations}}}}}"#,
        digest(blob),
        blob.len()
    );
    input::with_line(line.as_bytes(), blob)
}

fn stargz(compress: impl Fn(&[u8]) -> Vec<u8>, digests: bool) -> Vec<u8> {
    let (mut blob, table) = parts(&compress, digests);
    let at = blob.len();
    let tar = pellucid_testkit::LayerBuilder::new().file("stargz.index.json", &table);
    blob.extend(compress(&tar.tar()));
    blob.extend([
        0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0xff, 26, 0, b'S', b'G', 22, 0,
    ]);
    blob.extend(format!("{at:016x}STARGZ").into_bytes());
    blob.extend([1, 0, 0, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0]);
    let toc = digest(table.as_bytes());
    let annotation = format!(r#""containerd.io/snapshot/stargz/toc.digest":"{toc}""#);
    descriptor(&annotation, &blob)
}

fn chunked(compress: impl Fn(&[u8]) -> Vec<u8>, digests: bool) -> Vec<u8> {
    let (mut blob, table) = parts(&compress, digests);
    let (at, compressed) = (blob.len(), compress(table.as_bytes()));
    blob.extend(&compressed);
    let name = "io.github.containers.zstd-chunked.manifest";
    let annotations = format!(
        r#""{name}-checksum":"{}","{name}-position":"{at}:{}:{}:1""#,
        digest(&compressed),
        compressed.len(),
        table.len()
    );
    descriptor(&annotations, &blob)
}

/// Names of images.
pub(crate) fn names() -> Vec<Vec<u8>> {
    [
        "alpine",
        "alpine:3.19",
        "localhost:5000/a/b:c",
        "index.docker.io/library/a:1",
        "[::1]:5000/a",
        "quay.io/o/r__x.y-z:V1@sha256:0000000000000000000000000000000000000000000000000000000000000000",
        "Quay.io/a",
    ]
    .iter()
    .map(|name| name.as_bytes().to_vec())
    .collect()
}

/// A manifest with its configuration, and an index.
pub(crate) fn documents() -> Vec<Vec<u8>> {
    const DIGEST: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";
    let manifest = format!(
        r#"{{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": {{"mediaType": "application/vnd.oci.image.config.v1+json", "digest": "{DIGEST}", "size": 2}}, "layers": [{{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": "{DIGEST}", "size": 3, "annotations": {{"a": "b"}}}}]}}"#
    );
    let config = format!(
        "\n{}",
        r#"{"architecture": "arm64", "os": "linux", "variant": "v8", "created": "2024-01-01T00:00:00Z", "rootfs": {"type": "layers", "diff_ids": ["DIGEST"]}, "history": [{"created_by": "ADD x"}, {"created_by": "ENV", "empty_layer": true}]}"#
            .replace("DIGEST", DIGEST)
    );
    let index = format!(
        r#"{{"schemaVersion": 2, "manifests": [{{"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": "{DIGEST}", "size": 1, "platform": {{"os": "linux", "architecture": "arm", "variant": "v7"}}}}, {{"digest": "{DIGEST}", "size": 1, "platform": {{"os": "unknown", "architecture": "unknown"}}, "annotations": {{"vnd.docker.reference.type": "attestation-manifest"}}}}]}}"#
    );
    let old = br#"{"schemaVersion": 1, "fsLayers": [], "history": []}"#;
    vec![
        [manifest, config].concat().into_bytes(),
        index.into_bytes(),
        old.to_vec(),
    ]
}

/// A token and errors, behind headers.
pub(crate) fn answers() -> Vec<Vec<u8>> {
    [
        "retry-after: 30\nratelimit-limit: 100;w=21600\nratelimit-remaining: 0;w=21600\n\n{\"errors\":[{\"code\":\"TOOMANYREQUESTS\",\"message\":\"x\",\"detail\":{}}]}",
        "content-range: bytes 10-19/100\n\n",
        "\n{\"token\":\"t\",\"access_token\":\"u\",\"expires_in\":300,\"issued_at\":\"2024-01-01T00:00:00Z\"}",
        "\n{\"token\":null,\"access_token\":\"u\"}",
    ]
    .iter()
    .map(|text| text.as_bytes().to_vec())
    .collect()
}

/// What follows `WWW-Authenticate: `.
pub(crate) fn challenges() -> Vec<Vec<u8>> {
    [
        "Basic realm=\"x\"",
        "Bearer realm=\"https://a/t\",service=\"s\",scope=\"repository:a/b:pull,push\"",
        "bearer  Realm=\"https://a/t?x=\\\"y\" , error=invalid_token",
    ]
    .iter()
    .map(|text| text.as_bytes().to_vec())
    .collect()
}

/// Tables of contents with a file in chunks, a link and a run of zeros.
pub(crate) fn tables() -> Vec<Vec<u8>> {
    vec![
        br#"{"version": 1, "entries": [{"name": "etc/", "type": "dir", "mode": 493},
{"name": "etc/a", "type": "reg", "size": 10, "offset": 0, "endOffset": 9, "chunkSize": 6, "digest": "sha256:0000000000000000000000000000000000000000000000000000000000000000"},
{"name": "etc/a", "type": "chunk", "offset": 9, "endOffset": 20, "chunkSize": 4, "innerOffset": 1, "chunkType": "zeros"},
{"name": "b", "type": "symlink", "linkName": "etc/a"}, {"name": "c", "type": "hardlink", "linkName": "etc/a"}, {"name": "d", "type": "char"}]}"#
            .to_vec(),
        br#"{"version": 1, "entries": [{"name": "a", "type": "reg", "size": 3, "offset": 7}, {"name": "e", "type": "reg", "size": 0, "offset": 9}]}"#
            .to_vec(),
    ]
}

/// A store's metadata file as containerd wrote it.
pub(crate) fn metadata() -> Vec<Vec<u8>> {
    let files = seed::files("crates/image/tests/data/containerd");
    files.into_iter().map(|(_, bytes)| bytes).collect()
}

/// Files of credentials behind the name of an image.
pub(crate) fn credentials() -> Vec<Vec<u8>> {
    let file = br#"{"auths":{"https://index.docker.io/v1/":{"auth":"dXNlcjpwYXNz"},
"example.com/team":{"username":"a","password":"b"},"example.com":{"identitytoken":"t"},
"other.example":{"registrytoken":"t"}},"credsStore":"none","credHelpers":{"third.example":"none"}}"#;
    [
        "alpine:3",
        "example.com/team/app",
        "example.com/x",
        "other.example/x",
        "third.example/x",
    ]
    .map(|name| input::with_line(name.as_bytes(), file))
    .to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_built_here_are_read_to_their_end() {
        for layer in lazies() {
            let mut all = All::default();
            assert!(pellucid_image::hostile::lazy(&layer, &limits(), &mut all));
            assert_eq!(all.entries, 7);
            assert!(all.shown > 71_000, "{}", all.shown);
        }
    }
}
