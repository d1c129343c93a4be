//! Where layers are fetched from, and what goes along.

use std::io::Read as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use pellucid_server::{Options, Resolve, Resolved};
use pellucid_testkit::LayerBuilder;
use serde_json::json;

use crate::service::{LayerServer, Service, config, debian, ok};

/// Looks up a few made-up names.
fn names() -> Resolve {
    Arc::new(|host: String| -> Resolved {
        Box::pin(async move {
            let addresses: &[&str] = match host.as_str() {
                "layers.test" => &["127.0.0.1"],
                "metadata.test" => &["169.254.169.254"],
                "both.test" => &["127.0.0.1", "169.254.169.254"],
                "mapped.test" => &["::ffff:169.254.169.254"],
                _ => return Err(std::io::ErrorKind::NotFound.into()),
            };
            Ok(addresses.iter().map(|it| it.parse().unwrap()).collect())
        })
    })
}

async fn service() -> Service {
    let mut options = Options::default();
    options.resolve = Some(names());
    Service::with(config(), options).await
}

#[tokio::test]
async fn addresses_that_are_never_layers_are_not_connected_to() {
    let service = service().await;
    let own = service.server.api.port();
    for url in [
        "http://metadata.test/x".to_owned(),
        "http://both.test/x".to_owned(),
        "http://mapped.test/x".to_owned(),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "http://[::ffff:169.254.169.254]/x".to_owned(),
        "http://[fe80::1]/x".to_owned(),
        "http://[fd00:ec2::254]/x".to_owned(),
        "http://0.0.0.0/x".to_owned(),
        "http://2852039166/x".to_owned(),
        "http://0xa9fea9fe/x".to_owned(),
        "http://metadata.google.internal/x".to_owned(),
        format!("http://127.0.0.1:{own}/v1/namespaces"),
        format!("http://localhost:{own}/v1/namespaces"),
    ] {
        let answer = service.post_layer("a", &url, "").await;
        assert_eq!(
            (answer.status, answer.error().as_str()),
            (400, "could not find layer"),
            "{url}"
        );
    }
    let metrics = service.get("/v1/metrics").await.body;
    let denied = metrics
        .lines()
        .find_map(|line| line.strip_prefix("pellucid_fetches_denied_total "));
    assert!(denied.unwrap().parse::<u32>().unwrap() >= 9, "{denied:?}");
}

#[tokio::test]
async fn redirects_are_judged_like_requests_and_secrets_stay_with_their_host() {
    let service = service().await;
    let tar = debian(&[("bash", "5.2-1")]).tar();
    let target = LayerServer::start(move |_| ok(&tar)).await;
    let to = format!("http://layers.test:{}/layer", target.address.port());
    let first = LayerServer::start(move |head| {
        let to = if head.starts_with("GET /away") {
            to.clone()
        } else {
            "http://169.254.169.254/".into()
        };
        format!(
            "HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )
        .into_bytes()
    })
    .await;
    let post = async |path: String| {
        let body = json!({"Layer": {"Name": "a", "Path": path, "Format": "Docker",
            "Headers": {"Authorization": "Bearer canary", "Host": "evil", "X-Own": "canary"}}});
        service.ask("POST", "/v1/layers", &body.to_string()).await
    };
    assert_eq!(post(first.url("/metadata")).await.status, 400);
    assert_eq!(post(first.url("/away")).await.status, 201);
    assert_eq!(target.asked.load(Ordering::SeqCst), 1);
    let sent = first.requests.lock().unwrap().clone();
    assert!(
        sent.iter()
            .all(|head| head.contains("Bearer canary") && !head.contains("evil"))
    );
    let sent = target.requests.lock().unwrap().clone();
    assert!(sent.iter().all(|head| !head.contains("canary")), "{sent:?}");
}

/// A name that leads to a server of layers when it is looked up first, and to the metadata service from then on.
#[tokio::test]
async fn a_name_is_looked_up_once_for_each_connection_and_judged_each_time() {
    let lookups = Arc::new(AtomicUsize::new(0));
    let mut options = Options::default();
    options.resolve = Some(Arc::new({
        let lookups = Arc::clone(&lookups);
        move |_: String| -> Resolved {
            let number = lookups.fetch_add(1, Ordering::SeqCst);
            let address = if number == 0 {
                "127.0.0.1"
            } else {
                "169.254.169.254"
            };
            Box::pin(async move { Ok(vec![address.parse().unwrap()]) })
        }
    }));
    let service = Service::with(config(), options).await;
    let tar = debian(&[("bash", "5.2-1")]).tar();
    let server = LayerServer::start(move |head| {
        if head.starts_with("GET /layer") {
            return ok(&tar);
        }
        b"HTTP/1.1 302 Found\r\nLocation: /layer\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            .to_vec()
    })
    .await;
    let url = |path: &str| format!("http://rebinding.test:{}{path}", server.address.port());
    // What was judged is what is connected to: nobody looks the name up between.
    let answer = service.post_layer("a", &url("/layer"), "").await;
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(lookups.load(Ordering::SeqCst), 1);
    let answer = service.post_layer("b", &url("/layer"), "").await;
    assert_eq!(answer.error(), "could not find layer");
    // The second of two requests for one layer.
    lookups.store(0, Ordering::SeqCst);
    let answer = service.post_layer("c", &url("/redirect"), "").await;
    assert_eq!(answer.error(), "could not find layer");
    assert_eq!(server.asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn nothing_of_what_a_server_says_is_told_to_the_caller() {
    let service = service().await;
    let server = LayerServer::start(|head| {
        let status = head.split(['/', ' ']).nth(2).unwrap();
        let body = "canary ".repeat(200);
        format!(
            "HTTP/1.1 {status} canary\r\nX-Canary: canary\r\nLocation: http://127.0.0.1:1/canary\r\nContent-Length: \
             {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        )
        .into_bytes()
    })
    .await;
    for (status, expected) in [
        (200, (422, "tarutil: could not extract the archive")),
        (302, (400, "could not find layer")),
        (400, (400, "could not find layer")),
        (403, (400, "could not find layer")),
        (404, (400, "could not find layer")),
        (500, (400, "could not find layer")),
    ] {
        let answer = service
            .post_layer("a", &server.url(&format!("/{status}")), "")
            .await;
        assert_eq!((answer.status, answer.error().as_str()), expected);
        assert!(!format!("{answer:?}").contains("anary"), "{answer:?}");
    }
}

#[tokio::test]
async fn a_bomb_is_refused_and_the_next_layer_is_read() {
    let service = service().await;
    // A layer with one file of zeros, of which everything is right but what it takes.
    const SIZE: u64 = 320 << 20;
    let mut header = [0; 512];
    header[..5].copy_from_slice(b"zeros");
    header[124..136].copy_from_slice(format!("{SIZE:011o}\0").as_bytes());
    header[156] = b'0';
    header[148..156].fill(b' ');
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let zeros = std::io::repeat(0).take(SIZE + 1024);
    let bomb = zstd::encode_all(header.chain(zeros), 1).unwrap();
    assert!(bomb.len() < 1 << 20, "{}", bomb.len());
    let server = LayerServer::start(move |_| ok(&bomb)).await;
    let answer = service.post_layer("bomb", &server.url("/x"), "").await;
    assert_eq!(
        (answer.status, answer.error().as_str()),
        (422, "tarutil: could not extract the archive")
    );
    assert_eq!(service.get("/v1/layers/bomb").await.status, 404);
    let path = service.layer("base", debian(&[("bash", "5.2-1")]));
    assert_eq!(service.post_layer("a", &path, "").await.status, 201);
}

#[tokio::test]
async fn a_layer_may_be_as_large_as_configured_and_no_larger() {
    let tar = debian(&[("bash", "5.2-1")]).tar();
    // One that is read from memory, and one of which a part comes when that has begun.
    let large = LayerBuilder::new()
        .file("srv/large", vec![7; 1 << 20])
        .tar();
    for tar in [tar, large] {
        for (room, expected) in [(0, 201), (1, 422)] {
            let mut config = config();
            config.layer_sources.max_bytes = tar.len() as u64 - room;
            let service = Service::with(config, Options::default()).await;
            let served = tar.clone();
            let server = LayerServer::start(move |_| ok(&served)).await;
            let answer = service.post_layer("url", &server.url("/x"), "").await;
            assert_eq!(answer.status, expected, "{answer:?}");
            let path = service.folder.path().join("layer.tar");
            std::fs::write(&path, &tar).unwrap();
            let path = path.to_str().unwrap();
            let answer = service.post_layer("file", path, "").await;
            assert_eq!(answer.status, expected, "{answer:?}");
        }
    }
}

#[tokio::test]
async fn a_body_that_ends_early_is_no_layer() {
    let service = service().await;
    let tar = debian(&[("bash", "5.2-1")]).tar();
    let server = LayerServer::start(move |_| {
        let mut reply = ok(&tar);
        reply.truncate(reply.len() - 1024);
        reply
    })
    .await;
    let answer = service.post_layer("a", &server.url("/x"), "").await;
    assert_eq!(answer.status, 422, "{answer:?}");
    assert_eq!(service.get("/v1/layers/a").await.status, 404);
}

#[tokio::test]
async fn headers_that_would_be_several_are_not_sent() {
    let service = service().await;
    let server = LayerServer::start(|_| ok(b"")).await;
    let body = json!({"Layer": {"Name": "a", "Path": server.url("/x"), "Format": "Docker",
        "Headers": {"X": "a\r\nY: b"}}});
    let answer = service.ask("POST", "/v1/layers", &body.to_string()).await;
    assert_eq!(answer.error(), "could not find layer");
    assert_eq!(server.asked.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn listed_folders_are_not_left() {
    let folder = tempfile::tempdir().unwrap();
    let allowed = folder.path().join("layers");
    std::fs::create_dir(&allowed).unwrap();
    let tar = debian(&[("bash", "5.2-1")]).tar();
    std::fs::write(allowed.join("in.tar"), &tar).unwrap();
    std::fs::write(folder.path().join("out.tar"), &tar).unwrap();
    std::os::unix::fs::symlink("../out.tar", allowed.join("link.tar")).unwrap();
    let mut config = config();
    config.clair.api_mut().address = Some([0, 0, 0, 0].into());
    config.layer_sources.files = vec![allowed.clone()];
    let service = Service::with(config, Options::default()).await;
    for (path, status) in [
        ("in.tar", 201),
        ("link.tar", 400),
        ("../out.tar", 400),
        ("../layers/in.tar", 400),
        ("", 422),
    ] {
        let full = format!("{}/{path}", allowed.display());
        let answer = service.post_layer(&format!("n{path}"), &full, "").await;
        let status = if path.is_empty() { 400 } else { status };
        assert_eq!(answer.status, status, "{path}: {answer:?}");
    }
}
