//! Whatever upstream does, the last good snapshot stays, the status says what happened, and the
//! other feeds are not touched by it.

use std::io::Write as _;
use std::time::Duration;

use pellucid_updater::{FetchError, UpdateError, Updated};

use crate::server::Answer;
use crate::{ALPINE, DEBIAN, World, published, secdb, tracker};

/// A good update, then one in which Debian's server answers like this and Alpine has news.
async fn after(world: &World, answers: impl Into<Vec<Answer>>) -> UpdateError {
    let good = world.update(&["debian", "alpine/v3.20"]).await;
    assert!(
        good.iter().all(|outcome| outcome.result.is_ok()),
        "{good:?}"
    );
    let before = world.digest("debian").unwrap();

    world.server.answer(DEBIAN, answers);
    world
        .server
        .answer(ALPINE[0], [Answer::body(secdb("news"))]);
    let mut outcomes = world.update(&["debian", "alpine/v3.20"]).await;
    assert_eq!(published(&outcomes.remove(1).result), (1, 2));
    let error = outcomes.remove(0).result.unwrap_err();

    assert_eq!(world.digest("debian"), Some(before));
    world.catalog().verify("debian").unwrap();
    let status = world.catalog().status("debian");
    assert_eq!(status.last_error, Some(error.chain()));
    assert!(status.last_tried >= status.last_checked);
    let left: Vec<_> = std::fs::read_dir(world.directory.path().join("snapshots"))
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".building"))
        .collect();
    assert_eq!(left, Vec::<String>::new());
    error
}

#[tokio::test]
async fn a_server_error_is_tried_again_and_then_told() {
    let world = World::new().await;
    let error = after(&world, [Answer::Status(500, Vec::new())]).await;
    assert!(
        matches!(
            error,
            UpdateError::Fetch(FetchError::Status { status: 500, .. })
        ),
        "{error}"
    );
    assert_eq!(world.server.hits(DEBIAN).len(), 1 + 3);
}

#[tokio::test]
async fn a_missing_file_is_told_at_once() {
    let world = World::new().await;
    let error = after(&world, [Answer::Status(404, Vec::new())]).await;
    assert!(
        matches!(
            error,
            UpdateError::Fetch(FetchError::Status { status: 404, .. })
        ),
        "{error}"
    );
    assert_eq!(world.server.hits(DEBIAN).len(), 1 + 1);
}

#[tokio::test]
async fn a_server_that_wants_a_pause_gets_it_or_is_left_alone() {
    let world = World::new().await;
    let wait = |seconds: &str| Answer::Status(429, vec![("retry-after", seconds.to_owned())]);
    let error = after(&world, [wait("3600")]).await;
    assert!(
        matches!(error, UpdateError::Fetch(FetchError::ComeBackLater { .. })),
        "{error}"
    );
    assert_eq!(world.server.hits(DEBIAN).len(), 1 + 1);

    world
        .server
        .answer(DEBIAN, [wait("0"), wait("0"), Answer::body(tracker(102))]);
    assert_eq!(published(&world.debian().await), (102, 102));
    assert_eq!(world.catalog().status("debian").last_error, None);
}

#[tokio::test]
async fn silence_or_a_drip_ends_the_try() {
    for answer in [Answer::Hang, Answer::HangInBody, Answer::Drip] {
        let mut world = World::new().await;
        world.debian().await.unwrap();
        let before = world.digest("debian");
        world.options.attempts = 1;
        match answer {
            Answer::Drip => {
                world.options.rate_window = Duration::from_millis(50);
                world.options.least_rate = 1 << 20;
            }
            _ => {
                world.options.read_timeout = Duration::from_millis(100);
                world.options.connect_timeout = Duration::from_millis(100);
            }
        }
        let drips = matches!(answer, Answer::Drip);
        world.server.answer(DEBIAN, [answer]);
        let error = world.debian().await.unwrap_err();
        match &error {
            UpdateError::Fetch(FetchError::TooSlow { .. }) => assert!(drips),
            UpdateError::Fetch(FetchError::Stalled { .. }) => assert!(!drips),
            other => panic!("{other}"),
        }
        assert_eq!(world.digest("debian"), before);
        assert_eq!(
            world.catalog().status("debian").last_error,
            Some(error.chain())
        );
    }
}

#[tokio::test]
async fn a_body_that_ends_early_is_tried_again_and_then_told() {
    let world = World::new().await;
    let body = tracker(100).into_bytes();
    let error = after(&world, [Answer::CutShort(body.len() + 1, body)]).await;
    assert!(
        matches!(error, UpdateError::Fetch(FetchError::Transport { .. })),
        "{error}"
    );
    assert_eq!(world.server.hits(DEBIAN).len(), 1 + 3);
}

#[tokio::test]
async fn a_truncated_gzip_is_no_shorter_feed() {
    let world = World::new().await;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(tracker(100).as_bytes()).unwrap();
    let mut bytes = gzip.finish().unwrap();
    bytes.truncate(bytes.len() - 8);
    let headers = vec![("content-encoding", "gzip".to_owned())];
    let error = after(&world, [Answer::Body(headers, bytes)]).await;
    assert!(
        matches!(error, UpdateError::Fetch(FetchError::Damaged { .. })),
        "{error}"
    );
}

#[tokio::test]
async fn a_body_that_is_no_feed_is_refused() {
    for body in [
        "",
        "<!DOCTYPE html><title>Maintenance</title>",
        "{}",
        "[]",
        "null",
        "{\"a\":",
    ] {
        let world = World::new().await;
        let error = after(&world, [Answer::body(body)]).await;
        assert!(matches!(error, UpdateError::Feed(_)), "{body}: {error}");
    }
    // Well formed, but nothing in it can be used.
    let world = World::new().await;
    let error = after(
        &world,
        [Answer::body(tracker(100).replace("bookworm", "narnia"))],
    )
    .await;
    assert!(matches!(error, UpdateError::NoAdvisories), "{error}");
}

#[tokio::test]
async fn a_body_larger_than_the_feed_can_be_is_refused() {
    let world = World::new().await;
    let error = after(&world, [Answer::CutShort(10 << 30, Vec::new())]).await;
    assert!(
        matches!(error, UpdateError::Fetch(FetchError::TooLarge { .. })),
        "{error}"
    );

    // Unpacked it is larger than the 64 MiB that Alpine's files may have.
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    for _ in 0..65 {
        gzip.write_all(&[b' '; 1 << 20]).unwrap();
    }
    world
        .server
        .answer(ALPINE[0], [Answer::body(gzip.finish().unwrap())]);
    let error = world
        .update(&["alpine/v3.20"])
        .await
        .remove(0)
        .result
        .unwrap_err();
    assert!(
        matches!(error, UpdateError::Fetch(FetchError::TooLarge { .. })),
        "{error}"
    );
}

#[tokio::test]
async fn a_feed_that_lost_a_fifth_is_held_back() {
    let mut world = World::new().await;
    let error = after(&world, [Answer::body(tracker(79))]).await;
    assert!(matches!(error, UpdateError::Quarantined(_)), "{error}");
    let status = world.catalog().status("debian");
    assert_eq!(
        status.quarantined.as_deref(),
        Some("the new data is held back: advisories fell from 100 to 79")
    );

    world.options.gate.max_drop = 0.5;
    assert_eq!(published(&world.debian().await), (79, 79));
    assert_eq!(world.catalog().status("debian").quarantined, None);
}

#[tokio::test]
async fn a_quarantine_ends_when_upstream_is_itself_again() {
    let world = World::new().await;
    after(&world, [Answer::body(tracker(79))]).await;
    world.server.answer(DEBIAN, [Answer::body(tracker(100))]);
    assert_eq!(world.debian().await.unwrap(), Updated::Unchanged);
    let status = world.catalog().status("debian");
    assert_eq!((status.quarantined, status.last_error), (None, None));
}

#[tokio::test]
async fn older_data_is_refused() {
    let world = World::new().await;
    let dated = |date: &str, count| {
        [Answer::Body(
            vec![("last-modified", date.to_owned())],
            tracker(count).into_bytes(),
        )]
    };
    world
        .server
        .answer(DEBIAN, dated("Wed, 12 Feb 2025 10:00:00 GMT", 100));
    let error = after(&world, dated("Thu, 17 Oct 2024 10:00:00 GMT", 99)).await;
    assert!(matches!(error, UpdateError::Older { .. }), "{error}");
}

#[tokio::test]
async fn a_checksum_that_does_not_match_is_refused() {
    let world = World::new().await;
    let list = |sum: &str| {
        let list = format!(
            "url\tfile\tsha256\nhttps://security-tracker.debian.org/tracker/data/json\tdebian.json\t{sum}\n"
        );
        world.server.answer("/MANIFEST.tsv", [Answer::body(list)]);
    };
    world
        .server
        .answer("/debian.json", [Answer::body(tracker(100))]);
    list(&"0".repeat(64));
    let error = world.debian().await.unwrap_err();
    assert!(
        matches!(error, UpdateError::Fetch(FetchError::Checksum { .. })),
        "{error}"
    );
    assert_eq!(world.digest("debian"), None);
    list("-");
    assert_eq!(published(&world.debian().await), (100, 100));
}

#[tokio::test]
async fn an_unreachable_mirror_is_an_error_for_each_feed() {
    let mut world = World::new().await;
    world.options.mirror = Some("http://127.0.0.1:1".to_owned());
    for outcome in world.update(&["debian", "alpine/v3.20"]).await {
        assert!(matches!(
            outcome.result,
            Err(UpdateError::Fetch(FetchError::Transport { .. }))
        ));
    }
    world.options.mirror = Some("ftp://127.0.0.1/".to_owned());
    assert!(matches!(
        world.debian().await,
        Err(UpdateError::Fetch(FetchError::Usage { .. }))
    ));
}

#[tokio::test]
async fn a_file_that_says_less_is_read_only_where_there_is_no_other() {
    const FOLDER: &str = "/ftp.suse.com/pub/projects/security/oval/suse.linux.enterprise.server.15";
    let world = World::new().await;
    let (whole, less) = (
        format!("{FOLDER}-affected.xml.gz"),
        format!("{FOLDER}.xml.gz"),
    );
    let document = include_str!("../../../feeds/tests/data/suse/products/oval.xml");
    let update = async || world.update(&["suse/server.15"]).await.remove(0);
    world.server.answer(&less, [Answer::body(document)]);

    // A server that fails has the file, and may have it again in a minute.
    for status in [500, 503, 403] {
        world
            .server
            .answer(&whole, [Answer::Status(status, Vec::new())]);
        let error = update().await.result.unwrap_err();
        let UpdateError::Fetch(FetchError::Status { status: told, .. }) = error else {
            panic!("{error}");
        };
        assert_eq!(told, status);
    }
    assert_eq!(world.server.hits(&less).len(), 0);

    world
        .server
        .answer(&whole, [Answer::Status(404, Vec::new())]);
    let outcome = update().await;
    assert_eq!(published(&outcome.result), (3, 3));
    let told = &outcome.bad_records.examples[0];
    assert!(told.0.ends_with(&whole), "{told:?}");
    assert!(told.1.contains(&less), "{told:?}");

    // Once upstream has it, it is read, and one that fails then is no reason to read less.
    world.server.answer(&whole, [Answer::body(document)]);
    let outcome = update().await;
    assert_eq!(outcome.result.unwrap(), Updated::Unchanged);
    world
        .server
        .answer(&less, [Answer::Status(500, Vec::new())]);
    world
        .server
        .answer(&whole, [Answer::Status(404, Vec::new())]);
    let error = update().await.result.unwrap_err();
    assert!(
        matches!(
            error,
            UpdateError::Fetch(FetchError::Status { status: 500, .. })
        ),
        "{error}"
    );
}
