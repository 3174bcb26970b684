//! Processes of services as tables, and the walk of one case through one: who waits how long for what, with the odd
//! reopening and withdrawal. Rules change on a date, and a case then goes on under the new ones.

use jiff::civil::{Date, DateTime, Weekday};
use jiff::{Span, ToSpan};

use super::Random;

/// The stages of a service, as they stand since a date.
#[derive(Debug)]
pub struct Rules {
    /// First day of these rules.
    pub since: Date,
    /// Stages; a case begins at the first.
    pub stages: &'static [Stage],
}

/// A stage of a process, in the department's own words.
#[derive(Debug)]
pub struct Stage {
    /// The department's code.
    pub code: &'static str,
    /// The department's label.
    pub label: &'static str,
    /// Where a case may go from here; empty = the end.
    pub next: &'static [Edge],
}

/// A way from one stage to another.
#[derive(Debug)]
pub struct Edge {
    /// How often it is taken, against the other ways.
    pub weight: u64,
    /// Code of the stage it leads to.
    pub to: &'static str,
    /// Shortest and longest wait, in hours.
    pub hours: (i64, i64),
}

/// A way that takes between two numbers of days.
pub const fn days(weight: u64, to: &'static str, from: i64, until: i64) -> Edge {
    Edge { weight, to, hours: (from * 24, until * 24) }
}

/// A way that takes between two numbers of hours.
pub const fn hours(weight: u64, to: &'static str, from: i64, until: i64) -> Edge {
    Edge { weight, to, hours: (from, until) }
}

/// A stage.
pub const fn stage(code: &'static str, label: &'static str, next: &'static [Edge]) -> Stage {
    Stage { code, label, next }
}

/// A stage a case has reached.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    /// When.
    pub at: DateTime,
    /// Which.
    pub stage: &'static Stage,
}

/// One case on its way.
#[derive(Debug, Clone)]
pub struct Walk {
    process: &'static [Rules],
    random: Random,
    /// What it went through, in order; never empty.
    pub steps: Vec<Step>,
    planned: Option<Step>,
}

impl Walk {
    /// A case begins.
    pub fn begin(process: &'static [Rules], at: DateTime, random: Random) -> Self {
        let first = Step { at, stage: &stages(process, at)[0] };
        let mut walk = Walk { process, random, steps: vec![first], planned: None };
        walk.plan();
        walk
    }

    /// Goes on up to, and without, a moment.
    pub fn until(mut self, end: DateTime) -> Self {
        while self.planned.is_some_and(|step| step.at < end) {
            self.advance(None);
        }
        self
    }

    /// Takes the planned step, at this moment or when it was planned for; whether there was one.
    pub fn advance(&mut self, at: Option<DateTime>) -> bool {
        let Some(step) = self.planned.take() else { return false };
        self.steps.push(Step { at: at.unwrap_or(step.at), ..step });
        self.plan();
        true
    }

    /// Whether something is still to come.
    pub fn open(&self) -> bool {
        self.planned.is_some()
    }

    /// Whether the planned step is planned for before a moment.
    pub fn due(&self, before: DateTime) -> bool {
        self.planned.is_some_and(|step| step.at < before)
    }

    /// Nothing follows any more.
    pub fn abandon(&mut self) {
        self.planned = None;
    }

    /// Where it stands.
    pub fn last(&self) -> Step {
        self.steps[self.steps.len() - 1]
    }

    fn plan(&mut self) {
        let Step { at, stage } = self.last();
        let edge = self.random.weighted(stage.next.iter().map(|edge| (edge.weight, edge)));
        self.planned = edge.and_then(|edge| {
            let at = office(at + Span::new().minutes(self.random.between(edge.hours.0 * 60, edge.hours.1 * 60)));
            let stage = stages(self.process, at).iter().find(|stage| stage.code == edge.to)?;
            Some(Step { at, stage })
        });
    }
}

/// The stages in force at a moment.
fn stages(process: &'static [Rules], at: DateTime) -> &'static [Stage] {
    let in_force = process.iter().rev().find(|rules| rules.since <= at.date());
    in_force.unwrap_or(&process[0]).stages
}

/// The same moment, or the next one at which somebody is in the office.
pub fn office(at: DateTime) -> DateTime {
    let minute = i64::from(at.minute());
    let at = match at.hour() {
        0..8 => at.date().at(8, at.minute(), at.second(), 0),
        8..18 => at,
        _ => (at.date() + 1.day()).at(8, at.minute(), at.second(), 0),
    };
    match at.weekday() {
        Weekday::Saturday => (at.date() + 2.days()).at(8, 0, at.second(), 0) + minute.minutes(),
        Weekday::Sunday => (at.date() + 1.day()).at(8, 0, at.second(), 0) + minute.minutes(),
        Weekday::Monday | Weekday::Tuesday | Weekday::Wednesday | Weekday::Thursday | Weekday::Friday => at,
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    const TABLE: &[Rules] = &[
        Rules {
            since: date(2000, 1, 1),
            stages: &[stage("A", "begun", &[days(1, "B", 10, 20)]), stage("B", "old", &[])],
        },
        Rules {
            since: date(2024, 1, 1),
            stages: &[stage("A", "begun", &[hours(1, "B", 1, 2)]), stage("B", "new", &[hours(1, "A", 1, 1)])],
        },
    ];

    #[test]
    fn a_case_ends_where_no_way_leads_on() {
        let walk =
            Walk::begin(TABLE, date(2023, 3, 1).at(9, 0, 0, 0), Random::new(1)).until(date(2030, 1, 1).at(0, 0, 0, 0));
        assert_eq!(walk.steps.len(), 2);
        assert!(!walk.open() && walk.last().stage.label == "old");
    }

    #[test]
    fn a_case_goes_on_under_the_rules_of_the_day() {
        let mut walk = Walk::begin(TABLE, date(2023, 12, 28).at(9, 0, 0, 0), Random::new(1));
        assert!(walk.advance(None));
        assert_eq!(walk.last().stage.label, "new");
    }

    #[test]
    fn time_goes_forward_and_keeps_office_hours() {
        let walk = Walk::begin(TABLE, date(2024, 3, 1).at(17, 30, 0, 0), Random::new(7))
            .until(date(2024, 6, 1).at(0, 0, 0, 0));
        assert!(walk.steps.len() > 50);
        assert!(walk.steps.windows(2).all(|pair| pair[0].at < pair[1].at));
        assert!(walk.steps.iter().all(|step| office(step.at) == step.at));
    }
}
