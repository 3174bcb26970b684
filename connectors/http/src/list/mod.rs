//! Lists of records, read page by page and taken up where the pull before left off: what connectors that ask share.
//!
//! Knows when a pull is complete and what the next one asks for. How a page is asked for and what it looks like is the
//! business of whoever asks.

mod advance;
mod ahead;
mod cursor;
mod moment;
mod page;
mod paging;
mod pick;
mod since;
mod source;
mod template;
#[cfg(test)]
mod tests;

use async_trait::async_trait;
pub use cursor::{At, Run, Standing, Version};
pub use futures_util::stream::BoxStream;
use guichet_sdk::format::Cut;
use guichet_sdk::{Fault, Issue};
pub use moment::{Counting, Moment};
pub use page::{Item, Page, Reading, cut, gone, only, record_of, without_id};
pub use paging::Pages;
pub use pick::{Path, Picker};
pub use since::{Anchor, Changed, Counts, Since};
pub use source::{List, ListProbe};
pub use template::{Binding, Template};

/// Asks a peer for the pages of one list.
#[async_trait]
pub trait Asks: Send + Sync {
    /// How "changed since" is asked.
    fn since(&self) -> Option<&Changed>;
    /// The page where a flow stands; `None` when the list has not changed.
    async fn page(&self, standing: &Standing) -> Result<Option<Loaded>, Fault>;
    /// The records of these items, in their order, where the list holds only pointers; an issue for one that is gone.
    fn details<'a>(&'a self, items: Vec<&'a Item>) -> Option<BoxStream<'a, Result<Result<Cut, Issue>, Fault>>>;
    /// What there is to tell since the last call.
    fn notices(&self) -> Vec<Issue>;
}

/// A page with what it takes to go on after it.
pub struct Loaded {
    /// The pull it belongs to.
    pub run: Run,
    /// The page.
    pub page: Page,
    /// What the list says of its version, where this is its first page.
    pub version: Option<Version>,
}
