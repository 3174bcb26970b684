//! Credentials, put on a request at the last moment and seen nowhere else.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use guichet_sdk::{Digest, Fault, FaultKind, Issue, Secret, SecretRef};
use reqwest::Url;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};

use crate::codes;
use crate::oauth::{Token, Tokens};
use crate::settings::{Auth, address};

/// What is put on a request.
pub(crate) enum Credentials {
    None,
    Header(HeaderName, HeaderValue),
    Query(String, Secret),
    Tokens(Box<Tokens>),
}

impl Credentials {
    /// Reads the secrets. The digest tells whether they are the same as before, and nothing else.
    pub(crate) fn open(auth: &Auth, base: &Path) -> Result<(Self, Digest), Fault> {
        let read = |reference: &SecretRef| reference.read(base).map_err(environment);
        let of = |secret: &Secret| Digest::of(&[format!("{auth:?}").as_bytes(), secret.expose().as_bytes()]);
        Ok(match auth {
            Auth::None => (Credentials::None, Digest::of(&[])),
            Auth::Basic { user, password } => {
                let password = read(password)?;
                let pair = STANDARD.encode(format!("{user}:{}", password.expose()));
                (Credentials::Header(AUTHORIZATION, sensitive(&format!("Basic {pair}"))?), of(&password))
            }
            Auth::Bearer { token } => {
                let token = read(token)?;
                (Credentials::Header(AUTHORIZATION, sensitive(&format!("Bearer {}", token.expose()))?), of(&token))
            }
            Auth::ApiKey { header, query, key } => {
                let key = read(key)?;
                let digest = of(&key);
                let name = header.as_deref().and_then(|header| header.parse::<HeaderName>().ok());
                let carried = match name {
                    Some(name) => Credentials::Header(name, sensitive(key.expose())?),
                    None => Credentials::Query(query.clone().unwrap_or_default(), key),
                };
                (carried, digest)
            }
            Auth::Oauth2(oauth) => {
                let secret = read(&oauth.client_secret)?;
                let endpoint = address("auth", &oauth.token_url).map_err(environment)?;
                let digest = of(&secret);
                (Credentials::Tokens(Box::new(Tokens::new(oauth.clone(), endpoint, secret))), digest)
            }
        })
    }

    /// Puts them on a request; the token used, where there is one.
    pub(crate) async fn apply(
        &self,
        http: &reqwest::Client,
        refused: Option<u64>,
        url: &mut Url,
        headers: &mut HeaderMap,
    ) -> Result<Option<u64>, Fault> {
        match self {
            Credentials::None => Ok(None),
            Credentials::Header(name, value) => {
                headers.insert(name, value.clone());
                Ok(None)
            }
            Credentials::Query(name, key) => {
                url.query_pairs_mut().append_pair(name, key.expose());
                Ok(None)
            }
            Credentials::Tokens(tokens) => {
                let Token { value, number, .. } = tokens.get(http, refused).await?;
                headers.insert(AUTHORIZATION, sensitive(&format!("Bearer {}", value.expose()))?);
                Ok(Some(number))
            }
        }
    }
}

fn sensitive(text: &str) -> Result<HeaderValue, Fault> {
    let mut value = HeaderValue::from_str(text).map_err(|_| {
        let message = "the secret holds characters that no header can carry";
        Fault::new(FaultKind::Environment, SecretRef::ABSENT, message)
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// An issue of our own surroundings as a fault to try again: secrets and files are put there by people.
pub(crate) fn environment(issue: Issue) -> Fault {
    let mut fault = Fault::new(FaultKind::Environment, codes::CERTIFICATE, "");
    *fault.issue = issue;
    fault
}
