//! Entries: updates accepted into a case's history, append-only.

use std::sync::Arc;

use guichet_sdk::Digest;

use super::Rank;
use crate::model::{AssertionKind, CaseUpdate, Order, RecordRow};

/// One accepted update of a case.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Update key, unique in its case and source (I2).
    pub key: Digest,
    /// Digest of the mapped fields.
    pub content: Digest,
    /// Place in the order.
    pub rank: Rank,
    /// Highest export in which exactly this was said again (snapshot order; else the rank's own number).
    pub confirmed: i64,
    /// The order of its flow.
    pub order: Order,
    /// How it came about.
    pub kind: AssertionKind,
    /// Name of its source.
    pub source: Arc<str>,
    /// Name of its flow.
    pub flow: Arc<str>,
    /// The record that carried it.
    pub record: RecordRow,
    /// Mapping that made it, `id@version`.
    pub mapping: Arc<str>,
    /// When the hub committed it, microseconds since 1970.
    pub recorded_at: i64,
    /// What was said.
    pub update: CaseUpdate,
}
