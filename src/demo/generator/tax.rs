//! Local taxes: month-end runs in fixed width (code page 850) between a header and a trailer line. Each line carries the
//! version of its article; an article that moved twice in a month shows only its last version. One correction comes late.

use jiff::civil::{DateTime, date};
use jiff::{Span, ToSpan};

use super::people::{Body, POSTCODE, Person, address, belgian_vat};
use super::process::{Rules, Stage, days, stage};
use super::register::{Case, Habits, Register, month_ends};
use super::{Department, Dropped, Expected, Random, charset, live_stamp};

const TAX: &[Rules] = &[Rules {
    since: date(2000, 1, 1),
    stages: &[
        stage("05", "", &[days(6, "10", 5, 40), days(1, "15", 45, 60)]),
        stage("15", "", &[days(3, "10", 5, 30), days(1, "30", 30, 60)]),
        stage("10", "", &[days(5, "30", 5, 30), days(2, "20", 5, 20)]),
        stage("20", "", &[days(2, "25", 2, 15), days(3, "30", 5, 40)]),
        stage("25", "", &[days(1, "30", 10, 40)]),
        stage("30", "", &[days(7, "40", 5, 60), days(2, "35", 60, 75), days(1, "60", 10, 60)]),
        stage("35", "", &[days(5, "40", 5, 60), days(1, "60", 10, 40)]),
        stage("60", "", &[days(1, "50", 60, 200), days(1, "40", 60, 200)]),
        stage("40", "", &[days(1, "30", 200, 300), days(30, "99", 400, 500)]),
        stage("50", "", &[]),
        stage("99", "", &[]),
    ],
}];
/// A state of the new collection software, which nobody announced.
const UNANNOUNCED: Stage = stage("42", "", &[]);

#[derive(Debug)]
struct Facts {
    advertising: bool,
    payer: char,
    siret: String,
    name: String,
    address: String,
    amount: i64,
    vat: String,
}

fn draw(random: &mut Random) -> Facts {
    let advertising = random.one_in(5);
    let payer = if advertising {
        random.pick(&['C', 'C', 'E'])
    } else {
        random.pick(&['E', 'E', 'E', 'C', 'S', 'P', 'R', 'X'])
    };
    let number = random.between(0, 39);
    let (siret, name) = match payer {
        'P' => (String::new(), Person::draw(random).name()),
        'S' => {
            let body = Body::of(format!("EI {}", Person::draw(random).name()), 300 + number);
            (body.siret, body.name)
        }
        'R' => {
            let body = Body::of("Régie du camping".to_owned(), 90_002);
            (body.siret, body.name)
        }
        'X' => (String::new(), format!("Plateforme Nuitées {} BV", number % 3 + 1)),
        _ => {
            let body = Body::company(random);
            (body.siret, body.name)
        }
    };
    let vat = if payer == 'X' { belgian_vat(number % 3) } else { String::new() };
    Facts { advertising, payer, siret, name, address: address(random), amount: random.between(1_200, 480_000), vat }
}

fn process(_: &Facts) -> &'static [Rules] {
    TAX
}

/// The tax department.
#[derive(Debug)]
pub struct Tax {
    register: Register<Facts>,
}

impl Tax {
    /// Its cases at a moment and the runs of the months before.
    pub fn history(random: Random, start: DateTime, end: DateTime) -> (Self, Vec<Dropped>) {
        let mut register = Register::grow(Habits { per_year: 200, draw, process }, random, start, end);
        register.derail(end - 2.days(), &UNANNOUNCED);
        let tax = Tax { register };
        let (mut files, mut from, mut late) = (Vec::new(), start, None);
        for until in month_ends(start, end) {
            let mut lines = tax.lines(from, until);
            let forgotten = if until + 2.months() < end { tax.forget(&mut lines, until) } else { None };
            lines.extend(late.take());
            late = forgotten;
            let last = until.date() - 1.day();
            files.push(tax.run(&format!("TAXE_{}.TXT", last.strftime("%Y%m%d")), until, &lines, until == end));
            from = until;
        }
        (tax, files)
    }

    /// A complementary run.
    pub fn live(&mut self, now: DateTime, tick: u64) -> Dropped {
        let index = self.register.live(now);
        let lines = [(index, self.register.cases[index].walk.steps.len())];
        self.run(&format!("TAXE_{}.TXT", live_stamp(now, tick)), now, &lines, false)
    }

    /// The articles that moved in a span, each with the version it reached.
    fn lines(&self, from: DateTime, until: DateTime) -> Vec<(usize, usize)> {
        let cases = self.register.cases.iter().enumerate();
        cases
            .map(|(at, case)| (at, case, case.steps_before(until)))
            .filter(|(_, case, version)| *version > case.steps_before(from))
            .map(|(at, _, version)| (at, version))
            .collect()
    }

    /// Takes a line out of its run whose article moves again within a month: it will be told after what overtook it.
    fn forget(&self, lines: &mut Vec<(usize, usize)>, until: DateTime) -> Option<(usize, usize)> {
        let moves_on = |at: usize, version| self.register.cases[at].steps_before(until + 1.month()) > version;
        let at = lines.iter().position(|(at, version)| moves_on(*at, *version))?;
        Some(lines.remove(at))
    }

    fn run(&self, name: &str, made: DateTime, lines: &[(usize, usize)], truncated: bool) -> Dropped {
        let mut text = format!("0TAXLOC VILLE-EXEMPLE {}\r\n", made.strftime("%Y%m%d"));
        let mut expected = Expected { records: lines.len() as u64, ..Expected::default() };
        for (at, version) in lines {
            let case = &self.register.cases[*at];
            text.push_str(&line(case, *version));
            expected.quarantined += u64::from(case.walk.steps[*version - 1].stage.code == UNANNOUNCED.code);
        }
        if truncated {
            // The tape of the last run ended in the middle of a line.
            text.push_str("1TS2399999001\r\n");
            expected.records += 1;
            expected.quarantined += 1;
        }
        text.push_str(&format!("9{:08}\r\n", expected.records));
        Dropped { department: Department::Tax, name: name.to_owned(), bytes: charset::cp850(&text), expected }
    }
}

fn line(case: &Case<Facts>, version: usize) -> String {
    let (facts, step, begun) = (&case.facts, case.walk.steps[version - 1], case.walk.steps[0].at);
    let compact = |at: DateTime| at.strftime("%Y%m%d").to_string();
    format!(
        "1{nature}{year:02}{number:05}{version:03}{begun}{payer}{siret:<14}{name:<40}{state}{since}{amount:011}{due}\
         {address:<38}{POSTCODE}{vat:<12}\r\n",
        nature = if facts.advertising { "TP" } else { "TS" },
        year = case.year % 100,
        number = case.number,
        begun = compact(begun),
        payer = facts.payer,
        siret = facts.siret,
        name = cut(&facts.name, 40),
        state = step.stage.code,
        since = compact(step.at),
        amount = facts.amount,
        due = compact(begun + Span::new().days(75)),
        address = cut(&facts.address, 38),
        vat = facts.vat,
    )
}

fn cut(text: &str, width: usize) -> String {
    text.chars().take(width).collect()
}
