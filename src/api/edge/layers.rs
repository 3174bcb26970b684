//! The layers around the router, outermost last. What they refuse becomes a problem in `frame`.

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::response::{IntoResponse, Response};
use tower::limit::GlobalConcurrencyLimitLayer;
use tower::{BoxError, Service, ServiceBuilder};
use tower_http::catch_panic::CatchPanicLayer;

use crate::api::problem::{Kind, Problem};
use crate::config::Server;

/// The router within its layers.
pub fn layered(
    router: Router,
    bounds: &Server,
) -> impl Service<Request<Body>, Response = Response, Error = BoxError, Future: Send> + Clone + Send + Sync + 'static {
    ServiceBuilder::new()
        .map_response(IntoResponse::into_response)
        .layer(CatchPanicLayer::custom(panicked))
        .load_shed()
        .layer(GlobalConcurrencyLimitLayer::new(bounds.concurrency))
        .timeout(bounds.handler_timeout)
        .service(router)
}

/// The panic hook has told where; what it said may hold a value of a person, and stays out of the log.
fn panicked(_: Box<dyn std::any::Any + Send>) -> Response {
    tracing::error!("a handler panicked");
    Problem::new(Kind::Internal, "the failure is in the hub's log under this instance").into_response()
}

/// What a layer refused.
pub fn refusal(error: &BoxError) -> Problem {
    if error.is::<tower::load_shed::error::Overloaded>() {
        return Problem::new(Kind::Busy, "as many requests as this hub takes at once are being handled").retry_after(1);
    }
    if error.is::<tower::timeout::error::Elapsed>() {
        return Problem::new(Kind::HandlerTimeout, "the answer took longer than this hub allows");
    }
    tracing::error!(%error, "a layer of the edge failed");
    Problem::new(Kind::Internal, "the failure is in the hub's log under this instance")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::time::Duration;

    use axum::routing::get;
    use tower::ServiceExt as _;

    use super::*;
    use crate::api::tests::bounds;

    async fn panics() {
        panic!("on purpose");
    }

    /// Status of the response, or of what a layer refused.
    async fn ask(path: &str, bounds: &Server) -> u16 {
        let router = Router::new().route("/panics", get(panics)).route("/hangs", get(std::future::pending::<()>));
        let request = Request::get(path).body(Body::empty()).unwrap();
        match layered(router, bounds).oneshot(request).await {
            Ok(response) => response.status().as_u16(),
            Err(error) => refusal(&error).status().as_u16(),
        }
    }

    #[tokio::test]
    async fn a_panic_is_a_500_and_a_handler_that_hangs_a_504() {
        let bounds = Server { handler_timeout: Duration::from_millis(10), ..bounds() };
        assert_eq!(ask("/panics", &bounds).await, 500);
        assert_eq!(ask("/hangs", &bounds).await, 504);
    }
}
