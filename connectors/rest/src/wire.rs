//! Requests built and pages read: the list, its pages, the details. Pure.

use std::borrow::Cow;

use bytes::Bytes;
use guichet_http::header::{ACCEPT, CONTENT_TYPE, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH};
use guichet_http::list::{At, Binding, Page, Path, Picker, Reading, Run, Template, Version};
use guichet_http::{Answer, Call, Method, Url, codes, text};
use guichet_sdk::format::{Format, Shape};
use guichet_sdk::{Digest, Fault, FaultKind, Retry};
use serde_json::{Map, Value};

use crate::config::{Asking, Details, Filling, Intake};

/// The request for a page.
pub fn list_call(intake: &Intake, since: Option<&str>, at: &At) -> Result<Call, Fault> {
    let value = |binding| intake.paging.value(binding, since, at);
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
    let body = if answer.empty { Bytes::new() } else { answer.body.clone() };
    let id = intake.detail.as_ref().map(|detail| &detail.id);
    let reading = Reading { format: &intake.format, since: intake.since.as_ref(), id };
    let mut page = reading.page(&answer.about, &body, run)?;
    let value = |path: &Path| {
        let [found] = Picker::of_answers(&intake.format).pick_of(&body, [Some(path)]);
        found
    };
    (page.next, page.total) = intake.paging.after(&answer.about, run, &page, value, || linked(answer))?;
    Ok(page)
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
