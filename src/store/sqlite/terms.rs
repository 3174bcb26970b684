//! Search terms as keyed 64-bit hashes: narrow rows, and no identifier can be read from the index. The chance that two of
//! fifty million terms share a hash with one asked for is below 10⁻¹¹; a case found is not verified again.

use guichet_sdk::Digest;
use rusqlite::Connection;

use crate::model::{CaseRow, Facts};
use crate::store::{Term, fold_text};

/// The key of a store's search terms; made once per store and kept with it.
#[derive(Debug, Clone, Copy)]
pub(super) struct TermKey(pub(super) [u8; 16]);

impl TermKey {
    /// The hash of a term.
    pub(super) fn hash(&self, term: &Term) -> i64 {
        match term {
            Term::Identifier(scheme, value) => self.of(&["identifier", scheme, &fold_text(value)]),
            Term::Address(value) => self.of(&["address", &fold_text(value)]),
            Term::Parcel(value) => self.of(&["parcel", &fold_text(value)]),
            Term::Reference(value) => self.of(&["reference", &fold_text(value)]),
        }
    }

    /// The hashes under which a case is found, sorted, each once. Native keys have a table of their own.
    pub(super) fn of_facts(&self, facts: &Facts) -> Vec<i64> {
        let mut hashes = Vec::new();
        for (_, value) in &facts.aliases {
            hashes.push(self.of(&["reference", &fold_text(value)]));
        }
        for (scheme, value) in facts.parties.iter().flat_map(|party| &party.identifiers) {
            hashes.push(self.of(&["identifier", scheme, &fold_text(value)]));
        }
        if let Some(location) = &facts.location {
            hashes.extend(location.address.as_deref().map(|text| self.of(&["address", &fold_text(text)])));
            hashes.extend(location.parcel.as_deref().map(|text| self.of(&["parcel", &fold_text(text)])));
        }
        hashes.sort_unstable();
        hashes.dedup();
        hashes
    }

    fn of(&self, parts: &[&str]) -> i64 {
        let mut all: Vec<&[u8]> = vec![&self.0];
        all.extend(parts.iter().map(|part| part.as_bytes()));
        u128::from_be_bytes(Digest::of(&all).0) as i64
    }
}

/// Makes a case known under these hashes, and no longer under those.
pub(super) fn change(connection: &Connection, case: CaseRow, before: &[i64], after: &[i64]) -> rusqlite::Result<()> {
    for hash in before.iter().filter(|hash| after.binary_search(hash).is_err()) {
        connection.prepare_cached("DELETE FROM term WHERE hash = ?1 AND \"case\" = ?2")?.execute([*hash, case.0])?;
    }
    for hash in after.iter().filter(|hash| before.binary_search(hash).is_err()) {
        connection
            .prepare_cached("INSERT OR IGNORE INTO term (hash, \"case\") VALUES (?1, ?2)")?
            .execute([*hash, case.0])?;
    }
    Ok(())
}

/// Cases known under a hash, the newest first.
pub(super) fn cases(connection: &Connection, hash: i64, limit: usize) -> rusqlite::Result<Vec<i64>> {
    connection
        .prepare_cached("SELECT \"case\" FROM term WHERE hash = ?1 ORDER BY \"case\" DESC LIMIT ?2")?
        .query_map([hash, limit as i64], |row| row.get(0))?
        .collect()
}
