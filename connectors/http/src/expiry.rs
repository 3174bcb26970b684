//! The certificates between us and the peer of a source: when each expires, told in the log and to operators when that is
//! soon (`tls.warn_before`), urgent ([`URGENT`]) or past. Once each, however often the certificate is seen.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use guichet_sdk::{CertificateLook, CertificateOf, CertificateView, Issue};
use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use crate::certificate::not_after;
use crate::codes;

/// From here on it is urgent.
const URGENT: Duration = Duration::from_secs(7 * 86_400);

/// The certificates of one source at one host.
#[derive(Debug)]
pub(crate) struct Certificates {
    source: Arc<str>,
    warn_before: Duration,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    /// When each expires, and what was told of it.
    known: BTreeMap<CertificateOf, (Timestamp, Soon)>,
    /// What operators are to be told.
    pending: Vec<Issue>,
}

/// How near an expiry is, the nearest last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Soon {
    Not,
    Near,
    Urgent,
    Past,
}

impl Certificates {
    pub(crate) fn new(source: &str, warn_before: Duration) -> Self {
        Certificates { source: source.into(), warn_before, seen: Mutex::default() }
    }

    /// A certificate was shown, in DER.
    pub(crate) fn shown(&self, whose: CertificateOf, der: &[u8], now: Timestamp) {
        if let Some(expires) = not_after(der) {
            self.expires(whose, expires, now);
        }
    }

    /// A file of certificates was read, in PEM: the one that expires first counts.
    pub(crate) fn read(&self, whose: CertificateOf, pem: &[u8], now: Timestamp) {
        let each = CertificateDer::pem_slice_iter(pem).filter_map(Result::ok);
        if let Some(first) = each.filter_map(|der| not_after(&der)).min() {
            self.expires(whose, first, now);
        }
    }

    /// What there is to tell since the last call.
    pub(crate) fn notices(&self) -> Vec<Issue> {
        std::mem::take(&mut self.seen().pending)
    }

    fn expires(&self, whose: CertificateOf, expires: Timestamp, now: Timestamp) {
        let soon = self.soon(expires, now);
        let mut seen = self.seen();
        let told = seen.known.get(&whose).filter(|(known, _)| *known == expires).map_or(Soon::Not, |(_, told)| *told);
        seen.known.insert(whose, (expires, soon.max(told)));
        if let Some(issue) = issue(whose, expires, soon, now).filter(|_| soon > told) {
            let source = &*self.source;
            tracing::warn!(source, code = %issue.code, %expires, "`{source}`: {}", issue.message);
            seen.pending.push(issue);
        }
    }

    fn soon(&self, expires: Timestamp, now: Timestamp) -> Soon {
        match Duration::try_from(expires.duration_since(now)) {
            Err(_) => Soon::Past,
            Ok(left) if left < URGENT.min(self.warn_before) => Soon::Urgent,
            Ok(left) if left < self.warn_before => Soon::Near,
            Ok(_) => Soon::Not,
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CertificateView for Certificates {
    fn look(&self) -> Vec<CertificateLook> {
        let now = Timestamp::now();
        let look = |(whose, (expires, _)): (&CertificateOf, &(Timestamp, Soon))| CertificateLook {
            whose: *whose,
            expires_at: expires.as_microsecond(),
            issue: issue(*whose, *expires, self.soon(*expires, now), now),
        };
        self.seen().known.iter().map(look).collect()
    }
}

fn issue(whose: CertificateOf, expires: Timestamp, soon: Soon, now: Timestamp) -> Option<Issue> {
    let (code, whose, hint) = match whose {
        CertificateOf::Peer => {
            (codes::EXPIRES, "the certificate of the peer", "tell whoever runs the peer to renew it")
        }
        CertificateOf::Own => {
            (codes::OWN_EXPIRES, "our own certificate", "put a new one where `tls.certificate` and `tls.key` point")
        }
        CertificateOf::Authority => {
            (codes::AUTHORITY_EXPIRES, "a certificate of an authority", "add its successor to the file of `tls.ca`")
        }
    };
    let days = expires.duration_since(now).as_hours() / 24;
    let issue = match soon {
        Soon::Not => return None,
        Soon::Near => Issue::warning(code, format!("{whose} expires in {days} days, at {expires}")),
        Soon::Urgent => Issue::error(code, format!("{whose} expires in {days} days, at {expires}: this is urgent")),
        Soon::Past => Issue::error(code, format!("{whose} expired at {expires}")),
    };
    Some(issue.hint(hint))
}

#[cfg(test)]
mod tests {
    use guichet_sdk::Severity;

    use super::*;

    const DAY: i64 = 86_400;

    fn at(day: i64) -> Timestamp {
        Timestamp::from_second(day * DAY).unwrap_or_default()
    }

    #[test]
    fn each_step_towards_the_end_is_told_once_and_a_renewal_starts_anew() {
        let certificates = Certificates::new("planning", Duration::from_secs(30 * 86_400));
        let mut told = Vec::new();
        for day in [0, 69, 71, 72, 90, 94, 95, 100, 101, 102] {
            certificates.expires(CertificateOf::Own, at(100), at(day));
            told.extend(certificates.notices().into_iter().map(|issue| (day, issue.severity)));
        }
        assert_eq!(told, [(71, Severity::Warning), (94, Severity::Error), (101, Severity::Error)]);
        certificates.expires(CertificateOf::Own, at(465), at(102));
        assert_eq!(certificates.notices(), []);
        certificates.expires(CertificateOf::Own, at(465), at(440));
        assert_eq!(certificates.notices().len(), 1);
    }

    #[test]
    fn what_an_operator_sees_says_whose_and_when() {
        let certificates = Certificates::new("planning", Duration::from_secs(30 * 86_400));
        certificates.expires(CertificateOf::Authority, at(100), at(0));
        certificates.expires(CertificateOf::Peer, Timestamp::MAX, at(0));
        let looks = certificates.look();
        assert_eq!(
            looks.iter().map(|look| look.whose).collect::<Vec<_>>(),
            [CertificateOf::Peer, CertificateOf::Authority]
        );
        assert_eq!(looks[0].issue, None);
        assert!(
            looks[1].issue.as_ref().is_some_and(|issue| issue.message.contains("expired at 1970-04-11")),
            "{looks:?}"
        );
    }
}
