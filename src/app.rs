//! The composition root: the only place that names concrete connectors and stores, and puts the parts together.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use guichet_amqp::AmqpKind;
use guichet_files::FilesKind;
use guichet_push::PushKind;
use guichet_rest::RestKind;
use guichet_sdk::Registry;
use guichet_soap::SoapKind;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::api::{self, Api, Catalogue};
use crate::config::{self, Client, Environment, Project, Report, StoreConfig};
use crate::dispatch::{Dispatch, LaneConfig};
use crate::flow::{Board, FlowControl, Flows, Route, chance, now, translator, watch};
use crate::notify::Notifier;
use crate::store::{Bounds, Sqlite, Store, StoreFault};
use crate::telemetry::{Logs, Readings, Telemetry, TelemetryFault, observe, observe_news};

/// How often the store's readings are taken for the metrics.
const READINGS_EVERY: Duration = Duration::from_secs(2);
/// How often records past their retention are dropped.
const FORGET_EVERY: Duration = Duration::from_secs(3600);

/// Why the hub could not run.
#[derive(Debug, thiserror::Error)]
pub enum AppFault {
    /// The store failed or cannot be used.
    #[error(transparent)]
    Store(#[from] StoreFault),
    /// Logs, spans or metrics could not start.
    #[error(transparent)]
    Telemetry(#[from] TelemetryFault),
    /// The store's address names no kind of store.
    #[error("`{0}` is not a store")]
    NotAStore(String),
    /// The address cannot be listened on.
    #[error("cannot listen on `{0}`: {1}")]
    Listen(String, std::io::Error),
    /// The folder of the store cannot be made.
    #[error("the folder `{0}` cannot be made: {1}")]
    Folder(String, std::io::Error),
}

/// The connector kinds of this binary.
pub fn registry() -> Registry {
    Registry::new(vec![
        Arc::new(AmqpKind),
        Arc::new(FilesKind),
        Arc::new(PushKind),
        Arc::new(RestKind::default()),
        Arc::new(SoapKind::default()),
    ])
}

/// Checks a project with the connectors of this binary and the environment of this process.
pub fn check(root: &Path) -> (Option<Project>, Report) {
    crate::config::check(root, &registry(), &Environment::of_process())
}

/// Opens the store at an address: `sqlite:PATH`.
pub fn open_store(address: &str, config: &StoreConfig) -> Result<Arc<dyn Store>, AppFault> {
    let path = address.strip_prefix("sqlite:").filter(|path| !path.is_empty());
    let path = Path::new(path.ok_or_else(|| AppFault::NotAStore(address.to_owned()))?);
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(|error| AppFault::Folder(folder.display().to_string(), error))?;
    }
    let StoreConfig { group_records, group_wait, readers, .. } = *config;
    Ok(Arc::new(Sqlite::open(path, Bounds { group_records, group_wait, readers })?))
}

/// A project with its store open and its flows known to it; nothing runs yet.
pub struct Hub {
    /// The project.
    pub project: Project,
    /// What is committed.
    pub store: Arc<dyn Store>,
    /// The visible state of every flow.
    pub board: Arc<Board>,
}

impl Hub {
    /// Opens the store of a project: at `address`, or where the project says.
    pub fn open(project: Project, address: Option<&str>) -> Result<Hub, AppFault> {
        let store = open_store(address.unwrap_or(&project.hub.store.url), &project.hub.store)?;
        Ok(Hub { project, store, board: Arc::default() })
    }

    /// The routes of every flow.
    pub async fn routes(&self) -> Result<Vec<Route>, StoreFault> {
        let mut routes = Vec::new();
        for flow in &self.project.flows {
            let translate = translator(flow.mapping.clone());
            let sample = self.project.hub.telemetry.sample;
            routes.push(Route::lay(flow, translate, self.store.clone(), self.board.clone(), sample).await?);
        }
        Ok(routes)
    }

    /// The lanes of every flow that carries commands out.
    async fn lanes(&self) -> Result<Vec<LaneConfig>, StoreFault> {
        let mut lanes = Vec::new();
        for flow in self.project.flows.iter().filter(|flow| !flow.plan.capability().commands.is_empty()) {
            let row = self.store.register(&flow.name, flow.epoch, flow.order).await?;
            let (name, plan, mapping) = (flow.name.clone(), flow.plan.clone(), flow.mapping.clone());
            lanes.push(LaneConfig { name, row, plan, mapping, now, chance });
        }
        Ok(lanes)
    }

    /// The way of news out of this hub, at rest. A client of the command line is none of those who subscribe.
    pub async fn news(&self) -> Result<Arc<Notifier>, StoreFault> {
        let config::Hub { subscriptions, clients, .. } = &self.project.hub;
        let change = self.store.vitals().await?.change;
        Notifier::new(self.store.clone(), subscriptions.clone(), clients, now, change)
    }

    /// The API over this hub, for these clients; nothing can be pushed to it yet.
    pub fn api(
        &self,
        clients: Vec<Client>,
        control: Arc<dyn FlowControl>,
        news: Arc<Notifier>,
        metrics: Arc<dyn Fn() -> String + Send + Sync>,
    ) -> Api {
        let titles = self.project.sources.iter().map(|(name, source)| (name.clone(), source.title.clone()));
        let catalogue = Catalogue {
            services: self.project.services.clone(),
            sources: titles.collect(),
            languages: self.project.hub.languages.clone(),
        };
        Api {
            store: self.store.clone(),
            catalogue,
            board: self.board.clone(),
            news,
            clients,
            bounds: self.project.hub.server.clone(),
            control,
            receptions: BTreeMap::new(),
            clock: now,
            metrics,
        }
    }

    /// Runs everything until `shutdown` resolves, then drains: requests end, batches in hand are committed and
    /// acknowledged. `ready` is told the address once it is listened on.
    pub async fn serve(
        self,
        shutdown: impl Future<Output = ()>,
        ready: impl FnOnce(std::net::SocketAddr),
    ) -> Result<(), AppFault> {
        let telemetry = Telemetry::start(&self.project.hub.telemetry, Logs::Configured)?;
        let server = &self.project.hub.server;
        let refused = |error| AppFault::Listen(server.listen.to_string(), error);
        let listener = TcpListener::bind(server.listen).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;

        let stop = CancellationToken::new();
        let flows = Flows::start(self.routes().await?, self.store.clone(), self.board.clone()).await?;
        let flows = Arc::new(flows);
        let dispatch = Dispatch::start(self.lanes().await?, self.store.clone(), now, stop.clone()).await?;
        let news = self.news().await?;
        let beside = self.beside(&news, &stop);
        let api = self.api(self.project.hub.clients.clone(), flows.clone(), news, Arc::new(telemetry.scrape()));
        let api = Api { receptions: flows.receptions(), ..api };
        ready(address);
        tracing::info!(%address, version = env!("CARGO_PKG_VERSION"), "the hub is ready");

        let stopping = async {
            shutdown.await;
            tracing::info!("the hub is stopping");
            stop.cancel();
        };
        let draining = async {
            stop.cancelled().await;
            flows.stop(server.drain).await;
        };
        let stopped = stop.clone();
        let (served, (), ()) = tokio::join!(api::serve(listener, api, stopped.cancelled_owned()), draining, stopping);
        let deadline = tokio::time::Instant::now() + server.drain;
        dispatch.stopped(server.drain).await;
        for task in beside {
            // A delivery under way may wait longer for its answer than the hub has time: it is made again.
            let _ = tokio::time::timeout_at(deadline, task).await;
        }
        self.store.close().await;
        tracing::info!("the hub has stopped");
        telemetry.stop().await;
        Ok(served?)
    }

    /// What runs beside the flows: the news, the watch over freshness, the readings for the metrics, the retention of
    /// records.
    fn beside(&self, news: &Arc<Notifier>, stop: &CancellationToken) -> Vec<tokio::task::JoinHandle<()>> {
        let readings = Arc::new(Readings::default());
        observe(&self.board, &readings);
        observe_news(news);
        let mut tasks = vec![
            tokio::spawn(news.clone().run(stop.clone())),
            tokio::spawn(watch(self.board.clone(), self.store.clone(), stop.clone())),
            tokio::spawn(read(self.store.clone(), readings, stop.clone())),
        ];
        if let Some(kept) = self.project.hub.store.raw_retention {
            tasks.push(tokio::spawn(forget(self.store.clone(), kept, stop.clone())));
        }
        tasks
    }
}

/// Takes the readings of the store, again and again.
async fn read(store: Arc<dyn Store>, readings: Arc<Readings>, stop: CancellationToken) {
    loop {
        match store.vitals().await {
            Ok(vitals) => readings.take(vitals),
            Err(error) => tracing::warn!("the store could not be read for the metrics: {error}"),
        }
        if stop.run_until_cancelled(tokio::time::sleep(READINGS_EVERY)).await.is_none() {
            return;
        }
    }
}

/// Drops records past their retention, again and again.
async fn forget(store: Arc<dyn Store>, kept: Duration, stop: CancellationToken) {
    let kept = i64::try_from(kept.as_micros()).unwrap_or(i64::MAX);
    loop {
        match store.forget_raw(now().saturating_sub(kept)).await {
            Ok(0) => {}
            Ok(records) => tracing::info!(records, "records past their retention were dropped"),
            Err(error) => tracing::warn!("records past their retention could not be dropped: {error}"),
        }
        if stop.run_until_cancelled(tokio::time::sleep(FORGET_EVERY)).await.is_none() {
            return;
        }
    }
}

/// Resolves when the system or a person asks the process to end.
pub async fn interrupted() {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = interrupt => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _ = interrupt.await;
}
