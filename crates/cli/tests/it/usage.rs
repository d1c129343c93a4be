//! What cannot be asked for, and what pellucid says of itself.

use crate::bench::Bench;

#[test]
fn what_cannot_be_asked_for_ends_with_2_and_prints_no_data() {
    let bench = Bench::new();
    for wrong in [
        &[][..],
        &["scna"],
        &["scan"],
        &["scan", "image.tar", "--fromat", "json"],
        &["scan", "image.tar", "--format", "jsno"],
        &["scan", "image.tar", "--fail-on", "hihg"],
        &["scan", "image.tar", "--severity", "high,"],
        &["scan", "image.tar", "--platform", "linux"],
        &["scan", "image.tar", "--limit", "layers"],
        &["scan", "image.tar", "--limit", "laeyrs=1"],
        &["scan", "image.tar", "--limit", "layer-bytes=-1"],
        &["scan", "image.tar", "--max-data-age", "soon"],
        &["scan", ""],
        &["db"],
        &["db", "update", "debain", "--mirror", "mirror"],
        &["db", "update", "--offline"],
        &["version-compare", "dpkg", "1"],
        &["version-compare", "dkpg", "1", "2"],
        &["-q", "-v", "packages", "image.tar"],
    ] {
        let run = bench.run(wrong);
        assert_eq!(
            (run.status, run.stdout.as_str()),
            (2, ""),
            "{wrong:?}: {}",
            run.stderr
        );
        assert!(!run.stderr.is_empty(), "{wrong:?}");
    }
}

#[test]
fn the_version_names_commit_and_target() {
    let text = Bench::new().run(&["--version"]).ended(0);
    let (start, rest) = text.split_once(" (commit ").unwrap();
    assert_eq!(start, concat!("pellucid ", env!("CARGO_PKG_VERSION")));
    let (commit, target) = rest.split_once(", ").unwrap();
    assert!(commit == "unknown" || commit.len() == 12, "{text}");
    assert!(target.contains('-') && target.ends_with(")\n"), "{text}");
}

#[test]
fn the_version_tells_on_request_what_holds_the_threads_that_parse() {
    for arguments in [["--version", "-v"], ["-v", "--version"]] {
        let text = Bench::new().run(&arguments).ended(0);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3, "{text}");
        assert!(
            lines.iter().any(|line| line.starts_with("analysis: ")),
            "{text}"
        );
        assert!(
            lines.iter().any(|line| line.starts_with("sandbox: ")),
            "{text}"
        );
    }
}

#[test]
fn every_option_is_explained() {
    let bench = Bench::new();
    for command in ["scan", "packages", "version-compare"] {
        let help = bench.run(&[command, "--help"]).ended(0);
        let lines: Vec<&str> = help.lines().collect();
        for (number, line) in lines.iter().enumerate() {
            if line.trim_start().starts_with("--") || line.trim_start().starts_with("-o") {
                let next = lines.get(number + 1).unwrap_or(&"");
                assert!(
                    next.starts_with("          "),
                    "{command}: {line} is not explained"
                );
            }
        }
    }
    let help = bench.run(&["scan", "--help"]).ended(0);
    assert!(help.contains("layer-bytes=64GiB"), "{help}");
}
