//! Images by name, several at once, and lists of packages in their place.

use std::io::Write as _;
use std::process::Stdio;

use pellucid_testkit::registry::{Guard, Registry};
use pellucid_testkit::{Compression, ImageBuilder, LayerBuilder};

use crate::bench::{Bench, Run, debian};

const CANARY: &str = "canary-7d2e";

/// What was found, whatever it was found in.
fn findings(json: &str) -> Vec<serde_json::Value> {
    let report: serde_json::Value = serde_json::from_str(json).unwrap();
    let findings = report["findings"].as_array().unwrap().clone();
    assert!(!findings.is_empty(), "{json}");
    findings
}

fn value(json: &str, path: &str) -> serde_json::Value {
    let report: serde_json::Value = serde_json::from_str(json).unwrap();
    report.pointer(path).cloned().unwrap_or_default()
}

fn with_input(bench: &Bench, arguments: &[&str], input: &str) -> Run {
    let mut command = bench.command(arguments);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    Run::of(child.wait_with_output().unwrap())
}

#[test]
fn a_list_of_our_own_is_as_good_as_the_image() {
    let bench = Bench::new();
    let json = bench.scan(&["-f", "json"]).ended(0);
    for (format, is_all) in [("cyclonedx", true), ("spdx-json", true)] {
        let file = format!("bom.{format}.json");
        bench
            .run(&["packages", "image.tar", "-f", format, "-o", &file])
            .ended(0);
        let again = bench
            .run(&["scan", &file, "--mirror", "mirror", "-f", "json"])
            .ended(0);
        assert_eq!(findings(&again), findings(&json), "{format}");
        for part in [
            "/packages",
            "/layers",
            "/image/id",
            "/image/digest",
            "/image/platform",
            "/image/tags",
        ] {
            assert_eq!(value(&again, part), value(&json, part), "{format} {part}");
        }
        if is_all && format == "cyclonedx" {
            assert_eq!(
                value(&again, "/distributions"),
                value(&json, "/distributions")
            );
        }
        let text = std::fs::read_to_string(bench.path(&file)).unwrap();
        let scan = ["scan", "-", "--mirror", "mirror", "-f", "json"];
        assert_eq!(
            findings(&with_input(&bench, &scan, &text).ended(0)),
            findings(&json)
        );
        bench
            .run(&[
                "scan",
                &format!("sbom:{file}"),
                "--mirror",
                "mirror",
                "--fail-on",
                "high",
            ])
            .ended(1);
    }
}

#[test]
fn lists_of_other_tools_keep_distribution_source_and_layer() {
    let bench = Bench::new();
    let layer = format!("sha256:{}", "a".repeat(64));
    let purl = "pkg:deb/debian/libssl3@3.0.11-1~deb12u1?arch=amd64&distro=debian-12";
    let syft = format!(
        r#"{{"artifacts": [{{"name": "libssl3", "version": "3.0.11-1~deb12u1", "type": "deb",
            "purl": "{purl}", "metadata": {{"source": "openssl", "sourceVersion": ""}},
            "locations": [{{"path": "/usr/share/doc/x"}}, {{"path": "/var/lib/dpkg/status", "layerID": "{layer}"}}]}}],
          "distro": {{"id": "debian", "versionID": "12"}},
          "source": {{"name": "web", "metadata": {{"layers": [{{"digest": "{layer}"}}]}}}},
          "descriptor": {{"name": "syft"}}}}"#
    );
    let trivy = format!(
        r#"{{"bomFormat": "CycloneDX", "specVersion": "1.5", "metadata": {{"component": {{"type": "container", "name": "web"}}}},
          "components": [{{"type": "operating-system", "name": "debian", "version": "12.5"}},
            {{"type": "library", "name": "libssl3", "version": "3.0.11-1~deb12u1", "purl": "{purl}",
              "properties": [{{"name": "aquasecurity:trivy:SrcName", "value": "openssl"}},
                {{"name": "aquasecurity:trivy:SrcVersion", "value": "3.0.11"}},
                {{"name": "aquasecurity:trivy:SrcRelease", "value": "1~deb12u1"}},
                {{"name": "aquasecurity:trivy:LayerDiffID", "value": "{layer}"}}]}}]}}"#
    );
    let upstream = format!("{purl}&upstream=openssl");
    let spdx = format!(
        r#"{{"spdxVersion": "SPDX-2.3", "packages": [{{"name": "libssl3", "versionInfo": "3.0.11-1~deb12u1",
          "externalRefs": [{{"referenceType": "purl", "referenceLocator": "{upstream}"}}]}}]}}"#
    );
    for (name, text, layer) in [
        ("syft", syft, Some(&layer)),
        ("trivy", trivy, Some(&layer)),
        ("spdx", spdx, None),
    ] {
        let file = format!("{name}.json");
        bench.file(&file, text);
        let json = bench
            .run(&["scan", &file, "--mirror", "mirror", "-f", "json"])
            .ended(0);
        let found = findings(&json);
        assert_eq!(found.len(), 1, "{name} {json}");
        assert_eq!(found[0]["id"], "CVE-2024-0001", "{name}");
        assert_eq!(
            value(&json, "/distributions/0/namespace"),
            "debian:12",
            "{name}"
        );
        assert_eq!(value(&json, "/packages/0/source/name"), "openssl", "{name}");
        if let Some(layer) = layer {
            assert_eq!(value(&json, "/layers/0/diff_id"), layer.as_str(), "{name}");
        }
    }
    let purls = [
        "scan",
        &format!("purl:{upstream}"),
        "--mirror",
        "mirror",
        "-f",
        "json",
    ];
    assert_eq!(findings(&bench.run(&purls).ended(0)).len(), 1);
    bench.file(
        "purls.txt",
        format!("# two\n{upstream}\n\nnonsense\npkg:npm/left-pad@1.0.0\n"),
    );
    let json = bench
        .run(&["packages", "purl:purls.txt", "-f", "json"])
        .ended(0);
    assert_eq!(value(&json, "/packages").as_array().unwrap().len(), 2);
    assert!(
        json.contains("not a purl of a known type with a version: nonsense"),
        "{json}"
    );
    let scan = ["scan", "purl:-", "--mirror", "mirror", "-f", "json"];
    let again = with_input(&bench, &scan, &format!("{upstream}\n")).ended(0);
    assert_eq!(findings(&again).len(), 1);
}

#[test]
fn what_is_no_list_is_refused() {
    let bench = Bench::new();
    for (text, wanted) in [
        ("{}", "there is no bomFormat"),
        (
            "{\"bomFormat\": \"CycloneDX\", \"components\": []}",
            "names no package",
        ),
        (
            "{\"spdxVersion\": \"SPDX-3.0\"}",
            "SPDX SPDX-3.0 is not supported",
        ),
        ("{\"bomFormat\": ", "is not readable"),
        (
            "{\"bomFormat\": \"CycloneDX\", \"components\": [{\"type\": 1}]}",
            "is not readable",
        ),
    ] {
        bench.file("bom.json", text);
        let told = bench.run(&["scan", "bom.json", "--offline"]).failed(3);
        assert!(told.contains(wanted), "{text}: {told}");
    }
    // Lists in other forms are told by their content, whatever they are called, and not taken for
    // archives.
    let bom = r#"<?xml version="1.0"?><bom xmlns="http://cyclonedx.org/schema/bom/1.6"/>"#;
    for (text, wanted) in [
        (bom, "it is CycloneDX in XML, which is not read"),
        (
            "SPDXVersion: SPDX-2.3\nPackageName: a\n",
            "it is SPDX in tag-value form",
        ),
        (
            "{\"@context\": \"https://spdx.org/rdf/3.0.1/spdx-context.jsonld\"}",
            "it is SPDX 3,",
        ),
    ] {
        bench.file("list.bom", text);
        let told = bench.run(&["scan", "list.bom", "--offline"]).failed(3);
        assert!(told.contains(wanted), "{text}: {told}");
        assert!(
            told.contains("hint: write the list again in JSON"),
            "{told}"
        );
        let run = with_input(&bench, &["scan", "-", "--offline"], text);
        assert!(
            run.status == 3 && run.stderr.contains(wanted),
            "{}",
            run.stderr
        );
    }
}

#[test]
fn what_is_no_image_says_why_and_what_to_do_only_where_it_fits() {
    let bench = Bench::new();
    let save = "hint: save the image to a file first";
    for (reference, status, wanted, is_saved) in [
        ("https://registry.example/x:1", 2, "without https://", false),
        ("NoSuch/Image:UPPER", 2, "lower-case letters", false),
        ("dir:nothere", 3, "no file or folder nothere", false),
        ("docker-root:nothere#web", 3, "nothere#web", false),
        ("nothere.tar", 3, "no file or folder nothere.tar", true),
        ("purl:pkg:pypi/jinja2", 2, "type with a version", false),
    ] {
        let told = bench.run(&["scan", reference, "--offline"]).failed(status);
        assert!(told.contains(wanted), "{told}");
        assert_eq!(told.contains(save), is_saved, "{told}");
    }
    bench.file("purls", "pkg:pypi/jinja2\n");
    let told = bench.run(&["scan", "purl:purls", "--offline"]).failed(3);
    assert!(told.contains("type with a version"), "{told}");
}

#[test]
fn an_image_alone_is_scanned() {
    let bench = Bench::new();
    let scan = bench.scan(&[]).ended(0);
    assert_eq!(
        bench.run(&["image.tar", "--mirror", "mirror"]).ended(0),
        scan
    );
    assert_eq!(
        bench
            .run(&["-q", "image.tar", "--mirror", "mirror"])
            .ended(0),
        scan
    );
    let told = bench.run(&["scna", "image.tar"]).failed(2);
    assert!(told.contains("scan"), "{told}");
}

#[test]
fn several_images_give_several_reports_and_the_worst_status() {
    let bench = Bench::new();
    bench.file(
        "clean.tar",
        ImageBuilder::new()
            .layer(
                LayerBuilder::new()
                    .file("etc/os-release", "ID=debian\nVERSION_ID=12\n")
                    .file(
                        "var/lib/dpkg/status",
                        crate::bench::status(&[("tar", "1.35", "tar")]),
                    ),
            )
            .docker_archive(),
    );
    let both = ["scan", "clean.tar", "image.tar", "--mirror", "mirror"];
    let table = bench.run(&both).ended(0);
    assert!(
        table.contains("clean.tar") && table.contains("image.tar"),
        "{table}"
    );
    bench
        .run(&[&both[..], &["--fail-on", "high"]].concat())
        .ended(1);
    let told = bench
        .run(&[&both[..], &["-o", "json=out.json"]].concat())
        .failed(2);
    assert!(told.contains("{image}"), "{told}");
    bench
        .run(&[&both[..], &["-o", "json={image}.json"]].concat())
        .ended(0);
    findings(&std::fs::read_to_string(bench.path("image.tar.json")).unwrap());
    assert!(bench.path("clean.tar.json").exists());
    std::fs::remove_file(bench.path("image.tar.json")).unwrap();
    bench.scan(&["-o", "json={image}.json"]).ended(0);
    assert!(bench.path("image.tar.json").exists());
    bench.file("list", "# images\n\nimage.tar\nmissing.tar\n");
    let run = bench.run(&["scan", "--images-from", "list", "--mirror", "mirror"]);
    assert_eq!(run.status, 3);
    assert!(run.stdout.contains("2 vulnerabilities"), "{}", run.stdout);
    assert!(
        run.stderr.contains("cannot read the image missing.tar"),
        "{}",
        run.stderr
    );
}

#[test]
fn images_whose_reports_would_be_one_file_are_refused_before_the_work() {
    let bench = Bench::new();
    bench.file("a_b.tar", debian().docker_archive());
    std::fs::create_dir(bench.path("a")).unwrap();
    bench.file("a/b.tar", debian().docker_archive());
    let file = ["--mirror", "mirror", "-o", "json={image}.json"];
    for (images, told) in [
        (
            ["a/b.tar", "a_b.tar"],
            "the reports of a/b.tar and of a_b.tar would be one file, a_b.tar.json",
        ),
        (
            ["a_b.tar", "a_b.tar"],
            "two reports of a_b.tar would be one file, a_b.tar.json",
        ),
    ] {
        let text = bench
            .run(&[&["scan"], &images[..], &file[..]].concat())
            .failed(2);
        assert!(text.contains(told), "{text}");
        assert!(!bench.path("a_b.tar.json").exists());
    }
    // Standard output takes each.
    let twice = ["scan", "a_b.tar", "a_b.tar", "--mirror", "mirror"];
    let table = bench.run(&twice).ended(0);
    assert_eq!(table.matches("Image ").count(), 2, "{table}");
}

#[test]
fn a_bill_of_materials_stands_for_an_image_wherever_a_report_does() {
    let bench = Bench::new();
    let list = ["packages", "image.tar", "-o", "cyclonedx=bill.json"];
    bench.run(&list).ended(0);
    let mirror = ["--mirror", "mirror"];
    let explain = ["explain", "CVE-2024-0001", "openssl"];
    let told = bench
        .run(&[&explain[..], &["bill.json"], &mirror].concat())
        .ended(0);
    assert!(told.contains("3.0.15-1~deb12u1"), "{told}");
    let bill = std::fs::File::open(bench.path("bill.json")).unwrap();
    let mut command = bench.command(&[&explain[..], &["-"], &mirror].concat());
    let piped = Run::of(command.stdin(bill).output().unwrap());
    assert!(piped.ended(0).contains("3.0.15-1~deb12u1"));
    // A report is one whatever the order of its fields is.
    bench.scan(&["-o", "json=report.json"]).ended(0);
    let report = std::fs::read(bench.path("report.json")).unwrap();
    let report: std::collections::BTreeMap<String, serde_json::Value> =
        serde_json::from_slice(&report).unwrap();
    bench.file("sorted.json", serde_json::to_vec(&report).unwrap());
    for old in ["bill.json", "report.json", "sorted.json"] {
        let diff = ["diff", old, "report.json", "--format", "json"];
        let diff = bench.run(&[&diff[..], &mirror].concat()).ended(0);
        let diff: serde_json::Value = serde_json::from_str(&diff).unwrap();
        assert_eq!(diff["findings"], serde_json::json!([]), "{old}: {diff}");
        assert_eq!(diff["unanswered"], serde_json::json!([]), "{old}: {diff}");
    }
    // Our own names the layers.
    let table = bench.scan(&["--base", "bill.json"]).ended(0);
    assert!(table.contains("Base image bill.json (2 layers)"), "{table}");
}

#[test]
fn an_image_is_pulled_and_its_password_is_seen_nowhere() {
    let bench = Bench::new();
    let registry = Registry::new();
    registry.push("team/web", "1", debian().compression(Compression::Gzip));
    registry.content().guard = Guard::Basic("robot".into(), CANARY.into());
    let name = format!("{}/team/web:1", registry.host());
    let host = registry.host();
    let pull = [&*name, "--mirror", "mirror", "--plain-http", &host];
    let told = bench.run(&pull).failed(3);
    assert!(
        told.contains("wants credentials") && told.contains("docker login"),
        "{told}"
    );
    let arguments = [
        &pull[..],
        &[
            "--username",
            "robot",
            "--password-stdin",
            "-f",
            "json",
            "-vv",
        ],
    ]
    .concat();
    let run = with_input(&bench, &arguments, &format!("{CANARY}\n"));
    assert_eq!(run.status, 0, "{}", run.stderr);
    assert_eq!(
        findings(&run.stdout),
        findings(&bench.scan(&["-f", "json"]).ended(0))
    );
    assert!(
        !run.stdout.contains(CANARY) && !run.stderr.contains(CANARY),
        "{}",
        run.stderr
    );
    let wrong = with_input(&bench, &arguments, &format!("not-{CANARY}\n"));
    assert_eq!(wrong.status, 3);
    assert!(
        wrong.stderr.contains("refused the credentials"),
        "{}",
        wrong.stderr
    );
    let all = wrong.stderr + &wrong.stdout;
    assert!(!all.contains(CANARY), "{all}");

    // From the environment, into a file of each format.
    let outputs: Vec<String> = pellucid_report::FORMATS
        .iter()
        .map(|format| format!("{0}=report-{0}", format.name()))
        .collect();
    let outputs = outputs.iter().flat_map(|output| ["-o", output.as_str()]);
    let mut command = bench.command(&pull);
    command
        .args(outputs)
        .arg("-vv")
        .env("PELLUCID_USERNAME", "robot")
        .env("PELLUCID_PASSWORD", CANARY);
    let run = Run::of(command.output().unwrap());
    assert_eq!(run.status, 0, "{}", run.stderr);
    let pair = pellucid_testkit::registry::basic("robot", CANARY);
    let pair = pair.strip_prefix("Basic ").unwrap();
    let is_clean = |text: &str| assert!(!text.contains(CANARY) && !text.contains(pair), "{text}");
    is_clean(&(run.stdout + &run.stderr));
    for format in pellucid_report::FORMATS {
        let report = std::fs::read(bench.path(&format!("report-{}", format.name())));
        is_clean(&String::from_utf8(report.unwrap()).unwrap());
    }
    let told = command.env("PELLUCID_PASSWORD", format!("not-{CANARY}"));
    let told = Run::of(told.output().unwrap()).failed(3);
    is_clean(&told);

    // What docker login wrote.
    std::fs::create_dir(bench.path(".docker")).unwrap();
    bench.file(
        ".docker/config.json",
        format!(r#"{{"auths": {{"{host}": {{"auth": "{pair}"}}}}}}"#),
    );
    bench.run(&pull).ended(0);
    let told = bench.run(&[&pull[..], &["--offline"]].concat()).failed(3);
    assert!(told.contains("no socket may be opened"), "{told}");
    let told = bench
        .run(&["127.0.0.1:1/a", "b.io/c", "--username", "u"])
        .failed(2);
    assert!(told.contains("of one registry"), "{told}");
}

#[test]
fn all_platforms_are_one_report() {
    let bench = Bench::new();
    let registry = Registry::new();
    let images = ["amd64", "arm64"].map(|one| debian().architecture(one));
    registry.push_index("web", "latest", images.into());
    let name = format!("{}/web", registry.host());
    let json = bench
        .run(&[
            &name,
            "--platform",
            "all",
            "--plain-http",
            &registry.host(),
            "--mirror",
            "mirror",
            "-f",
            "json",
        ])
        .ended(0);
    assert_eq!(
        findings(&json),
        findings(&bench.scan(&["-f", "json"]).ended(0))
    );
    assert!(json.contains("linux/arm64 has layers 0 1"), "{json}");
}
