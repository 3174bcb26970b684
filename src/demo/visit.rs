//! A visit: the departments put down their history, the hub reads it, and life goes on until the visitor leaves. Watches
//! the hub from outside, through its board and its store, as an operator would.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::account::{self, Account, News};
use super::departments::Departments;
use super::generator::{Department, Expected};
use crate::flow::{Board, FlowStatus, now};
use crate::model::FlowName;
use crate::store::{Counts, QuarantineEntry, QuarantineFilter, QuarantineRow, Store, StoreFault};

/// How often something happens in the city.
const PACE: Duration = Duration::from_secs(1);
/// How often the board is looked at while the history is read.
const LOOK: Duration = Duration::from_millis(100);
/// Without a new record for so long, the history will not arrive any more.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between these seconds of every round a department cannot be reached: its system is down, its share is away.
const AWAY: [(Department, Range<u64>); 2] = [(Department::Streets, 8..24), (Department::Tax, 60..80)];
/// Length of a round, seconds.
const ROUND: u64 = 180;

/// What went wrong with a visit.
#[derive(Debug, thiserror::Error)]
pub enum VisitFault {
    /// A department could not put down a file.
    #[error("a department of the sample city cannot put down its files")]
    Departments(#[from] std::io::Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreFault),
    /// Records are missing.
    #[error("the hub received {received} of the {expected} records put down, and nothing more came for {PATIENCE:?}")]
    Missing {
        /// Received.
        received: u64,
        /// Put down.
        expected: u64,
    },
    /// Counts that do not add up, or accidents that were not intended.
    #[error("the counts do not balance: {0}")]
    Unbalanced(String),
}

/// A visit of the sample city.
pub struct Visit<'s> {
    /// Store of the running hub.
    pub store: Arc<dyn Store>,
    /// Board of the running hub.
    pub board: Arc<Board>,
    /// The departments.
    pub departments: Departments,
    /// Where lines go.
    pub say: &'s mut (dyn FnMut(&str) + Send),
}

impl Visit<'_> {
    /// The hub reads the history, and tells what became of it.
    pub async fn history(&mut self) -> Result<(), VisitFault> {
        let started = Instant::now();
        self.caught_up().await?;
        let seconds = started.elapsed().as_secs_f64();
        let (records, cases) = (self.departments.expected.records, self.store.vitals().await?.cases);
        (self.say)(&format!(
            "  {records} records of {} departments make {cases} cases, read in {seconds:.1} s",
            Department::ALL.len()
        ));
        (self.say)("");
        for line in account::table(&self.board.all()) {
            (self.say)(&format!("  {line}"));
        }
        Ok(())
    }

    /// Waits until the hub has received everything that was put down.
    pub async fn caught_up(&self) -> Result<(), VisitFault> {
        let expected = self.departments.expected.records;
        let (mut received, mut moved) = (0, Instant::now());
        while received < expected {
            tokio::time::sleep(LOOK).await;
            let sum = sum(&self.board.all());
            if sum.received > received {
                (received, moved) = (sum.received, Instant::now());
            }
            if moved.elapsed() > PATIENCE {
                return Err(VisitFault::Missing { received, expected });
            }
        }
        Ok(())
    }

    /// Life goes on, until the time is over (if there is one).
    pub async fn live(&mut self, during: Option<Duration>) -> Result<(), VisitFault> {
        let started = Instant::now();
        let mut account = Account::default();
        account.begin(&self.board.all());
        let mut told = self.newest_held().await?;
        let mut seen = self.store.vitals().await?.change;
        let mut ticks = tokio::time::interval(PACE);
        while during.is_none_or(|during| started.elapsed() < during) {
            ticks.tick().await;
            let second = started.elapsed().as_secs() % ROUND;
            for (department, away) in &AWAY {
                self.departments.share(*department, !away.contains(&second))?;
            }
            let dropped = self.departments.live(civil_now())?;
            account.dropped(dropped.department.word(), &dropped.name);
            let held = self.held_after(told).await?;
            told = held.last().map(|entry| entry.row).or(told);
            let clock = civil_now().strftime("%H:%M:%S").to_string();
            let news = self.news(&mut seen).await?;
            for line in account.tell(&self.board.all(), &news, &held, now()) {
                (self.say)(&format!("  {clock}  {line}"));
            }
        }
        AWAY.iter().try_for_each(|(department, _)| self.departments.share(*department, true))?;
        Ok(())
    }

    /// Whether everything put down was received, and no record ended worse than intended. A later export may have
    /// settled what was held, so fewer may be held than went wrong.
    pub fn balance(&self) -> Result<(), VisitFault> {
        let (sum, Expected { records, quarantined, parked }) = (sum(&self.board.all()), self.departments.expected);
        // what a broker delivers again is received again
        let again: u64 = self.board.all().iter().map(|(_, status)| status.redelivered).sum();
        if sum.received < records || sum.received > records + again || !sum.balanced() {
            return Err(VisitFault::Unbalanced(format!("{records} records were put down, and {sum:?}")));
        }
        if sum.quarantined > quarantined || sum.parked > parked {
            let intended = format!("{quarantined} records were to be quarantined and {parked} parked at most");
            return Err(VisitFault::Unbalanced(format!("{intended}, and {sum:?}")));
        }
        Ok(())
    }

    /// What the change feed says about cases after this position.
    async fn news(&self, seen: &mut i64) -> Result<Vec<News>, StoreFault> {
        let mut news = Vec::new();
        for change in self.store.changes(*seen, 100).await? {
            *seen = change.seq;
            let Some(changed) = change.case else { continue };
            let case = self.store.case(changed.row).await?;
            news.extend(case.map(|case| News::of(&case, &self.store.seal().reference(changed.row))));
        }
        Ok(news)
    }

    async fn newest_held(&self) -> Result<Option<QuarantineRow>, StoreFault> {
        let mut newest = None;
        loop {
            let page = self.held_after(newest).await?;
            match page.last() {
                Some(entry) => newest = Some(entry.row),
                None => return Ok(newest),
            }
        }
    }

    async fn held_after(&self, after: Option<QuarantineRow>) -> Result<Vec<QuarantineEntry>, StoreFault> {
        self.store.quarantine(&QuarantineFilter { after, limit: 100, ..QuarantineFilter::default() }).await
    }
}

/// Counts of every flow together.
pub fn sum(flows: &[(FlowName, FlowStatus)]) -> Counts {
    let mut sum = Counts::default();
    flows.iter().for_each(|(_, status)| sum.add(&status.counts));
    sum
}

/// Now, as the clock on the wall of the city's offices shows it.
pub fn civil_now() -> DateTime {
    let zone = TimeZone::get("Europe/Paris").unwrap_or(TimeZone::UTC);
    let now = jiff::Timestamp::now().to_zoned(zone).datetime();
    now.date().at(now.hour(), now.minute(), now.second(), 0)
}
