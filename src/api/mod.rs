//! The unified status API: axum behind our own accept loop.
//!
//! `router.rs` lists every route with who may use it; one file per noun. Handlers reach a case only through the
//! extractors of `auth`, so that what lies outside a client's scope answers exactly like what does not exist (I10).
//! Answers are concatenated from what the store assembled; nothing is parsed on the way out. What is pushed is handed to
//! `flow`, which commits it before anything is answered. No back office is ever
//! called inside a request.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::{Client, Server};
use crate::flow::{Board, FlowControl, Reception};
use crate::model::{FlowName, Service, Texts};
use crate::notify::Notifier;
use crate::store::Store;

mod assemble;
mod auth;
mod case;
mod cases;
mod changes;
mod commands;
mod cursor;
mod document;
mod edge;
mod etag;
mod explain;
mod health;
mod idempotency;
mod inbound;
mod language;
mod metrics;
mod ops;
mod parameters;
mod problem;
mod router;
mod search;
mod services;
mod sources;
mod state;
mod stream;
mod subscriptions;
mod timeline;
mod wording;

#[cfg(test)]
mod tests;

pub use edge::serve;
pub use router::{Access, ROUTES, Route, document as openapi};

/// What the API answers from. Everything is given: it opens nothing and knows no clock of its own.
pub struct Api {
    /// What is committed.
    pub store: Arc<dyn Store>,
    /// Services and source titles.
    pub catalogue: Catalogue,
    /// The visible state of every flow.
    pub board: Arc<Board>,
    /// How news leaves the hub.
    pub news: Arc<Notifier>,
    /// Who may ask.
    pub clients: Vec<Client>,
    /// Bounds of the edge.
    pub bounds: Server,
    /// What operators may ask of the flows.
    pub control: Arc<dyn FlowControl>,
    /// Where records are taken that are pushed, by flow.
    pub receptions: BTreeMap<FlowName, Arc<Reception>>,
    /// Microseconds since 1970.
    pub clock: fn() -> i64,
    /// Writes the metrics in Prometheus' text format.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
}

/// What the project says about services and sources.
#[derive(Debug, Clone, Default)]
pub struct Catalogue {
    /// Services, by code.
    pub services: BTreeMap<String, Service>,
    /// Titles of the sources, by name.
    pub sources: BTreeMap<String, Texts>,
    /// Languages of wording, most wanted first; never empty.
    pub languages: Vec<String>,
}

/// The routes alone, without the HTTP edge: what the command line asks while no hub is running.
pub fn routes(api: Api) -> axum::Router {
    let explained = |response| async { edge::explained(response, "command-line") };
    router::router(Arc::new(state::Desk::new(api))).layer(axum::middleware::map_response(explained))
}
