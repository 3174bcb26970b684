//! What a run of the suite showed, check by check.

use std::fmt;

/// How a check went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// As it must.
    Passed,
    /// Not, and how.
    Failed(String),
    /// It makes no sense for this connector, and why.
    Skipped(&'static str),
}

/// Every check with its outcome.
#[derive(Debug, Default)]
pub struct Report {
    /// In the order they ran.
    pub outcomes: Vec<(&'static str, Outcome)>,
}

impl Report {
    /// Whether no check failed, and some ran.
    pub fn passed(&self) -> bool {
        let failed = self.outcomes.iter().any(|(_, outcome)| matches!(outcome, Outcome::Failed(_)));
        !failed && self.outcomes.iter().any(|(_, outcome)| *outcome == Outcome::Passed)
    }

    /// The checks that were skipped.
    pub fn skipped(&self) -> impl Iterator<Item = &'static str> {
        self.outcomes.iter().filter(|(_, outcome)| matches!(outcome, Outcome::Skipped(_))).map(|(name, _)| *name)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, outcome) in &self.outcomes {
            match outcome {
                Outcome::Passed => writeln!(f, "passed   {name}")?,
                Outcome::Failed(reason) => writeln!(f, "FAILED   {name}: {reason}")?,
                Outcome::Skipped(reason) => writeln!(f, "skipped  {name}: {reason}")?,
            }
        }
        Ok(())
    }
}
