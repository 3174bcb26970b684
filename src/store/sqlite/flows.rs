//! Flows: who speaks. Their rows are few and asked for with every record, so they are kept in memory.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use guichet_sdk::Cursor;
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::model::{FlowName, Order, OrderClass};
use crate::store::{Counts, FlowRow, FlowStanding, StoreFault};

/// What is known about a flow.
#[derive(Debug)]
pub(super) struct Flow {
    /// Its row.
    pub(super) row: FlowRow,
    /// Its name.
    pub(super) name: FlowName,
    /// Row of its source.
    pub(super) source: i64,
    /// Epoch of its source.
    pub(super) epoch: u32,
    /// Its order.
    pub(super) order: Order,
    /// Whether its last unit mostly made new cases.
    new_cases: AtomicBool,
}

impl Flow {
    /// The scope of its native keys: a source and an epoch.
    pub(super) fn scope(&self) -> i64 {
        scope(self.source, self.epoch)
    }

    /// Whether drafting cases is likely to pay.
    pub(super) fn expects_cases(&self) -> bool {
        self.new_cases.load(Ordering::Relaxed)
    }

    /// What the last unit did.
    pub(super) fn makes_cases(&self, mostly: bool) {
        self.new_cases.store(mostly, Ordering::Relaxed);
    }
}

/// The scope of native keys.
pub(super) fn scope(source: i64, epoch: u32) -> i64 {
    source << 32 | i64::from(epoch)
}

/// Every registered flow, and the names of sources.
#[derive(Debug, Default)]
pub(super) struct Flows {
    known: RwLock<Known>,
}

#[derive(Debug, Default)]
struct Known {
    flows: HashMap<i64, Arc<Flow>>,
    sources: HashMap<i64, Arc<str>>,
}

impl Flows {
    /// Reads them anew.
    pub(super) fn load(&self, connection: &Connection) -> rusqlite::Result<()> {
        let mut known = Known::default();
        let mut statement = connection.prepare_cached("SELECT id, name FROM source")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            known.sources.insert(row.get(0)?, row.get(1)?);
        }
        let mut statement = connection.prepare_cached("SELECT id, source, name, epoch, class, ties, skew FROM flow")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let source: i64 = row.get(1)?;
            let name = known.sources.get(&source).cloned().unwrap_or_default();
            let flow = Flow {
                row: FlowRow(row.get(0)?),
                name: FlowName { source: name, flow: row.get(2)? },
                source,
                epoch: row.get(3)?,
                order: Order {
                    class: OrderClass::at(row.get(4)?).unwrap_or(OrderClass::Arrival),
                    ties_by_position: row.get(5)?,
                    skew: row.get(6)?,
                },
                new_cases: AtomicBool::new(true),
            };
            known.flows.insert(flow.row.0, Arc::new(flow));
        }
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = known;
        Ok(())
    }

    /// A flow.
    pub(super) fn get(&self, row: FlowRow) -> Result<Arc<Flow>, StoreFault> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.flows.get(&row.0).cloned().ok_or_else(|| StoreFault::Failed(format!("flow {} is not registered", row.0)))
    }

    /// Every flow.
    pub(super) fn all(&self) -> Vec<Arc<Flow>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).flows.values().cloned().collect()
    }

    /// The name of a source.
    pub(super) fn source(&self, id: i64) -> Arc<str> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.sources.get(&id).cloned().unwrap_or_default()
    }

    /// Every source with its row.
    pub(super) fn sources(&self) -> Vec<(i64, Arc<str>)> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.sources.iter().map(|(id, name)| (*id, name.clone())).collect()
    }

    /// The row of a source.
    pub(super) fn source_row(&self, name: &str) -> Option<i64> {
        self.sources().into_iter().find(|(_, known)| &**known == name).map(|(id, _)| id)
    }
}

/// Makes a flow known or updates its epoch and order.
pub(super) fn register(
    connection: &Connection,
    name: &FlowName,
    epoch: u32,
    order: Order,
) -> Result<FlowRow, StoreFault> {
    let source = source(connection, &name.source)?;
    let row = connection
        .prepare_cached(
            "INSERT INTO flow (source, name, epoch, class, ties, skew) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (source, name) DO UPDATE SET epoch = ?3, class = ?4, ties = ?5, skew = ?6 RETURNING id",
        )?
        .query_row(
            params![source, name.flow, epoch, order.class.index(), order.ties_by_position, order.skew],
            |row| row.get(0),
        )?;
    Ok(FlowRow(row))
}

/// The row of a source, made when it is new.
pub(super) fn source(connection: &Connection, name: &str) -> rusqlite::Result<i64> {
    let known = connection
        .prepare_cached("SELECT id FROM source WHERE name = ?1")?
        .query_row([name], |row| row.get(0))
        .optional()?;
    match known {
        Some(id) => Ok(id),
        None => connection.prepare_cached("INSERT INTO source (name) VALUES (?1)")?.insert([name]),
    }
}

/// Where a flow stands.
pub(super) fn standing(connection: &Connection, flow: FlowRow) -> Result<FlowStanding, StoreFault> {
    let standing = connection
        .prepare_cached(
            "SELECT cursor, received, applied, duplicate, superseded, quarantined, parked, open, verified_at, observed_at,
                    paused
             FROM flow WHERE id = ?1",
        )?
        .query_row([flow.0], |row| {
            let count = |at: usize| row.get::<_, i64>(at).map(|n| n as u64);
            Ok(FlowStanding {
                cursor: row.get::<_, Option<String>>(0)?.map(Cursor),
                counts: Counts {
                    received: count(1)?,
                    applied: count(2)?,
                    duplicate: count(3)?,
                    superseded: count(4)?,
                    quarantined: count(5)?,
                    parked: count(6)?,
                },
                open: count(7)?,
                verified_at: row.get(8)?,
                observed_at: row.get(9)?,
                paused: row.get(10)?,
            })
        })
        .optional()?;
    standing.ok_or_else(|| StoreFault::Failed(format!("flow {} is not registered", flow.0)))
}

/// Pauses a flow, or resumes it.
pub(super) fn pause(connection: &Connection, flow: FlowRow, reason: Option<&str>) -> Result<(), StoreFault> {
    connection.prepare_cached("UPDATE flow SET paused = ?2 WHERE id = ?1")?.execute(params![flow.0, reason])?;
    Ok(())
}
