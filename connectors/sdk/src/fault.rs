//! Faults: failures to branch on. Says what kind of failure it was and whether trying again can help.

use std::fmt;
use std::time::Duration;

use crate::issue::{Code, Issue};

/// Whether trying again can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Never: the same attempt fails the same way (wrong credentials, refused configuration).
    Never,
    /// Later: a transient failure; wait at least this long when the peer said so.
    After(Option<Duration>),
    /// Nobody knows whether it took effect: look it up, never blindly repeat.
    Unknown,
}

/// What kind of failure it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// The peer cannot be reached, or the folder cannot be read.
    Unreachable,
    /// The peer answered too late.
    Timeout,
    /// The peer refused our credentials.
    Unauthorized,
    /// The peer asked us to slow down.
    Throttled,
    /// The peer answered something that is not its protocol.
    Protocol,
    /// The peer refused this request for good.
    Refused,
    /// The content cannot be read (encoding, framing); carries the located issue.
    Content,
    /// Our own environment failed (disk, permissions).
    Environment,
}

/// A failure of a connector: kind + retry class + context.
#[derive(Debug, Clone)]
pub struct Fault {
    /// What kind of failure it was.
    pub kind: FaultKind,
    /// Whether trying again can help.
    pub retry: Retry,
    /// The located, human side of it.
    pub issue: Box<Issue>,
}

impl Fault {
    /// A fault whose kind decides its retry class.
    pub fn new(kind: FaultKind, code: Code, message: impl Into<String>) -> Self {
        let retry = match kind {
            FaultKind::Unreachable | FaultKind::Timeout | FaultKind::Throttled | FaultKind::Environment => {
                Retry::After(None)
            }
            FaultKind::Unauthorized | FaultKind::Protocol | FaultKind::Refused | FaultKind::Content => Retry::Never,
        };
        Fault { kind, retry, issue: Box::new(Issue::error(code, message)) }
    }

    /// A content fault made from its located issue.
    pub fn content(issue: Issue) -> Self {
        Fault { kind: FaultKind::Content, retry: Retry::Never, issue: Box::new(issue) }
    }

    /// The same fault with another retry class.
    pub fn retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.issue)
    }
}

impl std::error::Error for Fault {}
