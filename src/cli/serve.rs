//! `guichet serve`: the hub, until interrupted.

use std::net::SocketAddr;

use clap::Args;

use super::failure::Failure;
use super::project::HubArgs;
use super::screen::Screen;
use crate::app::interrupted;

/// Run the hub: flows, API and metrics, until interrupted
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  guichet serve
  guichet serve --project /srv/city --listen 0.0.0.0:8080 --store sqlite:/var/lib/guichet/hub.db
  GUICHET_TELEMETRY__FORMAT=json guichet serve

SIGTERM and Ctrl-C stop it gently: open requests end, batches in hand are committed and acknowledged.")]
pub struct Serve {
    #[command(flatten)]
    hub: HubArgs,
    /// Address to listen on, instead of what the project says
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
}

/// Connections are files: takes as many as the system lets this process have. Ten thousand listeners need more than the
/// usual thousand.
fn open_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        tracing::debug!(%error, "the limit of open files could not be raised");
    }
}

impl Serve {
    pub async fn run(self, screen: Screen) -> Result<(), Failure> {
        open_files();
        let mut hub = self.hub.open(screen)?;
        if let Some(listen) = self.listen {
            hub.project.hub.server.listen = listen;
        }
        hub.serve(interrupted(), |_| {}).await?;
        Ok(())
    }
}
