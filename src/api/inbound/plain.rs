//! Records pushed as they are, in the format of the flow: how each one ended, as JSON.

use axum::body::Bytes;
use guichet_sdk::format::{Format, Shape};
use guichet_sdk::{Ended, Message, Receiver, Reply, Taken, Turned};
use serde::Serialize;
use utoipa::ToSchema;

use crate::store::Counts;

/// Held records told of where not every record is.
const HELD: usize = 100;

/// What became of a push: everything is committed.
#[derive(Debug, Serialize, ToSchema)]
pub struct Pushed {
    /// How the records ended; `received` is the sum of the others (I1).
    pub counts: Counts,
    /// JSON and NDJSON: every record, in the order of the body. Otherwise the first hundred that are held.
    pub results: Vec<PushResult>,
}

/// How one record ended.
#[derive(Debug, Serialize, ToSchema)]
pub struct PushResult {
    /// Position in the body, from 1.
    pub position: u64,
    /// Line where it starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// `applied`, `duplicate` (nothing new in it), `superseded` (older than what is known), `quarantined` or `parked` (kept
    /// until it is repaired, or what it waits for is).
    pub result: &'static str,
    /// Why it is held.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issue: Option<PushIssue>,
}

/// Why a record is held.
#[derive(Debug, Serialize, ToSchema)]
pub struct PushIssue {
    /// Code; `guichet explain CODE` says more.
    pub code: String,
    /// What is wrong.
    pub message: String,
    /// Where.
    pub place: String,
    /// What to write or do instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// Records without any protocol around them.
pub struct Plain {
    /// Whether every record is told of.
    each: bool,
}

impl Plain {
    /// How records of a format are pushed.
    pub fn of(format: &Format) -> Self {
        let each = match &format.shape {
            Shape::Json { .. } | Shape::Ndjson => true,
            Shape::Csv { .. } | Shape::Fixed { .. } | Shape::Xml { .. } => false,
        };
        Plain { each }
    }
}

impl Receiver for Plain {
    fn unwrap(&self, message: &Message) -> Result<Bytes, Turned> {
        Ok(message.body.clone())
    }

    fn answer(&self, _: &Message, taken: &[Taken]) -> Reply {
        let told = taken.iter().filter(|taken| self.each || held(taken.ended));
        let most = if self.each { taken.len() } else { HELD };
        let pushed = Pushed { counts: counts(taken), results: told.take(most).map(PushResult::of).collect() };
        let body = serde_json::to_vec(&pushed).unwrap_or_default();
        Reply { status: 200, content_type: "application/json", body: body.into() }
    }

    fn refuse(&self, _: &Message, _: &Turned) -> Option<Reply> {
        None
    }

    fn describe(&self, _: &str) -> Option<Reply> {
        None
    }
}

impl PushResult {
    fn of(taken: &Taken) -> Self {
        let issue = taken.issue.as_ref().map(|issue| PushIssue {
            code: issue.code.to_string(),
            message: issue.message.clone(),
            place: issue.place.to_string(),
            hint: issue.hint.clone(),
        });
        PushResult { position: taken.position, line: taken.place.line, result: taken.ended.word(), issue }
    }
}

fn held(ended: Ended) -> bool {
    match ended {
        Ended::Quarantined | Ended::Parked => true,
        Ended::Applied | Ended::Duplicate | Ended::Superseded => false,
    }
}

fn counts(taken: &[Taken]) -> Counts {
    let mut counts = Counts { received: taken.len() as u64, ..Counts::default() };
    for taken in taken {
        *match taken.ended {
            Ended::Applied => &mut counts.applied,
            Ended::Duplicate => &mut counts.duplicate,
            Ended::Superseded => &mut counts.superseded,
            Ended::Quarantined => &mut counts.quarantined,
            Ended::Parked => &mut counts.parked,
        } += 1;
    }
    counts
}
