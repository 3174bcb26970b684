//! The oracle: what the permit log says, read without any code of the hub.

use std::collections::BTreeMap;
use std::path::Path;

/// One event of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Microseconds since 1970.
    pub at: i64,
    /// Native event id.
    pub id: String,
    /// Activity.
    pub activity: String,
}

/// Events of each case, in file order.
pub fn receipt(csv: &Path) -> BTreeMap<String, Vec<Event>> {
    let text = std::fs::read_to_string(csv).unwrap();
    let mut rows = rows(&text).into_iter();
    let header = rows.next().unwrap();
    let column = |name: &str| header.iter().position(|h| h == name).unwrap();
    let (case, id, activity, time) =
        (column("case:concept:name"), column("concept:instance"), column("concept:name"), column("time:timestamp"));
    let mut cases: BTreeMap<String, Vec<Event>> = BTreeMap::new();
    for row in rows {
        let at = row[time].replacen(' ', "T", 1).parse::<jiff::Timestamp>().unwrap().as_microsecond();
        let event = Event { at, id: row[id].clone(), activity: row[activity].clone() };
        cases.entry(row[case].clone()).or_default().push(event);
    }
    cases
}

/// The sha256 of the sorted lines `case<TAB>last activity`, as `INDEX.md` defines it.
pub fn last_activities_digest<'a>(last: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    use sha2::Digest as _;
    let mut lines: Vec<String> = last.map(|(case, activity)| format!("{case}\t{activity}")).collect();
    lines.sort();
    sha2::Sha256::digest(lines.join("\n")).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Rows of a CSV (RFC 4180, comma).
pub fn rows(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut field, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, quoted) {
            ('"', true) if chars.peek() == Some(&'"') => field.push(chars.next().unwrap()),
            ('"', _) => quoted = !quoted,
            (',', false) => row.push(std::mem::take(&mut field)),
            ('\n', false) => {
                row.push(std::mem::take(&mut field));
                rows.push(std::mem::take(&mut row));
            }
            ('\r', false) => {}
            _ => field.push(c),
        }
    }
    if !field.is_empty() || !row.is_empty() {
        row.push(field);
        rows.push(row);
    }
    rows
}
