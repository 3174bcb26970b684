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

fn panicked(_: Box<dyn std::any::Any + Send>) -> Response {
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
