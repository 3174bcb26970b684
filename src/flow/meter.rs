//! What cannot be read off the board and must be measured as it happens.

use std::sync::LazyLock;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::Histogram;

use crate::model::FlowName;

static COMMIT: LazyLock<Histogram<f64>> = LazyLock::new(|| {
    opentelemetry::global::meter("guichet")
        .f64_histogram("guichet.commit")
        .with_unit("s")
        .with_boundaries(vec![0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0])
        .with_description("From handing a batch to the store until its transaction is durable")
        .build()
});

/// A batch of a flow was committed.
pub(super) fn committed(flow: &FlowName, took: Duration) {
    COMMIT.record(took.as_secs_f64(), &[KeyValue::new("flow", flow.to_string())]);
}
