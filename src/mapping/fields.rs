//! The target: every field of the canonical model a mapping can set, with the form it takes.

use guichet_sdk::settings::nearest;

use crate::model::{Audience, LinkKind, Outcome, PartyKind, Phase, Role, Transition, WaitingOn};

/// Which fields a part of a mapping may set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// `[fields]`
    Record,
    /// `[updates.fields]`
    Update,
    /// `[lists.parties.fields]`
    Parties,
    /// `[lists.actions.fields]`
    Actions,
    /// `[lists.documents.fields]`
    Documents,
    /// `[lists.links.fields]`
    Links,
}

/// What a field takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Text; anything else is written as text.
    Text,
    /// A whole number.
    Integer,
    /// A date.
    Date,
    /// A whole number, or a date.
    Version,
    /// A word of a closed vocabulary.
    Word(Vocabulary),
}

/// A closed vocabulary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vocabulary {
    /// [`Phase`]
    Phase,
    /// [`WaitingOn`]
    WaitingOn,
    /// [`Outcome`]
    Outcome,
    /// [`Transition`]
    Transition,
    /// [`Audience`]
    Audience,
    /// [`Role`]
    Role,
    /// [`PartyKind`]
    PartyKind,
    /// [`LinkKind`]
    LinkKind,
}

impl Vocabulary {
    /// Its words.
    pub const fn words(self) -> &'static [&'static str] {
        match self {
            Vocabulary::Phase => Phase::WORDS,
            Vocabulary::WaitingOn => WaitingOn::WORDS,
            Vocabulary::Outcome => Outcome::WORDS,
            Vocabulary::Transition => Transition::WORDS,
            Vocabulary::Audience => Audience::WORDS,
            Vocabulary::Role => Role::WORDS,
            Vocabulary::PartyKind => PartyKind::WORDS,
            Vocabulary::LinkKind => LinkKind::WORDS,
        }
    }

    /// What it is called in a message.
    pub const fn name(self) -> &'static str {
        match self {
            Vocabulary::Phase => "phase",
            Vocabulary::WaitingOn => "word of `waiting_on`",
            Vocabulary::Outcome => "outcome",
            Vocabulary::Transition => "transition",
            Vocabulary::Audience => "audience",
            Vocabulary::Role => "role",
            Vocabulary::PartyKind => "kind of party",
            Vocabulary::LinkKind => "kind of link",
        }
    }
}

/// A field of the model; fields with a name of their own (`case.attributes.NAME`) carry it beside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// Of the case.
    Case(CaseField),
    /// Of its location.
    Location(LocationField),
    /// Of its status.
    Status(StatusField),
    /// Of the update itself.
    Update(UpdateField),
    /// Of a party.
    Party(PartyField),
    /// Of an expected action.
    Action(ActionField),
    /// Of a document.
    Document(DocumentField),
    /// Of a link.
    Link(LinkField),
}

macro_rules! fields {
    ($($(#[$meta:meta])* $name:ident { $($variant:ident)* })*) => { $(
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[allow(missing_docs, reason = "each is documented by the field it sets")]
        pub enum $name { $($variant),* }
    )* };
}

fields! {
    /// Fields of a case.
    CaseField {
        Key Service Title SubmittedAt ReceivedAt ClosedAt Channel Authority Unit UnitContact Handler Parent Language
        Confidentiality Attribute Alias Deadline
    }
    /// Fields of a location.
    LocationField { Address Postcode City Parcel Asset Longitude Latitude }
    /// Fields of a status.
    StatusField {
        Phase WaitingOn Hold Outcome SourceCode SourceLabel Step Steps Note EffectiveAt Transition Audience
    }
    /// Fields of an update.
    UpdateField { Event Version Export }
    /// Fields of a party.
    PartyField { Role Kind Name Key Email Phone Identifier }
    /// Fields of an action.
    ActionField { Title Of Until Url }
    /// Fields of a document.
    DocumentField { Title Url Dated }
    /// Fields of a link.
    LinkField { Kind Key }
}

/// A field: its name, what it sets, the form it takes, and whether it must not be empty.
#[derive(Debug, Clone, Copy)]
pub struct Spec {
    /// Name; one that ends in `.` is followed by a name of the integrator's.
    pub name: &'static str,
    /// What it sets.
    pub target: Target,
    /// What it takes.
    pub form: Form,
    /// Whether it must not be empty.
    pub required: bool,
}

const fn spec(name: &'static str, target: Target, form: Form) -> Spec {
    Spec { name, target, form, required: false }
}

const fn required(name: &'static str, target: Target, form: Form) -> Spec {
    Spec { name, target, form, required: true }
}

const CASE: &[Spec] = &[
    required("case.key", Target::Case(CaseField::Key), Form::Text),
    spec("case.service", Target::Case(CaseField::Service), Form::Text),
    spec("case.title", Target::Case(CaseField::Title), Form::Text),
    spec("case.submitted_at", Target::Case(CaseField::SubmittedAt), Form::Date),
    spec("case.received_at", Target::Case(CaseField::ReceivedAt), Form::Date),
    spec("case.closed_at", Target::Case(CaseField::ClosedAt), Form::Date),
    spec("case.channel", Target::Case(CaseField::Channel), Form::Text),
    spec("case.authority", Target::Case(CaseField::Authority), Form::Text),
    spec("case.unit", Target::Case(CaseField::Unit), Form::Text),
    spec("case.unit_contact", Target::Case(CaseField::UnitContact), Form::Text),
    spec("case.handler", Target::Case(CaseField::Handler), Form::Text),
    spec("case.parent", Target::Case(CaseField::Parent), Form::Text),
    spec("case.language", Target::Case(CaseField::Language), Form::Text),
    spec("case.confidentiality", Target::Case(CaseField::Confidentiality), Form::Integer),
    spec("case.attributes.", Target::Case(CaseField::Attribute), Form::Text),
    spec("case.alias.", Target::Case(CaseField::Alias), Form::Text),
    spec("deadline.", Target::Case(CaseField::Deadline), Form::Date),
    spec("location.address", Target::Location(LocationField::Address), Form::Text),
    spec("location.postcode", Target::Location(LocationField::Postcode), Form::Text),
    spec("location.city", Target::Location(LocationField::City), Form::Text),
    spec("location.parcel", Target::Location(LocationField::Parcel), Form::Text),
    spec("location.asset", Target::Location(LocationField::Asset), Form::Text),
    spec("location.longitude", Target::Location(LocationField::Longitude), Form::Text),
    spec("location.latitude", Target::Location(LocationField::Latitude), Form::Text),
    required("status.phase", Target::Status(StatusField::Phase), Form::Word(Vocabulary::Phase)),
    spec("status.waiting_on", Target::Status(StatusField::WaitingOn), Form::Word(Vocabulary::WaitingOn)),
    spec("status.hold", Target::Status(StatusField::Hold), Form::Text),
    spec("status.outcome", Target::Status(StatusField::Outcome), Form::Word(Vocabulary::Outcome)),
    spec("status.source_code", Target::Status(StatusField::SourceCode), Form::Text),
    spec("status.source_label", Target::Status(StatusField::SourceLabel), Form::Text),
    spec("status.step", Target::Status(StatusField::Step), Form::Integer),
    spec("status.steps", Target::Status(StatusField::Steps), Form::Integer),
    spec("status.note", Target::Status(StatusField::Note), Form::Text),
    spec("status.effective_at", Target::Status(StatusField::EffectiveAt), Form::Date),
    spec("status.transition", Target::Status(StatusField::Transition), Form::Word(Vocabulary::Transition)),
    spec("status.audience", Target::Status(StatusField::Audience), Form::Word(Vocabulary::Audience)),
    spec("update.event", Target::Update(UpdateField::Event), Form::Text),
    spec("update.version", Target::Update(UpdateField::Version), Form::Version),
    spec("update.export", Target::Update(UpdateField::Export), Form::Version),
];

const PARTY: &[Spec] = &[
    spec("role", Target::Party(PartyField::Role), Form::Word(Vocabulary::Role)),
    spec("kind", Target::Party(PartyField::Kind), Form::Word(Vocabulary::PartyKind)),
    spec("name", Target::Party(PartyField::Name), Form::Text),
    spec("key", Target::Party(PartyField::Key), Form::Text),
    spec("email", Target::Party(PartyField::Email), Form::Text),
    spec("phone", Target::Party(PartyField::Phone), Form::Text),
    spec("identifier.", Target::Party(PartyField::Identifier), Form::Text),
];

const ACTION: &[Spec] = &[
    required("title", Target::Action(ActionField::Title), Form::Text),
    spec("of", Target::Action(ActionField::Of), Form::Text),
    spec("until", Target::Action(ActionField::Until), Form::Date),
    spec("url", Target::Action(ActionField::Url), Form::Text),
];

const DOCUMENT: &[Spec] = &[
    required("title", Target::Document(DocumentField::Title), Form::Text),
    spec("url", Target::Document(DocumentField::Url), Form::Text),
    spec("dated", Target::Document(DocumentField::Dated), Form::Date),
];

const LINK: &[Spec] = &[
    required("kind", Target::Link(LinkField::Kind), Form::Word(Vocabulary::LinkKind)),
    required("key", Target::Link(LinkField::Key), Form::Text),
];

/// The kinds of deadlines a source can state.
pub const DEADLINES: &[&str] = &["legal", "service", "reply", "appeal"];

impl Part {
    /// The fields this part may set.
    pub const fn specs(self) -> &'static [Spec] {
        match self {
            Part::Record | Part::Update => CASE,
            Part::Parties => PARTY,
            Part::Actions => ACTION,
            Part::Documents => DOCUMENT,
            Part::Links => LINK,
        }
    }

    /// The fields without which this part says nothing.
    pub fn needed(self) -> impl Iterator<Item = &'static Spec> {
        self.specs().iter().filter(move |spec| {
            spec.required
                && match self {
                    Part::Record => spec.target == Target::Case(CaseField::Key),
                    Part::Update => false,
                    Part::Parties | Part::Actions | Part::Documents | Part::Links => true,
                }
        })
    }

    /// The field of this name and what follows its own name; or the name that may have been meant.
    pub fn find(self, written: &str) -> Result<(&'static Spec, &str), Option<String>> {
        for spec in self.specs() {
            match written.strip_prefix(spec.name) {
                Some("") if !spec.name.ends_with('.') => return Ok((spec, "")),
                Some(own) if !own.is_empty() && spec.name.ends_with('.') => return named(spec, own),
                Some(_) | None => {}
            }
        }
        Err(near(written, self.specs()))
    }
}

fn named<'w>(spec: &'static Spec, own: &'w str) -> Result<(&'static Spec, &'w str), Option<String>> {
    if spec.target == Target::Case(CaseField::Deadline) && !DEADLINES.contains(&own) {
        return Err(nearest(own, DEADLINES.iter().copied()).map(|near| format!("deadline.{near}")));
    }
    Ok((spec, own))
}

/// The name that may have been meant: near as a whole, or the same last part elsewhere.
fn near(written: &str, specs: &'static [Spec]) -> Option<String> {
    let own = |prefix: &str| written.split_once('.').map(|(_, own)| format!("{prefix}{own}"));
    let prefixed = specs.iter().filter(|spec| spec.name.ends_with('.')).find_map(|spec| {
        let (prefix, rest) = written.rsplit_once('.')?;
        (nearest(&format!("{prefix}."), [spec.name]).is_some() && !rest.is_empty())
            .then(|| format!("{}{rest}", spec.name))
    });
    let names = || specs.iter().map(|spec| spec.name).filter(|name| !name.ends_with('.'));
    let last = written.rsplit('.').next().unwrap_or_default();
    let same_end = || names().find(|name| name.rsplit('.').next() == Some(last)).map(str::to_owned);
    let own_attribute = || own("case.attributes.").filter(|_| written.starts_with("case."));
    nearest(written, names()).map(str::to_owned).or(prefixed).or_else(same_end).or_else(own_attribute)
}
