//! The pace of a connection: how long it may be idle, take for a request head, or leave an answer unread. A connection
//! that is too slow is closed; while a request is being handled only its own bounds hold.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::rt::{Read, ReadBufCursor, Write};
use tokio::time::{Instant, Sleep, sleep_until};

/// What a connection is doing and since when, as its service and its socket both know it. Both live on one task.
#[derive(Debug, Clone)]
pub struct Activity(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    start: Instant,
    state: AtomicU8,
    /// Microseconds from `start`.
    since: AtomicU64,
}

/// Part of a request head has come (or the connection is new).
const HEAD: u8 = 0;
/// Waiting for a request; nothing of it has come.
const IDLE: u8 = 1;
/// A request is being handled and answered.
const BUSY: u8 = 2;

impl Activity {
    /// A new connection.
    pub fn start() -> Self {
        Activity(Arc::new(Shared { start: Instant::now(), state: AtomicU8::new(HEAD), since: AtomicU64::new(0) }))
    }

    /// A request head is complete; what is returned ends the request when dropped.
    pub fn begin(&self) -> Busy {
        self.0.state.store(BUSY, Ordering::Relaxed);
        Busy(self.clone())
    }

    fn state(&self) -> u8 {
        self.0.state.load(Ordering::Relaxed)
    }

    fn enter(&self, state: u8) {
        self.0.since.store(self.0.start.elapsed().as_micros() as u64, Ordering::Relaxed);
        self.0.state.store(state, Ordering::Relaxed);
    }

    fn since(&self) -> Instant {
        self.0.start + Duration::from_micros(self.0.since.load(Ordering::Relaxed))
    }
}

/// A request under way.
pub struct Busy(Activity);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.enter(IDLE);
    }
}

/// Bounds of a connection's pace.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// For a whole head, from its first byte (from the start on a new connection).
    pub head: Duration,
    /// Between requests; also how long the peer may leave an answer unread.
    pub idle: Duration,
}

/// A socket with its pace.
pub struct Paced<T> {
    io: T,
    bounds: Bounds,
    activity: Activity,
    timer: Option<Pin<Box<Sleep>>>,
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<T> Paced<T> {
    /// A new connection.
    pub fn new(io: T, bounds: Bounds, activity: Activity) -> Self {
        Paced { io, bounds, activity, timer: None, stalled: None }
    }

    /// Whether the peer has been waited for too long. The timer is only moved when it fires early or would fire late, so
    /// that a request costs none; it also runs while a request is handled, since nothing else may look at the socket
    /// after the answer.
    fn too_slow(&mut self, cx: &mut Context<'_>) -> bool {
        let deadline = |activity: &Activity, bounds: Bounds| match activity.state() {
            HEAD => activity.since() + bounds.head,
            IDLE => activity.since() + bounds.idle,
            _ => Instant::now() + bounds.idle,
        };
        let due = deadline(&self.activity, self.bounds);
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(due)));
        if timer.deadline() > due {
            timer.as_mut().reset(due);
        }
        while timer.as_mut().poll(cx).is_ready() {
            let due = deadline(&self.activity, self.bounds);
            if Instant::now() >= due {
                return true;
            }
            timer.as_mut().reset(due);
        }
        false
    }
}

impl<T: Read + Unpin> Read for Paced<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.io).poll_read(cx, buffer) {
            Poll::Ready(read) => {
                if self.activity.state() == IDLE {
                    self.activity.enter(HEAD);
                }
                Poll::Ready(read)
            }
            Poll::Pending if self.too_slow(cx) => Poll::Ready(Err(slow("the request head did not arrive in time"))),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<T: Write + Unpin> Paced<T> {
    /// Bounds how long a write may make no progress.
    fn moving<R>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<R>>) -> Poll<io::Result<R>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let deadline = Instant::now() + self.bounds.idle;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        match stalled.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(slow("the answer was not read in time"))),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<T: Write + Unpin> Write for Paced<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, bytes);
        self.moving(cx, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.io).poll_flush(cx);
        self.moving(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.io).poll_shutdown(cx);
        self.moving(cx, shut)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, parts);
        self.moving(cx, written)
    }
}

fn slow(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, what)
}
