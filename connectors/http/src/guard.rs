//! Where requests may go: the host of the settings, and those listed. Links and redirects found in answers lead nowhere
//! else, whatever they resolve to, so that a peer cannot make the hub ask its neighbours. Pure.

use guichet_sdk::{Fault, FaultKind, Retry};
use reqwest::Url;

use crate::codes;

/// The origins that may be asked.
#[derive(Debug, Clone)]
pub(crate) struct Guard {
    home: Url,
    hosts: Vec<String>,
}

impl Guard {
    pub(crate) fn new(home: Url, hosts: &[String]) -> Self {
        Guard { home, hosts: hosts.iter().map(|host| host.to_ascii_lowercase()).collect() }
    }

    /// Whether a link found in an answer may be followed. The scheme must be that of home: never down to plain text.
    pub(crate) fn allows(&self, url: &Url) -> bool {
        if !url.username().is_empty() || url.password().is_some() || url.scheme() != self.home.scheme() {
            return false;
        }
        let Some(host) = url.host_str() else { return false };
        let home =
            url.host_str() == self.home.host_str() && url.port_or_known_default() == self.home.port_or_known_default();
        let written = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        home || self.hosts.contains(&written.to_ascii_lowercase())
    }

    /// The fault of a link that is not followed; names its host, never its path.
    pub(crate) fn check(&self, url: &Url) -> Result<(), Fault> {
        if self.allows(url) {
            return Ok(());
        }
        let host = url.host_str().unwrap_or("no host");
        let message = format!("a link leads to `{}://{host}`, which is not the host of this source", url.scheme());
        let mut fault = Fault::new(FaultKind::Refused, codes::OTHER_HOST, message).retry(Retry::Never);
        fault.issue.hint =
            Some(format!("write `hosts = [\"{host}\"]` if this host may be asked, with our credentials"));
        Err(fault)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_home_and_listed_hosts_by_the_same_scheme() {
        let guard =
            Guard::new(Url::parse("https://api.example/x").unwrap(), &["Files.example".into(), "10.0.0.1:8443".into()]);
        for (link, allowed) in [
            ("https://api.example/y?page=2", true),
            ("https://API.example:443/y", true),
            ("https://files.example/a", true),
            ("https://10.0.0.1:8443/", true),
            ("https://10.0.0.1/", false),
            ("http://api.example/y", false),
            ("https://api.example:8443/y", false),
            ("https://api.example.evil.example/", false),
            ("https://api.example@evil.example/", false),
            ("https://user@api.example/", false),
            ("https://169.254.169.254/latest/meta-data", false),
            ("https://[::1]/", false),
            ("file:///etc/passwd", false),
            ("data:text/plain,x", false),
        ] {
            assert_eq!(guard.allows(&Url::parse(link).unwrap()), allowed, "{link}");
        }
    }
}
