//! `Idempotency-Key`: a client names its request, so that asking again is safe. The same key and request get the same answer,
//! another request is refused, and one that is still being answered is told so.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use guichet_sdk::Digest;
use serde_json::Value;

use super::auth::Caller;
use super::problem::{Kind, Problem};
use super::state::Desk;

/// The header.
const HEADER: &str = "idempotency-key";
/// Bytes of a key.
const LONGEST: usize = 255;

/// The key of a request.
pub struct IdempotencyKey(pub String);

impl FromRequestParts<Arc<Desk>> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Desk>) -> Result<Self, Problem> {
        let mut given = parts.headers.get_all(HEADER).iter();
        let key = given.next().and_then(|key| key.to_str().ok()).map(|key| key.trim().trim_matches('"'));
        let usable = |key: &&str| !key.is_empty() && key.len() <= LONGEST;
        match (key.filter(usable), given.next()) {
            (Some(key), None) => Ok(IdempotencyKey(key.to_owned())),
            (None, _) | (Some(_), Some(_)) => {
                let detail = "the request has no usable `Idempotency-Key` header";
                Err(Problem::new(Kind::IdempotencyKeyMissing, detail)
                    .hint("send one key of up to 255 characters per request, such as a UUID, and the same one when asking again"))
            }
        }
    }
}

/// The requests being answered now, by client and key.
#[derive(Debug, Default)]
pub struct InHand(Mutex<HashSet<(String, String)>>);

/// Holds a key until it is dropped.
pub struct Held<'a> {
    keys: &'a InHand,
    key: (String, String),
}

impl InHand {
    /// Takes a key; a problem when the same client's request of that key is still being answered.
    pub fn take(&self, caller: &Caller, key: &IdempotencyKey) -> Result<Held<'_>, Problem> {
        let key = (caller.client.name.clone(), key.0.clone());
        if !self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone()) {
            let detail = "a request with this key is still being answered";
            return Err(Problem::new(Kind::IdempotencyKeyInUse, detail).retry_after(1));
        }
        Ok(Held { keys: self, key })
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.keys.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

/// What a request asks, however its JSON is spaced and ordered.
pub fn digest(parts: &[&str], body: &Value) -> Digest {
    let mut canonical = String::new();
    write(body, &mut canonical);
    let mut all: Vec<&[u8]> = parts.iter().map(|part| part.as_bytes()).collect();
    all.push(canonical.as_bytes());
    Digest::of(&all)
}

fn write(value: &Value, to: &mut String) {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by_key(|(name, _)| *name);
            to.push('{');
            for (name, value) in members {
                to.push_str(&Value::String(name.clone()).to_string());
                to.push(':');
                write(value, to);
                to.push(',');
            }
            to.push('}');
        }
        Value::Array(items) => {
            to.push('[');
            for item in items {
                write(item, to);
                to.push(',');
            }
            to.push(']');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => to.push_str(&value.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn spacing_and_order_say_nothing_and_everything_else_does() {
        let one = digest(&["a"], &json!({ "x": [1, { "p": 1, "q": 2 }], "y": null }));
        assert_eq!(one, digest(&["a"], &json!({ "y": null, "x": [1, { "q": 2, "p": 1 }] })));
        assert_ne!(one, digest(&["b"], &json!({ "x": [1, { "p": 1, "q": 2 }], "y": null })));
        assert_ne!(one, digest(&["a"], &json!({ "x": [{ "p": 1, "q": 2 }, 1], "y": null })));
        assert_ne!(one, digest(&["a"], &json!({ "x": [1, { "p": 1, "q": 2 }] })));
    }
}
