//! Names of flows and physical ids: small typed numbers inside, readable names outside.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A flow by name: `SOURCE/FLOW`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FlowName {
    /// Source.
    pub source: Arc<str>,
    /// Flow of that source.
    pub flow: Arc<str>,
}

impl FlowName {
    /// A name of two words.
    pub fn new(source: &str, flow: &str) -> Self {
        FlowName { source: source.into(), flow: flow.into() }
    }

    /// Reads `SOURCE/FLOW`.
    pub fn parse(text: &str) -> Option<Self> {
        let (source, flow) = text.split_once('/')?;
        (!source.is_empty() && !flow.is_empty() && !flow.contains('/')).then(|| FlowName::new(source, flow))
    }
}

impl fmt::Display for FlowName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.source, self.flow)
    }
}

/// Physical key of a case (append order); never shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CaseRow(pub i64);

/// Physical key of a kept record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RecordRow(pub i64);
