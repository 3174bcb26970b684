//! Case documents: the state of a case as the JSON the API serves, assembled once per change. A pure function of the
//! set of entries: two stores that saw the same updates in any order hold byte-equal documents.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::{Entry, Folded};
use crate::model::{ActionClaim, DocumentClaim, Facts, Moment, PartyClaim};

/// What every audience reads about a case beside its status.
#[derive(Debug, Serialize, ToSchema)]
pub struct CaseBody<'a> {
    /// Case id (UUIDv7).
    pub id: String,
    /// Short public reference with a check symbol.
    pub reference: String,
    /// Source of the status.
    pub source: &'a str,
    /// The case's own number in its source; absent while the source has not said it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_reference: Option<&'a str>,
    /// Code of the service (procedure).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<&'a str>,
    /// Title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<&'a str>,
    /// Authority.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authority: Option<&'a str>,
    /// Responsible unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<UnitBody<'a>>,
    /// How it came in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<&'a str>,
    /// When it was submitted: RFC 3339, or a bare date where the source gives no time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub submitted_at: Option<String>,
    /// When it was acknowledged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub received_at: Option<String>,
    /// When it was closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<String>,
    /// Native key of the parent case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<&'a str>,
    /// Deadlines the source states, by kind.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub deadlines: BTreeMap<&'a str, String>,
    /// What is expected, of whom, until when.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<ActionBody<'a>>,
    /// Links to other cases of the source.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<LinkBody<'a>>,
}

/// Responsible unit.
#[derive(Debug, Serialize, ToSchema)]
pub struct UnitBody<'a> {
    /// Name.
    pub name: &'a str,
    /// Contact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact: Option<&'a str>,
}

/// Something expected of somebody.
#[derive(Debug, Serialize, ToSchema)]
pub struct ActionBody<'a> {
    /// What.
    pub title: &'a str,
    /// Of whom.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of: Option<&'a str>,
    /// Until when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Where to do it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<&'a str>,
}

/// A link to another case.
#[derive(Debug, Serialize, ToSchema)]
pub struct LinkBody<'a> {
    /// Kind.
    #[schema(value_type = crate::model::LinkKind)]
    pub kind: &'static str,
    /// Native key of the other case.
    pub source_reference: &'a str,
}

/// Where the case stands.
#[derive(Debug, Serialize, ToSchema)]
pub struct StatusBody<'a> {
    /// Phase.
    #[schema(value_type = crate::model::Phase)]
    pub phase: &'static str,
    /// Who must act next.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<crate::model::WaitingOn>)]
    pub waiting_on: Option<&'static str>,
    /// Why a legal clock stands still.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold: Option<&'a str>,
    /// How it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<crate::model::Outcome>)]
    pub outcome: Option<&'static str>,
    /// Step n of m.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<[u16; 2]>,
    /// Since when: RFC 3339, or a bare date where the source gives no time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// The step backwards that led here.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<crate::model::Transition>)]
    pub transition: Option<&'static str>,
    /// The source's own words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_status: Option<SourceStatusBody<'a>>,
}

/// The source's own words for a status.
#[derive(Debug, Serialize, ToSchema)]
pub struct SourceStatusBody<'a> {
    /// Code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'a str>,
    /// Label.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<&'a str>,
}

/// What only staff reads.
#[derive(Debug, Serialize, ToSchema)]
pub struct StaffBody<'a> {
    /// Parties by role; identifiers are masked to their last three characters.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parties: Vec<PartyBody<'a>>,
    /// Where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<&'a crate::model::Location>,
    /// Member of staff who handles it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handler: Option<&'a str>,
    /// Attributes of the service's schema.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: &'a BTreeMap<String, String>,
    /// Documents: metadata and link.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub documents: Vec<DocumentBody<'a>>,
    /// Internal note of the head status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<&'a str>,
    /// Confidentiality level.
    pub confidentiality: u8,
}

/// A party of the case.
#[derive(Debug, Serialize, ToSchema)]
pub struct PartyBody<'a> {
    /// Role.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<crate::model::Role>)]
    pub role: Option<&'static str>,
    /// Kind of public.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<crate::model::PartyKind>)]
    pub kind: Option<&'static str>,
    /// Name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<&'a str>,
    /// Identifiers: scheme and masked value.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub identifiers: BTreeMap<&'a str, String>,
}

/// A document of the case.
#[derive(Debug, Serialize, ToSchema)]
pub struct DocumentBody<'a> {
    /// Title.
    pub title: &'a str,
    /// Where it is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<&'a str>,
    /// When it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dated: Option<String>,
}

/// The body of a case; `id` and `reference` are given by the store's seal.
pub fn body<'a>(folded: &'a Folded, entries: &'a [Entry], id: String, reference: String) -> CaseBody<'a> {
    let facts = &folded.facts;
    let shown = folded.head.or(folded.timeline.last().map(|line| line.0)).and_then(|at| entries.get(at));
    CaseBody {
        id,
        reference,
        source: shown.map_or("", |entry| &entry.source),
        source_reference: shown.map(|entry| entry.update.key.as_str()).filter(|key| !key.is_empty()),
        service: facts.service.as_deref(),
        title: facts.title.as_deref(),
        authority: facts.authority.as_deref(),
        unit: facts.unit.as_deref().map(|name| UnitBody { name, contact: facts.unit_contact.as_deref() }),
        channel: facts.channel.as_deref(),
        submitted_at: when(facts.submitted_at),
        received_at: when(facts.received_at),
        closed_at: when(facts.closed_at),
        parent: facts.parent.as_deref(),
        deadlines: facts.deadlines.iter().map(|(kind, due)| (kind.as_str(), due.rfc3339())).collect(),
        actions: facts.actions.iter().map(action).collect(),
        links: facts.links.iter().map(|(kind, key)| LinkBody { kind: kind.word(), source_reference: key }).collect(),
    }
}

/// The status of a case; a case of which only facts are known stands in phase `unknown` (I5).
pub fn status<'a>(folded: &Folded, entries: &'a [Entry]) -> StatusBody<'a> {
    let Some(claim) = folded.status(entries) else {
        return StatusBody {
            phase: crate::model::Phase::Unknown.word(),
            waiting_on: None,
            hold: None,
            outcome: None,
            step: None,
            since: None,
            transition: None,
            source_status: None,
        };
    };
    let (code, label) = (claim.source_code.as_deref(), claim.source_label.as_deref());
    StatusBody {
        phase: claim.phase.word(),
        waiting_on: claim.waiting_on.map(|w| w.word()),
        hold: claim.hold.as_deref(),
        outcome: claim.outcome.map(|o| o.word()),
        step: claim.step.map(|(n, of)| [n, of]),
        since: when(claim.effective_at),
        transition: folded.transition.map(|t| t.word()),
        source_status: (code.is_some() || label.is_some()).then_some(SourceStatusBody { code, label }),
    }
}

/// What only staff reads.
pub fn staff<'a>(folded: &'a Folded, entries: &'a [Entry]) -> StaffBody<'a> {
    let Facts { location, handler, attributes, documents, parties, confidentiality, .. } = &folded.facts;
    StaffBody {
        parties: parties.iter().map(party).collect(),
        location: location.as_ref(),
        handler: handler.as_deref(),
        attributes,
        documents: documents.iter().map(document).collect(),
        note: folded.status(entries).and_then(|claim| claim.note.as_deref()),
        confidentiality: confidentiality.unwrap_or_default(),
    }
}

fn when(moment: Option<Moment>) -> Option<String> {
    moment.map(|moment| moment.rfc3339())
}

fn action(claim: &ActionClaim) -> ActionBody<'_> {
    ActionBody { title: &claim.title, of: claim.of.as_deref(), until: when(claim.until), url: claim.url.as_deref() }
}

fn document(claim: &DocumentClaim) -> DocumentBody<'_> {
    DocumentBody { title: &claim.title, url: claim.url.as_deref(), dated: when(claim.dated) }
}

fn party(claim: &PartyClaim) -> PartyBody<'_> {
    PartyBody {
        role: claim.role.map(|r| r.word()),
        kind: claim.kind.map(|k| k.word()),
        name: claim.name.as_deref(),
        identifiers: claim.identifiers.iter().map(|(scheme, value)| (scheme.as_str(), masked(value))).collect(),
    }
}

/// All but the last three characters hidden; short values wholly.
fn masked(value: &str) -> String {
    let count = value.chars().count();
    if count < 6 {
        return "***".into();
    }
    format!("***{}", value.chars().skip(count - 3).collect::<String>())
}
