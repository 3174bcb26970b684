//! The API on a real socket, over the embedded store.
#![allow(clippy::unwrap_used)]

mod cases;
mod commands;
mod edge;
mod feed;
mod operations;
mod routes;
mod tell;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, Once};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::{Api, Catalogue, serve};
use crate::config::{Allowed, Client, Scopes, Server, SubscriptionsConfig};
use crate::flow::{Board, ControlFault, FlowControl, Retried};
use crate::ledger::Contract;
use crate::model::{Audience, CaseRow, CaseUpdate, Facts, FlowName, Phase, Service, StatusClaim, Texts, Wording};
use crate::notify::Notifier;
use crate::store::{Bounds, QuarantineRow, Sqlite, Store, StoreFault};

/// 2023-11-14T22:13:20Z, the time at which every test takes place.
const NOW: i64 = 1_700_000_000_000_000;

/// A served API; stops when dropped.
struct Hub {
    address: SocketAddr,
    store: Arc<Sqlite>,
    _folder: TempDir,
    board: Arc<Board>,
    asked: Arc<Mutex<Vec<String>>>,
    given: (Server, Catalogue, Vec<Client>),
    http: reqwest::Client,
    stop: Option<oneshot::Sender<()>>,
    served: JoinHandle<Result<(), StoreFault>>,
}

/// Bounds wide enough for everything but the test of each.
pub fn bounds() -> Server {
    Server {
        listen: "127.0.0.1:0".parse().unwrap(),
        header_timeout: Duration::from_secs(10),
        body_timeout: Duration::from_secs(10),
        idle_timeout: Duration::from_secs(60),
        handler_timeout: Duration::from_secs(10),
        connections: 64,
        concurrency: 64,
        body_bytes: 256 * 1024,
        uri_bytes: 8 * 1024,
        headers: 64,
        streams: 8,
        drain: Duration::from_secs(5),
        rate: 0,
    }
}

/// Webhooks to receivers on this host.
pub fn news(store: Arc<Sqlite>, clients: &[Client]) -> Arc<Notifier> {
    let second = Duration::from_secs(1);
    let config = SubscriptionsConfig {
        public_url: "https://hub.example".into(),
        key: None,
        allow: vec![Allowed::parse("127.0.0.0/8").unwrap()],
        concurrency: 4,
        timeout: 10 * second,
        retries: vec![second / 20],
        budget: 3_600 * second,
        most: 3,
    };
    Notifier::new(store, config, clients, || NOW, 0).unwrap()
}

fn client(name: &str, scopes: Scopes) -> Client {
    Client { name: name.into(), key: Sha256::digest(format!("key-{name}")).into(), scopes }
}

/// `key-portal` sees permits as the parties do; `key-desk` is staff of everything; `key-ops` operates.
fn clients() -> Vec<Client> {
    let permits = Scopes {
        services: Some(vec!["permit".into()]),
        confidentiality: 0,
        audience: Audience::Party,
        commands: BTreeMap::new(),
        ops: false,
        push: vec![],
    };
    let staff = Scopes {
        services: None,
        confidentiality: 3,
        audience: Audience::Staff,
        commands: BTreeMap::new(),
        ops: false,
        push: vec![],
    };
    let ops = Scopes {
        services: Some(vec![]),
        confidentiality: 0,
        audience: Audience::Public,
        commands: BTreeMap::new(),
        ops: true,
        push: vec![],
    };
    vec![client("portal", permits), client("desk", staff), client("ops", ops)]
}

fn catalogue() -> Catalogue {
    let text = |text: &str| Texts::from([("fr".to_owned(), text.to_owned())]);
    let wording = Wording { phase: Some(Phase::InProgress), text: text("Examen en cours"), ..Wording::default() };
    let permit = Service {
        code: "permit".into(),
        public: true,
        wording: vec![wording],
        title: text("Permis"),
        ..Service::default()
    };
    let aid = Service { code: "aid".into(), title: text("Aide"), ..Service::default() };
    Catalogue {
        services: BTreeMap::from([("permit".to_owned(), permit), ("aid".to_owned(), aid)]),
        sources: BTreeMap::from([("planning".to_owned(), text("Urbanisme"))]),
        languages: vec!["fr".into(), "en".into()],
    }
}

fn api(
    store: &Arc<Sqlite>,
    board: &Arc<Board>,
    asked: &Arc<Mutex<Vec<String>>>,
    (bounds, catalogue, clients): &(Server, Catalogue, Vec<Client>),
) -> Api {
    Api {
        store: store.clone(),
        catalogue: catalogue.clone(),
        board: board.clone(),
        news: news(store.clone(), clients),
        clients: clients.clone(),
        bounds: bounds.clone(),
        control: Arc::new(Control(Arc::clone(asked))),
        receptions: BTreeMap::new(),
        clock: || NOW,
        metrics: Arc::new(|| "# HELP up\n".into()),
    }
}

impl Hub {
    async fn start() -> Hub {
        Hub::with(bounds()).await
    }

    async fn with(bounds: Server) -> Hub {
        Hub::of(bounds, clients(), catalogue()).await
    }

    async fn of(bounds: Server, clients: Vec<Client>, catalogue: Catalogue) -> Hub {
        static PROVIDER: Once = Once::new();
        PROVIDER.call_once(|| {
            let _ = rustls::crypto::ring::default_provider().install_default();
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let folder = TempDir::new().unwrap();
        let store = Arc::new(Sqlite::open(&folder.path().join("hub.db"), Bounds::default()).unwrap());
        let (board, asked) = (Arc::new(Board::default()), Arc::new(Mutex::default()));
        board.update(&FlowName::new("planning", "cases"), |status| {
            status.contract = Some(Contract { live: false, max_age: 60_000_000 });
            status.verified_at = Some(NOW);
            status.observed_at = Some(NOW - 5_000_000);
        });
        let given = (bounds, catalogue, clients);
        let api = api(&store, &board, &asked, &given);
        let (stop, stopped) = oneshot::channel::<()>();
        let served = tokio::spawn(serve(listener, api, async {
            let _ = stopped.await;
        }));
        Hub {
            address,
            store,
            _folder: folder,
            board,
            asked,
            given,
            http: reqwest::Client::builder().build().unwrap(),
            stop: Some(stop),
            served,
        }
    }

    /// What it serves, once more.
    fn api(&self) -> Api {
        api(&self.store, &self.board, &self.asked, &self.given)
    }

    fn reference(&self, row: CaseRow) -> String {
        self.store.seal().reference(row)
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn request(&self, method: &str, path: &str, key: &str) -> reqwest::RequestBuilder {
        let request = self.http.request(method.parse().unwrap(), self.url(path));
        if key.is_empty() { request } else { request.bearer_auth(key) }
    }

    /// Status and body.
    async fn get(&self, path: &str, key: &str) -> (u16, Value) {
        let response = self.request("GET", path, key).send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    async fn post(&self, path: &str, key: &str, body: &Value) -> (u16, Value) {
        let response = self.request("POST", path, key).json(body).send().await.unwrap();
        let status = response.status().as_u16();
        (status, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or_default())
    }

    /// Asks it to stop and waits until it has.
    async fn stop(mut self) {
        self.stop.take().unwrap().send(()).unwrap();
        (&mut self.served).await.unwrap().unwrap();
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        self.served.abort();
    }
}

/// A case of a service in a phase.
fn update(key: &str, service: &str, phase: Phase) -> CaseUpdate {
    let status =
        StatusClaim { source_code: Some("T02".into()), note: Some("internal".into()), ..StatusClaim::of(phase) };
    let facts = Facts { service: Some(service.into()), title: Some(format!("case {key}")), ..Facts::default() };
    CaseUpdate { key: key.into(), status: Some(status), facts, ..CaseUpdate::default() }
}

/// Writes down what it is asked; knows one flow.
struct Control(Arc<Mutex<Vec<String>>>);

impl Control {
    fn note(&self, flow: &FlowName, what: String) -> Result<(), ControlFault> {
        if *flow != FlowName::new("planning", "cases") {
            return Err(ControlFault::NoSuchFlow(flow.clone()));
        }
        self.0.lock().unwrap().push(what);
        Ok(())
    }
}

#[async_trait]
impl FlowControl for Control {
    async fn pause(&self, flow: &FlowName, reason: &str) -> Result<(), ControlFault> {
        self.note(flow, format!("pause: {reason}"))
    }

    async fn resume(&self, flow: &FlowName) -> Result<(), ControlFault> {
        self.note(flow, "resume".into())
    }

    async fn run(&self, flow: &FlowName) -> Result<(), ControlFault> {
        self.note(flow, "run".into())
    }

    async fn retry(&self, rows: &[QuarantineRow]) -> Result<Retried, ControlFault> {
        self.0.lock().unwrap().push(format!("retry {}", rows.len()));
        Ok(Retried { tried: rows.len() as u64, settled: 1, held: rows.len() as u64 - 1 })
    }

    async fn dismiss(&self, rows: &[QuarantineRow], who: &str, why: &str) -> Result<u64, ControlFault> {
        self.0.lock().unwrap().push(format!("dismiss {} by {who}: {why}", rows.len()));
        Ok(rows.len() as u64)
    }
}
