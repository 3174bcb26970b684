//! The case answer, concatenated: what the store assembled, the wording in the reader's language, and how each source
//! stands. Nothing is parsed.

use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::language::Language;
use super::problem::{Kind, Problem};
use super::sources::{self, SourcesView};
use super::state::Desk;
use super::wording::Situation;
use crate::ledger::{CaseBody, StaffBody, StatusBody};
use crate::model::Freshness;
use crate::store::CaseDocument;

/// A case as answered. Never built: it describes what [`Writer::case`] concatenates, for the OpenAPI document.
#[derive(Serialize, ToSchema)]
#[schema(as = Case)]
pub struct CaseAnswer<'a> {
    /// What every audience reads.
    #[serde(flatten)]
    pub body: CaseBody<'a>,
    /// Where the case stands.
    pub status: StatusAnswer<'a>,
    /// What only staff reads.
    #[serde(flatten)]
    pub staff: Option<StaffBody<'a>>,
    /// Counts visible changes, from 1.
    pub revision: i64,
    /// When a visible change was last committed.
    pub changed_at: String,
    /// When a source last said something about the case.
    pub observed_at: String,
    /// Every source that spoke about the case, and how far it can be relied upon now.
    pub sources: Vec<CaseSource<'a>>,
}

/// Where a case stands, and what the applicant reads.
#[derive(Serialize, ToSchema)]
#[schema(as = Status)]
pub struct StatusAnswer<'a> {
    /// The three axes and the source's own words.
    #[serde(flatten)]
    pub status: StatusBody<'a>,
    /// What the applicant reads.
    pub wording: &'a str,
    /// The language of the wording: another one than asked for where the catalogue lacks it.
    pub wording_language: &'a str,
}

/// A source of a case.
#[derive(Serialize, ToSchema)]
pub struct CaseSource<'a> {
    /// Name.
    pub source: &'a str,
    /// When the source last said something.
    pub observed_at: Option<String>,
    /// When the hub last looked at it successfully.
    pub verified_at: Option<String>,
    /// Against its contract.
    pub freshness: Freshness,
}

/// How cases are written for one reader.
pub struct Writer<'a> {
    /// The desk.
    pub desk: &'a Desk,
    /// How the sources stand.
    pub view: &'a SourcesView,
    /// In which language.
    pub language: Language,
    /// With what only staff reads.
    pub staff: bool,
}

impl Writer<'_> {
    /// Appends a case.
    pub fn case(&self, out: &mut Vec<u8>, document: &CaseDocument) {
        let phrase = self.desk.phrases.choose(situation(document), self.language);
        out.reserve(document.body.len() + document.status.len() + document.staff.len() + phrase.json.len() + 320);
        out.push(b'{');
        members(out, &document.body);
        out.extend(b"\"status\":{");
        members(out, &document.status);
        out.extend(phrase.json.as_bytes());
        out.extend(b"},");
        if self.staff {
            members(out, &document.staff);
        }
        members(out, &document.stamp);
        out.extend(b"\"sources\":[");
        for (n, source) in document.sources.iter().enumerate() {
            if n > 0 {
                out.push(b',');
            }
            match self.view.position(source) {
                Some(at) => out.extend(self.view.sources[at].json.as_bytes()),
                None => out.extend(sources::json(source, None, None, Freshness::Unknown).as_bytes()),
            }
        }
        out.extend(b"]}");
    }
}

/// The members of a JSON object without its braces, each followed by a comma.
fn members(out: &mut Vec<u8>, object: &str) {
    let inner = object.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or_default();
    if !inner.is_empty() {
        out.extend(inner.as_bytes());
        out.push(b',');
    }
}

/// What the wording of a case is chosen by.
pub fn situation(document: &CaseDocument) -> Situation<'_> {
    Situation {
        service: document.service.as_deref(),
        phase: document.phase,
        waiting_on: document.waiting_on,
        outcome: document.outcome,
        source_code: document.source_code.as_deref(),
    }
}

/// A JSON response of bytes already written.
pub fn written(bytes: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(bytes));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// A JSON response.
pub fn answer<T: Serialize>(value: &T) -> Result<Response, Problem> {
    let bytes = serde_json::to_vec(value);
    bytes.map(written).map_err(|error| {
        tracing::error!(%error, "an answer could not be written");
        Problem::new(Kind::Internal, "the answer could not be written")
    })
}
