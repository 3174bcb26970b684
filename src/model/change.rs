//! Changes: the typed entries of the ordered change feed.

words! {
    /// What changed.
    pub enum ChangeKind {
        /// First seen.
        Registered = "case.registered",
        /// Another phase, outcome or waiting_on.
        StatusChanged = "case.status_changed",
        /// Something is expected of a party.
        ActionRequested = "case.action_requested",
        /// Decided.
        Decided = "case.decided",
        /// Out of a terminal phase again.
        Reopened = "case.reopened",
        /// An earlier statement was corrected.
        Corrected = "case.corrected",
        /// Facts changed, the status did not.
        Updated = "case.updated",
        /// A source has not been seen within its contract.
        SourceStale = "source.stale",
        /// It was seen again.
        SourceRecovered = "source.recovered",
        /// The source has taken a command and will say later.
        CommandAccepted = "command.accepted",
        /// The source has done what was asked.
        CommandConfirmed = "command.confirmed",
        /// The source has decided not to do what was asked.
        CommandRefused = "command.refused",
        /// Nobody knows whether a command took effect, or it could not be sent: somebody looks at it.
        CommandUnknown = "command.unknown",
    }
}
