//! Time and chance, for the rim only: the pure core takes both as arguments.

use std::hash::{BuildHasher, RandomState};

/// Now, microseconds since 1970.
pub fn now() -> i64 {
    jiff::Timestamp::now().as_microsecond()
}

/// A number from 0 to 1. Jitter needs no better source than the keys the standard library gives its hash maps.
pub fn chance() -> f64 {
    RandomState::new().hash_one(0u8) as f64 / u64::MAX as f64
}
