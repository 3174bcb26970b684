//! Why a command failed, how it is told, and the exit code: 1 runtime · 2 configuration · 3 environment · 5 quarantined.

use std::process::ExitCode;

use guichet_sdk::{Code, Fault, Issue};

use super::screen::{Screen, count};
use crate::app::AppFault;
use crate::config::Report;
use crate::store::StoreFault;

/// Why a command failed.
#[derive(Debug)]
pub enum Failure {
    /// It went wrong while running.
    Runtime(Issue),
    /// What was written cannot be used: the project, a mapping, an argument.
    Configuration(Issue),
    /// The project cannot be used; every problem at once.
    Project(Report),
    /// The surroundings do not allow it: disk, port, another process.
    Environment(Issue),
    /// It ran, and something is held in quarantine.
    Quarantined,
    /// It ran, and what it checked is wrong; it has said so itself.
    Failed,
}

impl Failure {
    /// The exit code.
    pub fn code(&self) -> u8 {
        match self {
            Failure::Runtime(_) => 1,
            Failure::Configuration(_) | Failure::Project(_) | Failure::Failed => 2,
            Failure::Environment(_) => 3,
            Failure::Quarantined => 5,
        }
    }

    /// Tells it, and gives the exit code.
    pub fn tell(&self, screen: Screen) -> ExitCode {
        match self {
            Failure::Quarantined | Failure::Failed => {}
            Failure::Project(report) if screen.json => screen.value(&report.json()),
            Failure::Project(report) => {
                screen.note(&report.render(screen.colour()));
                screen.note(&format!("{}, {}", count(report.errors(), "error"), count(report.warnings(), "warning")));
            }
            Failure::Runtime(issue) | Failure::Configuration(issue) | Failure::Environment(issue) if screen.json => {
                screen.value(&serde_json::json!({ "errors": 1, "warnings": 0, "issues": [issue] }));
            }
            Failure::Runtime(issue) | Failure::Configuration(issue) | Failure::Environment(issue) => {
                screen.note(&issue.to_string());
            }
        }
        ExitCode::from(self.code())
    }
}

impl From<AppFault> for Failure {
    fn from(fault: AppFault) -> Self {
        match fault {
            AppFault::Store(fault) => fault.into(),
            AppFault::Telemetry(fault) => Failure::Configuration(
                Issue::error(Code("E250"), fault.to_string()).hint("look at `[telemetry]` of `config/guichet.toml`"),
            ),
            AppFault::NotAStore(_) => {
                Failure::Configuration(Issue::error(Code("E251"), fault.to_string()).hint("write `sqlite:PATH`"))
            }
            AppFault::Listen(..) => Failure::Environment(
                Issue::error(Code("E252"), fault.to_string()).hint("choose another address with `--listen ADDR`"),
            ),
            AppFault::Folder(..) => Failure::Environment(
                Issue::error(Code("E253"), fault.to_string()).hint("put the store where this user may write"),
            ),
        }
    }
}

impl From<StoreFault> for Failure {
    fn from(fault: StoreFault) -> Self {
        match fault {
            StoreFault::Unusable(issue) => Failure::Environment(*issue),
            StoreFault::Failed(_) | StoreFault::Busy(_) | StoreFault::Closed => {
                Failure::Runtime(Issue::error(Code("E254"), fault.to_string()))
            }
        }
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Failure::Runtime(*fault.issue)
    }
}
