//! How a list goes on after a page. Pure.

use std::borrow::Cow;
use std::sync::Arc;

use guichet_sdk::Fault;

use super::cursor::{At, Run};
use super::page::{Page, looping};
use super::pick::Path;
use super::template::Binding;

/// How a list is paged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pages {
    /// One page.
    One,
    /// By number.
    Number {
        /// Of the first page.
        first: u64,
        /// Records of a page.
        size: Option<u64>,
        /// Where the number of all records stands.
        total: Option<Path>,
        /// Where it stands whether there is another page.
        more: Option<Path>,
    },
    /// By the records before a page.
    Offset {
        /// Records of a page.
        size: Option<u64>,
        /// Where the number of all records stands.
        total: Option<Path>,
        /// Where it stands whether there is another page.
        more: Option<Path>,
    },
    /// By what the page before gave.
    Cursor(Path),
    /// By an address in the page before.
    NextUrl(Path),
    /// By the `Link` header.
    Link,
}

impl Pages {
    /// The first page.
    pub fn first(&self) -> At {
        match self {
            Pages::Number { first, .. } => At::Number(*first),
            Pages::Offset { .. } => At::Offset(0),
            Pages::One | Pages::Cursor(_) | Pages::NextUrl(_) | Pages::Link => At::First,
        }
    }

    /// Records of a page, where the peer is asked for so many.
    pub fn size(&self) -> Option<u64> {
        match self {
            Pages::Number { size, .. } | Pages::Offset { size, .. } => *size,
            Pages::One | Pages::Cursor(_) | Pages::NextUrl(_) | Pages::Link => None,
        }
    }

    /// What a binding stands for in the request for the page at this place; `None`: there is nothing to write.
    pub fn value<'a>(&self, binding: Binding, since: Option<&'a str>, at: &'a At) -> Option<Cow<'a, str>> {
        match (binding, at) {
            (Binding::Since, _) => since.map(Cow::Borrowed),
            (Binding::Size, _) => self.size().map(|size| size.to_string().into()),
            (Binding::Page, At::Number(number)) => Some(number.to_string().into()),
            (Binding::Offset, At::Offset(offset)) => Some(offset.to_string().into()),
            (Binding::Cursor, At::Cursor(cursor)) => Some(Cow::Borrowed(cursor)),
            (Binding::Page | Binding::Offset | Binding::Cursor | Binding::Id, _) => None,
        }
    }

    /// The page after this one, and how many records there are in all: by what stands at a path of its answer.
    pub fn after(
        &self,
        about: &Arc<str>,
        run: &Run,
        page: &Page,
        value: impl Fn(&Path) -> Option<String>,
        linked: impl FnOnce() -> Option<String>,
    ) -> Result<(Option<At>, Option<u64>), Fault> {
        let count = page.items.len() as u64;
        let (total, more, step) = match self {
            Pages::One => return Ok((None, None)),
            Pages::Cursor(path) => return Ok((other(value(path).map(At::Cursor), run, about)?, None)),
            Pages::NextUrl(path) => return Ok((other(value(path).map(At::Url), run, about)?, None)),
            Pages::Link => return Ok((other(linked().map(At::Url), run, about)?, None)),
            Pages::Number { first, total, more, .. } => {
                let number = if let At::Number(number) = run.at { number } else { *first };
                (total, more, At::Number(number.saturating_add(1)))
            }
            Pages::Offset { total, more, .. } => {
                let offset = if let At::Offset(offset) = run.at { offset } else { 0 };
                // by what came, not by what was asked for: peers cap the size of a page
                (total, more, At::Offset(offset.saturating_add(count)))
            }
        };
        let total = total.as_ref().and_then(&value).and_then(|text| text.trim().parse::<u64>().ok());
        let all = total.is_some_and(|total| run.read.saturating_add(count) >= total);
        let goes_on = match more {
            None => count > 0 && !all,
            Some(path) => value(path).is_some_and(|text| is_true(&text)),
        };
        // a peer that promises more and gives nothing would be asked for ever
        if goes_on && (step == run.at || count == 0 && run.before.as_ref() == Some(&page.digest)) {
            return Err(looping(about));
        }
        Ok((goes_on.then_some(step), total))
    }
}

fn other(next: Option<At>, run: &Run, about: &Arc<str>) -> Result<Option<At>, Fault> {
    if next.as_ref() == Some(&run.at) { Err(looping(about)) } else { Ok(next) }
}

fn is_true(text: &str) -> bool {
    let text = text.trim();
    ["true", "1", "yes", "y", "j"].iter().any(|word| text.eq_ignore_ascii_case(word))
}
