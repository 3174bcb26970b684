//! Raw records: kept word for word, many in one compressed block, append-only. Packing is the caller's work, so that the
//! writer only inserts rows. Refuses to forget what is still held in quarantine.

use std::sync::Arc;

use bytes::Bytes;
use guichet_sdk::{Origin, Record};
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::model::RecordRow;
use crate::store::{FlowRow, KeptRecord, StoreFault};

/// Bits of a record row that say its place in the block.
const SLOT_BITS: u32 = 12;
/// Most records of a block.
const BLOCK_RECORDS: usize = 1 << SLOT_BITS;
/// A block is closed beyond this many bytes: reading one record unpacks one block.
const BLOCK_BYTES: usize = 2 << 20;
/// The fastest level: half the size for a tenth of the time of writing.
const LEVEL: i32 = 1;
/// In place of the length of a record whose bytes are forgotten.
const FORGOTTEN: u32 = u32::MAX;
/// Blocks looked at in one transaction while forgetting.
pub(super) const FORGET_BLOCKS: usize = 64;

/// A compressed block, ready to insert.
#[derive(Debug)]
pub(super) struct Block {
    records: usize,
    data: Vec<u8>,
}

/// Place of a record among the blocks of its unit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slot {
    block: usize,
    place: usize,
}

impl Slot {
    /// The row of the record, once its unit's blocks have theirs.
    pub(super) fn row(self, blocks: &[i64]) -> Option<RecordRow> {
        blocks.get(self.block).map(|block| RecordRow(block << SLOT_BITS | self.place as i64))
    }
}

/// Packs the records of a unit.
#[derive(Debug, Default)]
pub(super) struct Packer {
    blocks: Vec<Block>,
    plain: Vec<u8>,
    records: usize,
}

impl Packer {
    /// Adds a record.
    pub(super) fn add(&mut self, record: &Record) -> Result<Slot, StoreFault> {
        if self.records == BLOCK_RECORDS || self.plain.len() >= BLOCK_BYTES {
            self.close()?;
        }
        let slot = Slot { block: self.blocks.len(), place: self.records };
        write(&mut self.plain, record)?;
        self.records += 1;
        Ok(slot)
    }

    /// The blocks.
    pub(super) fn finish(mut self) -> Result<Vec<Block>, StoreFault> {
        if self.records > 0 {
            self.close()?;
        }
        Ok(self.blocks)
    }

    fn close(&mut self) -> Result<(), StoreFault> {
        let data = pack(&self.plain)?;
        self.blocks.push(Block { records: self.records, data });
        self.plain.clear();
        self.records = 0;
        Ok(())
    }
}

/// Inserts a block; its row.
pub(super) fn insert(connection: &Connection, flow: FlowRow, at: i64, block: &Block) -> rusqlite::Result<i64> {
    connection.prepare_cached("INSERT INTO raw (flow, at, records, data) VALUES (?1, ?2, ?3, ?4)")?.insert(params![
        flow.0,
        at,
        block.records as i64,
        block.data
    ])
}

/// A kept record.
pub(super) fn read(connection: &Connection, row: RecordRow) -> Result<Option<KeptRecord>, StoreFault> {
    let (block, place) = (row.0 >> SLOT_BITS, (row.0 & (BLOCK_RECORDS as i64 - 1)) as usize);
    let found = connection
        .prepare_cached("SELECT flow, at, records, data FROM raw WHERE id = ?1")?
        .query_row([block], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get::<_, i64>(2)?, row.get::<_, Option<Vec<u8>>>(3)?))
        })
        .optional()?;
    let Some((flow, received_at, records, data)) = found else { return Ok(None) };
    if place as i64 >= records {
        return Ok(None);
    }
    let record = match data {
        Some(data) => unpack(&data)?.into_iter().nth(place).flatten(),
        None => None,
    };
    Ok(Some(KeptRecord { row, flow: FlowRow(flow), received_at, record }))
}

/// Kept records of a flow from a row on, in order of receipt.
pub(super) fn list(
    connection: &Connection,
    flow: FlowRow,
    from: RecordRow,
    limit: usize,
) -> Result<Vec<KeptRecord>, StoreFault> {
    let mut statement =
        connection.prepare_cached("SELECT id, at, records, data FROM raw WHERE flow = ?1 AND id >= ?2 ORDER BY id")?;
    let mut rows = statement.query(params![flow.0, from.0 >> SLOT_BITS])?;
    let mut kept = Vec::new();
    while let Some(row) = rows.next()? {
        let (block, received_at): (i64, i64) = (row.get(0)?, row.get(1)?);
        let mut records = match row.get::<_, Option<Vec<u8>>>(3)? {
            Some(data) => unpack(&data)?,
            None => vec![None; row.get::<_, i64>(2)? as usize],
        };
        for (place, record) in records.drain(..).enumerate() {
            let row = RecordRow(block << SLOT_BITS | place as i64);
            if row >= from && kept.len() < limit {
                kept.push(KeptRecord { row, flow, received_at, record });
            }
        }
        if kept.len() >= limit {
            break;
        }
    }
    Ok(kept)
}

/// Forgets the bytes of the next blocks received before a time, after a block; how many records, and the last block.
pub(super) fn forget(connection: &Connection, before: i64, after: i64) -> Result<(u64, Option<i64>), StoreFault> {
    let blocks: Vec<i64> = connection
        .prepare_cached(
            "SELECT id FROM raw INDEXED BY raw_kept WHERE data IS NOT NULL AND at < ?1 AND id > ?2
             ORDER BY at, id LIMIT ?3",
        )?
        .query_map(params![before, after, FORGET_BLOCKS as i64], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let mut forgotten = 0;
    for block in &blocks {
        forgotten += forget_block(connection, *block)?;
    }
    Ok((forgotten, blocks.into_iter().max()))
}

/// Forgets a block but for what is held in it; how many records.
fn forget_block(connection: &Connection, block: i64) -> Result<u64, StoreFault> {
    let held: Vec<i64> = connection
        .prepare_cached("SELECT record FROM quarantine WHERE held < 2 AND record BETWEEN ?1 AND ?2")?
        .query_map([block << SLOT_BITS, ((block + 1) << SLOT_BITS) - 1], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let (records, before, data): (i64, i64, Vec<u8>) = connection
        .prepare_cached("SELECT records, forgotten, data FROM raw WHERE id = ?1")?
        .query_row([block], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let kept = if held.is_empty() { None } else { Some(keep(&data, block, &held)?) };
    let forgotten = records - held.len() as i64;
    if forgotten > before {
        connection
            .prepare_cached("UPDATE raw SET data = ?2, forgotten = ?3 WHERE id = ?1")?
            .execute(params![block, kept, forgotten])?;
    }
    Ok((forgotten - before).max(0) as u64)
}

/// The block with only these records in it.
fn keep(data: &[u8], block: i64, held: &[i64]) -> Result<Vec<u8>, StoreFault> {
    let mut plain = Vec::new();
    for (place, record) in unpack(data)?.iter().enumerate() {
        match record.as_ref().filter(|_| held.contains(&(block << SLOT_BITS | place as i64))) {
            Some(record) => write(&mut plain, record)?,
            None => plain.extend(FORGOTTEN.to_le_bytes()),
        }
    }
    pack(&plain)
}

fn write(plain: &mut Vec<u8>, record: &Record) -> Result<(), StoreFault> {
    let origin = serde_json::to_vec(&record.origin).map_err(|error| StoreFault::Failed(error.to_string()))?;
    for part in [&record.bytes[..], record.context.as_bytes(), &origin] {
        plain.extend((part.len() as u32).to_le_bytes());
        plain.extend(part);
    }
    Ok(())
}

fn pack(plain: &[u8]) -> Result<Vec<u8>, StoreFault> {
    zstd::bulk::compress(plain, LEVEL).map_err(|error| StoreFault::Failed(format!("a block cannot be packed: {error}")))
}

/// The records of a block; `None` where the bytes are forgotten.
fn unpack(data: &[u8]) -> Result<Vec<Option<Record>>, StoreFault> {
    let damaged = || StoreFault::Failed("a block of kept records is damaged".into());
    let plain = Bytes::from(zstd::stream::decode_all(data).map_err(|_| damaged())?);
    let mut records = Vec::new();
    let mut at = 0;
    while at < plain.len() {
        if length(&plain, at) == Some(FORGOTTEN) {
            records.push(None);
            at += 4;
            continue;
        }
        let mut part = || {
            let end = at + 4 + length(&plain, at)? as usize;
            let part = (end <= plain.len()).then(|| plain.slice(at + 4..end));
            at = end;
            part
        };
        let (bytes, context, origin) =
            (part().ok_or_else(damaged)?, part().ok_or_else(damaged)?, part().ok_or_else(damaged)?);
        let context: Arc<str> = std::str::from_utf8(&context).map_err(|_| damaged())?.into();
        let origin: Origin = serde_json::from_slice(&origin).map_err(|_| damaged())?;
        records.push(Some(Record { bytes, context, origin }));
    }
    Ok(records)
}

fn length(plain: &[u8], at: usize) -> Option<u32> {
    plain.get(at..at + 4).and_then(|four| four.try_into().ok()).map(u32::from_le_bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn what_is_packed_is_unpacked_word_for_word() {
        let record = |n: usize| Record {
            bytes: Bytes::from(vec![n as u8; n]),
            context: "a;b\n".into(),
            origin: Origin { name: "f.csv".into(), line: n as u64, ..Origin::default() },
        };
        let mut packer = Packer::default();
        for n in 0..10 {
            packer.add(&record(n)).unwrap();
        }
        let blocks = packer.finish().unwrap();
        let records = unpack(&blocks[0].data).unwrap();
        assert_eq!((blocks.len(), blocks[0].records, records.len()), (1, 10, 10));
        for (n, kept) in records.into_iter().enumerate() {
            let (kept, given) = (kept.unwrap(), record(n));
            assert_eq!((kept.bytes, kept.context, kept.origin), (given.bytes, given.context, given.origin));
        }
    }

    #[test]
    fn a_damaged_block_is_a_failure_never_a_panic() {
        let whole = zstd::bulk::compress(&[9, 0, 0, 0, 1], 1).unwrap();
        assert!(unpack(&whole).is_err());
        assert!(unpack(b"nothing of ours").is_err());
    }
}
