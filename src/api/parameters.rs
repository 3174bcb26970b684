//! Query parameters and JSON bodies, read strictly: what is unknown is refused with what was probably meant.

use std::str::FromStr;
use std::sync::Arc;

use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::problem::{Kind, Problem};
use super::state::Desk;

/// Declares the query parameters of a route: one struct for reading them, for their names and for the OpenAPI document.
macro_rules! parameters {
    ($(#[$meta:meta])* pub struct $name:ident { $($(#[$doc:meta])* $field:ident: $type:ty),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Default, serde::Deserialize, utoipa::IntoParams)]
        #[into_params(parameter_in = Query)]
        #[serde(default)]
        pub struct $name { $($(#[$doc])* pub $field: $type),* }

        impl $crate::api::parameters::Named for $name {
            const NAMES: &'static [&'static str] = &[$(stringify!($field)),*];
        }
    };
}
pub(super) use parameters;

/// Parameters whose names are known.
pub trait Named: DeserializeOwned + Default {
    /// Every name.
    const NAMES: &'static [&'static str];
}

/// The query of a request, wholly understood.
pub struct Asked<T>(pub T);

impl<T: Named, S: Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Some(query) = parts.uri.query().filter(|query| !query.is_empty()) else {
            return Ok(Asked(T::default()));
        };
        let mut seen: Vec<&str> = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let name = pair.split_once('=').map_or(pair, |(name, _)| name);
            if !T::NAMES.contains(&name) {
                return Err(unknown("the query parameter", name, T::NAMES));
            }
            if seen.contains(&name) {
                return Err(Problem::new(Kind::QueryInvalid, format!("`{name}` is there twice")).hint("give it once"));
            }
            seen.push(name);
        }
        let read = Query::<T>::try_from_uri(&parts.uri);
        let Query(asked) = read.map_err(|error| Problem::new(Kind::QueryInvalid, reason(&error.body_text())))?;
        Ok(Asked(asked))
    }
}

/// The last clause of a framework's message: what is wrong, without its preamble.
fn reason(text: &str) -> String {
    text.strip_prefix("Failed to deserialize query string: ").unwrap_or(text).to_owned()
}

fn unknown(what: &str, name: &str, known: &[&str]) -> Problem {
    let shown: String = name.chars().filter(|c| !c.is_control()).take(40).collect();
    Problem::new(Kind::QueryInvalid, format!("{what} `{shown}` is not known")).hint(suggestion(name, known))
}

/// What was probably meant, else everything that could be.
fn suggestion(word: &str, known: &[&str]) -> String {
    let near = known.iter().map(|k| (strsim::damerau_levenshtein(word, k), k)).min();
    match near {
        _ if known.is_empty() => "this resource takes none".into(),
        Some((distance, meant)) if distance <= 2 + meant.len() / 6 => format!("did you mean `{meant}`?"),
        Some(_) | None => format!("known are `{}`", known.join("`, `")),
    }
}

/// A word of a closed vocabulary.
pub fn word<T>(
    name: &str,
    given: Option<&str>,
    parse: fn(&str) -> Option<T>,
    words: &[&str],
) -> Result<Option<T>, Problem> {
    let Some(given) = given else { return Ok(None) };
    parse(given).map(Some).ok_or_else(|| unknown(&format!("`{name}`"), given, words))
}

/// A time: RFC 3339, or a date (`end` = the last instant of that day in UTC, else the first).
pub fn time(name: &str, given: Option<&str>, end: bool) -> Result<Option<i64>, Problem> {
    let Some(given) = given else { return Ok(None) };
    if let Ok(instant) = jiff::Timestamp::from_str(given) {
        return Ok(Some(instant.as_microsecond()));
    }
    let Ok(date) = jiff::civil::Date::from_str(given) else {
        return Err(Problem::new(Kind::QueryInvalid, format!("`{name}` is neither a time nor a date"))
            .hint("write `2026-11-23` or `2026-11-23T09:30:00+01:00`"));
    };
    let first = date.to_zoned(jiff::tz::TimeZone::UTC).map(|day| day.timestamp().as_microsecond());
    let first = first.map_err(|_| Problem::new(Kind::QueryInvalid, format!("`{name}` is out of range")))?;
    Ok(Some(if end { first + 86_399_999_999 } else { first }))
}

/// The size of a page.
pub fn limit(given: Option<usize>) -> Result<usize, Problem> {
    match given.unwrap_or(50) {
        limit @ 1..=200 => Ok(limit),
        _ => Err(Problem::new(Kind::QueryInvalid, "`limit` is out of range").hint("write 1 to 200")),
    }
}

/// A JSON body, wholly understood; read within the bounds of the edge.
pub struct Payload<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Arc<Desk>> for Payload<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, desk: &Arc<Desk>) -> Result<Self, Problem> {
        let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if kind.split(';').next().map(str::trim).is_none_or(|kind| !kind.eq_ignore_ascii_case("application/json")) {
            return Err(Problem::bare(axum::http::StatusCode::UNSUPPORTED_MEDIA_TYPE));
        }
        let bounds = desk.bounds();
        let read = axum::body::to_bytes(request.into_body(), bounds.body_bytes);
        let bytes = match tokio::time::timeout(bounds.body_timeout, read).await {
            Err(_) => return Err(Problem::bare(axum::http::StatusCode::REQUEST_TIMEOUT)),
            Ok(Err(error)) => return Err(unread(&error, bounds.body_bytes)),
            Ok(Ok(bytes)) => bytes,
        };
        serde_json::from_slice(&bytes).map(Payload).map_err(|error| misread(&error))
    }
}

/// Why a body could not be read.
pub fn unread(error: &axum::Error, bound: usize) -> Problem {
    let too_large = std::error::Error::source(error).is_some_and(|e| e.is::<http_body_util::LengthLimitError>());
    if too_large {
        return Problem::new(Kind::BodyTooLarge, format!("the body exceeds {bound} bytes"));
    }
    Problem::new(Kind::RequestInvalid, "the body was cut off")
}

fn misread(error: &serde_json::Error) -> Problem {
    let kind = if error.is_data() { Kind::BodyInvalid } else { Kind::BodyNotJson };
    let text = error.to_string();
    let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(what, _)| what).to_owned();
    Problem::new(kind, text).at(error.line() as u64, error.column() as u64)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_near_word_is_suggested_and_a_far_one_gets_the_list() {
        assert_eq!(suggestion("fase", &["phase", "service"]), "did you mean `phase`?");
        assert_eq!(suggestion("zzzzzz", &["phase", "service"]), "known are `phase`, `service`");
        assert_eq!(suggestion("x", &[]), "this resource takes none");
    }

    #[test]
    fn a_date_is_its_first_or_last_instant() {
        assert_eq!(time("t", Some("1970-01-02"), false).unwrap(), Some(86_400_000_000));
        assert_eq!(time("t", Some("1970-01-02"), true).unwrap(), Some(2 * 86_400_000_000 - 1));
        assert_eq!(time("t", Some("1970-01-01T01:00:00+01:00"), true).unwrap(), Some(0));
        assert!(time("t", Some("yesterday"), true).is_err());
    }

    #[test]
    fn a_page_has_one_to_two_hundred() {
        assert!(limit(Some(0)).is_err());
        assert_eq!(limit(Some(200)).unwrap(), 200);
        assert!(limit(Some(201)).is_err());
    }
}
