//! Telemetry: logs (pretty or JSON), spans over OTLP, metrics for Prometheus and OTLP from one set of instruments.
//!
//! Nothing here is a value of a person: spans carry names of flows and digests, metrics carry names and counts.

mod logs;
mod metrics;
mod news;
mod otlp;

use std::time::Duration;

use opentelemetry::global;
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use opentelemetry_sdk::trace::SdkTracerProvider;
use prometheus::{Registry, TextEncoder};

use crate::config::TelemetryConfig;

pub use logs::Logs;
pub use metrics::{Readings, observe};
pub use news::observe_news;

/// How often metrics are pushed where an OTLP endpoint is configured.
const PUSH_EVERY: Duration = Duration::from_secs(15);

/// Why telemetry could not start.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryFault {
    /// The filter of log lines is not one.
    #[error("the log filter `{0}` cannot be read: {1}")]
    Filter(String, String),
    /// An exporter could not be built.
    #[error("the exporter of {0} could not be started: {1}")]
    Exporter(&'static str, String),
}

/// Telemetry at work; `stop` sends what is left.
pub struct Telemetry {
    registry: Registry,
    meters: SdkMeterProvider,
    tracers: Option<SdkTracerProvider>,
}

impl Telemetry {
    /// Starts logs, spans and metrics. Inside a tokio runtime, once per process, with a TLS provider installed.
    pub fn start(config: &TelemetryConfig, logs: Logs) -> Result<Self, TelemetryFault> {
        let resource = Resource::builder().with_service_name(config.service_name.clone()).build();
        let registry = Registry::new();
        let meters = meters(config, &registry, resource.clone())?;
        global::set_meter_provider(meters.clone());
        let tracers = match &config.otlp {
            Some(endpoint) => Some(tracers(endpoint, resource)?),
            None => None,
        };
        logs.install(config, tracers.as_ref().map(|tracers| tracers.tracer("guichet")))?;
        Ok(Telemetry { registry, meters, tracers })
    }

    /// Writes the metrics in Prometheus' text format, on demand.
    pub fn scrape(&self) -> impl Fn() -> String + Send + Sync + 'static {
        let registry = self.registry.clone();
        move || TextEncoder::new().encode_to_string(&registry.gather()).unwrap_or_default()
    }

    /// Sends what is left and ends. The exporters block while they send, which the runtime must not.
    pub async fn stop(self) {
        let Telemetry { meters, tracers, .. } = self;
        let stopping = tokio::task::spawn_blocking(move || {
            let spans = tracers.map_or(Ok(()), |tracers| tracers.shutdown());
            (spans, meters.shutdown())
        });
        if let Ok((Err(error), _) | (_, Err(error))) = stopping.await {
            tracing::warn!(%error, "not everything of the telemetry could be sent");
        }
    }
}

fn meters(
    config: &TelemetryConfig,
    registry: &Registry,
    resource: Resource,
) -> Result<SdkMeterProvider, TelemetryFault> {
    let scrape = opentelemetry_prometheus::exporter()
        .with_registry(registry.clone())
        .scope_info_enabled(false)
        .without_target_info()
        .build()
        .map_err(|error| TelemetryFault::Exporter("metrics", error.to_string()))?;
    let mut meters = SdkMeterProvider::builder().with_resource(resource).with_reader(scrape);
    if let Some(endpoint) = &config.otlp {
        let push = otlp::metrics(endpoint).map_err(|error| TelemetryFault::Exporter("metrics", error))?;
        meters = meters.with_reader(PeriodicReader::builder(push).with_interval(PUSH_EVERY).build());
    }
    Ok(meters.build())
}

fn tracers(endpoint: &str, resource: Resource) -> Result<SdkTracerProvider, TelemetryFault> {
    let push = otlp::spans(endpoint).map_err(|error| TelemetryFault::Exporter("spans", error))?;
    Ok(SdkTracerProvider::builder().with_resource(resource).with_batch_exporter(push).build())
}
