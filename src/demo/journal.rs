//! What the applications of the city's departments keep and tell who asks: entries, each under the next number. In memory:
//! after a restart they are entered again, in the same order, under the same numbers.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::generator::{Department, Dropped};
use super::post::Outbox;

/// The applications that are asked, and the one that publishes.
#[derive(Debug, Default)]
pub struct Applications {
    /// VoirieNet of the street-repairs department: events, as JSON objects.
    pub streets: Journal,
    /// ADS-Classic of the planning department: dossiers, as elements.
    pub planning: Journal,
    /// Solis-Modèle of social aid, where there is a broker: entries to be published. Elsewhere it drops files.
    pub aid: Option<Outbox>,
}

/// What one application knows, and whether it is up.
#[derive(Debug, Default)]
pub struct Journal(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    /// The entry at index `n` has the number `n + 1`.
    entries: Vec<String>,
    down: bool,
}

/// What is asked for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asked {
    /// Only entries with a higher number.
    pub after: usize,
    /// Number of the page, from 0.
    pub page: usize,
    /// Entries of a page.
    pub size: usize,
}

/// A page of entries.
#[derive(Debug, PartialEq, Eq)]
pub struct Page {
    /// The entries, in order.
    pub entries: Vec<String>,
    /// How many there are on all pages.
    pub total: usize,
    /// Whether there is another page.
    pub more: bool,
}

impl Applications {
    /// Whether a department puts down its documents as files.
    pub fn drops_files(&self, department: Department) -> bool {
        department.drops_files() && !(department == Department::Aid && self.aid.is_some())
    }

    /// Enters what a department's document holds.
    pub fn enter(&self, document: &Dropped) -> io::Result<()> {
        match document.department {
            Department::Streets => events(&document.bytes, &self.streets),
            Department::Planning => {
                dossiers(&document.bytes, &self.planning);
                Ok(())
            }
            Department::Aid => {
                let outbox = self.aid.as_ref().ok_or(io::ErrorKind::Unsupported)?;
                outbox.enter(&document.bytes)
            }
            Department::Schools | Department::Tax => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// The application of a department, where it has one.
    pub fn of(&self, department: Department) -> Option<&Journal> {
        match department {
            Department::Streets => Some(&self.streets),
            Department::Planning => Some(&self.planning),
            Department::Schools | Department::Tax | Department::Aid => None,
        }
    }
}

#[derive(Deserialize)]
struct Events<'a> {
    #[serde(borrow)]
    evenements: Vec<&'a RawValue>,
}

fn events(document: &[u8], journal: &Journal) -> io::Result<()> {
    for event in serde_json::from_slice::<Events<'_>>(document)?.evenements {
        let members = event.get().trim_start().trim_start_matches('{');
        journal.enter(|number| format!("{{\"numero\":{number},{members}"));
    }
    Ok(())
}

fn dossiers(document: &[u8], journal: &Journal) {
    const OPEN: &str = "<ads:dossier ";
    let (text, _, _) = encoding_rs::ISO_8859_15.decode(document);
    let bodies = text.split(OPEN).skip(1).filter_map(|rest| rest.split("</ads:dossier>").next());
    bodies.for_each(|body| journal.enter(|number| format!("{OPEN}sequence=\"{number}\" {body}</ads:dossier>")));
}

impl Journal {
    fn enter(&self, entry: impl FnOnce(usize) -> String) {
        let mut kept = self.kept();
        let number = kept.entries.len() + 1;
        kept.entries.push(entry(number));
    }

    /// The application goes down for a while, or comes back.
    pub fn up(&self, up: bool) {
        self.kept().down = !up;
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A page of the entries after a number; nothing while the application is down.
    pub fn page(&self, Asked { after, page, size }: Asked) -> Option<Page> {
        let kept = self.kept();
        if kept.down {
            return None;
        }
        let asked_for = &kept.entries[after.min(kept.entries.len())..];
        let first = page.saturating_mul(size).min(asked_for.len());
        let end = (first + size).min(asked_for.len());
        let (entries, total) = (asked_for[first..end].to_vec(), asked_for.len());
        Some(Page { entries, total, more: end < total })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::demo::generator::Expected;

    fn document(department: Department, text: &str) -> Dropped {
        Dropped { department, name: String::new(), bytes: text.as_bytes().to_vec(), expected: Expected::default() }
    }

    #[test]
    fn pages_follow_each_other_and_what_is_new_comes_last() {
        let all = Applications::default();
        all.enter(&document(Department::Streets, r#"{"evenements":[{"a":1},{"a":2},{"a":3}]}"#)).unwrap();
        let page = |after, page| all.streets.page(Asked { after, page, size: 2 }).unwrap();
        assert_eq!(page(0, 0).entries, [r#"{"numero":1,"a":1}"#, r#"{"numero":2,"a":2}"#]);
        assert_eq!((page(0, 1).entries.len(), page(0, 0).more, page(0, 1).more), (1, true, false));
        assert_eq!((page(0, 2).entries.len(), page(9, 0).total), (0, 0));
        all.enter(&document(Department::Streets, r#"{"evenements":[{"a":4}]}"#)).unwrap();
        assert_eq!(page(3, 0).entries, [r#"{"numero":4,"a":4}"#]);
    }

    #[test]
    fn dossiers_are_numbered_and_whole() {
        let all = Applications::default();
        let text = "<ads:export>\n<ads:dossier type=\"PC\"><a/></ads:dossier>\n<ads:dossier type=\"DP\"/></ads:export>";
        all.enter(&document(Department::Planning, &text.replace("\"DP\"/>", "\"DP\"></ads:dossier>"))).unwrap();
        let page = all.planning.page(Asked { after: 0, page: 0, size: 9 }).unwrap();
        let expected = [
            r#"<ads:dossier sequence="1" type="PC"><a/></ads:dossier>"#,
            r#"<ads:dossier sequence="2" type="DP"></ads:dossier>"#,
        ];
        assert_eq!(page.entries, expected);
    }

    #[test]
    fn an_application_that_is_down_says_nothing_and_forgets_nothing() {
        let all = Applications::default();
        all.streets.up(false);
        all.enter(&document(Department::Streets, r#"{"evenements":[{"a":1}]}"#)).unwrap();
        let asked = Asked { size: 5, ..Asked::default() };
        assert_eq!(all.streets.page(asked), None);
        all.streets.up(true);
        assert_eq!(all.streets.page(asked).unwrap().total, 1);
    }
}
