//! The edge: each bound at limit − 1, limit and limit + 1; slow peers; too many peers; stopping.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Hub, bounds};
use crate::config::Server;

/// Sends bytes and reads until the peer closes.
async fn raw(address: SocketAddr, bytes: &[u8]) -> String {
    let mut socket = TcpStream::connect(address).await.unwrap();
    let _ = socket.write_all(bytes).await;
    rest(&mut socket).await
}

async fn rest(socket: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let _ = socket.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

fn head(target: &str, more: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{more}\r\n")
}

#[tokio::test]
async fn targets_are_bounded() {
    let hub = Hub::with(Server { uri_bytes: 100, ..bounds() }).await;
    for (length, status) in [(99, "200"), (100, "200"), (101, "414")] {
        let target = format!("/healthz?{}", "x".repeat(length - "/healthz?".len()));
        let answer = raw(hub.address, head(&target, "").as_bytes()).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{length}: {answer}");
    }
}

#[tokio::test]
async fn headers_are_bounded() {
    let hub = Hub::with(Server { headers: 10, ..bounds() }).await;
    for (count, status) in [(9, "200"), (10, "200"), (11, "431"), (5_000, "431")] {
        let more: String = (2..count).map(|n| format!("x-{n}: y\r\n")).collect();
        let answer = raw(hub.address, head("/healthz", &more).as_bytes()).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{count}: {answer}");
        assert!(count != 11 || answer.contains("headers_too_large"), "{answer}");
    }
    let flood = raw(hub.address, head("/healthz", &format!("x: {}\r\n", "y".repeat(1 << 20))).as_bytes()).await;
    assert!(flood.is_empty() || flood.starts_with("HTTP/1.1 431"), "{flood}");
}

#[tokio::test]
async fn bodies_are_bounded() {
    let hub = Hub::with(Server { body_bytes: 100, ..bounds() }).await;
    for (length, status) in [(99, 200), (100, 200), (101, 413), (1 << 20, 413)] {
        let body = json!({ "reference": "A" }).to_string();
        let body = format!("{body}{}", " ".repeat(length - body.len()));
        let request = hub.request("POST", "/v1/cases/search", "key-portal").header("content-type", "application/json");
        let Ok(answer) = request.body(body).send().await else {
            assert!(length > 1000, "only a flood may be cut off before it is answered");
            continue;
        };
        assert_eq!(answer.status(), status, "{length}");
    }
}

#[tokio::test]
async fn a_dripping_head_is_cut() {
    let hub = Hub::with(Server { header_timeout: Duration::from_millis(200), ..bounds() }).await;
    let (mut reader, mut writer) = TcpStream::connect(hub.address).await.unwrap().into_split();
    let drip = tokio::spawn(async move {
        // Ends by itself when the hub closes: until then one byte at a time, always in time for a mere idle time-out.
        for byte in head("/healthz", "x: y\r\n").bytes().cycle().filter(|b| *b != b'\r' && *b != b'\n') {
            if writer.write_all(&[byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let mut answer = Vec::new();
    let _ = reader.read_to_end(&mut answer).await;
    assert!(answer.is_empty());
    drip.abort();
}

#[tokio::test]
async fn a_silent_connection_is_cut_before_and_after_a_request() {
    let hub = Hub::with(Server {
        header_timeout: Duration::from_millis(200),
        idle_timeout: Duration::from_millis(200),
        ..bounds()
    })
    .await;
    assert_eq!(raw(hub.address, b"").await, "");
    let answer = raw(hub.address, b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn a_dripping_body_is_cut() {
    let hub = Hub::with(Server { body_timeout: Duration::from_millis(200), ..bounds() }).await;
    let request = "POST /v1/cases/search HTTP/1.1\r\nhost: x\r\nauthorization: Bearer key-portal\r\n\
                   content-type: application/json\r\ncontent-length: 50\r\n\r\n{";
    let answer = raw(hub.address, request.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("body_timeout"), "{answer}");
}

#[tokio::test]
async fn an_event_stream_outlives_every_time_out() {
    let short = Duration::from_millis(50);
    let bounds = Server { header_timeout: short, idle_timeout: short, handler_timeout: short, ..bounds() };
    let hub = Hub::with(bounds).await;
    let mut socket = TcpStream::connect(hub.address).await.unwrap();
    let request = "GET /v1/changes/stream HTTP/1.1\r\nhost: x\r\nauthorization: Bearer key-portal\r\n\r\n";
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut buffer = vec![0; 4096];
    let read = tokio::time::timeout(4 * short, async { while socket.read(&mut buffer).await.unwrap() > 0 {} });
    assert!(read.await.is_err(), "the stream was cut");
}

#[tokio::test]
async fn connections_are_capped() {
    let hub = Hub::with(Server { connections: 1, ..bounds() }).await;
    let mut first = TcpStream::connect(hub.address).await.unwrap();
    first.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    first.readable().await.unwrap();
    let mut second = TcpStream::connect(hub.address).await.unwrap();
    second.write_all(head("/healthz", "").as_bytes()).await.unwrap();
    assert!(tokio::time::timeout(Duration::from_millis(100), second.readable()).await.is_err(), "there was no place");
    drop(first);
    assert!(rest(&mut second).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn beyond_its_concurrency_the_hub_sheds() {
    let hub = Hub::with(Server { concurrency: 1, ..bounds() }).await;
    let mut waiting = TcpStream::connect(hub.address).await.unwrap();
    let request = "POST /v1/cases/search HTTP/1.1\r\nhost: x\r\nauthorization: Bearer key-portal\r\n\
                   content-type: application/json\r\ncontent-length: 2\r\nexpect: 100-continue\r\n\r\n";
    waiting.write_all(request.as_bytes()).await.unwrap();
    // `100 Continue` says that the handler is at work: it asked for the body.
    waiting.readable().await.unwrap();
    let shed = hub.request("GET", "/healthz", "").send().await.unwrap();
    assert_eq!((shed.status().as_u16(), &shed.headers()["retry-after"]), (503, &"1".parse().unwrap()));
    assert_eq!(shed.json::<serde_json::Value>().await.unwrap()["code"], "busy");
    drop(waiting);
}

#[tokio::test]
async fn stopping_lets_open_requests_finish() {
    let hub = Hub::start().await;
    let address = hub.address;
    let mut open = TcpStream::connect(address).await.unwrap();
    let request = "POST /v1/cases/search HTTP/1.1\r\nhost: x\r\nauthorization: Bearer key-portal\r\n\
                   content-type: application/json\r\ncontent-length: 17\r\nexpect: 100-continue\r\n\r\n";
    open.write_all(request.as_bytes()).await.unwrap();
    open.readable().await.unwrap();
    let stopping = tokio::spawn(hub.stop());
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    open.write_all(b"{\"reference\":\"A\"}").await.unwrap();
    assert!(rest(&mut open).await.contains("HTTP/1.1 200"));
    stopping.await.unwrap();
}

#[tokio::test]
async fn what_does_not_finish_in_time_is_cut_when_stopping() {
    let hub = Hub::with(Server { drain: Duration::from_millis(100), ..bounds() }).await;
    let mut open = TcpStream::connect(hub.address).await.unwrap();
    let request = "POST /v1/cases/search HTTP/1.1\r\nhost: x\r\nauthorization: Bearer key-portal\r\n\
                   content-type: application/json\r\ncontent-length: 17\r\nexpect: 100-continue\r\n\r\n";
    open.write_all(request.as_bytes()).await.unwrap();
    open.readable().await.unwrap();
    hub.stop().await;
    assert!(!rest(&mut open).await.contains("HTTP/1.1 200"));
}
