//! How many requests were answered, how, and how fast. Labels are few and never come from the client.

use std::sync::LazyLock;
use std::time::Duration;

use axum::http::{Method, StatusCode};
use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram};

static REQUESTS: LazyLock<Counter<u64>> = LazyLock::new(|| {
    opentelemetry::global::meter("guichet")
        .u64_counter("guichet.http.requests")
        .with_description("Requests answered, by method and status")
        .build()
});

static SECONDS: LazyLock<Histogram<f64>> = LazyLock::new(|| {
    opentelemetry::global::meter("guichet")
        .f64_histogram("guichet.http.request")
        .with_unit("s")
        .with_boundaries(vec![0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0])
        .with_description("From the head of a request to the head of its answer")
        .build()
});

/// A request was answered.
pub(super) fn answered(method: &Method, status: StatusCode, took: Duration) {
    let method = KeyValue::new("method", word(method));
    let status = KeyValue::new("status", i64::from(status.as_u16()));
    REQUESTS.add(1, &[method.clone(), status]);
    SECONDS.record(took.as_secs_f64(), &[method]);
}

fn word(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}
