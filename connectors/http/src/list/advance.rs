//! Where a source stands once items of a page are given. Pure.

use guichet_sdk::Issue;

use super::Loaded;
use super::cursor::{Run, Standing};
use super::moment::Moment;
use super::since::{Anchor, Changed};
use crate::codes;

/// Where the source stands once the items of a page from one to before another are given; what there is to tell at the
/// end of a pull. `standing` is where it stood when the pull began or went on.
pub(super) fn advanced(
    since: Option<&Changed>,
    standing: &Standing,
    loaded: &Loaded,
    (from, given): (usize, usize),
) -> (Standing, Option<Issue>) {
    let (run, page) = (&loaded.run, &loaded.page);
    let moments = page.items[from..given].iter().filter_map(|item| item.moment);
    let reached = moments.chain(run.reached).max();
    if given < page.items.len() {
        let given = Some((given as u64, page.digest.clone()));
        return (Standing { run: Some(Run { reached, given, ..run.clone() }), ..standing.clone() }, None);
    }
    let (read, pages) = (run.read + page.items.len() as u64, run.pages + 1);
    let total = page.total.or(run.total);
    let run = Run { reached, read, pages, total, given: None, ..run.clone() };
    match &page.next {
        Some(next) => {
            let run = Run { at: next.clone(), before: Some(page.digest.clone()), ..run };
            (Standing { run: Some(run), ..standing.clone() }, None)
        }
        None => (finished(since, standing, &run, loaded), missing(read, total)),
    }
}

/// Where the source stands after a whole pull.
fn finished(since: Option<&Changed>, standing: &Standing, run: &Run, last: &Loaded) -> Standing {
    let since = since.and_then(|changed| match changed.from {
        Anchor::Records => Some(changed.counting.cap(run.reached?, run.start)),
        Anchor::Request => Some(Moment::Time(run.start)),
    });
    // never backwards, whatever the clocks say
    let since = standing.since.max(since);
    let version = last.version.clone().filter(|_| run.pages == 1);
    Standing { since, version, run: None }
}

fn missing(read: u64, total: Option<u64>) -> Option<Issue> {
    let total = total.filter(|total| read < *total)?;
    let message = format!("the peer says that there are {total} records, and gave {read}");
    Some(
        Issue::warning(codes::MISSING, message).hint("check that the list is sorted by something that does not change"),
    )
}
