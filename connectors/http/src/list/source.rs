//! Records in: from page to page, and from pull to pull. Cancel-safe: where the source stands changes only between two
//! waits, when a batch is whole.
//!
//! A batch ends with its page unless the next one already lies there: a hub that keeps up shows each page at once, one
//! that does not commits several together. Details are asked for page by page.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::StreamExt as _;
use guichet_sdk::format::Cut;
use guichet_sdk::{Ack, Batch, Cursor, Fault, FaultKind, Issue, Limit, Probe, Source};

use super::advance::advanced;
use super::ahead::Ahead;
use super::cursor::Standing;
use super::page::{Item, concerns_one, record_of, refused};
use super::{Asks, Loaded};
use crate::codes;

/// Details in a row that cannot be had before it is taken for a fault of the asking, not of the records.
const MOST_REFUSED: usize = 10;

/// A list as records.
pub struct List<P> {
    peer: Arc<P>,
    /// The cursor of the batch before; `None` before the first.
    stands: Option<Option<Cursor>>,
    standing: Standing,
    page: Option<Open>,
    /// The pages after it.
    ahead: Option<Ahead>,
    /// It goes on at a page of an earlier connection.
    resumed: bool,
    /// Details in a row that could not be had.
    refused: usize,
}

/// A page from which records are taken.
struct Open {
    loaded: Loaded,
    /// Items given.
    given: usize,
}

/// What a batch has taken of what it may.
struct Fill {
    limit: Limit,
    items: usize,
    bytes: usize,
    /// It holds records that were asked for one by one.
    details: bool,
    /// Details in a row that could not be had, up to here.
    refused: usize,
}

impl Fill {
    /// The first item always fits.
    fn has_room(&self) -> bool {
        self.items == 0 || (self.items < self.limit.records && self.bytes < self.limit.bytes)
    }

    /// The record of an item, by the detail that was asked for. One that will never be had is its own affair, too many
    /// in a row are not.
    fn detailed(
        &mut self,
        item: &Item,
        detail: Result<Result<Cut, Issue>, Fault>,
    ) -> Result<Result<Cut, Issue>, Fault> {
        match detail {
            Err(mut fault) if concerns_one(&fault) => {
                self.refused += 1;
                if self.refused <= MOST_REFUSED {
                    return Ok(Ok(refused(item, fault)));
                }
                let last = std::mem::take(&mut fault.issue.message);
                fault.issue.message = format!("{} details in a row cannot be had; the last: {last}", self.refused);
                Err(fault)
            }
            had => {
                if let Ok(Ok(Cut::Record(_))) = &had {
                    self.refused = 0;
                }
                had
            }
        }
    }
}

impl<P: Asks + 'static> List<P> {
    /// A source that reads a list.
    pub fn new(peer: P) -> Self {
        let standing = Standing::default();
        List { peer: Arc::new(peer), stands: None, standing, page: None, ahead: None, resumed: false, refused: 0 }
    }

    /// Goes back to a cursor; tells of one that is not ours.
    fn rewind(&mut self, after: Option<&Cursor>) -> Option<Issue> {
        let read = after.map(Standing::read);
        (self.page, self.ahead, self.stands) = (None, None, Some(after.cloned()));
        self.standing = read.clone().flatten().unwrap_or_default();
        (self.resumed, self.refused) = (self.standing.run.is_some(), 0);
        (read == Some(None)).then(|| {
            Issue::warning(
                codes::CURSOR,
                "the cursor was not written by this connector; the list is read from its start",
            )
            .hint("nothing to do: records that were taken before are not applied twice")
        })
    }

    /// Makes sure that a page is open; false when the list has not changed.
    async fn turn(&mut self, limit: Limit, notices: &mut Vec<Issue>) -> Result<bool, Fault> {
        if self.page.is_some() {
            return Ok(true);
        }
        if let Some(ahead) = &mut self.ahead {
            match ahead.page().await {
                Ok(Some(loaded)) => {
                    self.open(loaded, limit);
                    return Ok(true);
                }
                Ok(None) => self.ahead = None,
                Err(fault) => {
                    self.ahead = None;
                    return Err(fault);
                }
            }
        }
        let loaded = match self.peer.page(&self.standing).await {
            Err(fault) if self.resumed && fault.kind == FaultKind::Refused => {
                notices.push(page_gone());
                (self.standing.run, self.resumed) = (None, false);
                self.peer.page(&self.standing).await?
            }
            loaded => loaded?,
        };
        let Some(loaded) = loaded else { return Ok(false) };
        self.resumed = false;
        self.open(loaded, limit);
        Ok(true)
    }

    /// Opens a page, and has the pages after it asked for.
    fn open(&mut self, loaded: Loaded, limit: Limit) {
        let all = loaded.page.items.len();
        let counted = loaded.run.given.as_ref().filter(|(_, digest)| *digest == loaded.page.digest);
        // a page that is another one now is given again from its first item
        let given = counted.map_or(0, |(given, _)| usize::try_from(*given).unwrap_or(0)).min(all);
        if self.ahead.is_none() {
            let (after, _) = advanced(self.peer.since(), &self.standing, &loaded, (given, all));
            self.ahead = after.run.is_some().then(|| Ahead::ask(self.peer.clone(), after, limit));
        }
        self.page = Some(Open { loaded, given });
    }

    /// Takes records from the open page, as many as fit; how many items are given then. Waits for nothing but details.
    async fn take(&self, open: &Open, fill: &mut Fill, batch: &mut Batch) -> Result<usize, Fault> {
        let items = &open.loaded.page.items[open.given..];
        let before = open.loaded.run.read + open.given as u64;
        let wanted = items.iter().filter(|item| !self.passed_over(item));
        let mut details = self.peer.details(wanted.collect());
        fill.details |= details.is_some();
        let mut taken = 0;
        while taken < items.len() && fill.has_room() {
            let item = &items[taken];
            let cut = match &mut details {
                _ if self.passed_over(item) => None,
                None => Some(Ok(item.cut.clone())),
                Some(details) => match details.next().await {
                    Some(detail) => Some(fill.detailed(item, detail)?),
                    None => None,
                },
            };
            taken += 1;
            fill.items += 1;
            match cut {
                None => {}
                Some(Err(gone)) => batch.notices.push(gone),
                Some(Ok(mut cut)) => {
                    fill.bytes += record_of(&cut).bytes.len();
                    let (Cut::Record(record) | Cut::Broken(record, _)) = &mut cut;
                    record.origin.position = before + taken as u64;
                    match cut {
                        Cut::Record(record) => batch.records.push(record),
                        Cut::Broken(record, issue) => batch.broken.push((record, issue)),
                    }
                }
            }
        }
        Ok(open.given + taken)
    }

    /// Notes that so many items of the open page are given; closes it when these are all.
    fn give(&mut self, given: usize, batch: &mut Batch) {
        let Some(mut open) = self.page.take() else { return };
        if open.given == 0 {
            batch.notices.append(&mut open.loaded.page.notices);
        }
        let (standing, told) = advanced(self.peer.since(), &self.standing, &open.loaded, (open.given, given));
        batch.notices.extend(told);
        match &standing.run {
            Some(run) if given < open.loaded.page.items.len() => {
                // what was reached so far is carried in the run
                open.loaded.run = run.clone();
                self.page = Some(Open { given, ..open });
            }
            Some(_) => {}
            None => self.ahead = None,
        }
        self.standing = standing;
    }

    /// Older than asked for, from a peer that cannot filter.
    fn passed_over(&self, item: &Item) -> bool {
        let Some(changed) = self.peer.since().filter(|changed| changed.filter) else { return false };
        let known = self.standing.since.map(|seen| changed.counting.look_back(seen)).or(changed.start);
        known.zip(item.moment).is_some_and(|(known, moment)| moment < known)
    }
}

/// Cursors and addresses of pages expire, and a pull that was broken off would never get on.
fn page_gone() -> Issue {
    Issue::warning(
        codes::PAGE_GONE,
        "the page this pull was to go on at is gone; the list is read again from its start",
    )
    .hint("nothing to do: records that were taken before are not applied twice")
}

#[async_trait]
impl<P: Asks + 'static> Source for List<P> {
    async fn next(&mut self, after: Option<&Cursor>, limit: Limit) -> Result<Batch, Fault> {
        let mut batch = Batch::default();
        if self.stands.as_ref().map(Option::as_ref) != Some(after) {
            batch.notices.extend(self.rewind(after));
        }
        let changed = self.turn(limit, &mut batch.notices).await?;
        batch.notices.extend(self.peer.notices());
        if !changed {
            return Ok(Batch { caught_up: true, ..batch });
        }
        let mut fill = Fill { limit, items: 0, bytes: 0, details: false, refused: self.refused };
        while let Some(open) = &self.page {
            let given = self.take(open, &mut fill, &mut batch).await?;
            // from here on nothing waits: what was taken is given
            self.give(given, &mut batch);
            if self.page.is_some() || fill.details || !fill.has_room() {
                break;
            }
            if let Some(loaded) = self.ahead.as_mut().and_then(Ahead::page_that_is_here) {
                self.open(loaded, limit);
            }
        }
        self.refused = fill.refused;
        let cursor = self.standing.write();
        self.stands = Some(Some(cursor.clone()));
        Ok(Batch { caught_up: self.standing.run.is_none(), cursor: Some(cursor), ..batch })
    }

    /// A list is not told what was taken from it: there is nothing to do, however often.
    async fn acknowledge(&mut self, _: Ack) -> Result<(), Fault> {
        Ok(())
    }

    async fn woken(&mut self) {
        std::future::pending().await
    }
}

/// Asks for the first page.
pub struct ListProbe<P> {
    peer: P,
    address: String,
}

impl<P: Asks> ListProbe<P> {
    /// A probe of the list at an address.
    pub fn new(peer: P, address: &str) -> Self {
        ListProbe { peer, address: address.to_owned() }
    }
}

#[async_trait]
impl<P: Asks> Probe for ListProbe<P> {
    async fn probe(&self) -> Result<String, Fault> {
        let loaded = self.peer.page(&Standing::default()).await?;
        let page = loaded.map(|loaded| loaded.page);
        let records = page.as_ref().map_or(0, |page| page.items.len());
        let of = page.and_then(|page| page.total).map(|total| format!(" of {total}")).unwrap_or_default();
        Ok(format!("`{}` answers; {records} records on its first page{of}", self.address))
    }
}
