//! The line to the hub: its own API, over HTTP where a hub runs (`--url`, `--key`), else in this process over the store.
//! One way to ask, so that both give the same answers.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{Method, Request};
use clap::Args;
use guichet_sdk::{Code, Issue, Secret};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tower::ServiceExt;

use super::failure::Failure;
use super::project::HubArgs;
use super::screen::Screen;
use crate::api;
use crate::config::{Client, Scopes};
use crate::flow::Flows;
use crate::model::Audience;

/// Bytes of an answer read at most.
const ANSWER_BYTES: usize = 64 << 20;
/// Longest wait for a hub that runs.
const WAIT: std::time::Duration = std::time::Duration::from_secs(60);
/// The store is used by another process (`store::sqlite`).
const LOCKED: &str = "E234";

/// Which hub a command asks.
#[derive(Debug, Args)]
pub struct LineArgs {
    #[command(flatten)]
    hub: HubArgs,
    /// Ask the hub that runs at this address, instead of the store
    #[arg(long, value_name = "ADDR", env = "GUICHET_URL", requires = "key")]
    url: Option<String>,
    /// Key of an API client with the scope `ops`
    #[arg(long, env = "GUICHET_KEY", hide_env_values = true)]
    key: Option<String>,
}

/// The line.
pub enum Line {
    /// A hub that runs.
    Remote { http: reqwest::Client, url: String, key: Secret },
    /// The store, in this process.
    Local { routes: axum::Router, key: Secret },
}

impl LineArgs {
    /// Opens the line.
    pub async fn open(&self, screen: Screen) -> Result<Line, Failure> {
        if let (Some(url), Some(key)) = (&self.url, &self.key) {
            let url = if url.contains("://") { url.clone() } else { format!("http://{url}") };
            let http = reqwest::Client::builder().timeout(WAIT).build().map_err(unreachable)?;
            return Ok(Line::Remote { http, url: url.trim_end_matches('/').to_owned(), key: Secret::new(key) });
        }
        let hub =
            self.hub.open(screen).map_err(|failure| while_serving(failure, "or ask it with `--url ADDR --key KEY`"))?;
        let flows = Flows::at_rest(hub.routes().await?, hub.store.clone(), hub.board.clone());
        // A key of this moment, known to nobody else: the routes are not reachable from outside this process.
        let key = uuid::Uuid::now_v7().to_string();
        let scopes = Scopes {
            services: None,
            confidentiality: u8::MAX,
            audience: Audience::Ops,
            commands: BTreeMap::new(),
            ops: true,
            push: vec![],
        };
        let operator = Client { name: "command line".into(), key: Sha256::digest(&key).into(), scopes };
        let api = hub.api(vec![operator], Arc::new(flows), hub.news().await?, Arc::new(String::new));
        Ok(Line::Local { routes: api::routes(api), key: Secret::new(&key) })
    }
}

impl Line {
    /// Asks.
    pub async fn get(&self, path: &str) -> Result<Value, Failure> {
        self.ask(Method::GET, path, None).await
    }

    /// Asks for something to be done.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.ask(Method::POST, path, Some(body)).await
    }

    async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, Failure> {
        let body = body.map(Value::to_string).unwrap_or_default();
        let (status, bytes) = match self {
            Line::Remote { http, url, key } => {
                let asked = http.request(method, format!("{url}{path}")).bearer_auth(key.expose());
                let answer = asked.header(CONTENT_TYPE, "application/json").body(body).send().await;
                let answer = answer.map_err(unreachable)?;
                (answer.status(), answer.bytes().await.map_err(unreachable)?)
            }
            Line::Local { routes, key } => {
                let asked = Request::builder()
                    .method(method)
                    .uri(path)
                    .header(AUTHORIZATION, format!("Bearer {}", key.expose()))
                    .header(CONTENT_TYPE, "application/json")
                    .body(Body::from(body))
                    .map_err(|error| refused(&error.to_string(), None))?;
                let Ok(answer) = routes.clone().oneshot(asked).await;
                let (parts, body) = answer.into_parts();
                let bytes = axum::body::to_bytes(body, ANSWER_BYTES).await;
                (parts.status, bytes.map_err(|error| refused(&error.to_string(), None))?)
            }
        };
        let value: Value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        if status.is_success() {
            return Ok(value);
        }
        let said = |name: &str| value[name].as_str().map(str::to_owned);
        let what = said("detail").or(said("title")).unwrap_or_else(|| format!("the hub answered {status}"));
        Err(refused(&what, said("hint").as_deref()))
    }
}

/// A store that another process works on is told with what to do about it.
pub fn while_serving(failure: Failure, instead: &str) -> Failure {
    match failure {
        Failure::Environment(mut issue) if issue.code.0 == LOCKED => {
            issue.hint = Some(format!("a hub runs on this store: stop it, {instead}"));
            Failure::Environment(issue)
        }
        other => other,
    }
}

fn refused(what: &str, hint: Option<&str>) -> Failure {
    let issue = Issue::error(Code("E256"), what);
    Failure::Runtime(match hint {
        Some(hint) => issue.hint(hint),
        None => issue,
    })
}

fn unreachable(error: reqwest::Error) -> Failure {
    let error = error.without_url();
    let issue = Issue::error(Code("E257"), format!("the hub cannot be asked: {error}"));
    Failure::Environment(issue.hint("is it running there? `--url` is its address, as `http://127.0.0.1:8080`"))
}

/// One more parameter of a query, escaped.
pub fn parameter(query: &mut String, name: &str, value: Option<&str>) {
    let Some(value) = value else { return };
    query.push(if query.is_empty() { '?' } else { '&' });
    query.push_str(name);
    query.push('=');
    for byte in value.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => query.push(char::from(byte)),
            _ => query.push_str(&format!("%{byte:02X}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_escaped() {
        let mut query = String::new();
        parameter(&mut query, "q", Some("a b&c=é"));
        parameter(&mut query, "none", None);
        parameter(&mut query, "limit", Some("5"));
        assert_eq!(query, "?q=a%20b%26c%3D%C3%A9&limit=5");
    }
}
