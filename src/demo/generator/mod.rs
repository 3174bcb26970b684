//! The simulated departments of the sample city: plausible processes, invented people, and the files each old system
//! would drop, in its own format, character set and habits. Pure: the seed and every date are arguments, files are values.

mod aid;
mod charset;
mod people;
mod planning;
mod process;
mod random;
mod register;
mod schools;
mod streets;
mod tax;

use std::collections::BTreeSet;

use guichet_sdk::Digest;
use jiff::ToSpan;
use jiff::civil::DateTime;

pub use random::Random;

/// A department of the sample city.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Department {
    /// Building permits: XML dossiers with their history, asked for over SOAP.
    Planning,
    /// Street reports and works: JSON events, asked for over HTTP.
    Streets,
    /// Enrolment and meals: a full CSV export.
    Schools,
    /// Local taxes: fixed-width month-end runs.
    Tax,
    /// Social aid and grants: NDJSON, packed.
    Aid,
}

impl Department {
    /// Every department.
    pub const ALL: [Department; 5] =
        [Department::Planning, Department::Streets, Department::Schools, Department::Tax, Department::Aid];

    /// Whether it drops files; another is asked.
    pub const fn drops_files(self) -> bool {
        match self {
            Department::Planning | Department::Streets => false,
            Department::Schools | Department::Tax | Department::Aid => true,
        }
    }

    /// The name of its source, and of the folder it drops its files in.
    pub const fn word(self) -> &'static str {
        match self {
            Department::Planning => "planning",
            Department::Streets => "streets",
            Department::Schools => "schools",
            Department::Tax => "tax",
            Department::Aid => "aid",
        }
    }
}

/// A file as a department drops it, or the document it would show who asks, with what the hub should make of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dropped {
    /// Who drops it.
    pub department: Department,
    /// File name.
    pub name: String,
    /// Bytes, as the old system writes them.
    pub bytes: Vec<u8>,
    /// What a hub that reads it for the first time should count.
    pub expected: Expected,
}

/// What the hub should make of files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Expected {
    /// Records received.
    pub records: u64,
    /// Records it must refuse.
    pub quarantined: u64,
    /// Records it must hold behind a refused one of their case.
    pub parked: u64,
}

impl std::ops::AddAssign for Expected {
    fn add_assign(&mut self, more: Self) {
        self.records += more.records;
        self.quarantined += more.quarantined;
        self.parked += more.parked;
    }
}

/// The living city.
#[derive(Debug)]
pub struct City {
    planning: planning::Planning,
    streets: streets::Streets,
    schools: schools::Schools,
    tax: tax::Tax,
    aid: aid::Aid,
    told: BTreeSet<Digest>,
    ticks: u64,
}

/// Years of history before the year of the given day.
const YEARS: i32 = 3;

impl City {
    /// The city as it stands at a moment, and every file its departments dropped until then, in the order of their names.
    pub fn history(seed: u64, now: DateTime) -> (Self, Vec<Dropped>) {
        let random = Random::new(seed);
        let (start, end) = ((now.date().first_of_year() - YEARS.years()).at(8, 0, 0, 0), now.date().at(0, 0, 0, 0));
        let (planning, mut files) = planning::Planning::history(random.fork(1), start, end);
        let (streets, more) = streets::Streets::history(random.fork(2), start, end);
        files.extend(more);
        let (schools, more) = schools::Schools::history(random.fork(3), start, end);
        files.extend(more);
        let (tax, more) = tax::Tax::history(random.fork(4), start, end);
        files.extend(more);
        let (aid, more) = aid::Aid::history(random.fork(5), start, end);
        files.extend(more);
        let mut city = City { planning, streets, schools, tax, aid, told: BTreeSet::new(), ticks: 0 };
        files.iter_mut().for_each(|file| city.judge(file));
        (city, files)
    }

    /// Life goes on: what one department drops now.
    pub fn live(&mut self, now: DateTime) -> Dropped {
        self.ticks += 1;
        let tick = self.ticks;
        // A code nobody announced arrives early in every visit, and rarely afterwards.
        let surprise = tick % 60 == 7;
        let mut file = match tick % 8 {
            0 => self.schools.live(now),
            1 | 3 | 6 => self.streets.live(now, tick),
            2 | 7 => self.planning.live(now, tick, surprise),
            4 => self.tax.live(now, tick),
            _ => self.aid.live(now, tick),
        };
        self.judge(&mut file);
        file
    }

    /// A file with the very bytes of one before it is recognised as a whole: no record of it counts again. A numbered
    /// export is another matter: with the same bytes it says that nothing has changed. So are the numbered entries
    /// of an application that is asked.
    fn judge(&mut self, file: &mut Dropped) {
        let number = match file.department {
            Department::Schools | Department::Streets | Department::Planning => file.name.as_bytes(),
            Department::Tax | Department::Aid => &[],
        };
        if !self.told.insert(Digest::of(&[file.department.word().as_bytes(), number, &file.bytes])) {
            file.expected = Expected::default();
        }
    }
}

/// The name of a file dropped while the city lives: the moment and a serial number, as old systems number their runs.
fn live_stamp(now: DateTime, tick: u64) -> String {
    format!("{}_{:03}", now.strftime("%Y%m%d_%H%M%S"), tick % 1000)
}

#[cfg(test)]
mod tests;
