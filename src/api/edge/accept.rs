//! The accept loop: our own, since `axum::serve` bounds neither heads nor connections. Stops by draining: no new
//! connection, open requests finish within their time, streams end.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::frame::{Ids, handle};
use super::layers::layered;
use super::pace::{Activity, Bounds, Paced};
use crate::api::Api;
use crate::api::router::router;
use crate::api::state::Desk;
use crate::config::Server;
use crate::store::StoreFault;

/// Bytes of a request head beside its target.
const HEAD_BYTES: usize = 32 * 1024;
/// Headers hyper parses without allocating; more are only allowed where the configuration does.
const PLAIN_HEADERS: usize = 100;
/// Wait after a failed accept (out of file descriptors): trying again at once would only burn time.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves until `shutdown` resolves, then drains.
pub async fn serve(listener: TcpListener, api: Api, shutdown: impl Future<Output = ()>) -> Result<(), StoreFault> {
    let desk = Arc::new(Desk::new(api));
    let follower = tokio::spawn({
        let desk = desk.clone();
        async move { desk.api.news.feed.follow(&*desk.api.store).await }
    });
    let bounds = Arc::new(desk.bounds().clone());
    let stack = layered(router(desk.clone()), &bounds);
    let ids = Arc::new(Ids::new(uuid::Uuid::now_v7().as_u128() as u32));
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(bounds.connections));
    let mut connections = JoinSet::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            (place, accepted) = accept(&listener, &places) => {
                let Some(stream) = accepted else { continue };
                let (stack, bounds, ids) = (stack.clone(), bounds.clone(), ids.clone());
                let activity = Activity::start();
                let io = Paced::new(TokioIo::new(stream), pace(&bounds), activity.clone());
                let head_bytes = bounds.uri_bytes + HEAD_BYTES;
                let max_headers = bounds.headers;
                let service = service_fn(move |request| {
                    let (stack, bounds, ids, busy) = (stack.clone(), bounds.clone(), ids.clone(), activity.begin());
                    async move { handle(stack, &bounds, &ids, busy, request).await }
                });
                let connection = graceful.watch(protocol(head_bytes, max_headers).serve_connection(io, service));
                connections.spawn(async move {
                    if let Err(error) = connection.await {
                        tracing::debug!(%error, "a connection ended early");
                    }
                    drop(place);
                });
            }
        }
    }
    drop(listener);
    desk.draining.send_replace(true);
    if tokio::time::timeout(bounds.drain, graceful.shutdown()).await.is_err() {
        tracing::warn!(open = connections.len(), "connections were cut: they did not finish in time");
    }
    connections.shutdown().await;
    follower.abort();
    Ok(())
}

/// The next connection, once there is a place for it; `None` when accepting failed.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> (Option<tokio::sync::OwnedSemaphorePermit>, Option<TcpStream>) {
    let place = places.clone().acquire_owned().await.ok();
    match listener.accept().await {
        Ok((stream, _)) => {
            // Answers are small: waiting to fill a segment would only delay them.
            let _ = stream.set_nodelay(true);
            (place, Some(stream))
        }
        Err(error) => {
            tracing::warn!(%error, "a connection could not be accepted");
            tokio::time::sleep(ACCEPT_PAUSE).await;
            (None, None)
        }
    }
}

fn pace(bounds: &Server) -> Bounds {
    Bounds { head: bounds.header_timeout, idle: bounds.idle_timeout }
}

/// HTTP/1.1 within bounds. Its own head time-out is off: `Paced` tells a slow head from an idle connection.
fn protocol(head_bytes: usize, headers: usize) -> http1::Builder {
    let mut protocol = http1::Builder::new();
    protocol.timer(TokioTimer::new()).header_read_timeout(None).max_header_size(head_bytes);
    if headers > PLAIN_HEADERS {
        protocol.max_headers(headers);
    }
    protocol
}
