//! A detector on one file: a line with its path, then its bytes.

use std::os::unix::ffi::OsStrExt as _;

use pellucid_detect::{Candidate, DetectFile, Detected, Detector};
use pellucid_image::Body;

use crate::{input, seed};

/// Runs the detector as the layer reader would, whatever it says it wants.
pub(crate) fn run(detector: &dyn Detector, data: &[u8]) {
    let (path, body) = input::line(data);
    let candidate = Candidate {
        path,
        size: Some(body.len() as u64),
        mode: 0o755,
    };
    let _ = detector.wants(&candidate);
    let _ = detector.head(&candidate, body);
    let _ = detector.main_of(path);
    let _ = detector.addition_of(path);
    let kept = Body::Memory(body.to_vec());
    let file = DetectFile {
        path,
        body: &kept,
        addition: None,
    };
    let mut found = Detected::default();
    if detector.detect(&file, &mut found).is_ok() {
        assert!(
            found.warnings.len() <= Detected::WARNINGS,
            "warnings have a bound"
        );
        for package in &found.packages {
            assert!(!package.name.is_empty(), "a package has a name");
        }
    }
}

/// The files of its fixture folder, at their paths in the image.
pub(crate) fn seeds(detector: &dyn Detector) -> Vec<Vec<u8>> {
    let name = detector.name().replace('-', "_");
    let files = seed::files(&format!("crates/detect/tests/data/{name}"));
    let in_image = |path: &std::path::Path| -> Option<Vec<u8>> {
        let mut parts = path.components();
        parts.find(|part| part.as_os_str() == "root")?;
        Some(parts.as_path().as_os_str().as_bytes().to_vec())
    };
    files
        .iter()
        .filter_map(|(path, bytes)| Some(input::with_line(&in_image(path)?, bytes)))
        .collect()
}
