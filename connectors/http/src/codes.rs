//! The error codes of talking over HTTP (`connectors/sdk/codes/` holds their pages).

use guichet_sdk::Code;

/// The peer cannot be reached.
pub const UNREACHABLE: Code = Code("E300");
/// The peer did not answer in time; the message names the time-out.
pub const TIMEOUT: Code = Code("E301");
/// The peer refused our credentials.
pub const UNAUTHORIZED: Code = Code("E302");
/// Credentials refused three times: not tried again.
pub const STOPPED: Code = Code("E303");
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
