//! How a flow orders the updates of one case, and how fresh it promises to be.

use serde::{Deserialize, Serialize};

words! {
    /// What the source gives to put updates of one case in order.
    pub enum OrderClass {
        /// A version number or log position.
        Version = "version",
        /// A trusted event time.
        Time = "time",
        /// Each export is the whole truth about the case at that export's number.
        Snapshot = "snapshot",
        /// Nothing better exists; the API says so.
        Arrival = "arrival",
    }
}

/// The order of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Class.
    pub class: OrderClass,
    /// Whether the position in the file decides between equal times.
    pub ties_by_position: bool,
    /// A status that goes back is believed only when later by more than this, in microseconds (time order).
    pub skew: i64,
}

impl Order {
    /// An order without ties and skew.
    pub const fn of(class: OrderClass) -> Self {
        Order { class, ties_by_position: false, skew: 0 }
    }
}

words! {
    /// How fresh what a source said is, against the flow's contract.
    pub enum Freshness {
        /// The source tells us as things happen, and it is there.
        Live = "live",
        /// Looked at within the contract.
        Fresh = "fresh",
        /// Not looked at within the contract.
        Stale = "stale",
        /// Never looked at.
        Unknown = "unknown",
    }
}
