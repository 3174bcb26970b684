//! The error codes of this connector (`connectors/sdk/codes/` holds their pages).

use guichet_sdk::Code;

/// The broker cannot be reached.
pub const UNREACHABLE: Code = Code("E370");
/// The broker did not answer in time; the message names the time-out.
pub const TIMEOUT: Code = Code("E371");
/// The broker refused our credentials.
pub const UNAUTHORIZED: Code = Code("E372");
/// TLS could not be agreed with the broker.
pub const TLS: Code = Code("E373");
/// A certificate or key that cannot be used.
pub const CERTIFICATE: Code = Code("E374");
/// The broker lets us in, but not to this.
pub const FORBIDDEN: Code = Code("E375");
/// The queue (or exchange) is not there.
pub const ABSENT: Code = Code("E376");
/// The broker has another queue or exchange than the settings declare.
pub const TOPOLOGY: Code = Code("E377");
/// The connection or channel was lost.
pub const LOST: Code = Code("E378");
/// Somebody else consumes from the queue.
pub const IN_USE: Code = Code("E379");
/// A message larger than allowed.
pub const TOO_LARGE: Code = Code("E380");
/// A message that says it is of another kind than the flow reads.
pub const OTHER_CONTENT: Code = Code("E381");
/// A message packed in a way we cannot unpack, or damaged.
pub const PACKING: Code = Code("E382");
/// A message without a record.
pub const EMPTY: Code = Code("E383");
/// Messages that were delivered before.
pub const REDELIVERED: Code = Code("E384");
/// A receipt that is not ours.
pub const RECEIPT: Code = Code("E385");
/// The client failed in itself.
pub const CLIENT: Code = Code("E386");
