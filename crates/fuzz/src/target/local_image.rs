//! What `analyze-local-images` reads: saved images, requests for their layers, answers of a server.

use pellucid_testkit::{ImageBuilder, LayerBuilder};

/// As docker saves images since release 25, and as it did before, with a link.
pub(crate) fn saved() -> Vec<Vec<u8>> {
    let layer = || LayerBuilder::new().file("etc/os-release", "ID=debian\n");
    let before = LayerBuilder::new()
        .file("a/layer.tar", layer().tar())
        .symlink("b/layer.tar", "../a/layer.tar")
        .hardlink("c/layer.tar", "a/layer.tar")
        .file(
            "manifest.json",
            r#"[{"Config": "x.json", "RepoTags": ["a:1"], "Layers": ["a/layer.tar", "b/layer.tar"]}]"#,
        );
    let long = format!("{}/layer.tar", "d".repeat(200));
    vec![
        ImageBuilder::new()
            .layer(layer())
            .layer(layer())
            .docker_archive(),
        before.tar(),
        LayerBuilder::new().file(&long, "x").tar(),
    ]
}

/// Requests as Clair sends them, and what is none.
pub(crate) fn requests() -> Vec<Vec<u8>> {
    [
        "GET /a/layer.tar HTTP/1.1\r\nHost: 127.0.0.1:9279\r\nUser-Agent: Go-http-client/1.1\r\nAccept-Encoding: gzip\r\n\r\n",
        "HEAD /a/layer.tar HTTP/1.0\n\nmore",
        "GET /a/../manifest.json HTTP/1.1\r\n\r\n",
        "GET\r\n",
    ]
    .iter()
    .map(|text| text.as_bytes().to_vec())
    .collect()
}

/// Layers with and without packages, and an error.
pub(crate) fn answers() -> Vec<Vec<u8>> {
    [
        r#"{"Layer": {"Name": "a", "NamespaceName": "debian:12", "ParentName": "b", "IndexedByVersion": 3, "Features": [{"Name": "openssl", "NamespaceName": "debian:12", "VersionFormat": "dpkg", "Version": "3.0.11-1", "AddedBy": "a", "Vulnerabilities": [{"Name": "CVE-1", "NamespaceName": "debian:12", "Description": "A hole.\u001b[2J\nIn \u202e two lines.", "Link": "https://example.com", "Severity": "High", "FixedBy": "3.0.15"}, {"Name": "CVE-2", "Severity": "Defcon1"}]}, {"Name": "tar", "Version": "1"}]}}"#,
        r#"{"Layer": {"Features": null}}"#,
        r#"{"Error": {"Message": "the resource cannot be found"}}"#,
    ]
    .iter()
    .map(|text| text.as_bytes().to_vec())
    .collect()
}
