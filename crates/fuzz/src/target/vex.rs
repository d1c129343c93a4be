//! Statements of others about vulnerabilities.

use pellucid_matcher::Vex;

/// Reads a document of any kind.
pub(crate) fn run(data: &[u8]) {
    if let Ok(vex) = Vex::read("vex", data) {
        for statement in &vex.statements {
            let _ = statement.status.word();
        }
    }
}

/// OpenVEX, with a product, parts and times.
pub(crate) fn openvex() -> Vec<Vec<u8>> {
    vec![
        br#"{"@context": "https://openvex.dev/ns/v0.2.0", "@id": "x", "author": "a", "timestamp": "2024-01-01T00:00:00Z", "version": 1,
"statements": [{"vulnerability": {"name": "CVE-2024-1", "aliases": ["GHSA-1"]}, "products": [{"@id": "pkg:oci/web@sha256%3A0000",
"identifiers": {"purl": "pkg:deb/debian/a@1"}, "hashes": {"sha-256": "00"}, "subcomponents": [{"@id": "pkg:deb/debian/a@1"}]}],
"status": "not_affected", "justification": "component_not_present", "impact_statement": "none", "last_updated": "2024-01-02T00:00:00Z"},
{"vulnerability": "CVE-2024-2", "products": ["pkg:deb/debian/b"], "status": "under_investigation"}]}"#
            .to_vec(),
    ]
}

/// CycloneDX, with an analysis.
pub(crate) fn cyclonedx() -> Vec<Vec<u8>> {
    vec![
        br#"{"bomFormat": "CycloneDX", "specVersion": "1.5", "metadata": {"timestamp": "2024-01-01T00:00:00Z", "component": {"bom-ref": "r",
"purl": "pkg:oci/web@sha256%3A00"}}, "components": [{"bom-ref": "c1", "purl": "pkg:deb/debian/a@1", "components": [{"bom-ref": "c2", "purl": "pkg:npm/a@1"}]}],
"vulnerabilities": [{"id": "CVE-2024-1", "references": [{"id": "GHSA-1"}], "analysis": {"state": "not_affected", "justification": "code_not_present", "detail": "x"},
"affects": [{"ref": "c1"}, {"ref": "urn:cdx:3e671687-395b-41f5-a30f-a58921a69b79/1#pkg:deb%2Fdebian%2Fa@1"}]}]}"#
            .to_vec(),
    ]
}

/// CSAF, with branches and a relationship.
pub(crate) fn csaf() -> Vec<Vec<u8>> {
    vec![
        br#"{"document": {"csaf_version": "2.0", "tracking": {"current_release_date": "2024-01-01T00:00:00Z"}},
"product_tree": {"full_product_names": [{"product_id": "F", "name": "f"}], "branches": [{"branches": [
{"product": {"product_id": "W", "name": "w", "product_identification_helper": {"purl": "pkg:oci/web@sha256%3A00", "cpe": "cpe:/o:redhat:enterprise_linux:8"}}},
{"product": {"product_id": "P", "name": "p", "product_identification_helper": {"purl": "pkg:deb/debian/a@1"}}}]}],
"relationships": [{"product_reference": "P", "relates_to_product_reference": "W", "full_product_name": {"product_id": "W:P", "name": "x"}}]},
"vulnerabilities": [{"cve": "CVE-2024-1", "ids": [{"text": "X-1"}], "product_status": {"known_not_affected": ["W:P"], "fixed": ["P"]},
"flags": [{"label": "component_not_present", "product_ids": ["W:P"]}], "threats": [{"category": "impact", "details": "x", "product_ids": ["P"]}]}]}"#
            .to_vec(),
    ]
}
