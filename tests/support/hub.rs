//! A running hub, asked over HTTP as a front office would.

use std::collections::BTreeMap;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::project::{KEY, Project};

/// `guichet serve`, killed when dropped.
pub struct Hub {
    child: Child,
    base: String,
    client: reqwest::blocking::Client,
}

impl Hub {
    /// Starts a hub on a free port and waits until it is ready.
    pub fn start(project: &Project) -> Hub {
        Hub::start_with(project, &[])
    }

    /// The same, with variables in its environment.
    pub fn start_with(project: &Project, environment: &[(&str, &str)]) -> Hub {
        let hub = Hub::spawn(project, environment);
        let deadline = Instant::now() + Duration::from_secs(30);
        while !hub.client.get(format!("{}/readyz", hub.base)).send().is_ok_and(|answer| answer.status() == 200) {
            let log = || std::fs::read_to_string(project.path("serve.log")).unwrap_or_default();
            assert!(Instant::now() < deadline, "the hub was not ready within 30 s\n{}", log());
            std::thread::sleep(Duration::from_millis(50));
        }
        hub
    }

    /// A request without credentials.
    pub fn request(&self, method: &str, path: &str) -> reqwest::blocking::RequestBuilder {
        self.client.request(method.parse().unwrap(), format!("{}{path}", self.base))
    }

    /// The whole address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// A bare connection.
    pub fn socket(&self) -> std::net::TcpStream {
        std::net::TcpStream::connect(self.base.strip_prefix("http://").unwrap()).unwrap()
    }

    /// Waits until something holds.
    pub fn until(&self, what: &str, holds: impl Fn() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !holds() {
            assert!(Instant::now() < deadline, "waited 60 s for {what}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Starts a hub that dies at a failpoint (`NAME:N`), and waits for nothing.
    pub fn start_to_die(project: &Project, fail: &str) -> Hub {
        Hub::spawn(project, &[("GUICHET_FAIL", fail)])
    }

    /// Whether it ends by itself within a time.
    pub fn dies_within(&mut self, time: Duration) -> bool {
        let deadline = Instant::now() + time;
        while Instant::now() < deadline {
            if self.child.try_wait().unwrap().is_some() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        false
    }

    fn spawn(project: &Project, environment: &[(&str, &str)]) -> Hub {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let listen = format!("127.0.0.1:{port}");
        let log = std::fs::File::create(project.path("serve.log")).unwrap();
        let mut command = project.guichet(&["serve", "--listen", &listen]);
        command.envs(environment.iter().copied());
        let child = command.stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let client = reqwest::blocking::Client::builder().no_proxy().build().unwrap();
        Hub { child, base: format!("http://{listen}"), client }
    }

    /// Any request with any key: status and JSON.
    pub fn ask(&self, method: &str, path: &str, key: &str, body: &Value) -> (u16, Value) {
        let request = self.client.request(method.parse().unwrap(), format!("{}{path}", self.base)).bearer_auth(key);
        let request = if body.is_null() { request } else { request.json(body) };
        let answer = request.send().unwrap();
        (answer.status().as_u16(), answer.json().unwrap_or(Value::Null))
    }

    /// GET with the test key: status and JSON.
    pub fn get(&self, path: &str) -> (u16, Value) {
        let answer = self.client.get(format!("{}{path}", self.base)).bearer_auth(KEY).send().unwrap();
        let status = answer.status().as_u16();
        (status, answer.json().unwrap_or(Value::Null))
    }

    /// GET of text with the test key.
    pub fn text(&self, path: &str) -> String {
        self.client.get(format!("{}{path}", self.base)).bearer_auth(KEY).send().unwrap().text().unwrap()
    }

    /// Every case, walked page by page.
    pub fn cases(&self, filter: &str) -> Vec<Value> {
        let mut cases = Vec::new();
        let mut cursor = String::new();
        loop {
            let (status, page) = self.get(&format!("/v1/cases?limit=200{filter}{cursor}"));
            assert_eq!(status, 200, "{page}");
            cases.extend(page["cases"].as_array().unwrap().iter().cloned());
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return cases,
            }
        }
    }

    /// The timeline of a case.
    pub fn timeline(&self, id: &str) -> Vec<Value> {
        let (status, timeline) = self.get(&format!("/v1/cases/{id}/timeline"));
        assert_eq!(status, 200, "{timeline}");
        timeline["entries"].as_array().unwrap().clone()
    }

    /// Per native number: the source's code of the status shown, and the codes of the timeline with their times.
    pub fn histories(&self, filter: &str) -> BTreeMap<String, History> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let cases = self.cases(filter);
        let histories = cases.iter().map(|case| {
            let entries = self.timeline(case["id"].as_str().unwrap());
            let history = History {
                head: text(&case["status"]["source_status"]["code"]),
                phase: text(&case["status"]["phase"]),
                entries: entries
                    .iter()
                    .map(|e| (text(&e["effective_at"]), text(&e["source_status"]["code"])))
                    .collect(),
            };
            (text(&case["source_reference"]), history)
        });
        let map: BTreeMap<String, History> = histories.collect();
        assert_eq!(map.len(), cases.len(), "two cases share a native number");
        map
    }
}

/// What the API tells of a case's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    pub head: String,
    pub phase: String,
    pub entries: Vec<(String, String)>,
}

impl Drop for Hub {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
