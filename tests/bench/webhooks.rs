//! Webhooks: deliveries per second to a hundred endpoints, against a bare loop of reqwest POSTs of the same size to the same
//! receiver. The receiver runs here, the senders each in a process of its own.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::data::{self, Kind};
use crate::project::{KEY, Project, free_port};
use crate::{report, size};

const ENDPOINTS: u64 = 100;
/// Deliveries to one endpoint at once: the hub's default.
const CONCURRENCY: u64 = 4;
/// As long as an event is.
const BODY: usize = 640;

/// Prints deliveries per second.
pub fn bench() {
    let changes = size("GUICHET_BENCH_DELIVERIES", 40_000) / ENDPOINTS;
    let (port, count) = receiver();
    let project = Project::new();
    let config = project.folder.path().join("config/guichet.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, format!("{text}[subscriptions]\nallow = [\"127.0.0.1\"]\n")).unwrap();
    let hub = free_port();
    let _served = project.serve(hub);
    subscribe(hub, port);
    let deliver = |round: u64| {
        let expected = count.load(Ordering::Relaxed) + changes * ENDPOINTS;
        let aside = project.folder.path().join("aside");
        data::write(Kind::Json, &aside, round * changes, changes, 0);
        let started = Instant::now();
        std::fs::rename(&aside, project.inbox(Kind::Json, &format!("{round}.ndjson"))).unwrap();
        wait(|| count.load(Ordering::Relaxed) >= expected);
        (changes * ENDPOINTS) as f64 / started.elapsed().as_secs_f64()
    };
    let bare = || {
        let this = std::env::current_exe().unwrap();
        let words = ["post-ceiling".to_owned(), port.to_string(), changes.to_string()];
        let output = Command::new(this).args(words).stderr(Stdio::inherit()).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().parse::<f64>().unwrap()
    };
    // Warm both, then measure them alternately, so that a noisy minute hits both.
    deliver(0);
    let (mut ours, mut ceiling) = (0.0, 0.0);
    for round in 1..=2 {
        ours += deliver(round) / 2.0;
        ceiling += bare() / 2.0;
    }
    report("webhooks", ours, ceiling, "deliveries/s");
}

fn wait(done: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(120);
    while !done() {
        assert!(Instant::now() < deadline, "not done within two minutes");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// A receiver that accepts everything, and counts.
fn receiver() -> (u16, Arc<AtomicU64>) {
    let count = Arc::new(AtomicU64::new(0));
    let counted = count.clone();
    let accept = move |body: axum::body::Bytes| {
        let counted = counted.clone();
        async move {
            let challenge = body.windows(22).any(|part| part == b"subscription.challenge");
            if challenge {
                let event: Value = serde_json::from_slice(&body).unwrap();
                return event["data"]["challenge"].as_str().unwrap().to_owned();
            }
            counted.fetch_add(1, Ordering::Relaxed);
            String::new()
        }
    };
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let router = axum::Router::new().route("/{endpoint}", axum::routing::post(accept));
            axum::serve(tokio::net::TcpListener::from_std(listener).unwrap(), router).await.unwrap();
        });
    });
    (port, count)
}

fn subscribe(hub: u16, port: u16) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::blocking::Client::builder().no_proxy().build().unwrap();
    let address = format!("http://127.0.0.1:{hub}/v1/subscriptions");
    for endpoint in 0..ENDPOINTS {
        let body = json!({ "url": format!("http://127.0.0.1:{port}/{endpoint}") });
        let answer = client.post(&address).bearer_auth(KEY).json(&body).send().unwrap();
        assert_eq!(answer.status(), 201);
    }
    wait(|| {
        let all: Value = client.get(&address).bearer_auth(KEY).send().unwrap().json().unwrap();
        all["subscriptions"].as_array().unwrap().iter().all(|one| one["state"] == "active")
    });
}

/// The bare loop: as many POSTs at once as the hub makes, with bodies and headers of the same length.
pub fn ceiling(port: u16, changes: u64) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let post = async move |client: &reqwest::Client, endpoint: u64| {
            let request = client
                .post(format!("http://127.0.0.1:{port}/{endpoint}"))
                .header("content-type", "application/cloudevents+json; charset=utf-8")
                .header("webhook-id", "0193f0c1-0000-7000-8000-000000000001")
                .header("webhook-timestamp", 1_700_000_000)
                .header("webhook-signature", "v1,MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
                .body("x".repeat(BODY));
            request.send().await.unwrap().bytes().await.unwrap();
        };
        post(&client, 0).await;
        let started = Instant::now();
        let tasks: Vec<_> = (0..ENDPOINTS * CONCURRENCY)
            .map(|task| {
                let client = client.clone();
                tokio::spawn(async move {
                    for _ in 0..changes / CONCURRENCY {
                        post(&client, task % ENDPOINTS).await;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        let posts = (changes / CONCURRENCY) * ENDPOINTS * CONCURRENCY;
        println!("{}", posts as f64 / started.elapsed().as_secs_f64());
    });
}
