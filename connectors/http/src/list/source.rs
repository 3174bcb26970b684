//! Records in: from page to page, and from pull to pull. Cancel-safe: where the source stands changes only between two
//! waits, when a batch is whole.

use async_trait::async_trait;
use futures_util::StreamExt as _;
use guichet_sdk::format::Cut;
use guichet_sdk::{Ack, Batch, Cursor, Fault, FaultKind, Issue, Limit, Probe, Source};

use super::cursor::{Run, Standing};
use super::moment::Moment;
use super::page::{Item, record_of};
use super::since::Anchor;
use super::{Asks, Loaded};
use crate::codes;

/// A list as records.
pub struct List<P> {
    peer: P,
    /// The cursor of the batch before; `None` before the first.
    stands: Option<Option<Cursor>>,
    standing: Standing,
    page: Option<Open>,
    /// It goes on at a page of an earlier connection.
    resumed: bool,
}

/// A page from which records are taken.
struct Open {
    loaded: Loaded,
    /// Items given.
    given: usize,
}

impl<P: Asks> List<P> {
    /// A source that reads a list.
    pub fn new(peer: P) -> Self {
        List { peer, stands: None, standing: Standing::default(), page: None, resumed: false }
    }

    /// Goes back to a cursor; tells of one that is not ours.
    fn rewind(&mut self, after: Option<&Cursor>) -> Option<Issue> {
        let read = after.map(Standing::read);
        (self.page, self.stands) = (None, Some(after.cloned()));
        self.standing = read.clone().flatten().unwrap_or_default();
        self.resumed = self.standing.run.is_some();
        (read == Some(None)).then(|| {
            Issue::warning(
                codes::CURSOR,
                "the cursor was not written by this connector; the list is read from its start",
            )
            .hint("nothing to do: records that were taken before are not applied twice")
        })
    }

    /// Makes sure that a page is open; false when the list has not changed.
    async fn turn(&mut self, notices: &mut Vec<Issue>) -> Result<bool, Fault> {
        if self.page.is_some() {
            return Ok(true);
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
        let counted = loaded.run.given.as_ref().filter(|(_, digest)| *digest == loaded.page.digest);
        // a page that is another one now is given again from its first item
        let given = counted.map_or(0, |(given, _)| usize::try_from(*given).unwrap_or(0)).min(loaded.page.items.len());
        self.page = Some(Open { loaded, given });
        Ok(true)
    }

    /// Takes records from the open page, as many as fit; how many items they come from.
    async fn take(&self, open: &Open, limit: Limit, batch: &mut Batch) -> Result<usize, Fault> {
        let items = &open.loaded.page.items[open.given..];
        let before = open.loaded.run.read + open.given as u64;
        let (mut taken, mut bytes) = (0, 0);
        let wanted = items.iter().filter(|item| !self.passed_over(item));
        let mut details = self.peer.details(wanted.collect());
        while taken < items.len().min(limit.records.max(1)) && (taken == 0 || bytes < limit.bytes) {
            let item = &items[taken];
            let cut = match &mut details {
                _ if self.passed_over(item) => None,
                None => Some(Ok(item.cut.clone())),
                Some(details) => details.next().await.transpose()?,
            };
            taken += 1;
            match cut {
                None => {}
                Some(Err(gone)) => batch.notices.push(gone),
                Some(Ok(mut cut)) => {
                    bytes += record_of(&cut).bytes.len();
                    let (Cut::Record(record) | Cut::Broken(record, _)) = &mut cut;
                    record.origin.position = before + taken as u64;
                    match cut {
                        Cut::Record(record) => batch.records.push(record),
                        Cut::Broken(record, issue) => batch.broken.push((record, issue)),
                    }
                }
            }
        }
        Ok(taken)
    }

    /// Older than asked for, from a peer that cannot filter.
    fn passed_over(&self, item: &Item) -> bool {
        let Some(changed) = self.peer.since().filter(|changed| changed.filter) else { return false };
        let known = self.standing.since.map(|seen| changed.counting.look_back(seen)).or(changed.start);
        known.zip(item.moment).is_some_and(|(known, moment)| moment < known)
    }

    /// Where the source stands once these items are given; what there is to tell at the end of a pull.
    fn advanced(&self, open: &Open, given: usize) -> (Standing, Option<Issue>) {
        let (run, page) = (&open.loaded.run, &open.loaded.page);
        let moments = page.items[open.given..given].iter().filter_map(|item| item.moment);
        let reached = moments.chain(run.reached).max();
        if given < page.items.len() {
            let given = Some((given as u64, page.digest.clone()));
            return (Standing { run: Some(Run { reached, given, ..run.clone() }), ..self.standing.clone() }, None);
        }
        let (read, pages) = (run.read + page.items.len() as u64, run.pages + 1);
        let total = page.total.or(run.total);
        let run = Run { reached, read, pages, total, given: None, ..run.clone() };
        match &page.next {
            Some(next) => {
                let run = Run { at: next.clone(), before: Some(page.digest.clone()), ..run };
                (Standing { run: Some(run), ..self.standing.clone() }, None)
            }
            None => (self.finished(&run, &open.loaded), missing(read, total)),
        }
    }

    /// Where the source stands after a whole pull.
    fn finished(&self, run: &Run, last: &Loaded) -> Standing {
        let since = self.peer.since().and_then(|changed| match changed.from {
            Anchor::Records => Some(changed.counting.cap(run.reached?, run.start)),
            Anchor::Request => Some(Moment::Time(run.start)),
        });
        // never backwards, whatever the clocks say
        let since = self.standing.since.max(since);
        let version = last.version.clone().filter(|_| run.pages == 1);
        Standing { since, version, run: None }
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

fn missing(read: u64, total: Option<u64>) -> Option<Issue> {
    let total = total.filter(|total| read < *total)?;
    let message = format!("the peer says that there are {total} records, and gave {read}");
    Some(
        Issue::warning(codes::MISSING, message).hint("check that the list is sorted by something that does not change"),
    )
}

#[async_trait]
impl<P: Asks> Source for List<P> {
    async fn next(&mut self, after: Option<&Cursor>, limit: Limit) -> Result<Batch, Fault> {
        let mut batch = Batch::default();
        if self.stands.as_ref().map(Option::as_ref) != Some(after) {
            batch.notices.extend(self.rewind(after));
        }
        let changed = self.turn(&mut batch.notices).await?;
        batch.notices.extend(self.peer.notices());
        let Some(open) = self.page.as_ref().filter(|_| changed) else {
            return Ok(Batch { caught_up: true, ..batch });
        };
        let given = open.given + self.take(open, limit, &mut batch).await?;
        if open.given == 0 {
            batch.notices.extend(open.loaded.page.notices.iter().cloned());
        }
        let (standing, told) = self.advanced(open, given);
        batch.notices.extend(told);
        batch.caught_up = standing.run.is_none();
        let cursor = standing.write();
        let whole = given == open.loaded.page.items.len();
        match &mut self.page {
            Some(open) if !whole => {
                open.given = given;
                // what was reached so far is carried in the run
                open.loaded.run = standing.run.clone().unwrap_or_else(|| open.loaded.run.clone());
            }
            page => *page = None,
        }
        (self.standing, self.stands) = (standing, Some(Some(cursor.clone())));
        batch.cursor = Some(cursor);
        Ok(batch)
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
