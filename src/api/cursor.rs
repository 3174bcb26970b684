//! Cursors: an opaque place in one list of one client. Refuses a cursor that was altered or belongs to another list,
//! and gives away no physical key.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use guichet_sdk::Digest;
use uuid::Uuid;

use super::problem::{Kind, Problem};
use crate::model::Seal;
use crate::store::PageMark;

/// Format of the cursor; an older one is refused, never misread.
const VERSION: u8 = 1;
/// Version, time, sealed row, proof.
const BYTES: usize = 1 + 8 + 16 + 16;

/// Writes the place after which the next page starts; `list` is the digest of the filters and the scope.
pub fn write(seal: Seal, mark: PageMark, list: Digest) -> String {
    let mut bytes = Vec::with_capacity(BYTES);
    bytes.push(VERSION);
    bytes.extend(mark.changed_at.to_be_bytes());
    bytes.extend(seal.case_id(mark.row, 0).into_bytes());
    let proof = proof(seal, &bytes, list);
    bytes.extend(proof.0);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads a place back.
pub fn read(seal: Seal, text: &str, list: Digest) -> Result<PageMark, Problem> {
    parse(seal, text, list).ok_or_else(|| {
        Problem::new(Kind::CursorInvalid, "the cursor was altered or belongs to another list")
            .hint("repeat the query that gave it, with the same filters and the same key, or start without a cursor")
    })
}

fn parse(seal: Seal, text: &str, list: Digest) -> Option<PageMark> {
    let bytes: [u8; BYTES] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
    let (plain, given) = bytes.split_at(BYTES - 16);
    if bytes[0] != VERSION || proof(seal, plain, list).0 != given {
        return None;
    }
    let changed_at = i64::from_be_bytes(plain[1..9].try_into().ok()?);
    let row = seal.read_case_id(Uuid::from_slice(&plain[9..25]).ok()?)?;
    Some(PageMark { changed_at, row })
}

fn proof(seal: Seal, plain: &[u8], list: Digest) -> Digest {
    Digest::of(&[b"cursor", &seal.0.to_le_bytes(), plain, &list.0])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::model::CaseRow;

    #[test]
    fn every_altered_symbol_and_every_foreign_list_is_noticed() {
        let (seal, list) = (Seal(7), Digest([1; 16]));
        let mark = PageMark { changed_at: 1_700_000_000_000_000, row: CaseRow(42) };
        let text = write(seal, mark, list);
        assert_eq!(read(seal, &text, list).unwrap(), mark);
        assert!(read(seal, &text, Digest([2; 16])).is_err());
        assert!(read(Seal(8), &text, list).is_err());
        for at in 0..text.len() {
            let mut altered = text.clone().into_bytes();
            altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
            let altered = String::from_utf8(altered).unwrap();
            assert!(read(seal, &altered, list).is_err(), "{altered}");
        }
        assert!(read(seal, "", list).is_err());
    }
}
