//! The catalogue of services: what a service declares public needs no key.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::assemble::answer;
use super::auth::{Anyone, Caller};
use super::problem::{Kind, Problem, ProblemBody};
use super::state::Desk;
use crate::model::{Outcome, Phase, Service, Texts, Verb, WaitingOn, Wording};

/// The catalogue.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Services)]
pub struct ServicesAnswer<'a> {
    /// By code.
    pub services: Vec<ServiceLine<'a>>,
}

/// A service in the list.
#[derive(Debug, Serialize, ToSchema)]
pub struct ServiceLine<'a> {
    /// Code.
    pub code: &'a str,
    /// Version of its rules.
    pub version: &'a str,
    /// Title per language.
    #[schema(value_type = BTreeMap<String, String>)]
    pub title: &'a Texts,
    /// Domain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<&'a str>,
}

/// A service.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Service)]
pub struct ServiceAnswer<'a> {
    /// What the list says.
    #[serde(flatten)]
    pub line: ServiceLine<'a>,
    /// Description per language.
    #[schema(value_type = BTreeMap<String, String>)]
    pub description: &'a Texts,
    /// Competent authority.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authority: Option<&'a str>,
    /// Responsible unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<&'a str>,
    /// Contact of the unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact: Option<&'a str>,
    /// Legal basis.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub legal_basis: Option<&'a str>,
    /// Steps in their usual order.
    pub steps: Vec<StepAnswer<'a>>,
    /// What the applicant reads, most specific key first.
    pub wording: Vec<WordingAnswer<'a>>,
    /// What can be asked of its back office: the JSON Schema of the payload, by verb.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = BTreeMap<String, serde_json::Value>)]
    pub commands: BTreeMap<Verb, &'a serde_json::Value>,
}

/// A step of the process.
#[derive(Debug, Serialize, ToSchema)]
pub struct StepAnswer<'a> {
    /// Code.
    pub code: &'a str,
    /// Title per language.
    #[schema(value_type = BTreeMap<String, String>)]
    pub title: &'a Texts,
    /// Canonical phase it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
}

/// What is read for a status; an absent condition matches anything. Wordings keyed on a source's own code are left out.
#[derive(Debug, Serialize, ToSchema)]
pub struct WordingAnswer<'a> {
    /// Phase.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// Who must act next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting_on: Option<WaitingOn>,
    /// Outcome.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// Text per language.
    #[schema(value_type = BTreeMap<String, String>)]
    pub text: &'a Texts,
}

/// The services of the catalogue
///
/// With a key those within its scope, without one those declared public.
#[utoipa::path(get, path = "/v1/services", operation_id = "list_services", tag = "services",
    responses((status = 200, body = ServicesAnswer<'static>)))]
pub async fn list(State(desk): State<Arc<Desk>>, Anyone(caller): Anyone) -> Result<Response, Problem> {
    let services = desk.api.catalogue.services.values();
    answer(&ServicesAnswer { services: services.filter(|s| visible(caller.as_deref(), s)).map(line).collect() })
}

/// One service
#[utoipa::path(get, path = "/v1/services/{code}", operation_id = "get_service", tag = "services", params(("code" = String, Path, description = "Code")),
    responses(
        (status = 200, body = ServiceAnswer<'static>),
        (status = 404, body = ProblemBody<'static>, content_type = "application/problem+json"),
    ))]
pub async fn show(
    State(desk): State<Arc<Desk>>,
    Anyone(caller): Anyone,
    Path(code): Path<String>,
) -> Result<Response, Problem> {
    let service = desk.api.catalogue.services.get(&code).filter(|service| visible(caller.as_deref(), service));
    let service = service.ok_or_else(|| {
        Problem::new(Kind::ServiceNotFound, "there is no such service within the scope of this key")
            .hint("`/v1/services` lists those there are")
    })?;
    answer(&ServiceAnswer {
        line: line(service),
        description: &service.description,
        authority: service.authority.as_deref(),
        unit: service.unit.as_deref(),
        contact: service.contact.as_deref(),
        legal_basis: service.legal_basis.as_deref(),
        steps: service.steps.iter().map(|s| StepAnswer { code: &s.code, title: &s.title, phase: s.phase }).collect(),
        wording: service.wording.iter().filter(|wording| wording.source_code.is_none()).map(said).collect(),
        commands: service.commands.iter().map(|(verb, rule)| (*verb, rule.schema.written())).collect(),
    })
}

fn visible(caller: Option<&Caller>, service: &Service) -> bool {
    service.public || caller.is_some_and(|caller| caller.sees_service(Some(&service.code)))
}

fn line(service: &Service) -> ServiceLine<'_> {
    let Service { code, version, title, domain, .. } = service;
    ServiceLine { code, version, title, domain: domain.as_deref() }
}

fn said(wording: &Wording) -> WordingAnswer<'_> {
    let Wording { phase, waiting_on, outcome, source_code: _, text } = wording;
    WordingAnswer { phase: *phase, waiting_on: *waiting_on, outcome: *outcome, text }
}
