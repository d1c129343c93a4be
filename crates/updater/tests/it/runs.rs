//! Updates that go well: what is fetched, what is not, and what is said.

use std::io::Write as _;
use std::sync::Mutex;
use std::time::Duration;

use pellucid_model::Namespace;
use pellucid_updater::{
    FetchError, Outcome, UpdateError, UpdateProgress, Updated, covering, update,
};

use crate::server::Answer;
use crate::{ALPINE, DEBIAN, World, published, secdb, tracker};

fn tagged(etag: &str, body: impl Into<Vec<u8>>) -> [Answer; 1] {
    let headers = vec![
        ("etag", format!("\"{etag}\"")),
        ("last-modified", "Wed, 12 Feb 2025 10:00:00 GMT".to_owned()),
    ];
    [Answer::Body(headers, body.into())]
}

#[tokio::test]
async fn what_has_not_changed_is_not_fetched_read_or_written_again() {
    let world = World::new().await;
    world.server.answer(DEBIAN, tagged("one", tracker(100)));
    assert_eq!(published(&world.debian().await), (100, 100));
    let first = world.digest("debian");
    let entry = world.catalog().entry("debian").unwrap();
    assert_eq!(entry.current.unwrap().as_of, Some(1_739_354_400));
    assert_eq!(entry.status.last_error, None);

    assert_eq!(world.debian().await.unwrap(), Updated::Unchanged);
    let hits = world.server.hits(DEBIAN);
    assert_eq!(hits[0].headers.get("if-none-match"), None);
    assert_eq!(hits[1].headers["if-none-match"], "\"one\"");
    assert_eq!(
        hits[1].headers["if-modified-since"],
        "Wed, 12 Feb 2025 10:00:00 GMT"
    );
    assert!(hits[1].headers["user-agent"].starts_with("pellucid/"));

    // Another tag on the same bytes is no news.
    world.server.answer(DEBIAN, tagged("two", tracker(100)));
    assert_eq!(world.debian().await.unwrap(), Updated::Unchanged);
    // Other bytes that say the same are none either.
    world
        .server
        .answer(DEBIAN, tagged("three", format!(" {}\n", tracker(100))));
    assert_eq!(world.debian().await.unwrap(), Updated::Unchanged);
    assert_eq!(world.digest("debian"), first);

    world.server.answer(DEBIAN, tagged("four", tracker(101)));
    match world.debian().await.unwrap() {
        Updated::Published {
            before,
            advisories: 101,
            ..
        } => assert_eq!(before, first),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn one_changed_file_of_two_takes_both() {
    let world = World::new().await;
    world
        .server
        .answer(ALPINE[0], tagged("main", secdb("alpha")));
    world
        .server
        .answer(ALPINE[1], tagged("community", secdb("beta")));
    let outcome = world.update(&["alpine/v3.20"]).await.remove(0);
    // One vulnerability, named by both repositories.
    assert_eq!(published(&outcome.result), (1, 2));
    world
        .server
        .answer(ALPINE[1], tagged("newer", secdb("gamma")));
    let outcome = world.update(&["alpine/v3.20"]).await.remove(0);
    assert_eq!(published(&outcome.result), (1, 2));
    let snapshot = world.catalog().current("alpine/v3.20").unwrap().unwrap();
    let of = |package| snapshot.affected("alpine:v3.20", package).unwrap().len();
    assert_eq!([of("alpha"), of("beta"), of("gamma")], [1, 0, 1]);
}

#[tokio::test]
async fn compression_in_transit_is_undone() {
    let world = World::new().await;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(tracker(100).as_bytes()).unwrap();
    let headers = vec![("content-encoding", "gzip".to_owned())];
    world
        .server
        .answer(DEBIAN, [Answer::Body(headers, gzip.finish().unwrap())]);
    assert_eq!(published(&world.debian().await), (100, 100));
    assert!(world.server.hits(DEBIAN)[0].headers["accept-encoding"].contains("gzip"));
}

#[tokio::test]
async fn redirects_are_followed_but_not_for_ever() {
    let world = World::new().await;
    let to = |path: &str| [Answer::Status(302, vec![("location", path.to_owned())])];
    world.server.answer(DEBIAN, to("/elsewhere"));
    world
        .server
        .answer("/elsewhere", [Answer::body(tracker(100))]);
    assert_eq!(published(&world.debian().await), (100, 100));
    world.server.answer("/elsewhere", to(DEBIAN));
    assert!(matches!(
        world.debian().await,
        Err(UpdateError::Fetch(FetchError::Transport { .. }))
    ));
}

#[tokio::test]
async fn bad_records_are_counted_and_shown() {
    let world = World::new().await;
    let body = tracker(100).replacen("\"status\":\"open\"", "\"status\":\"?\"", 1);
    world.server.answer(DEBIAN, [Answer::body(body)]);
    let outcome = world.update(&["debian"]).await.remove(0);
    assert_eq!(published(&outcome.result), (99, 99));
    assert_eq!(outcome.bad_records.count, 1);
    assert_eq!(
        outcome.bad_records.examples[0].0,
        "package0/CVE-2020-0000/bookworm"
    );
    let status = world.catalog().status("debian");
    assert_eq!(status.bad_records, 1);
    assert!(status.bad_examples[0].starts_with("package0/CVE-2020-0000/bookworm: "));
}

#[tokio::test]
async fn a_key_is_updated_once_and_an_unknown_one_leaves_no_trace() {
    let world = World::new().await;
    let outcomes = world
        .update(&["nonsense", "debian", "debian", "alpine/v9"])
        .await;
    let keys: Vec<_> = outcomes
        .iter()
        .map(|outcome| outcome.key.as_str())
        .collect();
    assert_eq!(keys, ["nonsense", "debian", "alpine/v9"]);
    assert!(matches!(outcomes[0].result, Err(UpdateError::Feed(_))));
    assert_eq!(
        world.catalog().entries().into_keys().collect::<Vec<_>>(),
        ["debian"]
    );
    assert_eq!(world.server.hits(DEBIAN).len(), 1);
}

#[tokio::test]
async fn two_processes_do_not_update_at_once() {
    let mut world = World::new().await;
    world.options.lock_timeout = Duration::ZERO;
    let other = world.catalog();
    let lock = other.lock_updates().unwrap();
    assert!(matches!(
        world.debian().await,
        Err(UpdateError::Snapshot(_))
    ));
    drop(lock);
    assert_eq!(published(&world.debian().await), (100, 100));
}

#[tokio::test]
async fn after_a_rollback_everything_is_fetched_again() {
    let world = World::new().await;
    world.server.answer(DEBIAN, tagged("one", tracker(100)));
    world.debian().await.unwrap();
    world.server.answer(DEBIAN, tagged("two", tracker(101)));
    world.debian().await.unwrap();
    world.catalog().rollback("debian").unwrap();
    assert_eq!(published(&world.debian().await), (101, 101));
}

#[tokio::test]
async fn a_damaged_snapshot_is_replaced() {
    let world = World::new().await;
    world.server.answer(DEBIAN, tagged("one", tracker(100)));
    world.debian().await.unwrap();
    let path = world
        .catalog()
        .current("debian")
        .unwrap()
        .unwrap()
        .path()
        .to_owned();
    std::fs::write(&path, b"not a snapshot").unwrap();
    assert_eq!(published(&world.debian().await), (100, 100));
    world.catalog().verify("debian").unwrap();
}

#[tokio::test]
async fn progress_says_what_happens() {
    #[derive(Default)]
    struct Heard(Mutex<Vec<String>>);
    impl UpdateProgress for Heard {
        fn downloading(&self, key: &str, file: &str, bytes: u64, total: Option<u64>) {
            if Some(bytes) == total {
                self.0.lock().unwrap().push(format!("{key} {file} is here"));
            }
        }
        fn waiting(&self, key: &str, file: &str, reason: &str, _pause: Duration) {
            let reason = reason.rsplit(' ').next().unwrap();
            self.0
                .lock()
                .unwrap()
                .push(format!("{key} {file} waits for {reason}"));
        }
        fn reading(&self, key: &str) {
            self.0.lock().unwrap().push(format!("{key} is read"));
        }
        fn finished(&self, outcome: &Outcome) {
            self.0
                .lock()
                .unwrap()
                .push(format!("{} is done", outcome.key));
        }
    }
    let world = World::new().await;
    world.server.answer(
        DEBIAN,
        [Answer::Status(503, Vec::new()), Answer::body(tracker(100))],
    );
    let heard = Heard::default();
    update(
        &["debian".to_owned()],
        &world.catalog(),
        &world.options,
        &heard,
    )
    .await;
    assert_eq!(
        heard.0.into_inner().unwrap(),
        [
            "debian tracker.json waits for 503",
            "debian tracker.json is here",
            "debian is read",
            "debian is done",
        ]
    );
}

#[tokio::test]
async fn a_service_may_run_it_on_any_thread() {
    fn sendable<T: Send>(future: T) -> T {
        future
    }
    let (world, keys) = (World::new().await, ["debian".to_owned()]);
    let catalog = world.catalog();
    let outcomes = sendable(update(&keys, &catalog, &world.options, &())).await;
    assert_eq!(published(&outcomes[0].result), (100, 100));
}

#[test]
fn namespaces_lead_to_the_keys_to_update() {
    let namespaces = ["debian:12", "debian:11", "alpine:v3.20", "plan9:4"].map(Namespace::from);
    assert_eq!(covering(&namespaces), ["alpine/v3.20", "debian"]);
}
