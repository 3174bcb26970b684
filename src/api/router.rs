//! Every route, with who may use it. A route missing here does not exist; a test compares what is declared here with
//! what each route really demands, and with the OpenAPI document.

use std::sync::Arc;

use axum::Router;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};
use utoipa_axum::routes;

use super::state::Desk;
use super::{
    case, cases, changes, commands, document, explain, health, inbound, metrics, ops, search, services, sources,
    stream, subscriptions, timeline,
};

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anyone; it answers nothing about a case.
    Public,
    /// Anyone; a key widens the answer.
    Anyone,
    /// A client.
    FrontOffice,
    /// A client that may push to the flow; to others it does not exist.
    Pusher,
    /// A client that speaks for staff, or an operator.
    Staff,
    /// An operator.
    Ops,
}

/// A route.
pub struct Route {
    /// Path.
    pub path: &'static str,
    /// Who may use it.
    pub access: Access,
    /// Its handler with its entry in the OpenAPI document.
    pub entry: fn() -> UtoipaMethodRouter<Arc<Desk>>,
}

macro_rules! table {
    ($($access:ident $path:literal $($handler:path)+),* $(,)?) => {
        /// Every route.
        pub const ROUTES: &[Route] =
            &[$(Route { path: $path, access: Access::$access, entry: || routes!($($handler),+) }),*];
    };
}

table! {
    Public      "/healthz"                                  health::live,
    Public      "/readyz"                                   health::ready,
    Public      "/openapi.json"                             document::json,
    Public      "/docs"                                     document::page,
    FrontOffice "/v1/cases"                                 cases::list,
    FrontOffice "/v1/cases/search"                          search::run,
    FrontOffice "/v1/cases/{case}"                          case::show,
    FrontOffice "/v1/cases/{case}/timeline"                 timeline::show,
    Staff       "/v1/cases/{case}/explain"                  explain::show,
    FrontOffice "/v1/cases/{case}/commands"                 commands::of_case commands::ask,
    FrontOffice "/v1/commands"                              commands::list commands::submit,
    FrontOffice "/v1/commands/{command}"                    commands::show,
    Anyone      "/v1/services"                              services::list,
    Anyone      "/v1/services/{code}"                       services::show,
    FrontOffice "/v1/sources"                               sources::list,
    FrontOffice "/v1/changes"                               changes::list,
    FrontOffice "/v1/changes/stream"                        stream::listen,
    Pusher      "/v1/inbound/{source}/{flow}"              inbound::push,
    Pusher      "/v1/inbound/{source}/{flow}"              inbound::describe,
    FrontOffice "/v1/subscriptions"                         subscriptions::list,
    FrontOffice "/v1/subscriptions"                         subscriptions::add,
    FrontOffice "/v1/subscriptions/{id}"                    subscriptions::show,
    FrontOffice "/v1/subscriptions/{id}"                    subscriptions::remove,
    FrontOffice "/v1/subscriptions/{id}/verify"             subscriptions::verify,
    FrontOffice "/v1/subscriptions/{id}/rotate"             subscriptions::rotate,
    FrontOffice "/v1/subscriptions/{id}/replay"             subscriptions::replay,
    FrontOffice "/v1/subscriptions/{id}/test"               subscriptions::test,
    FrontOffice "/v1/subscriptions/{id}/deliveries"         subscriptions::deliveries::list,
    Ops         "/ops/v1/flows"                             ops::flows::list,
    Ops         "/ops/v1/flows/{source}/{flow}/pause"       ops::flows::pause,
    Ops         "/ops/v1/flows/{source}/{flow}/resume"      ops::flows::resume,
    Ops         "/ops/v1/flows/{source}/{flow}/run"         ops::flows::run,
    Ops         "/ops/v1/quarantine"                        ops::quarantine::list,
    Ops         "/ops/v1/quarantine/{row}"                  ops::quarantine::show,
    Ops         "/ops/v1/quarantine/retry"                  ops::quarantine::retry,
    Ops         "/ops/v1/quarantine/dismiss"                ops::quarantine::dismiss,
    Ops         "/ops/v1/commands"                          ops::commands::list,
    Ops         "/ops/v1/commands/{command}"                ops::commands::show,
    Ops         "/ops/v1/commands/{command}/settle"         ops::commands::settle,
    Ops         "/ops/v1/commands/{command}/retry"          ops::commands::retry,
    Ops         "/ops/v1/audit"                             ops::audit::list,
    Ops         "/metrics"                                  metrics::scrape,
}

/// The router and the OpenAPI document it makes.
fn split() -> (Router<Arc<Desk>>, utoipa::openapi::OpenApi) {
    let start = OpenApiRouter::with_openapi(document::preamble());
    ROUTES.iter().fold(start, |router, route| router.routes((route.entry)())).split_for_parts()
}

/// The router.
pub fn router(desk: Arc<Desk>) -> Router {
    split().0.with_state(desk)
}

/// The OpenAPI document of every route.
pub fn document() -> utoipa::openapi::OpenApi {
    document::complete(split().1)
}
