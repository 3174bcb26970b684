//! Builds the one reqwest client of a source: certificates, time-outs, proxies and redirects as the settings say.

use std::path::{Path, PathBuf};

use guichet_sdk::{CertificateOf, Fault, FaultKind, Place};
use jiff::Timestamp;
use reqwest::redirect::Policy;
use reqwest::{Certificate, ClientBuilder, Identity, Proxy};

use crate::codes;
use crate::credentials::environment;
use crate::expiry::Certificates;
use crate::guard::Guard;
use crate::settings::{ENVIRONMENT, Settings, Tls};

/// What we call ourselves.
const USER_AGENT: &str = concat!("guichet/", env!("CARGO_PKG_VERSION"));

/// A client; files of certificates are read against `base`.
pub(crate) fn build(
    settings: &Settings,
    guard: &Guard,
    base: &Path,
    plain: bool,
    seen: &Certificates,
) -> Result<reqwest::Client, Fault> {
    // the first one wins; a second call only says that there is one already
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = reqwest::Client::builder()
        .user_agent(USER_AGENT)
        .connect_timeout(settings.timeouts.connect.0)
        // bodies are unpacked by us, within bounds
        .gzip(false)
        .tls_info(true)
        .redirect(redirects(settings.redirects, guard.clone()));
    builder = match settings.proxy.as_deref() {
        Some(ENVIRONMENT) => builder,
        Some(proxy) => builder.no_proxy().proxy(Proxy::all(proxy).map_err(|error| unusable("proxy", &error))?),
        None => builder.no_proxy(),
    };
    builder = certificates(builder, &settings.tls, base, plain, seen)?;
    builder.build().map_err(|error| unusable("tls", &error))
}

fn certificates(
    mut builder: ClientBuilder,
    tls: &Tls,
    base: &Path,
    plain: bool,
    seen: &Certificates,
) -> Result<ClientBuilder, Fault> {
    let now = Timestamp::now();
    match &tls.ca {
        Some(ca) => {
            let pem = file(base, ca)?;
            let bundle = Certificate::from_pem_bundle(&pem).map_err(|error| unusable("tls.ca", &error))?;
            seen.read(CertificateOf::Authority, &pem, now);
            builder = builder.tls_certs_only(bundle);
        }
        // a machine without certificates of authorities can still speak to a peer without TLS
        None if plain => builder = builder.tls_certs_only([]),
        None => {}
    }
    if let (Some(certificate), Some(key)) = (&tls.certificate, &tls.key) {
        let mut pem = file(base, certificate)?;
        seen.read(CertificateOf::Own, &pem, now);
        pem.push(b'\n');
        pem.extend_from_slice(key.read(base).map_err(environment)?.expose().as_bytes());
        builder = builder.identity(Identity::from_pem(&pem).map_err(|error| unusable("tls.certificate", &error))?);
    }
    Ok(builder)
}

fn redirects(most: usize, guard: Guard) -> Policy {
    if most == 0 {
        return Policy::none();
    }
    Policy::custom(move |attempt| {
        // stopping gives the redirect itself as the answer, and its status says what happened
        if attempt.previous().len() <= most && guard.allows(attempt.url()) { attempt.follow() } else { attempt.stop() }
    })
}

fn file(base: &Path, path: &PathBuf) -> Result<Vec<u8>, Fault> {
    std::fs::read(base.join(path)).map_err(|error| {
        let message = format!("the certificate file cannot be read: {}", error.kind());
        let mut fault = Fault::new(FaultKind::Environment, codes::CERTIFICATE, message);
        fault.issue.place = Place::file(path.display().to_string());
        fault
    })
}

fn unusable(key: &str, error: &reqwest::Error) -> Fault {
    let why = std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
    let mut fault = Fault::new(FaultKind::Environment, codes::CERTIFICATE, format!("`{key}` cannot be used: {why}"));
    fault.issue.place = Place::default().path(key);
    fault
}
