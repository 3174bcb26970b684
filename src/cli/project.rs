//! Which project and which store a command works on.

use std::path::PathBuf;

use clap::Args;

use super::failure::Failure;
use super::screen::Screen;
use crate::app::{self, Hub};
use crate::config::Project;

/// The project.
#[derive(Debug, Args)]
pub struct ProjectArgs {
    /// Folder with `config/` and `mappings/`
    #[arg(long, value_name = "DIR", default_value = ".", env = "GUICHET_PROJECT")]
    pub project: PathBuf,
}

/// The project and its store.
#[derive(Debug, Args)]
pub struct HubArgs {
    #[command(flatten)]
    pub project: ProjectArgs,
    /// Where everything is kept, instead of what the project says: `sqlite:PATH`
    #[arg(long, value_name = "sqlite:PATH", env = "GUICHET_STORE")]
    pub store: Option<String>,
}

impl ProjectArgs {
    /// Reads and checks the project; warnings are told, errors end the command.
    pub fn load(&self, screen: Screen) -> Result<Project, Failure> {
        let (project, report) = app::check(&self.project);
        let Some(project) = project else { return Err(Failure::Project(report)) };
        if report.warnings() > 0 && !screen.json {
            screen.note(&report.render(screen.colour()));
        }
        Ok(project)
    }
}

impl HubArgs {
    /// Opens the project's store.
    pub fn open(&self, screen: Screen) -> Result<Hub, Failure> {
        Ok(Hub::open(self.project.load(screen)?, self.store.as_deref())?)
    }
}
