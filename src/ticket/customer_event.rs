//! What else concerns a customer and travels on `triage.scored`, beside scored messages: one owner, one order.
//! (architecture.md, decision 9)

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::SCHEMA_VERSION;
use crate::history::{Customer, Profile};
use crate::policy::Priority;

/// A record about a customer that is no message of his.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CustomerRecord {
    /// Version of this record.
    pub schema_version: String,
    /// The customer key, also the record's key.
    pub routing_key: String,
    /// Tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// What has happened.
    #[serde(flatten)]
    pub event: CustomerEvent,
}

/// What has happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum CustomerEvent {
    /// An agent wrote to the customer: nobody waits any longer.
    AgentReply {
        /// Conversation.
        conversation_id: String,
        /// When.
        at: Timestamp,
    },
    /// The help desk says what was done to a ticket.
    TicketUpdate {
        /// Conversation.
        conversation_id: String,
        /// What was done.
        update: TicketUpdate,
        /// When.
        at: Timestamp,
    },
    /// The company's records; absent where they were taken back.
    Profile {
        /// What they say.
        profile: Option<Profile>,
    },
    /// This customer turned out to be another.
    IdentityMerge {
        /// The customer key that holds from now on.
        into: String,
    },
    /// What was known of a customer who turned out to be this one.
    HistoryTransfer {
        /// The key it was known under.
        from: String,
        /// Everything remembered.
        customer: Box<Customer>,
    },
    /// Everything is to be forgotten.
    Erase,
}

/// What was done to a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum TicketUpdate {
    /// An agent has answered; an automatic acknowledgement is no answer.
    Answered,
    /// An agent has chosen a priority; without one the policy decides again.
    PriorityChanged {
        /// The priority.
        priority: Option<Priority>,
    },
    /// It is settled.
    Closed,
    /// It is open again.
    Reopened,
}

impl CustomerEvent {
    /// The value of `kind`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::AgentReply { .. } => "agent_reply",
            Self::TicketUpdate { .. } => "ticket_update",
            Self::Profile { .. } => "profile",
            Self::IdentityMerge { .. } => "identity_merge",
            Self::HistoryTransfer { .. } => "history_transfer",
            Self::Erase => "erase",
        }
    }
}

impl CustomerRecord {
    /// A record about the customer under `routing_key`.
    pub fn new(routing_key: String, tenant: Option<String>, event: CustomerEvent) -> Self {
        Self { schema_version: SCHEMA_VERSION.to_owned(), routing_key, tenant, event }
    }
}
