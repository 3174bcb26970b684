//! The change feed: pages, and the stream that follows it.

use futures_util::StreamExt;
use serde_json::{Value, json};

use super::{Hub, NOW, bounds, update};
use crate::config::Server;
use crate::model::{ChangeKind, Phase};
use crate::store::Store;

/// An open stream, read event by event.
struct Stream {
    response: std::pin::Pin<Box<dyn futures_util::Stream<Item = reqwest::Result<bytes::Bytes>>>>,
    text: String,
}

impl Stream {
    async fn open(hub: &Hub, key: &str, last: Option<i64>) -> Stream {
        let mut request = hub.request("GET", "/v1/changes/stream", key);
        if let Some(last) = last {
            request = request.header("last-event-id", hub.store.seal().change_id(last, 5).to_string());
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

    /// Position of the next event.
    async fn position(&mut self, hub: &Hub) -> i64 {
        let block = self.block().await.unwrap();
        position(hub, block.strip_prefix("id: ").unwrap().split('\n').next().unwrap())
    }
}

/// What a place in the feed stands for.
fn position(hub: &Hub, place: &str) -> i64 {
    hub.store.seal().read_change_id(place.parse().unwrap()).unwrap()
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
    let positions = |page: &Value| {
        let ids = page["changes"].as_array().unwrap().iter().map(|change| change["id"].as_str().unwrap());
        ids.map(|id| position(&hub, id)).collect::<Vec<_>>()
    };
    let (_, page) = hub.get("/v1/changes?limit=1", "key-portal").await;
    assert_eq!((positions(&page), &page["more"]), (vec![1], &json!(true)));
    let next = page["next"].as_str().unwrap();
    let (_, page) = hub.get(&format!("/v1/changes?after={next}"), "key-portal").await;
    assert_eq!((positions(&page), &page["more"]), (vec![3], &json!(false)));
    assert_eq!(position(&hub, page["next"].as_str().unwrap()), 4);
    assert_eq!(page["changes"][0]["kind"], "case.registered");
    assert_eq!(page["changes"][0]["case"]["service"], "permit");
    // positions count what lies outside the scope: only operators see and use them
    assert_eq!(page["changes"][0]["seq"], Value::Null);
    assert_eq!(hub.get("/v1/changes?after=1", "key-portal").await.0, 400);
    hub.store.announce("planning", ChangeKind::SourceStale, NOW).await.unwrap();
    let (_, page) = hub.get("/v1/changes?after=2", "key-ops").await;
    assert_eq!(page["changes"][0]["seq"], 5);
}

#[tokio::test]
async fn what_only_staff_reads_and_what_became_confidential_is_no_news_to_others() {
    let hub = Hub::start().await;
    tell(&hub, "A", "permit").await;
    let mut noted = update("A", "permit", Phase::InProgress);
    noted.facts.handler = Some("J. Martin".into());
    hub.tell("planning", 2, NOW, noted).await;
    let kinds = async |key: &'static str| {
        let (_, page) = hub.get("/v1/changes", key).await;
        page["changes"].as_array().unwrap().iter().map(|change| change["kind"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(kinds("key-portal").await, ["case.registered"]);
    assert_eq!(kinds("key-desk").await, ["case.registered", "case.updated"]);
    let mut closed = update("A", "permit", Phase::Closed);
    closed.facts.confidentiality = Some(2);
    hub.tell("planning", 3, NOW, closed).await;
    assert_eq!(kinds("key-portal").await, Vec::<Value>::new());
    assert_eq!(kinds("key-desk").await.len(), 3);
}

#[tokio::test]
async fn a_stream_tells_what_happens_within_its_scope() {
    let hub = Hub::start().await;
    tell(&hub, "before", "permit").await;
    let mut stream = Stream::open(&hub, "key-portal", None).await;
    tell(&hub, "B", "aid").await;
    tell(&hub, "C", "permit").await;
    let event = stream.block().await.unwrap();
    let id = hub.store.seal().change_id(3, NOW / 1000);
    assert!(event.starts_with(&format!("id: {id}\nevent: case.registered\ndata: {{\"id\":\"{id}\",")), "{event}");
}

#[tokio::test]
async fn a_stream_resumes_without_a_gap() {
    let hub = Hub::start().await;
    tell_many(&hub, 0..600).await;
    let mut stream = Stream::open(&hub, "key-portal", Some(3)).await;
    tell_many(&hub, 600..700).await;
    for expected in 4..=700 {
        assert_eq!(stream.position(&hub).await, expected);
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

#[tokio::test]
async fn a_listener_that_does_not_keep_up_is_dropped_with_a_reason() {
    let hub = Hub::start().await;
    let mut stream = Stream::open(&hub, "key-portal", None).await;
    tell(&hub, "first", "permit").await;
    assert_eq!(stream.position(&hub).await, 1, "it follows");
    // far more than the sockets hold and the tail keeps, while nothing is read
    for round in 0..20 {
        tell_many(&hub, round * 2_000..(round + 1) * 2_000).await;
    }
    let mut last = 1;
    let end = loop {
        let block = stream.block().await.unwrap();
        match block.strip_prefix("id: ") {
            Some(event) => {
                let at = position(&hub, event.split('\n').next().unwrap());
                assert_eq!(at, last + 1, "no gap before the end");
                last = at;
            }
            None => break block,
        }
    };
    assert!(end.starts_with("event: stream.dropped\ndata: {\"reason\":"), "{end}");
    assert_eq!(stream.block().await, None);
    let mut again = Stream::open(&hub, "key-portal", Some(last)).await;
    assert_eq!(again.position(&hub).await, last + 1, "nothing is lost by it");
}
