//! Where files are taken from: a feed's own mirror, a proxy, a copy of upstream's files.

use pellucid_snapshot::Catalog;
use pellucid_updater::{FetchOptions, mirror, update};

use crate::server::{Answer, Server};
use crate::{ALPINE, DEBIAN, World, published, secdb, tracker};

#[tokio::test]
async fn a_feed_of_its_own_mirror_is_not_asked_for_elsewhere() {
    let mut world = World::new().await;
    let own = Server::start().await;
    for (path, package) in ALPINE.iter().zip(["gamma", "delta"]) {
        own.answer(path, [Answer::body(secdb(package))]);
    }
    world
        .options
        .mirrors
        .insert("alpine".to_owned(), own.url.clone());
    let outcomes = world.update(&["debian", "alpine/v3.20"]).await;
    assert_eq!(published(&outcomes[0].result), (100, 100));
    assert_eq!(published(&outcomes[1].result), (1, 2));
    let asked = |server: &Server, path: &str| server.hits(path).len();
    assert_eq!([asked(&own, ALPINE[0]), asked(&own, DEBIAN)], [1, 0]);
    let elsewhere = &world.server;
    assert_eq!(
        [asked(elsewhere, ALPINE[0]), asked(elsewhere, DEBIAN)],
        [0, 1]
    );
}

#[tokio::test]
async fn a_proxy_is_given_the_url_and_its_own_password() {
    let mut world = World::new().await;
    // No such host is asked for: the proxy gets the whole URL.
    let url = format!("http://feeds.invalid{DEBIAN}");
    world.server.answer(&url, [Answer::body(tracker(100))]);
    let (_, address) = world.server.url.split_once("://").unwrap();
    world.options.proxy = Some(format!("http://someone:secret@{address}"));
    world.options.mirror = Some("http://feeds.invalid".to_owned());
    assert_eq!(published(&world.debian().await), (100, 100));
    let hits = world.server.hits(&url);
    let hit = hits.first().unwrap();
    assert_eq!(
        hit.headers["proxy-authorization"],
        "Basic c29tZW9uZTpzZWNyZXQ="
    );
    assert_eq!(hit.headers.get("authorization"), None);

    // What a proxy says is told without the password.
    world.server.answer(&url, [Answer::Status(407, Vec::new())]);
    let error = world.debian().await.unwrap_err().chain();
    assert!(
        error.contains("407") && !error.contains("secret"),
        "{error}"
    );
}

#[tokio::test]
async fn a_mirror_s_password_is_told_to_the_mirror_alone() {
    let mut world = World::new().await;
    let address = world.server.url.split_once("://").unwrap().1.to_owned();
    world.options.mirror = Some(format!("http://me:p%40ssword@{address}"));
    assert_eq!(published(&world.debian().await), (100, 100));
    for hit in world.server.all_hits() {
        assert_eq!(hit.headers["authorization"], "Basic bWU6cEBzc3dvcmQ=");
    }

    let copy = tempfile::tempdir().unwrap();
    let keys = ["debian".to_owned()];
    let twice = ["debian".to_owned(), "debian".to_owned()];
    let copied = mirror(&twice, copy.path(), &world.options, &()).await;
    let mut copied = copied.unwrap();
    assert_eq!(copied.len(), 1);
    assert_eq!(copied.remove(0).result.unwrap().new, 1);
    for folder in [world.directory.path(), copy.path()] {
        for (path, _, bytes) in files(folder) {
            let text = String::from_utf8_lossy(&bytes);
            assert!(!text.contains("ssword"), "{}", path.display());
        }
    }

    world
        .server
        .answer(DEBIAN, [Answer::Status(401, Vec::new())]);
    let error = world.debian().await.unwrap_err().chain();
    assert!(error.contains("401"), "{error}");
    assert!(!error.contains("ssword"), "{error}");

    // A list that has it from an earlier release loses it.
    let list = copy.path().join("MANIFEST.tsv");
    let clean = std::fs::read_to_string(&list).unwrap();
    let leaky = clean.replace("\thttp://", "\thttp://me:p%40ssword@");
    assert_ne!(leaky, clean);
    std::fs::write(&list, leaky).unwrap();
    world.server.answer(DEBIAN, [Answer::body(tracker(100))]);
    let copied = mirror(&keys, copy.path(), &world.options, &()).await;
    assert_eq!(copied.unwrap().remove(0).result.unwrap().new, 0);
    assert_eq!(std::fs::read_to_string(&list).unwrap(), clean);
}

/// Every file of a folder and its bytes' address on the disk, so that a rewritten one shows.
fn files(folder: &std::path::Path) -> Vec<(std::path::PathBuf, u64, Vec<u8>)> {
    use std::os::unix::fs::MetadataExt as _;
    let mut files = Vec::new();
    let mut left = vec![folder.to_owned()];
    while let Some(next) = left.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                left.push(entry.path());
            } else {
                let inode = entry.metadata().unwrap().ino();
                files.push((entry.path(), inode, std::fs::read(entry.path()).unwrap()));
            }
        }
    }
    files.sort();
    files
}

#[tokio::test]
async fn a_copy_that_is_up_to_date_is_neither_fetched_nor_written_again() {
    let world = World::new().await;
    let tagged = |tag: &str, body: String| {
        let headers = vec![
            ("etag", format!("\"{tag}\"")),
            ("last-modified", "Wed, 12 Feb 2025 10:00:00 GMT".to_owned()),
        ];
        [Answer::Body(headers, body.into_bytes())]
    };
    world.server.answer(DEBIAN, tagged("one", tracker(100)));
    // Of this server nothing but its bytes can tell that there is no news.
    world
        .server
        .answer(ALPINE[0], [Answer::body(secdb("alpha"))]);
    let folder = tempfile::tempdir().unwrap();
    let keys = ["debian".to_owned(), "alpine/v3.20".to_owned()];
    let copy = async || {
        let copied = mirror(&keys, folder.path(), &world.options, &())
            .await
            .unwrap();
        let of_key = copied.into_iter().map(|copied| {
            let copy = copied.result.unwrap();
            (copy.files, copy.new)
        });
        of_key.collect::<Vec<_>>()
    };
    assert_eq!(copy().await, [(1, 1), (2, 2)]);
    let first = files(folder.path());
    let list = std::fs::read_to_string(folder.path().join("MANIFEST.tsv")).unwrap();
    assert!(list.contains("\t\"one\"\t"), "{list}");

    assert_eq!(copy().await, [(1, 0), (2, 0)]);
    assert_eq!(files(folder.path()), first);
    let last = |path: &str| world.server.hits(path).pop().unwrap().headers;
    assert_eq!(last(DEBIAN)["if-none-match"], "\"one\"");

    world.server.answer(DEBIAN, tagged("two", tracker(101)));
    assert_eq!(copy().await, [(1, 1), (2, 0)]);
    assert_ne!(files(folder.path()), first);

    // A file that is not what the list says is fetched whatever upstream's tag.
    let damaged = folder.path().join(DEBIAN.trim_start_matches('/'));
    std::fs::write(&damaged, "damaged").unwrap();
    assert_eq!(copy().await, [(1, 1), (2, 0)]);
    assert_eq!(std::fs::read_to_string(&damaged).unwrap(), tracker(101));
    assert_eq!(last(DEBIAN).get("if-none-match"), None);
}

/// Whether a mirror in a folder gives Alpine's snapshot.
async fn answers(world: &World, folder: &std::path::Path) -> bool {
    let catalog = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(catalog.path()).unwrap();
    let options = FetchOptions {
        mirror: Some(folder.to_str().unwrap().to_owned()),
        offline: true,
        ..world.options.clone()
    };
    let keys = ["alpine/v3.20".to_owned()];
    let outcome = update(&keys, &catalog, &options, &()).await.remove(0);
    outcome.result.is_ok()
}

#[tokio::test]
async fn a_refresh_that_fails_halfway_leaves_the_mirror_as_it_was() {
    let world = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    let keys = ["alpine/v3.20".to_owned(), "debian".to_owned()];
    let copied = mirror(&keys, folder.path(), &world.options, &()).await;
    assert!(copied.unwrap().iter().all(|one| one.result.is_ok()));
    let before = files(folder.path());

    // The first of two files is new, the second cannot be had.
    world
        .server
        .answer(ALPINE[0], [Answer::body(secdb("news"))]);
    world
        .server
        .answer(ALPINE[1], [Answer::Status(500, Vec::new())]);
    let copied = mirror(&keys, folder.path(), &world.options, &())
        .await
        .unwrap();
    assert!(copied[0].result.is_err() && copied[1].result.is_ok());
    assert_eq!(files(folder.path()), before);
    assert!(answers(&world, folder.path()).await);

    // A run that ends in the middle, and the next one.
    world.server.answer(ALPINE[1], [Answer::Hang]);
    {
        let run = mirror(&keys, folder.path(), &world.options, &());
        let asked = async {
            while world.server.hits(ALPINE[1]).len() < 5 {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            copied = run => panic!("{copied:?}"),
            () = asked => {}
        }
    }
    assert!(answers(&world, folder.path()).await);
    std::fs::create_dir_all(folder.path().join(".partial/left/by a kill")).unwrap();
    world
        .server
        .answer(ALPINE[1], [Answer::body(secdb("beta"))]);
    let copied = mirror(&keys, folder.path(), &world.options, &())
        .await
        .unwrap();
    assert_eq!(copied[0].result.as_ref().unwrap().new, 1);
    assert!(!folder.path().join(".partial").exists());
    assert!(answers(&world, folder.path()).await);
}

#[tokio::test]
async fn what_a_feed_no_longer_names_leaves_the_mirror() {
    const FOLDER: &str = "/repo.us-west-2.amazonaws.com/2018.03/updates";
    let world = World::new().await;
    let updateinfo = include_str!("../../../feeds/tests/data/amazon/al1/core/updateinfo.xml");
    let repomd =
        r#"<repomd><data type="updateinfo"><location href="repodata/u.xml"/></data></repomd>"#;
    let serve = |guid: &str| {
        let base = format!("{FOLDER}/{guid}/x86_64");
        let answer = |path: &str, body: &str| world.server.answer(path, [Answer::body(body)]);
        answer(
            &format!("{FOLDER}/x86_64/mirror.list"),
            &format!("http:/{base}\n"),
        );
        answer(&format!("{base}/repodata/repomd.xml"), repomd);
        answer(&format!("{base}/repodata/u.xml"), updateinfo);
    };
    let folder = tempfile::tempdir().unwrap();
    let copy = async || {
        let keys = ["amazon/2018.03".to_owned(), "debian".to_owned()];
        let copied = mirror(&keys, folder.path(), &world.options, &()).await;
        for one in copied.unwrap() {
            one.result.unwrap();
        }
        let names = files(folder.path()).into_iter().map(|(path, ..)| path);
        let name = |path: std::path::PathBuf| {
            let inside = path.strip_prefix(folder.path()).unwrap();
            inside.to_str().unwrap().to_owned()
        };
        names.map(name).collect::<Vec<_>>()
    };
    serve("one");
    let first = copy().await;
    assert!(first.iter().any(|name| name.contains("/one/")));

    serve("two");
    let second = copy().await;
    let renamed: Vec<_> = first
        .iter()
        .map(|name| name.replace("/one/", "/two/"))
        .collect();
    assert_eq!(second, renamed);
    let updates = folder.path().join(FOLDER.trim_start_matches('/'));
    assert!(updates.join("two").exists() && !updates.join("one").exists());
    let list = std::fs::read_to_string(folder.path().join("MANIFEST.tsv")).unwrap();
    assert!(!list.contains("/one/"), "{list}");
}

#[tokio::test]
async fn a_mirror_of_a_mirror_has_what_upstream_serves() {
    const LIST: &str = "http://repo.us-west-2.amazonaws.com/2018.03/updates/x86_64/mirror.list";
    const BASE: &str = "http://repo.us-west-2.amazonaws.com/2018.03/updates/one/x86_64";
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, body: &str| std::fs::write(folder.path().join(name), body).unwrap();
    std::fs::create_dir_all(folder.path().join("2018.03/updates/x86_64")).unwrap();
    put(
        "2018.03/updates/x86_64/mirror.list",
        "@BASE@/2018.03/updates/one/x86_64\n",
    );
    put(
        "repomd.xml",
        r#"<repomd><data type="updateinfo"><location href="repodata/u.xml"/></data></repomd>"#,
    );
    put(
        "u.xml",
        include_str!("../../../feeds/tests/data/amazon/al1/core/updateinfo.xml"),
    );
    put(
        "MANIFEST.tsv",
        &format!(
            "url\tfile\tdecode\n\
             {LIST}\t2018.03/updates/x86_64/mirror.list\tbase-subst\n\
             {BASE}/repodata/repomd.xml\trepomd.xml\t-\n\
             {BASE}/repodata/u.xml\tu.xml\t-\n"
        ),
    );
    let options = |mirror: &std::path::Path| FetchOptions {
        mirror: Some(mirror.to_str().unwrap().to_owned()),
        offline: true,
        ..FetchOptions::default()
    };
    let keys = ["amazon/2018.03".to_owned()];
    let copy = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let copied = mirror(&keys, copy.path(), &options(folder.path()), &()).await;
        assert_eq!(copied.unwrap().remove(0).result.unwrap().files, 3);
    }
    let data = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(data.path()).unwrap();
    let outcome = update(&keys, &catalog, &options(copy.path()), &()).await;
    assert!(outcome[0].result.is_ok(), "{outcome:?}");
}
