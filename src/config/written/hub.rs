//! `config/guichet.toml` as written. Its documented defaults are compiled in, so every key is there in the end.

use std::collections::BTreeMap;

use guichet_sdk::SecretRef;
use guichet_sdk::settings::{Period, Size};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{BackoffTable, BatchTable, FreshnessTable, QuarantineTable, ReceiveTable};
use crate::model::{Audience, Verb};

/// The hub itself.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HubFile {
    /// HTTP edge and its bounds.
    pub server: ServerTable,
    /// Where everything is kept.
    pub store: StoreTable,
    /// Logs, traces, metrics.
    pub telemetry: TelemetryTable,
    /// What people read.
    pub wording: WordingTable,
    /// Subscriptions to the change feed.
    pub subscriptions: SubscriptionsTable,
    /// What every flow does where its own file does not say otherwise.
    pub flows: FlowDefaults,
    /// Clients of the API, by name.
    #[serde(default)]
    pub clients: BTreeMap<String, ClientTable>,
}

/// HTTP edge and its bounds.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServerTable {
    /// Address and port to listen on.
    pub listen: String,
    /// Longest wait for a whole request head.
    pub header_timeout: Period,
    /// Longest wait for a whole request body.
    pub body_timeout: Period,
    /// Longest idle time of a connection between two requests.
    pub idle_timeout: Period,
    /// Longest time a request may take to be answered; event streams are excepted.
    pub handler_timeout: Period,
    /// Open connections.
    pub connections: usize,
    /// Requests answered at once; above it the answer is 503.
    pub concurrency: usize,
    /// Largest request body.
    pub body: Size,
    /// Longest request target.
    pub uri: Size,
    /// Headers of a request.
    pub headers: usize,
    /// Open event streams.
    pub streams: usize,
    /// How long open requests may finish when the hub stops.
    pub drain: Period,
    /// Requests per second and client; 0 = no limit.
    pub rate: u32,
}

/// Where everything is kept.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StoreTable {
    /// `sqlite:PATH`, relative to the project.
    pub url: String,
    /// How long the bytes of received records are kept, or `forever`.
    pub raw_retention: Retention,
    /// Most records in one transaction.
    pub group_records: usize,
    /// Longest a lone unit of work waits for others to share its commit.
    pub group_wait: Period,
    /// Connections that read.
    pub readers: usize,
}

/// How long something is kept: a duration, or `forever`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention(pub Option<Period>);

impl<'de> Deserialize<'de> for Retention {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(from)?;
        let read = |text: &str| if text == "forever" { Some(None) } else { Period::parse(text).map(Some) };
        value.as_str().and_then(read).map(Retention).ok_or_else(|| {
            serde::de::Error::custom(format!("`{value}` is not a time to keep; write \"90d\", \"12h\" or \"forever\""))
        })
    }
}

impl JsonSchema for Retention {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Retention".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^([0-9]|forever$)", "examples": ["forever", "90d", "12h"] })
    }
}

/// Logs, traces, metrics.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TelemetryTable {
    /// How log lines are written.
    pub format: LogFormat,
    /// Which log lines are written.
    pub filter: String,
    /// Where spans and metrics are sent (OTLP over HTTP); without it nothing is sent.
    pub otlp: Option<String>,
    /// Share of records whose way through the hub is traced, 0 to 1.
    pub sample: f64,
    /// Name of this hub in traces and metrics.
    pub service_name: String,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For eyes.
    Pretty,
    /// For machines.
    Json,
}

/// What people read.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WordingTable {
    /// Languages (BCP 47), the most wanted first.
    pub languages: Vec<String>,
}

/// Subscriptions to the change feed: webhooks.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SubscriptionsTable {
    /// Public address of this hub, for links in events; without it they hold only the path.
    pub public_url: Option<String>,
    /// Where the key is kept from which the secrets of subscriptions are derived; without it, the store has one.
    pub key: Option<SecretRef>,
    /// Receivers on private networks: host names, addresses, networks. Only these may be told without TLS.
    pub allow: Vec<String>,
    /// Deliveries to one receiver at once.
    pub concurrency: usize,
    /// Longest wait for an answer.
    pub timeout: Period,
    /// Waits after the first, second, … failure of a delivery; the last one repeats.
    pub retries: Vec<Period>,
    /// How long a delivery is tried before it is given up.
    pub budget: Period,
    /// Subscriptions there may be.
    pub most: usize,
}

/// What every flow does where its own file does not say otherwise.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FlowDefaults {
    /// Records and bytes of one batch.
    pub batch: BatchTable,
    /// Waits after failures.
    pub backoff: BackoffTable,
    /// Freshness contract.
    pub freshness: FreshnessTable,
    /// When quarantine pauses a flow.
    pub quarantine: QuarantineTable,
    /// Bounds of what may be pushed to a flow at once.
    pub receive: ReceiveTable,
}

/// A client of the API.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ClientTable {
    /// Where its key is kept.
    pub key: Option<SecretRef>,
    /// SHA-256 of its key in hexadecimal, instead of `key`.
    pub key_sha256: Option<String>,
    /// Codes of the services it may see; `["*"]` = all. Required, unless it only pushes.
    pub services: Option<Vec<String>>,
    /// Highest confidentiality level it may see; 0 when not written.
    pub confidentiality: Option<u8>,
    /// The widest public it speaks for; `public` when not written.
    pub audience: Option<Audience>,
    /// What it may ask of back offices: verbs by service code; `"*"` = every service it sees. Nothing when not written.
    pub commands: BTreeMap<String, Vec<Verb>>,
    /// Whether it may use `/ops`.
    pub ops: bool,
    /// Flows it may push records to: `SOURCE/FLOW`, or `SOURCE/*`; none when not written.
    pub push: Option<Vec<String>>,
}
