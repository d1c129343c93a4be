//! A disk that is full, and one that is read-only. A limit on the size of files is what a test can
//! have of the first without being root; `benches/faults.sh` fills real ones.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

use pellucid_testkit::{LayerBuilder, Mirror};

use crate::bench::{Bench, OS_RELEASE, Run, TRACKER, status};
use crate::serving::{SERVE, Serving, layer, renamed};

/// The binary with no file larger than `limit` bytes: writing on is an error, as on a full disk, where
/// the signal that announces it is ignored.
fn on_a_disk_of(bench: &Bench, limit: &str, arguments: &[&str]) -> Command {
    let own = bench.command(arguments);
    let mut command = Command::new("prlimit");
    command
        .arg(format!("--fsize={limit}:"))
        .args(["sh", "-c", "trap '' XFSZ; exec \"$0\" \"$@\""])
        .arg(own.get_program())
        .args(own.get_args())
        .current_dir(bench.folder())
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    for (name, value) in own.get_envs() {
        command.env(name, value.unwrap());
    }
    command
}

#[expect(clippy::print_stdout, reason = "a skipped test says so")]
fn has_prlimit() -> bool {
    let has = Command::new("prlimit").arg("--version").output().is_ok();
    if !has {
        println!("skipped: there is no prlimit");
    }
    has
}

#[test]
fn an_update_without_room_leaves_the_old_snapshot() {
    if !has_prlimit() {
        return;
    }
    let bench = Bench::new();
    let update = ["db", "update", "debian", "--mirror", "mirror"];
    bench.run(&update).ended(0);
    let digest = || {
        let catalog = pellucid_snapshot::Catalog::open(bench.path("data")).unwrap();
        catalog.verify("debian").unwrap();
        catalog.entry("debian").unwrap().current.unwrap().digest
    };
    let old = digest();
    Mirror::new(bench.path("mirror"))
        .debian(TRACKER.replace("urgency\": \"low", "urgency\": \"high"));
    let mut failed = 0;
    for limit in (6..).map(|power| 1_u64 << power) {
        let command = on_a_disk_of(&bench, &limit.to_string(), &update).output();
        let run = Run::of(command.unwrap());
        if run.status == 0 {
            break;
        }
        failed += 1;
        let told = run.failed(3);
        let reason = told.split_once("error: debian is not updated\ncaused by: ");
        assert!(
            reason.is_some_and(|(_, reason)| !reason.is_empty()),
            "{limit}: {told}"
        );
        assert_eq!(digest(), old, "{limit}");
        bench
            .run(&["scan", "image.tar", "--offline", "--fail-on", "high"])
            .ended(1);
    }
    assert!(failed > 0, "the smallest limit is too small for a snapshot");
    assert_ne!(digest(), old);
}

#[test]
fn a_service_without_room_says_so_loses_nothing_and_goes_on() {
    if !has_prlimit() {
        return;
    }
    let bench = Bench::new();
    let path = layer(&bench);
    let database = "{type: sqlite}";
    let serving = Serving::run(&bench, database, on_a_disk_of(&bench, "unlimited", SERVE));
    let mut acknowledged = vec!["first".to_owned()];
    assert_eq!(serving.post_layer("first", &path, ""), Some(201));
    let whole = serving.features("first").unwrap();
    let mut refused = Vec::new();
    for round in 0..5 {
        serving.room("4096");
        for number in 0..3 {
            let name = format!("r{round}n{number}");
            let status = serving.post_layer(&name, &path, "").unwrap();
            assert!((500..600).contains(&status), "{name}: {status}");
            refused.push(name);
        }
        assert_eq!(serving.features("first"), Some(whole.clone()));
        serving.room("unlimited");
        let name = format!("r{round}");
        assert_eq!(serving.post_layer(&name, &path, ""), Some(201), "{name}");
        acknowledged.push(name);
    }
    let check = |serving: &Serving| {
        for name in &acknowledged {
            assert_eq!(
                serving.features(name),
                Some(renamed(&whole, name)),
                "{name}"
            );
        }
        for name in &refused {
            assert_eq!(serving.features(name), None, "{name}");
        }
    };
    check(&serving);
    serving.signal("-KILL");
    drop(serving);
    check(&Serving::start(&bench, database));
}

#[test]
fn without_room_for_temporary_files_a_layer_is_read_another_time() {
    if !has_prlimit() {
        return;
    }
    let bench = Bench::new();
    let small = layer(&bench);
    // A package database that is too large to be kept in memory.
    let line = " A line of a description, of which there are very many.\n";
    let status = status(&[("tar", "1.34+dfsg-1.2", "tar")]);
    let status = format!("{}\n{}\n", status.trim_end(), line.repeat(100_000));
    let large = LayerBuilder::new()
        .file("etc/os-release", OS_RELEASE)
        .file("var/lib/dpkg/status", status);
    bench.file("large.tar", large.tar());
    let large = bench.path("large.tar").to_str().unwrap().to_owned();
    std::fs::create_dir(bench.path("tmp")).unwrap();
    let mut command = on_a_disk_of(&bench, "unlimited", SERVE);
    command.env("TMPDIR", bench.path("tmp"));
    let serving = Serving::run(&bench, "{type: sqlite}", command);
    let post = |name: &str| {
        let layer = serde_json::json!({"Layer": {"Name": name, "Path": large, "Format": "Docker"}});
        serving.ask("POST", "/v1/layers", &layer.to_string())
    };
    let refused = (
        503,
        "{\"Error\":{\"Message\":\"worker: the layer cannot be read for now\"}}\n".to_owned(),
    );
    // Room for the database, and not for the file.
    serving.room("3000000");
    assert_eq!(post("large"), Some(refused.clone()));
    assert_eq!(serving.features("large"), None);
    assert_eq!(serving.post_layer("small", &small, ""), Some(201));
    serving.room("unlimited");
    assert_eq!(post("large").map(|(status, _)| status), Some(201));
    let features = serving.features("large").unwrap();
    assert_eq!(features[0]["Name"], "tar");
    assert_eq!(
        std::fs::read_dir(bench.path("tmp")).unwrap().count(),
        0,
        "no file with a name"
    );
    // Without the folder no file can be made at all.
    std::fs::remove_dir(bench.path("tmp")).unwrap();
    assert_eq!(post("other"), Some(refused));
    assert_eq!(serving.post_layer("small2", &small, ""), Some(201));
}

#[test]
fn a_read_only_data_directory_is_read_and_said_where_it_has_to_be_written() {
    let bench = Bench::new();
    bench
        .run(&["db", "update", "debian", "--mirror", "mirror"])
        .ended(0);
    let mode = |name: &str, mode| {
        let mode = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(bench.path(name), mode).unwrap();
    };
    mode("", 0o755);
    mode("data/snapshots", 0o555);
    mode("data", 0o555);
    // Root writes anywhere; nobody does not.
    let is_root = std::fs::write(bench.path("data/probe"), "").is_ok();
    let command = |arguments: &[&str]| {
        let mut command = bench.command(arguments);
        if is_root {
            command.uid(65534).gid(65534);
        }
        command
    };
    let run = |arguments: &[&str]| command(arguments).output().map(Run::of);
    match run(&["--version"]) {
        Err(error) => return println!("skipped: nobody cannot run the binary: {error}"),
        Ok(version) => assert_eq!(version.status, 0),
    }
    run(&["scan", "image.tar", "--offline", "--fail-on", "high"])
        .unwrap()
        .ended(1);
    run(&["db", "status"]).unwrap().ended(0);
    Mirror::new(bench.path("mirror")).debian("{}");
    let told = run(&["db", "update", "debian", "--mirror", "mirror"])
        .unwrap()
        .failed(3);
    assert!(told.contains("Permission denied"), "{told}");
    assert!(
        told.contains(bench.path("data").to_str().unwrap()),
        "{told}"
    );
    let mut serving = command(SERVE);
    let config =
        "clair:\n  api: {port: 0, healthport: 0, address: 127.0.0.1}\n  database: {type: sqlite}\n";
    bench.file("config.yaml", config);
    let mut child = serving
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap);
    let said = lines.find(|line| line.contains("the database is not there yet"));
    assert!(said.unwrap().contains("pellucid.sqlite: Permission denied"));
    mode("data", 0o777);
    let started = lines.any(|line| line.contains("the database is there"));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(started, "the service starts once it may write");
    // So that the folder can be removed.
    mode("data/snapshots", 0o755);
}
