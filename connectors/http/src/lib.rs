//! Talking over HTTP, for the connectors that do: one client with certificates, credentials, time-outs, a pace, retries
//! and a circuit breaker, all of it as the settings say.
//!
//! Sends requests that a connector's pure `wire.rs` built, and hands back answers read to their end and judged; follows
//! no link on its own. On top of it, `list` reads lists page by page, for those that pull.

mod body;
mod breaker;
mod call;
mod certificate;
mod client;
pub mod codes;
mod connect;
mod credentials;
mod expiry;
mod guard;
mod judge;
mod limit;
pub mod list;
mod oauth;
mod pace;
mod refusals;
mod retry;
mod room;
pub mod settings;
mod slots;
mod stage;

pub use call::{Answer, Call, Seal, Trace, text};
pub use client::{Client, Delivered};
pub use judge::{AnswerRule, Expect, Judge, Judged, Means, Rules};
pub use pace::retry_after;
pub use reqwest::header;
pub use reqwest::{Method, StatusCode, Url};
pub use room::{Room, Rooms};
pub use settings::{Settings, address};
pub use slots::Slots;
