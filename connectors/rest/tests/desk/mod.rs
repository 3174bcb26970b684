//! A simulated office and flows on it.

#![allow(dead_code, clippy::unwrap_used, reason = "each test binary uses its share")]

use std::sync::Arc;

use guichet_rest::RestKind;
use guichet_sdk::format::{Limits, Shape};
use guichet_sdk::{ConnectorKind, FlowSettings, Format, Issue, Limit, Plan};
use guichet_testkit::{Hub, Office};
use serde_json::{Value, json};

/// Roomy: no test is about this limit unless it says so.
pub const ROOMY: Limit = Limit { records: 1_000, bytes: 8 << 20 };

pub fn json_format(record: &str) -> Format {
    format(Shape::Json { record: record.to_owned() })
}

pub fn xml_format(record: &str) -> Format {
    format(Shape::Xml { record: record.to_owned(), namespaces: Vec::new(), raw: Vec::new() })
}

fn format(shape: Shape) -> Format {
    Format { shape, encoding: "auto".to_owned(), limits: Limits { record_bytes: 4_096, ..Limits::default() } }
}

/// Settings of a list without paging, impatient enough for tests.
pub fn settings(address: std::net::SocketAddr, more: Value) -> Value {
    let mut settings = json!({
        "base_url": format!("http://{address}"),
        "path": "/cases",
        "timeouts": { "connect": "1s", "read": "300ms", "total": "1s" },
        "retry": { "times": 1, "first": "5ms", "longest": "1s" },
        "breaker": { "failures": 100, "wait": "50ms" },
    });
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    settings
}

pub fn plan(settings: Value, format: Format) -> Result<Arc<dyn Plan>, Vec<Issue>> {
    RestKind::default().plan(FlowSettings {
        source: "streets".to_owned(),
        flow: "cases".to_owned(),
        settings,
        format,
        base: std::env::temp_dir(),
    })
}

/// An office with so many cases, `key-1` and up.
pub async fn office(cases: usize) -> Office {
    let office = Office::open().await.unwrap();
    (1..=cases).for_each(|n| office.add(&format!("key-{n}")));
    office
}

/// Opens a flow and reads until caught up, in batches of so many.
pub async fn drain(hub: &mut Hub, plan: &Arc<dyn Plan>, records: usize) {
    let mut source = hub.open(&**plan).await.unwrap().source.unwrap();
    hub.drain(&mut *source, Limit { records, ..ROOMY }).await.unwrap();
}

/// The keys of the committed records.
pub fn keys(hub: &Hub) -> Vec<String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let key = |text: String| {
        let rest = text.split("key-").nth(1).unwrap_or_default().to_owned();
        rest.chars().take_while(char::is_ascii_digit).collect()
    };
    hub.bytes().into_iter().map(text).map(key).collect()
}

/// The numbers from one to another, as `keys` gives them.
pub fn numbers(range: std::ops::RangeInclusive<usize>) -> Vec<String> {
    range.map(|n| n.to_string()).collect()
}

/// The codes of what was told, broken records included.
pub fn codes(hub: &Hub) -> Vec<&'static str> {
    hub.broken.iter().map(|(_, issue)| issue.code.0).chain(hub.notices.iter().map(|issue| issue.code.0)).collect()
}
