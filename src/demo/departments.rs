//! The departments at work: files put down as old systems do it, under a temporary name first, entries in the
//! journals of those that are asked, messages where one publishes, and a log of what has been done so that a city kept with `--data` goes on where it stood.
//!
//! What a department does next follows from the seed and the moments in the log alone. A moment is logged before its
//! file is put down: after a crash the last file is put down again, and the hub recognises what it has already read.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::civil::DateTime;

use super::generator::{City, Department, Dropped, Expected};
use super::journal::Applications;

/// The seed of the sample city: everybody sees the same one.
pub const SEED: u64 = 42;

/// The departments of one city, in its folder.
#[derive(Debug)]
pub struct Departments {
    root: PathBuf,
    city: City,
    applications: Arc<Applications>,
    /// What the hub should make of everything put down so far.
    pub expected: Expected,
}

impl Departments {
    /// Opens the city of a folder: a new one begins now and puts down its whole history, a known one goes on.
    ///
    /// Files are there from the last time; a journal in memory is not, and is entered anew, with the same numbers.
    pub fn open(root: &Path, applications: Arc<Applications>, now: DateTime) -> io::Result<Self> {
        let log = log(root);
        let moments = match fs::read_to_string(&log) {
            Ok(text) => text.lines().map(moment).collect::<io::Result<Vec<_>>>()?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        let begun = moments.first().copied().unwrap_or(now);
        let (city, history) = City::history(SEED, begun);
        let mut departments = Departments { root: root.to_owned(), city, applications, expected: Expected::default() };
        Department::ALL.into_iter().try_for_each(|department| departments.share(department, true))?;
        let known = !moments.is_empty();
        for file in &history {
            departments.expected += file.expected;
            if !known || !file.department.drops_files() {
                departments.put_down(file)?;
            }
        }
        if !known {
            departments.note(begun)?;
        }
        for (nth, at) in moments.iter().enumerate().skip(1) {
            let file = departments.city.live(*at);
            departments.expected += file.expected;
            if nth + 1 == moments.len() || !file.department.drops_files() {
                departments.put_down(&file)?;
            }
        }
        Ok(departments)
    }

    /// Something happens in the city; what was put down.
    pub fn live(&mut self, now: DateTime) -> io::Result<Dropped> {
        self.note(now)?;
        let file = self.city.live(now);
        self.expected += file.expected;
        self.put_down(&file)?;
        Ok(file)
    }

    /// What a department is reached by goes away (its share, its system), or comes back with everything that was put
    /// down meanwhile.
    pub fn share(&self, department: Department, here: bool) -> io::Result<()> {
        if let Some(application) = self.applications.of(department) {
            application.up(here);
            return Ok(());
        }
        let (share, away) = (self.share_of(department), self.away(department));
        if here && away.exists() {
            fs::rename(away, share)
        } else if !here && share.exists() {
            fs::rename(share, away)
        } else {
            Ok(())
        }
    }

    fn put_down(&self, file: &Dropped) -> io::Result<()> {
        if !self.applications.drops_files(file.department) {
            return self.applications.enter(file);
        }
        let away = self.away(file.department);
        let folder = if away.exists() { away } else { self.share_of(file.department) };
        let temporary = folder.join(format!(".{}.part", file.name));
        fs::write(&temporary, &file.bytes)?;
        fs::rename(temporary, folder.join(&file.name))
    }

    fn share_of(&self, department: Department) -> PathBuf {
        self.root.join("inbox").join(department.word())
    }

    fn away(&self, department: Department) -> PathBuf {
        self.root.join("inbox").join(format!("{}.away", department.word()))
    }

    fn note(&self, moment: DateTime) -> io::Result<()> {
        writeln!(OpenOptions::new().create(true).append(true).open(log(&self.root))?, "{moment}")
    }
}

fn log(root: &Path) -> PathBuf {
    root.join("city.log")
}

fn moment(line: &str) -> io::Result<DateTime> {
    line.parse().map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "`city.log` holds a line that is not a moment"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::BTreeMap;

    use jiff::ToSpan;
    use jiff::civil::date;

    use super::*;
    use crate::demo::city;

    fn inbox(root: &Path) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        for department in Department::ALL.into_iter().filter(|department| department.drops_files()) {
            for entry in fs::read_dir(root.join("inbox").join(department.word())).unwrap() {
                let path = entry.unwrap().path();
                files.insert(path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(&path).unwrap());
            }
        }
        files
    }

    #[test]
    fn a_city_that_was_left_goes_on_as_if_nothing_had_happened() {
        let start = date(2026, 11, 5).at(10, 0, 0, 0);
        let (left, undisturbed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for root in [left.path(), undisturbed.path()] {
            city::unpack(root).unwrap();
        }
        let (mut entered, others) = (Arc::<Applications>::default(), Arc::<Applications>::default());
        let mut first = Departments::open(left.path(), entered.clone(), start).unwrap();
        let mut other = Departments::open(undisturbed.path(), others.clone(), start).unwrap();
        for second in 1..40 {
            let now = start + i64::from(second).seconds();
            if second % 25 == 0 {
                drop(first);
                entered = Arc::default();
                first = Departments::open(left.path(), entered.clone(), now).unwrap();
            }
            first.live(now).unwrap();
            other.live(now).unwrap();
        }
        assert_eq!(first.expected, other.expected);
        assert_eq!(inbox(left.path()), inbox(undisturbed.path()));
        assert_eq!(format!("{entered:?}"), format!("{others:?}"));
    }

    #[test]
    fn a_share_that_was_away_comes_back_with_what_was_put_down() {
        let root = tempfile::tempdir().unwrap();
        city::unpack(root.path()).unwrap();
        let start = date(2026, 11, 5).at(10, 0, 0, 0);
        let mut departments = Departments::open(root.path(), Arc::default(), start).unwrap();
        departments.share(Department::Tax, false).unwrap();
        assert!(!root.path().join("inbox/tax").exists());
        let dropped: Vec<_> = (1..=8).map(|s| departments.live(start + i64::from(s).seconds()).unwrap()).collect();
        departments.share(Department::Tax, true).unwrap();
        let files = inbox(root.path());
        assert!(dropped.iter().any(|file| file.department == Department::Tax));
        let mut put_down = dropped.iter().filter(|file| file.department.drops_files());
        assert!(put_down.all(|file| files[&file.name] == file.bytes));
    }
}
