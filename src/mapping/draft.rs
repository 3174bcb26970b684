//! Updates in the making: values of expressions become fields of the canonical model. Words outside their vocabulary and
//! numbers out of range are refused, never replaced.

use super::codes::{FORM, OUTCOME, WORD};
use super::fields::{
    ActionField, CaseField, DocumentField, LinkField, LocationField, PartyField, StatusField, Target, UpdateField,
    Vocabulary,
};
use super::transform::Unfit;
use super::value::Value;
use crate::model::{
    ActionClaim, Audience, CaseUpdate, DocumentClaim, Facts, LinkKind, Moment, Outcome, PartyClaim, PartyKind, Phase,
    Role, StatusClaim, Transition, WaitingOn,
};

/// An update in the making.
#[derive(Clone, Default)]
pub struct Draft {
    /// The update so far, without its status.
    pub update: CaseUpdate,
    /// The status so far.
    pub status: StatusDraft,
}

/// A status in the making.
#[derive(Clone, Default)]
pub struct StatusDraft {
    phase: Option<Phase>,
    waiting_on: Option<WaitingOn>,
    hold: Option<String>,
    outcome: Option<Outcome>,
    source_code: Option<String>,
    source_label: Option<String>,
    step: Option<u16>,
    steps: Option<u16>,
    note: Option<String>,
    effective_at: Option<Moment>,
    transition: Option<Transition>,
    audience: Option<Audience>,
}

/// An item of a list in the making.
#[derive(Default)]
pub struct Item {
    party: PartyClaim,
    action: ActionClaim,
    document: DocumentClaim,
    link: (Option<LinkKind>, String),
}

impl Draft {
    /// Sets a field; `own` is the integrator's part of its name.
    pub fn set(&mut self, target: Target, own: &str, value: Value<'_>) -> Result<(), Unfit> {
        let facts = &mut self.update.facts;
        match target {
            Target::Case(CaseField::Key) => self.update.key = text(value),
            Target::Case(field) => set_case(facts, field, own, value)?,
            Target::Location(field) => set_location(facts, field, value),
            Target::Status(field) => self.status.set(field, value)?,
            Target::Update(UpdateField::Event) => self.update.event = Some(text(value)),
            Target::Update(UpdateField::Version) => self.update.version = Some(version(&value)?),
            Target::Update(UpdateField::Export) => self.update.export = Some(version(&value)?),
            Target::Party(_) | Target::Action(_) | Target::Document(_) | Target::Link(_) => {}
        }
        Ok(())
    }
}

fn set_case(facts: &mut Facts, field: CaseField, own: &str, value: Value<'_>) -> Result<(), Unfit> {
    match field {
        CaseField::Key => {}
        CaseField::Service => facts.service = Some(text(value)),
        CaseField::Title => facts.title = Some(text(value)),
        CaseField::SubmittedAt => facts.submitted_at = date(&value),
        CaseField::ReceivedAt => facts.received_at = date(&value),
        CaseField::ClosedAt => facts.closed_at = date(&value),
        CaseField::Channel => facts.channel = Some(text(value)),
        CaseField::Authority => facts.authority = Some(text(value)),
        CaseField::Unit => facts.unit = Some(text(value)),
        CaseField::UnitContact => facts.unit_contact = Some(text(value)),
        CaseField::Handler => facts.handler = Some(text(value)),
        CaseField::Parent => facts.parent = Some(text(value)),
        CaseField::Language => facts.language = Some(text(value)),
        CaseField::Confidentiality => facts.confidentiality = Some(small(&value, "from 0 to 255")?),
        CaseField::Attribute => {
            facts.attributes.insert(own.to_owned(), text(value));
        }
        CaseField::Alias => facts.aliases.push((own.to_owned(), text(value))),
        CaseField::Deadline => {
            facts.deadlines.extend(date(&value).map(|moment| (own.to_owned(), moment)));
        }
    }
    Ok(())
}

fn set_location(facts: &mut Facts, field: LocationField, value: Value<'_>) {
    let location = facts.location.get_or_insert_default();
    let place = match field {
        LocationField::Address => &mut location.address,
        LocationField::Postcode => &mut location.postcode,
        LocationField::City => &mut location.city,
        LocationField::Parcel => &mut location.parcel,
        LocationField::Asset => &mut location.asset,
        LocationField::Longitude => &mut location.longitude,
        LocationField::Latitude => &mut location.latitude,
    };
    *place = Some(text(value));
}

impl StatusDraft {
    fn set(&mut self, field: StatusField, value: Value<'_>) -> Result<(), Unfit> {
        match field {
            StatusField::Phase => self.phase = Some(word(&value, Vocabulary::Phase, Phase::parse)?),
            StatusField::WaitingOn => self.waiting_on = Some(word(&value, Vocabulary::WaitingOn, WaitingOn::parse)?),
            StatusField::Hold => self.hold = Some(text(value)),
            StatusField::Outcome => self.outcome = Some(word(&value, Vocabulary::Outcome, Outcome::parse)?),
            StatusField::SourceCode => self.source_code = Some(text(value)),
            StatusField::SourceLabel => self.source_label = Some(text(value)),
            StatusField::Step => self.step = Some(small(&value, "from 0 to 65535")?),
            StatusField::Steps => self.steps = Some(small(&value, "from 0 to 65535")?),
            StatusField::Note => self.note = Some(text(value)),
            StatusField::EffectiveAt => self.effective_at = date(&value),
            StatusField::Transition => self.transition = Some(word(&value, Vocabulary::Transition, Transition::parse)?),
            StatusField::Audience => self.audience = Some(word(&value, Vocabulary::Audience, Audience::parse)?),
        }
        Ok(())
    }

    /// The status, or why its parts contradict each other; `None` where no phase is said.
    pub fn finish(self) -> Result<Option<StatusClaim>, Unfit> {
        let Some(phase) = self.phase else { return Ok(None) };
        if self.outcome.is_some() && !phase.carries_outcome() {
            let what = format!("has an outcome beside the phase `{phase}`, which carries none");
            let hint = "an outcome stands beside `decided`, `in_execution` or `closed`: correct the phase or leave the outcome empty";
            return Err(Unfit::new(OUTCOME, what).hint(hint));
        }
        Ok(Some(StatusClaim {
            phase,
            waiting_on: self.waiting_on,
            hold: self.hold,
            outcome: self.outcome,
            source_code: self.source_code,
            source_label: self.source_label,
            step: self.step.zip(self.steps),
            note: self.note,
            effective_at: self.effective_at,
            transition: self.transition,
            audience: self.audience.unwrap_or(Audience::Public),
        }))
    }
}

impl Item {
    /// Sets a field; `own` is the integrator's part of its name.
    pub fn set(&mut self, target: Target, own: &str, value: Value<'_>) -> Result<(), Unfit> {
        match target {
            Target::Party(field) => set_party(&mut self.party, field, own, value)?,
            Target::Action(field) => match field {
                ActionField::Title => self.action.title = text(value),
                ActionField::Of => self.action.of = Some(text(value)),
                ActionField::Until => self.action.until = date(&value),
                ActionField::Url => self.action.url = Some(text(value)),
            },
            Target::Document(field) => match field {
                DocumentField::Title => self.document.title = text(value),
                DocumentField::Url => self.document.url = Some(text(value)),
                DocumentField::Dated => self.document.dated = date(&value),
            },
            Target::Link(LinkField::Kind) => self.link.0 = Some(word(&value, Vocabulary::LinkKind, LinkKind::parse)?),
            Target::Link(LinkField::Key) => self.link.1 = text(value),
            Target::Case(_) | Target::Location(_) | Target::Status(_) | Target::Update(_) => {}
        }
        Ok(())
    }

    /// Adds a party, unless nothing is known of it but its role and kind; that nobody is known is worth a word, too.
    pub fn into_party(self, facts: &mut Facts) {
        let PartyClaim { kind, name, key, email, phone, identifiers, .. } = &self.party;
        let known = name.is_some() || key.is_some() || email.is_some() || phone.is_some() || !identifiers.is_empty();
        if known || *kind == Some(PartyKind::Anonymous) {
            facts.parties.push(self.party);
        }
    }

    /// Adds an expected action.
    pub fn into_action(self, facts: &mut Facts) {
        facts.actions.push(self.action);
    }

    /// Adds a document.
    pub fn into_document(self, facts: &mut Facts) {
        facts.documents.push(self.document);
    }

    /// Adds a link.
    pub fn into_link(self, facts: &mut Facts) {
        facts.links.extend(self.link.0.map(|kind| (kind, self.link.1)));
    }
}

fn set_party(party: &mut PartyClaim, field: PartyField, own: &str, value: Value<'_>) -> Result<(), Unfit> {
    match field {
        PartyField::Role => party.role = Some(word(&value, Vocabulary::Role, Role::parse)?),
        PartyField::Kind => party.kind = Some(word(&value, Vocabulary::PartyKind, PartyKind::parse)?),
        PartyField::Name => party.name = Some(text(value)),
        PartyField::Key => party.key = Some(text(value)),
        PartyField::Email => party.email = Some(text(value)),
        PartyField::Phone => party.phone = Some(text(value)),
        PartyField::Identifier => party.identifiers.push((own.to_owned(), text(value))),
    }
    Ok(())
}

fn text(value: Value<'_>) -> String {
    value.into_text().into_owned()
}

fn date(value: &Value<'_>) -> Option<Moment> {
    match value {
        Value::Date(moment) => Some(*moment),
        Value::Empty | Value::Text(_) | Value::Number(_) | Value::Bool(_) | Value::List(_) => None,
    }
}

fn integer(value: &Value<'_>) -> Option<i64> {
    match value {
        Value::Number(number) => number.integer(),
        Value::Empty | Value::Text(_) | Value::Bool(_) | Value::Date(_) | Value::List(_) => None,
    }
}

/// A version: a whole number, or a date as microseconds since 1970.
fn version(value: &Value<'_>) -> Result<i64, Unfit> {
    let number = date(value).map(|moment| moment.micros).or_else(|| integer(value));
    number.ok_or_else(|| Unfit::new(FORM, "is not a whole number"))
}

fn small<N: TryFrom<i64>>(value: &Value<'_>, range: &str) -> Result<N, Unfit> {
    let number = integer(value).and_then(|n| N::try_from(n).ok());
    number.ok_or_else(|| Unfit::new(FORM, format!("is not a whole number {range}")))
}

fn word<W>(value: &Value<'_>, vocabulary: Vocabulary, parse: fn(&str) -> Option<W>) -> Result<W, Unfit> {
    let found = match value {
        Value::Text(word) => parse(word),
        Value::Empty | Value::Number(_) | Value::Bool(_) | Value::Date(_) | Value::List(_) => None,
    };
    found.ok_or_else(|| {
        let what = format!("is not a {}: known are `{}`", vocabulary.name(), vocabulary.words().join("`, `"));
        Unfit::new(WORD, what).hint("translate it with `code(…)` or `map(…)`")
    })
}
