//! The error codes of talking over HTTP (`connectors/sdk/codes/` holds their pages).

use guichet_sdk::Code;

/// The peer cannot be reached.
pub const UNREACHABLE: Code = Code("E300");
/// The peer did not answer in time; the message names the time-out.
pub const TIMEOUT: Code = Code("E301");
/// The peer refused our credentials.
pub const UNAUTHORIZED: Code = Code("E302");
/// The peer asked us to slow down.
pub const THROTTLED: Code = Code("E304");
/// The peer answered that it has a problem of its own.
pub const PEER_FAILED: Code = Code("E305");
/// The peer refused this request for good.
pub const REFUSED: Code = Code("E306");
/// The peer sent us elsewhere.
pub const REDIRECT: Code = Code("E307");
/// An answer larger than allowed.
pub const TOO_LARGE: Code = Code("E308");
/// A compressed answer that expands more than allowed.
pub const BOMB: Code = Code("E309");
/// An answer that was cut short or damaged on its way.
pub const DAMAGED: Code = Code("E310");
/// An answer of another kind than expected: usually a login or error page.
pub const OTHER_CONTENT: Code = Code("E311");
/// A rule of `answers` says what this answer means.
pub const RULE: Code = Code("E312");
/// The circuit breaker is open.
pub const BREAKER: Code = Code("E313");
/// TLS could not be agreed with the peer.
pub const TLS: Code = Code("E314");
/// The certificate of the peer expires soon.
pub const EXPIRES: Code = Code("E315");
/// The token endpoint did not give a token.
pub const TOKEN: Code = Code("E317");
/// A link or redirect to a host that is not listed.
pub const OTHER_HOST: Code = Code("E318");
/// A certificate or key that cannot be used.
pub const CERTIFICATE: Code = Code("E319");
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
/// Our own certificate expires soon.
pub const OWN_EXPIRES: Code = Code("E290");
/// A certificate of an authority we trust expires soon.
pub const AUTHORITY_EXPIRES: Code = Code("E291");
