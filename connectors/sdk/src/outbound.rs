//! The contract of the way out: a delivery is handed to a [`Sink`], which says honestly what became of it.
//!
//! A sink sends once and never repeats on its own: whether anything is sent again is decided by the hub, from the
//! outcome and from what the capability declares. What a connector cannot do is absent, never a default.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::fault::Fault;

/// What a connector can do for one verb (`Capability::commands`), decided from the settings alone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct VerbCapability {
    /// The source itself recognises a delivery it has had before: sending it again changes nothing there.
    pub idempotent: bool,
    /// The source can be asked what became of a delivery; absent where it cannot.
    pub look_up: Option<LookUp>,
    /// Names of `Delivery::values` its settings use (`{number}`), beside `{command}` and `{case}`: `check` looks for them in the mapping.
    pub values: Vec<String>,
    /// `Delivery::case_key` must be there: not for a verb that makes the case.
    pub needs_case: bool,
}

/// How far a look-up can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct LookUp {
    /// How long after the sending ended a request may still turn up at the source: only an absence seen later than
    /// this means that it never arrived.
    pub settle: Duration,
}

/// Names a delivery: the id of its command, the same on every attempt. Put it where the source keeps the references of
/// others, so that the delivery can be recognised and looked up there.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DeliveryId(pub Arc<str>);

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One command on its way to a source, translated by the mapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its name.
    pub id: DeliveryId,
    /// The verb, as written in the settings (`submit`).
    pub verb: Arc<str>,
    /// The key of the case in this source; absent for a new case.
    pub case_key: Option<Arc<str>>,
    /// Named values of the mapping (`[commands.VERB.values]`), for paths, headers, routing keys, file names. Texts of
    /// strangers: whoever places one encodes it, so that no value can become syntax.
    pub values: BTreeMap<String, String>,
    /// What the body is (`application/json`).
    pub content_type: Arc<str>,
    /// The body, as the source expects it.
    pub body: Bytes,
    /// What the source said to ask after it by, after it was `Accepted`.
    pub tracking: Option<Arc<str>>,
}

impl Delivery {
    /// The value behind a name in braces: `command`, `case`, or one of the mapping's.
    pub fn value(&self, name: &str) -> Option<&str> {
        match name {
            "command" => Some(&self.id.0),
            "case" => self.case_key.as_deref(),
            "tracking" => self.tracking.as_deref(),
            name => self.values.get(name).map(String::as_str),
        }
    }
}

/// What became of a delivery.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// The source has done it.
    Confirmed {
        /// Its own number: for a new case the case's key there.
        reference: Option<String>,
    },
    /// The source has taken it and will say later.
    Accepted {
        /// What to ask after it by, where the source says so.
        tracking: Option<String>,
    },
    /// The source has decided not to do it: sending it again cannot help.
    Refused {
        /// Why, in the source's words.
        reason: String,
    },
    /// It may or may not have taken effect (an answer that was cut, a time-out after sending, an answer nobody can
    /// read). Never success, and never sent again before it was looked up.
    Unknown {
        /// Why nobody knows.
        why: Fault,
        /// What the source answered so far, for an operator: at most [`MOST_HEARD`] bytes.
        heard: Option<String>,
    },
    /// It surely had no effect (no connection, refused credentials, asked to slow down); the fault says whether and when
    /// to try again. From a look-up: the source surely does not have it.
    NotSent(Fault),
}

/// How much of an answer is kept for an operator.
pub const MOST_HEARD: usize = 4 << 10;

/// Deliveries out. Opening one takes nothing from the peer: the way out has its own opening beside that of the flow's
/// source, and several deliveries may be under way in one sink.
#[async_trait]
pub trait Sink: Send + Sync {
    /// Where this delivery goes, in one line for an operator (`POST /issues.json`); sends nothing, tells no secret.
    fn address(&self, delivery: &Delivery) -> String;
    /// Sends it, once. Dropping the future leaves its outcome unknown.
    async fn execute(&self, delivery: &Delivery) -> Outcome;
    /// Asks the source what became of it; changes nothing there. `None` where this verb cannot be looked up (its
    /// capability says so beforehand). `Unknown` when the question itself was not answered.
    async fn look_up(&self, delivery: &Delivery) -> Option<Outcome>;
}
