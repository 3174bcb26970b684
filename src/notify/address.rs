//! Where the hub may send: public addresses over TLS, and what the configuration lists. Every spelling of an address is
//! read by the one parser the connection is made with; a name is resolved, checked, and connected to at the checked
//! address, so that a second answer of the name server changes nothing. Refuses credentials in addresses and odd ports.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::config::Allowed;

/// Longest address of a receiver.
const LONGEST: usize = 2_048;

/// Which receivers there may be.
#[derive(Debug, Clone, Default)]
pub struct Guard {
    allowed: Vec<Allowed>,
}

/// Why an address is no receiver.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refused(pub String);

impl Guard {
    /// Public addresses, and these.
    pub fn new(allowed: Vec<Allowed>) -> Self {
        Guard { allowed }
    }

    /// Reads the address of a receiver; what a name resolves to is checked when it is connected to.
    pub fn read(&self, text: &str) -> Result<Url, Refused> {
        let refuse = |why: &str| Err(Refused(why.to_owned()));
        if text.len() > LONGEST {
            return refuse("the address is longer than 2048 characters");
        }
        let Ok(url) = Url::parse(text) else { return refuse("this is not an address such as `https://host/path`") };
        let tls = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return refuse("only `https` addresses are told"),
        };
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return refuse("the address holds a user, a password or a fragment; every event is signed instead");
        }
        let listed = self.check(&url)?;
        if !listed && !tls {
            return refuse(
                "only `https` addresses are told, unless the operator lists the host in `subscriptions.allow`",
            );
        }
        let port = url.port_or_known_default().unwrap_or(0);
        if !listed && port != 443 && port < 1024 {
            return refuse("this port is for other services: use 443, or one from 1024 on");
        }
        Ok(url)
    }

    /// Checks the host as written, before every request: resolvers are not asked about addresses. Whether it is listed.
    pub fn check(&self, url: &Url) -> Result<bool, Refused> {
        // The parser has already turned every spelling (`0x7f.1`, `2130706433`, `0177.0.0.1`) into the address it means.
        let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        match host.parse::<IpAddr>() {
            Ok(address) if self.listed(address) => Ok(true),
            Ok(address) if public(address) => Ok(false),
            Ok(address) => Err(private(&address.to_string())),
            Err(_) if host.is_empty() => Err(Refused("the address has no host".into())),
            Err(_) => Ok(self.names(host)),
        }
    }

    /// Of the addresses a name leads to, those that may be connected to.
    fn pick(&self, name: &str, found: impl Iterator<Item = SocketAddr>) -> Result<Vec<SocketAddr>, Refused> {
        let named = self.names(name);
        let may = |to: &SocketAddr| named || public(to.ip()) || self.listed(to.ip());
        let picked: Vec<_> = found.filter(may).collect();
        if picked.is_empty() { Err(private(name)) } else { Ok(picked) }
    }

    fn listed(&self, address: IpAddr) -> bool {
        self.allowed.iter().any(|allowed| allowed.holds(address.to_canonical()) || allowed.holds(address))
    }

    fn names(&self, host: &str) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        self.allowed.iter().any(|allowed| allowed.names(&host))
    }
}

fn private(host: &str) -> Refused {
    Refused(format!("`{host}` is not a public address; the operator may list it in `subscriptions.allow`"))
}

/// The name server, behind the guard.
impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let picked = guard.pick(name.as_str(), found)?;
            Ok(Box::new(picked.into_iter()) as Addrs)
        })
    }
}

/// Whether an address is one of the internet: unicast, and not set aside for anything else.
fn public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => public_v4(address),
        IpAddr::V6(address) => public_v6(address),
    }
}

fn public_v4(address: Ipv4Addr) -> bool {
    let set_aside: [(u32, u32); 15] = [
        (0x0000_0000, 8),  // this network
        (0x0a00_0000, 8),  // private
        (0x6440_0000, 10), // carriers
        (0x7f00_0000, 8),  // this host
        (0xa9fe_0000, 16), // link-local, and the metadata of clouds
        (0xac10_0000, 12), // private
        (0xc000_0000, 24), // protocols
        (0xc000_0200, 24), // documentation
        (0xc058_6300, 24), // 6to4 relays
        (0xc0a8_0000, 16), // private
        (0xc612_0000, 15), // benchmarks
        (0xc633_6400, 24), // documentation
        (0xcb00_7100, 24), // documentation
        (0xe000_0000, 4),  // multicast
        (0xf000_0000, 4),  // reserved, broadcast
    ];
    let bits = address.to_bits();
    !set_aside.iter().any(|(net, length)| (bits ^ net) >> (32 - length) == 0)
}

fn public_v6(address: Ipv6Addr) -> bool {
    let bits = address.to_bits();
    let within = |net: u128, length: u32| (bits ^ net) >> (128 - length) == 0;
    // Only 2000::/3 is unicast of the internet; the rest holds loopback, private, link-local, mapped and translated ones.
    within(0x2000 << 112, 3)
        && !within(0x2001 << 112, 23) // protocols, Teredo
        && !within(0x2001_0db8 << 96, 32) // documentation
        && !within(0x2002 << 112, 16) // 6to4: an IPv4 address in disguise
        && !within(0x3fff << 112, 20) // documentation
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_private_address_is_refused() {
        let guard = Guard::default();
        for url in [
            "https://127.0.0.1/",
            "https://127.1/",
            "https://2130706433/",
            "https://0x7f000001/",
            "https://0x7f.1/",
            "https://0177.0.0.1/",
            "https://017700000001/",
            "https://127.0.0.1./",
            "https://%31%32%37.0.0.1/",
            "https://１２７.0.0.1/",
            "https://127。0。0。1/",
            "https://0/",
            "https://0.0.0.0/",
            "https://10.0.0.1/",
            "https://172.16.0.1/",
            "https://172.31.255.255/",
            "https://192.168.1.1/",
            "https://169.254.169.254/latest/meta-data",
            "https://100.64.0.1/",
            "https://192.0.0.1/",
            "https://198.18.0.1/",
            "https://224.0.0.1/",
            "https://255.255.255.255/",
            "https://[::1]/",
            "https://[::]/",
            "https://[0:0:0:0:0:0:0:1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://[::ffff:7f00:1]/",
            "https://[::127.0.0.1]/",
            "https://[64:ff9b::7f00:1]/",
            "https://[2002:7f00:1::]/",
            "https://[2001::1]/",
            "https://[fe80::1]/",
            "https://[fc00::1]/",
            "https://[fd12:3456::1]/",
            "https://[ff02::1]/",
        ] {
            assert!(guard.read(url).is_err(), "{url}");
        }
    }

    #[test]
    fn odd_schemes_ports_and_credentials_are_refused() {
        for url in [
            "http://hooks.example/",
            "ftp://hooks.example/",
            "file:///etc/passwd",
            "gopher://hooks.example/",
            "https://user@hooks.example/",
            "https://user:pass@hooks.example/",
            "https://hooks.example/#x",
            "https://hooks.example:22/",
            "https://hooks.example:0/",
            "hooks.example",
            "https://",
            "",
        ] {
            assert!(Guard::default().read(url).is_err(), "{url}");
        }
        for url in [
            "https://hooks.example/a?b=c",
            "https://hooks.example:8443/",
            "https://93.184.215.14/",
            "https://[2606:4700::1]/",
        ] {
            assert!(Guard::default().read(url).is_ok(), "{url}");
        }
    }

    #[test]
    fn a_name_is_connected_to_at_a_checked_address_only() {
        let found = |text: &[&str]| text.iter().map(|ip| SocketAddr::new(ip.parse().unwrap(), 0)).collect::<Vec<_>>();
        let picked = |guard: &Guard, name, ips: &[&str]| guard.pick(name, found(ips).into_iter());
        let guard = Guard::default();
        assert!(picked(&guard, "evil.example", &["127.0.0.1"]).is_err());
        assert!(picked(&guard, "evil.example", &["::ffff:10.0.0.1", "fd00::1"]).is_err());
        let both = picked(&guard, "evil.example", &["10.0.0.1", "93.184.215.14"]).unwrap();
        assert_eq!(both, found(&["93.184.215.14"]), "never the private one");
        let guard = Guard::new(["10.1.0.0/16", "intranet.example"].iter().filter_map(|a| Allowed::parse(a)).collect());
        assert!(
            picked(&guard, "a.example", &["10.1.2.3"]).is_ok() && picked(&guard, "a.example", &["10.2.0.1"]).is_err()
        );
        assert!(picked(&guard, "Intranet.example.", &["192.168.0.1"]).is_ok());
        assert!(picked(&guard, "x.intranet.example", &["192.168.0.1"]).is_err());
        assert!(guard.read("http://10.1.2.3:80/").is_ok() && guard.read("http://10.2.2.3:8080/").is_err());
        assert!(guard.read("http://[::ffff:10.1.2.3]/").is_ok(), "the same host");
        assert!(guard.read("http://intranet.example/").is_ok());
    }
}
