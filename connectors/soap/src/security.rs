//! What goes around a body when it is sent: the envelope, WS-Addressing, and WS-Security with UsernameToken and
//! Timestamp (OASIS Web Services Security UsernameToken Profile 1.0). Pure: time, nonce and id are arguments.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use guichet_sdk::Secret;
use guichet_sdk::format::escape_xml;
use jiff::Timestamp;
use sha1::{Digest as _, Sha1};

use crate::envelope::Version;
use crate::settings::{Addressing, PasswordKind};

/// WS-Security.
pub const WSSE: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
/// WS-Security, its times and ids.
pub const WSU: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";
const TOKEN: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0";
const BASE64: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary";

/// An account for UsernameToken.
#[derive(Debug, Clone)]
pub struct Account {
    /// Its name.
    pub user: String,
    /// Its password.
    pub password: Secret,
    /// How the password is shown.
    pub kind: PasswordKind,
}

/// What says who we are, in the header.
#[derive(Debug, Clone)]
pub struct Security {
    /// Our account, where a UsernameToken is sent.
    pub account: Option<Account>,
    /// How long a message is good, where a Timestamp is sent.
    pub expires: Option<std::time::Duration>,
    /// Whoever does not know WS-Security must refuse the message.
    pub must_understand: bool,
}

/// What differs between two messages.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// When it is sent.
    pub now: Timestamp,
    /// What makes it one of its kind.
    pub nonce: [u8; 16],
    /// Its id.
    pub id: uuid::Uuid,
}

/// The envelope around bodies of one operation.
#[derive(Debug, Clone)]
pub struct Wrapping {
    /// Its version.
    pub version: Version,
    /// WS-Addressing.
    pub addressing: Option<Destination>,
    /// WS-Security.
    pub security: Option<Security>,
}

/// Where a message goes, in terms of WS-Addressing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// The version of WS-Addressing.
    pub version: Addressing,
    /// The address.
    pub to: String,
    /// The operation.
    pub action: String,
}

impl Wrapping {
    /// The whole message.
    pub fn wrap(&self, body: &[u8], moment: Moment) -> Vec<u8> {
        let mut head = format!("<s:Envelope xmlns:s=\"{}\">", self.version.namespace());
        if self.addressing.is_some() || self.security.is_some() {
            head.push_str("<s:Header>");
            head.extend(self.addressing.iter().map(|to| to.write(moment)));
            head.extend(self.security.iter().map(|security| security.write(moment)));
            head.push_str("</s:Header>");
        }
        [head.as_bytes(), b"<s:Body>", body, b"</s:Body></s:Envelope>"].concat()
    }
}

impl Destination {
    fn write(&self, moment: Moment) -> String {
        let namespace = self.version.namespace();
        let (action, to, id) = (escape_xml(&self.action), escape_xml(&self.to), moment.id);
        format!(
            "<a:Action xmlns:a=\"{namespace}\" s:mustUnderstand=\"1\">{action}</a:Action>\
             <a:MessageID xmlns:a=\"{namespace}\">urn:uuid:{id}</a:MessageID>\
             <a:ReplyTo xmlns:a=\"{namespace}\"><a:Address>{}</a:Address></a:ReplyTo>\
             <a:To xmlns:a=\"{namespace}\" s:mustUnderstand=\"1\">{to}</a:To>",
            self.version.anonymous(),
        )
    }
}

impl Security {
    fn write(&self, moment: Moment) -> String {
        let created = stamp(moment.now);
        let must = if self.must_understand { " s:mustUnderstand=\"1\"" } else { "" };
        let mut block = format!("<w:Security xmlns:w=\"{WSSE}\" xmlns:u=\"{WSU}\"{must}>");
        if let Some(good) = self.expires {
            let expires = stamp(moment.now.checked_add(good).unwrap_or(Timestamp::MAX));
            block += &format!(
                "<u:Timestamp u:Id=\"TS-{}\"><u:Created>{created}</u:Created><u:Expires>{expires}</u:Expires></u:Timestamp>",
                moment.id
            );
        }
        if let Some(account) = &self.account {
            let (kind, password) = match account.kind {
                PasswordKind::Text => ("PasswordText", escape_xml(account.password.expose())),
                PasswordKind::Digest => ("PasswordDigest", digest(&moment.nonce, &created, account.password.expose())),
            };
            let (user, nonce) = (escape_xml(&account.user), STANDARD.encode(moment.nonce));
            block += &format!(
                "<w:UsernameToken><w:Username>{user}</w:Username>\
                 <w:Password Type=\"{TOKEN}#{kind}\">{password}</w:Password>\
                 <w:Nonce EncodingType=\"{BASE64}\">{nonce}</w:Nonce><u:Created>{created}</u:Created></w:UsernameToken>"
            );
        }
        block + "</w:Security>"
    }
}

/// Password_Digest = Base64 ( SHA-1 ( nonce + created + password ) )
pub fn digest(nonce: &[u8], created: &str, password: &str) -> String {
    let mut hasher = Sha1::new();
    hasher.update(nonce);
    hasher.update(created.as_bytes());
    hasher.update(password.as_bytes());
    STANDARD.encode(hasher.finalize())
}

/// A moment with milliseconds: some peers refuse finer ones.
fn stamp(moment: Timestamp) -> String {
    format!("{moment:.3}")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use guichet_sdk::format::Limits;

    use super::*;
    use crate::envelope::read;

    fn moment() -> Moment {
        let now = "2026-11-24T12:00:00.123456Z".parse().unwrap();
        Moment { now, nonce: *b"0123456789abcdef", id: uuid::Uuid::from_u128(7) }
    }

    #[test]
    fn digests_are_those_of_the_profile() {
        // worked out with `printf '%s' 0123456789abcdef2026-11-24T12:00:00.123Zs3cret | openssl sha1 -binary | base64`
        assert_eq!(stamp(moment().now), "2026-11-24T12:00:00.123Z");
        assert_eq!(digest(&moment().nonce, "2026-11-24T12:00:00.123Z", "s3cret"), "IINtn9A5UzzlEoGnvV80+2QxJl4=");
    }

    #[test]
    fn the_message_holds_what_is_asked_for() {
        let account = Account { user: "h&b".into(), password: Secret::new("p<w"), kind: PasswordKind::Text };
        let security = Security {
            account: Some(account),
            expires: Some(std::time::Duration::from_secs(300)),
            must_understand: true,
        };
        let to = Destination { version: Addressing::W3c, to: "urn:to?a&b".into(), action: "urn:act".into() };
        let wrapping = Wrapping { version: Version::Soap12, addressing: Some(to), security: Some(security) };
        let sent = String::from_utf8(wrapping.wrap(b"<List xmlns='urn:a'/>", moment())).unwrap();
        let read = read(&sent, Limits::default()).unwrap();
        let seen: Vec<_> = read.blocks.iter().map(|block| (block.name.local, block.must_understand)).collect();
        assert_eq!(
            seen,
            [("Action", true), ("MessageID", false), ("ReplyTo", false), ("To", true), ("Security", true)]
        );
        assert_eq!(read.blocks[1].text, "urn:uuid:00000000-0000-0000-0000-000000000007");
        assert_eq!(read.blocks[3].text, "urn:to?a&b");
        assert_eq!(read.body.unwrap().namespace, "urn:a");
        for part in [
            "#PasswordText\">p&lt;w</w:Password>",
            "<w:Username>h&amp;b</w:Username>",
            "<u:Expires>2026-11-24T12:05:00.123Z</u:Expires>",
        ] {
            assert!(sent.contains(part), "{part} not in {sent}");
        }
        let plain = Wrapping { version: Version::Soap11, addressing: None, security: None };
        let sent = String::from_utf8(plain.wrap(b"<a/>", moment())).unwrap();
        assert!(!sent.contains("Header"), "{sent}");
        assert!(!format!("{wrapping:?}").contains("p<w"), "a password must not be printed");
    }
}
