//! What cannot be asked for, and what pellucid says of itself.

use crate::bench::{Bench, Run};

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
        &["scan", "https://registry.example/x:1"],
        &["scan", "NoSuch/Image:UPPER"],
        &["scan", "alpine@sha256:abc"],
        &["scan", "purl:pkg:pypi/jinja2"],
        &["scan", "image.tar", "--auth-file", "nofile"],
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
fn an_environment_variable_that_is_empty_is_as_good_as_none() {
    let bench = Bench::new();
    let names = [
        "PELLUCID_CA_FILE",
        "PELLUCID_CONFIG",
        "PELLUCID_DATA_DIR",
        "PELLUCID_MEMORY",
        "PELLUCID_MIRROR",
        "PELLUCID_PASSWORD",
        "PELLUCID_PLAIN_HTTP",
        "PELLUCID_PROXY",
        "PELLUCID_REGISTRY_MIRROR",
        "PELLUCID_USERNAME",
        "REGISTRY_AUTH_FILE",
    ];
    for arguments in [
        &["scan", "image.tar", "--mirror", "mirror", "-f", "json"][..],
        &[
            "explain",
            "CVE-2024-0001",
            "openssl",
            "image.tar",
            "--mirror",
            "mirror",
        ],
    ] {
        let mut command = bench.command(arguments);
        command.envs(names.map(|name| (name, "")));
        Run::of(command.output().unwrap()).ended(0);
    }
    assert!(bench.path(".local/share/pellucid/manifest.json").is_file());
    // A user is one only with a password.
    let mut command = bench.command(&["scan", "registry.invalid/x", "--offline"]);
    command
        .env("PELLUCID_USERNAME", "robot")
        .env("PELLUCID_PASSWORD", "");
    let told = Run::of(command.output().unwrap()).failed(2);
    assert!(told.contains("--password-stdin"), "{told}");
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
fn the_man_page_of_the_client_of_clair_has_the_client_s_own_options() {
    let bench = Bench::new();
    bench.run(&["man", "--dir", "pages"]).ended(0);
    let read = |name: &str| std::fs::read_to_string(bench.path("pages").join(name)).unwrap();
    let page = read("pellucid-analyze-local-images.1");
    assert!(page.contains("\\-minimum\\-severity string"), "{page}");
    assert!(!page.contains("quiet"), "{page}");
    assert!(read("pellucid-scan.1").contains("quiet"));
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
