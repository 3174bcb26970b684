//! Subscriptions and their deliveries: few rows, all of them written by the one writer.

use rusqlite::{Connection, OptionalExtension as _, Row, params};
use uuid::Uuid;

use super::flows::Flows;
use super::{audit, feed};
use crate::model::{Seal, SubscriptionState};
use crate::store::{
    Amendment, Delivery, DeliveryStanding, NewSubscription, Settlement, StoreFault, Subscription, SubscriptionRow,
};

const COLUMNS: &str =
    "s.id, s.uuid, s.client, s.url, s.filters, s.state, s.reason, s.secret, s.overlap_until, s.made_at,
    s.cursor, s.replay_at, s.replay_until, s.delivered, s.succeeded_at, s.warned, s.version,
    (SELECT count(*) FROM delivery d WHERE d.subscription = s.id AND d.dead_at IS NULL),
    (SELECT count(*) FROM delivery d WHERE d.subscription = s.id AND d.dead_at IS NOT NULL),
    (SELECT min(d.first_at) FROM delivery d WHERE d.subscription = s.id AND d.dead_at IS NULL)";

/// Makes one, unless there are so many already.
pub(super) fn add(
    connection: &Connection,
    new: &NewSubscription,
    most: usize,
) -> Result<Option<Subscription>, StoreFault> {
    let count: i64 = connection.prepare_cached("SELECT count(*) FROM subscription")?.query_row([], |row| row.get(0))?;
    if count as usize >= most {
        return Ok(None);
    }
    let filters = serde_json::to_string(&new.filters).map_err(|error| StoreFault::Failed(error.to_string()))?;
    let row = connection
        .prepare_cached(
            "INSERT INTO subscription (uuid, client, url, filters, state, secret, made_at, cursor)
             VALUES (?1, ?2, ?3, ?4, ?5, 1, ?6, ?7)",
        )?
        .insert(params![
            new.id.as_bytes(),
            new.client,
            new.url,
            filters,
            SubscriptionState::Pending.index(),
            new.now,
            feed::last(connection)?,
        ])?;
    audit::write(connection, new.now, &new.client, "subscription.add", &new.id.to_string(), "")?;
    get(connection, SubscriptionRow(row))
}

fn get(connection: &Connection, row: SubscriptionRow) -> Result<Option<Subscription>, StoreFault> {
    let sql = format!("SELECT {COLUMNS} FROM subscription s WHERE s.id = ?1");
    Ok(connection.prepare_cached(&sql)?.query_row([row.0], read).optional()?)
}

/// Every one, by row.
pub(super) fn list(connection: &Connection) -> Result<Vec<Subscription>, StoreFault> {
    let sql = format!("SELECT {COLUMNS} FROM subscription s ORDER BY s.id");
    Ok(connection.prepare_cached(&sql)?.query_map([], read)?.collect::<rusqlite::Result<_>>()?)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Subscription> {
    let filters: String = row.get(4)?;
    let replay: (Option<i64>, Option<i64>) = (row.get(11)?, row.get(12)?);
    let count = |at: usize| row.get::<_, i64>(at).map(|n| n as u64);
    Ok(Subscription {
        row: SubscriptionRow(row.get(0)?),
        id: Uuid::from_bytes(row.get(1)?),
        client: row.get(2)?,
        url: row.get(3)?,
        // Filters nobody can read any more must not widen what is told.
        filters: serde_json::from_str(&filters).map_err(|error| {
            rusqlite::Error::FromSqlConversionFailure(4, rusqlite::types::Type::Text, Box::new(error))
        })?,
        state: SubscriptionState::at(row.get(5)?).unwrap_or(SubscriptionState::Disabled),
        reason: row.get(6)?,
        secret: row.get(7)?,
        overlap_until: row.get(8)?,
        made_at: row.get(9)?,
        cursor: row.get(10)?,
        replay: replay.0.zip(replay.1),
        delivered: count(13)?,
        succeeded_at: row.get(14)?,
        warned: row.get(15)?,
        version: row.get(16)?,
        waiting: count(17)?,
        dead: count(18)?,
        failing_since: row.get(19)?,
    })
}

/// Changes one, and writes down who did.
pub(super) fn amend(
    connection: &Connection,
    row: SubscriptionRow,
    what: Amendment,
    who: &str,
    now: i64,
) -> Result<bool, StoreFault> {
    let Some(subscription) = get(connection, row)? else { return Ok(false) };
    let set = |sql: &str, values: &[&dyn rusqlite::ToSql]| -> rusqlite::Result<usize> {
        let sql = format!("UPDATE subscription SET version = version + 1, {sql} WHERE id = ?1");
        connection.prepare_cached(&sql)?.execute(values)
    };
    let mut why = String::new();
    match what {
        Amendment::Verify => {
            set("state = ?2, reason = NULL", &[&row.0, &SubscriptionState::Pending.index()])?;
            // Who is back after a long time gets every delivery its whole time again.
            connection
                .prepare_cached(
                    "UPDATE delivery SET attempts = 0, first_at = NULL, next_at = ?2
                     WHERE subscription = ?1 AND dead_at IS NULL",
                )?
                .execute(params![row.0, now])?;
        }
        Amendment::Rotate { overlap_until } => {
            set("secret = secret + 1, overlap_until = ?2", &[&row.0, &overlap_until])?;
        }
        Amendment::Replay { from, until } => {
            let (from, until) = match subscription.replay {
                Some((at, end)) => (from.min(at), until.max(end)),
                None => (from, until),
            };
            let until = until.min(subscription.cursor);
            why = format!("changes {} to {until}", from + 1);
            if from < until {
                set("replay_at = ?2, replay_until = ?3", &[&row.0, &from, &until])?;
            }
        }
        Amendment::Remove => {
            connection.prepare_cached("DELETE FROM delivery WHERE subscription = ?1")?.execute([row.0])?;
            connection.prepare_cached("DELETE FROM subscription WHERE id = ?1")?.execute([row.0])?;
        }
    }
    audit::write(connection, now, who, what.word(), &subscription.id.to_string(), &why)?;
    Ok(true)
}

/// Writes down what was achieved.
pub(super) fn settle(connection: &Connection, settlement: &Settlement) -> Result<(), StoreFault> {
    let Settlement { row, version, cursor, replayed, kept, done, delivered, succeeded_at, warned, state } = settlement;
    let there = connection
        .prepare_cached(
            "UPDATE subscription SET cursor = max(cursor, coalesce(?2, cursor)), delivered = delivered + ?3,
               succeeded_at = coalesce(?4, succeeded_at), warned = coalesce(?5, warned) WHERE id = ?1",
        )?
        .execute(params![row.0, cursor, *delivered as i64, succeeded_at, warned])?;
    if there == 0 {
        return Ok(());
    }
    if let Some(at) = replayed {
        connection
            .prepare_cached(
                "UPDATE subscription SET replay_at = CASE WHEN ?3 < replay_until THEN ?3 END,
                   replay_until = CASE WHEN ?3 < replay_until THEN replay_until END WHERE id = ?1 AND version = ?2",
            )?
            .execute(params![row.0, version, at])?;
    }
    if let Some((state, reason)) = state {
        connection
            .prepare_cached("UPDATE subscription SET state = ?3, reason = ?4 WHERE id = ?1 AND version = ?2")?
            .execute(params![row.0, version, state.index(), reason])?;
    }
    for change in done {
        connection
            .prepare_cached("DELETE FROM delivery WHERE subscription = ?1 AND change = ?2")?
            .execute(params![row.0, change])?;
    }
    for (change, standing) in kept {
        let DeliveryStanding { attempts, first_at, next_at, status, trouble, dead_at } = standing;
        connection
            .prepare_cached(
                "INSERT OR REPLACE INTO delivery (subscription, change, attempts, first_at, next_at, status, trouble, dead_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?
            .execute(params![row.0, change, attempts, first_at, next_at, status, trouble, dead_at])?;
    }
    Ok(())
}

/// Deliveries that wait, or are dead.
pub(super) fn deliveries(
    connection: &Connection,
    (flows, seal): (&Flows, Seal),
    row: SubscriptionRow,
    dead: bool,
    after: i64,
    limit: usize,
) -> Result<Vec<Delivery>, StoreFault> {
    let mut statement = connection.prepare_cached(
        "SELECT change, attempts, first_at, next_at, status, trouble, dead_at FROM delivery
         WHERE subscription = ?1 AND change > ?2 AND (dead_at IS NOT NULL) = ?3 ORDER BY change LIMIT ?4",
    )?;
    let mut rows = statement.query(params![row.0, after, dead, limit as i64])?;
    let mut deliveries = Vec::new();
    while let Some(row) = rows.next()? {
        let position: i64 = row.get(0)?;
        let change = feed::list(connection, flows, seal, position - 1, 1)?.pop();
        let Some(change) = change.filter(|change| change.seq == position) else { continue };
        let standing = DeliveryStanding {
            attempts: row.get(1)?,
            first_at: row.get(2)?,
            next_at: row.get(3)?,
            status: row.get(4)?,
            trouble: row.get(5)?,
            dead_at: row.get(6)?,
        };
        deliveries.push(Delivery { change, standing });
    }
    Ok(deliveries)
}

/// The last position before a time, by halving: changes are numbered in the order of their times.
pub(super) fn position_before(connection: &Connection, at: i64) -> Result<i64, StoreFault> {
    let mut time = connection.prepare_cached("SELECT at FROM change WHERE seq = ?1")?;
    let (mut before, mut after) = (0, feed::last(connection)? + 1);
    while before + 1 < after {
        let middle = before + (after - before) / 2;
        let earlier = time.query_row([middle], |row| row.get::<_, i64>(0))? < at;
        if earlier { before = middle } else { after = middle }
    }
    Ok(before)
}
