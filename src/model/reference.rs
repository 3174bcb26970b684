//! Public references and case ids, derived from the physical key and the store's seal: they need no index, give away no
//! count, and a mistyped one is told apart. Not a secret: who may read a case is decided by scopes, never by its name.

use uuid::Uuid;

use super::CaseRow;

/// Crockford's base 32: no I, L, O, U.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Symbols before the check symbol: 40 bits.
const SYMBOLS: usize = 8;
/// Highest number of cases a store can hold (2⁴⁰).
pub const MAX_CASES: i64 = 1 << 40;

/// The key of a store's permutation; made once per store and kept with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seal(pub u64);

impl Seal {
    /// The public reference of a case: `7K3M-9QXD-4`, the last symbol a Luhn mod 32 check (ISO/IEC 7812 generalised).
    pub fn reference(self, case: CaseRow) -> String {
        let sealed = self.permute(case.0 as u64);
        let mut symbols: Vec<u8> = (0..SYMBOLS).rev().map(|n| ((sealed >> (5 * n)) & 31) as u8).collect();
        symbols.push(luhn(&symbols));
        let text: Vec<char> = symbols.iter().map(|s| char::from(ALPHABET[usize::from(*s)])).collect();
        let part = |range: std::ops::Range<usize>| text[range].iter().collect::<String>();
        format!("{}-{}-{}", part(0..4), part(4..8), part(8..9))
    }

    /// The case of a reference; spaces, hyphens and case do not matter, `I` and `L` read as 1, `O` as 0.
    pub fn read_reference(self, text: &str) -> Option<CaseRow> {
        let symbols: Vec<u8> =
            text.chars().filter(|c| !matches!(c, '-' | ' ')).map(symbol).collect::<Option<Vec<u8>>>()?;
        let (body, check) = symbols.split_at_checked(SYMBOLS)?;
        if check != [luhn(body)] {
            return None;
        }
        let sealed = body.iter().fold(0u64, |sum, s| sum << 5 | u64::from(*s));
        Some(CaseRow(self.restore(sealed) as i64))
    }

    /// The id of a case: a UUIDv7 (RFC 9562) of its creation whose random bits are its sealed key and a check of both.
    pub fn case_id(self, case: CaseRow, created_millis: i64) -> Uuid {
        let time = (created_millis as u128 & 0xffff_ffff_ffff) << 80;
        let check = u128::from(self.check(case, created_millis));
        let high = (check >> 22 & 0xfff) << 64;
        let low = (check & 0x3f_ffff) << 40 | u128::from(self.permute(case.0 as u64));
        Uuid::from_u128(time | 0x7 << 76 | high | 0b10 << 62 | low)
    }

    /// The case of an id made by this store.
    pub fn read_case_id(self, id: Uuid) -> Option<CaseRow> {
        let bits = id.as_u128();
        let case = CaseRow(self.restore((bits & 0xff_ffff_ffff) as u64) as i64);
        (self.case_id(case, (bits >> 80) as i64) == id).then_some(case)
    }

    /// The id of a place in the change feed at a time: a UUIDv7 whose random bits are the sealed position and a check.
    /// The time is part of the key, so that two ids tell nothing about how many changes lie between them, not even
    /// whether any does.
    pub fn change_id(self, position: i64, millis: i64) -> Uuid {
        self.of_feed(millis).case_id(CaseRow(position), millis)
    }

    /// The position of an id made by this store.
    pub fn read_change_id(self, id: Uuid) -> Option<i64> {
        self.of_feed((id.as_u128() >> 80) as i64).read_case_id(id).map(|row| row.0)
    }

    fn of_feed(self, millis: i64) -> Seal {
        Seal(mix(self.0 ^ mix(0x6665_6564 ^ (millis & 0xffff_ffff_ffff) as u64)))
    }

    /// Thirty-four bits that only this store gives this case.
    fn check(self, case: CaseRow, created_millis: i64) -> u64 {
        mix(mix(self.0 ^ case.0 as u64) ^ created_millis as u64) >> 30
    }

    /// A keyed permutation of forty bits: four Feistel rounds over two halves of twenty.
    fn permute(self, plain: u64) -> u64 {
        let (mut left, mut right) = (plain >> 20 & 0xf_ffff, plain & 0xf_ffff);
        for round in 0..4 {
            (left, right) = (right, left ^ self.round(round, right));
        }
        left << 20 | right
    }

    fn restore(self, sealed: u64) -> u64 {
        let (mut left, mut right) = (sealed >> 20 & 0xf_ffff, sealed & 0xf_ffff);
        for round in (0..4).rev() {
            (left, right) = (right ^ self.round(round, left), left);
        }
        left << 20 | right
    }

    fn round(self, round: u64, half: u64) -> u64 {
        mix(self.0 ^ round << 32 ^ half) & 0xf_ffff
    }
}

/// The finaliser of SplitMix64.
fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}

/// The check symbol of Luhn mod 32.
fn luhn(symbols: &[u8]) -> u8 {
    let sum: u32 = symbols
        .iter()
        .rev()
        .enumerate()
        .map(|(n, s)| {
            let weighted = u32::from(*s) * if n % 2 == 0 { 2 } else { 1 };
            weighted / 32 + weighted % 32
        })
        .sum();
    ((32 - sum % 32) % 32) as u8
}

fn symbol(c: char) -> Option<u8> {
    let c = match c.to_ascii_uppercase() {
        'I' | 'L' => '1',
        'O' => '0',
        other => other,
    };
    ALPHABET.iter().position(|known| char::from(*known) == c).map(|n| n as u8)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_reference_and_an_id_lead_back_to_their_case(seal: u64, row in 0..MAX_CASES, millis in 0i64..1 << 47) {
            let seal = Seal(seal);
            let case = CaseRow(row);
            prop_assert_eq!(seal.read_reference(&seal.reference(case)), Some(case));
            let id = seal.case_id(case, millis);
            prop_assert_eq!(id.get_version_num(), 7);
            prop_assert_eq!(seal.read_case_id(id), Some(case));
        }

        #[test]
        fn one_wrong_symbol_is_always_noticed(row in 0..MAX_CASES, at in 0usize..9, with in 0usize..32) {
            let seal = Seal(7);
            let text = seal.reference(CaseRow(row)).replace('-', "");
            let mut wrong: Vec<char> = text.chars().collect();
            wrong[at] = char::from(ALPHABET[with]);
            let wrong: String = wrong.into_iter().collect();
            prop_assume!(wrong != text);
            prop_assert_eq!(seal.read_reference(&wrong), None);
        }
    }

    #[test]
    fn places_in_the_feed_lead_back_and_tell_no_distance() {
        let seal = Seal(42);
        let place = |position, millis| seal.change_id(position, millis);
        assert_eq!(seal.read_change_id(place(7, 1_000)), Some(7));
        assert_eq!(seal.read_case_id(place(7, 1_000)), None, "not the id of a case");
        assert_eq!(seal.read_change_id(seal.case_id(CaseRow(7), 1_000)), None);
        assert_eq!(Seal(43).read_change_id(place(7, 1_000)), None, "another store");
        let low = |id: Uuid| id.as_u128() & 0xff_ffff_ffff;
        assert_ne!(low(place(7, 1_000)), low(place(7, 1_001)), "the same place looks different each time");
    }

    #[test]
    fn people_write_references_in_their_own_way() {
        let seal = Seal(42);
        let text = seal.reference(CaseRow(1));
        assert_eq!(seal.read_reference(&text.to_lowercase().replace('-', " ")), Some(CaseRow(1)));
        assert_eq!(seal.read_reference(""), None);
        assert_eq!(seal.read_reference("7K3M-9QX"), None);
        assert_eq!(seal.read_reference("é"), None);
    }
}
