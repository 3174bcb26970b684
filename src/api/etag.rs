//! Entity tags of cases: whether an answer still stands is decided from memory, without reading the case.
//!
//! A tag carries the revision, the sources of the case and a keyed proof over everything the answer depends on: who
//! asks with which scopes, the language, the edition of the catalogue, how fresh each source is. Only an answer given to
//! the same client under the same scopes can have carried it; so a match also proves that the case may be seen.

use std::fmt::Write;

use axum::http::HeaderValue;
use guichet_sdk::Digest;

use super::auth::Caller;
use super::language::Language;
use super::sources::SourcesView;
use super::state::Desk;
use crate::model::CaseRow;

/// Most sources of one case a tag can name; beyond, the case is always read.
const SOURCES: usize = 16;

/// What a tag is made for.
pub struct Subject<'a> {
    /// The case.
    pub row: CaseRow,
    /// Who asks.
    pub caller: &'a Caller,
    /// In which language.
    pub language: Language,
}

/// The tag of an answer: weak, since the time of the last look at a source moves without it.
pub fn write(desk: &Desk, view: &SourcesView, subject: &Subject<'_>, revision: i64, sources: &[usize]) -> String {
    let mut proven = Vec::with_capacity(160);
    proven.extend(desk.seal.0.to_le_bytes());
    proven.extend(desk.edition.0);
    proven.extend(subject.caller.scope.0);
    proven.extend(subject.row.0.to_le_bytes());
    proven.extend(revision.to_le_bytes());
    proven.push(subject.language.0 as u8);
    let mut tag = format!("W/\"{revision}");
    for at in sources {
        let Some(source) = view.sources.get(*at) else { continue };
        proven.extend(source.name.as_bytes());
        proven.extend([0, source.freshness.index()]);
        let _ = write!(tag, ".{at}");
    }
    let _ = write!(tag, "-{}\"", Digest::of(&[b"tag", &proven]));
    tag
}

/// The tag in `If-None-Match` that is still right, if there is one; `revision` is the current one.
pub fn standing(
    desk: &Desk,
    view: &SourcesView,
    subject: &Subject<'_>,
    revision: i64,
    given: &HeaderValue,
) -> Option<String> {
    let given = given.to_str().ok()?;
    given.split(',').map(str::trim).find_map(|given| {
        let sources = parse(given, revision)?;
        let right = write(desk, view, subject, revision, &sources);
        (weak(&right) == weak(given)).then_some(right)
    })
}

/// The sources a tag of this revision names.
fn parse(tag: &str, revision: i64) -> Option<Vec<usize>> {
    let (claims, _) = weak(tag).strip_prefix('"')?.split_once('-')?;
    let mut claims = claims.split('.');
    if claims.next()?.parse() != Ok(revision) {
        return None;
    }
    let sources: Vec<usize> = claims.map(|at| at.parse().ok()).take(SOURCES + 1).collect::<Option<_>>()?;
    (sources.len() <= SOURCES).then_some(sources)
}

fn weak(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_names_its_revision_and_sources() {
        assert_eq!(parse("W/\"7.0.3-abc\"", 7), Some(vec![0, 3]));
        assert_eq!(parse("\"7-abc\"", 7), Some(vec![]));
        assert_eq!(parse("W/\"6.0-abc\"", 7), None);
        assert_eq!(parse("nonsense", 7), None);
        assert_eq!(parse(&format!("\"7{}-abc\"", ".1".repeat(SOURCES + 1)), 7), None);
    }
}
