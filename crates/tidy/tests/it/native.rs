//! What in the binary is not Rust: no list of dependencies shows when it grows.

use crate::text;

/// Crates that compile C (or assembly) of their own. Those that bytes of strangers get to stand in
/// docs/threats.md.
const COMPILED: &[&str] = &[
    "liblzma-sys",
    // The allocator.
    "libmimalloc-sys",
    "libsqlite3-sys",
    // TLS and signatures.
    "ring",
    "zstd-sys",
];

/// Crates that are called as bindings are and compile nothing but Rust on Linux: bzip2 written in it, the
/// kernel's numbers, and other systems' libraries.
const NAMED: &[&str] = &[
    "core-foundation-sys",
    "jni-sys",
    "js-sys",
    "libbz2-rs-sys",
    "linux-raw-sys",
    "security-framework-sys",
    "web-sys",
    "windows-sys",
];

/// Crates by which others compile what is not Rust.
const COMPILERS: &[&str] = &["bindgen", "cc", "cmake", "nasm-rs"];

#[test]
fn what_is_not_rust_is_listed() {
    let lock = text("Cargo.lock");
    let (mut compiled, mut named) = (Vec::new(), Vec::new());
    for package in lock.split("[[package]]\n").skip(1) {
        let name = package.lines().next().unwrap();
        let name = name
            .strip_prefix("name = \"")
            .unwrap()
            .trim_end_matches('"');
        let compiles = |compiler: &&str| package.contains(&format!("\n \"{compiler}\""));
        if COMPILERS.iter().any(compiles) {
            compiled.push(name);
        } else if name.ends_with("-sys") {
            named.push(name);
        }
    }
    named.dedup();
    let how = "Cargo.lock and the lists of this test differ; C that reads bytes of strangers needs a word in docs/threats.md";
    assert_eq!(compiled, COMPILED, "{how}");
    assert_eq!(named, NAMED, "{how}");
    let page = text("docs/threats.md");
    for name in COMPILED {
        assert!(
            page.contains(&format!("`{name}`")),
            "docs/threats.md does not name {name}"
        );
    }
}
