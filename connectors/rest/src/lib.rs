//! The `rest` connector: lists of records asked for over HTTP, in JSON or XML.
//!
//! Reads page by page, asks for details where a list holds only pointers, and takes up where it left off. Only ever
//! reads: a `post` is a search. Follows no link to a host that is not listed.

mod client;
mod command;
mod config;
mod settings;
#[cfg(test)]
mod tests;
mod wire;

use std::sync::Arc;

use async_trait::async_trait;
use guichet_http::list::{List, ListProbe};
use guichet_http::{Room, Rooms};
use guichet_sdk::{
    BreakerView, Capability, CertificateView, Claim, Connection, ConnectorKind, Fault, FlowSettings, Issue, Memory,
    Plan,
};
pub use settings::Settings;

use crate::client::Peer;
use crate::command::RestSink;
use crate::config::Intake;

/// `connector = "rest"`.
#[derive(Default)]
pub struct RestKind {
    rooms: Rooms,
}

impl ConnectorKind for RestKind {
    fn name(&self) -> &'static str {
        "rest"
    }

    fn schema(&self) -> serde_json::Value {
        schemars::schema_for!(Settings).to_value()
    }

    fn plan(&self, flow: FlowSettings) -> Result<Arc<dyn Plan>, Vec<Issue>> {
        let source = flow.source.clone();
        let intake = Arc::new(config::check(flow)?);
        let room = self.rooms.of(&source, &intake.base_url, &intake.http);
        Ok(Arc::new(RestPlan { intake, room }))
    }
}

/// Checked settings of a flow over REST, in the room of its source.
struct RestPlan {
    intake: Arc<Intake>,
    room: Arc<Room>,
}

#[async_trait]
impl Plan for RestPlan {
    fn capability(&self) -> Capability {
        let able = |(verb, order): (&String, &command::Order)| (verb.clone(), order.able.clone());
        Capability {
            pull: true,
            wakes: false,
            replays: true,
            commands: self.intake.commands.iter().map(able).collect(),
        }
    }

    /// A list can be read by any number of flows; two that ask the very same are a mistake.
    fn claims(&self) -> Vec<Claim> {
        vec![Claim(format!("list:{}", self.intake.shown))]
    }

    async fn open(&self, _: Arc<dyn Memory>) -> Result<Connection, Fault> {
        let open = || Peer::open(self.intake.clone(), self.room.clone());
        Ok(Connection {
            source: Some(Box::new(List::new(open()?))),
            sink: match self.intake.commands.is_empty() {
                true => None,
                false => Some(Box::new(RestSink::open(self.intake.clone(), self.room.clone())?)),
            },
            probe: Box::new(ListProbe::new(open()?, self.intake.base_url.as_str())),
        })
    }

    fn breaker(&self) -> Option<Arc<dyn BreakerView>> {
        Some(self.room.breaker())
    }

    fn certificates(&self) -> Option<Arc<dyn CertificateView>> {
        Some(self.room.certificates())
    }
}
