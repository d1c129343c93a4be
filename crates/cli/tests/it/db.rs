//! `db update` and `db status`.

use std::collections::BTreeSet;

use crate::bench::Bench;

#[test]
fn a_feed_is_fetched_and_shown() {
    let bench = Bench::new();
    let before = bench.run(&["db", "status"]).ended(0);
    assert!(
        before.contains("debian") && before.contains("no data"),
        "{before}"
    );
    let told = bench
        .run(&["db", "update", "debian", "--mirror", "mirror"])
        .ended(0);
    assert!(told.starts_with("debian: 2 advisories"), "{told}");
    let again = bench
        .run(&["db", "update", "debian", "--mirror", "mirror"])
        .ended(0);
    assert_eq!(again, "debian: nothing new\n");
    let table = bench.run(&["db", "status"]).ended(0);
    let line = table
        .lines()
        .find(|line| line.starts_with("debian"))
        .unwrap();
    assert!(line.contains("sha256:"), "{table}");
    let json = bench.run(&["db", "status", "--format", "json"]).ended(0);
    assert!(
        json.starts_with("{\n  \"schema\": \"pellucid-db-status/1\""),
        "{json}"
    );
    assert!(json.contains("\"debian:12\""), "{json}");
}

#[test]
fn a_feed_that_cannot_be_fetched_fails_and_is_remembered() {
    let bench = Bench::new();
    bench
        .run(&["db", "update", "debian", "--mirror", "mirror"])
        .ended(0);
    std::fs::remove_dir_all(bench.path("mirror")).unwrap();
    std::fs::create_dir(bench.path("mirror")).unwrap();
    let told = bench
        .run(&["db", "update", "debian", "--mirror", "mirror"])
        .failed(3);
    assert!(
        told.starts_with("error: debian is not updated\ncaused by: "),
        "{told}"
    );
    let table = bench.run(&["db", "status"]).ended(0);
    assert!(table.contains("  last error: "), "{table}");
    // What was there is still used.
    bench
        .run(&["scan", "image.tar", "--offline", "--fail-on", "high"])
        .ended(1);
}

#[test]
fn the_environment_names_mirror_and_data_directory() {
    let bench = Bench::new();
    let mut command = bench.command(&["db", "update", "debian"]);
    let done = command
        .env("PELLUCID_MIRROR", bench.path("mirror"))
        .env("PELLUCID_DATA_DIR", bench.path("elsewhere"))
        .status()
        .unwrap();
    assert!(done.success());
    assert!(bench.path("elsewhere/manifest.json").is_file());
    assert!(!bench.path("data").exists());
}

#[test]
fn data_lies_in_the_home_directory_unless_told_otherwise() {
    let bench = Bench::new();
    let update = ["db", "update", "debian", "--mirror", "mirror"];
    let done = bench
        .command(&update)
        .env_remove("PELLUCID_DATA_DIR")
        .status()
        .unwrap();
    assert!(done.success());
    assert!(bench.path(".local/share/pellucid/manifest.json").is_file());
    let mut homeless = bench.command(&update);
    homeless.env_remove("PELLUCID_DATA_DIR").env_remove("HOME");
    assert_eq!(homeless.output().unwrap().status.code(), Some(2));
}

/// The value at a path of members and indexes.
fn at<'a>(json: &'a serde_json::Value, path: &str) -> &'a serde_json::Value {
    json.pointer(path)
        .unwrap_or_else(|| panic!("no {path} in {json:#}"))
}

fn json(bench: &Bench, args: &[&str]) -> serde_json::Value {
    let mut args = args.to_vec();
    args.push("--json");
    serde_json::from_str(&bench.run(&args).ended(0)).unwrap()
}

/// A mirror whose tracker has the first advisory no more.
fn older_tracker(bench: &Bench) {
    let path = bench.path("mirror/security-tracker.debian.org/tracker/data/json");
    let text = std::fs::read_to_string(&path).unwrap();
    let mut tracker: serde_json::Value = serde_json::from_str(&text).unwrap();
    for (_, records) in tracker.as_object_mut().unwrap() {
        for (_, record) in records.as_object_mut().unwrap() {
            for (_, release) in at_mut(record, "releases") {
                release["urgency"] = "high".into();
            }
        }
    }
    std::fs::write(&path, tracker.to_string()).unwrap();
}

fn at_mut<'a>(
    record: &'a mut serde_json::Value,
    name: &str,
) -> &'a mut serde_json::Map<String, serde_json::Value> {
    record[name].as_object_mut().unwrap()
}

#[test]
fn a_search_of_a_namespace_counts_what_is_said_of_it() {
    let bench = Bench::new();
    let of = |release: &str| {
        serde_json::json!({"description": "A hole.", "releases": {release: {"status": "resolved",
            "fixed_version": "2", "urgency": "high", "repositories": {release: "2"}}}})
    };
    let mut tracker = serde_json::json!({"openssl": {
        "CVE-2024-0001": of("bookworm"),
        "CVE-2024-0002": of("trixie"),
        "CVE-2024-0003": of("trixie"),
        "CVE-2024-0004": of("bookworm"),
    }});
    // One that speaks of the package here and of another there says nothing of the package there.
    tracker["openssl"]["CVE-2024-0005"] = of("bookworm");
    tracker["tar"] = serde_json::json!({"CVE-2024-0005": of("trixie")});
    pellucid_testkit::Mirror::new(bench.path("mirror")).debian(tracker.to_string());
    json(&bench, &["db", "update", "debian", "--mirror", "mirror"]);
    let search = |limit: &str| {
        let search = ["db", "search", "openssl", "--namespace", "debian:13"];
        let found = json(&bench, &[&search[..], &["--limit", limit]].concat());
        let ids = at(&found, "/advisories").as_array().unwrap().iter();
        let ids: Vec<String> = ids
            .map(|hit| at(hit, "/advisory/id").as_str().unwrap().to_owned())
            .collect();
        (ids, at(&found, "/cut_short").as_array().unwrap().len())
    };
    let both = vec!["CVE-2024-0002".to_owned(), "CVE-2024-0003".to_owned()];
    assert_eq!(search("1"), (both[..1].to_vec(), 1));
    assert_eq!(search("2"), (both, 0));
    let none = ["db", "search", "tar", "--namespace", "debian:12"];
    let told = bench.run(&[&none[..], &["--limit", "1"]].concat()).ended(1);
    assert!(!told.contains("says more"), "{told}");
}

#[test]
fn what_the_data_says_can_be_listed_searched_compared_and_taken_back() {
    let bench = Bench::new();
    let update = ["db", "update", "debian", "--mirror", "mirror"];
    let first = json(&bench, &update);
    assert_eq!(at(&first, "/feeds/0/became"), "published");
    let listed = json(&bench, &["db", "list"]);
    assert_eq!(at(&listed, "/namespaces/0/namespace"), "debian:12");
    let id = {
        let table = bench.run(&["db", "search", "openssl"]).ended(0);
        let row = table.lines().nth(1).unwrap().to_owned();
        row.split_whitespace().nth(1).unwrap().to_owned()
    };
    let found = json(&bench, &["db", "search", &id.to_lowercase()]);
    assert_eq!(at(&found, "/advisories/0/advisory/id"), id.as_str());
    bench.run(&["db", "search", "no-such-package"]).ended(1);

    older_tracker(&bench);
    let second = json(&bench, &update);
    assert_eq!(at(&second, "/feeds/0/became"), "published");
    let changes = json(&bench, &["db", "diff", "debian~1", "debian"]);
    assert_eq!(at(&changes, "/changes/0/what"), "changed");
    assert_eq!(at(&changes, "/old"), at(&first, "/feeds/0/digest"));
    let by_digest = at(&first, "/feeds/0/digest").as_str().unwrap();
    let same = json(&bench, &["db", "diff", by_digest, "debian~1"]);
    assert_eq!(at(&same, "/changes"), &serde_json::json!([]));
    bench
        .run(&["db", "diff", "debian", "alpine/v3.1"])
        .failed(2);

    let back = json(&bench, &["db", "rollback", "debian"]);
    assert_eq!(at(&back, "/digest"), at(&first, "/feeds/0/digest"));
    let pruned = json(&bench, &["db", "prune", "--earlier"]);
    assert_eq!(at(&pruned, "/removed").as_array().unwrap().len(), 1);
    bench.run(&["db", "rollback", "debian"]).failed(3);
}

#[test]
fn what_is_known_of_exploitation_is_compared_too() {
    let bench = Bench::new();
    let mirror = pellucid_testkit::Mirror::new(bench.path("mirror"));
    let update = ["db", "update", "cisa-kev", "epss", "--mirror", "mirror"];
    let serve = |entries: &[(&str, &str)], scores: &str| {
        let entries = entries.iter().map(|(cve, day)| {
            format!(r#"{{"cveID": "{cve}", "dateAdded": "{day}", "dueDate": "{day}"}}"#)
        });
        let entries: Vec<String> = entries.collect();
        mirror
            .file(
                "www.cisa.gov/sites/default/files/feeds/known_exploited_vulnerabilities.json",
                format!(r#"{{"vulnerabilities": [{}]}}"#, entries.join(",")),
            )
            .file(
                "epss.empiricalsecurity.com/epss_scores-current.csv.gz",
                format!("#model_version:v2025.03.14,score_date:2025-03-15T00:00:00Z\ncve,epss,percentile\n{scores}"),
            );
    };
    serve(
        &[
            ("CVE-2024-0001", "2024-01-01"),
            ("CVE-2024-0002", "2024-01-01"),
        ],
        "CVE-2024-0001,0.01,0.5\nCVE-2024-0002,0.02,0.6\n",
    );
    bench.run(&update).ended(0);
    serve(
        &[
            ("CVE-2024-0001", "2024-01-01"),
            ("CVE-2024-0002", "2024-01-01"),
            ("CVE-2024-0003", "2024-03-01"),
        ],
        "CVE-2024-0001,0.25,0.9\nCVE-2024-0002,0.02,0.6\n",
    );
    bench.run(&update).ended(0);
    let table = bench
        .run(&["db", "diff", "cisa-kev~1", "cisa-kev"])
        .ended(0);
    let expected = "CHANGE  ID             KNOWN\n\
                    added   CVE-2024-0003  known exploited since 2024-03-01\n";
    assert_eq!(table, expected);
    let table = bench.run(&["db", "diff", "epss~1", "epss"]).ended(0);
    let expected = "CHANGE   ID             KNOWN\n\
                    changed  CVE-2024-0001  EPSS 1.0 % -> EPSS 25.0 %\n";
    assert_eq!(table, expected);
    let changes = json(&bench, &["db", "diff", "epss~1", "epss"]);
    assert_eq!(
        at(&changes, "/changes/0/new/epss/score"),
        &serde_json::json!(0.25)
    );
    assert_eq!(changes["changes"][0].get("namespace"), None);
}

#[test]
fn where_there_is_no_data_that_is_said_and_nothing_is_made() {
    let bench = Bench::new();
    let elsewhere = ["--data-dir", "mistyped"];
    let run = |arguments: &[&str]| bench.run(&[arguments, &elsewhere[..]].concat());
    let told = run(&["db", "search", "openssl"]).failed(3);
    assert!(
        told.contains("there is no advisory data in mistyped; run \"pellucid db update\""),
        "{told}"
    );
    let listed = run(&["db", "list"]);
    assert!(
        listed.status == 0 && listed.stderr.contains("no advisory data in mistyped"),
        "{}",
        listed.stderr
    );
    run(&["db", "status"]).ended(0);
    run(&["db", "export", "all.bundle"]).failed(3);
    assert!(!bench.path("mistyped").exists());
    // A folder that cannot be.
    let update = ["db", "update", "debian", "--mirror", "mirror"];
    let told = bench
        .run(&[&update[..], &["--data-dir", "image.tar/data"]].concat())
        .failed(3);
    assert!(
        told.contains("image.tar/data") && told.contains("hint: say --data-dir DIR"),
        "{told}"
    );

    bench.run(&update).ended(0);
    for (namespace, way_out) in [
        ("alpine:v3.20", "\"pellucid db update alpine/v3.20\""),
        ("debian:99", "no feed speaks of it"),
    ] {
        let told = bench
            .run(&["db", "search", "openssl", "--namespace", namespace])
            .failed(3);
        let said = format!("there is no data of {namespace}");
        assert!(told.contains(&said), "{told}");
        assert!(told.contains(way_out), "{told}");
    }
    // A bundle without a feed that was named is none.
    let told = bench
        .run(&["db", "export", "p.bundle", "debian", "alpine/v3.20"])
        .failed(3);
    assert!(
        told.contains("there is no data of alpine/v3.20 yet") && !told.contains("debian"),
        "{told}"
    );
    assert!(!bench.path("p.bundle").exists());
}

#[test]
fn a_mirror_takes_a_feed_from_elsewhere() {
    let bench = Bench::new();
    let mirror = ["db", "mirror", "copy", "debian"];
    let from = [
        "--feed-mirror",
        "debian=mirror",
        "--proxy",
        "http://127.0.0.1:1",
    ];
    let made = json(&bench, &[&mirror[..], &from].concat());
    assert_eq!(at(&made, "/feeds/0/new"), 1);
}

#[test]
fn a_mirror_of_nothing_new_is_left_as_it_is() {
    let bench = Bench::new();
    let mirror = ["db", "mirror", "copy", "debian", "--mirror", "mirror"];
    assert_eq!(at(&json(&bench, &mirror), "/feeds/0/new"), 1);
    let list = bench.path("copy/MANIFEST.tsv");
    let before = std::fs::metadata(&list).unwrap().modified().unwrap();
    assert_eq!(at(&json(&bench, &mirror), "/feeds/0/new"), 0);
    let after = std::fs::metadata(&list).unwrap().modified().unwrap();
    assert_eq!(before, after);
}

#[test]
fn a_bundle_is_carried_whole_or_not_at_all() {
    use base64::Engine as _;
    let bench = Bench::new();
    bench
        .run(&["db", "update", "debian", "--mirror", "mirror"])
        .ended(0);
    // Keys made for this test alone: RFC 8410's example.
    let private = "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC";
    let public = "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=";
    let pem = |label: &str, body: &str| {
        format!("-----BEGIN {label} KEY-----\n{body}\n-----END {label} KEY-----\n")
    };
    std::fs::write(bench.path("private.pem"), pem("PRIVATE", private)).unwrap();
    std::fs::write(bench.path("public.pem"), pem("PUBLIC", public)).unwrap();
    let mut other = base64::engine::general_purpose::STANDARD
        .decode(public)
        .unwrap();
    *other.last_mut().unwrap() ^= 1;
    std::fs::write(bench.path("other.der"), other).unwrap();

    bench.run(&["db", "export", "plain.bundle"]).ended(0);
    let exported = json(
        &bench,
        &["db", "export", "one.bundle", "--sign", "private.pem"],
    );
    let digest = at(&exported, "/snapshots/0/digest").clone();
    let elsewhere = ["--data-dir", "elsewhere"];
    let import = |args: &[&str]| {
        let mut all = vec!["db", "import"];
        all.extend(args);
        all.extend(elsewhere);
        bench.run(&all)
    };
    let unsigned = import(&["plain.bundle", "--key", "public.pem"]).failed(3);
    assert!(unsigned.contains("not signed"), "{unsigned}");
    let foreign = import(&["one.bundle", "--key", "other.der"]).failed(3);
    assert!(foreign.contains("not of this key"), "{foreign}");
    let whole = std::fs::read(bench.path("one.bundle")).unwrap();
    for (name, damaged) in [
        ("cut.bundle", whole[..whole.len() / 2].to_vec()),
        ("flipped.bundle", {
            let mut bytes = whole.clone();
            let at = bytes.len() / 2;
            bytes[at] ^= 0xff;
            bytes
        }),
        ("empty.bundle", Vec::new()),
        ("text.bundle", b"not a bundle".to_vec()),
    ] {
        std::fs::write(bench.path(name), damaged).unwrap();
        import(&[name, "--key", "public.pem"]).failed(3);
    }
    let nothing = bench.run(&["db", "list", "--json", "--data-dir", "elsewhere"]);
    assert!(
        nothing.status == 0 && nothing.stdout.contains("\"namespaces\": []"),
        "{}",
        nothing.stdout
    );
    assert!(
        nothing.stderr.contains("no advisory data"),
        "{}",
        nothing.stderr
    );
    assert_eq!(
        std::fs::read_dir(bench.path("elsewhere/snapshots"))
            .unwrap()
            .count(),
        0
    );

    import(&["one.bundle", "--key", "public.pem"]).ended(0);
    let status = json(&bench, &["db", "list", "debian", "--data-dir", "elsewhere"]);
    assert_eq!(at(&status, "/namespaces/0/namespace"), "debian:12");
    let again = import(&["one.bundle"]);
    assert!(again.stdout.contains("was here"), "{}", again.stdout);
    assert!(again.stderr.contains("--key checks it"), "{}", again.stderr);
    let carried = json(
        &bench,
        &["db", "export", "two.bundle", "--data-dir", "elsewhere"],
    );
    assert_eq!(at(&carried, "/snapshots/0/digest"), &digest);
    // Offline, with nothing but the bundle.
    bench
        .run(&[
            "scan",
            "image.tar",
            "--offline",
            "--fail-on",
            "high",
            "--data-dir",
            "elsewhere",
        ])
        .ended(1);
}

#[test]
fn a_mirror_made_of_a_mirror_answers_the_same() {
    let bench = Bench::new();
    let made = json(
        &bench,
        &["db", "mirror", "copy", "debian", "--mirror", "mirror"],
    );
    assert_eq!(at(&made, "/feeds/0/files"), 1);
    // What fails leaves what is there.
    bench
        .run(&["db", "mirror", "copy", "cisa-kev", "--mirror", "mirror"])
        .failed(3);
    let list = std::fs::read_to_string(bench.path("copy/MANIFEST.tsv")).unwrap();
    assert!(
        list.contains("https://security-tracker.debian.org/tracker/data/json\t"),
        "{list}"
    );
    let from = json(&bench, &["db", "update", "debian", "--mirror", "mirror"]);
    let copied = json(
        &bench,
        &[
            "db",
            "update",
            "debian",
            "--mirror",
            "copy",
            "--offline",
            "--data-dir",
            "elsewhere",
        ],
    );
    assert_eq!(
        at(&from, "/feeds/0/advisories"),
        at(&copied, "/feeds/0/advisories")
    );
}

/// Moments of an update, by what lies in the data directory then.
const MOMENTS: [&str; 3] = ["update.lock", ".building", "manifest.json.writing"];

/// What the data directory shows of a moment: the files and folders that are there only from then on.
fn signs(data: &std::path::Path, moment: &str) -> BTreeSet<std::path::PathBuf> {
    let folders = [data.to_owned(), data.join("snapshots")];
    folders
        .iter()
        .filter_map(|folder| std::fs::read_dir(folder).ok())
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.to_string_lossy().ends_with(moment))
        .collect()
}

#[test]
fn a_killed_update_leaves_the_old_snapshot_or_the_new_one() {
    let bench = Bench::new();
    let update = ["db", "update", "debian", "--mirror", "mirror"];
    bench.run(&update).ended(0);
    let digest = || {
        let catalog = pellucid_snapshot::Catalog::open(bench.path("data")).unwrap();
        catalog.verify("debian").unwrap();
        let stored = catalog.entry("debian").unwrap().current.unwrap();
        let snapshot = catalog.current("debian").unwrap().unwrap();
        assert_eq!(snapshot.advisories(), stored.advisories);
        stored.digest
    };
    let old = digest();
    older_tracker(&bench);
    let data = bench.path("data");
    for moment in MOMENTS {
        // What an update killed before has left behind is no sign of this one.
        for left in ["update.lock", "manifest.json.writing"] {
            match std::fs::remove_file(data.join(left)) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => panic!("{error}"),
                _ => {}
            }
        }
        let before = signs(&data, moment);
        let mut child = bench
            .command(&update)
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        while child.try_wait().unwrap().is_none() && signs(&data, moment).is_subset(&before) {
            std::hint::spin_loop();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let now = digest();
        if now != old {
            break;
        }
    }
    bench.run(&update);
    let new = digest();
    assert_ne!(new, old);
    bench.run(&["db", "prune"]).ended(0);
    assert_eq!(signs(&data, ".building"), BTreeSet::new());
}
