//! The OpenAPI document, made from the code, and a page of our own that shows it.

use std::sync::LazyLock;

use axum::http::StatusCode;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::IntoResponse;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, Info, License, OpenApi, OpenApiBuilder, Ref, RefOr, Response, ResponseBuilder,
    SecurityRequirement,
};

use super::assemble::written;
use super::router;

/// The page: one file, no network, readable without colour and without a mouse.
const PAGE: &str = include_str!("docs.html");
/// It runs its own script and asks nothing but the document.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; frame-ancestors 'none'";

/// The groups of operations, in the order in which the page shows them.
const TAGS: &[(&str, &str)] = &[
    ("cases", "Where cases stand, and how they came there"),
    ("commands", "What is asked of the back offices, and what became of it"),
    ("changes", "What changed, as pages and as a stream"),
    ("subscriptions", "Being told of changes: signed webhooks"),
    ("services", "The catalogue of public services"),
    ("sources", "How far the back offices can be relied upon now"),
    ("inbound", "For back offices that push their records"),
    ("ops", "For those who run the hub"),
    ("health", "The process itself, and this document"),
];

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
    let tags = TAGS.iter().map(|(name, about)| TagBuilder::new().name(*name).description(Some(*about)).build());
    let key = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    let basic = SecurityScheme::Http(Http::new(HttpAuthScheme::Basic));
    OpenApiBuilder::new()
        .info(info)
        .components(Some(ComponentsBuilder::new().security_scheme("key", key).security_scheme("basic", basic).build()))
        .tags(Some(tags))
        .security(Some([SecurityRequirement::new("key", Vec::<String>::new())]))
        .build()
}

/// Completes the document: every response says what it is, and every operation may be refused with a problem.
pub fn complete(mut api: OpenApi) -> OpenApi {
    for operation in api
        .paths
        .paths
        .values_mut()
        .flat_map(|item| [item.get.as_mut(), item.post.as_mut(), item.delete.as_mut()])
        .flatten()
    {
        let responses = &mut operation.responses.responses;
        for (status, response) in responses.iter_mut() {
            let RefOr::T(response) = response else { continue };
            if response.description.is_empty() {
                let status = StatusCode::from_bytes(status.as_bytes()).ok();
                response.description = status.and_then(|status| status.canonical_reason()).unwrap_or("Answer").into();
            }
        }
        responses.insert("default".into(), RefOr::T(refusal()));
    }
    api
}

fn refusal() -> Response {
    let problem = RefOr::Ref(Ref::from_schema_name("Problem"));
    let content = ContentBuilder::new().schema(Some(problem)).build();
    ResponseBuilder::new().description("A refusal").content("application/problem+json", content).build()
}

/// This document
#[utoipa::path(get, path = "/openapi.json", operation_id = "get_openapi", tag = "health", security(()),
    responses((status = 200, body = serde_json::Value)))]
pub async fn json() -> axum::response::Response {
    written(DOCUMENT.clone())
}

/// This document as a page
#[utoipa::path(get, path = "/docs", operation_id = "get_docs", tag = "health", security(()),
    responses((status = 200, body = String, content_type = "text/html")))]
pub async fn page() -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/html; charset=utf-8"), (CONTENT_SECURITY_POLICY, PAGE_POLICY)], PAGE)
}
