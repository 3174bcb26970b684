#![allow(clippy::unwrap_used)]
#![allow(clippy::disallowed_methods, reason = "a visitor's client, not the hub's")]
//! The sample city, as a visitor runs it: the binary, real files, real sockets.

use std::io::{BufRead, BufReader};
use std::process::{Command, Output, Stdio};

use guichet_testkit::broker::broker;
use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;

fn guichet(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_guichet"));
    command.args(arguments).env_clear().env("TMPDIR", std::env::temp_dir());
    command
}

fn run(arguments: &[&str]) -> Output {
    let output = guichet(arguments).output().unwrap();
    let (out, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{arguments:?}: {}\n{out}\n{error}", output.status);
    output
}

#[test]
fn the_city_passes_check_and_its_own_tests() {
    let folder = tempfile::tempdir().unwrap();
    guichet::demo::city::unpack(folder.path()).unwrap();
    let project = folder.path().to_str().unwrap();
    run(&["check", "--project", project]);
    run(&["test", "--project", project]);
}

#[test]
fn a_kept_city_goes_on_where_it_stood_and_its_counts_balance() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let counts = |arguments: &[&str]| {
        let answer: serde_json::Value = serde_json::from_slice(&run(arguments).stdout).unwrap();
        answer["counts"].clone()
    };
    let first = counts(&["demo", "--listen", "127.0.0.1:0", "--data", data, "--once", "--json"]);
    assert_eq!((first["quarantined"].as_u64(), first["parked"].as_u64()), (Some(10), Some(1)), "{first}");
    let second = counts(&["demo", "--listen", "127.0.0.1:0", "--data", data, "--for", "10s", "--json"]);
    assert!(second["received"].as_u64() > first["received"].as_u64(), "{first} then {second}");
    let third = counts(&["demo", "--listen", "127.0.0.1:0", "--data", data, "--once", "--json"]);
    assert_eq!(third, second, "what was put down again after a restart counts for nothing");
}

#[test]
fn the_requests_a_visitor_is_offered_are_answered() {
    let mut child =
        guichet(&["demo", "--listen", "127.0.0.1:0", "--for", "10s"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut answered = 0;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        let Some(curl) = line.trim().strip_prefix("curl -s -H 'Authorization: Bearer ") else { continue };
        let (key, rest) = curl.split_once("' '").unwrap();
        let url = rest.trim_end_matches('\'').to_owned();
        let key = key.to_owned();
        let (status, body) = ask(&url, &key);
        assert_eq!(status, 200, "{url}: {body}");
        assert!(body.is_object(), "{url}");
        answered += 1;
    }
    assert!(child.wait().unwrap().success());
    assert_eq!(answered, 4);
}

#[test]
fn i6_a_system_that_is_down_is_told_and_so_is_its_return() {
    // I6: its cases are still answered, with their age; nothing says that there are none
    let folder = tempfile::tempdir().unwrap(); // a visitor that is killed leaves its city behind: here
    let mut visitor = guichet(&["demo", "--listen", "127.0.0.1:0", "--for", "2m"]);
    let mut child = visitor.env("TMPDIR", folder.path()).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let (mut hub, mut told) = (String::new(), None);
    for line in lines {
        if let Some((_, address)) = line.split_once("the hub answers on ") {
            hub = address.split(',').next().unwrap().to_owned();
        }
        if line.contains("streets   ! stale") {
            assert!(line.contains("E305") || line.contains("E313"), "{line}");
            told = Some((ask(&format!("{hub}/v1/sources"), "demo-front-office").1, streets_cases(&hub)));
        }
        if line.contains("streets   ! is back") {
            break;
        }
    }
    let (sources, cases) = told.expect("nobody was told that the streets department is down");
    let streets = sources["sources"].as_array().unwrap().iter().find(|source| source["source"] == "streets").unwrap();
    // `down` once its circuit breaker has opened
    assert!(streets["state"] == "failed" || streets["state"] == "down", "{streets}");
    assert_eq!(streets["freshness"], "stale", "{streets}");
    assert_eq!(cases["cases"][0]["sources"][0]["freshness"], "stale", "{cases}");
    let fresh = streets_cases(&hub);
    assert_eq!(fresh["cases"][0]["sources"][0]["freshness"], "fresh", "{fresh}");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn with_a_broker_social_aid_publishes_and_the_queue_goes_with_the_visit() {
    let Some(broker) = broker() else { return };
    let answer = |arguments: &[&str]| -> serde_json::Value {
        let arguments = [&["demo", "--listen", "127.0.0.1:0", "--json"], arguments].concat();
        serde_json::from_slice(&run(&arguments).stdout).unwrap()
    };
    let url = broker.url();
    let (files, published) = (answer(&["--once"]), answer(&["--once", "--amqp", &url]));
    assert_eq!(published["counts"], files["counts"], "the same records, whichever way they come");

    let mut child = guichet(&["demo", "--listen", "127.0.0.1:0", "--for", "12s", "--amqp", &url]);
    let mut child = child.stdout(Stdio::piped()).spawn().unwrap();
    let (mut queue, mut live) = (None, false);
    for line in BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap) {
        if let Some((_, name)) = line.split_once("social aid publishes to the queue `") {
            let name = name.split('`').next().unwrap().to_owned();
            assert!(exists(&url, &name), "{name}");
            queue = Some(name);
        }
        // a line of city life: the time, the source, what became of its records
        live |= line.contains(":") && line.contains("  aid       ") && line.contains("applied");
    }
    assert!(child.wait().unwrap().success());
    assert!(live, "no entry was published while the city lived");
    assert!(!exists(&url, &queue.expect("nobody was told of the queue")), "the queue was left behind");
}

#[test]
fn a_broker_that_is_not_there_is_told_without_its_password() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let output = guichet(&["demo", "--once", "--amqp", &format!("amqp://me:secret@{closed}")]).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{error}");
    assert!(error.contains("E387") && error.contains(&closed.to_string()) && !error.contains("secret"), "{error}");
}

/// Whether the broker has a queue.
fn exists(url: &str, queue: &str) -> bool {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let connection = lapin::Connection::connect(url, lapin::ConnectionProperties::default()).await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        channel.queue_declare(queue.into(), passive, FieldTable::default()).await.is_ok()
    })
}

/// What the front office is told of the cases of the streets department.
fn streets_cases(hub: &str) -> serde_json::Value {
    let (status, cases) = ask(&format!("{hub}/v1/cases?source=streets&limit=1"), "demo-front-office");
    assert_eq!((status, cases["cases"].as_array().map(Vec::len)), (200, Some(1)), "{cases}");
    cases
}

fn ask(url: &str, key: &str) -> (u16, serde_json::Value) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let answer = reqwest::Client::builder().build().unwrap().get(url).bearer_auth(key).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    })
}
