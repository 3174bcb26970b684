//! Benchmarks as ratios in one run: ours against a bare program that does only the raw work with the same crates,
//! schema and durability. They print, they never assert: these machines are noisy.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr, reason = "a program for developers")]

mod amqp_ingest;
mod ceiling;
mod data;
mod http;
mod idle;
mod ingest;
mod latency;
mod project;
mod pull;
mod reading;
mod soap_pull;
mod store;
mod webhooks;

use std::time::Duration;

/// Every bench: its name, what its ratio should reach, and its code.
const BENCHES: &[(&str, &str, fn())] = &[
    ("ingest-csv", "≥ 0.6, stretch 0.85", || ingest::format(data::Kind::Csv)),
    ("ingest-xml", "≥ 0.6, stretch 0.85", || ingest::format(data::Kind::Xml)),
    ("ingest-json", "≥ 0.6, stretch 0.85", || ingest::format(data::Kind::Json)),
    ("ingest-growth", "≥ 0.55, stretch 0.7", ingest::growth),
    ("ingest-memory", "≤ 256 MiB, stretch 128", ingest::memory),
    ("api-case", "≥ 0.45, stretch 0.58", || reading::bench(reading::Question::Case)),
    ("api-case-304", "≥ 0.8, stretch 0.95", || reading::bench(reading::Question::Unchanged)),
    ("api-list-20", "≥ 0.3, stretch 0.6", || reading::bench(reading::Question::List)),
    ("rest-pull", "≥ 0.8, stretch 0.95", || pull::rest("rest-pull", pull::brisk())),
    ("rest-pull-0", "none: ingest beside a peer that answers at once", || pull::rest("rest-pull-0", Duration::ZERO)),
    ("drip-lag", "1: one source that drips costs the others nothing", pull::drip),
    ("store", "≥ 0.6 of the same rows inserted bare", store::bench),
    ("store-growth", "last tenth ≥ 0.55 of the first", store::growth),
    ("soap-pull", "≥ 0.8, stretch 0.95", || soap_pull::bench("soap-pull", pull::brisk())),
    ("soap-pull-0", "none: ingest beside a peer that answers at once", || {
        soap_pull::bench("soap-pull-0", Duration::ZERO)
    }),
    ("amqp-ingest", "≥ 0.5 of a consumer that only acknowledges", amqp_ingest::bench),
    ("webhooks", "≥ 0.5 of a bare reqwest POST loop, stretch 0.8", webhooks::bench),
    ("sse-idle", "≤ 32 KiB per listener, stretch 12", idle::bench),
    ("latency", "p99 ≤ 50 ms beyond the poll, stretch 10", latency::bench),
];

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    if let [word, port] = words.as_slice()
        && word == "serve-ceiling"
    {
        return reading::serve_ceiling(port.parse().unwrap());
    }
    if let [word, port, changes] = words.as_slice()
        && word == "post-ceiling"
    {
        return webhooks::ceiling(port.parse().unwrap(), changes.parse().unwrap());
    }
    if words.iter().any(|word| word == "list") {
        return BENCHES.iter().for_each(|(name, goal, _)| println!("{name:16} goal {goal}"));
    }
    for word in &words {
        if !BENCHES.iter().any(|(name, ..)| name == word) {
            let known: Vec<&str> = BENCHES.iter().map(|(name, ..)| *name).collect();
            eprintln!("no bench `{word}`; there are: {}", known.join(", "));
            std::process::exit(2);
        }
    }
    for (name, _, run) in BENCHES {
        if words.is_empty() || words.iter().any(|word| word == name) {
            run();
        }
    }
}

/// One line of result; `unit` is what `ours` and `ceiling` count.
fn report(name: &str, ours: f64, ceiling: f64, unit: &str) {
    println!("{name} ours={ours:.0} ceiling={ceiling:.0} ratio={:.2} unit={unit}", ours / ceiling);
}

/// A size settable by environment.
fn size(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}
