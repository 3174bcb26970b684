//! A simulated office and flows on it.

#![allow(dead_code, clippy::unwrap_used, reason = "each test binary uses its share")]

use std::sync::Arc;

use guichet_sdk::format::{Limits, Shape};
use guichet_sdk::{ConnectorKind, FlowSettings, Format, Issue, Limit, Plan};
use guichet_soap::SoapKind;
use guichet_testkit::{Hub, SoapOffice};
use serde_json::{Value, json};

/// Roomy: no test is about this limit unless it says so.
pub const ROOMY: Limit = Limit { records: 1_000, bytes: 8 << 20 };

pub fn format() -> Format {
    let namespaces = vec![("o".to_owned(), "urn:office".to_owned())];
    let shape = Shape::Xml { record: "o:case".to_owned(), namespaces, raw: Vec::new() };
    Format { shape, encoding: "auto".to_owned(), limits: Limits { record_bytes: 4_096, ..Limits::default() } }
}

/// The body of a list request, with these elements in it.
pub fn list(inside: &str) -> String {
    format!("<q:ListCases xmlns:q='urn:office'>{inside}</q:ListCases>")
}

/// Settings of a list without paging, impatient enough for tests.
pub fn settings(address: std::net::SocketAddr, more: Value) -> Value {
    let mut settings = json!({
        "url": format!("http://{address}/cases"),
        "action": "urn:office/ListCases",
        "body": list(""),
        "timeouts": { "connect": "1s", "read": "300ms", "total": "1s" },
        "retry": { "times": 1, "first": "5ms", "longest": "1s" },
        "breaker": { "failures": 100, "wait": "50ms" },
    });
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    settings
}

pub fn plan(settings: Value) -> Result<Arc<dyn Plan>, Vec<Issue>> {
    SoapKind::default().plan(FlowSettings {
        source: "planning".to_owned(),
        flow: "cases".to_owned(),
        settings,
        format: format(),
        base: std::env::temp_dir(),
    })
}

/// A flow on an office.
pub fn flow(office: &SoapOffice, more: Value) -> Arc<dyn Plan> {
    plan(settings(office.address(), more)).unwrap_or_else(|issues| panic!("{issues:?}"))
}

/// An office with so many cases, `key-1` and up.
pub async fn office(cases: usize) -> SoapOffice {
    let office = SoapOffice::open().await.unwrap();
    (1..=cases).for_each(|n| office.add(&format!("key-{n}")));
    office
}

/// Opens a flow and reads until caught up, in batches of so many.
pub async fn drain(hub: &mut Hub, plan: &Arc<dyn Plan>, records: usize) {
    let mut source = hub.open(&**plan).await.unwrap().source.unwrap();
    hub.drain(&mut *source, Limit { records, ..ROOMY }).await.unwrap();
}

/// What the first look at a flow fails with.
pub async fn fault(plan: &Arc<dyn Plan>) -> guichet_sdk::Fault {
    let connection = Hub::default().open(&**plan).await.unwrap();
    connection.source.unwrap().next(None, ROOMY).await.unwrap_err()
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
