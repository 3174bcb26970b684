//! The frame around every request: its id, its span, the bounds of its head; every refusal becomes a problem, every
//! response gets its headers. The span says the path, never the query.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Instant;

use axum::body::{Body, Bytes};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderMap, HeaderValue, Request, Response};
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use tower::{BoxError, Service, ServiceExt};
use tracing::Instrument;

use super::layers::refusal;
use super::meter;
use super::pace::Busy;
use crate::api::problem::{Kind, Problem};
use crate::config::Server;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longest request id taken over from a client.
const ID_BYTES: usize = 64;

/// Makes request ids: a number of this process, and a count.
pub struct Ids {
    process: u32,
    count: AtomicU64,
}

impl Ids {
    /// Ids of one process.
    pub fn new(process: u32) -> Self {
        Ids { process, count: AtomicU64::new(1) }
    }

    /// The client's own id where it is plain, else a new one.
    fn of(&self, headers: &HeaderMap) -> HeaderValue {
        let plain = |id: &HeaderValue| {
            let bytes = id.as_bytes();
            (1..=ID_BYTES).contains(&bytes.len())
                && bytes.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        };
        if let Some(id) = headers.get(REQUEST_ID).filter(|id| plain(id)) {
            return id.clone();
        }
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        HeaderValue::from_str(&format!("{:08x}-{count:x}", self.process)).unwrap_or(HeaderValue::from_static("-"))
    }
}

/// Handles one request from head to response.
pub async fn handle<S>(
    stack: S,
    bounds: &Server,
    ids: &Ids,
    busy: Busy,
    request: Request<Incoming>,
) -> Result<Response<Answer>, Infallible>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = BoxError>,
{
    let (started, method) = (Instant::now(), request.method().clone());
    let id = ids.of(request.headers());
    let instance = id.to_str().unwrap_or("-").to_owned();
    let span = tracing::info_span!(
        "request", id = instance, method = %request.method(), path = request.uri().path(), status = tracing::field::Empty
    );
    let outcome = match outsized(&request, bounds) {
        Some(problem) => Err(problem),
        None => stack.oneshot(request.map(Body::new)).instrument(span.clone()).await.map_err(|e| refusal(&e)),
    };
    let mut response = match outcome {
        Ok(response) => explained(response, &instance),
        Err(problem) => problem.render(&instance, Response::default()),
    };
    span.record("status", response.status().as_u16());
    meter::answered(&method, response.status(), started.elapsed());
    if response.status().is_server_error() {
        span.in_scope(|| tracing::warn!(status = response.status().as_u16(), "a request failed"));
    }
    furnish(response.headers_mut(), id);
    Ok(response.map(|body| Answer { body, _busy: busy }))
}

/// Whether the head exceeds its bounds.
fn outsized(request: &Request<Incoming>, bounds: &Server) -> Option<Problem> {
    let uri = request.uri();
    let target = uri.path().len() + uri.query().map_or(0, |query| query.len() + 1);
    if target > bounds.uri_bytes {
        return Some(Problem::new(Kind::UriTooLong, format!("the target exceeds {} bytes", bounds.uri_bytes)));
    }
    if request.headers().len() > bounds.headers {
        return Some(Problem::new(Kind::HeadersTooLarge, format!("there are more than {} headers", bounds.headers)));
    }
    None
}

/// Marks a refusal that a flow's own protocol has put into words.
#[derive(Debug, Clone, Copy)]
pub struct Said;

/// A refusal with its body; anything else as it is.
pub(in crate::api) fn explained(mut response: Response<Body>, instance: &str) -> Response<Body> {
    if !(response.status().is_client_error() || response.status().is_server_error()) {
        return response;
    }
    if response.extensions_mut().remove::<Said>().is_some() {
        return response;
    }
    let problem = response.extensions_mut().remove::<Problem>();
    problem.unwrap_or_else(|| Problem::bare(response.status())).render(instance, response)
}

/// The headers every response has.
fn furnish(headers: &mut HeaderMap, id: HeaderValue) {
    headers.insert(REQUEST_ID, id);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers
        .entry(CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

/// A response body that keeps its connection busy until it is sent.
pub struct Answer {
    body: Body,
    _busy: Busy,
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
