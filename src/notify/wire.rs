//! What goes over the wire: CloudEvents 1.0 as structured JSON, signed as Standard Webhooks says. Pure.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use guichet_sdk::Secret;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::value::RawValue;
use sha2::Sha256;
use uuid::Uuid;

use super::Event;
use crate::model::rfc3339;

/// Media type of an event.
pub const EVENT: &str = "application/cloudevents+json; charset=utf-8";
/// Kind of the event a receiver answers with its `challenge`.
pub const CHALLENGE: &str = "subscription.challenge";
/// Kind of the event that only tests the way.
pub const TEST: &str = "subscription.test";

/// An event as sent: the attributes of CloudEvents 1.0, with the extension `dataref`.
#[derive(serde::Serialize)]
struct CloudEvent<'a> {
    specversion: &'static str,
    id: &'a str,
    source: &'a str,
    r#type: &'a str,
    time: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    datacontenttype: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    dataref: Option<&'a str>,
    data: &'a RawValue,
}

/// The event of a change: thin, with `dataref` to read the rest with one's own scope. `base` is the hub's public address.
pub fn event(base: &str, event: &Event) -> String {
    let change = &event.change;
    let source = format!("{base}/v1/sources/{}", change.source);
    let id = change.case.as_ref().map(|case| case.id.to_string());
    let dataref = id.as_ref().map_or_else(|| format!("{base}/v1/sources"), |id| format!("{base}/v1/cases/{id}"));
    let at = rfc3339(change.at);
    write(&event.id, &source, change.kind.word(), &at, id.as_deref(), Some(&dataref), event.json())
}

/// An event of the hub itself about a subscription.
pub fn own(base: &str, id: &str, kind: &str, now: i64, subscription: Uuid, data: &serde_json::Value) -> String {
    let (source, subject) = (format!("{base}/v1/subscriptions"), subscription.to_string());
    write(id, &source, kind, &rfc3339(now), Some(&subject), None, &data.to_string())
}

fn write(
    id: &str,
    source: &str,
    kind: &str,
    time: &str,
    subject: Option<&str>,
    dataref: Option<&str>,
    data: &str,
) -> String {
    let Ok(data) = RawValue::from_string(data.to_owned()) else { return String::new() };
    let event = CloudEvent {
        specversion: "1.0",
        id,
        source,
        r#type: kind,
        time,
        subject,
        datacontenttype: "application/json",
        dataref,
        data: &data,
    };
    serde_json::to_string(&event).unwrap_or_default()
}

/// The keys secrets are derived from.
#[derive(Clone)]
pub struct Secrets([u8; 32]);

impl Secrets {
    /// From the key of the configuration, else from the one of the store.
    pub fn new(configured: Option<&Secret>, stored: [u8; 32]) -> Self {
        Secrets(configured.map_or(stored, |key| mac(&stored, &[key.expose().as_bytes()])))
    }

    /// The secret of a subscription with a number: `whsec_…`.
    pub fn secret(&self, subscription: Uuid, number: u32) -> Secret {
        Secret::new(&format!("whsec_{}", STANDARD.encode(self.key(subscription, number))))
    }

    /// The signatures of a body: one for each secret that is valid, the current one first.
    pub fn sign(&self, subscription: Uuid, numbers: &[u32], id: &str, seconds: i64, body: &str) -> String {
        let head = format!("{id}.{seconds}.");
        let one = |number: &u32| {
            let signature = mac(&self.key(subscription, *number), &[head.as_bytes(), body.as_bytes()]);
            format!("v1,{}", STANDARD.encode(signature))
        };
        numbers.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    fn key(&self, subscription: Uuid, number: u32) -> [u8; 32] {
        mac(&self.0, &[b"webhook", subscription.as_bytes(), &number.to_be_bytes()])
    }
}

fn mac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    // A key of any length is allowed; this one always has 32 bytes.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return [0; 32] };
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const ID: Uuid = Uuid::from_u128(7);

    /// The signature of a body, computed from the secret as a receiver does.
    fn receiver(secret: &Secret, id: &str, seconds: i64, body: &str) -> String {
        let key = STANDARD.decode(secret.expose().strip_prefix("whsec_").unwrap()).unwrap();
        assert_eq!(key.len(), 32);
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
        mac.update(format!("{id}.{seconds}.{body}").as_bytes());
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }

    #[test]
    fn both_secrets_sign_during_a_rotation() {
        let secrets = Secrets::new(None, [1; 32]);
        let signed = secrets.sign(ID, &[2, 1], "e1", 1_700_000_000, "{}");
        let expected = [2, 1].map(|number| receiver(&secrets.secret(ID, number), "e1", 1_700_000_000, "{}"));
        assert_eq!(signed, expected.join(" "));
        assert_ne!(expected[0], expected[1]);
    }

    #[test]
    fn secrets_differ_by_store_configuration_subscription_and_number() {
        let keys = [
            Secrets::new(None, [1; 32]),
            Secrets::new(None, [2; 32]),
            Secrets::new(Some(&Secret::new("k")), [1; 32]),
            Secrets::new(Some(&Secret::new("l")), [1; 32]),
        ];
        let secret = |keys: &Secrets, id, number| keys.secret(id, number).expose().to_owned();
        let mut all: Vec<_> = keys.iter().map(|keys| secret(keys, ID, 1)).collect();
        all.push(secret(&keys[0], ID, 2));
        all.push(secret(&keys[0], Uuid::from_u128(8), 1));
        let count = all.len();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), count);
    }
}
