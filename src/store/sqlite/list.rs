//! Lists of cases, newest change first. A page looks at a bounded number of index rows whatever the filter: what it did not
//! reach, the next page continues, so that no question can hold a thread for long.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::Arc;

use rusqlite::{Connection, Row, params};

use super::flows::Flows;
use super::shelf::Shelf;
use super::terms::{self, TermKey};
use super::{alias, document};
use crate::model::{CaseRow, Outcome, Phase, Seal, WaitingOn};
use crate::store::{CaseDocument, CasePage, CaseQuery, PageMark, StoreFault, Term, fold_text};

/// Index rows looked at for one page.
const SCANNED: usize = 20_000;
/// Titles read for one page of a text search.
const TITLES: usize = 2_000;
/// Services read each through their own stretch of the index; more are filtered out of the common one.
const LANES: usize = 8;
/// Cases of one search term that are considered, the newest ones.
const CASES_OF_TERM: usize = 5_000;

/// What a list needs beside the query.
pub(super) struct Lister<'a> {
    /// Connection, inside a read transaction.
    pub(super) connection: &'a Connection,
    /// Sources by row.
    pub(super) flows: &'a Flows,
    /// Key of ids.
    pub(super) seal: Seal,
    /// Key of search terms.
    pub(super) terms: TermKey,
    /// Documents read lately …
    pub(super) shelf: &'a Shelf,
    /// … and its number before the transaction began.
    pub(super) now: u64,
}

/// The narrow columns of a case.
struct Line {
    mark: PageMark,
    service: Option<String>,
    phase: Option<Phase>,
    waiting_on: Option<WaitingOn>,
    outcome: Option<Outcome>,
    confidentiality: u8,
    source: i64,
}

/// What a stretch of an index gave.
#[derive(Default)]
struct Lane {
    found: Vec<PageMark>,
    /// Where looking stopped before the end of the stretch.
    stopped: Option<PageMark>,
}

const LINE: &str = "SELECT id, changed_at, service, phase, waiting_on, outcome, confidentiality, source FROM cases";

impl Lister<'_> {
    /// A page of cases.
    pub(super) fn page(&self, query: &CaseQuery) -> Result<CasePage, StoreFault> {
        let filter = Filter::of(query, self.flows);
        let services = services(query);
        let lanes = match &services {
            _ if !query.terms.is_empty() => vec![self.by_terms(query, &filter)?],
            Some(few) if few.len() <= LANES => {
                let share = LANES.max(few.len()) / few.len().max(1);
                few.iter()
                    .map(|service| self.by_service(query, &filter, service, SCANNED * share / LANES))
                    .collect::<Result<_, _>>()?
            }
            Some(_) | None => vec![self.by_change(query, &filter)?],
        };
        let (marks, next) = merge(lanes, query.limit);
        let mut cases = Vec::with_capacity(marks.len());
        for mark in marks {
            cases.extend(self.document(mark.row)?);
        }
        Ok(CasePage { cases, next })
    }

    fn document(&self, case: CaseRow) -> Result<Option<Arc<CaseDocument>>, StoreFault> {
        if let Some(kept) = self.shelf.get(case) {
            return Ok(Some(kept));
        }
        let found = document::get(self.connection, self.flows, self.seal, case)?.map(Arc::new);
        if let Some(found) = &found {
            self.shelf.put(self.now, found.clone());
        }
        Ok(found)
    }

    fn by_change(&self, query: &CaseQuery, filter: &Filter) -> Result<Lane, StoreFault> {
        let sql = format!(
            "{LINE} INDEXED BY cases_changed WHERE changed_at >= ?1 AND (changed_at, id) < (?2, ?3)
             ORDER BY changed_at DESC, id DESC"
        );
        let (since, after) = range(query);
        let mut statement = self.connection.prepare_cached(&sql)?;
        self.scan(statement.query(params![since, after.changed_at, after.row.0])?, query, filter, SCANNED)
    }

    fn by_service(&self, query: &CaseQuery, filter: &Filter, service: &str, budget: usize) -> Result<Lane, StoreFault> {
        let sql = format!(
            "{LINE} INDEXED BY cases_service WHERE service = ?4 AND changed_at >= ?1 AND (changed_at, id) < (?2, ?3)
             ORDER BY changed_at DESC, id DESC"
        );
        let (since, after) = range(query);
        let mut statement = self.connection.prepare_cached(&sql)?;
        self.scan(statement.query(params![since, after.changed_at, after.row.0, service])?, query, filter, budget)
    }

    /// Steps along an index until the page is full or the budget spent.
    fn scan(
        &self,
        mut rows: rusqlite::Rows<'_>,
        query: &CaseQuery,
        filter: &Filter,
        budget: usize,
    ) -> Result<Lane, StoreFault> {
        let mut lane = Lane::default();
        let (mut scanned, mut titles) = (0, 0);
        while let Some(row) = rows.next()? {
            let line = Line::read(row)?;
            scanned += 1;
            if filter.admits(&line) {
                titles += usize::from(!filter.words.is_empty());
                if self.title_has(&filter.words, line.mark.row)? {
                    lane.found.push(line.mark);
                }
            }
            if lane.found.len() > query.limit {
                break;
            }
            if scanned >= budget || titles >= TITLES {
                lane.stopped = Some(line.mark);
                break;
            }
        }
        Ok(lane)
    }

    /// Cases that carry every term.
    fn by_terms(&self, query: &CaseQuery, filter: &Filter) -> Result<Lane, StoreFault> {
        let mut rows: Option<BTreeSet<i64>> = None;
        for term in &query.terms {
            let mut of_term: BTreeSet<i64> =
                terms::cases(self.connection, self.terms.hash(term), CASES_OF_TERM)?.into_iter().collect();
            if let Term::Reference(key) = term {
                of_term.extend(alias::anywhere(self.connection, key)?);
            }
            rows = Some(match rows {
                Some(before) => before.intersection(&of_term).copied().collect(),
                None => of_term,
            });
        }
        let (since, after) = range(query);
        let mut lane = Lane::default();
        let mut statement = self.connection.prepare_cached(&format!("{LINE} WHERE id = ?1"))?;
        for row in rows.unwrap_or_default() {
            let Some(line) = statement.query([row])?.next()?.map(Line::read).transpose()? else { continue };
            let place = (line.mark.changed_at, line.mark.row);
            let on_page = line.mark.changed_at >= since && place < (after.changed_at, after.row);
            if on_page && filter.admits(&line) && self.title_has(&filter.words, line.mark.row)? {
                lane.found.push(line.mark);
            }
        }
        Ok(lane)
    }

    fn title_has(&self, words: &[String], case: CaseRow) -> Result<bool, StoreFault> {
        if words.is_empty() {
            return Ok(true);
        }
        let title: Option<String> = self
            .connection
            .prepare_cached("SELECT json_extract(body, '$.title') FROM cases WHERE id = ?1")?
            .query_row([case.0], |row| row.get(0))?;
        let title = fold_text(&title.unwrap_or_default());
        Ok(words.iter().all(|word| title.contains(word.as_str())))
    }
}

impl Line {
    fn read(row: &Row<'_>) -> rusqlite::Result<Line> {
        Ok(Line {
            mark: PageMark { changed_at: row.get(1)?, row: CaseRow(row.get(0)?) },
            service: row.get(2)?,
            phase: Phase::at(row.get(3)?),
            waiting_on: row.get::<_, Option<u8>>(4)?.and_then(WaitingOn::at),
            outcome: row.get::<_, Option<u8>>(5)?.and_then(Outcome::at),
            confidentiality: row.get(6)?,
            source: row.get(7)?,
        })
    }
}

/// The conditions that the place in the index does not decide.
struct Filter<'q> {
    query: &'q CaseQuery,
    services: Option<Vec<&'q str>>,
    /// Row of the source asked for; `Some(None)`: no such source, nothing matches.
    source: Option<Option<i64>>,
    words: Vec<String>,
}

impl<'q> Filter<'q> {
    fn of(query: &'q CaseQuery, flows: &Flows) -> Self {
        let text = query.text.as_deref().unwrap_or_default();
        Filter {
            query,
            services: services(query),
            source: query.source.as_deref().map(|name| flows.source_row(name)),
            words: text.split_whitespace().map(fold_text).filter(|word| !word.is_empty()).collect(),
        }
    }

    fn admits(&self, line: &Line) -> bool {
        let query = self.query;
        line.confidentiality <= query.scope_confidentiality
            && self.services.as_ref().is_none_or(|of| line.service.as_deref().is_some_and(|s| of.contains(&s)))
            && query.phase.is_none_or(|phase| line.phase == Some(phase))
            && query.waiting_on.is_none_or(|whom| line.waiting_on == Some(whom))
            && query.outcome.is_none_or(|outcome| line.outcome == Some(outcome))
            && self.source.is_none_or(|source| source == Some(line.source))
    }
}

/// The services that are both asked for and allowed; `None` = any.
fn services(query: &CaseQuery) -> Option<Vec<&str>> {
    match (&query.scope_services, query.service.as_deref()) {
        (None, None) => None,
        (None, Some(asked)) => Some(vec![asked]),
        (Some(allowed), None) => {
            Some(allowed.iter().map(String::as_str).collect::<BTreeSet<_>>().into_iter().collect())
        }
        (Some(allowed), Some(asked)) => {
            Some(allowed.iter().map(String::as_str).find(|s| *s == asked).into_iter().collect())
        }
    }
}

fn range(query: &CaseQuery) -> (i64, PageMark) {
    let newest = PageMark { changed_at: i64::MAX, row: CaseRow(i64::MAX) };
    (query.updated_since.unwrap_or(i64::MIN), query.after.unwrap_or(newest))
}

/// One page out of several lanes. Beyond the place where the first lane stopped looking nothing can be said yet.
fn merge(lanes: Vec<Lane>, limit: usize) -> (Vec<PageMark>, Option<PageMark>) {
    let place = |mark: &PageMark| (mark.changed_at, mark.row);
    let stopped = lanes.iter().filter_map(|lane| lane.stopped).max_by_key(place);
    let mut found: Vec<PageMark> = lanes.into_iter().flat_map(|lane| lane.found).collect();
    found.sort_unstable_by_key(|mark| Reverse(place(mark)));
    if let Some(stopped) = stopped {
        found.retain(|mark| place(mark) >= place(&stopped));
    }
    let more = found.len() > limit;
    found.truncate(limit);
    let next = if more { found.last().copied() } else { stopped };
    (found, next)
}
