//! An OpenTelemetry collector that accepts everything and keeps what it was sent.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

/// What was sent: path and body.
type Sent = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

/// A collector on a port of its own.
pub struct Collector {
    pub address: String,
    sent: Sent,
}

impl Collector {
    pub fn start() -> Collector {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let sent = Sent::default();
        let kept = sent.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let kept = kept.clone();
                std::thread::spawn(move || answer(stream, &kept));
            }
        });
        Collector { address, sent }
    }

    /// Everything sent to a path, as text with what is not text replaced.
    pub fn sent_to(&self, path: &str) -> String {
        let sent = self.sent.lock().unwrap();
        let bodies =
            sent.iter().filter(|(to, _)| to == path).map(|(_, body)| String::from_utf8_lossy(body).into_owned());
        bodies.collect()
    }
}

/// Answers the requests of one connection.
fn answer(stream: std::net::TcpStream, kept: &Sent) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut writer = stream;
    loop {
        let mut first = String::new();
        if reader.read_line(&mut first).unwrap_or(0) == 0 {
            return;
        }
        let mut length = 0;
        loop {
            let mut header = String::new();
            reader.read_line(&mut header).unwrap();
            let header = header.trim().to_lowercase();
            if header.is_empty() {
                break;
            }
            if let Some(value) = header.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        kept.lock().unwrap().push((first.split(' ').nth(1).unwrap().to_owned(), body));
        writer.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
    }
}
