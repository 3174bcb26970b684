//! The conformance suite: what every connector must do, checked against a peer that its author lets us play with.
//!
//! ```ignore
//! let report = guichet_testkit::conformance::run(&mut MyHarness::new()).await;
//! eprintln!("{report}");
//! assert!(report.passed());
//! ```
//!
//! Capability and powers decide which checks run; those that do not are listed with their reason, never left out silently.

mod acknowledge;
mod cursor;
mod delivery;
mod hostile;
mod report;
mod trouble;

use std::future::Future;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use guichet_sdk::{Capability, Limit, Plan};
pub use report::{Outcome, Report};

use crate::Proxy;

/// What the author of a connector provides: a peer to play with, and a plan against it.
#[async_trait]
pub trait Harness: Send + Sync {
    /// An empty peer; called before each check.
    async fn reset(&mut self);

    /// A plan against the peer.
    fn plan(&self) -> Arc<dyn Plan>;

    /// What the peer can be made to do.
    fn powers(&self) -> Powers;

    /// Puts these records at the peer as one delivery (a file, an answer, a run of messages). Record `n` must hold [`body`]`(n)`
    /// somewhere in its bytes.
    async fn offer(&mut self, records: Range<usize>);

    /// How many deliveries the peer still holds for us: what is acknowledged is not held any more.
    async fn held(&self) -> usize;

    /// Puts something that no parser likes at the peer. Asked only for what `powers` promises.
    async fn offer_hostile(&mut self, _what: Hostile) {}

    /// Makes the peer unreachable, and reachable again. Asked only with `powers().cut`.
    async fn cut(&mut self, _cut: bool) {}

    /// The proxy in front of the peer, for connectors that speak over TCP; the plan must have short time-outs.
    fn proxy(&self) -> Option<&Proxy> {
        None
    }

    /// Makes the peer answer with a failure of its protocol. Asked only for what `powers` promises.
    async fn trouble(&mut self, _trouble: Trouble) {}

    /// Requests the peer refused for their credentials. Asked only with `powers().refuses`.
    async fn refused(&self) -> usize {
        0
    }
}

/// A failure a peer tells of, in its protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// It is well.
    None,
    /// It has a problem of its own (HTTP 5xx, a server fault).
    Failing,
    /// It wants no request for [`PEACE`].
    Throttling,
    /// It takes no credentials (any more).
    Refusing,
}

/// How long a throttling peer wants no request; longer than any connector waits within one pull.
pub const PEACE: Duration = Duration::from_secs(60);

/// What the peer can be made to do.
#[derive(Debug, Clone, Copy, Default)]
pub struct Powers {
    /// It can be made unreachable.
    pub cut: bool,
    /// It can send a record larger than the limit of the plan's format, between records 0 and 1.
    pub oversized: bool,
    /// It can send records 0 and 1 with a byte between them that the declared encoding does not have.
    pub lying: bool,
    /// It can stop in the middle of a delivery, after records 0 and 1.
    pub torn: bool,
    /// It recognises a delivery it made before by its content.
    pub recognises: bool,
    /// It delivers again what it could not be told of in time, because the connection broke: repeats are no fault there.
    pub redelivers: bool,
    /// It never forgets what is acknowledged (a list that is only read): `held` says nothing.
    pub never_forgets: bool,
    /// It can fail by itself.
    pub failing: bool,
    /// It can ask for peace.
    pub throttles: bool,
    /// It can refuse credentials.
    pub refuses: bool,
}

/// Something that no parser likes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hostile {
    /// Records 0 and 1 with one larger than the limit between them.
    Oversized,
    /// Records 0 and 1 with one that is not in the declared encoding between them.
    Lying,
    /// Records 0 and 1, then an end in the middle of a third.
    Torn,
}

/// The text that record `n` holds.
pub fn body(n: usize) -> String {
    format!("dossier-{n:06}")
}

/// What a check needs to make sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    Pull,
    Wakes,
    Replays,
    Cut,
    Oversized,
    Lying,
    Torn,
    Recognises,
    Forgets,
    Proxy,
    Failing,
    Throttles,
    Refuses,
}

impl Need {
    /// Why the check is skipped, if it is.
    fn missing(self, capability: &Capability, powers: Powers, proxy: bool) -> Option<&'static str> {
        let (there, reason) = match self {
            Need::Pull => (capability.pull, "the connector does not pull"),
            Need::Wakes => (capability.wakes, "the connector does not wake on its own"),
            Need::Replays => (capability.replays, "the peer does not give records again"),
            Need::Cut => (powers.cut, "the peer cannot be cut"),
            Need::Oversized => (powers.oversized, "the peer cannot send an oversized record"),
            Need::Lying => (powers.lying, "the peer cannot lie about its encoding"),
            Need::Torn => (powers.torn, "the peer cannot tear a delivery"),
            Need::Recognises => (powers.recognises, "the connector does not recognise whole deliveries"),
            Need::Forgets => (!powers.never_forgets, "the peer is not told what was taken"),
            Need::Proxy => (proxy, "no proxy stands in front of the peer"),
            Need::Failing => (powers.failing, "the peer cannot fail by itself"),
            Need::Throttles => (powers.throttles, "the peer cannot ask for peace"),
            Need::Refuses => (powers.refuses, "the peer cannot refuse credentials"),
        };
        (!there).then_some(reason)
    }
}

pub(crate) type Verdict = Result<(), String>;
type Running<'a> = Pin<Box<dyn Future<Output = Verdict> + Send + 'a>>;

/// One thing every connector must do.
pub(crate) struct Check {
    pub name: &'static str,
    pub needs: &'static [Need],
    pub run: for<'a> fn(&'a mut dyn Harness) -> Running<'a>,
}

/// Runs every check that makes sense for this connector.
pub async fn run(harness: &mut dyn Harness) -> Report {
    let mut report = Report::default();
    let checks = [delivery::CHECKS, cursor::CHECKS, acknowledge::CHECKS, hostile::CHECKS, trouble::CHECKS];
    for check in checks.into_iter().flatten() {
        harness.reset().await;
        let (capability, powers) = (harness.plan().capability(), harness.powers());
        let proxy = harness.proxy().is_some();
        let missing = check.needs.iter().find_map(|need| need.missing(&capability, powers, proxy));
        let outcome = match missing {
            Some(reason) => Outcome::Skipped(reason),
            None => match (check.run)(harness).await {
                Ok(()) => Outcome::Passed,
                Err(reason) => Outcome::Failed(reason),
            },
        };
        report.outcomes.push((check.name, outcome));
    }
    report
}

/// Roomy: no check is about this limit.
pub(crate) const ROOMY: Limit = Limit { records: 1_000, bytes: 8 << 20 };

/// A limit of so many records.
pub(crate) fn at_most(records: usize) -> Limit {
    Limit { records, ..ROOMY }
}

/// Fails with a reason unless a condition holds.
pub(crate) fn ensure(condition: bool, reason: impl FnOnce() -> String) -> Verdict {
    if condition { Ok(()) } else { Err(reason()) }
}

pub(crate) mod seen {
    //! What was committed, as record numbers.

    use guichet_sdk::Record;

    use std::collections::HashSet;

    use super::{Harness, Verdict, body, ensure};

    /// The number of the record whose body these bytes hold.
    fn number(record: &Record, among: usize) -> Option<usize> {
        let text = String::from_utf8_lossy(&record.bytes);
        (0..among).find(|n| text.contains(&body(*n)))
    }

    /// Exactly these records, each once, in order.
    pub fn exactly(records: &[Record], expected: usize) -> Verdict {
        let numbers: Vec<_> = records.iter().map(|record| number(record, expected)).collect();
        let wanted: Vec<_> = (0..expected).map(Some).collect();
        ensure(numbers == wanted, || {
            format!("expected records 0 to {expected} once each and in order, got {numbers:?}")
        })
    }

    /// Exactly these records after a connection broke: where the peer delivers again, repeats are recognised as the hub
    /// does it, by digest.
    pub fn through(harness: &dyn Harness, records: &[Record], expected: usize) -> Verdict {
        if !harness.powers().redelivers {
            return exactly(records, expected);
        }
        let mut known = HashSet::new();
        let fresh: Vec<_> = records.iter().filter(|record| known.insert(record.digest())).cloned().collect();
        exactly(&fresh, expected)
    }

    /// At least these records, in any number and order.
    pub fn all(records: &[Record], expected: usize) -> Verdict {
        let missing: Vec<_> =
            (0..expected).filter(|n| !records.iter().any(|record| number(record, expected) == Some(*n))).collect();
        ensure(missing.is_empty(), || format!("lost records {missing:?}"))
    }
}

/// Opens a plan and hands over its source.
pub(crate) async fn source(hub: &crate::Hub, harness: &dyn Harness) -> Result<Box<dyn guichet_sdk::Source>, String> {
    let connection = hub.open(&*harness.plan()).await.map_err(|fault| format!("the plan does not open: {fault}"))?;
    connection.source.ok_or_else(|| "the connection has no source although its capability says `pull`".to_owned())
}

/// A fault where none was expected.
pub(crate) fn unexpected(fault: guichet_sdk::Fault) -> String {
    format!("a fault where none was expected: {fault}")
}
