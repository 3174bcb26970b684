//! Pulls from a simulated office: every kind of paging, details, conditions, credentials, failures.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use guichet_sdk::{BreakerState, Fault, FaultKind, Plan, Retry};
use guichet_testkit::proxy::{Fault as Trouble, Proxy};
use guichet_testkit::{Hub, Mood, Office};
use serde_json::{Value, json};

mod desk;
use desk::{ROOMY, codes, drain, json_format, keys, numbers, office, plan, settings, xml_format};

fn flow(office: &Office, more: Value) -> Arc<dyn Plan> {
    plan(settings(office.address(), more), json_format("cases")).unwrap_or_else(|issues| panic!("{issues:?}"))
}

async fn fault(plan: &Arc<dyn Plan>) -> Fault {
    let connection = Hub::default().open(&**plan).await.unwrap();
    connection.source.unwrap().next(None, ROOMY).await.unwrap_err()
}

#[tokio::test]
async fn every_paging_gives_every_record_once_in_order_at_any_batch_size() {
    let office = office(23).await;
    for more in [
        json!({}),
        json!({ "query": { "page": "{page}", "size": 5 }, "page": { "by": "page" } }),
        json!({ "query": { "page": "{page}", "size": "{size}" }, "page": { "by": "page", "size": 5, "total": "total" } }),
        json!({ "query": { "offset": "{offset}", "size": 5 }, "page": { "by": "offset" } }),
        json!({ "query": { "offset": "{offset}", "size": 23 }, "page": { "by": "offset", "total": "total" } }),
        json!({ "query": { "cursor": "{cursor}", "size": 5 }, "page": { "by": "cursor", "path": "next_cursor" } }),
        json!({ "query": { "size": 5 }, "page": { "by": "next_url", "path": "next" } }),
        json!({ "query": { "size": 5 }, "page": { "by": "link" } }),
        json!({ "method": "post", "body": { "offset": "{offset}", "size": 5 }, "page": { "by": "offset", "total": "total" } }),
    ] {
        let plan = flow(&office, more.clone());
        for batch in [1, 4, 5, 100] {
            let mut hub = Hub::default();
            drain(&mut hub, &plan, batch).await;
            assert_eq!(keys(&hub), numbers(1..=23), "{more} in batches of {batch}");
            assert!(hub.notices.is_empty(), "{:?}", hub.notices);
        }
    }
}

#[tokio::test]
async fn xml_lists_are_read_with_their_attributes() {
    let office = office(12).await;
    let more = json!({
        "path": "/cases.xml",
        "query": { "offset": "{offset}", "size": 5, "after": "{since}" },
        "page": { "by": "offset", "total": "@total" },
        "since": { "path": "@seq", "counts": "number" },
    });
    let plan = plan(settings(office.address(), more), xml_format("case")).unwrap();
    let mut hub = Hub::default();
    drain(&mut hub, &plan, 4).await;
    assert_eq!(keys(&hub), numbers(1..=12));
    office.add("key-13");
    drain(&mut hub, &plan, 4).await;
    assert_eq!(keys(&hub), numbers(1..=13));
}

#[tokio::test]
async fn details_keep_the_order_of_the_list_and_gone_ones_are_told() {
    let office = office(20).await;
    let plan = flow(
        &office,
        json!({
            "query": { "page": "{page}", "size": 8 },
            "page": { "by": "page", "total": "total" },
            "detail": { "path": "/cases/{id}", "id": "seq", "record": "case", "concurrency": 3 },
        }),
    );
    let mut hub = Hub::default();
    drain(&mut hub, &plan, 5).await;
    assert_eq!(keys(&hub), numbers(1..=20));
    assert!(hub.records.iter().all(|record| record.origin.name.starts_with("GET /cases/")));
    // one whose detail is gone, one without its id
    office.desk().cases[3] = b"{\"seq\":999,\"key\":\"key-4\"}".to_vec();
    office.desk().cases[4] = b"{\"key\":\"key-5\"}".to_vec();
    let mut hub = Hub::default();
    drain(&mut hub, &plan, 100).await;
    assert_eq!((hub.records.len(), codes(&hub)), (18, vec!["E322", "E326"]));
}

#[tokio::test]
async fn an_unchanged_list_is_not_sent_again() {
    let office = office(3).await;
    let plan = flow(&office, json!({}));
    let mut hub = Hub::default();
    drain(&mut hub, &plan, 100).await;
    let cursor = hub.cursor.clone();
    drain(&mut hub, &plan, 100).await;
    assert_eq!((keys(&hub), hub.cursor.clone()), (numbers(1..=3), cursor));
    office.add("key-4");
    drain(&mut hub, &plan, 100).await;
    assert_eq!(keys(&hub).len(), 7);
}

#[tokio::test]
async fn a_peer_that_cannot_filter_is_filtered_here() {
    let office = office(5).await;
    let since = json!({ "path": "seq", "counts": "number", "filter": true });
    let plan =
        flow(&office, json!({ "since": since, "detail": { "path": "/cases/{id}", "id": "seq", "record": "case" } }));
    let mut hub = Hub::default();
    drain(&mut hub, &plan, 100).await;
    office.add("key-6");
    let before = office.desk().requests;
    drain(&mut hub, &plan, 100).await;
    // numbers are not looked back on, but the last one seen is asked for again
    assert_eq!(keys(&hub)[5..], ["5", "6"]);
    assert_eq!(office.desk().requests - before, 3);
}

#[tokio::test]
async fn a_peer_that_ignores_paging_is_told_and_does_not_run_for_ever() {
    let office = office(5).await;
    let plan = flow(&office, json!({ "query": { "seite": "{page}" }, "page": { "by": "page" } }));
    let connection = Hub::default().open(&*plan).await.unwrap();
    let mut source = connection.source.unwrap();
    let first = source.next(None, ROOMY).await.unwrap();
    let fault = source.next(first.cursor.as_ref(), ROOMY).await.unwrap_err();
    assert_eq!((fault.issue.code.0, fault.retry), ("E320", Retry::Never));
}

#[tokio::test]
async fn links_to_other_hosts_are_not_followed() {
    let (office, other) = (office(1).await, desk::office(1).await);
    office.desk().cases[0] =
        format!("{{\"seq\":1}}],\"elsewhere\":\"http://{}/cases\",\"x\":[1", other.address()).into_bytes();
    let more = |hosts: Value| json!({ "page": { "by": "next_url", "path": "elsewhere" }, "hosts": hosts });
    let mut hub = Hub::default();
    let mut source = hub.open(&*flow(&office, more(json!([])))).await.unwrap().source.unwrap();
    let fault = hub.drain(&mut *source, ROOMY).await.unwrap_err();
    assert!(fault.contains("E318") && other.desk().requests == 0, "{fault}");
    drain(&mut Hub::default(), &flow(&office, more(json!([other.address().to_string()]))), 100).await;
    assert_eq!(other.desk().requests, 1);
}

#[tokio::test]
async fn tokens_are_asked_for_once_and_renewed_when_refused() {
    let office = office(5).await;
    office.desk().token = Some("none yet".to_owned());
    let secret = std::env::temp_dir().join(format!("guichet-rest-{}", std::process::id()));
    std::fs::write(&secret, "s3cret").unwrap();
    let oauth = json!({
        "token_url": format!("http://{}/token", office.address()), "client_id": "hub", "client_secret": { "file": secret }
    });
    let paging = json!({ "by": "page", "size": 2, "total": "total" });
    let plan = flow(
        &office,
        json!({ "auth": { "oauth2": oauth }, "query": { "page": "{page}", "size": "{size}" }, "page": paging }),
    );
    let mut hub = Hub::default();
    let mut source = hub.open(&*plan).await.unwrap().source.unwrap();
    hub.drain(&mut *source, ROOMY).await.unwrap();
    assert_eq!((keys(&hub), office.desk().granted), (numbers(1..=5), 1));
    // the token is revoked: one new one, without anybody noticing
    office.desk().token = Some("another".to_owned());
    hub.drain(&mut *source, ROOMY).await.unwrap();
    assert_eq!(keys(&hub)[5..], numbers(1..=5));
    let desk = office.desk();
    assert_eq!((desk.granted, desk.refused), (2, 1));
    std::fs::remove_file(secret).unwrap();
}

#[tokio::test]
async fn a_short_illness_is_sat_out_within_a_pull() {
    let office = office(3).await;
    (office.desk().mood, office.desk().moody_for) = (Mood::Failing, 1);
    let mut hub = Hub::default();
    drain(&mut hub, &flow(&office, json!({})), 100).await;
    assert_eq!((keys(&hub), office.desk().requests), (numbers(1..=3), 2));
    (office.desk().mood, office.desk().moody_for) = (Mood::Throttling(1), 1);
    drain(&mut Hub::default(), &flow(&office, json!({})), 100).await;
}

#[tokio::test]
async fn a_login_page_with_status_200_is_no_empty_list() {
    let office = office(3).await;
    office.desk().mood = Mood::LoginPage;
    let told = fault(&flow(&office, json!({}))).await;
    assert_eq!((told.kind, told.retry, told.issue.code.0), (FaultKind::Protocol, Retry::After(None), "E311"));
    let rule = json!([{ "status": "200", "contains": "name=\"password\"", "means": "unauthorized" }]);
    let told = fault(&flow(&office, json!({ "answers": rule }))).await;
    assert_eq!((told.kind, told.issue.place.line), (FaultKind::Unauthorized, Some(1)));
    office.desk().mood = Mood::WrongType;
    let mut hub = Hub::default();
    drain(&mut hub, &flow(&office, json!({})), 100).await;
    assert_eq!(keys(&hub), numbers(1..=3));
}

#[tokio::test]
async fn the_breaker_is_seen_while_it_is_open_and_closes_by_a_probe() {
    let office = office(3).await;
    let plan = flow(&office, json!({ "breaker": { "failures": 2, "wait": "100ms" }, "retry": { "times": 0 } }));
    let state = || plan.breaker().unwrap().look();
    assert_eq!(state().state, BreakerState::Closed);
    office.desk().mood = Mood::Failing;
    for _ in 0..2 {
        assert_eq!(fault(&plan).await.issue.code.0, "E305");
    }
    let asked = office.desk().requests;
    assert_eq!(fault(&plan).await.issue.code.0, "E313");
    assert_eq!((office.desk().requests, state().state), (asked, BreakerState::Open));
    assert_eq!(state().because.map(|issue| issue.code.0), Some("E305"));
    office.desk().mood = Mood::Well;
    tokio::time::sleep(std::time::Duration::from_millis(120)).await;
    drain(&mut Hub::default(), &plan, 100).await;
    assert_eq!(state().state, BreakerState::Closed);
}

#[tokio::test]
async fn each_time_out_names_itself() {
    // so long a list that its head comes through in time and its body does not
    let office = office(300).await;
    let proxy = Proxy::start(office.address()).await.unwrap();
    // a head that drips takes its time: the second has room for a busy machine
    for (trouble, name, read, total) in [
        (Trouble::BlackHole, "timeouts.read", "300ms", "30s"),
        (Trouble::Drip(2_000), "timeouts.total", "2500ms", "3s"),
    ] {
        let timeouts = json!({ "connect": "1s", "read": read, "total": total });
        let base = format!("http://{}", proxy.address());
        let plan = flow(&office, json!({ "base_url": base, "retry": { "times": 0 }, "timeouts": timeouts }));
        proxy.set(trouble);
        let told = fault(&plan).await;
        assert_eq!((told.kind, told.issue.code.0), (FaultKind::Timeout, "E301"), "{told}");
        assert!(told.issue.message.contains(name), "{told}");
    }
}

#[tokio::test]
async fn an_answer_beyond_its_bound_is_not_read() {
    let office = office(1_000).await;
    let told = fault(&flow(&office, json!({ "max_body": "4 KiB" }))).await;
    assert_eq!((told.issue.code.0, told.retry), ("E308", Retry::Never));
}

#[tokio::test]
async fn fewer_records_than_the_peer_says_are_told() {
    let office = office(4).await;
    office.desk().cases[3] = b"{\"seq\":4,\"key\":\"key-4\"}],\"all\":9,\"x\":[1".to_vec();
    let mut hub = Hub::default();
    drain(
        &mut hub,
        &flow(&office, json!({ "query": { "page": "{page}", "size": 3 }, "page": { "by": "page", "total": "all" } })),
        100,
    )
    .await;
    assert_eq!(codes(&hub), ["E325"]);
}

#[tokio::test]
async fn a_page_that_is_gone_after_a_restart_starts_the_pull_again() {
    let office = office(5).await;
    let run = json!({ "start": "2026-11-24T12:00:00Z", "read": 2, "pages": 1, "at": { "url": "/gone?cursor=x" } });
    let cursor = guichet_sdk::Cursor(json!({ "run": run }).to_string());
    let mut hub = Hub { cursor: Some(cursor), ..Hub::default() };
    drain(&mut hub, &flow(&office, json!({ "query": { "size": 2 }, "page": { "by": "link" } })), 100).await;
    assert_eq!((keys(&hub), codes(&hub)), (numbers(1..=5), vec!["E328"]));
}
