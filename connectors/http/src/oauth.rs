//! OAuth 2 client credentials: a token is asked for when needed, kept until shortly before it expires, and asked for
//! again once when the peer refuses it early.

use std::time::Duration;

use guichet_sdk::{Fault, FaultKind, Retry, Secret};
use reqwest::{StatusCode, Url};
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::body::{Body, Bounds};
use crate::codes;
use crate::settings::Oauth2;

/// A token answer is small.
const BOUNDS: Bounds = Bounds { bytes: 64 << 10, ratio: 100 };
/// Lifetime of tokens whose answer gives none.
const UNSTATED: u64 = 300;
/// A token is not used in its last seconds: it could expire on its way.
const MARGIN: Duration = Duration::from_secs(30);

/// The tokens of one client.
pub(crate) struct Tokens {
    settings: Oauth2,
    endpoint: Url,
    secret: Secret,
    held: Mutex<Option<Token>>,
}

#[derive(Clone)]
pub(crate) struct Token {
    pub(crate) value: Secret,
    until: Instant,
    /// Which token this is: a refused one is replaced once, however many requests it was refused for.
    pub(crate) number: u64,
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    #[serde(default)]
    token_type: Option<String>,
    #[serde(default)]
    expires_in: Option<serde_json::Value>,
}

impl Tokens {
    pub(crate) fn new(settings: Oauth2, endpoint: Url, secret: Secret) -> Self {
        Tokens { settings, endpoint, secret, held: Mutex::default() }
    }

    /// A token that is good, or better than the one refused.
    pub(crate) async fn get(&self, http: &reqwest::Client, refused: Option<u64>) -> Result<Token, Fault> {
        // held over the request: one request asks for the token, the others wait for it
        let mut held = self.held.lock().await;
        let good = |token: &&Token| refused != Some(token.number) && Instant::now() < token.until;
        if let Some(token) = held.as_ref().filter(good) {
            return Ok(token.clone());
        }
        let number = held.as_ref().map_or(0, |token| token.number) + 1;
        let token = self.ask(http, number).await?;
        *held = Some(token.clone());
        Ok(token)
    }

    async fn ask(&self, http: &reqwest::Client, number: u64) -> Result<Token, Fault> {
        let Oauth2 { client_id, scope, audience, in_body, .. } = &self.settings;
        let mut form = vec![("grant_type", "client_credentials")];
        form.extend(scope.as_deref().map(|scope| ("scope", scope)));
        form.extend(audience.as_deref().map(|audience| ("audience", audience)));
        let mut request = http.post(self.endpoint.clone());
        if *in_body {
            form.extend([("client_id", client_id.as_str()), ("client_secret", self.secret.expose())]);
        } else {
            request = request.basic_auth(client_id, Some(self.secret.expose()));
        }
        let asked = Instant::now();
        let mut response = request.form(&form).send().await.map_err(|error| unreachable(&error))?;
        let status = response.status();
        let mut body = Body::new("", BOUNDS)?;
        while let Some(chunk) = response.chunk().await.map_err(|error| unreachable(&error))? {
            body.push(&chunk)?;
        }
        read(status, &body.end()?, asked, number)
    }
}

/// Reads a token answer. Never shows what it holds.
fn read(status: StatusCode, body: &[u8], asked: Instant, number: u64) -> Result<Token, Fault> {
    let fault = |kind, what: &str, retry| {
        let message = format!("the token endpoint answered HTTP {}: {what}", status.as_u16());
        Err(Fault::new(kind, codes::TOKEN, message).retry(retry))
    };
    if matches!(status, StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
        return fault(FaultKind::Unauthorized, "our client is refused", Retry::After(None));
    }
    if !status.is_success() {
        return fault(FaultKind::Unreachable, "it gives no token", Retry::After(None));
    }
    let Ok(granted) = serde_json::from_slice::<Granted>(body) else {
        return fault(FaultKind::Protocol, "this is no token answer", Retry::After(None));
    };
    if granted.token_type.is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
        return fault(FaultKind::Protocol, "its tokens are not bearer tokens", Retry::Never);
    }
    let seconds = granted.expires_in.and_then(|seconds| seconds.as_u64().or_else(|| seconds.as_str()?.parse().ok()));
    let life = Duration::from_secs(seconds.unwrap_or(UNSTATED).min(86_400));
    let until = asked + life.saturating_sub(MARGIN.min(life / 2));
    Ok(Token { value: Secret::new(&granted.access_token), until, number })
}

fn unreachable(error: &reqwest::Error) -> Fault {
    // the one time-out of reqwest we set; the others are the request's own, around this one
    let what = if error.is_timeout() { "did not answer within `timeouts.connect`" } else { "cannot be reached" };
    Fault::new(FaultKind::Unreachable, codes::TOKEN, format!("the token endpoint {what}"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn token_answers() {
        let now = Instant::now();
        let kind = |status: u16, body: &str| {
            read(StatusCode::from_u16(status).unwrap(), body.as_bytes(), now, 1).map_err(|fault| fault.kind)
        };
        let token = kind(200, r#"{"access_token":"abc","token_type":"Bearer","expires_in":3600}"#).unwrap();
        assert_eq!((token.value.expose(), token.until - now), ("abc", Duration::from_secs(3_570)));
        assert_eq!(
            kind(200, r#"{"access_token":"abc","expires_in":"20"}"#).unwrap().until - now,
            Duration::from_secs(10)
        );
        assert_eq!(kind(200, r#"{"access_token":"abc"}"#).unwrap().until - now, Duration::from_secs(270));
        for (status, body, expected) in [
            (400, r#"{"error":"invalid_client"}"#, FaultKind::Unauthorized),
            (401, "", FaultKind::Unauthorized),
            (503, "", FaultKind::Unreachable),
            (200, "<html>", FaultKind::Protocol),
            (200, r#"{"access_token":"abc","token_type":"mac"}"#, FaultKind::Protocol),
        ] {
            assert!(kind(status, body).is_err_and(|kind| kind == expected), "{status} {body}");
        }
    }
}
