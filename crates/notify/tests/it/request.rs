//! The request itself.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use pellucid_notify::{Webhook, WebhookOptions};
use sha2::Sha256;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::receiver::{NEVER, Receiver};

const NAME: &str = "099cdcb8-839f-4c12-8517-ad936b727a71";

fn headers(head: &str) -> Vec<&str> {
    head.lines()
        .skip(1)
        .filter(|line| !line.is_empty())
        .collect()
}

#[tokio::test]
async fn it_is_clairs_to_the_byte() {
    let receiver = Receiver::start(|_, _| "201 Created".to_owned()).await;
    let webhook = Webhook::new(&receiver.options()).unwrap();
    webhook.send(NAME).await.unwrap();
    let got = receiver.got().remove(0);
    assert_eq!(got.head.lines().next(), Some("POST /hook HTTP/1.1"));
    assert_eq!(
        headers(&got.head),
        [
            &format!("Host: {}", receiver.address),
            "User-Agent: Go-http-client/1.1",
            "Content-Length: 64",
            "Content-Type: application/json",
            "Accept-Encoding: gzip",
        ]
    );
    assert_eq!(
        got.body,
        format!("{{\"Notification\":{{\"Name\":\"{NAME}\"}}}}")
    );
}

#[tokio::test]
async fn who_never_answers_is_given_up() {
    let time = Duration::from_millis(50);
    let never = Receiver::start(|_, _| NEVER.to_owned()).await;
    // Takes connections and says nothing, or as much as never becomes an answer.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = silent.accept().await {
            tokio::spawn(async move {
                // Only a whole message is answered, with what never becomes an answer.
                let mut request = Vec::new();
                while !request.ends_with(b"\"}}") {
                    request.push(stream.read_u8().await?);
                }
                stream.write_all(b"HTTP/1.1 200 OK\r\nX: ").await?;
                std::future::pending::<std::io::Result<()>>().await
            });
        }
    });
    let to = |endpoint: String, proxy: Option<String>| WebhookOptions {
        endpoint,
        proxy,
        ..WebhookOptions::default()
    };
    for options in [
        never.options(),
        // Before the handshake, at the proxy, in the middle of the answer.
        to(format!("https://{address}/"), None),
        to(
            "https://receiver.test/".to_owned(),
            Some(format!("http://{address}/")),
        ),
        to(format!("http://{address}/"), None),
    ] {
        let webhook = Webhook::new(&options).unwrap().within(time);
        let refused = webhook.send(NAME).await.unwrap_err();
        assert_eq!(refused.reason, "no answer in 50ms", "{options:?}");
        assert!(!refused.gone);
    }
}

#[tokio::test]
async fn it_is_as_the_recorded_ones_of_a_real_clair() {
    let recorded = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/golden/webhook/requests.jsonl"
    );
    let Ok(recorded) = std::fs::read_to_string(recorded) else {
        println!("skipped: no recording at ../shared/golden/webhook");
        return;
    };
    let receiver = Receiver::start(|_, _| "201 Created".to_owned()).await;
    let webhook = Webhook::new(&receiver.options()).unwrap();
    let address = receiver.address.to_string();
    for (number, line) in recorded.lines().enumerate() {
        let recorded: serde_json::Value = serde_json::from_str(line).unwrap();
        let body = recorded["body"].as_str().unwrap();
        let name: serde_json::Value = serde_json::from_str(body).unwrap();
        let name = name["Notification"]["Name"].as_str().unwrap();
        webhook.send(name).await.unwrap();
        let got = receiver.got().remove(number);
        assert_eq!(got.body, body);
        let expected: Vec<String> = recorded["headers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|pair| (pair[0].as_str().unwrap(), pair[1].as_str().unwrap()))
            .map(|(name, value)| match name {
                "Host" => format!("Host: {address}"),
                _ => format!("{name}: {value}"),
            })
            .collect();
        assert_eq!(headers(&got.head), expected);
        let path = recorded["path"].as_str().unwrap();
        assert_eq!(
            got.head.lines().next().unwrap(),
            format!("POST {path} HTTP/1.1")
        );
    }
}

#[tokio::test]
async fn a_secret_signs_it() {
    let receiver = Receiver::start(|_, _| "204 No Content".to_owned()).await;
    let options = WebhookOptions {
        secret: Some("whsec_c2VjcmV0 next".to_owned()),
        ..receiver.options()
    };
    Webhook::new(&options).unwrap().send(NAME).await.unwrap();
    let got = receiver.got().remove(0);
    assert_eq!(got.header("webhook-id"), Some(NAME));
    assert_eq!(got.header("idempotency-key"), Some(NAME));
    let timestamp = got.header("webhook-timestamp").unwrap();
    let signatures: Vec<String> = ["secret", "next"]
        .iter()
        .map(|secret| {
            let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
            mac.update(format!("{NAME}.{timestamp}.{}", got.body).as_bytes());
            format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
        })
        .collect();
    assert_eq!(
        got.header("webhook-signature"),
        Some(signatures.join(" ").as_str())
    );
}

#[tokio::test]
async fn what_is_no_2xx_was_not_taken() {
    let receiver = Receiver::start(|_, got| {
        let path = got.head.split(' ').nth(1).unwrap().to_owned();
        path.trim_start_matches('/').replace('_', " ")
    })
    .await;
    let send = |path: &str| {
        let options = WebhookOptions {
            endpoint: format!("http://{}/{path}", receiver.address),
            ..WebhookOptions::default()
        };
        let webhook = Webhook::new(&options).unwrap();
        async move { webhook.send(NAME).await }
    };
    for taken in ["200_OK", "201_Created", "202_Accepted", "204_No"] {
        assert_eq!(send(taken).await, Ok(()), "{taken}");
    }
    let see_other = format!(
        "303_See%0D%0ALocation:%20http://{}/200_OK",
        receiver.address
    );
    for (answer, gone) in [
        ("500_X", false),
        ("404_X", false),
        ("410_Gone", true),
        (see_other.as_str(), false),
    ] {
        let refused = send(answer).await.unwrap_err();
        let status = answer.split('_').next().unwrap();
        assert_eq!(refused.reason, format!("got status {status}, expected 2xx"));
        assert_eq!((refused.gone, refused.retry_after), (gone, None));
    }
    assert_eq!(receiver.got().len(), 8, "a redirect was followed");
}

#[tokio::test]
async fn the_receiver_says_when_it_wants_to_be_asked_again() {
    let receiver = Receiver::start(|number, _| {
        let date = "Wed, 21 Oct 2015 07:28:00 GMT";
        let values = ["120", date, "999999999", "soon"];
        format!("429 Slow\r\nRetry-After: {}", values[number])
    })
    .await;
    let webhook = Webhook::new(&receiver.options()).unwrap();
    let mut waits = Vec::new();
    for _ in 0..4 {
        let refused = webhook.send(NAME).await.unwrap_err();
        waits.push(refused.retry_after.map(|wait| wait.as_secs()));
    }
    assert_eq!(waits, [Some(120), Some(0), Some(24 * 3600), None]);
}

#[tokio::test]
async fn a_proxy_carries_it() {
    let proxy = Receiver::start(|_, _| "200 OK".to_owned()).await;
    let options = WebhookOptions {
        endpoint: "http://receiver.invalid/hook?x=1".to_owned(),
        proxy: Some(format!("http://user:pass@{}", proxy.address)),
        ..WebhookOptions::default()
    };
    Webhook::new(&options).unwrap().send(NAME).await.unwrap();
    let got = proxy.got().remove(0);
    assert_eq!(
        got.head.lines().next(),
        Some("POST http://receiver.invalid/hook?x=1 HTTP/1.1")
    );
    assert_eq!(got.header("host"), Some("receiver.invalid"));
    assert_eq!(
        got.header("proxy-authorization"),
        Some("Basic dXNlcjpwYXNz")
    );
}

#[test]
fn what_makes_no_sense_is_said() {
    let error = |options: WebhookOptions| match Webhook::new(&options) {
        Ok(_) => panic!("{options:?} was taken"),
        Err(error) => error.to_string(),
    };
    let with = |endpoint: &str| WebhookOptions {
        endpoint: endpoint.to_owned(),
        ..WebhookOptions::default()
    };
    let neither = "the URL of the receiver is neither http nor https";
    assert_eq!(error(with("ftp://x/")), neither);
    assert_eq!(error(with("/hook")), neither);
    assert_eq!(error(with("http://a b/")), "the URL cannot be read");
    let mut options = with("https://x/");
    options.certfile = Some("/nowhere/cert.pem".into());
    assert_eq!(
        error(options.clone()),
        "certfile and keyfile belong together"
    );
    options.certfile = None;
    options.cafile = Some("/nowhere/ca.pem".into());
    assert!(error(options).starts_with("/nowhere/ca.pem: "));
    let mut options = with("http://x/");
    options.proxy = Some("socks5://x".to_owned());
    assert_eq!(error(options), "the URL of the proxy is not http");
}
