//! Code tables: what a source's codes mean, and since when. Looked up on the source's civil date. Refuses rows that
//! contradict each other, and never answers for a code it does not have.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use guichet_sdk::settings::nearest;
use guichet_sdk::{Issue, Place};

use super::codes::TABLE;
use super::date::day_number;
use super::site::Site;

/// The columns every table has.
pub const CODE: &str = "code";
/// First day a row is valid; absent = always was.
pub const VALID_FROM: &str = "valid_from";
/// First day a row is no longer valid; absent = still is.
pub const VALID_TO: &str = "valid_to";

/// A row as written, in TOML or CSV.
pub struct WrittenRow {
    /// Where it stands.
    pub site: Site,
    /// Column, value and where it stands.
    pub cells: Vec<(String, String, Site)>,
}

/// A compiled code table.
pub struct Table {
    /// Name.
    pub name: Box<str>,
    /// Whether any row has a first or last day.
    pub dated: bool,
    /// Columns beside the code and the days, with where each was first written.
    pub columns: Vec<(String, Site)>,
    file: Arc<str>,
    rows: HashMap<Box<str>, Vec<Row>>,
}

/// A compiled row.
pub struct Row {
    /// Where it stands.
    pub site: Site,
    from: i32,
    to: i32,
    cells: Vec<Option<(Box<str>, Site)>>,
}

/// Why there is no row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoRow {
    /// None has this code.
    Code,
    /// None with this code is valid on this day.
    Day,
}

impl Table {
    /// Compiles a table; every problem is reported, located in its file.
    pub fn compile(name: &str, file: Arc<str>, written: Vec<WrittenRow>, issues: &mut Vec<Issue>) -> Self {
        let mut table =
            Table { name: name.into(), dated: false, columns: columns(&written), file, rows: HashMap::new() };
        for row in written {
            let site = row.site;
            match table.row(row) {
                Ok((code, row)) => table.rows.entry(code).or_default().push(row),
                Err(issue) => issues.push(issue.at(site.place(&table.file))),
            }
        }
        let file = Arc::clone(&table.file);
        for rows in table.rows.values_mut() {
            rows.sort_by_key(|row| (row.from, row.site));
            for two in rows.windows(2).filter(|two| two[1].from < two[0].to) {
                let lines = (two[0].site.min(two[1].site), two[0].site.max(two[1].site));
                let message =
                    format!("two rows of one code are valid on the same day; the other is at line {}", lines.0.line);
                let issue = Issue::error(TABLE, message).hint("`valid_to` is the first day a row is no longer valid");
                issues.push(issue.at(lines.1.place(&file)));
            }
        }
        table.dated = table.rows.values().flatten().any(|row| row.from != i32::MIN || row.to != i32::MAX);
        table
    }

    fn row(&self, row: WrittenRow) -> Result<(Box<str>, Row), Issue> {
        let mut cells: Vec<Option<(Box<str>, Site)>> = self.columns.iter().map(|_| None).collect();
        let (mut code, mut from, mut to) = (None, i32::MIN, i32::MAX);
        for (column, value, site) in row.cells {
            match &*column {
                CODE => code = Some(value).filter(|code| !code.is_empty()),
                VALID_FROM => from = day(&value, VALID_FROM)?.unwrap_or(i32::MIN),
                VALID_TO => to = day(&value, VALID_TO)?.unwrap_or(i32::MAX),
                _ => {
                    if let Some(at) = self.column(&column).filter(|_| !value.is_empty()) {
                        cells[at] = Some((value.into(), site));
                    }
                }
            }
        }
        if from >= to {
            return Err(Issue::error(TABLE, "the row ends before it begins")
                .hint("`valid_to` is the first day it is no longer valid"));
        }
        let code = code.ok_or_else(|| Issue::error(TABLE, "the row has no `code`").hint("write `code = \"…\"`"))?;
        Ok((code.into(), Row { site: row.site, from, to, cells }))
    }

    /// The position of a column.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|(column, _)| column == name)
    }

    /// The row of a code on a day; the day is absent for a table without dates.
    pub fn find(&self, code: &str, day: Option<i32>) -> Result<&Row, NoRow> {
        let rows = self.rows.get(code).ok_or(NoRow::Code)?;
        match day {
            None => rows.first().ok_or(NoRow::Code),
            Some(day) => rows.iter().find(|row| (row.from..row.to).contains(&day)).ok_or(NoRow::Day),
        }
    }

    /// Every filled cell of a column, with its place.
    pub fn cells(&self, column: usize) -> impl Iterator<Item = (&str, Place)> {
        let cells = self.rows.values().flatten().filter_map(move |row| row.cells[column].as_ref());
        cells.map(|(text, site)| (&**text, site.place(&self.file)))
    }

    /// The place of a row without a value in this column.
    pub fn hole(&self, column: usize) -> Option<Place> {
        let holes = self.rows.values().flatten().filter(|row| row.cells[column].is_none());
        holes.map(|row| row.site).min().map(|site| site.place(&self.file))
    }

    /// Where its rows stand, in their order.
    pub fn rows(&self) -> Vec<Site> {
        let mut sites: Vec<Site> = self.rows.values().flatten().map(|row| row.site).collect();
        sites.sort_unstable();
        sites
    }

    /// Where a person adds a row: the section of the mapping, or the file that holds the rows.
    pub fn written_in(&self) -> String {
        if self.file.ends_with(".toml") { format!("[tables.{}]", self.name) } else { self.file.to_string() }
    }

    /// The file its rows are written in.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Columns that no expression reads although they look like one that is read, or like one every table has.
    pub fn check_columns(&self, read: &BTreeSet<usize>, issues: &mut Vec<Issue>) {
        let known: Vec<&str> =
            read.iter().map(|at| &*self.columns[*at].0).chain([CODE, VALID_FROM, VALID_TO]).collect();
        for (at, (column, site)) in self.columns.iter().enumerate() {
            if let Some(near) = nearest(column, known.iter().copied()).filter(|_| !read.contains(&at)) {
                let issue =
                    Issue::error(TABLE, format!("no expression reads the column `{column}` of table `{}`", self.name));
                issues.push(issue.at(site.place(&self.file)).hint(format!("did you mean `{near}`?")));
            }
        }
    }
}

impl Row {
    /// The cell of a column.
    pub fn cell(&self, column: usize) -> Option<&str> {
        self.cells[column].as_ref().map(|(text, _)| &**text)
    }
}

fn columns(written: &[WrittenRow]) -> Vec<(String, Site)> {
    let mut columns: Vec<(String, Site)> = Vec::new();
    for (column, _, site) in written.iter().flat_map(|row| &row.cells) {
        let known = [CODE, VALID_FROM, VALID_TO].contains(&&**column) || columns.iter().any(|(name, _)| name == column);
        if !known {
            columns.push((column.clone(), *site));
        }
    }
    columns
}

/// A civil date of a table or of `valid_from`, as days since 1970.
pub fn day(text: &str, column: &str) -> Result<Option<i32>, Issue> {
    if text.is_empty() {
        return Ok(None);
    }
    let bad = || Issue::error(TABLE, format!("`{column}` is not a date")).hint("write `2024-01-31`");
    let date: jiff::civil::Date = text.parse().map_err(|_| bad())?;
    if text.len() == 10 { Ok(Some(day_number(date))) } else { Err(bad()) }
}

/// Reads the rows of a CSV file: `,` or `;`, a header, quotes doubled inside quotes.
pub fn csv(text: &str) -> Vec<WrittenRow> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let header = text.lines().next().unwrap_or_default();
    let delimiter = if header.contains(';') { ';' } else { ',' };
    let mut rows = rows(text, delimiter).into_iter();
    let header = rows.next().unwrap_or_default();
    let filled = |row: &Vec<(String, Site)>| row.iter().any(|(cell, _)| !cell.is_empty());
    rows.filter(filled)
        .map(|row| WrittenRow {
            site: row.first().map_or(Site { line: 1, column: 1 }, |(_, site)| *site),
            cells: header.iter().zip(row).map(|((column, _), (cell, site))| (column.clone(), cell, site)).collect(),
        })
        .collect()
}

fn rows(text: &str, delimiter: char) -> Vec<Vec<(String, Site)>> {
    let (mut rows, mut row, mut cell) = (Vec::new(), Vec::new(), String::new());
    let mut here = Site { line: 1, column: 1 };
    let (mut start, mut quoted) = (here, false);
    let mut chars = text.chars().filter(|c| *c != '\r').chain(std::iter::once('\n')).peekable();
    while let Some(c) = chars.next() {
        here =
            if c == '\n' { Site { line: here.line + 1, column: 1 } } else { Site { column: here.column + 1, ..here } };
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                here.column += 1;
                cell.push('"');
            }
            '"' if quoted || cell.is_empty() => quoted = !quoted,
            c if !quoted && (c == delimiter || c == '\n') => {
                row.push((std::mem::take(&mut cell).trim().to_owned(), start));
                start = here;
                if c == '\n' {
                    rows.push(std::mem::take(&mut row));
                }
            }
            c => cell.push(c),
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn table(text: &str) -> (Table, Vec<String>) {
        let mut issues = Vec::new();
        let table = Table::compile("t", "t.csv".into(), csv(text), &mut issues);
        (table, issues.iter().map(|issue| format!("{} {}", issue.place, issue.message)).collect())
    }

    #[test]
    fn rows_are_found_on_their_day() {
        let (table, issues) = table(
            "code;phase;valid_from;valid_to\nSUS;closed;2000-01-01;2024-01-01\n\"S;\"\"\";x;;\nSUS;held;2024-01-01;\n",
        );
        assert_eq!(issues, [] as [&str; 0]);
        let on = |code, day: &str| table.find(code, super::day(day, "").unwrap()).map(|row| row.cell(0).unwrap());
        assert_eq!(on("SUS", "2023-12-31"), Ok("closed"));
        assert_eq!(on("SUS", "2024-01-01"), Ok("held"));
        assert_eq!(on("SUS", "1999-12-31"), Err(NoRow::Day));
        assert_eq!(on("S;\"", "2024-01-01"), Ok("x"));
        assert_eq!(on("NEW", "2024-01-01"), Err(NoRow::Code));
    }

    #[test]
    fn contradictions_are_located() {
        let (_, issues) = table(
            "code,phase,valid_from,valid_to\nA,x,2024-01-01,\nA,y,2023-01-01,2024-02-01\n,z,,\nB,x,2024-13-01,\nC,x,2024-01-02,2024-01-01\n",
        );
        assert_eq!(
            issues,
            [
                "t.csv:4:1 the row has no `code`",
                "t.csv:5:1 `valid_from` is not a date",
                "t.csv:6:1 the row ends before it begins",
                "t.csv:3:1 two rows of one code are valid on the same day; the other is at line 2",
            ]
        );
    }
}
