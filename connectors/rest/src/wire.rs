//! Requests built and answers read: the list, its pages, the details. Pure.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use guichet_http::header::{ACCEPT, CONTENT_TYPE, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH};
use guichet_http::{Answer, Call, Method, Url, text};
use guichet_sdk::format::{Cut, Format, Framer, Shape};
use guichet_sdk::{Digest, Fault, FaultKind, Issue, Origin, Place, Record, Retry};
use serde_json::{Map, Value};

use crate::codes;
use crate::config::{Asking, Details, Filling, Intake, Pages};
use crate::cursor::{At, Run, Version};
use crate::moment::Moment;
use crate::pick::Picker;
use crate::template::{Binding, Template};

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

/// The request for a page.
pub fn list_call(intake: &Intake, since: Option<&str>, at: &At) -> Result<Call, Fault> {
    let size = match intake.paging {
        Pages::Number { size, .. } | Pages::Offset { size, .. } => size,
        Pages::One | Pages::Cursor(_) | Pages::NextUrl(_) | Pages::Link => None,
    };
    let value = |binding| -> Option<Cow<'_, str>> {
        match (binding, at) {
            (Binding::Since, _) => since.map(Cow::Borrowed),
            (Binding::Size, _) => size.map(|size| size.to_string().into()),
            (Binding::Page, At::Number(number)) => Some(number.to_string().into()),
            (Binding::Offset, At::Offset(offset)) => Some(offset.to_string().into()),
            (Binding::Cursor, At::Cursor(cursor)) => Some(Cow::Borrowed(cursor)),
            (Binding::Page | Binding::Offset | Binding::Cursor | Binding::Id, _) => None,
        }
    };
    let mut call = ask(&intake.base_url, &intake.list, &intake.format, &value)?;
    if let At::Url(link) = at {
        let url = call.url.join(link).map_err(|_| {
            let message = "the address of the next page cannot be read";
            Fault::new(FaultKind::Protocol, codes::NEXT_PAGE, message).retry(Retry::After(None))
        })?;
        call = Call { headers: call.headers, ..Call::get(url) };
    }
    Ok(call)
}

/// Asks for a list only if it changed.
pub fn only_if_changed(call: &mut Call, version: &Version) {
    for (name, value) in [(IF_NONE_MATCH, &version.etag), (IF_MODIFIED_SINCE, &version.modified)] {
        if let Some(Ok(value)) = value.as_deref().map(HeaderValue::from_str) {
            call.headers.insert(name, value);
        }
    }
}

/// What recognises a request.
pub fn fingerprint(call: &Call) -> String {
    Digest::of(&[call.url.as_str().as_bytes(), &call.body]).to_string()
}

/// What an answer says of its version.
pub fn version(call: &Call, answer: &Answer) -> Option<Version> {
    let header = |name| Some(text(&answer.headers, name).to_owned()).filter(|value| !value.is_empty());
    let (etag, modified) = (header("etag"), header("last-modified"));
    (etag.is_some() || modified.is_some()).then(|| Version { of: fingerprint(call), etag, modified })
}

/// The request for the record of a list item.
pub fn detail_call(intake: &Intake, details: &Details, id: &str) -> Result<Call, Fault> {
    let value = |binding| (binding == Binding::Id).then_some(Cow::Borrowed(id));
    let call = ask(&intake.base_url, &details.asking, &details.format, &value)?;
    Ok(Call { may_be_absent: true, ..call })
}

fn ask<'a>(
    base: &Url,
    asking: &Asking,
    format: &Format,
    value: &impl Fn(Binding) -> Option<Cow<'a, str>>,
) -> Result<Call, Fault> {
    let mut url = base.clone();
    let segments: Option<Vec<_>> = asking.path.iter().map(|segment| segment.fill(value)).collect();
    let segments = segments.unwrap_or_default();
    // `..` would be taken for a step upwards, and an empty segment for another path
    if segments.is_empty() || segments.iter().any(|segment| matches!(segment.as_str(), "" | "." | "..")) {
        let message = "a value in the path is empty or leads upwards";
        return Err(Fault::new(FaultKind::Refused, codes::NO_ID, message));
    }
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(&segments);
    }
    let filled = asking.query.iter().filter_map(|(name, template)| Some((name, template.fill(value)?)));
    for (name, text) in filled {
        url.query_pairs_mut().append_pair(name, &text);
    }
    let mut call = match &asking.body {
        None => Call::get(url),
        Some(body) => {
            let body = fill(body, value).unwrap_or(Value::Null);
            // a search changes nothing: it may be repeated like a GET
            Call::new(Method::POST, url, Bytes::from(body.to_string()), true)
        }
    };
    let accept =
        if matches!(format.shape, Shape::Xml { .. }) { "application/xml, text/xml" } else { "application/json" };
    call.headers.insert(ACCEPT, HeaderValue::from_static(accept));
    if asking.body.is_some() {
        call.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    call.headers.extend(asking.headers.iter().cloned());
    Ok(call)
}

/// A body with its values; `None` where one has no value.
fn fill<'a>(filling: &Filling, value: &impl Fn(Binding) -> Option<Cow<'a, str>>) -> Option<Value> {
    Some(match filling {
        Filling::Plain(plain) => plain.clone(),
        Filling::Array(items) => items.iter().filter_map(|item| fill(item, value)).collect(),
        Filling::Object(members) => {
            let filled = members.iter().filter_map(|(key, member)| Some((key.clone(), fill(member, value)?)));
            Value::Object(filled.collect::<Map<_, _>>())
        }
        Filling::Text(template) => number(template, value).unwrap_or(Value::String(template.fill(value)?)),
    })
}

/// `"{page}"` alone is a number in JSON.
fn number<'a>(template: &Template, value: &impl Fn(Binding) -> Option<Cow<'a, str>>) -> Option<Value> {
    match template.only()? {
        binding @ (Binding::Page | Binding::Offset | Binding::Size) => {
            Some(Value::from(value(binding)?.parse::<u64>().ok()?))
        }
        Binding::Since | Binding::Cursor | Binding::Id => None,
    }
}

/// Reads a page of the list.
pub fn read_page(intake: &Intake, answer: &Answer, run: &Run) -> Result<Page, Fault> {
    let (cuts, mut notices) = cut(&intake.format, answer).map_err(torn)?;
    let picker = Picker::of_records(&intake.format);
    let since = intake.since.as_ref();
    let paths = [since.and_then(|since| since.path.as_ref()), intake.detail.as_ref().map(|detail| &detail.id)];
    let items: Vec<_> = cuts.into_iter().map(|cut| item(intake, &picker, paths, cut)).collect();
    if since.is_some_and(|since| since.path.is_some()) {
        notices.extend(without_since(answer, &items));
    }
    let parts: Vec<&[u8]> = items.iter().map(|item| &*bytes_of(&item.cut).bytes).collect();
    let digest = Digest::of(&parts).to_string();
    if !items.is_empty() && run.before.as_deref() == Some(&digest) || run.pages >= MOST_PAGES {
        return Err(looping(answer));
    }
    let (next, total) = after(intake, answer, run, items.len() as u64)?;
    Ok(Page { items, digest, next, total, notices })
}

fn item(intake: &Intake, picker: &Picker, paths: [Option<&crate::pick::Path>; 2], cut: Cut) -> Item {
    let [moment, id] = match &cut {
        Cut::Record(record) => picker.pick(record, paths),
        Cut::Broken(..) => [None, None],
    };
    let counting = intake.since.as_ref().map(|since| &since.counting);
    Item { cut, moment: moment.and_then(|text| counting?.read(&text)), id }
}

/// The record of a cut, broken or not.
pub fn bytes_of(cut: &Cut) -> &Record {
    match cut {
        Cut::Record(record) | Cut::Broken(record, _) => record,
    }
}

fn without_since(answer: &Answer, items: &[Item]) -> Option<Issue> {
    let without = items.iter().filter(|item| item.moment.is_none() && matches!(item.cut, Cut::Record(_))).count();
    (without > 0).then(|| {
        let message = format!("{without} of {} records have no readable value at `since.path`", items.len());
        Issue::warning(codes::NO_SINCE, message).at(Place::file(&*answer.about)).hint(
            "correct `since.path` or `since.format`; such records are read, but the next pull cannot count by them",
        )
    })
}

/// The page after this one, and how many items there are in all.
fn after(intake: &Intake, answer: &Answer, run: &Run, count: u64) -> Result<(Option<At>, Option<u64>), Fault> {
    let pick = |path| {
        let [found] = Picker::of_answers(&intake.format).pick_of(&answer.body, [Some(path)]);
        found
    };
    let (total, step) = match &intake.paging {
        Pages::One => return Ok((None, None)),
        Pages::Cursor(path) => {
            return Ok((pick(path).map(At::Cursor).map(|next| other(next, run, answer)).transpose()?, None));
        }
        Pages::NextUrl(path) => {
            return Ok((pick(path).map(At::Url).map(|next| other(next, run, answer)).transpose()?, None));
        }
        Pages::Link => {
            return Ok((linked(answer).map(At::Url).map(|next| other(next, run, answer)).transpose()?, None));
        }
        Pages::Number { first, total, .. } => {
            let number = if let At::Number(number) = run.at { number } else { *first };
            (total, At::Number(number.saturating_add(1)))
        }
        Pages::Offset { total, .. } => {
            let offset = if let At::Offset(offset) = run.at { offset } else { 0 };
            // by what came, not by what was asked for: peers cap the size of a page
            (total, At::Offset(offset.saturating_add(count)))
        }
    };
    let total = total.as_ref().and_then(pick).and_then(|text| text.parse::<u64>().ok());
    let all = total.is_some_and(|total| run.read.saturating_add(count) >= total);
    Ok(((count > 0 && !all).then_some(step), total))
}

fn other(next: At, run: &Run, answer: &Answer) -> Result<At, Fault> {
    if next == run.at { Err(looping(answer)) } else { Ok(next) }
}

/// The target of `rel="next"` in the `Link` headers.
fn linked(answer: &Answer) -> Option<String> {
    let headers = answer.headers.get_all("link").iter().filter_map(|value| value.to_str().ok());
    headers.flat_map(links).find_map(|(target, parameters)| {
        let mut relations = parameters.split(';').filter_map(|parameter| parameter.trim().split_once('='));
        let next = relations.any(|(name, value)| {
            let words = value.trim().trim_matches('"').to_ascii_lowercase();
            name.trim().eq_ignore_ascii_case("rel") && words.split_ascii_whitespace().any(|word| word == "next")
        });
        next.then(|| target.to_owned())
    })
}

/// Targets with their parameters; a comma inside `<…>` is part of the target.
fn links(header: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = header;
    std::iter::from_fn(move || {
        let (target, after) = rest.split_once('<')?.1.split_once('>')?;
        let end = after.find(",<").or_else(|| after.find(", <")).unwrap_or(after.len());
        rest = &after[end..];
        Some((target, &after[..end]))
    })
}

/// The record in a detail answer; `None` when it is gone.
pub fn read_detail(details: &Details, answer: &Answer) -> Option<Cut> {
    if answer.empty {
        return None;
    }
    let broken = |issue: Issue| {
        let kept = answer.body.slice(..answer.body.len().min(details.format.limits.record_bytes));
        let origin = Origin { name: answer.about.clone(), line: 1, column: 1, position: 1, ..Origin::default() };
        Some(Cut::Broken(Record { bytes: kept, context: Arc::from(""), origin }, issue))
    };
    let mut cuts = match cut(&details.format, answer) {
        Ok((cuts, _)) => cuts.into_iter(),
        Err(issue) => return broken(issue),
    };
    match (cuts.next(), cuts.next()) {
        (Some(cut), None) => Some(cut),
        (found, _) => {
            let many = if found.is_some() { "more than one record" } else { "no record" };
            let issue = Issue::error(codes::DETAIL, format!("the detail answer holds {many}"));
            broken(
                issue.at(Place::file(&*answer.about)).hint("correct `detail.record`: it says where the record stands"),
            )
        }
    }
}

fn cut(format: &Format, answer: &Answer) -> Result<(Vec<Cut>, Vec<Issue>), Issue> {
    let mut cuts = Vec::new();
    if answer.empty || answer.body.trim_ascii().is_empty() {
        return Ok((cuts, Vec::new()));
    }
    let mut framer = Framer::new(format, answer.about.clone(), 0);
    framer.push(&answer.body);
    framer.end();
    while let Some(cut) = framer.next()? {
        cuts.push(cut);
    }
    Ok((cuts, framer.notices()))
}

/// A page that cannot be cut is not the records' fault: the peer may answer better the next time.
fn torn(issue: Issue) -> Fault {
    Fault::content(issue).retry(Retry::After(None))
}

fn looping(answer: &Answer) -> Fault {
    let mut fault = Fault::new(FaultKind::Protocol, codes::LOOP, "the peer gives the same page again and again");
    fault.issue.place = Place::file(&*answer.about);
    fault.issue.hint =
        Some("check the names of the paging parameters in `query`: the peer seems not to know them".to_owned());
    fault
}
