//! The OpenAPI document, made from the code, and a page of our own that shows it.

use std::sync::LazyLock;

use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, Info, License, OpenApi, OpenApiBuilder, SecurityRequirement};

use super::assemble::written;
use super::router;

/// The page: one file, no network, readable without colour and without a mouse.
const PAGE: &str = include_str!("docs.html");
/// It runs its own script and asks nothing but the document.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; frame-ancestors 'none'";

static DOCUMENT: LazyLock<Vec<u8>> = LazyLock::new(|| serde_json::to_vec(&router::document()).unwrap_or_default());

/// What stands before the paths.
pub fn preamble() -> OpenApi {
    let mut licence = License::new("EUPL-1.2");
    licence.identifier = Some("EUPL-1.2".to_owned());
    let mut info = Info::new("Guichet", "1");
    info.description = Some(
        "One status API over every back office. Errors are RFC 9457 problems with a stable `code`; times are RFC 3339; \
         lists use opaque cursors; what lies outside the scope of a key answers like what does not exist."
            .to_owned(),
    );
    info.license = Some(licence);
    let key = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    OpenApiBuilder::new()
        .info(info)
        .components(Some(ComponentsBuilder::new().security_scheme("key", key).build()))
        .security(Some([SecurityRequirement::new("key", Vec::<String>::new())]))
        .build()
}

/// This document
#[utoipa::path(get, path = "/openapi.json", tag = "health", security(()),
    responses((status = 200, body = serde_json::Value)))]
pub async fn json() -> Response {
    written(DOCUMENT.clone())
}

/// This document as a page
#[utoipa::path(get, path = "/docs", tag = "health", security(()),
    responses((status = 200, body = String, content_type = "text/html")))]
pub async fn page() -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/html; charset=utf-8"), (CONTENT_SECURITY_POLICY, PAGE_POLICY)], PAGE)
}
