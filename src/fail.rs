//! Failpoints: named places where the process can be made to die, for the kill test. They are compiled into the release
//! binary because that is the program whose death must lose nothing; without `GUICHET_FAIL` they cost one comparison.
//!
//! `GUICHET_FAIL=NAME:N` aborts the process, as a power cut would, when the point NAME is passed for the Nth time:
//! `in-transaction` and `before-commit` (nothing of the unit may exist), `after-commit` (committed, nobody told),
//! `before-ack` and `after-ack` (the source told or not); on the route of a command `after-lease`, `before-send` (marked,
//! nothing left), `after-send` (answered, not written) and `after-settle`; on the
//! route of a delivery `before-post`, `after-post` (answered or not), `before-written` and `after-written`.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// A named place of the route of a record, of a command or of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// A unit of work is written, others of its group may follow.
    InTransaction,
    /// Everything is written, nothing committed.
    BeforeCommit,
    /// Committed, nobody knows yet.
    AfterCommit,
    /// The flow knows, the source does not.
    BeforeAck,
    /// The source knows.
    AfterAck,
    /// A delivery is about to leave.
    BeforePost,
    /// It was answered, nobody has written it down.
    AfterPost,
    /// What was delivered is about to be written down.
    BeforeWritten,
    /// It is.
    AfterWritten,
    /// Commands are in a hand, nothing is marked.
    AfterLease,
    /// A command is marked as being sent, nothing has left.
    BeforeSend,
    /// The source has answered, nobody wrote it down.
    AfterSend,
    /// What became of a command is committed.
    AfterSettle,
}

impl Point {
    const fn word(self) -> &'static str {
        match self {
            Point::InTransaction => "in-transaction",
            Point::BeforeCommit => "before-commit",
            Point::AfterCommit => "after-commit",
            Point::BeforeAck => "before-ack",
            Point::AfterAck => "after-ack",
            Point::AfterLease => "after-lease",
            Point::BeforeSend => "before-send",
            Point::AfterSend => "after-send",
            Point::BeforePost => "before-post",
            Point::AfterPost => "after-post",
            Point::BeforeWritten => "before-written",
            Point::AfterWritten => "after-written",
            Point::AfterSettle => "after-settle",
        }
    }
}

static PLAN: OnceLock<Option<(String, u64)>> = OnceLock::new();
static PASSED: AtomicU64 = AtomicU64::new(0);

/// Passes a point; does not return when the environment says that the process dies here.
pub fn pass(point: Point) {
    let Some((name, times)) = PLAN.get_or_init(plan) else { return };
    if name == point.word() && PASSED.fetch_add(1, Ordering::Relaxed) + 1 == *times {
        std::process::abort();
    }
}

/// Read once: `NAME` or `NAME:N`.
fn plan() -> Option<(String, u64)> {
    let text = std::env::var("GUICHET_FAIL").ok()?;
    let (name, times) = text.split_once(':').unwrap_or((&text, "1"));
    Some((name.to_owned(), times.parse().unwrap_or(1)))
}
