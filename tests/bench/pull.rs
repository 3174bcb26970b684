//! Pulls over HTTP: from a simulated office on threads of its own into the store, against a bare program that sends the
//! same requests and throws the bodies away.
//!
//! The office thinks before it answers, the same time for both: a simulator on the same machine answers in less time than
//! any hub needs to commit a page, and would measure ingest, not pulls. `rest-pull` and `soap-pull` say how long it thinks
//! (`GUICHET_BENCH_THINKS`, 20 ms when not set: a brisk back office); `rest-pull-0` and `soap-pull-0` let it answer at once.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use guichet_testkit::Office;
use guichet_testkit::proxy::{Fault, Proxy};

use crate::data::{self, Kind};
use crate::project::{Project, free_port};
use crate::{http, report, size};

/// Cases of a page.
pub const PAGE: u64 = 100;

/// An office with cases of one to two kilobytes, and the runtime it works on.
struct Away {
    office: Office,
    runtime: tokio::runtime::Runtime,
}

impl Away {
    fn open(cases: u64) -> Away {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let office = runtime.block_on(Office::open()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("cases");
        data::write(Kind::Json, &file, 0, cases, 0);
        let text = std::fs::read_to_string(file).unwrap();
        office.desk().cases.extend(text.lines().enumerate().map(|(n, line)| case(n, line)));
        Away { office, runtime }
    }

    fn address(&self) -> SocketAddr {
        self.office.address()
    }
}

/// A case as a back office tells it: with its number, and with documents that no mapping reads.
fn case(number: usize, line: &str) -> Vec<u8> {
    let document = "{\"type\":\"plan de situation\",\"recu\":\"2024-02-11\",\"statut\":\"conforme\",\"format\":\"application/pdf\"}";
    let documents = [document; 6].join(",");
    let open = line.trim_end().trim_end_matches('}');
    format!("{open},\"seq\":{},\"pieces\":[{documents}]}}", number + 1).into_bytes()
}

/// A project with a REST flow per office.
fn project(offices: &[(String, SocketAddr)], every: &str) -> Project {
    let project = Project::new();
    let mapping = std::fs::read_to_string(project.folder.path().join("mappings/bench/json/mapping.toml")).unwrap();
    let mapping = mapping.replace("format = \"ndjson\"", "format = \"json\"\nrecord = \"cases\"");
    let write = |path: String, text: String| {
        let file = project.folder.path().join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    };
    write("mappings/pull/case/mapping.toml".into(), mapping);
    for (name, address) in offices {
        let source = format!(
            "[source]\nconnector = \"rest\"\ntitle = {{ en = \"Pull\" }}\n[source.settings]\nbase_url = \"http://{address}\"\n\
timeouts = {{ read = \"10m\", total = \"10m\" }}\n[flows.cases]\nmapping = \"pull/case\"\nschedule = {{ every = \"{every}\" }}\n\
order = \"version\"\nfreshness = {{ max_age = \"2h\" }}\n[flows.cases.settings]\npath = \"/cases\"\n\
query = {{ offset = \"{{offset}}\", size = \"{{size}}\", of = \"{name}\" }}\n\
page = {{ by = \"offset\", size = {PAGE}, total = \"total\" }}\n"
        );
        write(format!("config/sources/{name}.toml"), source);
    }
    project
}

/// How long an office of the pull benches thinks over a page.
pub fn brisk() -> Duration {
    Duration::from_millis(size("GUICHET_BENCH_THINKS", 20))
}

/// Prints the result of a pull.
pub fn told(name: &str, cases: u64, (ours, bare): (Duration, Duration), thinks: Duration) {
    let rate = |time: Duration| cases as f64 / time.as_secs_f64();
    let unit = format!("records/s, pages of {PAGE}, the peer thinks {} ms over each", thinks.as_millis());
    report(name, rate(ours), rate(bare), &unit);
}

/// Records per second over REST and JSON, ingest included.
pub fn rest(name: &str, thinks: Duration) {
    let cases = size("GUICHET_BENCH_PULL", 50_000);
    let away = Away::open(cases);
    away.office.desk().thinks = thinks;
    let address = away.address();
    let project = project(&[("pull".into(), address)], "1h");
    let (ours, _) = project.run_flow("pull/cases");
    let pages = (0..cases).step_by(PAGE as usize);
    let requests = pages.map(|offset| format!("http://{address}/cases?offset={offset}&size={PAGE}&of=pull")).collect();
    told(name, cases, (ours, bare(requests)), thinks);
}

/// The same requests, one after the other over one connection, their bodies thrown away.
fn bare(requests: Vec<String>) -> Duration {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let started = Instant::now();
        for url in requests {
            let mut answer = client.get(url).send().await.unwrap();
            assert_eq!(answer.status(), 200);
            while answer.chunk().await.unwrap().is_some() {}
        }
        started.elapsed()
    })
}

/// How long nineteen sources take to show a new case, without (`ceiling`) and with a twentieth that drips one byte a
/// second; both in milliseconds, the poll of 200 ms included.
pub fn drip() {
    let rounds = size("GUICHET_BENCH_DRIP", 20);
    let lag = |drips: bool| {
        let away = Away::open(5);
        let proxy = away.runtime.block_on(Proxy::start(away.address())).unwrap();
        proxy.set(if drips { Fault::Drip(1) } else { Fault::None });
        let mut offices: Vec<_> = (1..20).map(|n| (format!("office-{n:02}"), away.address())).collect();
        offices.push(("slow".into(), proxy.address()));
        let project = project(&offices, "200ms");
        let port = free_port();
        let _served = project.serve(port);
        let mut times: Vec<Duration> = (5..5 + rounds)
            .map(|known| {
                until(port, known * 19);
                let started = Instant::now();
                let next = case(known as usize, &one(known));
                away.office.desk().cases.push(next);
                until(port, (known + 1) * 19);
                started.elapsed()
            })
            .collect();
        times.sort();
        times[times.len() / 2].as_secs_f64() * 1e3
    };
    let without = lag(false);
    report("drip-lag", lag(true), without, "ms, median until 19 sources show a case");
}

/// One more case.
fn one(number: u64) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("case");
    data::write(Kind::Json, &file, number, 1, 0);
    std::fs::read_to_string(file).unwrap()
}

/// Waits until the sources beside the slow one have applied so many cases.
fn until(port: u16, applied: u64) {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let (_, _, body) = http::once(port, &http::get("/ops/v1/flows", ""));
        let flows: serde_json::Value = serde_json::from_str(&body).unwrap();
        let others = flows["flows"].as_array().unwrap().iter().filter(|flow| flow["source"] != "slow");
        if others.filter_map(|flow| flow["counts"]["applied"].as_u64()).sum::<u64>() >= applied {
            return;
        }
        assert!(Instant::now() < deadline, "the sources did not catch up within 60 s: {flows}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
