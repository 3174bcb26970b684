//! Subscriptions: who wants to be told of which changes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ChangeKind, Phase};

words! {
    /// How a subscription stands.
    pub enum SubscriptionState {
        /// Its receiver has not shown yet that it wants to be told.
        Pending = "pending",
        /// Told of changes.
        Active = "active",
        /// Told of nothing until it is verified again; its place in the feed is kept.
        Disabled = "disabled",
    }
}

/// Which changes: every condition must hold; an empty list matches anything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Filters {
    /// Codes of services.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<String>,
    /// Phases after the change.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub phases: Vec<Phase>,
    /// Names of sources.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<String>,
    /// Kinds of change, as `case.decided`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub types: Vec<ChangeKind>,
}

impl Filters {
    /// Whether a change is asked for; `case` holds service and phase where it is about a case.
    pub fn take(&self, kind: ChangeKind, source: &str, case: Option<(Option<&str>, Phase)>) -> bool {
        let Filters { services, phases, sources, types } = self;
        let service = |code: &str| services.iter().any(|known| known == code);
        let about_case = match case {
            Some((code, phase)) => {
                (services.is_empty() || code.is_some_and(service)) && (phases.is_empty() || phases.contains(&phase))
            }
            None => services.is_empty() && phases.is_empty(),
        };
        about_case
            && (types.is_empty() || types.contains(&kind))
            && (sources.is_empty() || sources.iter().any(|known| known == source))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_condition_must_hold() {
        let filters = Filters {
            services: vec!["permit".into()],
            phases: vec![Phase::Decided],
            types: vec![ChangeKind::Decided],
            ..Filters::default()
        };
        let take = |kind, service, phase| filters.take(kind, "planning", Some((service, phase)));
        assert!(take(ChangeKind::Decided, Some("permit"), Phase::Decided));
        assert!(!take(ChangeKind::Decided, Some("aid"), Phase::Decided));
        assert!(!take(ChangeKind::Decided, None, Phase::Decided));
        assert!(!take(ChangeKind::Decided, Some("permit"), Phase::Closed));
        assert!(!take(ChangeKind::Updated, Some("permit"), Phase::Decided));
        assert!(!filters.take(ChangeKind::SourceStale, "planning", None), "who asks for a service asks for cases");
        assert!(Filters::default().take(ChangeKind::SourceStale, "planning", None));
        let source = Filters { sources: vec!["tax".into()], ..Filters::default() };
        assert!(
            !source.take(ChangeKind::SourceStale, "planning", None)
                && source.take(ChangeKind::SourceStale, "tax", None)
        );
    }
}
