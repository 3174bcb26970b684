//! A bare HTTP/1.1 client: keep-alive connections, one request at a time each, answers read by their length.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Requests per second over `connections`, for `time`; every answer must have this status.
pub fn load(port: u16, request: &str, status: u16, connections: usize, time: Duration) -> f64 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let started = Instant::now();
        let tasks: Vec<_> = (0..connections)
            .map(|_| tokio::spawn(connection(port, request.to_owned(), status, started + time)))
            .collect();
        let mut answers = 0;
        for task in tasks {
            answers += task.await.unwrap();
        }
        answers as f64 / started.elapsed().as_secs_f64()
    })
}

async fn connection(port: u16, request: String, status: u16, until: Instant) -> u64 {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (mut buffer, mut answers) = (Vec::with_capacity(1 << 16), 0);
    while Instant::now() < until {
        stream.write_all(request.as_bytes()).await.unwrap();
        let (got, ..) = answer(&mut stream, &mut buffer).await;
        assert_eq!(got, status, "{}", String::from_utf8_lossy(&buffer));
        answers += 1;
    }
    answers
}

/// One request over a connection of its own: status, head and body.
pub fn once(port: u16, request: &str) -> (u16, String, String) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut buffer = Vec::new();
        let (status, head) = answer(&mut stream, &mut buffer).await;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (status, text(&buffer[..head]), text(&buffer[head..]))
    })
}

/// Reads one answer into the buffer: its status and the length of its head.
async fn answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> (u16, usize) {
    buffer.clear();
    loop {
        assert!(stream.read_buf(buffer).await.unwrap() > 0, "connection closed in the middle of an answer");
        let Some(head) = buffer.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4) else { continue };
        let text = std::str::from_utf8(&buffer[..head]).unwrap().to_ascii_lowercase();
        let status: u16 = text[9..12].parse().unwrap();
        let length =
            text.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |n| n.parse().unwrap());
        while buffer.len() < head + length {
            assert!(stream.read_buf(buffer).await.unwrap() > 0, "connection closed in the middle of a body");
        }
        return (status, head);
    }
}

/// A GET request of the bench client.
pub fn get(path: &str, more: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {}\r\n{more}\r\n", crate::project::KEY)
}
