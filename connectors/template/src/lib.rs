//! A connector kind to start from: `connector = "spool"`, a line-oriented queue over TCP.
//!
//! Small, and nothing in it is a stub: settings with every problem told at once, a claim, a cursor, receipts, a probe,
//! bounds and time-outs. It is built and tested with everything else and not registered in the `guichet` binary, because
//! no back office speaks this protocol. Copy the folder, rename, replace `wire.rs` first (see `connectors/README.md`).

mod client;
mod codes;
mod config;
mod source;
mod wire;

use std::sync::Arc;

use async_trait::async_trait;
pub use config::Settings;
use guichet_sdk::{Capability, Claim, Connection, ConnectorKind, Fault, FlowSettings, Issue, Memory, Plan};

use crate::config::Intake;
use crate::source::{Spool, SpoolProbe};

/// `connector = "spool"`.
pub struct SpoolKind;

impl ConnectorKind for SpoolKind {
    fn name(&self) -> &'static str {
        "spool"
    }

    fn schema(&self) -> serde_json::Value {
        schemars::schema_for!(Settings).to_value()
    }

    fn plan(&self, settings: FlowSettings) -> Result<Arc<dyn Plan>, Vec<Issue>> {
        Ok(Arc::new(SpoolPlan(Arc::new(config::check(settings)?))))
    }
}

/// Checked settings of a flow that reads a spool.
struct SpoolPlan(Arc<Intake>);

#[async_trait]
impl Plan for SpoolPlan {
    fn capability(&self) -> Capability {
        Capability { pull: true, wakes: false, replays: true, ..Capability::default() }
    }

    fn claims(&self) -> Vec<Claim> {
        // what one flow drops, another would never see
        vec![Claim(format!("spool:{}", self.0.address))]
    }

    async fn open(&self, _: Arc<dyn Memory>) -> Result<Connection, Fault> {
        Ok(Connection {
            source: Some(Box::new(Spool::new(self.0.clone()))),
            // it carries no commands: absent, never a default
            sink: None,
            probe: Box::new(SpoolProbe(self.0.clone())),
        })
    }
}
