//! How news leaves the hub, as metrics: read off the board of the lanes when somebody asks.

use std::sync::Arc;

use opentelemetry::KeyValue;

use crate::notify::{LaneStatus, Notifier};

/// Makes the instruments that look at the lanes. Subscriptions are told apart by their number: their receivers' addresses
/// are nobody's business here.
pub fn observe_news(news: &Arc<Notifier>) {
    let meter = opentelemetry::global::meter("guichet");
    let seen = news.clone();
    meter
        .u64_observable_counter("guichet.deliveries")
        .with_description("Attempts to deliver changes to subscriptions since the start, by how they ended")
        .with_callback(move |counter| {
            seen.board.each(|row, lane| {
                for (outcome, count) in [("accepted", lane.accepted), ("failed", lane.failed)] {
                    counter.observe(count, &[KeyValue::new("subscription", row.0), KeyValue::new("outcome", outcome)]);
                }
            });
        })
        .build();
    type Field = fn(&LaneStatus) -> u64;
    let gauges: [(&'static str, &'static str, Field); 3] = [
        ("guichet.deliveries.waiting", "Deliveries that wait for another attempt", |lane| lane.waiting as u64),
        ("guichet.deliveries.flying", "Deliveries under way", |lane| lane.flying as u64),
        ("guichet.subscription.budget", "Percent of the failure budget that is spent", |lane| u64::from(lane.spent)),
    ];
    for (name, what, field) in gauges {
        let seen = news.clone();
        meter
            .u64_observable_gauge(name)
            .with_description(what)
            .with_callback(move |gauge| {
                seen.board.each(|row, lane| gauge.observe(field(lane), &[KeyValue::new("subscription", row.0)]));
            })
            .build();
    }
}
