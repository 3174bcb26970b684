//! The configuration as usable: every value checked, every reference resolved. What is written lives in `written.rs`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use guichet_sdk::{Digest, Plan, Secret};

use super::allowed::Allowed;
use crate::ledger::Contract;
use crate::mapping::Mapping;
use crate::model::{Audience, FlowName, Order, Service, Texts, Verb};

/// A checked project: a folder with `config/` and `mappings/`.
pub struct Project {
    /// The folder.
    pub root: PathBuf,
    /// `guichet.toml`: the hub itself.
    pub hub: Hub,
    /// Sources, by name.
    pub sources: BTreeMap<String, SourceConfig>,
    /// Flows, by source and flow.
    pub flows: Vec<FlowConfig>,
    /// Catalogue, by code.
    pub services: BTreeMap<String, Service>,
}

/// The hub itself.
#[derive(Debug, Clone)]
pub struct Hub {
    /// HTTP edge.
    pub server: Server,
    /// Store.
    pub store: StoreConfig,
    /// Logs, traces, metrics.
    pub telemetry: TelemetryConfig,
    /// Clients of the API, by name.
    pub clients: Vec<Client>,
    /// Languages of wording, most wanted first.
    pub languages: Vec<String>,
    /// Subscriptions to the change feed.
    pub subscriptions: SubscriptionsConfig,
}

/// Subscriptions to the change feed.
#[derive(Debug, Clone)]
pub struct SubscriptionsConfig {
    /// Public address of the hub, without a slash at its end; empty = events refer to it by path.
    pub public_url: String,
    /// Key their secrets are derived from; `None` = the one of the store.
    pub key: Option<Secret>,
    /// Receivers on private networks.
    pub allow: Vec<Allowed>,
    /// Deliveries to one receiver at once.
    pub concurrency: usize,
    /// Longest wait for an answer.
    pub timeout: Duration,
    /// Waits after the first, second, … failure; the last one repeats.
    pub retries: Vec<Duration>,
    /// How long a delivery is tried.
    pub budget: Duration,
    /// Subscriptions there may be.
    pub most: usize,
}

/// Bounds of the HTTP edge.
#[derive(Debug, Clone)]
pub struct Server {
    /// Address to listen on.
    pub listen: SocketAddr,
    /// Longest wait for the whole request head.
    pub header_timeout: Duration,
    /// Longest wait for the request body.
    pub body_timeout: Duration,
    /// Longest idle time of a connection between requests.
    pub idle_timeout: Duration,
    /// Longest time a handler may take (streams excepted).
    pub handler_timeout: Duration,
    /// Open connections.
    pub connections: usize,
    /// Requests being handled at once; above it, 503 with Retry-After.
    pub concurrency: usize,
    /// Bytes of a request body.
    pub body_bytes: usize,
    /// Bytes of a request target.
    pub uri_bytes: usize,
    /// Request headers.
    pub headers: usize,
    /// Open event streams.
    pub streams: usize,
    /// How long open requests may finish when stopping.
    pub drain: Duration,
    /// Requests per second and client; 0 = unlimited.
    pub rate: u32,
}

/// Store.
#[derive(Debug, Clone)]
pub struct StoreConfig {
    /// `sqlite:PATH`.
    pub url: String,
    /// How long raw records are kept; `None` = for good.
    pub raw_retention: Option<Duration>,
    /// Most records in one transaction.
    pub group_records: usize,
    /// Longest a lone unit of work waits for others.
    pub group_wait: Duration,
    /// Reader connections.
    pub readers: usize,
}

/// Logs, traces, metrics.
#[derive(Debug, Clone)]
pub struct TelemetryConfig {
    /// `pretty` or `json`.
    pub json: bool,
    /// `tracing` filter (`info,guichet=debug`).
    pub filter: String,
    /// OTLP/HTTP endpoint of traces and metrics; `None` = no export.
    pub otlp: Option<String>,
    /// Share of records whose spans are exported, 0 to 1.
    pub sample: f64,
    /// Service name in traces.
    pub service_name: String,
}

/// A client application of the API.
#[derive(Debug, Clone)]
pub struct Client {
    /// Name.
    pub name: String,
    /// SHA-256 of its key (the key itself is never kept).
    pub key: [u8; 32],
    /// What it may do.
    pub scopes: Scopes,
}

/// What a client may see and do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scopes {
    /// Services it may see; `None` = all.
    pub services: Option<Vec<String>>,
    /// Highest confidentiality level it may see.
    pub confidentiality: u8,
    /// The widest audience it speaks for.
    pub audience: Audience,
    /// What it may ask of back offices: verbs by service code; `"*"` = every service it sees.
    pub commands: BTreeMap<String, Vec<Verb>>,
    /// Whether it may use `/ops`.
    pub ops: bool,
    /// Flows it may push records to.
    pub push: Vec<FlowPattern>,
}

/// One flow, or every flow of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowPattern {
    /// Source.
    pub source: String,
    /// Flow; `None` = every flow of the source.
    pub flow: Option<String>,
}

impl FlowPattern {
    /// Reads `SOURCE/FLOW` or `SOURCE/*`.
    pub fn parse(text: &str) -> Option<Self> {
        let (source, flow) = text.split_once('/').filter(|(source, flow)| !source.is_empty() && !flow.is_empty())?;
        Some(FlowPattern { source: source.to_owned(), flow: (flow != "*").then(|| flow.to_owned()) })
    }

    /// Whether it means this flow.
    pub fn matches(&self, name: &FlowName) -> bool {
        *self.source == *name.source && self.flow.as_ref().is_none_or(|flow| **flow == *name.flow)
    }
}

impl Scopes {
    /// Whether what is about a case of this service and confidentiality, for this audience, is within them. What has no
    /// service is only for those who may see every service.
    pub fn allow(&self, service: Option<&str>, confidentiality: u8, audience: Audience) -> bool {
        let Scopes { services, confidentiality: highest, audience: widest, ops: _, push: _, commands: _ } = self;
        let of_service = match services {
            Some(allowed) => service.is_some_and(|service| allowed.iter().any(|code| code == service)),
            None => true,
        };
        of_service && confidentiality <= *highest && audience <= *widest
    }
}

/// A source.
#[derive(Debug, Clone)]
pub struct SourceConfig {
    /// Name.
    pub name: String,
    /// Title per language, for banners.
    pub title: Texts,
    /// Connector kind.
    pub connector: String,
    /// Counts replacements of its numbering (restored backup, new vendor).
    pub epoch: u32,
}

/// A flow, ready to run.
#[derive(Clone)]
pub struct FlowConfig {
    /// Name.
    pub name: FlowName,
    /// Checked settings of its connector.
    pub plan: Arc<dyn Plan>,
    /// Compiled mapping.
    pub mapping: Arc<Mapping>,
    /// When it wakes.
    pub schedule: Schedule,
    /// How updates of one case are ordered.
    pub order: Order,
    /// Freshness contract.
    pub contract: Contract,
    /// When quarantine pauses it.
    pub threshold: Threshold,
    /// Epoch of its source.
    pub epoch: u32,
    /// Records and bytes per batch.
    pub batch_records: usize,
    /// Bytes per batch.
    pub batch_bytes: usize,
    /// First wait after a failure, doubled up to `backoff_max`, with jitter.
    pub backoff: Duration,
    /// Longest wait after failures.
    pub backoff_max: Duration,
    /// Bounds of what may be pushed to it; `None` = nothing.
    pub receive: Option<Receive>,
    /// Digest of everything that decides how it runs: a reload restarts it only when this changes.
    pub fingerprint: Digest,
}

/// Bounds of what may be pushed to a flow at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receive {
    /// Bytes of a body, packed and unpacked.
    pub body: usize,
    /// How many times its size a gzip body may unpack to.
    pub ratio: usize,
    /// Records of a body.
    pub records: usize,
    /// Bodies taken at once.
    pub in_flight: usize,
}

/// When a flow wakes; file events wake it besides.
#[derive(Debug, Clone)]
pub enum Schedule {
    /// At a fixed pace.
    Every(Duration),
    /// By a cron expression, in a time zone.
    Cron(Box<croner::Cron>, jiff::tz::TimeZone),
    /// Only when asked or woken.
    OnDemand,
}

/// When quarantine pauses a flow: more than `share` of at least `after` records of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Threshold {
    /// Share of the run's records, 0 to 1.
    pub share: f64,
    /// Records seen before the share counts.
    pub after: u64,
}
