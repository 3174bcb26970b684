//! Entries: the history of a case, clustered by case in the order of entering.

use guichet_sdk::Digest;
use rusqlite::{Connection, Row, params};

use super::flows::Flows;
use crate::ledger::{Entry, Rank};
use crate::model::{AssertionKind, CaseRow, OrderClass, RecordRow};
use crate::store::{FlowRow, StoreFault};

/// Bits of an entry's key that say its place in the history of its case.
const ORDINAL_BITS: u32 = 20;
/// Most entries of one case: beyond it, the key of the mapping names something that is not a case.
pub(super) const ENTRIES_PER_CASE: usize = 1 << 16;

/// The highest place in the history of a case.
pub(super) const LAST: usize = (1 << ORDINAL_BITS) - 1;

/// The key of an entry.
pub(super) fn key(case: CaseRow, ordinal: usize) -> i64 {
    case.0 << ORDINAL_BITS | ordinal as i64
}

/// The case of an entry.
pub(super) fn case(key: i64) -> CaseRow {
    CaseRow(key >> ORDINAL_BITS)
}

/// The place of an entry in the history of its case.
pub(super) fn ordinal(key: i64) -> usize {
    (key & LAST as i64) as usize
}

/// Appends an entry; `data` is its update as JSON.
pub(super) fn insert(
    connection: &Connection,
    key: i64,
    (flow, mapping): (FlowRow, i64),
    entry: &Entry,
    data: &[u8],
) -> Result<(), StoreFault> {
    let data = std::str::from_utf8(data).map_err(|error| StoreFault::Failed(error.to_string()))?;
    connection
        .prepare_cached(
            "INSERT INTO entry (id, flow, kind, major, minor, progress, record, mapping, recorded_at, key, content, tie, data)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        )?
        .execute(params![
            key,
            flow.0,
            entry.kind.index(),
            entry.rank.major,
            entry.rank.minor,
            entry.rank.progress,
            entry.record.0,
            mapping,
            entry.recorded_at,
            entry.key.0,
            entry.content.0,
            (entry.rank.tie != entry.content).then_some(entry.rank.tie.0),
            data,
        ])?;
    Ok(())
}

/// The history of a case, in the order of entering: the place of an entry is its ordinal.
pub(super) fn load(connection: &Connection, flows: &Flows, case: CaseRow) -> Result<Vec<Entry>, StoreFault> {
    between(connection, flows, key(case, 0), key(case, LAST))
}

/// One entry.
pub(super) fn get(connection: &Connection, flows: &Flows, key: i64) -> Result<Option<Entry>, StoreFault> {
    Ok(between(connection, flows, key, key)?.pop())
}

fn between(connection: &Connection, flows: &Flows, first: i64, last: i64) -> Result<Vec<Entry>, StoreFault> {
    let mut statement = connection.prepare_cached(
        "SELECT e.flow, e.kind, e.major, e.minor, e.progress, e.record, m.stamp, e.recorded_at, e.key, e.content, e.tie,
                e.data, s.export
         FROM entry e JOIN mapping m ON m.id = e.mapping LEFT JOIN said s ON s.entry = e.id
         WHERE e.id BETWEEN ?1 AND ?2 ORDER BY e.id",
    )?;
    let mut rows = statement.query([first, last])?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        entries.push(read(row, flows)?);
    }
    Ok(entries)
}

fn read(row: &Row<'_>, flows: &Flows) -> Result<Entry, StoreFault> {
    let flow = flows.get(FlowRow(row.get(0)?))?;
    let content = Digest(row.get(9)?);
    let major: i64 = row.get(2)?;
    let export: Option<i64> = row.get(12)?;
    let data = row.get_ref(11)?.as_str().map_err(rusqlite::Error::from)?;
    let update = serde_json::from_str(data)
        .map_err(|error| StoreFault::Failed(format!("a kept update cannot be read: {error}")))?;
    Ok(Entry {
        key: Digest(row.get(8)?),
        content,
        rank: Rank {
            major,
            minor: row.get(3)?,
            progress: row.get(4)?,
            tie: row.get::<_, Option<[u8; 16]>>(10)?.map_or(content, Digest),
        },
        confirmed: match flow.order.class {
            OrderClass::Snapshot => export.map_or(major, |export| export.max(major)),
            OrderClass::Version | OrderClass::Time | OrderClass::Arrival => major,
        },
        order: flow.order,
        kind: AssertionKind::at(row.get(1)?).unwrap_or(AssertionKind::Observed),
        source: flow.name.source.clone(),
        flow: flow.name.flow.clone(),
        record: RecordRow(row.get(5)?),
        mapping: row.get(6)?,
        recorded_at: row.get(7)?,
        update,
    })
}
