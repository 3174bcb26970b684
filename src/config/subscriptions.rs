//! Checks `[subscriptions]`: who may be told of changes, how often it is tried.

use guichet_sdk::Secret;

use super::allowed::Allowed;
use super::checked::SubscriptionsConfig;
use super::checker::Checker;
use super::codes;
use super::secret::Secrets;
use super::written::SubscriptionsTable;

/// Fewest characters of a key.
const KEY: usize = 32;

/// Checks the bounds of subscriptions.
pub fn check(table: &SubscriptionsTable, secrets: &Secrets<'_>, to: &mut Checker<'_>) -> SubscriptionsConfig {
    if table.retries.is_empty() || table.retries.len() > 20 {
        let hint = "write the waits, as `retries = [\"5s\", \"1m\", \"5m\"]`, 20 at most";
        to.error(&["subscriptions", "retries"], codes::UNUSABLE, "`retries` names no wait, or too many", hint);
    }
    let retries = table
        .retries
        .iter()
        .enumerate()
        .map(|(at, wait)| to.lasting(*wait, ("10ms", "1d"), &["subscriptions", "retries", &at.to_string()]));
    SubscriptionsConfig {
        retries: retries.collect(),
        public_url: public_url(table, to),
        key: key(table, secrets, to),
        allow: table.allow.iter().enumerate().filter_map(|(at, text)| allowed(at, text, to)).collect(),
        concurrency: to.within(table.concurrency, 1..=64, &["subscriptions", "concurrency"]),
        timeout: to.lasting(table.timeout, ("100ms", "1m"), &["subscriptions", "timeout"]),
        budget: to.lasting(table.budget, ("1s", "30d"), &["subscriptions", "budget"]),
        most: to.within(table.most, 0..=10_000, &["subscriptions", "most"]),
    }
}

fn public_url(table: &SubscriptionsTable, to: &mut Checker<'_>) -> String {
    let Some(url) = &table.public_url else { return String::new() };
    let plain = url.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\' | b'?' | b'#'));
    if !plain || !(url.starts_with("https://") || url.starts_with("http://")) {
        let hint = "write it as `public_url = \"https://hub.example\"`";
        to.error(&["subscriptions", "public_url"], codes::UNUSABLE, format!("`{url}` is no address of a hub"), hint);
    }
    url.trim_end_matches('/').to_owned()
}

fn allowed(at: usize, text: &str, to: &mut Checker<'_>) -> Option<Allowed> {
    let allowed = Allowed::parse(text);
    if allowed.is_none() {
        let hint =
            "write a host name, an address or a network, as \"hooks.intranet.example\", \"10.1.2.3\", \"10.1.0.0/16\"";
        let message = format!("`{text}` names no receivers");
        to.error(&["subscriptions", "allow", &at.to_string()], codes::UNUSABLE, message, hint);
    }
    allowed
}

fn key(table: &SubscriptionsTable, secrets: &Secrets<'_>, to: &mut Checker<'_>) -> Option<Secret> {
    let path = ["subscriptions", "key"];
    match secrets.read(table.key.as_ref()?) {
        Ok((secret, warning)) => {
            to.report.extend(warning);
            if secret.expose().len() < KEY {
                let hint = "write the output of `openssl rand -base64 32` there";
                to.error(&path, codes::UNUSABLE, format!("the key has fewer than {KEY} characters"), hint);
            }
            Some(secret)
        }
        Err(issue) => {
            to.error(&path, issue.code, issue.message, issue.hint.unwrap_or_default());
            None
        }
    }
}
