//! The table of permitted differences, and the page that tells users of them.

use std::path::Path;

use pellucid_testkit::replay::Permitted;

#[test]
fn every_permitted_difference_is_told_to_users() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/clair-compatibility.md");
    let page = std::fs::read_to_string(page).unwrap();
    for reason in Permitted::pellucid().reasons() {
        assert!(
            page.contains(reason),
            "docs/clair-compatibility.md lacks: {reason}"
        );
    }
}
