//! Commands: what the front office asks of a source. A verb, a payload the service describes, and honest states: what is
//! not known to have happened is never called done.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::FlowName;

words! {
    /// What is asked of a source.
    pub enum Verb {
        /// A new case.
        Submit = "submit",
        /// More about a case: documents by reference, answers.
        Supplement = "supplement",
        /// A message to whoever handles it.
        Message = "message",
        /// The applicant takes the case back.
        Withdraw = "withdraw",
        /// Another status, for sources that let others set it.
        SetStatus = "set_status",
    }
}

words! {
    /// How a command stands.
    pub enum CommandState {
        /// Waits for its turn, or for its next try.
        Queued = "queued",
        /// On its way: nobody knows yet.
        Sending = "sending",
        /// The source has taken it and will say later.
        Accepted = "accepted",
        /// The source has done it.
        Confirmed = "confirmed",
        /// The source has decided not to do it.
        Refused = "refused",
        /// It may or may not have reached the source: it is looked up there, or waits for an operator.
        Unknown = "unknown",
        /// It surely had no effect, and is not tried again on its own: waits for an operator.
        Failed = "failed",
    }
}

impl CommandState {
    /// Whether later commands of the same case must wait behind it.
    pub const fn holds_the_case(self) -> bool {
        match self {
            CommandState::Queued | CommandState::Sending | CommandState::Unknown | CommandState::Failed => true,
            CommandState::Accepted | CommandState::Confirmed | CommandState::Refused => false,
        }
    }

    /// Whether nothing changes any more unless an operator steps in.
    pub const fn ended(self) -> bool {
        match self {
            CommandState::Confirmed | CommandState::Refused | CommandState::Failed => true,
            CommandState::Queued | CommandState::Sending | CommandState::Accepted | CommandState::Unknown => false,
        }
    }
}

/// The public id of a command: a UUIDv7, also its name at the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CommandId(pub Uuid);

impl fmt::Display for CommandId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// How a service takes one verb.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CommandRule {
    /// The flow whose source carries it out.
    pub to: FlowName,
    /// What its payload looks like.
    pub schema: PayloadSchema,
}

/// Most problems told of one payload.
const MOST_PROBLEMS: usize = 20;

/// A JSON Schema, ready to be asked.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Value")]
pub struct PayloadSchema {
    written: Value,
    validator: Arc<jsonschema::Validator>,
}

impl PayloadSchema {
    /// Compiles a schema; what is wrong with it otherwise. References outside the schema itself are refused.
    pub fn new(written: Value) -> Result<Self, String> {
        if !written.is_object() {
            return Err("a JSON Schema is an object".to_owned());
        }
        let validator = jsonschema::options().should_validate_formats(true).build(&written);
        let validator = validator.map_err(|error| at(&error.to_string(), &error.instance_path().to_string()))?;
        Ok(PayloadSchema { written, validator: Arc::new(validator) })
    }

    /// As written.
    pub fn written(&self) -> &Value {
        &self.written
    }

    /// What is wrong with a payload: where (a JSON Pointer), and what; never the value itself.
    pub fn problems(&self, payload: &Value) -> Vec<(String, String)> {
        let told = self.validator.iter_errors(payload).take(MOST_PROBLEMS);
        told.map(|error| (error.instance_path().to_string(), error.masked_with("the value").to_string())).collect()
    }
}

fn at(what: &str, pointer: &str) -> String {
    if pointer.is_empty() { what.to_owned() } else { format!("{what} (at `{pointer}`)") }
}

impl TryFrom<Value> for PayloadSchema {
    type Error = String;

    fn try_from(written: Value) -> Result<Self, String> {
        PayloadSchema::new(written)
    }
}

impl From<PayloadSchema> for Value {
    fn from(schema: PayloadSchema) -> Value {
        schema.written
    }
}

impl fmt::Debug for PayloadSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.written, f)
    }
}

impl PartialEq for PayloadSchema {
    fn eq(&self, other: &Self) -> bool {
        self.written == other.written
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_payload_is_told_where_it_is_wrong_and_never_with_its_values() {
        let schema = PayloadSchema::new(json!({
            "type": "object", "required": ["title"], "additionalProperties": false,
            "properties": { "title": { "type": "string", "maxLength": 5 }, "born": { "type": "string", "format": "date" } },
        }));
        let schema = schema.unwrap();
        assert_eq!(schema.problems(&json!({ "title": "short" })), []);
        let problems = schema.problems(&json!({ "title": "Jeanne Martin", "born": "yesterday" }));
        assert_eq!(problems.iter().map(|(at, _)| at.as_str()).collect::<Vec<_>>(), ["/title", "/born"]);
        assert!(!format!("{problems:?}").contains("Jeanne"), "{problems:?}");
        assert_eq!(schema.problems(&json!({})).len(), 1);
    }

    #[test]
    fn a_schema_that_is_none_or_refers_elsewhere_is_refused() {
        assert!(PayloadSchema::new(json!("text")).is_err());
        assert!(PayloadSchema::new(json!({ "type": "objct" })).is_err());
        assert!(PayloadSchema::new(json!({ "$ref": "https://example.org/schema.json" })).is_err());
        assert!(PayloadSchema::new(json!({ "$ref": "file:///etc/passwd" })).is_err());
    }
}
