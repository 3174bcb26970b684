//! Where a case stands: phase, whom it waits for, how it ended. Small closed axes; new words break the build on purpose.

words! {
    /// Where a case stands in its process.
    pub enum Phase {
        /// Being prepared in the front office.
        Draft = "draft",
        /// Left the front office, not acknowledged.
        Submitted = "submitted",
        /// Acknowledged by the back office.
        Received = "received",
        /// Is everything there?
        CompletenessCheck = "completeness_check",
        /// Examination, consultation, works.
        InProgress = "in_progress",
        /// Ready to be decided.
        DecisionPending = "decision_pending",
        /// Decided.
        Decided = "decided",
        /// Payment, works, delivery.
        InExecution = "in_execution",
        /// Finished.
        Closed = "closed",
        /// Not mapped; never success, never open.
        Unknown = "unknown",
    }
}

impl Phase {
    /// Position on the way to the end; `unknown` stands nowhere.
    pub const fn progress(self) -> Option<u8> {
        match self {
            Phase::Draft => Some(0),
            Phase::Submitted => Some(1),
            Phase::Received => Some(2),
            Phase::CompletenessCheck => Some(3),
            Phase::InProgress => Some(4),
            Phase::DecisionPending => Some(5),
            Phase::Decided => Some(6),
            Phase::InExecution => Some(7),
            Phase::Closed => Some(8),
            Phase::Unknown => None,
        }
    }

    /// Whether an outcome may stand beside it.
    pub const fn carries_outcome(self) -> bool {
        match self {
            Phase::Decided | Phase::InExecution | Phase::Closed => true,
            Phase::Draft
            | Phase::Submitted
            | Phase::Received
            | Phase::CompletenessCheck
            | Phase::InProgress
            | Phase::DecisionPending
            | Phase::Unknown => false,
        }
    }
}

words! {
    /// Who must act next.
    pub enum WaitingOn {
        /// Nobody.
        Nobody = "nobody",
        /// The applicant.
        Applicant = "applicant",
        /// The authority.
        Authority = "authority",
        /// Somebody else (a consulted body, a neighbour, a court).
        ThirdParty = "third_party",
        /// A payment.
        Payment = "payment",
        /// A date that is set.
        ScheduledDate = "scheduled_date",
        /// Not known.
        Unknown = "unknown",
    }
}

words! {
    /// How a case ended; empty until known.
    pub enum Outcome {
        /// Granted.
        Granted = "granted",
        /// Granted in part.
        GrantedInPart = "granted_in_part",
        /// Granted with conditions.
        GrantedWithConditions = "granted_with_conditions",
        /// Granted by silence.
        GrantedTacitly = "granted_tacitly",
        /// Refused.
        Refused = "refused",
        /// Refused by silence.
        RefusedTacitly = "refused_tacitly",
        /// Not admissible.
        Inadmissible = "inadmissible",
        /// The service was performed.
        Done = "done",
        /// Nothing was to be done.
        NoAction = "no_action",
        /// Another authority is competent.
        NotCompetent = "not_competent",
        /// Handed to another authority.
        Transferred = "transferred",
        /// The same as another case.
        Duplicate = "duplicate",
        /// Withdrawn by the applicant.
        Withdrawn = "withdrawn",
        /// Lapsed for want of action.
        Lapsed = "lapsed",
        /// Cancelled by the authority.
        CancelledByAuthority = "cancelled_by_authority",
        /// Granted, then taken back.
        Revoked = "revoked",
        /// Granted, then past its validity.
        Expired = "expired",
    }
}

words! {
    /// A stated step backwards.
    pub enum Transition {
        /// Out of a terminal phase.
        Reopened = "reopened",
        /// Back to an earlier phase.
        Returned = "returned",
        /// An earlier statement was wrong.
        Corrected = "corrected",
    }
}

words! {
    /// How an assertion came about.
    pub enum AssertionKind {
        /// Said by a source.
        Observed = "observed",
        /// Computed by the hub (deadlines); never overwrites a source.
        Computed = "computed",
        /// Replaces an earlier assertion after a rule changed.
        Corrected = "corrected",
        /// Entered by an operator.
        Manual = "manual",
    }
}

words! {
    /// Who may read a thing; each audience reads what the ones before it read.
    pub enum Audience {
        /// Anyone who has the reference.
        Public = "public",
        /// The parties of the case.
        Party = "party",
        /// The staff of the public body.
        Staff = "staff",
        /// Those who run the hub.
        Ops = "ops",
    }
}
