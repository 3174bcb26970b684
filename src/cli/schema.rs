//! `guichet schema`: JSON Schemas of the files of a project.

use clap::Args;
use clap::builder::PossibleValuesParser;

use super::failure::Failure;
use super::screen::Screen;
use crate::app;
use crate::config::schema::{FileKind, of};

/// Print the JSON Schema of a configuration file, for editors
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  guichet schema source > source.schema.json
  guichet schema mapping

With the extension Even Better TOML, a first line `#:schema ./source.schema.json` completes and checks while typing.")]
pub struct Schema {
    /// Kind of file
    #[arg(value_parser = PossibleValuesParser::new(FileKind::ALL.map(FileKind::word)))]
    kind: String,
}

impl Schema {
    pub fn run(self, screen: Screen) -> Result<(), Failure> {
        for kind in FileKind::ALL.into_iter().filter(|kind| kind.word() == self.kind) {
            screen.value(&of(kind, &app::registry()));
        }
        Ok(())
    }
}
