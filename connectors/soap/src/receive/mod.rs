//! Receiving: envelopes of either version that a peer pushes, answered by an envelope or a fault of the same version.
//!
//! The body must hold the element that is expected, and nothing around it may say otherwise: an action that names another
//! one, a header that must be understood and is not, an element in the header that would pass for a record. A success is
//! only said of what is committed.

mod check;
mod head;
mod settings;
#[cfg(test)]
mod tests;
mod token;
mod words;
mod wsdl;

use std::sync::Arc;

use bytes::Bytes;
use guichet_sdk::format::Limits;
use guichet_sdk::{Guard, Issue, Message, Receiver, Reply, Taken, Turned};

use self::head::{Head, Named};
use self::token::TokenGuard;
use self::words::Answer;
use self::wsdl::Description;
use crate::codes;

pub use check::check;
pub use settings::Receive;

/// How a flow receives.
pub struct Envelopes {
    /// What the body of a message must hold.
    element: Named,
    /// The element that is one record.
    record: Named,
    /// What the operation is called.
    operation: String,
    /// What it is called on the wire; checked to the letter where the settings say it.
    action: String,
    exact: bool,
    answer: Answer,
    description: Description,
    guard: Option<Arc<TokenGuard>>,
    encoding: String,
    limits: Limits,
}

impl Receiver for Envelopes {
    fn unwrap(&self, message: &Message) -> Result<Bytes, Turned> {
        let text = head::text(message, &self.encoding).map_err(Turned::peer)?;
        let head = Head::read(message, &text, self.limits, self.guard.is_some()).map_err(Turned::peer)?;
        if let Some(strange) = &head.strange {
            let issue = Issue::error(codes::STRANGE, format!("the header `{strange}` must be understood, and is not"));
            return Err(Turned::peer(issue.hint("send it without that header, or without `mustUnderstand`")));
        }
        if head.body.as_ref() != Some(&self.element) {
            let found = head.body.as_ref().map_or("nothing".to_owned(), |name| format!("`{name}`"));
            let issue =
                Issue::error(codes::ELEMENT, format!("the body holds {found} where `{}` is expected", self.element));
            return Err(Turned::peer(issue.hint("see the WSDL of this service: add `?wsdl` to its address")));
        }
        if let Some(action) = head.actions.iter().find(|action| !self.acts(action)) {
            let shown: String = action.chars().filter(|c| !c.is_control()).take(200).collect();
            let issue =
                Issue::error(codes::ACTION, format!("the action `{shown}` is not that of `{}`", self.element.local));
            return Err(Turned::peer(issue.hint(format!("send `{}`", self.action))));
        }
        head::smuggled(&text, self.limits, head.version, &self.record).map_err(Turned::peer)?;
        // as it is, so that lines and columns are those the peer sent; the records stand in it as the mapping says
        Ok(message.body.clone())
    }

    fn answer(&self, message: &Message, taken: &[Taken]) -> Reply {
        match self.head(message) {
            Some(head) => words::taken(&head, &self.action, &self.answer, taken),
            // never: only what was unwrapped is answered
            None => words::refused(message, None, &Turned::hub(Issue::error(codes::NO_ENVELOPE, "no envelope"))),
        }
    }

    fn refuse(&self, message: &Message, turned: &Turned) -> Option<Reply> {
        Some(words::refused(message, self.head(message).as_ref(), turned))
    }

    fn describe(&self, address: &str) -> Option<Reply> {
        let body = self.description.at(address).into();
        Some(Reply { status: 200, content_type: "text/xml; charset=utf-8", body })
    }

    fn guard(&self) -> Option<Arc<dyn Guard>> {
        self.guard.clone().map(|guard| guard as Arc<dyn Guard>)
    }
}

impl Envelopes {
    fn head(&self, message: &Message) -> Option<Head> {
        let text = head::text(message, &self.encoding).ok()?;
        Head::read(message, &text, self.limits, self.guard.is_some()).ok()
    }

    /// Whether an action is that of the operation.
    fn acts(&self, action: &str) -> bool {
        let last = action.rsplit(['/', '#', ':']).next().unwrap_or_default();
        action == self.action
            || (!self.exact && (action.is_empty() || last == self.element.local || last == self.operation))
    }
}
