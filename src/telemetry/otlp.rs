//! OTLP over HTTP, binary protobuf. The exporters run in threads of the SDK, where no runtime is: requests are handed to
//! ours (the crate's own reqwest client panics there and loses every span in silence).

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use opentelemetry_http::{HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{MetricExporter, Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use tokio::runtime::Handle;

/// Longest wait for the collector.
const WAIT: Duration = Duration::from_secs(10);

/// An exporter of spans.
pub(super) fn spans(endpoint: &str) -> Result<SpanExporter, String> {
    SpanExporter::builder()
        .with_http()
        .with_http_client(Client::new()?)
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')))
        .build()
        .map_err(|error| error.to_string())
}

/// An exporter of metrics.
pub(super) fn metrics(endpoint: &str) -> Result<MetricExporter, String> {
    MetricExporter::builder()
        .with_http()
        .with_http_client(Client::new()?)
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(format!("{}/v1/metrics", endpoint.trim_end_matches('/')))
        .build()
        .map_err(|error| error.to_string())
}

#[derive(Debug)]
struct Client {
    http: reqwest::Client,
    runtime: Handle,
}

impl Client {
    fn new() -> Result<Self, String> {
        let http = reqwest::Client::builder().timeout(WAIT).no_proxy().build().map_err(|error| error.to_string())?;
        let runtime = Handle::try_current().map_err(|error| error.to_string())?;
        Ok(Client { http, runtime })
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let request = reqwest::Request::try_from(request.map(reqwest::Body::from))?;
        let http = self.http.clone();
        let sending = async move {
            let answer = http.execute(request).await?;
            let status = answer.status();
            let mut response = Response::new(answer.bytes().await?);
            *response.status_mut() = status;
            Ok::<_, reqwest::Error>(response)
        };
        Ok(self.runtime.spawn(sending).await??)
    }
}
