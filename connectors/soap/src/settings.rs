//! The settings of a flow that asks over SOAP, as an integrator writes them. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use guichet_http::Settings as Http;
use guichet_http::list::Since;
use guichet_sdk::SecretRef;
use guichet_sdk::settings::Period;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::receive::Receive;
use crate::rules::FaultRule;

/// Settings of a flow that asks a SOAP interface for lists of records.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(extend("additionalProperties" = false))]
pub struct Settings {
    /// Required. Address of the interface: `https://planning.example.org/services/Cases.svc`.
    #[schemars(required)]
    pub url: Option<String>,
    /// Version of SOAP: `1.1` when not written, or `1.2`.
    pub version: Spoken,
    /// What the operation is called on the wire, as its WSDL says in `soapAction`: `urn:planning:ListCases`.
    #[schemars(with = "Option<String>")]
    pub action: Option<String>,
    /// How the action travels; in the `SOAPAction` header of SOAP 1.1, in the content type of SOAP 1.2.
    pub action_written: ActionWritten,
    /// The content type of requests, where the peer wants another one than its version of SOAP says.
    #[schemars(with = "Option<String>")]
    pub content_type: Option<String>,
    /// Further headers of HTTP.
    pub headers: BTreeMap<String, String>,
    /// Required. What stands in the body of the envelope: XML with bindings (`{since}`, `{page}`…) in its texts and
    /// attribute values. An element or attribute whose binding has no value yet is left out.
    #[schemars(required)]
    pub body: Option<String>,
    /// The element that is a record in the answer, or a pointer to one where there is a `detail`; the record element of
    /// the mapping when not written.
    #[schemars(with = "Option<String>")]
    pub record: Option<String>,
    /// How the list is paged; not at all when not written.
    #[schemars(with = "Option<Paging>")]
    pub page: Option<Paging>,
    /// Each item of the list is only a pointer: its record is asked for by its id.
    #[schemars(with = "Option<Detail>")]
    pub detail: Option<Detail>,
    /// Asks only for what changed since the pull before; everything, each time, when not written.
    #[schemars(with = "Option<Since>")]
    pub since: Option<Since>,
    /// WS-Security: who we are, in the header of the envelope.
    #[schemars(with = "Option<Securing>")]
    pub security: Option<Securing>,
    /// WS-Addressing: `Action`, `MessageID`, `ReplyTo` and `To` in the header of the envelope.
    #[schemars(with = "Option<Addressed>")]
    pub addressing: Option<Addressed>,
    /// What faults mean, first match first; before the built-in rules.
    pub faults: Vec<FaultRule>,
    /// Attachments of an answer (MTOM).
    pub attachments: Attachments,
    /// The peer sends us its records, instead of being asked for them (without `body`) or besides.
    #[schemars(with = "Option<Receive>")]
    pub receive: Option<Receive>,
    /// How the peer is talked to.
    #[serde(flatten)]
    pub http: Http,
}

/// Version of SOAP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
pub enum Spoken {
    /// 1.1.
    #[default]
    #[serde(rename = "1.1")]
    Soap11,
    /// 1.2.
    #[serde(rename = "1.2")]
    Soap12,
}

/// How the action travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActionWritten {
    /// `"urn:act"`, as the standard says.
    #[default]
    Quoted,
    /// `urn:act`, without quotes.
    Bare,
    /// `""`, whatever `action` says.
    Empty,
    /// Not at all.
    Absent,
}

/// How a list is paged.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(tag = "by", rename_all = "snake_case", deny_unknown_fields)]
pub enum Paging {
    /// By number: `{page}`, until a page is empty, `total` is reached or `more` says no.
    Page {
        /// Number of the first page; 1 when not written.
        #[serde(default = "one")]
        first: u64,
        /// Records of a page: `{size}`.
        #[serde(default)]
        size: Option<u64>,
        /// Path, below the body, of the number of records there are.
        #[serde(default)]
        total: Option<String>,
        /// Path, below the body, of a value that says whether there is another page (`true`, `1`, `yes`); it decides
        /// alone.
        #[serde(default)]
        more: Option<String>,
    },
    /// By the number of records to pass over: `{offset}`, until a page is empty, `total` is reached or `more` says no.
    Offset {
        /// Records of a page: `{size}`.
        #[serde(default)]
        size: Option<u64>,
        /// Path, below the body, of the number of records there are.
        #[serde(default)]
        total: Option<String>,
        /// Path, below the body, of a value that says whether there is another page (`true`, `1`, `yes`); it decides
        /// alone.
        #[serde(default)]
        more: Option<String>,
    },
    /// By what the page before gave: `{cursor}`, until it gives nothing.
    Cursor {
        /// Path, below the body, of the cursor of the next page.
        path: String,
    },
}

fn one() -> u64 {
    1
}

/// How the record of a list item is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Detail {
    /// What the operation is called on the wire.
    #[schemars(with = "Option<String>")]
    pub action: Option<String>,
    /// Required. What stands in the body of the envelope, with `{id}`.
    pub body: String,
    /// Path of the id in a list item: `number`, `@id`; `id` when not written.
    pub id: String,
    /// The element that is the record in the answer; the record element of the mapping when not written.
    #[schemars(with = "Option<String>")]
    pub record: Option<String>,
    /// Details asked for at once; 4 when not written.
    pub concurrency: usize,
}

impl Default for Detail {
    fn default() -> Self {
        let id = "id".to_owned();
        Detail { action: None, body: String::new(), id, record: None, concurrency: 4 }
    }
}

/// WS-Security.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Securing {
    /// Name of our account; without it, only the time is sent.
    #[schemars(with = "Option<String>")]
    pub user: Option<String>,
    /// Its password.
    #[schemars(with = "Option<SecretRef>")]
    pub password: Option<SecretRef>,
    /// How the password is shown: `digest` when not written (it never travels, and a message cannot be sent twice), or
    /// `text`.
    #[serde(rename = "type")]
    pub kind: PasswordKind,
    /// How long a message is good (Timestamp); 5m when not written, `"0s"` sends none.
    pub expires: Period,
    /// Whoever does not know WS-Security must refuse the message; true when not written.
    pub must_understand: bool,
}

impl Default for Securing {
    fn default() -> Self {
        Securing {
            user: None,
            password: None,
            kind: PasswordKind::Digest,
            expires: Period(Duration::from_secs(300)),
            must_understand: true,
        }
    }
}

/// How a password is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PasswordKind {
    /// As it is (PasswordText).
    Text,
    /// Digested with a nonce and the time (PasswordDigest).
    Digest,
}

/// WS-Addressing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Addressed {
    /// Its version: `2005/08` when not written, or `2004/08`.
    pub version: Addressing,
    /// The address in `To`, where it is not that of `url`.
    #[schemars(with = "Option<String>")]
    pub to: Option<String>,
}

/// Version of WS-Addressing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
pub enum Addressing {
    /// W3C Recommendation.
    #[default]
    #[serde(rename = "2005/08")]
    W3c,
    /// Member submission.
    #[serde(rename = "2004/08")]
    Submission,
}

impl Addressing {
    /// Its namespace.
    pub fn namespace(self) -> &'static str {
        match self {
            Addressing::W3c => "http://www.w3.org/2005/08/addressing",
            Addressing::Submission => "http://schemas.xmlsoap.org/ws/2004/08/addressing",
        }
    }

    /// The address of whoever asks over HTTP.
    pub fn anonymous(self) -> &'static str {
        match self {
            Addressing::W3c => "http://www.w3.org/2005/08/addressing/anonymous",
            Addressing::Submission => "http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous",
        }
    }
}

/// What becomes of attachments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Attachments {
    /// Records keep their references, the attachments are left out.
    #[default]
    Reference,
    /// Put into the record as base64, where `xop:Include` points to them; within `max_body`.
    Inline,
}
