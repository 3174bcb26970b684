//! The smallest store that keeps its promises: in memory, it performs what the ledger decides and fails when told to.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use guichet_sdk::{Cursor, Digest, Memory, Record};

use crate::ledger::{Candidate, Decision, Entry, decide, fold, status};
use crate::model::{AssertionKind, CaseRow, ChangeKind, CommandId, FlowName, Order, RecordRow, Seal, Verb};
use crate::store::*;

/// How a commit goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mishap {
    /// Nothing was committed.
    Before,
    /// Everything was committed, and nobody was told.
    After,
}

/// A record held back.
#[derive(Debug, Clone)]
pub struct HeldRow {
    pub record: RecordRow,
    pub case_key: Option<String>,
    pub held: Held,
    pub code: &'static str,
    pub at: i64,
}

#[derive(Default)]
pub struct State {
    pub order: Option<Order>,
    pub cases: BTreeMap<String, Vec<Entry>>,
    pub applied: HashSet<Digest>,
    pub records: Vec<Record>,
    pub held: Vec<HeldRow>,
    pub cursor: Option<Cursor>,
    pub counts: Counts,
    pub paused: Option<String>,
    pub verified_at: Option<i64>,
    pub announced: Vec<(String, ChangeKind)>,
    pub commits: u64,
    pub mishaps: VecDeque<Option<Mishap>>,
}

#[derive(Default)]
pub struct MemoryStore(pub Mutex<State>);

struct NothingFinished;

impl Memory for NothingFinished {
    fn finished(&self, _: &Digest) -> bool {
        false
    }
}

impl MemoryStore {
    /// Every case as it would be served, by key.
    pub fn served(&self) -> BTreeMap<String, String> {
        let state = self.0.lock().unwrap();
        let served = |entries: &Vec<Entry>| serde_json::to_string(&status(&fold(entries), entries)).unwrap();
        state.cases.iter().map(|(key, entries)| (key.clone(), served(entries))).collect()
    }
}

impl State {
    fn item(&mut self, work: &Work, item: Item, retry: Option<QuarantineRow>) -> Ending {
        let row = match retry {
            Some(row) => self.held[row.0 as usize].record,
            None => {
                self.records.push(item.record);
                RecordRow(self.records.len() as i64 - 1)
            }
        };
        match item.reading {
            Reading::Known => Ending::Duplicate,
            Reading::Refused(refusal) => {
                let code = refusal.issues[0].code;
                self.hold(work, row, refusal.case_key, Held::Quarantined, code.0);
                Ending::Quarantined(code)
            }
            Reading::Mapped(candidates) => {
                let key = candidates.first().map(|c| c.update.key.clone());
                if !work.supersedes && self.waits(key.as_deref()) {
                    self.hold(work, row, key, Held::Parked, "");
                    return Ending::Parked;
                }
                self.applied.insert(item.digest);
                self.apply(work, row, candidates)
            }
        }
    }

    fn waits(&self, key: Option<&str>) -> bool {
        let open = |held: &HeldRow| matches!(held.held, Held::Quarantined | Held::Parked);
        key.is_some() && self.held.iter().any(|held| open(held) && held.case_key.as_deref() == key)
    }

    fn hold(&mut self, work: &Work, record: RecordRow, case_key: Option<String>, held: Held, code: &'static str) {
        self.held.push(HeldRow { record, case_key, held, code, at: work.now });
    }

    fn apply(&mut self, work: &Work, record: RecordRow, candidates: Vec<Candidate>) -> Ending {
        let mut ending = Ending::Duplicate;
        for candidate in candidates {
            let history = self.cases.entry(candidate.update.key.clone()).or_default();
            let (entering, overtaken) = match decide(history, &candidate) {
                Decision::Enter { overtaken } => (candidate, overtaken),
                Decision::Restate(facts) => (*facts, false),
                Decision::Duplicate { .. } => continue,
                Decision::Conflict(issue) => return Ending::Quarantined(issue.code),
            };
            ending = if overtaken { Ending::Superseded } else { Ending::Applied };
            history.push(Entry {
                key: entering.key,
                content: entering.content,
                rank: entering.rank,
                confirmed: entering.rank.major,
                order: self.order.unwrap(),
                kind: AssertionKind::Observed,
                source: "s".into(),
                flow: "f".into(),
                record,
                mapping: work.mapping.clone(),
                recorded_at: work.now,
                update: entering.update,
            });
        }
        ending
    }

    fn work(&mut self, mut work: Work) -> Committed {
        let mut committed = Committed::default();
        let retries = std::mem::take(&mut work.retries);
        let first_receipt = retries.is_empty();
        for row in &retries {
            self.held[row.0 as usize].held = Held::Settled;
        }
        for (at, item) in std::mem::take(&mut work.items).into_iter().enumerate() {
            let ending = self.item(&work, item, retries.get(at).copied());
            committed.counts.received += 1;
            match ending {
                Ending::Applied => committed.counts.applied += 1,
                Ending::Duplicate => committed.counts.duplicate += 1,
                Ending::Superseded => committed.counts.superseded += 1,
                Ending::Quarantined(_) => committed.counts.quarantined += 1,
                Ending::Parked => committed.counts.parked += 1,
            }
            committed.endings.push(ending);
        }
        if first_receipt {
            self.counts.add(&committed.counts);
        }
        self.cursor = work.cursor.or(self.cursor.take());
        if work.verified {
            self.verified_at = Some(work.now);
        }
        self.commits += 1;
        committed
    }

    fn entry(&self, at: usize) -> QuarantineEntry {
        let held = &self.held[at];
        QuarantineEntry {
            row: QuarantineRow(at as i64),
            flow: FlowRow(1),
            name: FlowName::new("s", "f"),
            record: held.record,
            case_key: held.case_key.clone(),
            held: held.held,
            issues: vec![KeptIssue {
                code: held.code.into(),
                message: String::new(),
                place: guichet_sdk::Place::default(),
                hint: None,
            }],
            mapping: "m@1".into(),
            at: held.at,
        }
    }
}

#[async_trait]
impl Store for MemoryStore {
    fn seal(&self) -> Seal {
        Seal(1)
    }
    async fn register(&self, _: &FlowName, _: u32, order: Order) -> Result<FlowRow, StoreFault> {
        self.0.lock().unwrap().order = Some(order);
        Ok(FlowRow(1))
    }
    fn memory(&self, _: FlowRow) -> Arc<dyn Memory> {
        Arc::new(NothingFinished)
    }
    async fn known(&self, _: FlowRow, digests: &[Digest]) -> Result<Vec<bool>, StoreFault> {
        let state = self.0.lock().unwrap();
        Ok(digests.iter().map(|digest| state.applied.contains(digest)).collect())
    }
    async fn ready(&self, work: Work) -> Result<Ready, StoreFault> {
        Ok(Ready(Box::new(work)))
    }
    async fn write(&self, ready: Ready) -> Result<Committed, StoreFault> {
        let work = *ready.0.downcast::<Work>().unwrap();
        tokio::task::yield_now().await;
        let mut state = self.0.lock().unwrap();
        let mishap = state.mishaps.pop_front().flatten();
        if mishap == Some(Mishap::Before) {
            return Err(StoreFault::Failed("the disk is full".into()));
        }
        let committed = state.work(work);
        match mishap {
            None => Ok(committed),
            Some(_) => Err(StoreFault::Failed("the answer was lost".into())),
        }
    }
    async fn standing(&self, _: FlowRow) -> Result<FlowStanding, StoreFault> {
        let state = self.0.lock().unwrap();
        let open = state.held.iter().filter(|held| matches!(held.held, Held::Quarantined | Held::Parked)).count();
        Ok(FlowStanding {
            cursor: state.cursor.clone(),
            counts: state.counts,
            open: open as u64,
            verified_at: state.verified_at,
            observed_at: None,
            paused: state.paused.clone(),
        })
    }
    async fn pause(&self, _: FlowRow, reason: Option<&str>) -> Result<(), StoreFault> {
        self.0.lock().unwrap().paused = reason.map(str::to_owned);
        Ok(())
    }
    async fn announce(&self, source: &str, kind: ChangeKind, _: i64) -> Result<bool, StoreFault> {
        self.0.lock().unwrap().announced.push((source.to_owned(), kind));
        Ok(true)
    }
    async fn quarantine(&self, filter: &QuarantineFilter) -> Result<Vec<QuarantineEntry>, StoreFault> {
        let state = self.0.lock().unwrap();
        let wanted = |entry: &QuarantineEntry| {
            (filter.settled || matches!(entry.held, Held::Quarantined | Held::Parked))
                && (filter.rows.is_empty() || filter.rows.contains(&entry.row))
                && filter.after.is_none_or(|after| entry.row.0 > after.0)
                && (filter.case_key.is_none() || filter.case_key == entry.case_key)
                && filter.code.as_ref().is_none_or(|code| entry.issues[0].code == *code)
        };
        Ok((0..state.held.len()).map(|at| state.entry(at)).filter(wanted).take(filter.limit).collect())
    }
    async fn record(&self, record: RecordRow) -> Result<Option<KeptRecord>, StoreFault> {
        let state = self.0.lock().unwrap();
        let kept = state.records.get(record.0 as usize).cloned();
        Ok(Some(KeptRecord { row: record, flow: FlowRow(1), received_at: 0, record: kept }))
    }
    async fn records(&self, _: FlowRow, _: RecordRow, _: usize) -> Result<Vec<KeptRecord>, StoreFault> {
        Ok(Vec::new())
    }
    async fn audit(&self, _: Option<i64>, _: usize) -> Result<Vec<AuditEntry>, StoreFault> {
        Ok(Vec::new())
    }
    async fn dismiss(&self, rows: &[QuarantineRow], _: &str, _: &str, _: i64) -> Result<u64, StoreFault> {
        let mut state = self.0.lock().unwrap();
        for row in rows {
            state.held[row.0 as usize].held = Held::Dismissed;
        }
        Ok(rows.len() as u64)
    }
    async fn case(&self, _: CaseRow) -> Result<Option<std::sync::Arc<CaseDocument>>, StoreFault> {
        Ok(None)
    }
    async fn revision(&self, _: CaseRow) -> Result<Option<i64>, StoreFault> {
        Ok(None)
    }
    async fn find(&self, _: &str, _: &str) -> Result<Option<CaseRow>, StoreFault> {
        Ok(None)
    }
    async fn entries(&self, _: CaseRow) -> Result<Vec<Entry>, StoreFault> {
        Ok(Vec::new())
    }
    async fn cases(&self, _: &CaseQuery) -> Result<CasePage, StoreFault> {
        Ok(CasePage::default())
    }
    async fn changes(&self, _: i64, _: usize) -> Result<Vec<Change>, StoreFault> {
        Ok(Vec::new())
    }
    async fn changed(&self, after: i64) -> i64 {
        after
    }
    async fn vitals(&self) -> Result<Vitals, StoreFault> {
        Ok(Vitals::default())
    }
    async fn forget_raw(&self, _: i64) -> Result<u64, StoreFault> {
        Ok(0)
    }
    async fn close(&self) {}
}

/// Nobody subscribes to a store of flows.
#[async_trait]
impl Subscriptions for MemoryStore {
    fn secrets(&self) -> [u8; 32] {
        [0; 32]
    }
    async fn subscribe(&self, _: &NewSubscription, _: usize) -> Result<Option<Subscription>, StoreFault> {
        Ok(None)
    }
    async fn subscriptions(&self) -> Result<Vec<Subscription>, StoreFault> {
        Ok(Vec::new())
    }
    async fn amend(&self, _: SubscriptionRow, _: Amendment, _: &str, _: i64) -> Result<bool, StoreFault> {
        Ok(false)
    }
    async fn settle(&self, _: Settlement) -> Result<(), StoreFault> {
        Ok(())
    }
    async fn deliveries(&self, _: SubscriptionRow, _: bool, _: i64, _: usize) -> Result<Vec<Delivery>, StoreFault> {
        Ok(Vec::new())
    }
    async fn position_before(&self, _: i64) -> Result<i64, StoreFault> {
        Ok(0)
    }
}

/// No flow asks for commands.
#[async_trait]
impl Commands for MemoryStore {
    async fn ask(&self, _: NewCommand) -> Result<Asked, StoreFault> {
        Err(StoreFault::Closed)
    }
    async fn command(&self, _: CommandId) -> Result<Option<CommandEntry>, StoreFault> {
        Err(StoreFault::Closed)
    }
    async fn commands(&self, _: &CommandFilter) -> Result<Vec<CommandEntry>, StoreFault> {
        Err(StoreFault::Closed)
    }
    async fn lease(&self, _: FlowRow, _: i64, _: i64, _: usize) -> Result<Vec<Leased>, StoreFault> {
        Err(StoreFault::Closed)
    }
    async fn next_due(&self, _: FlowRow, _: i64) -> Result<Option<i64>, StoreFault> {
        Err(StoreFault::Closed)
    }
    async fn sending(&self, _: &Leased, _: &str, _: &str, _: i64) -> Result<bool, StoreFault> {
        Err(StoreFault::Closed)
    }
    async fn conclude(&self, _: &Leased, _: Upshot, _: i64) -> Result<bool, StoreFault> {
        Err(StoreFault::Closed)
    }
    async fn recover(&self, _: Upshot, _: i64) -> Result<u64, StoreFault> {
        Err(StoreFault::Closed)
    }
    async fn strand(&self, _: &[(FlowName, Verb)], _: KeptIssue, _: i64) -> Result<Stranded, StoreFault> {
        Err(StoreFault::Closed)
    }
    async fn step_in(&self, _: CommandId, _: StepIn, _: &str, _: &str, _: i64) -> Result<Option<bool>, StoreFault> {
        Err(StoreFault::Closed)
    }
    async fn commanded(&self, _: u64) -> u64 {
        std::future::pending().await
    }
}
