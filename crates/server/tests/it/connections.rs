//! Many connections, and those that never say what they want.

use std::sync::Arc;

use pellucid_server::Options;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Barrier;

use crate::service::{Service, ask, config, debian};

#[tokio::test(flavor = "multi_thread")]
async fn half_open_connections_stop_nobody() {
    let service = Service::start().await;
    let api = service.server.api;
    let mut open = Vec::new();
    for number in 0..200 {
        let mut stream = TcpStream::connect(api).await.unwrap();
        // Nothing, the beginning of HTTP/2, a header that does not end.
        let said: &[u8] = match number % 3 {
            0 => b"",
            1 => b"PRI * HT",
            _ => b"GET /v1/namespaces HTTP/1.1\r\nX: ",
        };
        stream.write_all(said).await.unwrap();
        open.push(stream);
    }
    assert_eq!(ask(api, "GET", "/v1/namespaces", "", "").await.status, 200);
    // All are held, and the one that asks; the one before may take a moment to be gone.
    let held = "pellucid_connections 201";
    while !service.get("/v1/metrics").await.body.contains(held) {}
    drop(open);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_ask_for_the_same_few_make_the_answer() {
    let service = Service::start().await;
    let path = service.layer("base", debian(&[("bash", "5.2-1")]));
    assert_eq!(service.post_layer("a", &path, "").await.status, 201);
    let api = service.server.api;
    let start = Arc::new(Barrier::new(64));
    let asked: Vec<_> = (0..64)
        .map(|_| {
            let start = Arc::clone(&start);
            tokio::spawn(async move {
                start.wait().await;
                ask(api, "GET", "/v1/layers/a?vulnerabilities", "", "").await
            })
        })
        .collect();
    let mut bodies = Vec::new();
    for answer in asked {
        bodies.push(answer.await.unwrap().body);
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    let metrics = service.get("/v1/metrics").await.body;
    let made = metrics
        .lines()
        .find_map(|line| line.strip_prefix("pellucid_answers_total{from=\"match\"} "))
        .and_then(|number| number.parse::<usize>().ok());
    let processors = std::thread::available_parallelism().map_or(2, usize::from);
    assert!(made.unwrap() <= processors.max(2), "{made:?}");
}

#[tokio::test]
async fn layers_beyond_the_queue_are_turned_away() {
    let mut config = config();
    config.scans.concurrency = Some(1);
    config.scans.queue = Some(0);
    let service = Service::with(config, Options::default()).await;
    // A server that takes the request and keeps it.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let slow = format!("http://{}/x", listener.local_addr().unwrap());
    let api = service.server.api;
    let body =
        format!("{{\"Layer\":{{\"Name\":\"a\",\"Path\":\"{slow}\",\"Format\":\"Docker\"}}}}");
    let first = tokio::spawn(async move { ask(api, "POST", "/v1/layers", "", &body).await });
    let (mut held, _) = listener.accept().await.unwrap();
    let path = service.layer("base", debian(&[("bash", "5.2-1")]));
    let shed = service.post_layer("b", &path, "").await;
    assert_eq!(
        (shed.status, shed.error().as_str()),
        (503, "too many layers wait to be read")
    );
    assert_eq!(shed.headers["retry-after"], "2");
    let mut head = [0; 1024];
    assert!(held.read(&mut head).await.unwrap() > 0);
    held.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        .await
        .unwrap();
    assert_eq!(first.await.unwrap().status, 400);
    assert_eq!(service.post_layer("b", &path, "").await.status, 201);
}
