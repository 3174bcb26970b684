//! The failures of the runtime itself, in the words connectors use: kind, retry class, located issue.

use std::any::Any;

use guichet_sdk::{Code, Fault, FaultKind, Issue, Retry};

use crate::store::StoreFault;

/// A failure of the store, as the flow that met it sees it.
pub(super) fn of_store(fault: &StoreFault) -> Fault {
    let failed = |retry| Fault::new(FaultKind::Environment, Code("E201"), fault.to_string()).retry(retry);
    match fault {
        StoreFault::Failed(_) | StoreFault::Busy(_) => failed(Retry::After(None)),
        StoreFault::Closed => failed(Retry::Never),
        StoreFault::Unusable(issue) => Fault { issue: issue.clone(), ..failed(Retry::Never) },
    }
}

/// A panic of a connector: its flow backs off, the others do not notice.
pub(super) fn of_panic(payload: &(dyn Any + Send)) -> Fault {
    let said = payload.downcast_ref::<&str>().copied().or(payload.downcast_ref::<String>().map(String::as_str));
    let message = format!("the connector panicked: {}", said.unwrap_or("it did not say why"));
    let mut fault = Fault::new(FaultKind::Environment, Code("E200"), message);
    fault.issue.hint = Some("this is a fault of the hub, not of the source: report it".into());
    fault
}

/// A connector that gives no records when asked.
pub(super) fn no_source() -> Fault {
    let mut fault = Fault::new(FaultKind::Refused, Code("E202"), "this connector cannot be asked for records");
    fault.issue.hint = Some("records of this flow are pushed to the hub; choose another connector to pull them".into());
    fault
}

/// A connector that gives nothing, again and again, and never says that it is done.
pub(super) fn spinning() -> Fault {
    Fault::new(FaultKind::Protocol, Code("E205"), "the connector keeps answering with nothing and never catches up")
        .retry(Retry::After(None))
}

/// A source that does not open in time.
pub(super) fn slow_to_open() -> Fault {
    Fault::new(FaultKind::Timeout, Code("E209"), "the source did not open in time")
}

/// More of a run went into quarantine than the flow allows.
pub(super) fn too_many_refused(quarantined: u64, received: u64) -> Issue {
    Issue::error(Code("E204"), format!("{quarantined} of {received} records of this run went into quarantine"))
        .hint("correct the mapping or the source, then resume the flow")
}
