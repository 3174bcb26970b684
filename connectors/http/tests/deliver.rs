//! What is sent once goes nowhere else: a redirect is told, never followed, whatever the settings say.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use guichet_http::{Call, Client, Expect, Method, Rooms, Rules, Settings, Url};
use guichet_sdk::settings::read;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// A peer that sends everybody on from `/old` to `/new`, with this status; and what it was asked.
async fn moved(status: u16) -> (Url, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let home = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let heard = asked.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4_096];
            let length = stream.read(&mut request).await.unwrap_or_default();
            let line = String::from_utf8_lossy(&request[..length]).lines().next().unwrap_or_default().to_owned();
            let head = match line.contains("/old") {
                true => format!("{status} Moved\r\nlocation: /new"),
                false => "200 OK".to_owned(),
            };
            heard.lock().unwrap().push(line.trim_end_matches(" HTTP/1.1").to_owned());
            let answer = format!("HTTP/1.1 {head}\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{{}}");
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    (home, asked)
}

#[tokio::test]
async fn a_redirect_of_what_is_sent_once_is_never_followed() {
    let settings: Settings = read(&json!({ "redirects": 1, "retry": { "times": 0 } })).unwrap();
    for status in [301, 302, 303, 307, 308] {
        let (home, asked) = moved(status).await;
        let room = Rooms::default().of("planning", &home, &settings);
        let judge = Arc::new(Rules::new(Vec::new(), Expect::Json));
        let client = Client::open(&settings, &home, Path::new("."), room, judge).unwrap();
        let url = home.join("old").unwrap();
        assert_eq!(client.send(Call::get(url.clone())).await.unwrap().status, 200, "a question is followed");
        asked.lock().unwrap().clear();
        let delivered = client.deliver(Call::new(Method::POST, url, Bytes::from_static(b"{}"), false)).await.unwrap();
        assert_eq!(delivered.answer.status, status);
        assert!(delivered.judged.is_err(), "{status} is no success");
        assert_eq!(*asked.lock().unwrap(), ["POST /old"], "{status}: sent once, and nowhere else");
    }
}
