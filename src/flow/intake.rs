//! From a batch to a unit of work: digests first, so that known records need no mapping, then reading and mapping in
//! parallel. The order of the source is kept.

use std::panic::resume_unwind;
use std::sync::Arc;

use guichet_sdk::{Digest, Issue, Record, Refusal};
use rayon::prelude::*;

use super::route::Route;
use super::translate::{read, refused};
use crate::store::{Item, Reading, StoreFault};

/// Records one thread takes at a time: fewer cost more to hand over than to read.
const CHUNK: usize = 32;

/// Digests of records, in order.
pub(super) async fn digests(records: Vec<Record>) -> Result<Vec<(Record, Digest)>, StoreFault> {
    aside(move || {
        let digest = |record: Record| {
            let digest = record.digest();
            (record, digest)
        };
        records.into_par_iter().with_min_len(CHUNK).map(digest).collect()
    })
    .await
}

/// Reads and maps what is not known; what could not even be cut out is refused with its issue.
pub(super) async fn items(
    route: &Arc<Route>,
    records: Vec<(Record, Digest)>,
    known: Vec<bool>,
    broken: Vec<(Record, Issue)>,
) -> Result<Vec<Item>, StoreFault> {
    let route = route.clone();
    aside(move || {
        let item = |((record, digest), known): ((Record, Digest), bool)| {
            let reading = if known { Reading::Known } else { read(&*route.translate, route.order, &record) };
            Item { record, digest, reading }
        };
        let mut items: Vec<Item> = records.into_par_iter().zip(known).with_min_len(CHUNK).map(item).collect();
        items.extend(broken.into_iter().map(|(record, issue)| {
            let refusal = Refusal { case_key: None, issues: vec![issue] };
            Item { digest: record.digest(), reading: refused(refusal, &record.origin), record }
        }));
        items
    })
    .await
}

/// Runs work that burns processor time where it keeps nobody waiting; its panic is the caller's.
pub(super) async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, StoreFault> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => Ok(done),
        Err(error) => match error.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            Err(_) => Err(StoreFault::Closed),
        },
    }
}
