//! Receiving: what a peer pushes to the hub over HTTP, in the words of its protocol.
//!
//! A receiver is pure: it unwraps a request into bytes of the flow's format and builds the answer. It never commits,
//! never waits and knows no clock; the hub asks it for an answer only once everything is committed (or nothing is).

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use crate::contract::{Capability, Claim, Connection, Memory, Plan, Probe};
use crate::fault::Fault;
use crate::issue::{Issue, Place};

/// A request as it arrived, its body unpacked.
#[derive(Debug, Clone, Default)]
pub struct Message {
    /// Header fields, names in lower case; what is not text is not there.
    pub headers: Vec<(Box<str>, Box<str>)>,
    /// The body; empty while it is not read.
    pub body: Bytes,
}

impl Message {
    /// The first header field of this name (in lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| &**known == name).map(|(_, value)| &**value)
    }
}

/// Speaks the protocol of a peer that pushes.
pub trait Receiver: Send + Sync {
    /// The bytes in which the flow's records stand; lines and columns must stay those of the message.
    fn unwrap(&self, message: &Message) -> Result<Bytes, Turned>;
    /// The answer once everything is committed: a success, whatever became of the single records. They stand in the
    /// order of the message.
    fn answer(&self, message: &Message, taken: &[Taken]) -> Reply;
    /// The answer when nothing was taken; `None`: the hub's own (`application/problem+json`).
    fn refuse(&self, message: &Message, turned: &Turned) -> Option<Reply>;
    /// A description of the service under this address (a WSDL); `None` where the protocol has none.
    fn describe(&self, address: &str) -> Option<Reply>;
    /// How a peer may prove inside the message who it is; `None`: only by the `authorization` header.
    fn guard(&self) -> Option<Arc<dyn Guard>> {
        None
    }
}

/// Credentials inside a message (WS-Security).
pub trait Guard: Send + Sync {
    /// The client of the hub whose message this is, or why it is nobody's. `now` is microseconds since 1970. Looks at
    /// nothing but what it needs for this, and takes no message twice.
    fn client(&self, message: &Message, now: i64) -> Result<String, Turned>;
}

/// Why a message was not taken: nothing of it is kept.
#[derive(Debug, Clone)]
pub struct Turned {
    /// Who has to change something.
    pub by: Side,
    /// The located, human side of it.
    pub issue: Issue,
}

impl Turned {
    /// The peer sent something that cannot be taken.
    pub fn peer(issue: Issue) -> Self {
        Turned { by: Side::Peer, issue }
    }

    /// The hub cannot take it now; the same message may be sent again.
    pub fn hub(issue: Issue) -> Self {
        Turned { by: Side::Hub, issue }
    }
}

/// Who has to change something before a message can be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The peer: the same message will be refused again.
    Peer,
    /// The hub: the same message may be sent again.
    Hub,
}

/// How one record of a message ended. It is committed.
#[derive(Debug, Clone)]
pub struct Taken {
    /// Position in the message, from 1.
    pub position: u64,
    /// Where it starts in the message.
    pub place: Place,
    /// How it ended.
    pub ended: Ended,
    /// Why it is held, when it is.
    pub issue: Option<Issue>,
}

/// How a record ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It moved or extended a case.
    Applied,
    /// Nothing new in it.
    Duplicate,
    /// It entered the history behind something newer.
    Superseded,
    /// It is kept in quarantine.
    Quarantined,
    /// It is kept behind a quarantined record of the same case.
    Parked,
}

impl Ended {
    /// Its word: `applied`, `duplicate`, `superseded`, `quarantined` or `parked`.
    pub const fn word(self) -> &'static str {
        match self {
            Ended::Applied => "applied",
            Ended::Duplicate => "duplicate",
            Ended::Superseded => "superseded",
            Ended::Quarantined => "quarantined",
            Ended::Parked => "parked",
        }
    }
}

/// An answer, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// `content-type`.
    pub content_type: &'static str,
    /// The body.
    pub body: Bytes,
}

/// The plan of a flow whose peer sends its records and is never asked; `None`: in the flow's own format.
pub struct ReceivesOnly(pub Option<Arc<dyn Receiver>>);

#[async_trait]
impl Plan for ReceivesOnly {
    fn capability(&self) -> Capability {
        Capability::default()
    }

    fn claims(&self) -> Vec<Claim> {
        Vec::new()
    }

    async fn open(&self, _: Arc<dyn Memory>) -> Result<Connection, Fault> {
        Ok(Connection { source: None, sink: None, probe: Box::new(Waiting) })
    }

    fn receiver(&self) -> Option<Arc<dyn Receiver>> {
        self.0.clone()
    }
}

/// There is nobody to ask.
struct Waiting;

#[async_trait]
impl Probe for Waiting {
    async fn probe(&self) -> Result<String, Fault> {
        Ok("waits for what its peer sends".into())
    }
}
