//! Idle listeners: what one open event stream costs the hub in resident memory.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use crate::project::{Project, free_port};
use crate::{http, size};

/// Prints KiB per listener; `ceiling` is the goal.
pub fn bench() {
    let listeners = size("GUICHET_BENCH_LISTENERS", 10_000);
    let open = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    rustix::process::setrlimit(
        rustix::process::Resource::Nofile,
        rustix::process::Rlimit { current: open.maximum, maximum: open.maximum },
    )
    .unwrap();
    let most = open.maximum.unwrap_or(u64::MAX).saturating_sub(1_000);
    let listeners = listeners.min(most);
    let project = Project::new();
    let port = free_port();
    let served = project.serve(port);
    let request = http::get("/v1/changes/stream", "Accept: text/event-stream\r\n");
    let listen = || {
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        // The head and the first sign of life: from here on it is idle.
        let (mut seen, mut buffer) = (Vec::new(), [0; 2_048]);
        while !seen.windows(4).any(|part| part == b"\nid:") {
            let read = stream.read(&mut buffer).unwrap();
            assert!(read > 0, "{}", String::from_utf8_lossy(&seen));
            seen.extend_from_slice(&buffer[..read]);
        }
        stream
    };
    // What the first ones make the hub allocate once is not theirs.
    let mut streams: Vec<_> = (0..100).map(|_| listen()).collect();
    let before = settled(served.id());
    let more = listeners.saturating_sub(streams.len() as u64).max(1);
    streams.extend((0..more).map(|_| listen()));
    let after = settled(served.id());
    let each = after.saturating_sub(before) as f64 / more as f64 / 1024.0;
    println!(
        "sse-idle ours={each:.1} ceiling=32 ratio={:.2} unit=KiB per listener ({listeners} listeners)",
        each / 32.0
    );
}

/// Resident memory once it no longer moves.
fn settled(pid: u32) -> u64 {
    let resident = || {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
        line.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap_or(0) * 1024
    };
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut last = resident();
    loop {
        std::thread::sleep(Duration::from_millis(500));
        let now = resident();
        if now.abs_diff(last) < 64 * 1024 || Instant::now() > deadline {
            return now;
        }
        last = now;
    }
}
