//! What tells a right token from a wrong one takes the same time for both. No test can see that of a running
//! program; it is seen that there is one comparison, and that it is the one of constant time.

use crate::text;

#[test]
fn what_is_secret_is_compared_in_constant_time_alone() {
    let secret = text("crates/server/src/secret.rs");
    let (own, _tests) = secret.split_once("#[cfg(test)]").unwrap();
    let code: Vec<&str> = own
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect();
    let code = code.join("\n");
    assert!(code.contains("self.0.ct_eq("), "{code}");
    // Neither has the type another comparison, nor does it give its bytes away as something that has.
    for other in [
        "==",
        "PartialEq",
        "Deref",
        "AsRef",
        "Borrow",
        "From",
        "pub(crate) struct Secret(pub",
    ] {
        assert!(!code.contains(other), "{other}");
    }
    for (file, held) in [
        ("crates/server/src/auth.rs", "    hash: Secret,\n"),
        ("crates/server/src/v1/page.rs", "-> Secret {\n"),
    ] {
        assert!(text(file).contains(held), "{file} compares something else");
    }
}
