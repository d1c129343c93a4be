//! Requests to the service, to begin with.

/// A layer, a vulnerability and a fix as clients send them.
pub(crate) fn bodies() -> Vec<Vec<u8>> {
    [
        r#"{"Layer": {"Name": "a", "Path": "https://example.com/a.tar.gz", "Headers": {"Authorization": "Bearer x"}, "ParentName": "b", "Format": "Docker"}}"#,
        r#"{"Vulnerability": {"Name": "CVE-1", "NamespaceName": "debian:12", "Description": "x", "Link": "https://example.com", "Severity": "Low", "Metadata": {"NVD": {"CVSSv2": {"Score": 1.5e2}}}, "FixedIn": [{"Name": "a", "NamespaceName": "debian:12", "VersionFormat": "dpkg", "Version": "1:2"}]}}"#,
        r#"{"feature": {"NAME": "a", "NamespaceName": null, "Version": "\u0000\ud83d\ude00"}} rest"#,
    ]
    .iter()
    .map(|body| body.as_bytes().to_vec())
    .collect()
}

/// Tokens, and what ours say.
pub(crate) fn pages() -> Vec<Vec<u8>> {
    [
        r#"{"OldVulnerability":1,"NewVulnerability":-1}"#,
        r#"{"source":1,"after":"CVE-2024-1"}"#,
        "12",
        "gAAAAA==",
        "AQAAAABl",
    ]
    .iter()
    .map(|text| text.as_bytes().to_vec())
    .collect()
}

/// Paths with queries.
pub(crate) fn targets() -> Vec<Vec<u8>> {
    [
        "/v1/layers/sha256:00?features&vulnerabilities",
        "/v1/namespaces/debian:12/vulnerabilities?limit=10&page=a%3D%3D",
        "/v1/namespaces/debian%3A12/vulnerabilities/CVE-1/fixes/a?fixedIn",
        "/v1//Layers/?limit=-1",
        "/v1/notifications/00000000-0000-0000-0000-000000000000?limit=9999999999999999999",
    ]
    .iter()
    .map(|text| text.as_bytes().to_vec())
    .collect()
}

/// Paths of layers, with the headers to fetch them with.
pub(crate) fn layers() -> Vec<Vec<u8>> {
    [
        "https://registry.example.com/v2/a/blobs/sha256:00\nAuthorization: Bearer x\nAccept: */*\nHost: b",
        "http://169.254.169.254/latest/meta-data/",
        "http://[::ffff:127.0.0.1]:80/\nProxy-Authorization: x",
        "http://0x7f.1/\nCookie: a=b\nX-Forwarded-For: 1",
        "http://[64:ff9b::10.0.0.1]/",
        "http://192.168.1.1:5000/",
        "http://user:word@2130706433./",
        "/srv/layers/a.tar\nExpect: 100-continue",
    ]
    .iter()
    .map(|text| text.as_bytes().to_vec())
    .collect()
}

/// Queries of the outbox.
pub(crate) fn notifications() -> Vec<Vec<u8>> {
    [
        "state=dead&after=12&limit=5",
        "limit=4294967296",
        "after=-1&state=held",
        "a=b",
    ]
    .iter()
    .map(|text| text.as_bytes().to_vec())
    .collect()
}
