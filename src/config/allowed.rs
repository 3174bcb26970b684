//! Receivers on private networks that the operator allows: names and networks.

use std::net::IpAddr;

/// A receiver that may be on a private network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Allowed {
    /// A name, wherever it leads.
    Name(String),
    /// A network: every address that agrees in the first bits.
    Network(IpAddr, u8),
}

impl Allowed {
    /// Reads `hooks.intranet.example`, `10.1.2.3` or `10.1.0.0/16`.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        if let Ok(address) = address.parse::<IpAddr>() {
            let most = if address.is_ipv4() { 32 } else { 128 };
            let bits = bits.map_or(Some(most), |bits| bits.parse().ok().filter(|bits| *bits <= most))?;
            return Some(Allowed::Network(address, bits));
        }
        let label = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        let name = bits.is_none() && text.len() < 254 && text.split('.').all(label);
        name.then(|| Allowed::Name(text.to_ascii_lowercase()))
    }

    /// Whether an address lies in the network.
    pub fn holds(&self, address: IpAddr) -> bool {
        match (self, address) {
            (Allowed::Network(IpAddr::V4(net), bits), IpAddr::V4(one)) => {
                same(u128::from(net.to_bits()) << 96, u128::from(one.to_bits()) << 96, *bits)
            }
            (Allowed::Network(IpAddr::V6(net), bits), IpAddr::V6(one)) => same(net.to_bits(), one.to_bits(), *bits),
            (Allowed::Network(IpAddr::V4(_), _), IpAddr::V6(_))
            | (Allowed::Network(IpAddr::V6(_), _), IpAddr::V4(_))
            | (Allowed::Name(_), _) => false,
        }
    }

    /// Whether this is the name (in lower case).
    pub fn names(&self, host: &str) -> bool {
        match self {
            Allowed::Name(name) => name == host,
            Allowed::Network(..) => false,
        }
    }
}

fn same(one: u128, other: u128, bits: u8) -> bool {
    (one ^ other).leading_zeros() >= u32::from(bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_allowed_is_a_name_or_a_network() {
        for text in ["10.0.0.0/8", "10.1.2.3", "fd00::/8", "hooks.intranet.example", "hook"] {
            assert!(Allowed::parse(text).is_some(), "{text}");
        }
        for text in ["10.0.0.0/33", "fd00::/129", "a/8", "*.example", "http://x", "", "a..b", "10.0.0.0/x"] {
            assert!(Allowed::parse(text).is_none(), "{text}");
        }
    }
}
