//! The configuration as written: what serde reads and JSON Schema describes. Refuses unknown keys; leaves everything
//! that needs more than one key, or the world, to the checks beside it.

mod hub;
mod service;
mod source;
mod word_or;

pub use hub::*;
pub use service::*;
pub use source::*;
pub use word_or::WordOr;
