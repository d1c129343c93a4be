//! Entry points for `crates/fuzz`: files of rules, which come with an image's source as often as from
//! who runs the scan, and what `analyze-local-images` reads.

use crate::commands::analyze_local_images;
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

/// An image that a container engine saves for `analyze-local-images`.
///
/// # Panics
/// When something lies outside the folder that it is unpacked into, or more in it than may.
pub fn saved_image(data: &[u8]) {
    analyze_local_images::hostile_image(data);
}

/// A request for one of the layers that `analyze-local-images` serves.
///
/// # Panics
/// When another file is meant than a layer.
pub fn layer_request(data: &[u8]) {
    analyze_local_images::hostile_request(data);
}

/// What a server of Clair's API answers `analyze-local-images`.
///
/// # Panics
/// When the report would steer a terminal.
pub fn layer_answer(data: &[u8]) {
    analyze_local_images::hostile_answer(data);
}
