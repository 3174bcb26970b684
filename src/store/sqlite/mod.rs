//! The embedded store: one SQLite file, one writer thread, readers beside it. Nothing here decides: `ledger` does.

mod alias;
mod audit;
mod case;
mod command;
mod command_list;
mod desk;
mod document;
mod draft;
mod entries;
mod feed;
mod flows;
mod list;
mod merge;
mod migrate;
mod open;
mod quarantine;
mod raw;
mod read;
mod revisions;
mod seen;
mod shelf;
mod stated;
mod strand;
mod subscription;
mod tally;
mod terms;
mod unit;
mod vitals;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use guichet_sdk::{Digest, Memory};
use rusqlite::{Connection, OptionalExtension as _, params};
use tokio::sync::watch;

use self::desk::Desk;
use self::flows::Flows;
use self::list::Lister;
use self::merge::Merged;
use self::open::Lock;
use self::read::Readers;
use self::revisions::Revisions;
use self::seen::Halves;
use self::shelf::Shelf;
use self::terms::TermKey;
use self::unit::Unit;
use self::vitals::Commits;
use self::writer::{Grouping, Writer};
use super::{
    Amendment, AuditEntry, CaseDocument, CasePage, CaseQuery, Change, Committed, Delivery, FlowRow, FlowStanding,
    KeptRecord, NewSubscription, QuarantineEntry, QuarantineFilter, QuarantineRow, Ready, Settlement, Store,
    StoreFault, Subscription, SubscriptionRow, Subscriptions, Vitals, Work,
};
use crate::ledger::Entry;
use crate::model::{CaseRow, ChangeKind, FlowName, Order, RecordRow, Seal};

/// Records of a unit above which it is made ready on a thread for blocking work.
const INLINE_RECORDS: usize = 32;
/// Digests asked for at once above which the question leaves the async threads.
const INLINE_DIGESTS: usize = 256;

/// Bounds of the store.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Records after which a group of units is committed.
    pub group_records: usize,
    /// Time after which a group is committed although more units wait. A lone unit waits for nobody.
    pub group_wait: Duration,
    /// Reader connections kept open.
    pub readers: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Bounds { group_records: 4_000, group_wait: Duration::from_millis(20), readers: 4 }
    }
}

/// The embedded store.
pub struct Sqlite {
    writer: Writer,
    shared: Arc<Shared>,
    changed: watch::Receiver<i64>,
    commanded: watch::Sender<u64>,
}

/// What readers need.
struct Shared {
    readers: Readers,
    flows: Arc<Flows>,
    revisions: Arc<Revisions>,
    shelf: Arc<Shelf>,
    merged: Arc<Merged>,
    commits: Arc<Commits>,
    seal: Seal,
    terms: TermKey,
    secrets: [u8; 32],
}

impl Sqlite {
    /// Opens the store at a path, and makes it when nothing is there.
    pub fn open(path: &Path, bounds: Bounds) -> Result<Sqlite, StoreFault> {
        let lock = Lock::take(path)?;
        let mut connection = open::writer(path)?;
        migrate::migrate(&mut connection, path)?;
        open::make_durable(&connection, path)?;
        let (seal, terms, secrets) = keys(&connection)?;
        let flows = Arc::new(Flows::default());
        flows.load(&connection)?;
        let (revisions, commits) = (Arc::new(Revisions::default()), Arc::new(Commits::default()));
        let (shelf, merged) = (Arc::new(Shelf::default()), Arc::new(Merged::default()));
        merged.load(&connection)?;
        let (tell, changed) = watch::channel(feed::last(&connection)?);
        let desk = Desk::new(connection, flows.clone(), seal, terms, revisions.clone(), shelf.clone(), merged.clone())?;
        let grouping = Grouping { records: bounds.group_records, wait: bounds.group_wait };
        let writer = Writer::start(desk, grouping, commits.clone(), tell, lock)?;
        let readers = Readers::new(PathBuf::from(path), bounds.readers);
        let shared = Arc::new(Shared { readers, flows, revisions, shelf, merged, commits, seal, terms, secrets });
        Ok(Sqlite { writer, shared, changed, commanded: watch::Sender::new(0) })
    }

    /// Reads off the async threads: for what may take long.
    async fn read_aside<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Shared) -> Result<T, StoreFault> + Send + 'static,
    ) -> Result<T, StoreFault> {
        let shared = self.shared.clone();
        let task = tokio::task::spawn_blocking(move || read(&shared)).await;
        task.unwrap_or_else(|error| Err(StoreFault::Failed(error.to_string())))
    }
}

/// The keys of a store, made from SQLite's generator (seeded by the operating system) when it is new.
fn keys(connection: &Connection) -> Result<(Seal, TermKey, [u8; 32]), StoreFault> {
    connection.execute(
        "INSERT OR IGNORE INTO meta (name, value)
         VALUES ('seal', randomblob(8)), ('terms', randomblob(16)), ('secrets', randomblob(32))",
        [],
    )?;
    let key = "SELECT value FROM meta WHERE name = ?1";
    let seal = connection.query_row(key, ["seal"], |row| row.get(0))?;
    let terms = connection.query_row(key, ["terms"], |row| row.get(0))?;
    let secrets = connection.query_row(key, ["secrets"], |row| row.get(0))?;
    Ok((Seal(u64::from_be_bytes(seal)), TermKey(terms), secrets))
}

impl From<rusqlite::Error> for StoreFault {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked) => {
                StoreFault::Busy(error.to_string())
            }
            _ => StoreFault::Failed(error.to_string()),
        }
    }
}

#[async_trait]
impl Store for Sqlite {
    fn seal(&self) -> Seal {
        self.shared.seal
    }

    async fn register(&self, flow: &FlowName, epoch: u32, order: Order) -> Result<FlowRow, StoreFault> {
        let name = flow.clone();
        self.writer
            .call(1, move |desk| {
                let row = flows::register(&desk.connection, &name, epoch, order)?;
                desk.flows.load(&desk.connection)?;
                Ok(row)
            })
            .await
    }

    fn memory(&self, flow: FlowRow) -> Arc<dyn Memory> {
        Arc::new(Finished { shared: self.shared.clone(), flow })
    }

    async fn known(&self, flow: FlowRow, digests: &[Digest]) -> Result<Vec<bool>, StoreFault> {
        let halves: Vec<Halves> = digests.iter().map(|digest| Halves::of(flow, digest)).collect();
        let read = move |shared: &Shared| {
            shared.readers.at_once(|connection| {
                halves.iter().map(|halves| seen::known(connection, *halves).map_err(StoreFault::from)).collect()
            })
        };
        if digests.len() > INLINE_DIGESTS { self.read_aside(read).await } else { read(&self.shared) }
    }

    async fn ready(&self, work: Work) -> Result<Ready, StoreFault> {
        let (flow, terms) = (self.shared.flows.get(work.flow)?, self.shared.terms);
        let unit = if work.items.len() <= INLINE_RECORDS {
            Unit::ready(work, &flow, terms)?
        } else {
            let task = tokio::task::spawn_blocking(move || Unit::ready(work, &flow, terms)).await;
            task.map_err(|error| StoreFault::Failed(error.to_string()))??
        };
        Ok(Ready(Box::new(unit)))
    }

    async fn write(&self, ready: Ready) -> Result<Committed, StoreFault> {
        let foreign = |_| StoreFault::Failed("the unit of work was made ready by another store".into());
        let unit = ready.0.downcast::<Unit>().map_err(foreign)?;
        let small = unit.len() <= INLINE_RECORDS;
        let weight = unit.len().max(1);
        let (committed, spent) = self.writer.call(weight, move |desk| unit::commit(desk, *unit)).await?;
        if !small {
            // Freeing thousands of cases takes a moment, too.
            tokio::task::spawn_blocking(move || drop(spent));
        }
        Ok(committed)
    }

    async fn standing(&self, flow: FlowRow) -> Result<FlowStanding, StoreFault> {
        self.shared.readers.read(|connection| flows::standing(connection, flow))
    }

    async fn pause(&self, flow: FlowRow, reason: Option<&str>) -> Result<(), StoreFault> {
        let reason = reason.map(str::to_owned);
        self.writer.call(1, move |desk| flows::pause(&desk.connection, flow, reason.as_deref())).await
    }

    async fn announce(&self, source: &str, kind: ChangeKind, now: i64) -> Result<bool, StoreFault> {
        let source = source.to_owned();
        self.writer
            .call(1, move |desk| {
                let source = flows::source(&desk.connection, &source)?;
                let now = desk.time(now);
                Ok(feed::announce(&desk.connection, kind, source, now)?)
            })
            .await
    }

    async fn quarantine(&self, filter: &QuarantineFilter) -> Result<Vec<QuarantineEntry>, StoreFault> {
        let filter = filter.clone();
        self.read_aside(move |shared| {
            shared.readers.read(|connection| quarantine::list(connection, &shared.flows, &filter))
        })
        .await
    }

    async fn record(&self, record: RecordRow) -> Result<Option<KeptRecord>, StoreFault> {
        self.read_aside(move |shared| shared.readers.read(|connection| raw::read(connection, record))).await
    }

    async fn records(&self, flow: FlowRow, from: RecordRow, limit: usize) -> Result<Vec<KeptRecord>, StoreFault> {
        self.read_aside(move |shared| shared.readers.read(|connection| raw::list(connection, flow, from, limit))).await
    }

    async fn dismiss(&self, rows: &[QuarantineRow], who: &str, why: &str, now: i64) -> Result<u64, StoreFault> {
        let (rows, who, why) = (rows.to_vec(), who.to_owned(), why.to_owned());
        self.writer.call(rows.len(), move |desk| quarantine::dismiss(&desk.connection, &rows, &who, &why, now)).await
    }

    async fn audit(&self, before: Option<i64>, limit: usize) -> Result<Vec<AuditEntry>, StoreFault> {
        self.shared.readers.read(|connection| Ok(audit::list(connection, before, limit)?))
    }

    async fn case(&self, case: CaseRow) -> Result<Option<Arc<CaseDocument>>, StoreFault> {
        let Shared { readers, flows, seal, shelf, merged, .. } = &*self.shared;
        let case = merged.now(case);
        if let Some(kept) = shelf.get(case) {
            return Ok(Some(kept));
        }
        let now = shelf.now();
        let found = readers.read(|connection| document::get(connection, flows, *seal, case))?.map(Arc::new);
        if let Some(found) = &found {
            shelf.put(now, found.clone());
        }
        Ok(found)
    }

    async fn revision(&self, case: CaseRow) -> Result<Option<i64>, StoreFault> {
        let Shared { readers, revisions, merged, .. } = &*self.shared;
        let case = merged.now(case);
        if let Some(known) = revisions.get(case) {
            return Ok(Some(known));
        }
        let found = readers.read(|connection| Ok(document::revision(connection, case)?))?;
        if let Some(revision) = found {
            revisions.learn(case, revision);
        }
        Ok(found)
    }

    async fn find(&self, source: &str, key: &str) -> Result<Option<CaseRow>, StoreFault> {
        let Shared { readers, flows, terms, .. } = &*self.shared;
        readers.at_once(|connection| alias::find(connection, flows, *terms, source, key))
    }

    async fn entries(&self, case: CaseRow) -> Result<Vec<Entry>, StoreFault> {
        let Shared { readers, flows, merged, .. } = &*self.shared;
        readers.read(|connection| entries::load(connection, flows, merged.now(case)))
    }

    async fn cases(&self, query: &CaseQuery) -> Result<CasePage, StoreFault> {
        let page = |shared: &Shared, query: &CaseQuery| {
            let Shared { readers, flows, seal, terms, shelf, .. } = shared;
            let now = shelf.now();
            readers
                .at_once(|connection| Lister { connection, flows, seal: *seal, terms: *terms, shelf, now }.page(query))
        };
        if query.takes_what_comes() {
            return page(&self.shared, query);
        }
        let query = query.clone();
        self.read_aside(move |shared| page(shared, &query)).await
    }

    async fn changes(&self, after: i64, limit: usize) -> Result<Vec<Change>, StoreFault> {
        let Shared { readers, flows, seal, .. } = &*self.shared;
        readers.read(|connection| feed::list(connection, flows, *seal, after, limit))
    }

    async fn changed(&self, after: i64) -> i64 {
        let mut changed = self.changed.clone();
        let last = changed.wait_for(|last| *last > after).await.map(|last| *last).ok();
        match last {
            Some(last) => last,
            // The store is closed: nothing will come any more.
            None => std::future::pending().await,
        }
    }

    async fn vitals(&self) -> Result<Vitals, StoreFault> {
        let waiting = self.writer.waiting();
        self.shared.readers.read(|connection| Ok(self.shared.commits.vitals(connection, waiting)?))
    }

    async fn forget_raw(&self, before: i64) -> Result<u64, StoreFault> {
        let (mut forgotten, mut after) = (0, 0);
        loop {
            let step = move |desk: &mut Desk| raw::forget(&desk.connection, before, after);
            let (records, last) = self.writer.call(raw::FORGET_BLOCKS, step).await?;
            forgotten += records;
            match last {
                Some(last) => after = last,
                None => return Ok(forgotten),
            }
        }
    }

    async fn close(&self) {
        self.shared.readers.close();
        self.writer.close().await;
    }
}

#[async_trait]
impl Subscriptions for Sqlite {
    fn secrets(&self) -> [u8; 32] {
        self.shared.secrets
    }

    async fn subscribe(&self, new: &NewSubscription, most: usize) -> Result<Option<Subscription>, StoreFault> {
        let new = new.clone();
        self.writer.call(1, move |desk| subscription::add(&desk.connection, &new, most)).await
    }

    async fn subscriptions(&self) -> Result<Vec<Subscription>, StoreFault> {
        self.read_aside(|shared| shared.readers.at_once(subscription::list)).await
    }

    async fn amend(&self, row: SubscriptionRow, what: Amendment, who: &str, now: i64) -> Result<bool, StoreFault> {
        let who = who.to_owned();
        self.writer.call(1, move |desk| subscription::amend(&desk.connection, row, what, &who, now)).await
    }

    async fn settle(&self, settlement: Settlement) -> Result<(), StoreFault> {
        let weight = 1 + settlement.kept.len() + settlement.done.len();
        self.writer.call(weight, move |desk| subscription::settle(&desk.connection, &settlement)).await
    }

    async fn deliveries(
        &self,
        row: SubscriptionRow,
        dead: bool,
        after: i64,
        limit: usize,
    ) -> Result<Vec<Delivery>, StoreFault> {
        self.read_aside(move |shared| {
            let Shared { readers, flows, seal, .. } = shared;
            readers.at_once(|connection| subscription::deliveries(connection, (flows, *seal), row, dead, after, limit))
        })
        .await
    }

    async fn position_before(&self, at: i64) -> Result<i64, StoreFault> {
        self.shared.readers.at_once(|connection| subscription::position_before(connection, at))
    }
}

/// Wholes a flow has finished.
struct Finished {
    shared: Arc<Shared>,
    flow: FlowRow,
}

impl Memory for Finished {
    fn finished(&self, whole: &Digest) -> bool {
        let found = self.shared.readers.read(|connection| {
            let found = connection
                .prepare_cached("SELECT 1 FROM finished WHERE flow = ?1 AND digest = ?2")?
                .query_row(params![self.flow.0, whole.0], |_| Ok(()))
                .optional()?;
            Ok(found.is_some())
        });
        // Reading a whole again is safe, skipping one is not.
        found.unwrap_or_else(|fault| {
            tracing::warn!(%fault, "whether a file was finished could not be read; it is read again");
            false
        })
    }
}

#[cfg(test)]
mod tests;
