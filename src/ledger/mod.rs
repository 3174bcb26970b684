//! The ledger: identity, ordering and the fold of a case's updates into its state. Pure.
//!
//! A case is the fold of the *set* of its entries in one total order, so that arrival order and duplication cannot
//! matter (I3), nothing counts twice (I2) and a status goes back only with a stated transition (I4). Decisions are
//! returned as values ([`Decision`]); the store performs them.

mod change;
mod decide;
mod document;
mod entry;
mod fold;
mod freshness;
mod order;

pub use change::*;
pub use decide::*;
pub use document::*;
pub use entry::*;
pub use fold::*;
pub use freshness::*;
pub use order::*;

#[cfg(test)]
mod tests;
