//! What is published, and its schemas.
//!
//! [`ScoredMessage`] joins the stages; [`Ticket`], [`FilteredEvent`] and [`ReviewRequest`] are read by
//! others, as CloudEvents ([`envelope`]). Schemas are additive within a major version; ids follow from
//! the input alone, so that a reader recognises a duplicate.

mod customer_event;
pub mod envelope;
mod events;
pub mod ids;
mod scored;
mod ticket_value;

pub use customer_event::{CustomerEvent, CustomerRecord, TicketUpdate};
pub use events::{FilteredEvent, ReviewRequest, SlaEvent};
pub use scored::{LanguageStamp, ModelStamp, ScoredMessage, SourceStamp, TextPart, Verdict};
pub use ticket_value::{
    ContextPart, EffortPart, ImpactPart, PolicyStamp, PriorityPart, SocialPart, SurveyPart, Ticket, TicketCustomer,
    UrgencyPart,
};

/// Version of all published schemas.
pub const SCHEMA_VERSION: &str = "1.0";

/// The published schemas by name, as JSON Schema 2020-12.
pub fn schemas() -> Vec<(&'static str, schemars::Schema)> {
    vec![
        (envelope::TICKET, schemars::schema_for!(Ticket)),
        (envelope::FILTERED, schemars::schema_for!(FilteredEvent)),
        (envelope::REVIEW, schemars::schema_for!(ReviewRequest)),
        (envelope::BREACH_RISK, schemars::schema_for!(SlaEvent)),
        (envelope::BREACHED, schemars::schema_for!(SlaEvent)),
    ]
}
