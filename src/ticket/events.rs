//! Events beside the ticket: what was filtered, and what a person should look at.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{SCHEMA_VERSION, SourceStamp, Ticket};
use crate::message::filter::{Evidence as FilterEvidence, FilterReason};
use crate::message::{CustomerMessage, InboundMessage};
use crate::policy::ReviewCause;

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
