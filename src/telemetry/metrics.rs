//! Metrics read off the board and the store when somebody asks: nothing is counted twice, and what is received is always
//! the sum of how it ended, because both come from the same committed counts (I1).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use guichet_sdk::BreakerState;
use opentelemetry::KeyValue;
use opentelemetry::metrics::{AsyncInstrument, Meter};

use crate::flow::{Board, FlowState, FlowStatus, certificate_word, now};
use crate::model::{FlowName, Freshness};
use crate::store::{Counts, Vitals};

/// The last readings of the store, taken now and then since asking it takes a while.
#[derive(Debug, Default)]
pub struct Readings(Mutex<Vitals>);

impl Readings {
    /// Takes new ones.
    pub fn take(&self, vitals: Vitals) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = vitals;
    }

    fn read<T>(&self, field: impl Fn(&Vitals) -> T) -> T {
        field(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Makes the instruments that look at the board and at the store's readings.
pub fn observe(board: &Arc<Board>, readings: &Arc<Readings>) {
    let meter = opentelemetry::global::meter("guichet");
    records(&meter, board);
    flows(&meter, board);
    states(&meter, board);
    certificates(&meter, board);
    store(&meter, readings);
    meter
        .u64_observable_gauge("guichet.build.info")
        .with_description("1, with the version that runs")
        .with_callback(|gauge| gauge.observe(1, &[KeyValue::new("version", env!("CARGO_PKG_VERSION"))]))
        .build();
}

fn records(meter: &Meter, board: &Arc<Board>) {
    let ended = board.clone();
    meter
        .u64_observable_counter("guichet.records")
        .with_description("Records committed since the start, by how they ended")
        .with_callback(move |counter| {
            each(&ended, |name, status| {
                for (outcome, count) in outcomes(&status.seen) {
                    counter.observe(count, &[flow(name), KeyValue::new("outcome", outcome)]);
                }
            });
        })
        .build();
    let received = board.clone();
    meter
        .u64_observable_counter("guichet.records.received")
        .with_description("Records received and committed since the start: the sum of how they ended")
        .with_callback(move |counter| {
            each(&received, |name, status| counter.observe(status.seen.received, &[flow(name)]))
        })
        .build();
    let redelivered = board.clone();
    meter
        .u64_observable_counter("guichet.records.redelivered")
        .with_description("Messages delivered again since the start, because they could not be acknowledged before")
        .with_callback(move |counter| {
            each(&redelivered, |name, status| counter.observe(status.redelivered, &[flow(name)]));
        })
        .build();
}

fn outcomes(counts: &Counts) -> [(&'static str, u64); 5] {
    let Counts { received: _, applied, duplicate, superseded, quarantined, parked } = *counts;
    [
        ("applied", applied),
        ("duplicate", duplicate),
        ("superseded", superseded),
        ("quarantined", quarantined),
        ("parked", parked),
    ]
}

fn flows(meter: &Meter, board: &Arc<Board>) {
    let lag = board.clone();
    meter
        .f64_observable_gauge("guichet.flow.lag")
        .with_unit("s")
        .with_description("Time since the source was last looked at successfully")
        .with_callback(move |gauge| {
            let now = now();
            each(&lag, |name, status| {
                if let Some(verified_at) = status.verified_at {
                    gauge.observe(now.saturating_sub(verified_at).max(0) as f64 / 1e6, &[flow(name)]);
                }
            });
        })
        .build();
    let backlog = board.clone();
    meter
        .u64_observable_gauge("guichet.flow.backlog")
        .with_unit("By")
        .with_description("Bytes of the current file not read yet")
        .with_callback(move |gauge| each(&backlog, |name, status| gauge.observe(left(status), &[flow(name)])))
        .build();
    let open = board.clone();
    meter
        .u64_observable_gauge("guichet.quarantine.open")
        .with_description("Records held back and not settled")
        .with_callback(move |gauge| each(&open, |name, status| gauge.observe(status.open, &[flow(name)])))
        .build();
    let failures = board.clone();
    meter
        .u64_observable_gauge("guichet.flow.failures")
        .with_description("Failures in a row")
        .with_callback(move |gauge| {
            each(&failures, |name, status| gauge.observe(u64::from(status.failures), &[flow(name)]));
        })
        .build();
}

fn left(status: &FlowStatus) -> u64 {
    status.progress.as_ref().and_then(|progress| Some(progress.total?.saturating_sub(progress.done))).unwrap_or(0)
}

fn states(meter: &Meter, board: &Arc<Board>) {
    let freshness = board.clone();
    meter
        .u64_observable_gauge("guichet.freshness")
        .with_description("1 for the class a flow is in, against its contract")
        .with_callback(move |gauge| {
            let now = now();
            each(&freshness, |name, status| {
                one_hot(gauge, name, "class", Freshness::WORDS, status.freshness(now).word());
            });
        })
        .build();
    let state = board.clone();
    meter
        .u64_observable_gauge("guichet.flow.state")
        .with_description("1 for what a flow is doing")
        .with_callback(move |gauge| {
            each(&state, |name, status| one_hot(gauge, name, "state", STATES, state_word(&status.state)));
        })
        .build();
    let breaker = board.clone();
    meter
        .u64_observable_gauge("guichet.source.breaker.state")
        .with_description("1 for the state of the circuit breaker in front of a source, as each of its flows meets it")
        .with_callback(move |gauge| {
            let now = now();
            each(&breaker, |name, status| {
                let state = breaker_word(status.breaker(now).state);
                for word in BREAKER {
                    let labels = [source(name), flow(name), KeyValue::new("state", *word)];
                    gauge.observe(u64::from(*word == state), &labels);
                }
            });
        })
        .build();
    let failures = board.clone();
    meter
        .u64_observable_gauge("guichet.source.breaker.failures")
        .with_description("Requests in a row that failed, as the circuit breaker counts them")
        .with_callback(move |gauge| {
            let now = now();
            each(&failures, |name, status| {
                gauge.observe(u64::from(status.breaker(now).failures), &[source(name), flow(name)]);
            });
        })
        .build();
    let asking = board.clone();
    meter
        .f64_observable_gauge("guichet.flow.asking")
        .with_unit("s")
        .with_description(
            "How long the source has kept the flow waiting for the answer under way; 0 when nothing is asked",
        )
        .with_callback(move |gauge| {
            let now = now();
            each(&asking, |name, status| {
                let waited = status.asked_at.map_or(0, |at| now.saturating_sub(at).max(0));
                gauge.observe(waited as f64 / 1e6, &[flow(name)]);
            });
        })
        .build();
}

const STATES: &[&str] = &["starting", "idle", "running", "backing_off", "paused", "failed"];
const BREAKER: &[&str] = &["closed", "open", "half_open"];

fn state_word(state: &FlowState) -> &'static str {
    match state {
        FlowState::Starting => "starting",
        FlowState::Idle => "idle",
        FlowState::Running => "running",
        FlowState::BackingOff => "backing_off",
        FlowState::Paused { .. } => "paused",
        FlowState::Failed => "failed",
    }
}

fn breaker_word(state: BreakerState) -> &'static str {
    match state {
        BreakerState::Closed => "closed",
        BreakerState::Open => "open",
        BreakerState::HalfOpen => "half_open",
    }
}

fn certificates(meter: &Meter, board: &Arc<Board>) {
    let board = board.clone();
    meter
        .f64_observable_gauge("guichet.tls.certificate.expiry")
        .with_unit("s")
        .with_description("Time until a certificate between the hub and a source expires; negative once it has")
        .with_callback(move |gauge| {
            // flows of one source may know several: the one that expires first counts
            let mut first = BTreeMap::new();
            each(&board, |name, status| {
                for look in &status.certificates {
                    let key = (name.source.clone(), certificate_word(look.whose));
                    let known = first.entry(key).or_insert(look.expires_at);
                    *known = look.expires_at.min(*known);
                }
            });
            for ((source, what), expires_at) in first {
                let labels = [KeyValue::new("source", source.to_string()), KeyValue::new("what", what)];
                gauge.observe(expires_at.saturating_sub(now()) as f64 / 1e6, &labels);
            }
        })
        .build();
}

fn store(meter: &Meter, readings: &Arc<Readings>) {
    type Field = fn(&Vitals) -> u64;
    let gauges: [(&'static str, &'static str, &'static str, Field); 5] = [
        ("guichet.change.head", "", "Highest position of the change feed", |v| u64::try_from(v.change).unwrap_or(0)),
        ("guichet.cases", "", "Cases kept", |v| v.cases),
        ("guichet.records.kept", "", "Records kept", |v| v.records),
        ("guichet.store.size", "By", "Bytes on disk", |v| v.bytes),
        ("guichet.store.waiting", "", "Units of work waiting to be committed", |v| v.waiting),
    ];
    for (name, unit, what, field) in gauges {
        let readings = readings.clone();
        meter
            .u64_observable_gauge(name)
            .with_unit(unit)
            .with_description(what)
            .with_callback(move |gauge| gauge.observe(readings.read(field), &[]))
            .build();
    }
}

fn each(board: &Board, mut with: impl FnMut(&FlowName, &FlowStatus)) {
    for (name, status) in board.all() {
        with(&name, &status);
    }
}

fn one_hot(gauge: &dyn AsyncInstrument<u64>, name: &FlowName, key: &'static str, words: &[&'static str], now: &str) {
    for word in words {
        gauge.observe(u64::from(*word == now), &[flow(name), KeyValue::new(key, *word)]);
    }
}

fn source(name: &FlowName) -> KeyValue {
    KeyValue::new("source", name.source.to_string())
}

fn flow(name: &FlowName) -> KeyValue {
    KeyValue::new("flow", name.to_string())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use guichet_sdk::{CertificateLook, CertificateOf, CertificateView};

    use super::*;
    use crate::config::TelemetryConfig;
    use crate::telemetry::{Logs, Telemetry};

    /// The value of each line of one metric.
    fn values(text: &str, metric: &str) -> Vec<f64> {
        let of_metric = |line: &&str| line.starts_with(metric) && line[metric.len()..].starts_with(['{', ' ']);
        text.lines().filter(of_metric).map(|line| line.rsplit(' ').next().unwrap().parse().unwrap()).collect()
    }

    /// A certificate that expires at a time.
    struct Shown(i64);

    impl CertificateView for Shown {
        fn look(&self) -> Vec<CertificateLook> {
            vec![CertificateLook { whose: CertificateOf::Own, expires_at: self.0, issue: None }]
        }
    }

    #[tokio::test]
    async fn i1_what_is_received_is_the_sum_of_how_it_ended() {
        let config = TelemetryConfig {
            json: false,
            filter: "off".into(),
            otlp: None,
            sample: 0.0,
            service_name: "guichet".into(),
        };
        let telemetry = Telemetry::start(&config, Logs::Configured).unwrap();
        let (board, readings) = (Arc::new(Board::default()), Arc::new(Readings::default()));
        readings.take(Vitals { change: 12, ..Vitals::default() });
        board.update(&FlowName::new("tax", "cases"), |status| {
            status.seen = Counts { received: 15, applied: 1, duplicate: 2, superseded: 3, quarantined: 4, parked: 5 };
            status.verified_at = Some(now());
            status.circuit = BreakerState::Open;
        });
        let shown = Shown(now() + 86_400_000_000);
        board.show_certificates(&FlowName::new("tax", "cases"), Some(Arc::new(shown)));
        observe(&board, &readings);
        let text = telemetry.scrape()();
        assert_eq!(values(&text, "guichet_records_received_total"), [15.0], "{text}");
        assert_eq!(values(&text, "guichet_records_total").iter().sum::<f64>(), 15.0, "{text}");
        let expiry = values(&text, "guichet_tls_certificate_expiry_seconds");
        assert!(expiry.len() == 1 && (86_000.0..=86_400.0).contains(&expiry[0]), "{text}");
        assert_eq!(values(&text, "guichet_change_head"), [12.0], "{text}");
        let open = "guichet_source_breaker_state{flow=\"tax/cases\",source=\"tax\",state=\"open\"} 1";
        assert!(text.contains(open), "{text}");
        assert_eq!(
            values(&text, "guichet_source_breaker_state").iter().sum::<f64>(),
            1.0,
            "one state at a time: {text}"
        );
        assert_eq!(values(&text, "guichet_freshness").iter().sum::<f64>(), 1.0, "one class at a time: {text}");
        for name in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
            let (name, kind) = name.split_once(' ').unwrap();
            assert!(name.starts_with("guichet_"), "{name}");
            assert_eq!(kind == "counter", name.ends_with("_total"), "{name} is a {kind}");
            assert!(text.contains(&format!("# HELP {name} ")), "{name} has no help");
        }
        telemetry.stop().await;
    }
}
