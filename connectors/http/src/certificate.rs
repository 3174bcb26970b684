//! When a certificate expires, read from its DER. Pure. Reads nothing else: whether to trust it is for rustls.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

const SEQUENCE: u8 = 0x30;
const EXPLICIT_VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// The moment after which a certificate is not valid any more; `None` for what is not a certificate.
pub(crate) fn not_after(der: &[u8]) -> Option<Timestamp> {
    let (certificate, _) = expect(der, SEQUENCE)?;
    let (mut fields, _) = expect(certificate, SEQUENCE)?;
    let versioned = fields.first() == Some(&EXPLICIT_VERSION);
    // the version, serial number, signature algorithm, issuer
    for _ in 0..if versioned { 4 } else { 3 } {
        (_, _, fields) = element(fields)?;
    }
    let (validity, _) = expect(fields, SEQUENCE)?;
    let (_, _, rest) = element(validity)?;
    let (tag, value, _) = element(rest)?;
    moment(tag, std::str::from_utf8(value).ok()?)
}

/// The content of an element with this tag, and what follows it.
fn expect(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    element(der).filter(|(found, ..)| *found == tag).map(|(_, content, rest)| (content, rest))
}

/// Tag, content and what follows.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

fn moment(tag: u8, text: &str) -> Option<Timestamp> {
    let full = match tag {
        // RFC 5280: two digits below 50 are of this century
        UTC_TIME => format!("{}{text}", if text.get(..2)? < "50" { "20" } else { "19" }),
        GENERALIZED_TIME => text.to_owned(),
        _ => return None,
    };
    DateTime::strptime("%Y%m%d%H%M%SZ", full).ok()?.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn der(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        [&[tag, 0x82], &length[..], content].concat()
    }

    fn certificate(version: bool, tag: u8, expires: &str) -> Vec<u8> {
        let validity = [der(UTC_TIME, b"200101000000Z"), der(tag, expires.as_bytes())].concat();
        let version = if version { der(EXPLICIT_VERSION, &der(2, &[2])) } else { Vec::new() };
        let issuer = der(SEQUENCE, &[0; 300]);
        let inner =
            [version, der(2, &[1, 2]), der(SEQUENCE, &[]), issuer, der(SEQUENCE, &validity), vec![0; 9]].concat();
        der(SEQUENCE, &[der(SEQUENCE, &inner), vec![1, 2, 3]].concat())
    }

    #[test]
    fn both_spellings_of_time_with_and_without_version() {
        let expires = |version, tag, text| not_after(&certificate(version, tag, text)).map(|moment| moment.to_string());
        assert_eq!(expires(true, UTC_TIME, "301231235959Z").as_deref(), Some("2030-12-31T23:59:59Z"));
        assert_eq!(expires(false, UTC_TIME, "991231235959Z").as_deref(), Some("1999-12-31T23:59:59Z"));
        assert_eq!(expires(true, GENERALIZED_TIME, "20510101000000Z").as_deref(), Some("2051-01-01T00:00:00Z"));
        assert_eq!(expires(true, 4, "20510101000000Z"), None);
        assert_eq!(expires(true, UTC_TIME, "never"), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = not_after(&bytes);
        }

        #[test]
        fn a_cut_certificate_is_survived(at in 0usize..400) {
            let whole = certificate(true, UTC_TIME, "301231235959Z");
            let _ = not_after(&whole[..at.min(whole.len())]);
        }
    }
}
