//! The account a peer shows in the header of its envelopes (WS-Security UsernameToken), checked before anything else of
//! a message is looked at. Remembers nonces for as long as a message may be late, so that none is taken twice.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use guichet_sdk::format::{Event, Limits, Walk};
use guichet_sdk::{Guard, Issue, Message, SecretRef, Turned};
use jiff::Timestamp;
use sha1::{Digest as _, Sha1};
use subtle::ConstantTimeEq as _;

use super::head;
use crate::codes;
use crate::security::{WSSE, WSU, digest};
use crate::settings::PasswordKind;

/// Nonces remembered: beyond them nothing is taken until some are too old to matter.
const NONCES: usize = 100_000;
/// Bytes of a nonce.
const NONCE: usize = 256;

/// Checks the account of messages.
pub struct TokenGuard {
    /// The client of the hub.
    pub client: String,
    /// Name of the account.
    pub user: String,
    /// Where its password is kept; read at each message, so that a new one is taken up.
    pub password: SecretRef,
    /// Folder of the project.
    pub base: PathBuf,
    /// How the password is shown.
    pub kind: PasswordKind,
    /// How far the time of a message may be from ours, microseconds.
    pub window: i64,
    /// Encoding of messages.
    pub encoding: String,
    /// Limits of messages.
    pub limits: Limits,
    /// Nonces seen, with the time of their messages.
    pub seen: Mutex<HashMap<[u8; 20], i64>>,
}

/// A UsernameToken as it stands in a header.
#[derive(Debug, Default)]
struct Shown {
    user: String,
    password: String,
    digested: bool,
    nonce: String,
    created: String,
}

impl Guard for TokenGuard {
    fn client(&self, message: &Message, now: i64) -> Result<String, Turned> {
        let text = head::text(message, &self.encoding).map_err(Turned::peer)?;
        let shown = shown(&text, self.limits).map_err(Turned::peer)?.ok_or_else(|| Turned::peer(nobody()))?;
        let password = self.password.read(&self.base).map_err(Turned::hub)?;
        let nonce = STANDARD.decode(shown.nonce.trim()).ok().filter(|nonce| nonce.len() <= NONCE);
        let nonce = nonce.ok_or_else(|| Turned::peer(nobody()))?;
        let expected = match self.kind {
            PasswordKind::Text => password.expose().to_owned(),
            PasswordKind::Digest => digest(&nonce, &shown.created, password.expose()),
        };
        let right = bool::from(shown.password.as_bytes().ct_eq(expected.as_bytes()));
        if !right || shown.user != self.user || shown.digested != (self.kind == PasswordKind::Digest) {
            return Err(Turned::peer(nobody()));
        }
        self.once(&shown, &nonce, now)?;
        Ok(self.client.clone())
    }
}

impl TokenGuard {
    /// A message is taken once, and only about when it was written. A password in plain text proves nothing about the
    /// message, so there the nonce and the time may be left out.
    fn once(&self, shown: &Shown, nonce: &[u8], now: i64) -> Result<(), Turned> {
        let must = self.kind == PasswordKind::Digest;
        if !must && (nonce.is_empty() || shown.created.is_empty()) {
            return Ok(());
        }
        let created = shown.created.parse::<Timestamp>().map_err(|_| {
            let issue = Issue::error(codes::REPLAYED, "the time in the security header of the envelope cannot be read");
            Turned::peer(issue.hint("write `Created` as 2026-11-24T12:00:00.000Z"))
        })?;
        if nonce.is_empty() || now.abs_diff(created.as_microsecond()) > self.window.unsigned_abs() {
            let issue = Issue::error(
                codes::REPLAYED,
                "the security header of the envelope has no nonce, or was not written now",
            );
            return Err(Turned::peer(issue.hint("check the clocks, or widen `receive.security.window`")));
        }
        let mark: [u8; 20] = Sha1::new().chain_update(nonce).chain_update(&shown.created).finalize().into();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= NONCES {
            // what is older than the window is refused for its time alone
            seen.retain(|_, at| now.abs_diff(*at) <= self.window.unsigned_abs());
        }
        if seen.len() >= NONCES {
            let issue = Issue::error(codes::REPLAYED, "more messages were sent within the window than are remembered");
            return Err(Turned::hub(issue.hint("send it again later, or narrow `receive.security.window`")));
        }
        if seen.insert(mark, created.as_microsecond()).is_some() {
            let issue = Issue::error(codes::REPLAYED, "an envelope with this nonce was received before");
            return Err(Turned::peer(issue.hint("make a new security header for each attempt")));
        }
        Ok(())
    }
}

/// The same words, whatever was wrong.
fn nobody() -> Issue {
    Issue::error(codes::CREDENTIALS, "the envelope does not show the account that is expected")
        .hint("send a UsernameToken as the settings of the flow say, or HTTP credentials")
}

/// The token in the header of an envelope. What follows the header is not looked at.
fn shown(text: &str, limits: Limits) -> Result<Option<Shown>, Issue> {
    let mut walk = Walk::new(text, limits);
    let (mut token, mut part): (Option<Shown>, &str) = (None, "");
    let mut inside = false;
    while let Some((_, event)) = walk.next()? {
        match event {
            Event::Open(element) if element.depth == 1 && element.local == "Body" => break,
            Event::Open(element) => {
                part = "";
                match (element.depth, element.local) {
                    (3, "UsernameToken") if element.namespace == WSSE => {
                        // a second token would leave open which one counts
                        if token.replace(Shown::default()).is_some() {
                            return Err(nobody());
                        }
                        inside = true;
                    }
                    (4, "Username" | "Password" | "Nonce") if inside && element.namespace == WSSE => {
                        part = element.local;
                        if let (Some(token), "Password") = (&mut token, part) {
                            token.digested =
                                element.attribute("", "Type").is_some_and(|kind| kind.ends_with("#PasswordDigest"));
                        }
                    }
                    (4, "Created") if inside && element.namespace == WSU => part = element.local,
                    _ => {}
                }
            }
            Event::Text(text) => take(&mut token, part, &text),
            Event::Cdata(text) => take(&mut token, part, text),
            Event::Close(depth) => {
                part = "";
                inside &= depth > 3;
            }
            Event::Aside => {}
        }
    }
    Ok(token)
}

fn take(token: &mut Option<Shown>, part: &str, text: &str) {
    let Some(token) = token else { return };
    match part {
        "Username" => token.user.push_str(text),
        "Password" => token.password.push_str(text),
        "Nonce" => token.nonce.push_str(text),
        "Created" => token.created.push_str(text.trim()),
        _ => {}
    }
}
