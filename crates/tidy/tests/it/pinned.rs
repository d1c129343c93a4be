//! What the documentation has others run is named by what cannot be moved.

use crate::text;

#[test]
fn the_image_has_the_certificate_authorities_that_it_names() {
    let image = text("packaging/Dockerfile");
    let (_, named) = image.split_once("SSL_CERT_FILE=").unwrap();
    let named = named.split_whitespace().next().unwrap();
    let mut copies = image.lines().filter(|line| line.starts_with("COPY "));
    assert!(
        copies.any(|line| line.ends_with(&format!(" {named}"))),
        "packaging/Dockerfile copies nothing to {named}: no registry and no feed could be asked"
    );
}

#[test]
fn what_pipelines_run_is_pinned() {
    let page = text("docs/ci.md");
    let mut found = 0;
    let is_word = |character: char| !character.is_whitespace() && !"\"'`\\".contains(character);
    for line in page.lines() {
        // An action, by its commit.
        if let Some((_, action)) = line.split_once("uses: ") {
            let commit = action.trim().rsplit_once('@').map(|(_, commit)| commit);
            let is_commit = commit.is_some_and(|commit| {
                let is_hex = commit.bytes().all(|byte| byte.is_ascii_hexdigit());
                commit == "COMMIT" || (commit.len() == 40 && is_hex)
            });
            assert!(
                is_commit,
                "docs/ci.md: an action by a name that moves: {line}"
            );
            found += 1;
        }
        // An image that is run, by its digest; `imagetools inspect` is how the digest is found.
        for word in line.split(|character| !is_word(character)) {
            if word.starts_with("registry.example/") && !line.contains("imagetools inspect") {
                assert!(
                    word.contains("@sha256:"),
                    "docs/ci.md: an image by a name that moves: {line}"
                );
                found += 1;
            }
        }
    }
    assert!(found > 4, "the page could not be read");
    let image = text("packaging/Dockerfile");
    for line in image.lines().filter(|line| line.starts_with("FROM ")) {
        assert!(
            line.starts_with("FROM scratch") || line.contains("@sha256:"),
            "packaging/Dockerfile: a base that moves: {line}"
        );
    }
}
