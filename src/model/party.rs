//! Publics: every kind of party, and the roles they have in a case.

use serde::{Deserialize, Serialize};

words! {
    /// What kind of public a party is; never merged across kinds.
    pub enum PartyKind {
        /// A person.
        NaturalPerson = "natural_person",
        /// A person in business.
        SoleTrader = "sole_trader",
        /// A company.
        Company = "company",
        /// A place of business of a company.
        Establishment = "establishment",
        /// An association.
        Association = "association",
        /// A public body.
        PublicBody = "public_body",
        /// A department or service of a public body.
        PublicUnit = "public_unit",
        /// A member of staff.
        StaffMember = "staff_member",
        /// A household.
        Household = "household",
        /// An entity registered abroad.
        ForeignEntity = "foreign_entity",
        /// Nobody knows.
        Anonymous = "anonymous",
    }
}

words! {
    /// What a party is in a case.
    pub enum Role {
        /// Asked for it.
        Applicant = "applicant",
        /// Benefits from it.
        Beneficiary = "beneficiary",
        /// Acts for the applicant.
        Representative = "representative",
        /// Pays.
        Payer = "payer",
        /// Owns the object.
        Owner = "owner",
        /// Receives the decision.
        Addressee = "addressee",
        /// Has an interest in it.
        InterestedParty = "interested_party",
        /// Objects to it.
        Objector = "objector",
        /// To be contacted.
        Contact = "contact",
        /// Handles it on the authority's side.
        Handler = "handler",
    }
}

/// What a source says about one party of a case.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PartyClaim {
    /// Role in the case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// Kind of public.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<PartyKind>,
    /// Name as the source writes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The source's own key of the party.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// E-mail, for contact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Telephone, for contact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// Identifiers: scheme (`siret`, `siren`, `rna`, `vat`, `bsn`…) and value.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub identifiers: Vec<(String, String)>,
}
