//! Events beside the ticket: what was filtered, and what a person should look at.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ids;
use super::{SCHEMA_VERSION, SourceStamp, Ticket};
use crate::history::{Deadline, DeadlineKind};
use crate::message::filter::{Evidence as FilterEvidence, FilterReason};
use crate::message::{CustomerMessage, InboundMessage};
use crate::policy::{Priority, ReviewCause};

/// A record that got no ticket because no customer wrote it, or because it holds no text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FilteredEvent {
    /// Version of this schema.
    pub schema_version: String,
    /// Message id; absent for a tombstone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// Conversation; absent for a tombstone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<String>,
    /// Channel, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// Tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// Why, from a closed set: `auto_reply`, `bounce`, `list`, `loop`, `spam`, `duplicate`, `empty`, `tombstone`, `not_customer`, `too_old`.
    pub reason: String,
    /// What the decision rests on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<EvidencePart>,
    /// When it was decided.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub filtered_at: Timestamp,
    /// The source record.
    pub source: SourceStamp,
}

/// A header or field, and what stood in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EvidencePart {
    /// Name.
    pub name: String,
    /// Value, shortened.
    pub value: String,
}

impl FilteredEvent {
    /// Describes a filtered record; `message` is absent for a tombstone.
    pub fn new(
        original: &InboundMessage,
        message: Option<&CustomerMessage>,
        reason: FilterReason,
        evidence: Option<&FilterEvidence>,
        now: Timestamp,
    ) -> Self {
        Self {
            schema_version: SCHEMA_VERSION.to_owned(),
            message_id: message.map(|message| message.id.clone()),
            conversation_id: message.map(|message| message.conversation_id.clone()),
            channel: message.map(|message| message.channel.as_str().to_owned()),
            tenant: message.and_then(|message| message.tenant.clone()),
            reason: reason.as_str().to_owned(),
            evidence: evidence
                .map(|evidence| EvidencePart { name: evidence.name.clone(), value: evidence.value.clone() }),
            filtered_at: now,
            source: SourceStamp::new(original, serde_json::Map::new()),
        }
    }
}

/// Asks a person to look at a ticket; the ticket is published all the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReviewRequest {
    /// Version of this schema.
    pub schema_version: String,
    /// Why the scores are in doubt.
    pub causes: Vec<ReviewCause>,
    /// The ticket as published.
    pub ticket: Ticket,
}

impl ReviewRequest {
    /// Asks for a review of `ticket`, if its decision wants one.
    pub fn of(ticket: &Ticket) -> Option<Self> {
        ticket.review.needed.then(|| Self {
            schema_version: SCHEMA_VERSION.to_owned(),
            causes: ticket.review.causes.clone(),
            ticket: ticket.clone(),
        })
    }
}

/// A deadline that is at risk or was missed; told once each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SlaEvent {
    /// Version of this schema.
    pub schema_version: String,
    /// `breach_risk` or `breached`.
    pub event: String,
    /// The ticket.
    pub ticket_id: String,
    /// Its conversation.
    pub conversation_id: String,
    /// Canonical customer.
    pub routing_key: String,
    /// Tenant.
    pub tenant: Option<String>,
    /// Brand.
    pub brand: Option<String>,
    /// `email`, `chat` or `social`.
    pub channel: String,
    /// Finer kind of channel.
    pub sub_channel: Option<String>,
    /// `first_response` or `next_response`.
    pub awaited: String,
    /// Since when the customer waits.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub waiting_since: Timestamp,
    /// When the answer is, or was, due.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub due_at: Timestamp,
    /// The ticket's priority from now on; a breach raises it, once.
    pub priority: Priority,
    /// The ticket's priority before.
    pub previous: Priority,
    /// When this was noticed.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub noticed_at: Timestamp,
}

impl SlaEvent {
    /// Describes a deadline of the customer under `routing_key`.
    pub fn new(routing_key: &str, deadline: &Deadline, now: Timestamp) -> Self {
        let at = |ms: i64| Timestamp::from_millisecond(ms).unwrap_or(now);
        let owned = |text: &Option<Box<str>>| text.as_ref().map(ToString::to_string);
        let clock = &deadline.clock;
        Self {
            schema_version: SCHEMA_VERSION.to_owned(),
            event: deadline.kind.as_str().to_owned(),
            ticket_id: ids::ticket_id(clock.tenant.as_deref(), &deadline.conversation),
            conversation_id: deadline.conversation.to_string(),
            routing_key: routing_key.to_owned(),
            tenant: owned(&clock.tenant),
            brand: owned(&clock.brand),
            channel: deadline.channel.as_str().to_owned(),
            sub_channel: owned(&clock.sub_channel),
            awaited: if deadline.answered { "next_response" } else { "first_response" }.to_owned(),
            waiting_since: at(clock.since_ms),
            due_at: at(clock.due_ms),
            priority: deadline.priority,
            previous: deadline.previous,
            noticed_at: now,
        }
    }

    /// The event's type, after the prefix.
    pub fn kind(deadline: &Deadline) -> &'static str {
        match deadline.kind {
            DeadlineKind::BreachRisk => super::envelope::BREACH_RISK,
            DeadlineKind::Breached => super::envelope::BREACHED,
        }
    }
}
