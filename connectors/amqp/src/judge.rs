//! What an error of the client or the broker means: the kind of failure, and whether trying again can help. Pure.

use std::time::Duration;

use guichet_sdk::{Code, Fault, FaultKind, Retry};
use lapin::{Error, ErrorKind};

use crate::codes;

/// What we were doing; the same refusal means different things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doing {
    /// Saying who we are and asking for the virtual host.
    LoggingIn,
    /// Making or looking at queues, exchanges and bindings.
    Declaring,
    /// Anything on an open channel.
    Working,
}

/// The fault behind an error.
pub fn fault(error: &Error, doing: Doing) -> Fault {
    match error.kind() {
        ErrorKind::ProtocolError(refusal) => refused(refusal.get_id(), refusal.get_message().as_str(), doing),
        ErrorKind::IOError(error) => io(error, doing),
        ErrorKind::MissingHeartbeatError => lost("the broker has said nothing for too long"),
        ErrorKind::InvalidConnectionState(_) | ErrorKind::InvalidChannelState(..) | ErrorKind::InvalidChannel(_) => {
            lost("the connection is closed")
        }
        _ => Fault::new(FaultKind::Protocol, codes::CLIENT, format!("the AMQP client failed: {error}"))
            .retry(Retry::After(None)),
    }
}

/// A connection that was there and is not any more.
pub fn lost(why: &str) -> Fault {
    transient(FaultKind::Unreachable, codes::LOST, format!("the connection to the broker was lost: {why}"))
}

/// No answer in time.
pub fn late(name: &str, after: Duration) -> Fault {
    let message = format!("the broker did not answer within `timeouts.{name}` ({}s)", after.as_secs_f64());
    transient(FaultKind::Timeout, codes::TIMEOUT, message)
}

fn io(error: &std::io::Error, doing: Doing) -> Fault {
    match doing {
        Doing::LoggingIn => unreachable(&error.kind().to_string()),
        Doing::Declaring | Doing::Working => lost(&error.kind().to_string()),
    }
}

/// No connection.
pub fn unreachable(why: &str) -> Fault {
    let mut fault =
        transient(FaultKind::Unreachable, codes::UNREACHABLE, format!("the broker cannot be reached: {why}"));
    fault.issue.hint = Some("check `url`, the network, and whether the broker runs".to_owned());
    fault
}

/// A refusal of the broker, by its reply code. Its text names queues and accounts, never content.
fn refused(code: u16, text: &str, doing: Doing) -> Fault {
    match (code, doing) {
        (403, Doing::LoggingIn) => {
            let fault = transient(
                FaultKind::Unauthorized,
                codes::UNAUTHORIZED,
                "the broker refused our credentials".to_owned(),
            );
            hinted(fault, "check `auth` and the secret behind it")
        }
        (403, _) if text.contains("exclusive") => in_use(text),
        (405, _) => in_use(text),
        // the number of connections of an account or virtual host is bounded
        (530, _) if text.contains("limit") => {
            transient(FaultKind::Throttled, codes::FORBIDDEN, format!("the broker lets nobody in: {text}"))
        }
        (403 | 530, _) => {
            let fault =
                Fault::new(FaultKind::Refused, codes::FORBIDDEN, format!("the broker does not let us do this: {text}"));
            hinted(fault, "check the virtual host, and the permissions of our account there")
        }
        (404, _) => {
            let fault =
                transient(FaultKind::Unreachable, codes::ABSENT, format!("the broker does not have it: {text}"));
            hinted(fault, "correct `queue`, make it at the broker, or write `declare` to have it made")
        }
        (406, Doing::Declaring) => {
            let message = format!("the broker has it otherwise than `declare` says: {text}");
            hinted(
                Fault::new(FaultKind::Refused, codes::TOPOLOGY, message),
                "write in `declare` what the broker has, or leave `declare` out to take the queue as it is",
            )
        }
        _ => lost(&format!("the broker closed it: {text}")),
    }
}

fn in_use(text: &str) -> Fault {
    let fault =
        transient(FaultKind::Unreachable, codes::IN_USE, format!("somebody else consumes from the queue: {text}"));
    hinted(fault, "stop the other consumer; `exclusive = false` shares the queue, and gives up its order")
}

fn transient(kind: FaultKind, code: Code, message: String) -> Fault {
    Fault::new(kind, code, message).retry(Retry::After(None))
}

fn hinted(mut fault: Fault, hint: &str) -> Fault {
    fault.issue.hint = Some(hint.to_owned());
    fault
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_by_its_code_and_by_what_we_were_doing() {
        let of = |code, text, doing| {
            let fault = refused(code, text, doing);
            (fault.kind, fault.issue.code, matches!(fault.retry, Retry::After(_)))
        };
        let (login, declare, work) = (Doing::LoggingIn, Doing::Declaring, Doing::Working);
        assert_eq!(of(403, "ACCESS_REFUSED - Login", login), (FaultKind::Unauthorized, codes::UNAUTHORIZED, true));
        assert_eq!(
            of(403, "queue 'a' in vhost '/' in exclusive use", work),
            (FaultKind::Unreachable, codes::IN_USE, true)
        );
        assert_eq!(of(403, "access to queue 'a' refused", declare), (FaultKind::Refused, codes::FORBIDDEN, false));
        assert_eq!(of(530, "vhost 'x' not found", login), (FaultKind::Refused, codes::FORBIDDEN, false));
        assert_eq!(of(530, "connection limit (1) is reached", login), (FaultKind::Throttled, codes::FORBIDDEN, true));
        assert_eq!(of(404, "no queue 'a'", declare), (FaultKind::Unreachable, codes::ABSENT, true));
        assert_eq!(of(406, "inequivalent arg", declare), (FaultKind::Refused, codes::TOPOLOGY, false));
        assert_eq!(of(406, "unknown delivery tag", work), (FaultKind::Unreachable, codes::LOST, true));
        assert_eq!(of(320, "CONNECTION_FORCED", work), (FaultKind::Unreachable, codes::LOST, true));
    }
}
