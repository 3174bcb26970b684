//! Subscriptions: their place in the feed, their deliveries, what people change about them.

use uuid::Uuid;

use super::{Hub, Stage, hub, said};
use crate::model::{Filters, OrderClass, Phase, SubscriptionState};
use crate::store::*;

async fn subscribe(hub: &Hub, number: u128) -> Subscription {
    let new = NewSubscription {
        id: Uuid::from_u128(number),
        client: "portal".into(),
        url: "https://hooks.example/".into(),
        filters: Filters { services: vec!["permit".into()], ..Filters::default() },
        now: 5,
    };
    hub.store.subscribe(&new, 2).await.unwrap().unwrap()
}

async fn only(store: &dyn Store) -> Subscription {
    store.subscriptions().await.unwrap().remove(0)
}

fn waits(attempts: u32, first_at: i64) -> DeliveryStanding {
    DeliveryStanding {
        attempts,
        first_at: Some(first_at),
        next_at: first_at + 5,
        status: Some(500),
        trouble: Some("the receiver answered 500".into()),
        dead_at: None,
    }
}

pub(crate) async fn a_subscription_keeps_its_place_and_its_deliveries<S: Stage>() {
    let (stage, hub) = hub::<S>(OrderClass::Time).await;
    hub.say(said("A", Phase::Received, 1)).await;
    let made = subscribe(&hub, 1).await;
    assert_eq!((made.cursor, made.state, made.secret), (1, SubscriptionState::Pending, 1), "from the next change on");
    for minute in 2..6 {
        hub.say(said("A", Phase::ALL[minute as usize], minute)).await;
    }
    let of = Settlement::of(made.row, made.version);
    let dead = DeliveryStanding { dead_at: Some(99), ..waits(9, 7) };
    let kept = vec![(2, waits(1, 10)), (3, dead.clone()), (4, DeliveryStanding::default())];
    let settlement = Settlement { cursor: Some(4), kept, delivered: 2, succeeded_at: Some(8), ..of.clone() };
    hub.store.settle(settlement).await.unwrap();
    // a cursor never goes back; an unknown subscription changes nothing
    hub.store.settle(Settlement { cursor: Some(3), warned: Some(50), ..of.clone() }).await.unwrap();
    let gone = Settlement { kept: vec![(1, waits(1, 1))], ..Settlement::of(SubscriptionRow(77), 1) };
    hub.store.settle(gone).await.unwrap();
    assert!(hub.store.deliveries(SubscriptionRow(77), false, 0, 9).await.unwrap().is_empty());
    let (row, secrets) = (made.row, hub.store.secrets());
    hub.store.close().await;
    drop(hub);

    let store = stage.open().unwrap();
    assert_eq!(store.secrets(), secrets);
    let now = only(&*store).await;
    assert_eq!((now.cursor, now.delivered, now.waiting, now.dead), (4, 2, 2, 1));
    assert_eq!((now.succeeded_at, now.failing_since, now.warned), (Some(8), Some(10), 50));
    assert_eq!((now.id, &*now.client, now.filters), (made.id, "portal", made.filters));
    let waiting = store.deliveries(row, false, 0, 9).await.unwrap();
    assert_eq!(waiting.iter().map(|delivery| delivery.change.seq).collect::<Vec<_>>(), [2, 4]);
    assert_eq!(waiting[0].standing, waits(1, 10));
    let given_up = store.deliveries(row, true, 0, 9).await.unwrap();
    assert_eq!((given_up.len(), &given_up[0].standing), (1, &dead));
    store.settle(Settlement { done: vec![2, 3], ..of }).await.unwrap();
    let now = only(&*store).await;
    assert_eq!((now.waiting, now.dead), (1, 0));
}

pub(crate) async fn a_subscription_is_amended_and_every_deed_written_down<S: Stage>() {
    let (_stage, hub) = hub::<S>(OrderClass::Time).await;
    for minute in 1..4 {
        hub.say(said("A", Phase::ALL[minute as usize], minute)).await;
    }
    let made = subscribe(&hub, 1).await;
    subscribe(&hub, 2).await;
    let third = NewSubscription { id: Uuid::from_u128(3), ..NewSubscription::clone(&new_like(&made)) };
    assert!(hub.store.subscribe(&third, 2).await.unwrap().is_none(), "there is a bound");
    let amend = |what| hub.store.amend(made.row, what, "desk", 6);
    assert!(amend(Amendment::Rotate { overlap_until: 50 }).await.unwrap());
    assert!(amend(Amendment::Replay { from: 1, until: 99 }).await.unwrap());
    let now = only(&*hub.store).await;
    assert_eq!((now.secret, now.overlap_until), (2, Some(50)));
    assert_eq!(now.replay, Some((1, 3)), "what is after the cursor comes anyway");
    assert!(amend(Amendment::Replay { from: 0, until: 2 }).await.unwrap());
    let now = only(&*hub.store).await;
    assert_eq!((now.replay, now.version), (Some((0, 3)), made.version + 3));
    hub.store.settle(Settlement { replayed: Some(2), ..Settlement::of(now.row, now.version) }).await.unwrap();
    assert_eq!(only(&*hub.store).await.replay, Some((2, 3)));
    hub.store.settle(Settlement { replayed: Some(3), ..Settlement::of(now.row, now.version) }).await.unwrap();
    assert_eq!(only(&*hub.store).await.replay, None);
    hub.store
        .settle(Settlement { kept: vec![(2, waits(7, 1))], ..Settlement::of(now.row, now.version) })
        .await
        .unwrap();
    assert!(amend(Amendment::Verify).await.unwrap());
    let waiting = hub.store.deliveries(made.row, false, 0, 9).await.unwrap();
    assert_eq!((waiting[0].standing.attempts, waiting[0].standing.first_at), (0, None), "its whole time again");
    assert!(amend(Amendment::Remove).await.unwrap());
    assert!(!amend(Amendment::Remove).await.unwrap());
    assert!(hub.store.deliveries(made.row, false, 0, 9).await.unwrap().is_empty());
    let done: Vec<_> = hub.store.audit(None, 99).await.unwrap().into_iter().map(|entry| entry.what).collect();
    let word = |what: &str| format!("subscription.{what}");
    let deeds = ["remove", "verify", "replay", "replay", "rotate", "add", "add"].map(word);
    assert_eq!(done, deeds);
}

fn new_like(made: &Subscription) -> NewSubscription {
    let Subscription { id, client, url, filters, .. } = made.clone();
    NewSubscription { id, client, url, filters, now: 5 }
}

pub(crate) async fn a_settlement_does_not_undo_what_people_changed<S: Stage>() {
    let (_stage, hub) = hub::<S>(OrderClass::Time).await;
    for minute in 1..4 {
        hub.say(said("A", Phase::ALL[minute as usize], minute)).await;
    }
    let made = subscribe(&hub, 1).await;
    let old = Settlement::of(made.row, made.version);
    hub.store.amend(made.row, Amendment::Replay { from: 0, until: 3 }, "desk", 6).await.unwrap();
    let disabled = Some((SubscriptionState::Disabled, Some("gone".to_owned())));
    hub.store.settle(Settlement { replayed: Some(3), state: disabled.clone(), ..old }).await.unwrap();
    let now = only(&*hub.store).await;
    assert_eq!((now.replay, now.state), (Some((0, 3)), SubscriptionState::Pending));
    hub.store.settle(Settlement { state: disabled, ..Settlement::of(now.row, now.version) }).await.unwrap();
    let now = only(&*hub.store).await;
    assert_eq!((now.state, now.reason.as_deref()), (SubscriptionState::Disabled, Some("gone")));
}

pub(crate) async fn a_time_leads_to_its_place_in_the_feed<S: Stage>() {
    let (_stage, hub) = hub::<S>(OrderClass::Time).await;
    assert_eq!(hub.store.position_before(i64::MAX).await.unwrap(), 0);
    for minute in 1..9 {
        hub.say(said("A", Phase::ALL[minute as usize], minute)).await;
    }
    let changes = hub.store.changes(0, 99).await.unwrap();
    for change in &changes {
        assert_eq!(hub.store.position_before(change.at).await.unwrap(), change.seq - 1);
        assert_eq!(hub.store.position_before(change.at + 1).await.unwrap(), change.seq);
    }
    assert_eq!(hub.store.position_before(0).await.unwrap(), 0);
}
