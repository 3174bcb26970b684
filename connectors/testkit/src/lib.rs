//! What a connector is tested with: the smallest hub, a proxy that misbehaves on demand, and the conformance suite
//! every connector passes.
//!
//! For tests only; shares no code with the hub, so that it can judge what the hub relies on.

pub mod broker;
pub mod conformance;
pub mod hub;
pub mod office;
pub mod proxy;
pub mod soap_office;
pub mod table;

pub use hub::{Finished, Hub};
pub use office::{Mood, Office};
pub use proxy::{Fault, Proxy};
pub use soap_office::{SoapMood, SoapOffice};
