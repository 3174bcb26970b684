//! The pace of a connection: how long it may be idle, take for a request head, or leave an answer unread. A connection
//! that is too slow is closed; while a request is being handled only its own bounds hold.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::rt::{Read, ReadBufCursor, Write};
use tokio::time::{Instant, Sleep, sleep_until};

/// What a connection is doing, as its service and its socket both know it.
#[derive(Debug, Clone, Default)]
pub struct Activity(Arc<AtomicU8>);

/// Waiting for a request; nothing of it has come.
const IDLE: u8 = 1;
/// Part of a request head has come (or the connection is new).
const HEAD: u8 = 0;
/// A request is being handled and answered.
const BUSY: u8 = 2;

impl Activity {
    /// A request head is complete; what is returned ends the request when dropped.
    pub fn begin(&self) -> Busy {
        self.0.store(BUSY, Ordering::Relaxed);
        Busy(self.clone())
    }
}

/// A request under way.
pub struct Busy(Activity);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.0.store(IDLE, Ordering::Relaxed);
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
    /// What the read side was waiting for when last looked at, and since when.
    waiting: (u8, Instant),
    timer: Option<Pin<Box<Sleep>>>,
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<T> Paced<T> {
    /// A new connection.
    pub fn new(io: T, bounds: Bounds, activity: Activity) -> Self {
        Paced { io, bounds, activity, waiting: (HEAD, Instant::now()), timer: None, stalled: None }
    }

    /// Whether the peer has been waited for too long. Timers move only when they fire: a request costs none.
    fn too_slow(&mut self, cx: &mut Context<'_>) -> bool {
        let doing = self.activity.0.load(Ordering::Relaxed);
        if doing == BUSY {
            self.timer = None;
            self.waiting.0 = BUSY;
            return false;
        }
        if self.waiting.0 != doing {
            self.waiting = (doing, Instant::now());
            self.timer = None;
        }
        let bound = if doing == HEAD { self.bounds.head } else { self.bounds.idle };
        let deadline = self.waiting.1 + bound;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        timer.as_mut().poll(cx).is_ready()
    }
}

impl<T: Read + Unpin> Read for Paced<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.io).poll_read(cx, buffer) {
            Poll::Ready(read) => {
                let activity = &self.activity.0;
                let _ = activity.compare_exchange(IDLE, HEAD, Ordering::Relaxed, Ordering::Relaxed);
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
