//! Facts of a case beside its status: what it is about, where, who, by when. Everything may be absent.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Moment, PartyClaim};

/// Facts a source states about a case; an absent field says nothing, a present one replaces what was said before it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    /// Code of the service (procedure) of the catalogue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// When it was submitted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub submitted_at: Option<Moment>,
    /// When the back office acknowledged it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub received_at: Option<Moment>,
    /// When it was closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<Moment>,
    /// How it came in: `internet`, `desk`, `post`… as the source says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// Authority.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authority: Option<String>,
    /// Responsible unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Contact of the responsible unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit_contact: Option<String>,
    /// Member of staff who handles it (staff only).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handler: Option<String>,
    /// Native key of the parent case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// Language of the case (BCP 47).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Confidentiality level, 0 = open to the parties, higher = narrower.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidentiality: Option<u8>,
    /// Where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    /// Attributes of the service's own schema.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
    /// Other identifiers of the same case: scheme and value.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<(String, String)>,
    /// Parties.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parties: Vec<PartyClaim>,
    /// Deadlines the source itself states: kind (`legal`, `service`, `reply`, `appeal`) and date.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub deadlines: BTreeMap<String, Moment>,
    /// What is expected, of whom, until when.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<ActionClaim>,
    /// Documents: metadata and link only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub documents: Vec<DocumentClaim>,
    /// Links to other cases of the same source: kind and native key.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<(LinkKind, String)>,
}

/// Where a case is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct Location {
    /// Address in one line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Postcode (text: leading zeros count).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub postcode: Option<String>,
    /// City.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
    /// Cadastral parcel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parcel: Option<String>,
    /// Asset (street lamp, tree, road segment).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asset: Option<String>,
    /// Longitude, WGS 84, as written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub longitude: Option<String>,
    /// Latitude, WGS 84, as written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latitude: Option<String>,
}

/// Something expected of somebody.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ActionClaim {
    /// What.
    pub title: String,
    /// Of whom (a role or a name).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
    /// Until when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Moment>,
    /// Where to do it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// A document of the case.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DocumentClaim {
    /// Title.
    pub title: String,
    /// Where it is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// When it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dated: Option<Moment>,
}

words! {
    /// How two cases are linked.
    pub enum LinkKind {
        /// Part of.
        PartOf = "part_of",
        /// Comes after.
        Follows = "follows",
        /// Appeals against.
        AppealOf = "appeal_of",
        /// The same as.
        DuplicateOf = "duplicate_of",
        /// Handed to.
        TransferredTo = "transferred_to",
        /// Of one journey.
        SameJourney = "same_journey",
    }
}
