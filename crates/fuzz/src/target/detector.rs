//! A detector on one file: a line with its path, then its bytes. Where the line has a zero byte, a number
//! behind it says how many of the bytes are the file's; the others are those of the file that is an addition
//! to it, an SQLite log.

use std::os::unix::ffi::OsStrExt as _;

use pellucid_detect::{Candidate, DetectFile, Detected, Detector};
use pellucid_image::Body;

use crate::{input, seed, wal};

/// Runs the detector as the layer reader would, whatever it says it wants.
pub(crate) fn run(detector: &dyn Detector, data: &[u8]) {
    let (line, body) = input::line(data);
    let end = line.iter().position(|byte| *byte == 0);
    let (path, number) = line.split_at(end.unwrap_or(line.len()));
    let (body, addition) = match number.strip_prefix(b"\0") {
        Some(number) => wal::at(number, body),
        None => (body, &[][..]),
    };
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
    // Few changed logs are read beyond their checksums.
    let addition = Body::Memory(wal::repaired(addition));
    let file = DetectFile {
        path,
        body: &kept,
        addition: (end.is_some() && detector.addition_of(path).is_some()).then_some(&addition),
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
    let mut seeds = Vec::new();
    for (path, bytes) in files {
        let Some(path) = in_image(&path) else {
            continue;
        };
        seeds.push(input::with_line(&path, &bytes));
        if detector.addition_of(&path).is_some() {
            let with_logs = wal::seeds(&bytes);
            seeds.extend(
                with_logs
                    .iter()
                    .map(|seed| [&path, &b"\0"[..], seed].concat()),
            );
        }
    }
    seeds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_are_read_with_what_they_are_an_addition_to() {
        for detector in pellucid_detect::DETECTORS {
            let seeds = seeds(*detector);
            let has_logs = seeds.iter().any(|seed| input::line(seed).0.contains(&0));
            assert_eq!(
                has_logs,
                ["history", "rpm"].contains(&detector.name()),
                "{}",
                detector.name()
            );
        }
    }
}
