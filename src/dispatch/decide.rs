//! What follows an outcome. Pure: time and chance are arguments. Unknown never becomes success, and is never sent again
//! unless the source recognises it or surely does not have it.

use std::time::Duration;

use guichet_sdk::{Fault, FaultKind, Issue, Outcome, Retry, VerbCapability};

use super::codes;
use crate::model::CommandState;
use crate::store::{CommandEntry, KeptIssue, Upshot};

/// First wait after a try or a look-up, doubled with each.
const FIRST: Duration = Duration::from_secs(1);
/// Longest wait.
const LONGEST: Duration = Duration::from_secs(5 * 60);
/// How long a command is tried, or looked up, on its own: longer than a source is usually down.
pub const GIVE_UP: Duration = Duration::from_secs(72 * 3600);

/// When it is, and how much of a wait is taken (0 to 1).
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// Now, microseconds since 1970.
    pub now: i64,
    /// A random number from 0 to 1.
    pub chance: f64,
}

impl Moment {
    fn after(self, wait: Duration) -> i64 {
        self.now.saturating_add(micros(wait))
    }

    /// A wait that doubles with each time, jittered over its upper half.
    fn backoff(self, times: u32) -> Duration {
        let doubled = FIRST.saturating_mul(1u32.checked_shl(times.min(20)).unwrap_or(u32::MAX)).min(LONGEST);
        doubled.mul_f64(0.5 + self.chance.clamp(0.0, 1.0) / 2.0)
    }
}

fn micros(period: Duration) -> i64 {
    i64::try_from(period.as_micros()).unwrap_or(i64::MAX)
}

/// What follows a sending; `command` is as it was before it.
pub fn after_sending(command: &CommandEntry, able: &VerbCapability, outcome: Outcome, at: Moment) -> Upshot {
    match outcome {
        Outcome::Confirmed { reference } => Upshot { reference, ..Upshot::of(CommandState::Confirmed) },
        Outcome::Refused { reason } => Upshot { reason: Some(reason), ..Upshot::of(CommandState::Refused) },
        Outcome::Accepted { tracking } => accepted(tracking, able, at.after(at.backoff(0))),
        Outcome::NotSent(fault) => not_sent(command, &fault, at),
        Outcome::Unknown { why, heard } => {
            let settlement = match (&able.look_up, able.idempotent) {
                (_, true) => again(command, &why.issue, at.backoff(command.attempts), at),
                (Some(_), false) => unknown(&why.issue, Some(at.after(at.backoff(0)))),
                (None, false) => nobody_knows(&why.issue),
            };
            Upshot { heard, ..settlement }
        }
    }
}

/// What follows a look-up; `None`: this verb cannot be looked up.
pub fn after_looking(command: &CommandEntry, able: &VerbCapability, outcome: Option<Outcome>, at: Moment) -> Upshot {
    let next = at.after(at.backoff(command.looks));
    let settlement = match outcome {
        Some(Outcome::Confirmed { reference }) => Upshot { reference, ..Upshot::of(CommandState::Confirmed) },
        Some(Outcome::Refused { reason }) => Upshot { reason: Some(reason), ..Upshot::of(CommandState::Refused) },
        Some(Outcome::Accepted { tracking }) => accepted(tracking, able, next),
        Some(Outcome::Unknown { why, heard }) => {
            let given_up = command.sent_at.is_some_and(|sent| at.now.saturating_sub(sent) > micros(GIVE_UP));
            let due = (!given_up).then_some(next);
            Upshot { heard, due_at: due, ..still(command.state, &why.issue) }
        }
        Some(Outcome::NotSent(fault)) => absent(command, able, &fault, at),
        None if able.idempotent => Upshot { due_at: Some(at.now), ..Upshot::of(CommandState::Queued) },
        None => nobody_knows(&cannot_be_asked()),
    };
    Upshot { looked: true, ..settlement }
}

/// The source does not have it.
fn absent(command: &CommandEntry, able: &VerbCapability, fault: &Fault, at: Moment) -> Upshot {
    if command.state == CommandState::Accepted {
        let issue = Issue::error(codes::LOST, "the source took the command, and does not have it any more")
            .hint("ask the source, then settle the command or send it again");
        return unknown(&issue, None);
    }
    let settled_at =
        command.ended_at.unwrap_or(at.now).saturating_add(able.look_up.map_or(0, |look| micros(look.settle)));
    if at.now < settled_at {
        // it may still turn up
        return unknown(&fault.issue, Some(settled_at));
    }
    Upshot { due_at: Some(at.now), issue: Some(KeptIssue::from(&*fault.issue)), ..Upshot::of(CommandState::Queued) }
}

/// It surely had no effect.
fn not_sent(command: &CommandEntry, fault: &Fault, at: Moment) -> Upshot {
    let backoff = at.backoff(command.attempts);
    match (fault.kind, fault.retry) {
        // somebody renews the secret, and everything that waited goes on by itself
        (FaultKind::Unauthorized, _) => again(command, &fault.issue, LONGEST, at),
        (_, Retry::Never) => failed(&fault.issue),
        (_, Retry::After(asked)) => again(command, &fault.issue, backoff.max(asked.unwrap_or_default()), at),
        (_, Retry::Unknown) => again(command, &fault.issue, backoff, at),
    }
}

/// Another try, unless it was tried long enough.
fn again(command: &CommandEntry, issue: &Issue, wait: Duration, at: Moment) -> Upshot {
    if at.now.saturating_sub(command.created_at) > micros(GIVE_UP) {
        let message = format!("the command was tried for {} hours: {}", GIVE_UP.as_secs() / 3600, issue.message);
        return failed(&Issue::error(codes::GAVE_UP, message).at(issue.place.clone()));
    }
    let issue = Some(KeptIssue::from(issue));
    Upshot { due_at: Some(at.after(wait)), issue, ..Upshot::of(CommandState::Queued) }
}

/// The source has it and will say later.
fn accepted(tracking: Option<String>, able: &VerbCapability, next: i64) -> Upshot {
    let due_at = able.look_up.is_some().then_some(next);
    Upshot { tracking, due_at, ..Upshot::of(CommandState::Accepted) }
}

/// Waits for an operator: nothing was sent, and it would only fail the same way.
pub fn failed(issue: &Issue) -> Upshot {
    Upshot { issue: Some(KeptIssue::from(issue)), ..Upshot::of(CommandState::Failed) }
}

/// Put back, to be tried when something it needs is there.
pub fn postponed(at: Moment) -> Upshot {
    Upshot { due_at: Some(at.after(at.backoff(4))), ..Upshot::of(CommandState::Queued) }
}

/// Nobody knows yet.
pub fn unknown(issue: &Issue, due_at: Option<i64>) -> Upshot {
    still(CommandState::Unknown, issue).due(due_at)
}

fn still(state: CommandState, issue: &Issue) -> Upshot {
    Upshot { issue: Some(KeptIssue::from(issue)), ..Upshot::of(state) }
}

fn nobody_knows(issue: &Issue) -> Upshot {
    let hint = "look for it at the source, then `guichet commands settle` or, when it surely is not there, `… retry`";
    let message = format!("{}; this verb cannot be looked up", issue.message);
    unknown(&Issue::error(codes::NO_LOOK_UP, message).at(issue.place.clone()).hint(hint), None)
}

fn cannot_be_asked() -> Issue {
    Issue::error(codes::ENDED, "nobody knows whether the command reached the source")
}

impl Upshot {
    fn due(self, due_at: Option<i64>) -> Self {
        Upshot { due_at, ..self }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use guichet_sdk::{Code, LookUp};
    use uuid::Uuid;

    use super::*;
    use crate::model::{CaseRow, CommandId, FlowName, Verb};

    const NOW: i64 = 1_700_000_000_000_000;
    const AT: Moment = Moment { now: NOW, chance: 0.0 };
    const SECOND: i64 = 1_000_000;

    fn command(state: CommandState) -> CommandEntry {
        CommandEntry {
            id: CommandId(Uuid::nil()),
            verb: Verb::Submit,
            state,
            flow: FlowName::new("s", "f"),
            service: "x".into(),
            case: CaseRow(1),
            case_id: Uuid::nil(),
            confidentiality: 0,
            case_key: None,
            client: "portal".into(),
            payload: "{}".into(),
            created_at: NOW,
            changed_at: NOW,
            due_at: None,
            attempts: 0,
            looks: 0,
            sent_at: Some(NOW),
            ended_at: Some(NOW),
            address: None,
            request: None,
            reference: None,
            tracking: None,
            reason: None,
            issue: None,
            heard: None,
        }
    }

    fn able(idempotent: bool, look_up: bool) -> VerbCapability {
        let look_up = look_up.then_some(LookUp { settle: Duration::from_secs(30) });
        VerbCapability { idempotent, look_up, ..VerbCapability::default() }
    }

    fn fault(kind: FaultKind) -> Fault {
        Fault::new(kind, Code("E120"), "no answer")
    }

    fn unknown_outcome() -> Outcome {
        Outcome::Unknown { why: fault(FaultKind::Timeout), heard: Some("HTTP 500".into()) }
    }

    #[test]
    fn i5_unknown_is_looked_up_or_waits_and_is_never_blindly_sent_again() {
        let queued = command(CommandState::Queued);
        let looked_up = after_sending(&queued, &able(false, true), unknown_outcome(), AT);
        assert_eq!((looked_up.state, looked_up.due_at), (CommandState::Unknown, Some(NOW + SECOND / 2)));
        assert_eq!(looked_up.heard.as_deref(), Some("HTTP 500"));
        let waits = after_sending(&queued, &able(false, false), unknown_outcome(), AT);
        assert_eq!((waits.state, waits.due_at), (CommandState::Unknown, None));
        assert_eq!(waits.issue.unwrap().code, "E406");
        let again = after_sending(&queued, &able(true, false), unknown_outcome(), AT);
        assert_eq!(again.state, CommandState::Queued, "the source recognises it");
        let unknown = command(CommandState::Unknown);
        let asked = after_looking(&unknown, &able(false, true), Some(unknown_outcome()), AT);
        assert_eq!((asked.state, asked.looked), (CommandState::Unknown, true));
        assert!(asked.due_at.is_some());
        assert_eq!(after_looking(&unknown, &able(false, false), None, AT).due_at, None);
    }

    #[test]
    fn an_absence_counts_only_after_it_could_no_longer_turn_up() {
        let unknown = command(CommandState::Unknown);
        let absent = || Some(Outcome::NotSent(fault(FaultKind::Refused)));
        let early = after_looking(&unknown, &able(false, true), absent(), AT);
        assert_eq!((early.state, early.due_at), (CommandState::Unknown, Some(NOW + 30 * SECOND)));
        let late = Moment { now: NOW + 30 * SECOND, ..AT };
        let surely = after_looking(&unknown, &able(false, true), absent(), late);
        assert_eq!((surely.state, surely.due_at), (CommandState::Queued, Some(late.now)));
        let lost = after_looking(&command(CommandState::Accepted), &able(false, true), absent(), late);
        assert_eq!((lost.state, lost.due_at, lost.issue.unwrap().code.as_str()), (CommandState::Unknown, None, "E410"));
    }

    #[test]
    fn what_surely_had_no_effect_is_tried_again_within_bounds() {
        let mut queued = command(CommandState::Queued);
        let tried = |queued: &CommandEntry, kind, at| {
            after_sending(queued, &able(false, false), Outcome::NotSent(fault(kind)), at)
        };
        assert_eq!(tried(&queued, FaultKind::Unreachable, AT).due_at, Some(NOW + SECOND / 2));
        queued.attempts = 50;
        assert_eq!(tried(&queued, FaultKind::Unreachable, AT).due_at, Some(NOW + 150 * SECOND));
        assert_eq!(tried(&queued, FaultKind::Unauthorized, AT).due_at, Some(NOW + 300 * SECOND));
        assert_eq!(tried(&queued, FaultKind::Refused, AT).state, CommandState::Failed);
        let asked = fault(FaultKind::Throttled).retry(Retry::After(Some(Duration::from_secs(900))));
        let throttled = after_sending(&queued, &able(false, false), Outcome::NotSent(asked), AT);
        assert_eq!(throttled.due_at, Some(NOW + 900 * SECOND));
        let late = Moment { now: NOW + micros(GIVE_UP) + 1, ..AT };
        let given_up = tried(&queued, FaultKind::Unreachable, late);
        assert_eq!((given_up.state, given_up.issue.unwrap().code.as_str()), (CommandState::Failed, "E408"));
    }
}
