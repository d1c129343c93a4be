//! Files of rules: ours and other scanners', to begin with.

/// `pellucid.yaml` with every key, and what YAML can do to a reader.
pub(crate) fn policies() -> Vec<Vec<u8>> {
    [
        "fail:\n  - severity: high\n    fixable: true\n    kev: false\n    malware: true\n    epss: 0.5\n    cvss: 7.5\n    age: 30d\n    package: lib*\n    namespace: debian:*\n    layer: own\n  - end-of-life: true\n    not-covered: true\nseverity: [low, critical]\nseverity-source: [nvd, debian]\nskip-paths: [/usr/share/**]\nonly-fixed: true\nundetermined: true\nallow-uncovered: true\nbase: debian:12\n",
        "ignore:\n  - id: CVE-2024-*\n    package: pkg:deb/debian/openssl@3\n    version: 3\n    kind: deb\n    namespace: debian:12\n    path: /usr/**/x?\n    layer: 2\n    image: web*\n    reason: |\n      not used\n    justification: component_not_present\n    expires: 2030-01-01T00:00:00Z\nignore-files: [.trivyignore]\nvex: [a.json]\n",
        "a: &a [x, x]\nb: &b [*a, *a]\nignore: [*b, *b]\n",
        "# nothing\n---\n",
    ]
    .iter()
    .map(|text| text.as_bytes().to_vec())
    .collect()
}

/// Trivy's in both shapes, grype's, clair-scanner's.
pub(crate) fn ignore_files() -> Vec<Vec<u8>> {
    [
        "# accepted\nCVE-2018-14618\n\nCVE-2019-1543 exp:2023-01-01 # later\nGHSA-*\n",
        "vulnerabilities:\n  - id: CVE-2022-40897\n    paths: [\"/usr/local/**\"]\n    purls: [\"pkg:pypi/setuptools\"]\n    statement: Accept\n    expired_at: 2030-01-01\nsecrets: []\n",
        "ignore:\n  - vulnerability: CVE-2008-4318\n    fix-state: unknown\n    include-aliases: true\n    reason: x\n    package:\n      name: libcurl.*\n      version: 1.5.1\n      type: npm\n      language: java\n      location: \"/usr/**\"\n      upstream-name: a\n  - namespace: debian:distro:debian:12\n  - namespace: github:language:python\n",
        "generalwhitelist:\n  CVE-2017-6055: XML\nimages:\n  ubuntu:\n    CVE-2017-5230: Java\n",
    ]
    .iter()
    .map(|text| text.as_bytes().to_vec())
    .collect()
}
