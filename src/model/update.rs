//! Case updates: what a source says about one case at one moment, in canonical terms.

use serde::{Deserialize, Serialize};

use super::{Audience, Facts, Moment, Outcome, Phase, Transition, WaitingOn};

/// What a source says about one case at one moment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CaseUpdate {
    /// The case's key in its source.
    pub key: String,
    /// Native event id, where the source has one: the best update key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// Version number or log position of the case in its source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<i64>,
    /// Number of the export this is part of (snapshot flows); from the record's origin where the mapping sets none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub export: Option<i64>,
    /// As of when facts alone are known, where the record says more than their own dates (the latest of its events).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub as_of: Option<Moment>,
    /// Where the case stands; absent when the update states facts only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<StatusClaim>,
    /// Facts beside the status.
    #[serde(skip_serializing_if = "Facts::is_empty")]
    pub facts: Facts,
}

/// Where a case stands, as a source says it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StatusClaim {
    /// Phase.
    pub phase: Phase,
    /// Who must act next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting_on: Option<WaitingOn>,
    /// Why a legal clock stands still.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<String>,
    /// How it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// The source's own code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_code: Option<String>,
    /// The source's own label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_label: Option<String>,
    /// Step n of m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<(u16, u16)>,
    /// A note of the source (staff only).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Since when; absent where the source does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective_at: Option<Moment>,
    /// A step backwards the source states.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transition: Option<Transition>,
    /// Who may read this entry of the timeline.
    #[serde(default = "everyone", skip_serializing_if = "is_everyone")]
    pub audience: Audience,
}

impl StatusClaim {
    /// A phase for everybody to see, and nothing else about it.
    pub fn of(phase: Phase) -> Self {
        StatusClaim {
            phase,
            waiting_on: None,
            hold: None,
            outcome: None,
            source_code: None,
            source_label: None,
            step: None,
            note: None,
            effective_at: None,
            transition: None,
            audience: Audience::Public,
        }
    }
}

fn everyone() -> Audience {
    Audience::Public
}

fn is_everyone(audience: &Audience) -> bool {
    *audience == Audience::Public
}

impl Facts {
    /// Whether nothing is stated.
    pub fn is_empty(&self) -> bool {
        *self == Facts::default()
    }
}
