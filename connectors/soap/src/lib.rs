//! The `soap` connector: lists of records asked for over SOAP 1.1 and 1.2, and records that a peer sends.
//!
//! Reads page by page, asks for details where a list holds only pointers, and takes up where it left off. Names are
//! known by their namespace, never by their prefix. Only ever reads; follows no link.

mod answer;
mod body;
mod client;
mod codes;
mod config;
mod envelope;
mod fault;
mod parts;
mod receive;
mod rules;
mod security;
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
    Plan, Receiver, ReceivesOnly,
};
pub use settings::Settings;

use crate::client::Peer;
use crate::config::Intake;
use crate::receive::Envelopes;

/// `connector = "soap"`.
#[derive(Default)]
pub struct SoapKind {
    rooms: Rooms,
}

impl ConnectorKind for SoapKind {
    fn name(&self) -> &'static str {
        "soap"
    }

    fn schema(&self) -> serde_json::Value {
        schemars::schema_for!(Settings).to_value()
    }

    fn plan(&self, flow: FlowSettings) -> Result<Arc<dyn Plan>, Vec<Issue>> {
        let settings: Settings = guichet_sdk::settings::read(&flow.settings)?;
        let received = settings.receive.as_ref().map(|receive| receive::check(receive, &flow.format, &flow.base));
        let only = received.is_some() && settings.body.is_none();
        let received = received.transpose().map(|receiver| receiver.map(Arc::new));
        if only {
            return Ok(Arc::new(ReceivesOnly(received?.map(|receiver| receiver as Arc<dyn Receiver>))));
        }
        let source = flow.source.clone();
        let (intake, receiver) = match (config::check(flow), received) {
            (Ok(intake), Ok(receiver)) => (Arc::new(intake), receiver),
            (intake, receiver) => return Err([intake.err(), receiver.err()].into_iter().flatten().flatten().collect()),
        };
        // where secrets are kept, not what they are
        let account = intake.manner.security.as_ref().map(|security| format!("{security:?}")).unwrap_or_default();
        let room = self.rooms.of_account(&source, &intake.url, &intake.http, &account);
        Ok(Arc::new(SoapPlan { intake, room, receiver }))
    }
}

/// Checked settings of a flow over SOAP, in the room of its source.
struct SoapPlan {
    intake: Arc<Intake>,
    room: Arc<Room>,
    receiver: Option<Arc<Envelopes>>,
}

#[async_trait]
impl Plan for SoapPlan {
    fn capability(&self) -> Capability {
        Capability { pull: true, wakes: false, replays: true, ..Capability::default() }
    }

    /// A list can be read by any number of flows; two that ask the very same are a mistake.
    fn claims(&self) -> Vec<Claim> {
        vec![Claim(format!("list:{}", self.intake.shown))]
    }

    async fn open(&self, _: Arc<dyn Memory>) -> Result<Connection, Fault> {
        let open = || Peer::open(self.intake.clone(), self.room.clone());
        Ok(Connection {
            source: Some(Box::new(List::new(open()?))),
            sink: None,
            probe: Box::new(ListProbe::new(open()?, self.intake.url.as_str())),
        })
    }

    fn breaker(&self) -> Option<Arc<dyn BreakerView>> {
        Some(self.room.breaker())
    }

    fn certificates(&self) -> Option<Arc<dyn CertificateView>> {
        Some(self.room.certificates())
    }

    fn receiver(&self) -> Option<Arc<dyn Receiver>> {
        self.receiver.clone().map(|receiver| receiver as Arc<dyn Receiver>)
    }
}
