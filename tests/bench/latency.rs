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
    stream.write_all(http::get("/v1/changes/stream", "Accept: text/event-stream\r\n").as_bytes()).unwrap();
    let mut lines = BufReader::new(stream).lines();
    let idle = measure(&project, &mut lines, 0, changes / 2);
    let stop = std::sync::atomic::AtomicBool::new(false);
    let busy = std::thread::scope(|scope| {
        scope.spawn(|| half_load(&project, &stop));
        let times = measure(&project, &mut lines, changes, changes / 2);
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        times
    });
    for (name, goal, times) in [
        ("latency-idle", 50.0, idle.file),
        ("latency", 50.0, busy.file),
        ("latency-commit-idle", 10.0, idle.commit),
        ("latency-commit", 10.0, busy.commit),
    ] {
        let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
        let (p50, p99) = (at(0.5), at(0.99));
        println!("{name} ours={p99:.1} ceiling={goal} ratio={:.2} unit=ms p99 (p50 {p50:.1})", p99 / goal);
    }
}

/// About half of what the store takes: another flow gets a thousand records ten times a second, until told to stop.
fn half_load(project: &Project, stop: &std::sync::atomic::AtomicBool) {
    let aside = project.folder.path().join("bulk");
    for n in 0.. {
        if stop.load(std::sync::atomic::Ordering::Relaxed) {
            return;
        }
        let started = Instant::now();
        data::write(Kind::Xml, &aside, 1_000_000 + n * 1_000, 1_000, 0);
        std::fs::rename(&aside, project.inbox(Kind::Xml, &format!("{n}.xml"))).unwrap();
        std::thread::sleep(Duration::from_millis(100).saturating_sub(started.elapsed()));
    }
}

/// Sorted times until a change is seen on the stream: from the moment its file was complete, and from the moment its unit of
/// work was handed to the store (its `at`), so that the second holds the commit itself and no more.
struct Times {
    file: Vec<Duration>,
    commit: Vec<Duration>,
}

/// Drops one-record files and waits for each on the stream.
fn measure(
    project: &Project,
    lines: &mut impl Iterator<Item = std::io::Result<String>>,
    first: u64,
    count: u64,
) -> Times {
    let mut times = Times { file: Vec::new(), commit: Vec::new() };
    for n in first..first + count {
        let aside = project.folder.path().join("aside");
        data::write(Kind::Json, &aside, n, 1, 0);
        let started = Instant::now();
        std::fs::rename(&aside, project.inbox(Kind::Json, &format!("{n}.ndjson"))).unwrap();
        // The only record of its service under way, whatever else the stream carries.
        let seen =
            lines.by_ref().map(Result::unwrap).find(|line| line.starts_with("data:") && line.contains("\"direct\""));
        let seen = seen.unwrap_or_else(|| panic!("the stream ended before change {n} appeared"));
        times.file.push(started.elapsed());
        let at = seen.split("\"at\":\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
        let since = jiff::Timestamp::now().as_microsecond() - at.parse::<jiff::Timestamp>().unwrap().as_microsecond();
        times.commit.push(Duration::from_micros(since.max(0) as u64));
    }
    times.file.sort();
    times.commit.sort();
    times
}
