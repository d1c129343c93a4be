//! Ending.

use std::sync::Arc;
use std::time::Duration;

use pellucid_server::Options;
use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::service::{Service, ask, config, debian};

#[tokio::test]
async fn a_request_that_runs_may_end_after_a_stop() {
    let service = Service::start().await;
    let (began, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/x", listener.local_addr().unwrap());
    let (told, wait) = (Arc::clone(&began), Arc::clone(&go_on));
    tokio::spawn(async move {
        use tokio::io::AsyncWriteExt as _;
        let (mut stream, _) = listener.accept().await.unwrap();
        told.notify_one();
        wait.notified().await;
        let reply = crate::service::ok(&debian(&[("bash", "5.2-1")]).tar());
        stream.write_all(&reply).await.unwrap();
    });
    let (api, health) = (service.server.api, service.server.health);
    let body = format!("{{\"Layer\":{{\"Name\":\"a\",\"Path\":\"{url}\",\"Format\":\"Docker\"}}}}");
    let post = tokio::spawn(async move { ask(api, "POST", "/v1/layers", "", &body).await });
    began.notified().await;
    let server = service.server;
    server.stop();
    let ended = tokio::spawn(server.ended());
    while TcpStream::connect(api).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(!ended.is_finished());
    go_on.notify_one();
    assert_eq!(post.await.unwrap().status, 201);
    ended.await.unwrap().unwrap();
    assert!(TcpStream::connect(health).await.is_err());
}

#[tokio::test]
async fn what_takes_too_long_is_answered_and_goes_on() {
    let mut config = config();
    config.clair.api_mut().timeout.0 = Duration::from_nanos(1);
    let service = Service::with(config, Options::default()).await;
    let path = service.layer("base", debian(&[("bash", "5.2-1")]));
    let answer = service.post_layer("a", &path, "").await;
    assert_eq!(answer.status, 503);
    assert_eq!(
        answer.body,
        r#"{"Error":{"Message":"Clair failed to respond within the configured timeout window.","Type":"Timeout"}}"#
    );
    assert_eq!(answer.headers["content-type"], "text/plain; charset=utf-8");
    assert!(!answer.headers.contains_key("server"));
}
