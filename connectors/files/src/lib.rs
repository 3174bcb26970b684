//! The `files` connector: files that a source drops into a folder, read as records.
//!
//! Takes complete files only, streams them in bounded memory, never processes the same content twice, and moves a file
//! only after its last record is committed. Reads local folders and mounted shares; speaks no network protocol.

mod codes;
mod config;
mod draft;
mod folder;
mod moves;
mod outbox;
mod pattern;
mod probe;
mod reader;
mod settle;
mod source;
mod stream;
mod watch;
mod whole;

use std::sync::Arc;

use async_trait::async_trait;
pub use config::{Order, Settings};
use guichet_sdk::{
    Capability, Claim, Connection, ConnectorKind, Fault, FaultKind, FlowSettings, Issue, Memory, Plan, Sink,
};

use crate::config::Intake;
use crate::outbox::FilesSink;
use crate::probe::FolderProbe;
use crate::source::Files;

/// `connector = "files"`.
pub struct FilesKind;

impl ConnectorKind for FilesKind {
    fn name(&self) -> &'static str {
        "files"
    }

    fn schema(&self) -> serde_json::Value {
        schemars::schema_for!(Settings).to_value()
    }

    fn plan(&self, settings: FlowSettings) -> Result<Arc<dyn Plan>, Vec<Issue>> {
        Ok(Arc::new(FilesPlan(Arc::new(config::check(settings)?))))
    }
}

/// Checked settings of a flow of files.
struct FilesPlan(Arc<Intake>);

#[async_trait]
impl Plan for FilesPlan {
    fn capability(&self) -> Capability {
        let able = |(verb, outbox): (&String, &outbox::Outbox)| (verb.clone(), outbox.able.clone());
        let commands = self.0.outboxes.iter().map(able).collect();
        Capability { pull: true, wakes: true, replays: true, commands }
    }

    fn claims(&self) -> Vec<Claim> {
        vec![Claim(format!("folder:{}#{}", self.0.folder.display(), self.0.pattern.as_str()))]
    }

    async fn open(&self, memory: Arc<dyn Memory>) -> Result<Connection, Fault> {
        let intake = self.0.clone();
        let opened = tokio::task::spawn_blocking(move || {
            probe::prepare(&intake)?;
            Ok(Files::new(intake, memory))
        });
        let files = opened
            .await
            .unwrap_or_else(|error| Err(Fault::new(FaultKind::Environment, codes::STOPPED, error.to_string())))?;
        let sink = (!self.0.outboxes.is_empty()).then(|| FilesSink(self.0.outboxes.clone()));
        let sink = sink.map(|sink| Box::new(sink) as Box<dyn Sink>);
        Ok(Connection { source: Some(Box::new(files)), sink, probe: Box::new(FolderProbe(self.0.clone())) })
    }
}
