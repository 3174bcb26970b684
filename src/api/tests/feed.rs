//! The change feed: pages, and the stream that follows it.

use futures_util::StreamExt;
use serde_json::json;

use super::{Hub, NOW, bounds, update};
use crate::config::Server;
use crate::model::Phase;

/// An open stream, read event by event.
struct Stream {
    response: std::pin::Pin<Box<dyn futures_util::Stream<Item = reqwest::Result<bytes::Bytes>>>>,
    text: String,
}

impl Stream {
    async fn open(hub: &Hub, key: &str, last: Option<i64>) -> Stream {
        let mut request = hub.request("GET", "/v1/changes/stream", key);
        if let Some(last) = last {
            request = request.header("last-event-id", last.to_string());
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let mut stream = Stream { response: Box::pin(response.bytes_stream()), text: String::new() };
        assert!(stream.block().await.unwrap().starts_with(':'), "a stream starts with a sign of life");
        stream
    }

    /// The next block; `None` at the end.
    async fn block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let block = block.to_owned();
                self.text = rest.to_owned();
                return Some(block);
            }
            let chunk = self.response.next().await?.unwrap();
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    async fn id(&mut self) -> i64 {
        self.block().await.unwrap().strip_prefix("id: ").unwrap().split('\n').next().unwrap().parse().unwrap()
    }
}

async fn tell(hub: &Hub, key: &str, service: &str) {
    hub.tell("planning", 1, NOW, update(key, service, Phase::InProgress)).await;
}

async fn tell_many(hub: &Hub, numbers: std::ops::Range<u32>) {
    let updates = numbers.map(|n| update(&format!("A-{n}"), "permit", Phase::InProgress));
    hub.tell_all("planning", 1, NOW, updates.collect()).await;
}

#[tokio::test]
async fn changes_are_paged_within_the_scope() {
    let hub = Hub::start().await;
    for (key, service) in [("A", "permit"), ("B", "aid"), ("C", "permit"), ("D", "aid")] {
        tell(&hub, key, service).await;
    }
    let (_, page) = hub.get("/v1/changes?limit=1", "key-portal").await;
    assert_eq!((&page["changes"][0]["seq"], &page["next"], &page["more"]), (&json!(1), &json!(1), &json!(true)));
    let (_, page) = hub.get("/v1/changes?after=1", "key-portal").await;
    let seqs: Vec<_> = page["changes"].as_array().unwrap().iter().map(|change| change["seq"].clone()).collect();
    assert_eq!((seqs, &page["next"], &page["more"]), (vec![json!(3)], &json!(4), &json!(false)));
    assert_eq!(page["changes"][0]["kind"], "case.registered");
    assert_eq!(page["changes"][0]["case"]["service"], "permit");
}

#[tokio::test]
async fn a_stream_tells_what_happens_within_its_scope() {
    let hub = Hub::start().await;
    tell(&hub, "before", "permit").await;
    let mut stream = Stream::open(&hub, "key-portal", None).await;
    tell(&hub, "B", "aid").await;
    tell(&hub, "C", "permit").await;
    let event = stream.block().await.unwrap();
    assert!(event.starts_with("id: 3\nevent: case.registered\ndata: {\"seq\":3,"), "{event}");
}

#[tokio::test]
async fn a_stream_resumes_without_a_gap() {
    let hub = Hub::start().await;
    tell_many(&hub, 0..600).await;
    let mut stream = Stream::open(&hub, "key-portal", Some(3)).await;
    tell_many(&hub, 600..700).await;
    for expected in 4..=700 {
        assert_eq!(stream.id().await, expected);
    }
    let response = hub.request("GET", "/v1/changes/stream", "key-portal").header("last-event-id", "x").send().await;
    assert_eq!(response.unwrap().status(), 400);
}

#[tokio::test]
async fn streams_are_capped_and_end_on_drain() {
    let hub = Hub::with(Server { streams: 1, ..bounds() }).await;
    let mut stream = Stream::open(&hub, "key-portal", None).await;
    let refused = hub.request("GET", "/v1/changes/stream", "key-portal").send().await.unwrap();
    assert_eq!((refused.status().as_u16(), &refused.headers()["retry-after"]), (503, &"15".parse().unwrap()));
    drop(refused);
    hub.stop().await;
    assert_eq!(stream.block().await, None);
}
