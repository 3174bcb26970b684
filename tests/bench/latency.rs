//! Latency: from the moment a source's file is complete to its change on SSE, while a bulk load keeps the store busy.

use std::io::{BufRead, BufReader, Write};
use std::time::{Duration, Instant};

use crate::data::{self, Kind};
use crate::project::{Project, free_port};
use crate::{http, size};

/// Prints p50 and p99 in milliseconds; `ceiling` is the goal of 50 ms.
pub fn bench() {
    let changes = size("GUICHET_BENCH_LATENCY", 200);
    let project = Project::new();
    let port = free_port();
    let _served = project.serve(port);
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(http::get("/v1/changes/stream?source=bench", "Accept: text/event-stream\r\n").as_bytes()).unwrap();
    let mut lines = BufReader::new(stream).lines();
    let idle = measure(&project, &mut lines, 0, changes / 2);
    // About half of what the store can take: a bulk file of another format is being ingested meanwhile.
    data::write(Kind::Xml, &project.folder.path().join("bulk.xml"), 1_000_000, 400_000, 0);
    std::fs::rename(project.folder.path().join("bulk.xml"), project.inbox(Kind::Xml, "bulk.xml")).unwrap();
    let busy = measure(&project, &mut lines, changes, changes / 2);
    for (name, times) in [("latency-idle", idle), ("latency", busy)] {
        let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
        println!(
            "{name} ours={:.1} ceiling=50 ratio={:.2} unit=ms p99 (p50 {:.1})",
            at(0.99),
            at(0.99) / 50.0,
            at(0.5)
        );
    }
}

/// Drops one-record files and waits for each on the stream; sorted times.
fn measure(
    project: &Project,
    lines: &mut impl Iterator<Item = std::io::Result<String>>,
    first: u64,
    count: u64,
) -> Vec<Duration> {
    let mut times = Vec::new();
    for n in first..first + count {
        let aside = project.folder.path().join("aside");
        data::write(Kind::Json, &aside, n, 1, 0);
        let started = Instant::now();
        std::fs::rename(&aside, project.inbox(Kind::Json, &format!("{n}.ndjson"))).unwrap();
        let mark = format!("PC{n:09}");
        let seen = lines.by_ref().map(Result::unwrap).any(|line| line.starts_with("data:") && line.contains(&mark));
        assert!(seen, "the stream ended before {mark} appeared");
        times.push(started.elapsed());
    }
    times.sort();
    times
}
