//! Settings of the transport, shared by every connector that speaks HTTP: as written, and checked. Pure.
//!
//! A connector flattens [`Settings`] into its own table, so that an integrator sees one flat list of keys.

use std::path::PathBuf;
use std::time::Duration;

use guichet_sdk::settings::{Period, Size, unusable};
use guichet_sdk::{Issue, SecretRef};
use reqwest::Url;
use reqwest::header::HeaderName;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::judge::AnswerRule;

/// How a source is talked to over HTTP.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Settings {
    /// How we say who we are.
    pub auth: Auth,
    /// Certificates.
    pub tls: Tls,
    /// How long we wait.
    pub timeouts: Timeouts,
    /// Requests we allow ourselves, for all flows of the source together.
    #[schemars(with = "Option<Rate>")]
    pub rate: Option<Rate>,
    /// Requests under way at once, for all flows of the source together; 4 when not written.
    pub concurrency: usize,
    /// Repeating a request that failed for a passing reason, within one pull.
    pub retry: Retrying,
    /// When we leave a failing peer alone.
    pub breaker: Breaking,
    /// Largest answer, unpacked; 32 MiB when not written.
    pub max_body: Size,
    /// A compressed answer may expand to this many times its size (from 1 MiB on); 100 when not written.
    pub max_ratio: u64,
    /// What answers mean, first match first; before the built-in rules.
    pub answers: Vec<AnswerRule>,
    /// Further hosts (`host` or `host:port`) that links and redirects may lead to; credentials are sent there too.
    pub hosts: Vec<String>,
    /// Redirects followed, to the same host or those of `hosts`; none when not written.
    pub redirects: usize,
    /// An HTTP proxy (`http://proxy:3128`), or `environment` to obey `HTTPS_PROXY` and its like; none when not written.
    #[schemars(with = "Option<String>")]
    pub proxy: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            auth: Auth::None,
            tls: Tls::default(),
            timeouts: Timeouts::default(),
            rate: None,
            concurrency: 4,
            retry: Retrying::default(),
            breaker: Breaking::default(),
            max_body: Size(32 << 20),
            max_ratio: 100,
            answers: Vec::new(),
            hosts: Vec::new(),
            redirects: 0,
            proxy: None,
        }
    }
}

/// How we say who we are.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Auth {
    /// Not at all.
    None,
    /// `{ basic = { user = "hub", password = { file = "secrets/planning" } } }`
    Basic {
        /// Name of our account.
        user: String,
        /// Its password.
        password: SecretRef,
    },
    /// `{ bearer = { token = { env = "TOKEN" } } }`
    Bearer {
        /// The token.
        token: SecretRef,
    },
    /// `{ api_key = { header = "X-Api-Key", key = { env = "KEY" } } }`, or `query = "key"` instead of `header`.
    ApiKey {
        /// The header that carries it.
        header: Option<String>,
        /// The query parameter that carries it.
        query: Option<String>,
        /// The key.
        key: SecretRef,
    },
    /// OAuth 2 client credentials: `{ oauth2 = { token_url = "…", client_id = "hub", client_secret = { file = "…" } } }`
    Oauth2(Oauth2),
}

/// OAuth 2 client credentials.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Oauth2 {
    /// The token endpoint.
    pub token_url: String,
    /// Our client id.
    pub client_id: String,
    /// Our client secret.
    pub client_secret: SecretRef,
    /// The scopes asked for, separated by blanks.
    #[serde(default)]
    pub scope: Option<String>,
    /// The audience or resource asked for, where the peer wants one.
    #[serde(default)]
    pub audience: Option<String>,
    /// The secret travels in the body instead of a basic `Authorization` header.
    #[serde(default)]
    pub in_body: bool,
}

/// Certificates.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Tls {
    /// Certificates (PEM) of the authorities trusted instead of those of the system, relative to the project.
    pub ca: Option<PathBuf>,
    /// Our own certificate (PEM), for peers that want one.
    pub certificate: Option<PathBuf>,
    /// Its private key (PEM).
    pub key: Option<SecretRef>,
    /// Tell operators when the certificate of the peer expires within this time; 30d when not written.
    pub warn_before: Period,
}

impl Default for Tls {
    fn default() -> Self {
        Tls { ca: None, certificate: None, key: None, warn_before: Period(Duration::from_secs(30 * 86_400)) }
    }
}

/// How long we wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Timeouts {
    /// For the connection to stand, TLS included; 5s when not written.
    pub connect: Period,
    /// For the next bytes of an answer; 30s when not written.
    pub read: Period,
    /// For a request and its answer, from beginning to end; 2m when not written.
    pub total: Period,
}

impl Default for Timeouts {
    fn default() -> Self {
        let seconds = |seconds| Period(Duration::from_secs(seconds));
        Timeouts { connect: seconds(5), read: seconds(30), total: seconds(120) }
    }
}

/// So many requests per period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// Requests.
    pub requests: u32,
    /// Per this period.
    pub per: Period,
}

/// Repeating a request within one pull.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Retrying {
    /// Repetitions of one request, 2 when not written; 0 leaves it to the back-off of the flow.
    pub times: u32,
    /// Longest wait before the first repetition, 200ms when not written; doubled for each further one. Waits are random
    /// below it.
    pub first: Period,
    /// Longest wait, 10s when not written. A peer that asks for more is left to the back-off of the flow.
    pub longest: Period,
}

impl Default for Retrying {
    fn default() -> Self {
        Retrying { times: 2, first: Period(Duration::from_millis(200)), longest: Period(Duration::from_secs(10)) }
    }
}

/// When we leave a failing peer alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Breaking {
    /// Failures in a row, repetitions included, that open the breaker; 5 when not written.
    pub failures: u32,
    /// How long it stays open before one probe is let through; 30s when not written.
    pub wait: Period,
}

impl Default for Breaking {
    fn default() -> Self {
        Breaking { failures: 5, wait: Period(Duration::from_secs(30)) }
    }
}

impl Settings {
    /// Every problem that can be seen without touching the world.
    pub fn issues(&self) -> Vec<Issue> {
        let mut issues = Vec::new();
        issues.extend(self.auth_issue());
        issues.extend(self.tls_issue());
        let Timeouts { connect, read, total } = self.timeouts;
        if connect.0.is_zero() || read.0.is_zero() || total.0.is_zero() {
            issues.push(
                unusable("timeouts", "a time-out is 0: every request would fail").hint("leave it out for the default"),
            );
        } else if connect > total || read > total {
            issues.push(
                unusable("timeouts", "`connect` or `read` is longer than `total` and would never strike")
                    .hint("write a longer `total`"),
            );
        }
        if self.rate.is_some_and(|rate| rate.requests == 0 || rate.per.0.is_zero()) {
            issues.push(
                unusable("rate", "`rate` lets no request through")
                    .hint("write `rate = { requests = 10, per = \"1s\" }`"),
            );
        }
        if !(1..=64).contains(&self.concurrency) {
            issues
                .push(unusable("concurrency", "`concurrency` is not between 1 and 64").hint("write `concurrency = 4`"));
        }
        if self.retry.times > 10 {
            issues.push(
                unusable("retry", "`times` is more than 10").hint("leave long waits to the back-off of the flow"),
            );
        }
        if self.breaker.failures == 0 || self.breaker.wait.0.is_zero() {
            issues.push(
                unusable("breaker", "`failures` or `wait` is 0")
                    .hint("write `breaker = { failures = 5, wait = \"30s\" }`"),
            );
        }
        if self.max_body.0 == 0 || self.max_ratio == 0 {
            let key = if self.max_body.0 == 0 { "max_body" } else { "max_ratio" };
            issues.push(
                unusable(key, format!("`{key}` is 0: no answer could be read")).hint("leave it out for the default"),
            );
        }
        for (position, rule) in self.answers.iter().enumerate() {
            issues.extend(rule.issue(&format!("answers[{position}]")));
        }
        for host in &self.hosts {
            let usable =
                Url::parse(&format!("http://{host}/")).is_ok_and(|url| url.path() == "/" && url.username().is_empty());
            if host.is_empty() || !usable {
                issues.push(
                    unusable("hosts", format!("`{host}` is not a host"))
                        .hint("write `hosts = [\"files.example.org\"]`"),
                );
            }
        }
        if self.redirects > 10 {
            issues.push(
                unusable("redirects", "`redirects` is more than 10").hint("write the address they end at instead"),
            );
        }
        if let Some(proxy) = self.proxy.as_deref().filter(|proxy| *proxy != ENVIRONMENT) {
            issues.extend(address("proxy", proxy).err());
        }
        issues
    }

    fn auth_issue(&self) -> Option<Issue> {
        let name = |name: &str| name.parse::<HeaderName>().is_ok();
        match &self.auth {
            Auth::None | Auth::Bearer { .. } => None,
            Auth::Basic { user, .. } if user.contains(':') => {
                Some(unusable("auth", "`user` holds a `:`, which basic authentication cannot carry"))
            }
            Auth::Basic { .. } => None,
            Auth::ApiKey { header: Some(header), query: None, .. } if name(header) => None,
            Auth::ApiKey { header: None, query: Some(query), .. } if !query.is_empty() => None,
            Auth::ApiKey { .. } => Some(
                unusable("auth", "an API key travels in one header or one query parameter")
                    .hint("write `header = \"X-Api-Key\"` or `query = \"key\"`, not both"),
            ),
            Auth::Oauth2(oauth) => address("auth", &oauth.token_url).err(),
        }
    }

    fn tls_issue(&self) -> Option<Issue> {
        (self.tls.certificate.is_some() != self.tls.key.is_some()).then(|| {
            unusable("tls", "a client certificate needs both `certificate` and `key`")
                .hint("write `tls = { certificate = \"hub.pem\", key = { file = \"secrets/hub.key\" } }`")
        })
    }
}

/// The word that lets proxy variables of the environment count.
pub(crate) const ENVIRONMENT: &str = "environment";

/// Reads an address: absolute, `http` or `https`, without credentials and without a fragment.
pub fn address(key: &str, text: &str) -> Result<Url, Issue> {
    let hint = "write an absolute address, as `https://planning.example.org/api`";
    let url =
        Url::parse(text).map_err(|error| unusable(key, format!("`{key}` is not an address: {error}")).hint(hint))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return Err(unusable(key, format!("`{key}` is not an `http` or `https` address")).hint(hint));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(unusable(key, format!("`{key}` holds credentials")).hint("write them in `auth`, as a reference"));
    }
    if url.fragment().is_some() {
        return Err(unusable(key, format!("`{key}` holds a fragment (`#…`), which is never sent")).hint(hint));
    }
    Ok(url)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use guichet_sdk::settings::read;
    use serde_json::json;

    use super::*;

    fn paths(issues: &[Issue]) -> Vec<&str> {
        issues.iter().map(|issue| issue.place.path.as_deref().unwrap()).collect()
    }

    #[test]
    fn what_the_pages_show_is_read() {
        let settings: Settings = read(&json!({
            "auth": { "oauth2": { "token_url": "https://id.example.org/token", "client_id": "hub", "client_secret": { "env": "S" } } },
            "tls": { "ca": "ca.pem", "certificate": "hub.pem", "key": { "file": "hub.key" } },
            "timeouts": { "read": "10s" },
            "rate": { "requests": 10, "per": "1s" },
            "answers": [{ "status": "200", "contains": "<form", "means": "unauthorized" }],
            "hosts": ["files.example.org", "10.0.0.1:8443"],
            "max_body": "64 MiB"
        }))
        .unwrap();
        assert_eq!(paths(&settings.issues()), [""; 0]);
        assert_eq!(settings.timeouts.total, Timeouts::default().total);
    }

    #[test]
    fn every_problem_at_once() {
        let settings: Settings = read(&json!({
            "auth": { "api_key": { "key": { "env": "K" } } },
            "tls": { "certificate": "hub.pem" },
            "timeouts": { "read": "10m" },
            "rate": { "requests": 0, "per": "1s" },
            "concurrency": 0,
            "breaker": { "failures": 0 },
            "max_body": "0 B",
            "answers": [{ "means": "ok" }],
            "hosts": ["a/b"],
            "proxy": "proxy:3128"
        }))
        .unwrap();
        assert_eq!(
            paths(&settings.issues()),
            ["auth", "tls", "timeouts", "rate", "concurrency", "breaker", "max_body", "answers[0]", "hosts", "proxy"]
        );
    }

    #[test]
    fn addresses_carry_no_credentials() {
        assert!(address("base_url", "https://a.example/x?y=1").is_ok());
        for wrong in
            ["", "/x", "a.example", "ftp://a.example", "https://u:p@a.example/", "https://a.example/#x", "file:///etc"]
        {
            let issue = address("base_url", wrong).unwrap_err();
            assert!(!issue.to_string().contains("u:p"), "{issue}");
        }
    }
}
