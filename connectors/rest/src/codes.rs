//! The error codes of this connector (`connectors/sdk/codes/` holds their pages).

use guichet_sdk::Code;

/// The peer gives the same page again and again.
pub const LOOP: Code = Code("E320");
/// What leads to the next page cannot be used.
pub const NEXT_PAGE: Code = Code("E321");
/// A list item without the id its detail is asked for by.
pub const NO_ID: Code = Code("E322");
/// A record without the value that `since` counts by.
pub const NO_SINCE: Code = Code("E323");
/// A cursor that is not ours.
pub const CURSOR: Code = Code("E324");
/// Fewer records came than the peer says there are.
pub const MISSING: Code = Code("E325");
/// A record of the list is gone when its detail is asked for.
pub const GONE: Code = Code("E326");
/// A detail answer that holds no record, or more than one.
pub const DETAIL: Code = Code("E327");
/// The page a pull was to go on at is refused.
pub const PAGE_GONE: Code = Code("E328");
