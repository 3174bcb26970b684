//! Pages read: records cut out, what they count by, what their details are asked for by. Pure.

use std::sync::Arc;

use bytes::Bytes;
use guichet_sdk::format::{Cut, Format, Framer};
use guichet_sdk::{Digest, Fault, FaultKind, Issue, Origin, Place, Record, Retry};

use super::cursor::{At, Run};
use super::moment::Moment;
use super::pick::{Path, Picker};
use super::since::Changed;
use crate::codes;

/// Pages of one pull: a peer that gives more gives the same ones.
const MOST_PAGES: u64 = 1_000_000;

/// A page, read.
#[derive(Debug)]
pub struct Page {
    /// Its items, in the order of the list.
    pub items: Vec<Item>,
    /// What recognises it.
    pub digest: String,
    /// The page after it.
    pub next: Option<At>,
    /// How many items the peer says there are in all.
    pub total: Option<u64>,
    /// What is worth telling an operator.
    pub notices: Vec<Issue>,
}

/// An item of a list.
#[derive(Debug)]
pub struct Item {
    /// Its bytes.
    pub cut: Cut,
    /// What `since` counts by.
    pub moment: Option<Moment>,
    /// What its detail is asked for by.
    pub id: Option<String>,
}

/// How pages are read.
pub struct Reading<'a> {
    /// How items are written.
    pub format: &'a Format,
    /// What they count by.
    pub since: Option<&'a Changed>,
    /// What their details are asked for by.
    pub id: Option<&'a Path>,
}

impl Reading<'_> {
    /// Reads a page; how the list goes on is for its paging to say.
    pub fn page(&self, about: &Arc<str>, body: &Bytes, run: &Run) -> Result<Page, Fault> {
        let (cuts, mut notices) = cut(self.format, about, body).map_err(torn)?;
        let picker = Picker::of_records(self.format);
        let items: Vec<_> = cuts.into_iter().map(|cut| self.item(&picker, cut)).collect();
        if self.since.is_some_and(|since| since.path.is_some()) {
            notices.extend(without_since(about, &items));
        }
        let parts: Vec<&[u8]> = items.iter().map(|item| &*record_of(&item.cut).bytes).collect();
        let digest = Digest::of(&parts).to_string();
        if !items.is_empty() && run.before.as_deref() == Some(&digest) || run.pages >= MOST_PAGES {
            return Err(looping(about));
        }
        Ok(Page { items, digest, next: None, total: None, notices })
    }

    fn item(&self, picker: &Picker, cut: Cut) -> Item {
        let paths = [self.since.and_then(|since| since.path.as_ref()), self.id];
        let [moment, id] = match &cut {
            Cut::Record(record) => picker.pick(record, paths),
            Cut::Broken(..) => [None, None],
        };
        let counting = self.since.map(|since| &since.counting);
        Item { cut, moment: moment.and_then(|text| counting?.read(&text)), id }
    }
}

/// The record of a cut, broken or not.
pub fn record_of(cut: &Cut) -> &Record {
    match cut {
        Cut::Record(record) | Cut::Broken(record, _) => record,
    }
}

/// The records in an answer.
pub fn cut(format: &Format, about: &Arc<str>, body: &Bytes) -> Result<(Vec<Cut>, Vec<Issue>), Issue> {
    let mut cuts = Vec::new();
    if body.trim_ascii().is_empty() {
        return Ok((cuts, Vec::new()));
    }
    let mut framer = Framer::new(format, about.clone(), 0);
    framer.push(body);
    framer.end();
    while let Some(cut) = framer.next()? {
        cuts.push(cut);
    }
    Ok((cuts, framer.notices()))
}

/// The one record of a detail answer; the whole answer, broken, where there is none or several.
pub fn only(format: &Format, about: &Arc<str>, body: &Bytes) -> Cut {
    let broken = |issue: Issue| {
        let kept = body.slice(..body.len().min(format.limits.record_bytes));
        let origin = Origin { name: about.clone(), line: 1, column: 1, position: 1, ..Origin::default() };
        Cut::Broken(Record { bytes: kept, context: Arc::from(""), origin }, issue)
    };
    let mut cuts = match cut(format, about, body) {
        Ok((cuts, _)) => cuts.into_iter(),
        Err(issue) => return broken(issue),
    };
    match (cuts.next(), cuts.next()) {
        (Some(cut), None) => cut,
        (found, _) => {
            let many = if found.is_some() { "more than one record" } else { "no record" };
            let issue = Issue::error(codes::DETAIL, format!("the detail answer holds {many}"));
            broken(issue.at(Place::file(&**about)).hint("correct `detail.record`: it says where the record stands"))
        }
    }
}

/// A list item that leads nowhere, kept as it stands in the list.
pub fn without_id(item: &Item) -> Cut {
    match &item.cut {
        Cut::Broken(record, issue) => Cut::Broken(record.clone(), issue.clone()),
        Cut::Record(record) => {
            let place = Place::file(&*record.origin.name).at(record.origin.line, record.origin.column);
            let issue = Issue::error(codes::NO_ID, "the list item has no usable value at `detail.id`").at(place);
            Cut::Broken(record.clone(), issue.hint("correct `detail.id`: it is the path of the id in a list item"))
        }
    }
}

/// Whether a fault is the answer to this one request: the same again would be answered the same, another may not.
pub(super) fn concerns_one(fault: &Fault) -> bool {
    let answered = match fault.kind {
        FaultKind::Refused | FaultKind::Protocol | FaultKind::Content => true,
        FaultKind::Unreachable
        | FaultKind::Timeout
        | FaultKind::Unauthorized
        | FaultKind::Throttled
        | FaultKind::Environment => false,
    };
    answered && fault.retry == Retry::Never
}

/// A list item whose detail cannot be had, kept as it stands in the list with why.
pub(super) fn refused(item: &Item, fault: Fault) -> Cut {
    let mut issue = *fault.issue;
    issue.message = format!("the detail of a list item cannot be had: {}", issue.message);
    Cut::Broken(record_of(&item.cut).clone(), issue)
}

/// What is told of a list item whose detail is not there.
pub fn gone(item: &Item, about: &Arc<str>) -> Issue {
    let listed = &record_of(&item.cut).origin;
    Issue::warning(codes::GONE, "a record of the list is gone when its detail is asked for")
        .at(Place::file(&**about).at(listed.line.max(1), listed.column.max(1)))
        .hint("nothing to do if the peer deletes records; else check how `detail` asks")
}

fn without_since(about: &Arc<str>, items: &[Item]) -> Option<Issue> {
    let without = items.iter().filter(|item| item.moment.is_none() && matches!(item.cut, Cut::Record(_))).count();
    (without > 0).then(|| {
        let message = format!("{without} of {} records have no readable value at `since.path`", items.len());
        Issue::warning(codes::NO_SINCE, message).at(Place::file(&**about)).hint(
            "correct `since.path` or `since.format`; such records are read, but the next pull cannot count by them",
        )
    })
}

/// A page that cannot be cut is not the records' fault: the peer may answer better the next time.
fn torn(issue: Issue) -> Fault {
    Fault::content(issue).retry(Retry::After(None))
}

/// The peer does not turn the page.
pub(super) fn looping(about: &Arc<str>) -> Fault {
    let mut fault = Fault::new(FaultKind::Protocol, codes::LOOP, "the peer gives the same page again and again");
    fault.issue.place = Place::file(&**about);
    fault.issue.hint = Some("check what carries the paging in the request: the peer seems not to know it".to_owned());
    fault
}
