//! What is printed, and where to.

use pellucid_testkit::LayerBuilder;

use crate::bench::{Bench, Run, debian, status};

/// A report without what differs from build to build.
fn steady(text: &str) -> String {
    let mut steady = String::new();
    for line in text.lines() {
        let line = match line.split_once("\"commit\": ") {
            Some((before, _)) => format!("{before}\"commit\": …"),
            None => line.to_owned(),
        };
        // The example mirror gives no date of its data, so the day of fetching stands there.
        let line = match line.split_once(" fetched ") {
            Some((before, after)) => {
                let rest = after.get("YYYY-MM-DD".len()..).unwrap_or_default();
                format!("{before} fetched …{rest}")
            }
            None => line,
        };
        steady.push_str(&digests_masked(&line));
        steady.push('\n');
    }
    steady
}

/// The line with every digest's digits masked: the snapshot's follow its format.
fn digests_masked(line: &str) -> String {
    let mut parts = line.split("sha256:");
    let mut masked = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        masked.push_str("sha256:…");
        masked.push_str(part.trim_start_matches(|c: char| c.is_ascii_hexdigit()));
    }
    masked
}

#[test]
fn a_scan_as_a_table_and_as_json() {
    let bench = Bench::new();
    insta::assert_snapshot!("scan-table", steady(&bench.scan(&[]).ended(0)));
    insta::assert_snapshot!("scan-detail", steady(&bench.scan(&["--detail"]).ended(0)));
    insta::assert_snapshot!(
        "scan-json",
        steady(&bench.scan(&["--format", "json"]).ended(0))
    );
}

#[test]
fn packages_as_a_table_and_as_json() {
    let bench = Bench::new();
    let packages =
        |arguments: &[&str]| bench.run(&[&["packages", "image.tar"], arguments].concat());
    insta::assert_snapshot!("packages-table", steady(&packages(&[]).ended(0)));
    insta::assert_snapshot!("packages-json", steady(&packages(&["-f", "json"]).ended(0)));
}

#[test]
fn warnings_are_told_beside_the_formats_that_do_not_tell_them() {
    let bench = Bench::new();
    let broken = format!("Package: lost\nStatus: install ok installed\n\n{}", {
        status(&[("tar", "1.34+dfsg-1.2", "tar")])
    });
    bench.image(debian().layer(LayerBuilder::new().file("var/lib/dpkg/status", broken)));
    let told = "warning: docker-archive:image.tar: layer 2, file var/lib/dpkg/status line ";
    for format in ["csv", "cyclonedx", "junit", "plan", "markdown"] {
        let run = bench.scan(&["-f", format]);
        assert!(run.stderr.starts_with(told), "{format}: {}", run.stderr);
    }
    let packages = ["packages", "image.tar", "-f", "spdx-json"];
    let run = bench.run(&packages);
    assert!(run.stderr.starts_with(told), "{}", run.stderr);
    assert_eq!(
        bench.run(&[&packages[..], &["-q"]].concat()).stderr,
        String::new()
    );
    // One that tells them is enough.
    for outputs in [
        &["-f", "gitlab"][..],
        &["-f", "csv", "-o", "json=report.json"],
    ] {
        assert_eq!(bench.scan(outputs).stderr, "", "{outputs:?}");
    }
    // What has no place for them says them too.
    let run = bench.run(&["diff", "report.json", "report.json"]);
    assert!(run.stderr.starts_with(told), "{}", run.stderr);
}

#[test]
fn a_file_is_written_whole_or_not_at_all() {
    let bench = Bench::new();
    let printed = bench.scan(&["-f", "json"]).ended(0);
    bench.file("report.json", "what was there");
    assert_eq!(
        bench.scan(&["-f", "json", "-o", "report.json"]).ended(0),
        ""
    );
    assert_eq!(
        std::fs::read_to_string(bench.path("report.json")).unwrap(),
        printed
    );
    bench.file("image.tar", "no image");
    bench.scan(&["-f", "json", "-o", "report.json"]).failed(3);
    assert_eq!(
        std::fs::read_to_string(bench.path("report.json")).unwrap(),
        printed
    );
    let names: Vec<_> = std::fs::read_dir(bench.folder())
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert!(
        !names
            .iter()
            .any(|name| name.to_string_lossy().starts_with(".pellucid")),
        "{names:?}"
    );
}

#[test]
fn a_folder_that_is_not_there_is_a_failure() {
    let told = Bench::new()
        .scan(&["-o", "json=nowhere/report.json"])
        .failed(3);
    assert!(
        told.starts_with("error: cannot write nowhere/report.json\n"),
        "{told}"
    );
}

#[test]
fn a_reader_that_stops_early_is_no_error() {
    let bench = Bench::new();
    bench.scan(&[]).ended(0);
    let mut command = bench.command(&["scan", "image.tar", "--offline", "--fail-on", "high"]);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let run = Run::of(command.stdout(writer).output().unwrap());
    assert_eq!((run.status, run.stderr.as_str()), (1, ""));
}

#[test]
fn nothing_is_coloured_where_there_is_no_terminal() {
    let bench = Bench::new();
    let plain = bench.scan(&[]).ended(0);
    assert!(!plain.contains('\x1b'), "{plain:?}");
    let mut command = bench.command(&["scan", "image.tar", "--offline"]);
    let colourless = Run::of(command.env("NO_COLOR", "1").output().unwrap());
    assert_eq!(colourless.ended(0), plain);
}

#[test]
fn verbose_talks_on_standard_error_alone() {
    let bench = Bench::new();
    let quiet = bench.scan(&["-q"]).ended(0);
    let run = bench.scan(&["-v"]);
    assert_eq!(run.stdout, quiet);
    assert!(
        run.stderr.contains("packages in 2 layers"),
        "{}",
        run.stderr
    );
}
