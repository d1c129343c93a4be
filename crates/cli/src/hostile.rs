//! Entry points for `crates/fuzz`: files of rules, which come with an image's source as often as from
//! who runs the scan.

use crate::rules::{file, import};

/// `pellucid.yaml`: its text, and each rule that it holds.
///
/// # Panics
/// When an ignore rule without a condition was accepted: it would ignore everything.
pub fn policy(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Ok(file) = file::parse(text, "pellucid.yaml") else {
        return;
    };
    for fail in &file.fail {
        if let Ok(rule) = fail.rule() {
            let _ = rule.words();
        }
    }
    for ignore in &file.ignore {
        if let Ok(waiver) = ignore.waiver("pellucid.yaml") {
            assert!(!waiver.is_empty(), "a rule without a condition");
            let _ = waiver.words();
        }
    }
}

/// An ignore file of another scanner.
///
/// # Panics
/// When a rule without a condition was accepted.
pub fn ignore_file(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    for waiver in import::rules(text, "ignore").into_iter().flatten() {
        assert!(!waiver.is_empty(), "a rule without a condition");
        let _ = waiver.words();
    }
}
