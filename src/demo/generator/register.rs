//! A department's register: its cases, each on its walk, grown over the years and moved on by the living city.

use jiff::civil::DateTime;
use jiff::{Span, ToSpan};

use super::process::{Rules, Stage, Step, Walk};
use super::{Random, process};

/// One case as its department keeps it; `facts` is what this department notes.
#[derive(Debug)]
pub struct Case<F> {
    /// Year of its number.
    pub year: i16,
    /// Its number within the year.
    pub number: u32,
    /// What the department notes about it.
    pub facts: F,
    /// Its way so far.
    pub walk: Walk,
}

impl<F> Case<F> {
    /// How many steps it had taken before a moment.
    pub fn steps_before(&self, end: DateTime) -> usize {
        self.walk.steps.iter().filter(|step| step.at < end).count()
    }

    /// The step it stood at just before a moment.
    pub fn as_of(&self, end: DateTime) -> Option<Step> {
        self.walk.steps.iter().rev().find(|step| step.at < end).copied()
    }
}

/// What kind of cases a department has.
#[derive(Debug)]
pub struct Habits<F> {
    /// New cases a year.
    pub per_year: i64,
    /// What is noted about a new case.
    pub draw: fn(&mut Random) -> F,
    /// The process of a case.
    pub process: fn(&F) -> &'static [Rules],
}

/// The living city is in a hurry: what would happen within so many days may happen now.
const SOON: i64 = 30;

/// The cases of a department.
#[derive(Debug)]
pub struct Register<F> {
    habits: Habits<F>,
    random: Random,
    /// Cases, oldest first.
    pub cases: Vec<Case<F>>,
}

impl<F> Register<F> {
    /// The cases that began between two moments, each walked up to the later one.
    pub fn grow(habits: Habits<F>, random: Random, start: DateTime, end: DateTime) -> Self {
        let gap = 365 * 24 * 60 / habits.per_year;
        let mut register = Register { habits, random, cases: Vec::new() };
        let mut at = start;
        while at < end {
            register.begin(process::office(at));
            at += Span::new().minutes(register.random.between(1, 2 * gap));
        }
        register.cases.retain(|case| case.walk.steps[0].at < end);
        for case in &mut register.cases {
            case.walk = case.walk.clone().until(end);
        }
        register
    }

    /// A new case; its index.
    pub fn begin(&mut self, at: DateTime) -> usize {
        let mut own = self.random.fork(self.cases.len() as u64);
        let facts = (self.habits.draw)(&mut own);
        let number = self.cases.last().filter(|case| case.year == at.year()).map_or(0, |case| case.number) + 1;
        let walk = Walk::begin((self.habits.process)(&facts), at, own);
        self.cases.push(Case { year: at.year(), number, facts, walk });
        self.cases.len() - 1
    }

    /// A new case that never goes anywhere; its index. The record of it is the one its department spoils.
    pub fn spoil(&mut self, at: DateTime) -> usize {
        let index = self.begin(process::office(at));
        self.cases[index].walk.abandon();
        index
    }

    /// An open case takes a step nobody foresaw, and its way ends there; its index.
    pub fn derail(&mut self, at: DateTime, stage: &'static Stage) -> Option<usize> {
        let quiet = |case: &Case<F>| case.walk.open() && case.walk.last().at.date() < at.date();
        let index = self.cases.iter().rposition(quiet)?;
        let walk = &mut self.cases[index].walk;
        walk.abandon();
        walk.steps.push(Step { at, stage });
        Some(index)
    }

    /// The city goes on: one open case takes its next step, or a new one begins; its index.
    ///
    /// At most one step a day and case: most departments note only the date.
    pub fn live(&mut self, now: DateTime) -> usize {
        let soon = now + SOON.days();
        let ready = |case: &Case<F>| case.walk.due(soon) && case.walk.last().at.date() < now.date();
        let ready: Vec<usize> = (0..self.cases.len()).filter(|at| ready(&self.cases[*at])).collect();
        if ready.is_empty() || self.random.one_in(4) {
            return self.begin(now);
        }
        let index = self.random.pick(&ready);
        self.cases[index].walk.advance(Some(now));
        index
    }

    /// The department's own chance.
    pub fn random(&mut self) -> &mut Random {
        &mut self.random
    }
}

/// The first moments of the months from one moment to another, and the later one: the ends of what each file covers.
pub fn month_ends(start: DateTime, end: DateTime) -> Vec<DateTime> {
    let mut ends = Vec::new();
    let mut next = start.date().first_of_month() + 1.month();
    while next.at(0, 0, 0, 0) < end {
        ends.push(next.at(0, 0, 0, 0));
        next += 1.month();
    }
    ends.push(end);
    ends
}
