//! `guichet check`: the whole project without touching the world; every problem at once.

use clap::Args;
use serde_json::json;

use super::failure::Failure;
use super::project::ProjectArgs;
use super::screen::{Screen, count};
use crate::app;

/// Check the configuration and the mappings; every problem at once
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  guichet check
  guichet check --project /srv/city --json

Exits 2 when there is an error; warnings alone are told and exit 0.")]
pub struct Check {
    #[command(flatten)]
    project: ProjectArgs,
}

impl Check {
    pub fn run(self, screen: Screen) -> Result<(), Failure> {
        let (project, report) = app::check(&self.project.project);
        let Some(project) = project else { return Err(Failure::Project(report)) };
        let (sources, flows, services) = (project.sources.len(), project.flows.len(), project.services.len());
        if screen.json {
            let mut said = report.json();
            said["sources"] = json!(sources);
            said["flows"] = json!(flows);
            said["services"] = json!(services);
            screen.value(&said);
            return Ok(());
        }
        if report.warnings() > 0 {
            screen.note(&report.render(screen.colour()));
        }
        let counts = [(sources, "source"), (flows, "flow"), (services, "service"), (report.warnings(), "warning")];
        screen.out(&format!("ok: {}", counts.map(|(number, what)| count(number, what)).join(", ")));
        Ok(())
    }
}
