//! The settings of a flow that receives over SOAP, as an integrator writes them. Pure.

use std::path::PathBuf;
use std::time::Duration;

use guichet_sdk::SecretRef;
use guichet_sdk::settings::Period;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::settings::PasswordKind;

/// What a peer sends us, in envelopes of either version.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Receive {
    /// The element in the body of a message, with a prefix of the mapping's `namespaces`; the record element of the
    /// mapping when not written.
    #[schemars(with = "Option<String>")]
    pub element: Option<String>,
    /// What the operation is called in the WSDL; the name of the element when not written.
    #[schemars(with = "Option<String>")]
    pub operation: Option<String>,
    /// What the operation is called on the wire. When not written, an action must be empty or end in the name of the
    /// element or the operation.
    #[schemars(with = "Option<String>")]
    pub action: Option<String>,
    /// Texts in the element, in this order, as the WSDL tells them; anything may stand there when not written.
    pub fields: Vec<String>,
    /// What stands in the body of the answer: XML with `{received}`, `{applied}`, `{duplicate}`, `{superseded}`,
    /// `{quarantined}` and `{parked}`; an empty element called `…Response` when not written.
    #[schemars(with = "Option<String>")]
    pub answer: Option<String>,
    /// The WSDL the peer was built against, a file of the project: given with our address in it instead of ours.
    #[schemars(with = "Option<String>")]
    pub wsdl: Option<PathBuf>,
    /// WS-Security: an account in the header of the envelope is good instead of HTTP credentials.
    #[schemars(with = "Option<Token>")]
    pub security: Option<Token>,
}

/// The account a peer shows in the header of its envelopes (UsernameToken).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Token {
    /// Required. The client of the hub it stands for; its `push` decides.
    pub client: String,
    /// Name of the account; that of the client when not written.
    #[schemars(with = "Option<String>")]
    pub user: Option<String>,
    /// Required. Its password: `{ file = "…" }` or `{ env = "…" }`.
    #[schemars(with = "Option<SecretRef>")]
    pub password: Option<SecretRef>,
    /// How the password is shown: `digest` when not written (it never travels, and no message is taken twice), or `text`.
    #[serde(rename = "type")]
    pub kind: PasswordKind,
    /// How far the time of a message may be from ours; 5m when not written.
    pub window: Period,
}

impl Default for Token {
    fn default() -> Self {
        Token {
            client: String::new(),
            user: None,
            password: None,
            kind: PasswordKind::Digest,
            window: Period(Duration::from_secs(300)),
        }
    }
}
