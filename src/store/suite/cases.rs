//! Promises about reading: what is committed is found, scoped, paged and told in order.

use std::collections::BTreeSet;

use super::{Hub, Stage, hub, said, titled};
use crate::model::{CaseUpdate, ChangeKind, Facts, Location, Order, OrderClass, PartyClaim, Phase};
use crate::store::{CaseQuery, Store, Term};

fn query() -> CaseQuery {
    CaseQuery { scope_confidentiality: 9, limit: 20, ..CaseQuery::default() }
}

/// The native keys of a page.
async fn keys(store: &dyn Store, query: &CaseQuery) -> Vec<String> {
    let page = store.cases(query).await.unwrap();
    page.cases.iter().map(|case| key_of(&case.body)).collect()
}

fn key_of(body: &str) -> String {
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    body["source_reference"].as_str().unwrap().to_owned()
}

/// Every case, page by page.
async fn all_pages(store: &dyn Store, mut query: CaseQuery) -> Vec<String> {
    let mut all = Vec::new();
    loop {
        let page = store.cases(&query).await.unwrap();
        assert!(page.cases.len() <= query.limit);
        all.extend(page.cases.iter().map(|case| key_of(&case.body)));
        match page.next {
            Some(next) => query.after = Some(next),
            None => return all,
        }
    }
}

pub(crate) async fn i7_the_feed_is_gap_free_and_ordered_under_concurrent_flows<S: Stage>() {
    let (_stage, first) = hub::<S>(OrderClass::Time).await;
    let store = first.store.clone();
    let flows: Vec<_> = (0..4)
        .map(|flow| {
            let store = store.clone();
            tokio::spawn(async move {
                let hub = Hub::new(store, &format!("source-{flow}"), Order::of(OrderClass::Time)).await;
                for round in 0..20 {
                    hub.say(said(&format!("C{}", round % 5), Phase::ALL[round % 9], round as i64)).await;
                }
            })
        })
        .collect();
    let mut seen = 0;
    let mut kinds = BTreeSet::new();
    let mut revisions = std::collections::BTreeMap::new();
    loop {
        let finished = flows.iter().all(|flow| flow.is_finished());
        let changes = store.changes(seen, 7).await.unwrap();
        for change in &changes {
            assert_eq!(change.seq, seen + 1);
            seen = change.seq;
            kinds.insert(change.kind);
            let case = change.case.as_ref().unwrap();
            assert_eq!(store.seal().read_case_id(case.id), Some(case.row));
            let last: i64 = revisions.insert(case.row, case.revision).unwrap_or_default();
            assert!(case.revision == last || case.revision == last + 1, "revisions count up");
        }
        if finished && changes.is_empty() {
            break;
        }
        tokio::task::yield_now().await;
    }
    for flow in flows {
        flow.await.unwrap();
    }
    assert_eq!(store.changed(0).await, seen);
    assert!(kinds.contains(&ChangeKind::Registered) && kinds.contains(&ChangeKind::StatusChanged));
    store.announce("permits", ChangeKind::SourceStale, 1).await.unwrap();
    assert_eq!(store.changed(seen).await, seen + 1);
    let change = &store.changes(seen, 9).await.unwrap()[0];
    assert_eq!((change.kind, &*change.source, change.case.is_none()), (ChangeKind::SourceStale, "permits", true));
    // once per episode, however often somebody says so
    for (kind, news) in [
        (ChangeKind::SourceStale, false),
        (ChangeKind::SourceRecovered, true),
        (ChangeKind::SourceRecovered, false),
        (ChangeKind::SourceStale, true),
    ] {
        assert_eq!(store.announce("permits", kind, 2).await.unwrap(), news, "{kind}");
    }
    assert!(!store.announce("never-stale", ChangeKind::SourceRecovered, 2).await.unwrap());
    assert_eq!(store.changed(seen).await, seen + 3);
}

pub(crate) async fn a_case_is_found_under_every_number_it_has<S: Stage>() {
    let (_stage, hub) = hub::<S>(OrderClass::Time).await;
    let mut update = said("PC-1", Phase::Received, 1);
    update.facts.aliases = vec![("portal".into(), "W 77-b".into())];
    hub.say(update).await;
    let row = hub.row("PC-1").await;
    assert_eq!(hub.store.find("permits", "w77B").await.unwrap(), Some(row));
    assert_eq!(hub.store.find("permits", "PC-2").await.unwrap(), None);
    assert_eq!(hub.store.find("other", "PC-1").await.unwrap(), None);
    // Another source may use the same numbers for its own cases.
    let other = Hub::new(hub.store.clone(), "taxes", Order::of(OrderClass::Time)).await;
    other.say(said("PC-1", Phase::Closed, 1)).await;
    assert_ne!(hub.store.find("taxes", "PC-1").await.unwrap(), Some(row));
    let found = keys(&*hub.store, &CaseQuery { terms: vec![Term::Reference("PC-1".into())], ..query() }).await;
    assert_eq!(found.len(), 2);
}

pub(crate) async fn terms_follow_the_facts<S: Stage>() {
    let (_stage, hub) = hub::<S>(OrderClass::Time).await;
    let with = |minute, address: &str, siret: &str| {
        let location = Location { address: Some(address.into()), ..Location::default() };
        let party = PartyClaim { identifiers: vec![("siret".into(), siret.into())], ..PartyClaim::default() };
        let facts = Facts { location: Some(location), parties: vec![party], ..Facts::default() };
        CaseUpdate { facts, ..said("A1", Phase::Received, minute) }
    };
    let find = |term: Term| {
        let store = hub.store.clone();
        async move { keys(&*store, &CaseQuery { terms: vec![term], ..query() }).await.len() }
    };
    let address = |text: &str| Term::Address(text.into());
    hub.say(with(1, "3, rue de l’Église", "732 829 320 00074")).await;
    assert_eq!(find(address("3 RUE DE L'EGLISE")).await, 1);
    assert_eq!(find(Term::Identifier("siret".into(), "73282932000074".into())).await, 1);
    assert_eq!(find(Term::Identifier("siren".into(), "73282932000074".into())).await, 0);
    hub.say(with(2, "5, place du Marché", "732 829 320 00074")).await;
    assert_eq!((find(address("3 rue de l'église")).await, find(address("5 place du marche")).await), (0, 1));
    let both = vec![address("5 place du marché"), Term::Identifier("siret".into(), "73282932000074".into())];
    assert_eq!(keys(&*hub.store, &CaseQuery { terms: both, ..query() }).await, ["A1"]);
    let one_wrong = vec![address("5 place du marché"), Term::Parcel("AB 12".into())];
    assert!(keys(&*hub.store, &CaseQuery { terms: one_wrong, ..query() }).await.is_empty());
}

pub(crate) async fn a_list_is_scoped_filtered_and_newest_first<S: Stage>() {
    let (_stage, hub) = hub::<S>(OrderClass::Time).await;
    for n in 0..12_i64 {
        let service = ["permit", "street", "aid"][(n % 3) as usize];
        let phase = [Phase::Received, Phase::Closed][(n % 2) as usize];
        let mut update = titled(&format!("C{n}"), phase, n, service, "a case");
        update.facts.confidentiality = Some((n / 6) as u8);
        hub.say(update).await;
    }
    let list = |query: CaseQuery| {
        let store = hub.store.clone();
        async move { keys(&*store, &query).await }
    };
    let scoped = |services: &[&str]| Some(services.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>());
    assert_eq!(list(CaseQuery { limit: 3, ..query() }).await, ["C11", "C10", "C9"]);
    assert_eq!(list(CaseQuery { service: Some("aid".into()), ..query() }).await, ["C11", "C8", "C5", "C2"]);
    let narrow = CaseQuery { scope_services: scoped(&["permit", "aid"]), scope_confidentiality: 0, ..query() };
    assert_eq!(list(narrow.clone()).await, ["C5", "C3", "C2", "C0"]);
    assert_eq!(all_pages(&*hub.store, CaseQuery { limit: 1, ..narrow.clone() }).await, ["C5", "C3", "C2", "C0"]);
    assert!(list(CaseQuery { service: Some("street".into()), ..narrow.clone() }).await.is_empty());
    assert!(list(CaseQuery { scope_services: Some(Vec::new()), ..query() }).await.is_empty());
    assert_eq!(list(CaseQuery { phase: Some(Phase::Closed), ..narrow }).await, ["C5", "C3"]);
    assert!(list(CaseQuery { source: Some("nobody".into()), ..query() }).await.is_empty());
    assert_eq!(list(CaseQuery { source: Some("permits".into()), ..query() }).await.len(), 12);
    let since = hub.store.case(hub.row("C9").await).await.unwrap().unwrap().changed_at;
    assert_eq!(list(CaseQuery { updated_since: Some(since), ..query() }).await, ["C11", "C10", "C9"]);
}

pub(crate) async fn a_text_search_continues_where_it_stopped<S: Stage>() {
    let (_stage, hub) = hub::<S>(OrderClass::Time).await;
    let titles = (0..5_000).map(|n| match n {
        3 => "Un abri de jardin à l’Église".to_owned(),
        _ => format!("number {n}"),
    });
    let items: Vec<_> = titles
        .enumerate()
        .map(|(n, title)| hub.mapped(titled(&format!("C{n}"), Phase::Received, 1, "permit", &title)))
        .collect();
    hub.deliver(items).await;
    let text = CaseQuery { text: Some("eglise JARDIN".into()), ..query() };
    assert_eq!(all_pages(&*hub.store, text.clone()).await, ["C3"]);
    let page = hub.store.cases(&text).await.unwrap();
    assert!(page.cases.is_empty() && page.next.is_some(), "one page looks at a bounded number of titles");
}

pub(crate) async fn paging_loses_no_case_that_did_not_change<S: Stage>() {
    let (_stage, hub) = hub::<S>(OrderClass::Time).await;
    for unit in 0..10 {
        let items =
            (0..100).map(|n| hub.mapped(titled(&format!("C{}", unit * 100 + n), Phase::Received, 1, "permit", "t")));
        hub.deliver(items.collect()).await;
    }
    let mut query = CaseQuery { limit: 50, ..query() };
    let (mut seen, mut changed, mut page) = (Vec::new(), BTreeSet::new(), 0);
    loop {
        let found = hub.store.cases(&query).await.unwrap();
        seen.extend(found.cases.iter().map(|case| key_of(&case.body)));
        let Some(next) = found.next else { break };
        query.after = Some(next);
        // While somebody reads, cases anywhere in the list change.
        for n in 0..5 {
            let key = format!("C{}", (page * 173 + n * 211) % 1000);
            hub.say(said(&key, Phase::InProgress, 10 + page)).await;
            changed.insert(key);
        }
        page += 1;
    }
    let told: BTreeSet<&String> = seen.iter().collect();
    assert_eq!(told.len(), seen.len(), "no case is told twice in one walk");
    for n in 0..1000 {
        let key = format!("C{n}");
        assert!(told.contains(&key) || changed.contains(&key), "{key} is lost");
    }
}

pub(crate) async fn revisions_are_right_from_memory_and_after_a_reopen<S: Stage>() {
    let (stage, hub) = hub::<S>(OrderClass::Time).await;
    let revision = |hub: &Hub| {
        let store = hub.store.clone();
        async move {
            let row = store.find("permits", "A1").await.unwrap().unwrap();
            let (known, kept) = (store.revision(row).await.unwrap(), store.case(row).await.unwrap().unwrap().revision);
            assert_eq!(known, Some(kept));
            kept
        }
    };
    hub.say(said("A1", Phase::Received, 1)).await;
    assert_eq!(revision(&hub).await, 1);
    hub.say(said("A1", Phase::InProgress, 2)).await;
    assert_eq!(revision(&hub).await, 2);
    hub.say(said("A1", Phase::Received, 1)).await;
    assert_eq!(revision(&hub).await, 2, "nothing new, no revision");
    hub.store.close().await;
    let hub = Hub::new(stage.open().unwrap().into(), "permits", hub.order).await;
    assert_eq!(revision(&hub).await, 2);
    hub.say(said("A1", Phase::Closed, 9)).await;
    assert_eq!(revision(&hub).await, 3);
    assert_eq!(hub.store.revision(crate::model::CaseRow(999)).await.unwrap(), None);
}
