//! `serve` as a process: signals, kill -9, its command lines, and Clair's local client against it.

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;

use pellucid_testkit::postgres::PostgresServer;
use pellucid_testkit::{ImageBuilder, LayerBuilder};
use serde_json::json;

use crate::bench::{Bench, OS_RELEASE, Run, debian, status};
use crate::serving::{Serving, layer, renamed};

#[test]
fn a_signal_lets_it_end_cleanly_and_a_second_one_at_once() {
    let bench = Bench::new();
    for signal in ["-TERM", "-INT"] {
        let serving = Serving::start(&bench, "{type: sqlite}");
        serving.signal(signal);
        assert_eq!(serving.ended().code(), Some(0), "{signal}");
    }
    let serving = Serving::start(&bench, "{type: sqlite}");
    // A layer that never comes keeps a request running.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let path = format!("http://{}/x", listener.local_addr().unwrap());
    let mut request = TcpStream::connect(serving.api).unwrap();
    let body = json!({"Layer": {"Name": "a", "Path": path, "Format": "Docker"}}).to_string();
    let length = body.len();
    let head = "POST /v1/layers HTTP/1.1\r\nHost: x\r\n";
    let text = format!("{head}Content-Length: {length}\r\n\r\n{body}");
    request.write_all(text.as_bytes()).unwrap();
    let _held = listener.accept().unwrap();
    serving.signal("-TERM");
    while TcpStream::connect(serving.api).is_ok() {
        std::thread::yield_now();
    }
    serving.signal("-TERM");
    assert_eq!(serving.ended().code(), Some(1));
}

#[test]
fn its_health_can_be_asked_without_another_program() {
    let bench = Bench::new();
    let serving = Serving::start(&bench, "{type: sqlite}");
    let ask = |target: &str| {
        let url = format!("http://{}{target}", serving.api);
        bench.run(&["healthcheck", &url])
    };
    ask("/v1/namespaces").ended(0);
    let told = ask("/v1/layers/none").failed(3);
    assert!(told.contains("404"), "{told}");
    let url = format!("http://{}/v1/namespaces", serving.api);
    serving.signal("-TERM");
    assert_eq!(serving.ended().code(), Some(0));
    bench.run(&["healthcheck", &url]).failed(3);
}

/// Kills it in the middle of posting layers, again and again: what was answered with 201 is there,
/// whole, and nothing else is there in part.
fn kill_while_posting(bench: &Bench, database: &str, rounds: usize) {
    let path = layer(bench);
    let serving = Serving::start(bench, database);
    assert_eq!(serving.post_layer("first", &path, ""), Some(201));
    let whole = serving.features("first").unwrap();
    assert_eq!(whole.as_array().unwrap().len(), 40);
    drop(serving);
    let mut asked = Vec::new();
    for round in 0..rounds {
        let mut serving = Serving::start(bench, database);
        let posting = std::thread::scope(|scope| {
            let poster = scope.spawn(|| {
                let mut done = Vec::new();
                for number in 0.. {
                    let name = format!("r{round}n{number}");
                    let status = serving.post_layer(&name, &path, "");
                    done.push((name, status == Some(201)));
                    if status.is_none() {
                        break;
                    }
                }
                done
            });
            // A moment that differs from round to round, without a clock.
            for _ in 0..round * 3 {
                let _ = serving.ask("GET", "/v1/namespaces", "");
            }
            serving.signal("-KILL");
            poster.join().unwrap()
        });
        serving.child.wait().unwrap();
        asked.extend(posting);
    }
    let serving = Serving::start(bench, database);
    for (name, is_acknowledged) in asked {
        let found = serving.features(&name);
        if is_acknowledged || found.is_some() {
            assert_eq!(found.unwrap(), renamed(&whole, &name), "{name}");
        }
    }
}

#[test]
fn what_was_acknowledged_survives_kill_on_sqlite() {
    kill_while_posting(&Bench::new(), "{type: sqlite}", 6);
}

#[test]
fn what_was_acknowledged_survives_kill_on_postgresql() {
    let postgres = match PostgresServer::start() {
        Ok(postgres) => postgres,
        Err(reason) => return println!("skipped: {reason}"),
    };
    let source = postgres.source();
    let database = format!("{{type: pgsql, options: {{source: \"{source}\"}}}}");
    kill_while_posting(&Bench::new(), &database, 6);
}

#[test]
fn a_configuration_is_checked_and_printed() {
    let bench = Bench::new();
    bench.file("good.yaml", "clair:\n  api: {port: 7000}\n");
    bench.file("bad.yaml", "clair:\n  api: {prot: 7000}\n");
    bench
        .run(&["config", "check", "-config=good.yaml"])
        .ended(0);
    let printed = bench
        .run(&["config", "print", "--config", "good.yaml"])
        .ended(0);
    assert!(printed.contains("port: 7000"), "{printed}");
    for command in [&["serve"][..], &["config", "check"]] {
        let run = bench.run(&[command, &["-config=bad.yaml"]].concat());
        assert_eq!(run.status, 2);
        let told = format!("{}{}", run.stdout, run.stderr);
        assert!(told.contains("did you mean `port`?"), "{told}");
    }
    let missing = bench.run(&["serve", "-config=none.yaml"]);
    assert_eq!(missing.status, 2);
    // A word that is no level was no error to Clair: the next thing is.
    let notice = bench.run(&["serve", "-config=none.yaml", "-log-level=notice"]);
    let told = "-log-level \\\"notice\\\" is no level: it is info";
    assert!(notice.stdout.contains(told), "{}", notice.stdout);
    assert_eq!(notice.stderr, missing.stderr);
}

#[test]
fn what_a_start_could_not_use_is_found_without_one_and_all_of_it() {
    let bench = Bench::new();
    let check = |text: &str| {
        bench.file("config.yaml", text);
        bench.run(&["config", "check", "-config=config.yaml"])
    };
    let run = check(
        "clair:\n  database: {type: pgsql, options: {source: 'host=x password=w0rd sslmode=maybe'}}\n  \
         api: {certfile: none.pem, keyfile: none.key}\n  \
         notifier: {http: {endpoint: 'ftp://user:w0rd@receiver'}}\n\
         layer_sources: {proxy: 'http://user:w0rd@['}\n\
         feeds: {proxy: 'http://user:w0rd@[', mirror: ./none, mirrors: {debian: 'https://user:w0rd@['}}\n",
    );
    assert_eq!(run.status, 2, "{}", run.stderr);
    assert_eq!(run.stdout, "");
    assert!(!run.stderr.contains("w0rd"), "{}", run.stderr);
    for told in [
        "clair.api.certfile: none.pem: no certificate in it",
        "clair.database.options.source: the database source is not understood: sslmode \"maybe\" is unknown",
        "clair.notifier.http: the URL of the receiver is neither http nor https",
        "layer_sources.proxy: ",
        "feeds.proxy: ",
        "feeds.mirror: the mirror ./none is neither a folder nor an http(s) URL",
        "feeds.mirrors: the mirror's URL is none: ",
    ] {
        let told = format!("error: failed to load configuration: {told}");
        assert!(run.stderr.contains(&told), "{told}\n{}", run.stderr);
    }
    let run = check("clair: {database: {type: sqlite, options: {source: none/x.sqlite}}}\n");
    assert_eq!(run.status, 2);
    assert!(
        run.stderr.contains("there is no folder none"),
        "{}",
        run.stderr
    );
    // What only a start can find: nothing is asked of the network, nothing is made.
    let run = check(
        "clair:\n  database: {type: pgsql, options: {source: 'host=127.0.0.1 port=1'}}\n  \
         notifier: {http: {endpoint: 'http://127.0.0.1:1/', proxy: 'http://127.0.0.1:1'}}\n\
         data_dir: none\nfeeds: {mirror: 'http://127.0.0.1:1'}\n",
    );
    assert_eq!((run.status, &*run.stdout), (0, "ok\n"), "{}", run.stderr);
    assert!(!bench.path("none").exists());
}

/// `docker` as far as the client uses it: `save` gives the archive of the image's name.
fn put_docker(bench: &Bench) {
    let script = "#!/bin/sh\n[ \"$1\" = save ] && [ -f \"$HOME/$2.tar\" ] && exec cat \"$HOME/$2.tar\"\n\
                  echo \"Error response from daemon: reference does not exist\" >&2\nexit 1\n";
    std::fs::create_dir_all(bench.path("bin")).unwrap();
    bench.file("bin/docker", script);
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(bench.path("bin/docker"), mode).unwrap();
}

/// The Debian image as `docker save` wrote it before version 25.
fn legacy() -> Vec<u8> {
    let packages = [
        ("libssl3", "3.0.11-1~deb12u1", "openssl"),
        ("tar", "1.34+dfsg-1.2", "tar"),
    ];
    let base = LayerBuilder::new()
        .file("etc/os-release", OS_RELEASE)
        .file("var/lib/dpkg/status", status(&packages[..1]));
    let top = LayerBuilder::new().file("var/lib/dpkg/status", status(&packages));
    let (a, b) = ("a".repeat(64), "b".repeat(64));
    let manifest = json!([{"Config": "config.json", "RepoTags": ["legacy:latest"],
        "Layers": [format!("{a}/layer.tar"), format!("{b}/layer.tar")]}]);
    LayerBuilder::new()
        .file(&format!("{a}/layer.tar"), base.tar())
        .file(&format!("{b}/layer.tar"), top.tar())
        .file("manifest.json", manifest.to_string())
        .tar()
}

fn analyse(bench: &Bench, arguments: &[&str]) -> Run {
    let path = format!("{}:/usr/bin:/bin", bench.path("bin").display());
    let mut command = bench.command(&[&["analyze-local-images"], arguments].concat());
    Run::of(command.env("PATH", path).output().unwrap())
}

#[test]
fn the_local_client_works_against_it() {
    let bench = Bench::new();
    put_docker(&bench);
    let updated = bench.run(&["db", "update", "debian", "--mirror", "mirror"]);
    assert_eq!(updated.status, 0, "{}", updated.stderr);
    bench.file("legacy.tar", legacy());
    bench.file("oci.tar", debian().docker_archive());
    let serving = Serving::start(&bench, "{type: sqlite}");
    let endpoint = format!("http://{}", serving.api);
    for image in ["legacy", "oci"] {
        let run = analyse(&bench, &["-endpoint", &endpoint, "-color", "never", image]);
        assert_eq!(run.status, 0, "{image}: {}", run.stderr);
        assert!(
            run.stderr.contains(" I | Analyzing 2 layers... \n"),
            "{}",
            run.stderr
        );
        assert!(!run.stderr.contains("No advisory"), "{}", run.stderr);
        let (title, report) = run.stdout.split_once('\n').unwrap();
        assert!(
            title.starts_with(&format!("Clair report for image {image} (")),
            "{title}"
        );
        let lines: Vec<&str> = report
            .lines()
            .filter(|line| !line.starts_with("\tLayer: ") && !line.starts_with("\tLink: "))
            .collect();
        assert_eq!(
            lines,
            [
                "CVE-2024-0001 (High)",
                "\tA hole.",
                "",
                "\tPackage:       openssl @ 3.0.11-1~deb12u1",
                "\tFixed version: 3.0.15-1~deb12u1",
                "",
                "CVE-2005-2541 (Low)",
                "\tSet-user-id files.",
                "",
                "\tPackage:       tar @ 1.34+dfsg-1.2",
                "",
            ]
        );
    }
    // The report is Clair's to the letter; that nobody knows is said beside it.
    let lenny = OS_RELEASE.replace("12", "5").replace("bookworm", "lenny");
    let lenny = LayerBuilder::new()
        .file("etc/os-release", lenny)
        .file("var/lib/dpkg/status", status(&[("tar", "1.34", "tar")]));
    let lenny = ImageBuilder::new().layer(lenny);
    bench.file("lenny.tar", lenny.docker_archive());
    let run = analyse(&bench, &["-endpoint", &endpoint, "lenny"]);
    assert_eq!(run.status, 0, "{}", run.stderr);
    let (_, report) = run.stdout.split_once('\n').unwrap();
    assert_eq!(
        report,
        "Success! No vulnerabilities were detected in your image\n"
    );
    let told = " I | No advisory data for debian:5: its vulnerabilities are not known\n";
    assert!(run.stderr.ends_with(told), "{}", run.stderr);
    let only = [
        "-endpoint",
        &endpoint,
        "-minimum-severity",
        "High",
        "-color",
        "always",
        "oci",
    ];
    let run = analyse(&bench, &only);
    assert!(run.stdout.contains("CVE-2024-0001") && !run.stdout.contains("CVE-2005-2541"));
    assert!(run.stdout.contains("\u{1b}["), "{:?}", run.stdout);
    let missing = analyse(&bench, &["-endpoint", &endpoint, "none"]);
    assert_eq!(missing.status, 1);
    assert!(
        missing
            .stderr
            .contains("Could not save image: Error response from daemon"),
        "{}",
        missing.stderr
    );
    drop(serving);
    let refused = analyse(&bench, &["-endpoint", &endpoint, "oci"]);
    assert_eq!(refused.status, 1);
    assert!(
        refused.stderr.contains("connection refused"),
        "{}",
        refused.stderr
    );
}
