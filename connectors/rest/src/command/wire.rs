//! Requests of commands built, and their answers told apart. Pure. What cannot be told apart is unknown, never success.

use guichet_http::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use guichet_http::list::{Path, Picker};
use guichet_http::{Answer, Call, Delivered, Judged, StatusCode, Url};
use guichet_sdk::format::{Format, Shape};
use guichet_sdk::{Code, Delivery, Fault, FaultKind, MOST_HEARD, Outcome, Place, Retry};

use super::check::{Order, Question, Target};
use super::written::SendMeans;

/// An answer nobody can tell apart.
const UNTOLD: Code = Code("E412");
/// Characters of a reason kept from a body.
const REASON: usize = 500;

/// The request of a command; a fault when a value cannot stand where it would go.
pub fn call(base: &Url, order: &Order, format: &Format, delivery: &Delivery) -> Result<Call, Fault> {
    let url = url(base, &order.target, delivery)?;
    let mut call = Call::new(order.method.clone(), url, delivery.body.clone(), false);
    call.headers.insert(ACCEPT, accepts(format));
    if !delivery.body.is_empty() {
        call.headers.insert(CONTENT_TYPE, header(&delivery.content_type)?);
    }
    for (name, slots) in &order.headers {
        let value = slots.fill(|name| delivery.value(name)).ok_or_else(|| unfit("a header has no value"))?;
        call.headers.insert(name.clone(), header(&value)?);
    }
    Ok(call)
}

/// The question after a command.
pub fn question(base: &Url, question: &Question, format: &Format, delivery: &Delivery) -> Result<Call, Fault> {
    let mut call = Call::get(url(base, &question.target, delivery)?);
    call.headers.insert(ACCEPT, accepts(format));
    Ok(Call { may_be_absent: true, ..call })
}

fn url(base: &Url, target: &Target, delivery: &Delivery) -> Result<Url, Fault> {
    let value = |name: &str| delivery.value(name);
    let mut url = base.clone();
    let segments: Option<Vec<_>> = target.path.iter().map(|segment| segment.fill(value)).collect();
    let segments = segments.ok_or_else(|| unfit("a value of the path is missing"))?;
    // `..` would be taken for a step upwards, and an empty segment for another path
    if segments.iter().any(|segment| matches!(segment.as_str(), "" | "." | "..")) {
        return Err(unfit("a value in the path is empty or leads upwards"));
    }
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(&segments);
    }
    for (name, slots) in &target.query {
        let value = slots.fill(value).ok_or_else(|| unfit("a value of the query is missing"))?;
        url.query_pairs_mut().append_pair(name, &value);
    }
    Ok(url)
}

fn accepts(format: &Format) -> HeaderValue {
    let xml = matches!(format.shape, Shape::Xml { .. });
    HeaderValue::from_static(if xml { "application/xml, text/xml" } else { "application/json" })
}

fn header(value: &str) -> Result<HeaderValue, Fault> {
    HeaderValue::from_str(value).map_err(|_| unfit("a value of a header holds what no header can"))
}

fn unfit(message: &str) -> Fault {
    Fault::new(FaultKind::Refused, UNTOLD, message)
}

/// What became of a command, by its answer.
pub fn outcome(order: &Order, format: &Format, delivered: Delivered) -> Outcome {
    let Delivered { answer, judged } = delivered;
    let written = order.answers.iter().find(|rule| rule.holds(&answer)).map(|rule| rule.means);
    let means = written.unwrap_or_else(|| usual(&answer, &judged));
    let pick = |path: &Option<Path>| {
        let [found] = Picker::of_answers(format).pick_of(&answer.body, [path.as_ref()]);
        found
    };
    match means {
        SendMeans::Confirmed => match pick(&order.reference) {
            None if order.reference.is_some() => unknown(&answer, "a success without the number it should hold", None),
            reference => Outcome::Confirmed { reference },
        },
        SendMeans::Accepted => Outcome::Accepted { tracking: pick(&order.tracking) },
        SendMeans::Refused => {
            let reason = pick(&order.reason).unwrap_or_else(|| heard(&answer, REASON));
            Outcome::Refused { reason }
        }
        SendMeans::Unknown => unknown(&answer, "the answer does not say what became of the command", judged.err()),
        SendMeans::NotSent => Outcome::NotSent(judged.err().unwrap_or_else(|| {
            let message = format!("HTTP {}: the source did nothing", answer.status.as_u16());
            Fault::new(FaultKind::Protocol, UNTOLD, message).retry(Retry::After(None))
        })),
    }
}

/// What an answer usually means.
fn usual(answer: &Answer, judged: &Result<Judged, Fault>) -> SendMeans {
    match (answer.status, judged) {
        // a login page that says 200, in place of data
        (status, Err(_)) if status.is_success() => SendMeans::Unknown,
        (StatusCode::ACCEPTED, Ok(_)) => SendMeans::Accepted,
        (status, Ok(_)) if status.is_success() => SendMeans::Confirmed,
        (
            StatusCode::UNAUTHORIZED
            | StatusCode::FORBIDDEN
            | StatusCode::PROXY_AUTHENTICATION_REQUIRED
            | StatusCode::TOO_MANY_REQUESTS
            | StatusCode::TOO_EARLY,
            Err(_),
        ) => SendMeans::NotSent,
        (StatusCode::REQUEST_TIMEOUT, _) => SendMeans::Unknown,
        (status, _) if status.is_client_error() => SendMeans::Refused,
        (_, _) => SendMeans::Unknown,
    }
}

/// What became of a command, by what the source says of it.
pub fn found(question: &Question, format: &Format, answer: &Answer) -> Outcome {
    if answer.empty {
        return absent(answer);
    }
    let picker = Picker::of_answers(format);
    let [total, reference] = picker.pick_of(&answer.body, [question.total.as_ref(), question.reference.as_ref()]);
    match (total.as_deref(), reference) {
        (Some("0"), _) => absent(answer),
        (_, Some(reference)) => Outcome::Confirmed { reference: Some(reference) },
        // with nothing to read, an answer that is no 404 says that it is there
        (_, None) if question.reference.is_none() && question.total.is_none() => Outcome::Confirmed { reference: None },
        (_, None) => unknown(answer, "the look-up neither found the command nor says that there is none", None),
    }
}

fn absent(answer: &Answer) -> Outcome {
    let mut fault = Fault::new(FaultKind::Refused, UNTOLD, "the source does not have the command");
    fault.issue.place = Place::file(&*answer.about);
    Outcome::NotSent(fault)
}

fn unknown(answer: &Answer, what: &str, fault: Option<Fault>) -> Outcome {
    let why = fault.unwrap_or_else(|| {
        let message = format!("HTTP {}: {what}", answer.status.as_u16());
        let mut fault = Fault::new(FaultKind::Protocol, UNTOLD, message);
        fault.issue.place = Place::file(&*answer.about);
        fault
    });
    Outcome::Unknown { why: why.retry(Retry::Unknown), heard: Some(heard(answer, MOST_HEARD)) }
}

/// The answer in short, for people: status and the beginning of the body, without control characters.
fn heard(answer: &Answer, most: usize) -> String {
    let text = String::from_utf8_lossy(&answer.body[..answer.body.len().min(most)]);
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    format!("HTTP {} {}", answer.status.as_u16(), text.trim())
        .chars()
        .take(most)
        .collect::<String>()
        .trim_end()
        .to_owned()
}
