//! Reading: one case, one unchanged case, a page of twenty; against axum serving the same number of bytes from memory
//! in a process of its own, unauthenticated. The load comes from the same two cores in both cases.

use std::process::{Command, Stdio};
use std::time::Duration;

use crate::data::{self, Kind};
use crate::project::{Project, free_port};
use crate::{http, report};

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    Case,
    Unchanged,
    List,
}

const CONNECTIONS: usize = 32;
const TIME: Duration = Duration::from_secs(4);

/// One question against its ceiling.
pub fn bench(question: Question) {
    let project = Project::new();
    data::write(Kind::Json, &project.inbox(Kind::Json, "1.ndjson"), 0, 20_000, 0);
    project.run(Kind::Json);
    let port = free_port();
    let _served = project.serve(port);
    let (status, _, list) = http::once(port, &http::get("/v1/cases?limit=20", ""));
    assert_eq!(status, 200, "{list}");
    let id = list.split("\"id\":\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap().to_owned();
    let path = format!("/v1/cases/{id}");
    let (name, request, expected) = match question {
        Question::Case => ("api-case", http::get(&path, ""), 200),
        Question::List => ("api-list-20", http::get("/v1/cases?limit=20", ""), 200),
        Question::Unchanged => {
            let (_, head, _) = http::once(port, &http::get(&path, ""));
            let etag = head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap().to_owned();
            ("api-case-304", http::get(&path, &format!("If-None-Match: {etag}\r\n")), 304)
        }
    };
    let hello = free_port();
    let _ceiling = serve(hello);
    let static_path = if question == Question::List { "/static" } else { "/hello" };
    // Warm both, then measure them alternately, so that a noisy minute hits both.
    let ours = || http::load(port, &request, expected, CONNECTIONS, TIME);
    let bare = || http::load(hello, &http::get(static_path, ""), 200, CONNECTIONS, TIME);
    ours();
    bare();
    let (mut a, mut b) = (0.0, 0.0);
    for _ in 0..2 {
        a += ours() / 2.0;
        b += bare() / 2.0;
    }
    report(name, a, b, "requests/s");
}

struct Ceiling(std::process::Child);

impl Drop for Ceiling {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn serve(port: u16) -> Ceiling {
    let this = std::env::current_exe().unwrap();
    let child = Command::new(this).args(["serve-ceiling", &port.to_string()]).stdout(Stdio::null()).spawn().unwrap();
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        std::thread::sleep(Duration::from_millis(10));
    }
    Ceiling(child)
}

/// axum hello-world, and 14 KB from memory.
pub fn serve_ceiling(port: u16) {
    let page: axum::body::Bytes = vec![b'x'; 14_000].into();
    let router = axum::Router::new()
        .route("/hello", axum::routing::get(|| async { "hello, world" }))
        .route("/static", axum::routing::get(move || std::future::ready(page.clone())));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        axum::serve(listener, router).await.unwrap();
    });
}
