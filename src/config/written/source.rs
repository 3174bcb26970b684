//! `config/sources/NAME.toml` as written: a source and its flows. Every key may be absent here; the check says which
//! ones are missing, so that one mistake does not hide another.

use std::collections::BTreeMap;

use guichet_sdk::settings::{Period, Size};
use schemars::JsonSchema;
use serde::Deserialize;

use super::WordOr;
use crate::model::{OrderClass, Texts};

/// A source and its flows.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SourceFile {
    /// The source.
    pub source: SourceTable,
    /// Its flows, by name.
    pub flows: BTreeMap<String, FlowTable>,
}

/// The source.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SourceTable {
    /// Title per language, for banners.
    pub title: Texts,
    /// Connector kind (required).
    pub connector: Option<String>,
    /// Counts replacements of its numbering (restored backup, new vendor); 0 when not written.
    pub epoch: Option<u32>,
    /// Settings of the connector shared by its flows.
    pub settings: Settings,
}

/// Settings of a connector, read by the connector itself.
pub type Settings = serde_json::Map<String, serde_json::Value>;

/// A flow.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FlowTable {
    /// Folder of its mapping, below `mappings/` (required).
    pub mapping: Option<String>,
    /// When it wakes (required where it can be asked for records); file events and deliveries wake it besides.
    pub schedule: Option<WordOr<OnDemand, ScheduleTable>>,
    /// How the updates of one case are ordered (required).
    pub order: Option<WordOr<OrderClass, OrderTable>>,
    /// Freshness contract.
    pub freshness: Option<FreshnessTable>,
    /// When quarantine pauses it.
    pub quarantine: Option<QuarantineTable>,
    /// Records and bytes of one batch.
    pub batch: Option<BatchTable>,
    /// Waits after failures.
    pub backoff: Option<BackoffTable>,
    /// Its records may be pushed to the hub, within these bounds; `{}` = within the hub's own.
    pub receive: Option<ReceiveTable>,
    /// Settings of the connector for this flow; they win over those of the source.
    pub settings: Settings,
}

/// Only when asked or woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnDemand {
    /// Only when asked or woken.
    OnDemand,
}

/// When a flow wakes: `{ every = "30s" }` or `{ cron = "0 6 * * *", tz = "Europe/Paris" }`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ScheduleTable {
    /// At a fixed pace.
    pub every: Option<Period>,
    /// By a cron expression: minute, hour, day of month, month, day of week; a sixth field in front counts seconds.
    pub cron: Option<String>,
    /// Time zone of the cron expression (IANA name).
    pub tz: Option<String>,
}

/// How the updates of one case are ordered.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OrderTable {
    /// What the source gives to order by (required).
    pub by: Option<OrderClass>,
    /// What decides between equal times: nothing when not written.
    pub ties: Option<Ties>,
    /// A status that goes back is believed only when later by more than this.
    pub skew: Option<Period>,
}

/// What decides between equal times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ties {
    /// The position in the file.
    File,
}

/// Freshness contract.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FreshnessTable {
    /// How old the last successful look may be before answers are called stale.
    pub max_age: Option<Period>,
    /// The source tells us as things happen while the connection stands.
    pub live: Option<bool>,
}

/// When quarantine pauses a flow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct QuarantineTable {
    /// Share of a run's records, 0 to 1.
    pub share: Option<f64>,
    /// Records seen before the share counts.
    pub after: Option<u64>,
}

/// Records and bytes of one batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BatchTable {
    /// Records.
    pub records: Option<usize>,
    /// Bytes.
    pub size: Option<Size>,
}

/// Bounds of what may be pushed at once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ReceiveTable {
    /// Largest body, packed and unpacked.
    pub body: Option<Size>,
    /// How many times its size a gzip body may unpack to; below 1 MiB any ratio is fine.
    pub ratio: Option<u32>,
    /// Most records in one body: all of them are committed together.
    pub records: Option<usize>,
    /// Bodies taken at once; above it the answer is 503.
    pub in_flight: Option<usize>,
}

/// Waits after failures.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BackoffTable {
    /// First wait, doubled with jitter after each failure.
    pub first: Option<Period>,
    /// Longest wait.
    pub longest: Option<Period>,
}
