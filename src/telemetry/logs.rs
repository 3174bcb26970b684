//! Log lines on standard error, and the layer that turns our spans into OpenTelemetry's.

use std::io::{IsTerminal, stderr};

use opentelemetry_sdk::trace::SdkTracer;
use tracing::{Level, Metadata};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

use super::TelemetryFault;
use crate::config::TelemetryConfig;

/// Which log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Logs {
    /// As configured: the hub serves and somebody reads along.
    Configured,
    /// Warnings and errors: a command speaks for itself on standard output.
    Quiet,
}

impl Logs {
    pub(super) fn install(self, config: &TelemetryConfig, tracer: Option<SdkTracer>) -> Result<(), TelemetryFault> {
        let filter = match self {
            Logs::Configured => config.filter.as_str(),
            Logs::Quiet => "warn",
        };
        let filter =
            EnvFilter::try_new(filter).map_err(|error| TelemetryFault::Filter(filter.to_owned(), error.to_string()))?;
        let spans = tracer.map(|tracer| {
            // Only our own spans: the exporter's HTTP client would otherwise report about itself, for ever.
            tracing_opentelemetry::layer().with_tracer(tracer).with_filter(filter_fn(ours))
        });
        let lines = lines(config.json).with_filter(filter);
        // A second subscriber in one process (tests) is not an error of the hub.
        let _ = tracing_subscriber::registry().with(lines).with(spans).try_init();
        Ok(())
    }
}

fn lines(json: bool) -> Box<dyn Layer<Registry> + Send + Sync> {
    if json {
        return tracing_subscriber::fmt::layer().json().flatten_event(true).with_writer(stderr).boxed();
    }
    let colours = stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    tracing_subscriber::fmt::layer().with_target(false).with_ansi(colours).with_writer(stderr).boxed()
}

fn ours(metadata: &Metadata<'_>) -> bool {
    metadata.target().starts_with("guichet") && *metadata.level() <= Level::INFO
}
