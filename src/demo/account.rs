//! The live account: what a visitor of the demo reads while the city lives. Pure: states in, lines out.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::flow::FlowStatus;
use crate::model::{FlowName, Freshness, WaitingOn};
use crate::store::{CaseDocument, Counts, Held, QuarantineEntry};

/// What has been told so far.
#[derive(Debug, Default)]
pub struct Account {
    told: BTreeMap<FlowName, Told>,
    dropped: BTreeMap<String, Vec<String>>,
}

/// What became of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    /// Its source.
    pub source: Arc<str>,
    /// `7K3M-9QXD-4 street-report is closed, done`
    pub line: String,
}

impl News {
    /// The news of a case as it stands; its reference says which.
    pub fn of(case: &CaseDocument, reference: &str) -> Self {
        let CaseDocument { source, service, phase, waiting_on, outcome, .. } = case;
        let how = match (outcome, waiting_on) {
            (Some(outcome), _) => format!(", {outcome}"),
            (None, Some(WaitingOn::Nobody) | None) => String::new(),
            (None, Some(whom)) => format!(", waits for {whom}"),
        };
        let line = format!("{reference} {} is {phase}{how}", service.as_deref().unwrap_or("case"));
        News { source: source.clone(), line }
    }
}

#[derive(Debug, Default)]
struct Told {
    counts: Counts,
    stale: bool,
}

impl Account {
    /// Takes the present state as known: nothing of it will be told.
    pub fn begin(&mut self, flows: &[(FlowName, FlowStatus)]) {
        for (name, status) in flows {
            self.told.insert(name.clone(), Told { counts: status.counts, stale: false });
        }
    }

    /// A department has put down a file.
    pub fn dropped(&mut self, source: &str, file: &str) {
        self.dropped.entry(source.to_owned()).or_default().push(file.to_owned());
    }

    /// What has happened since the last time; `now` is microseconds since 1970.
    pub fn tell(
        &mut self,
        flows: &[(FlowName, FlowStatus)],
        news: &[News],
        held: &[QuarantineEntry],
        now: i64,
    ) -> Vec<String> {
        let mut lines = Vec::new();
        for (name, status) in flows {
            let told = self.told.entry(name.clone()).or_default();
            let stale = status.freshness(now) == Freshness::Stale;
            if stale != told.stale {
                told.stale = stale;
                lines.push(freshness_line(name, status, stale, now));
            }
            if status.counts.received > told.counts.received {
                let files = self.dropped.remove(&*name.source).unwrap_or_default();
                let news: Vec<&str> = news.iter().filter(|n| n.source == name.source).map(|n| &*n.line).collect();
                lines.push(counts_line(name, told.counts, status.counts, &news, &files));
            }
            told.counts = status.counts;
            let held = held.iter().filter(|entry| entry.name == *name);
            lines.extend(held.filter_map(held_line));
        }
        lines
    }
}

/// One line: how many records, how they ended, and the news; where there are none, the file.
fn counts_line(name: &FlowName, before: Counts, after: Counts, news: &[&str], files: &[String]) -> String {
    let parts = [
        ("applied", after.applied, before.applied),
        ("known", after.duplicate, before.duplicate),
        ("overtaken", after.superseded, before.superseded),
        ("quarantined", after.quarantined, before.quarantined),
        ("parked behind it", after.parked, before.parked),
    ];
    let told = parts.into_iter().filter(|(_, after, before)| after > before);
    let told: Vec<_> = told.map(|(word, after, before)| format!("{} {word}", after - before)).collect();
    let what = match (news, files) {
        ([only], _) => (*only).to_owned(),
        ([first, more @ ..], _) => format!("{first}; {} more", more.len()),
        ([], [only]) => only.clone(),
        ([], [first, more @ ..]) => format!("{first}; {} more", more.len()),
        ([], []) => String::new(),
    };
    format!("{:<9} {:<22} {what}", name.source, told.join(", ")).trim_end().to_owned()
}

fn held_line(entry: &QuarantineEntry) -> Option<String> {
    let issue = entry.issues.first().filter(|_| entry.held == Held::Quarantined)?;
    let place = issue.place.to_string();
    let at = if place.is_empty() { String::new() } else { format!(" ({place})") };
    Some(format!("{:<9} ↳ held back, {}: {}{at}", entry.name.source, issue.code, issue.message))
}

fn freshness_line(name: &FlowName, status: &FlowStatus, stale: bool, now: i64) -> String {
    let age = now.saturating_sub(status.verified_at.unwrap_or(now)) / 1_000_000;
    match (stale, &status.fault) {
        (true, Some(fault)) => format!("{:<9} ! stale for {age} s: {} {}", name.source, fault.code, fault.message),
        (true, None) => format!("{:<9} ! stale: last seen {age} s ago", name.source),
        (false, _) => format!("{:<9} ! is back: its answers are fresh again", name.source),
    }
}

/// The history of every department as a table, with its sums.
pub fn table(flows: &[(FlowName, FlowStatus)]) -> Vec<String> {
    let row = |name: &str, c: &Counts, open: u64| {
        format!(
            "{name:<9} {:>9} {:>9} {:>10} {:>10} {:>12} {:>7} {open:>10}",
            c.received, c.applied, c.duplicate, c.superseded, c.quarantined, c.parked
        )
    };
    let mut sum = (Counts::default(), 0);
    let mut lines = vec![format!(
        "{:<9} {:>9} {:>9} {:>10} {:>10} {:>12} {:>7} {:>10}",
        "source", "received", "applied", "duplicate", "superseded", "quarantined", "parked", "still open"
    )];
    for (name, status) in flows {
        lines.push(row(&name.source, &status.counts, status.open));
        let Counts { received, applied, duplicate, superseded, quarantined, parked } = status.counts;
        sum.0.received += received;
        sum.0.applied += applied;
        sum.0.duplicate += duplicate;
        sum.0.superseded += superseded;
        sum.0.quarantined += quarantined;
        sum.0.parked += parked;
        sum.1 += status.open;
    }
    lines.push(row("all", &sum.0, sum.1));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Contract;

    fn flow(applied: u64, quarantined: u64, verified_at: i64) -> Vec<(FlowName, FlowStatus)> {
        let counts = Counts { received: applied + quarantined, applied, quarantined, ..Counts::default() };
        let contract = Some(Contract { live: false, max_age: 8_000_000 });
        let status = FlowStatus { counts, contract, verified_at: Some(verified_at), ..FlowStatus::default() };
        vec![(FlowName::new("tax", "articles"), status)]
    }

    #[test]
    fn only_what_is_new_is_told() {
        let mut account = Account::default();
        account.begin(&flow(10, 0, 0));
        assert!(account.tell(&flow(10, 0, 0), &[], &[], 0).is_empty());
        account.dropped("tax", "TAXE_1.TXT");
        let lines = account.tell(&flow(11, 1, 0), &[], &[], 0);
        assert_eq!(lines, ["tax       1 applied, 1 quarantined TAXE_1.TXT"]);
        let news = |source: &str, line: &str| News { source: source.into(), line: line.to_owned() };
        let all = [news("tax", "A is closed, done"), news("aid", "B is received"), news("tax", "C is received")];
        let lines = account.tell(&flow(13, 1, 0), &all, &[], 0);
        assert_eq!(lines, ["tax       2 applied              A is closed, done; 1 more"]);
        assert!(account.tell(&flow(13, 1, 0), &[], &[], 0).is_empty());
    }

    #[test]
    fn silence_is_told_once_and_so_is_its_end() {
        let mut account = Account::default();
        account.begin(&flow(1, 0, 0));
        assert_eq!(account.tell(&flow(1, 0, 0), &[], &[], 9_000_000), ["tax       ! stale: last seen 9 s ago"]);
        assert!(account.tell(&flow(1, 0, 0), &[], &[], 10_000_000).is_empty());
        let back = account.tell(&flow(1, 0, 11_000_000), &[], &[], 11_000_000);
        assert_eq!(back, ["tax       ! is back: its answers are fresh again"]);
    }
}
