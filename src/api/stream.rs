//! The change feed as server-sent events: resumes after `Last-Event-ID` without a gap, beats while nothing happens,
//! ends when the hub stops. A listener holds no more than one batch.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::Response;
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::auth::{Caller, FrontOffice};
use super::changes::visible;
use super::parameters::{Asked, parameters};
use super::problem::{Kind, Problem, ProblemBody};
use super::state::Desk;

/// Pause between two signs of life. Each one moves the listener's `Last-Event-ID` past changes outside its scope.
const BEAT: Duration = Duration::from_secs(15);

parameters! {
    /// Where the stream starts.
    pub struct StreamAsked {
        /// Changes after this one (the header `Last-Event-ID` wins); absent = from now on.
        after: Option<i64>,
    }
}

/// Changes as they happen (server-sent events)
///
/// `id` is the position in the feed, `event` the kind, `data` a change as in `/v1/changes`. Reconnect with
/// `Last-Event-ID` to go on without a gap.
#[utoipa::path(get, path = "/v1/changes/stream", operation_id = "stream_changes", tag = "changes",
    params(StreamAsked, ("last-event-id" = Option<i64>, Header, description = "Go on after this change")),
    responses(
        (status = 200, content_type = "text/event-stream", body = String),
        (status = 503, body = ProblemBody<'static>, content_type = "application/problem+json"),
    ))]
pub async fn listen(
    State(desk): State<Arc<Desk>>,
    FrontOffice(caller): FrontOffice,
    Asked(asked): Asked<StreamAsked>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let full = || Problem::new(Kind::Busy, "every event stream of this hub is taken").retry_after(15);
    let permit = desk.streams.clone().try_acquire_owned().map_err(|_| full())?;
    let top = desk.feed.watch();
    let after = resume(&headers)?.or(asked.after).unwrap_or_else(|| *top.borrow());
    let draining = desk.draining.subscribe();
    let listener = Listener { desk, caller, top, draining, at: after.max(0), told: -1, _permit: permit };
    let events = futures_util::stream::unfold(listener, |mut listener| async move {
        let chunk = listener.next().await?;
        Some((Ok::<Bytes, Infallible>(chunk), listener))
    });
    let mut response = Response::new(Body::from_stream(events));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    Ok(response)
}

fn resume(headers: &HeaderMap) -> Result<Option<i64>, Problem> {
    let Some(last) = headers.get("last-event-id") else { return Ok(None) };
    let read = last.to_str().ok().and_then(|text| text.trim().parse().ok());
    read.map(Some).ok_or_else(|| {
        Problem::new(Kind::RequestInvalid, "`last-event-id` is not a position of this feed")
            .hint("send the `id` of the last event received")
    })
}

/// One open stream.
struct Listener {
    desk: Arc<Desk>,
    caller: Arc<Caller>,
    top: watch::Receiver<i64>,
    draining: watch::Receiver<bool>,
    /// Looked at so far.
    at: i64,
    /// Position the client knows of.
    told: i64,
    _permit: OwnedSemaphorePermit,
}

impl Listener {
    /// What is sent next; `None` ends the stream.
    async fn next(&mut self) -> Option<Bytes> {
        if self.told < 0 {
            return Some(self.beat());
        }
        loop {
            if *self.draining.borrow_and_update() {
                return None;
            }
            if *self.top.borrow_and_update() > self.at {
                if let Some(events) = self.events().await? {
                    return Some(events);
                }
                continue;
            }
            tokio::select! {
                moved = self.top.changed() => moved.ok()?,
                stopping = self.draining.changed() => stopping.ok()?,
                () = tokio::time::sleep(BEAT) => return Some(self.beat()),
            }
        }
    }

    /// The next batch; an inner `None` when nothing of it is within the scope. Ends the stream when the store fails:
    /// the client comes back with the last id it saw.
    async fn events(&mut self) -> Option<Option<Bytes>> {
        let events = match self.desk.feed.after(self.at, &*self.desk.api.store).await {
            Ok(events) => events,
            Err(fault) => {
                tracing::warn!(%fault, "an event stream ends: the feed could not be read");
                return None;
            }
        };
        self.at = events.last()?.change.seq;
        let mut frames = String::new();
        for event in events.iter().filter(|event| visible(&self.caller, &event.change)) {
            frames.push_str(&event.frame);
            self.told = event.change.seq;
        }
        Some((!frames.is_empty()).then(|| Bytes::from(frames)))
    }

    /// A sign of life: a comment, and the position reached.
    fn beat(&mut self) -> Bytes {
        if self.told == self.at {
            return Bytes::from_static(b":\n\n");
        }
        self.told = self.at;
        Bytes::from(format!(":\nid: {}\n\n", self.at))
    }
}
