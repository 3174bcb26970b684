//! Requests built and pages read: the list, its pages, the details. Pure. Envelopes are put around bodies when they are
//! sent.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use guichet_http::header::{ACCEPT, CONTENT_TYPE, HeaderName, HeaderValue};
use guichet_http::list::{At, Binding, Page, Reading, Run, only};
use guichet_http::{Answer, Call, Method, Url};
use guichet_sdk::Fault;
use guichet_sdk::format::Cut;

use crate::answer::{envelope_of, format_of, no_id, value};
use crate::config::{Details, Intake, Manner, Operation};
use crate::envelope::Version;
use crate::settings::ActionWritten;

const SOAP_ACTION: HeaderName = HeaderName::from_static("soapaction");

/// The request for a page.
pub fn list_call(intake: &Intake, since: Option<&str>, at: &At) -> Call {
    let value = |binding| intake.paging.value(binding, since, at);
    // both only read: they may be repeated like a GET
    call(&intake.url, &intake.manner, &intake.list, intake.list.body.fill(&value), true)
}

/// The request for the record of a list item.
pub fn detail_call(intake: &Intake, details: &Details, id: &str) -> Result<Call, Fault> {
    if id.trim().is_empty() {
        return Err(no_id());
    }
    let value = |binding| (binding == Binding::Id).then_some(Cow::Borrowed(id));
    let operation = &details.operation;
    let mut call = call(&intake.url, &intake.manner, operation, operation.body.fill(&value), true);
    let shown: String = id.chars().filter(|c| !c.is_control()).take(80).collect();
    call.about = format!("{} {shown}", operation.body.operation).into();
    Ok(call)
}

/// The request for an operation, its body filled.
pub fn call(url: &Url, manner: &Manner, operation: &Operation, body: String, repeatable: bool) -> Call {
    let mut call = Call::new(Method::POST, url.clone(), Bytes::from(body), repeatable);
    call.about = format!("{} {}", operation.body.operation, url.path()).into();
    let action = operation.action.as_deref().unwrap_or_default();
    let written = match manner.action {
        ActionWritten::Quoted => Some(format!("\"{action}\"")),
        ActionWritten::Bare => Some(action.to_owned()),
        ActionWritten::Empty => Some("\"\"".to_owned()),
        ActionWritten::Absent => None,
    };
    let plain = manner.version.content_type();
    let (content_type, header) = match manner.version {
        Version::Soap11 => (plain.to_owned(), written),
        // an operation without action has no parameter, which SOAP 1.2 allows
        Version::Soap12 => match written.filter(|_| operation.action.is_some()) {
            Some(written) => (format!("{plain}; action={written}"), None),
            None => (plain.to_owned(), None),
        },
    };
    let content_type = manner.content_type.clone().or_else(|| HeaderValue::from_str(&content_type).ok());
    let header = header.and_then(|header| HeaderValue::from_str(&header).ok());
    let accept = HeaderValue::from_static("text/xml, application/soap+xml, multipart/related");
    for (name, value) in [(CONTENT_TYPE, content_type), (SOAP_ACTION, header), (ACCEPT, Some(accept))] {
        if let Some(value) = value {
            call.headers.insert(name, value);
        }
    }
    call.headers.extend(manner.headers.iter().cloned());
    call
}

/// Reads a page of the list.
pub fn read_page(intake: &Intake, answer: &Answer, run: &Run) -> Result<Page, Fault> {
    let body = envelope_of(answer, intake.attachments, intake.http.max_body.0)?;
    let format = format_of(&intake.format, answer, &body);
    let id = intake.detail.as_ref().map(|detail| &detail.id);
    let reading = Reading { format: &format, since: intake.since.as_ref(), id };
    let mut page = reading.page(&answer.about, &body, run)?;
    let at_path = |path: &_| value(&format, &body, path);
    (page.next, page.total) = intake.paging.after(&answer.about, run, &page, at_path, || None)?;
    Ok(page)
}

/// The record in a detail answer.
pub fn read_detail(intake: &Intake, details: &Details, answer: &Answer) -> Result<Cut, Fault> {
    let body = envelope_of(answer, intake.attachments, intake.http.max_body.0)?;
    let format = format_of(&details.format, answer, &body);
    let about: &Arc<str> = &answer.about;
    Ok(only(&format, about, &body))
}
