//! `guichet completions`: for the shell.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::Cli;
use super::failure::Failure;

/// Print shell completions
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  guichet completions bash > /etc/bash_completion.d/guichet
  guichet completions zsh > ~/.zfunc/_guichet")]
pub struct Completions {
    /// Shell
    shell: Shell,
}

impl Completions {
    pub fn run(self) -> Result<(), Failure> {
        clap_complete::generate(self.shell, &mut Cli::command(), "guichet", &mut std::io::stdout().lock());
        Ok(())
    }
}
