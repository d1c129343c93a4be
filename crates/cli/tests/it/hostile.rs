//! Images that would like to write on the terminal themselves.

use pellucid_testkit::{ImageBuilder, LayerBuilder};

use crate::bench::{Bench, OS_RELEASE, status};

const NAMES: &[&str] = &[
    "lib\x1b[2Jevil",
    "lib\u{202e}live",
    "lib\u{9b}31mred",
    "::error::lib",
    "lib##vso[x]",
];

#[test]
fn no_control_character_of_an_image_is_printed() {
    let bench = Bench::new();
    let packages: Vec<_> = NAMES
        .iter()
        .map(|name| (*name, "1.0\x07", "openssl"))
        .collect();
    bench.image(
        ImageBuilder::new().tag("evil\x1b]0;x\x07:1").layer(
            LayerBuilder::new()
                .created_by("RUN \x1b[31mred \u{202e}")
                .file(
                    "etc/os-release",
                    format!("{OS_RELEASE}PRETTY_NAME=\"\x1b[0m\"\n"),
                )
                .file("var/lib/dpkg/status", status(&packages)),
        ),
    );
    for command in [
        &["scan", "image.tar", "--mirror", "mirror", "--detail"][..],
        &["scan", "image.tar", "--mirror", "mirror", "-f", "json"],
        &["packages", "image.tar", "--detail"],
        &["packages", "image.tar", "-f", "json"],
    ] {
        let run = bench.run(command);
        for text in [&run.stdout, &run.stderr] {
            let is_raw = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
            assert!(!text.chars().any(is_raw), "{text:?}");
            assert!(
                !text.lines().any(|line| line.trim_start().starts_with("::")),
                "{text}"
            );
        }
    }
}

#[test]
fn no_control_character_of_an_error_is_printed() {
    let bench = Bench::new();
    let told = bench
        .run(&["packages", "no\x1b[31msuch\u{202e}.tar"])
        .failed(3);
    assert!(told.contains("\\x1b[31m"), "{told}");
    assert!(!told.contains(['\x1b', '\u{202e}']), "{told:?}");
}
