//! The traits and vocabulary a connector is written against.
//!
//! Holds records, documents, the formats that turn one into the other, issues, faults, secrets and the connector
//! contract. No network here, and of the file system only secrets where their references point: connectors do the I/O,
//! the hub does the deciding.

pub mod codes;
pub mod contract;
pub mod document;
pub mod fault;
pub mod format;
pub mod issue;
pub mod outbound;
pub mod receive;
pub mod record;
pub mod refusals;
pub mod secret;
pub mod settings;
mod size;

pub use contract::*;
pub use document::{Document, Name, Node, TEXT};
pub use fault::{Fault, FaultKind, Retry};
pub use format::Format;
pub use issue::{Code, Issue, Place, Refusal, Severity};
pub use outbound::{Delivery, DeliveryId, LookUp, MOST_HEARD, Outcome, Sink, VerbCapability};
pub use receive::{Ended, Guard, Message, Receiver, ReceivesOnly, Reply, Side, Taken, Turned};
pub use record::{Context, Digest, Origin, Record};
pub use refusals::Refusals;
pub use secret::{Secret, SecretRef};
