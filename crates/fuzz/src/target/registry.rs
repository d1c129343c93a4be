//! What registries answer and engines keep, to begin with.

use crate::seed;

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
    .map(|name| crate::input::with_line(name.as_bytes(), file))
    .to_vec()
}
