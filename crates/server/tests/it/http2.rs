//! HTTP/2 as somebody speaks it who wants to do harm: frames made by hand.

use std::sync::Arc;

use pellucid_server::Options;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::service::Service;
use crate::tls::{client_config, with_tls};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

const REFUSED_STREAM: u32 = 7;
const CANCEL: u32 = 8;
const ENHANCE_YOUR_CALM: u32 = 11;

/// `:status: 200` in HPACK's table.
const OK: u8 = 0x88;

#[derive(Debug)]
struct Frame {
    kind: u8,
    stream: u32,
    payload: Vec<u8>,
}

impl Frame {
    /// The code at the end of what a GOAWAY or RST_STREAM begins with.
    fn code(&self) -> u32 {
        let place = if self.kind == GOAWAY { 4 } else { 0 };
        u32::from_be_bytes(self.payload[place..place + 4].try_into().unwrap())
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let stream = stream.to_be_bytes();
    [&length[1..], &[kind, flags], &stream, payload].concat()
}

/// Headers in HPACK, nothing compressed or remembered.
fn request(method: &str, path: &str) -> Vec<u8> {
    let method = match method {
        "GET" => 0x82,
        _ => 0x83,
    };
    let length = u8::try_from(path.len()).unwrap();
    [
        &[method, 0x87, 0x01, 1, b'x', 0x04, length],
        path.as_bytes(),
    ]
    .concat()
}

struct Reader(ReadHalf<TlsStream<TcpStream>>);

impl Reader {
    /// The next frame; none where the connection has ended.
    async fn next(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        self.0.read_exact(&mut head).await.ok()?;
        let mut payload = vec![0; usize::from(head[1]) << 8 | usize::from(head[2])];
        self.0.read_exact(&mut payload).await.ok()?;
        Some(Frame {
            kind: head[3],
            stream: u32::from_be_bytes(head[5..9].try_into().unwrap()),
            payload,
        })
    }

    /// The first of these that comes; panics where the connection ends before.
    async fn until(&mut self, wanted: impl Fn(&Frame) -> bool) -> Frame {
        loop {
            let frame = self.next().await.unwrap();
            if wanted(&frame) {
                return frame;
            }
        }
    }

    /// Why the other end ends the connection; it does so soon.
    async fn end(&mut self) -> u32 {
        let reason = self.until(|frame| frame.kind == GOAWAY).await.code();
        while self.next().await.is_some() {}
        reason
    }
}

async fn service() -> Service {
    Service::with(with_tls(false), Options::default()).await
}

async fn connect(service: &Service) -> (Reader, WriteHalf<TlsStream<TcpStream>>) {
    let mut config = client_config(false);
    config.alpn_protocols = vec![b"h2".to_vec()];
    let stream = TcpStream::connect(service.server.api).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let connector = TlsConnector::from(Arc::new(config));
    let mut stream = connector.connect(name, stream).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()));
    stream
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        .await
        .unwrap();
    let settings = frame(SETTINGS, 0, 0, &[]);
    stream.write_all(&settings).await.unwrap();
    let (reader, writer) = tokio::io::split(stream);
    (Reader(reader), writer)
}

/// Somebody who asks as one should is answered.
async fn is_served(service: &Service) {
    let (mut reader, mut writer) = connect(service).await;
    let get = request("GET", "/v1/namespaces");
    let get = frame(HEADERS, END_HEADERS | END_STREAM, 1, &get);
    writer.write_all(&get).await.unwrap();
    let answer = reader.until(|frame| frame.stream == 1).await;
    assert_eq!((answer.kind, answer.payload[0]), (HEADERS, OK));
}

#[tokio::test]
async fn one_connection_has_128_requests_at_once() {
    let service = service().await;
    let (mut reader, mut writer) = connect(&service).await;
    // Their bodies do not come.
    let post = request("POST", "/v1/layers");
    let posts: Vec<u8> = (0..200)
        .flat_map(|number| frame(HEADERS, END_HEADERS, number * 2 + 1, &post))
        .collect();
    writer.write_all(&posts).await.unwrap();
    for number in 128..200 {
        let refused = reader.until(|frame| frame.kind == RST_STREAM).await;
        assert_eq!(
            (refused.stream, refused.code()),
            (number * 2 + 1, REFUSED_STREAM)
        );
    }
    is_served(&service).await;
    // One of those that were taken.
    let body = frame(DATA, END_STREAM, 127 * 2 + 1, b"{}");
    writer.write_all(&body).await.unwrap();
    let answer = reader.until(|frame| frame.kind == HEADERS).await;
    assert_eq!(answer.stream, 127 * 2 + 1);
}

#[tokio::test]
async fn requests_that_are_taken_back_at_once_end_their_connection() {
    let service = service().await;
    let (mut reader, mut writer) = connect(&service).await;
    let get = request("GET", "/v1/namespaces");
    let flood: Vec<u8> = (0..10_000)
        .flat_map(|number| {
            let stream = number * 2 + 1;
            let asked = frame(HEADERS, END_HEADERS | END_STREAM, stream, &get);
            [asked, frame(RST_STREAM, 0, stream, &CANCEL.to_be_bytes())].concat()
        })
        .collect();
    // It is not taken to its end.
    let (_, reason) = tokio::join!(writer.write_all(&flood), reader.end());
    assert_eq!(reason, ENHANCE_YOUR_CALM);
    is_served(&service).await;
}

#[tokio::test]
async fn a_header_that_never_ends_ends_its_connection() {
    let service = service().await;
    let (mut reader, mut writer) = connect(&service).await;
    let mut flood = frame(HEADERS, END_STREAM, 1, &request("GET", "/v1/namespaces"));
    let more = frame(CONTINUATION, 0, 1, &[0, 1, b'x', 1, b'y']);
    for _ in 0..100_000 {
        flood.extend_from_slice(&more);
    }
    let (_, reason) = tokio::join!(writer.write_all(&flood), reader.end());
    assert_eq!(reason, ENHANCE_YOUR_CALM);
    is_served(&service).await;
}

#[tokio::test]
async fn a_header_that_is_too_large_is_refused_and_the_next_one_is_not() {
    let service = service().await;
    let (mut reader, mut writer) = connect(&service).await;
    let get = request("GET", "/v1/namespaces");
    // Many small ones: what a list of headers takes counts, not what travels.
    let small = [0, 1, b'x', 1, b'y'].repeat(3000);
    writer
        .write_all(&frame(
            HEADERS,
            END_HEADERS | END_STREAM,
            1,
            &[get.clone(), small].concat(),
        ))
        .await
        .unwrap();
    let answer = reader.until(|frame| frame.stream == 1).await;
    assert!(
        answer.kind == RST_STREAM || answer.payload[0] != OK,
        "{answer:?}"
    );
    writer
        .write_all(&frame(HEADERS, END_HEADERS | END_STREAM, 3, &get))
        .await
        .unwrap();
    let answer = reader.until(|frame| frame.stream == 3).await;
    assert_eq!((answer.kind, answer.payload[0]), (HEADERS, OK));
}
