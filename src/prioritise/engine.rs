//! One record of `triage.scored`, and what is remembered of its customer, to what becomes of both.
//!
//! Pure: no I/O and no clock but the caller's. The stage makes its outputs of a [`Step`], `undertone replay` its
//! comparison; so both go the same way.

use jiff::Timestamp;
use serde::Deserialize;

use super::decide::{Decided, decide};
use super::update::{Updated, update};
use crate::history::{Customer, Deadline};
use crate::message::filter::FilterReason;
use crate::policy::Policy;
use crate::ticket::{CustomerEvent, CustomerRecord, ScoredMessage, Ticket};

/// Times that a record of a customer who has moved is sent on; two that point at each other end the chase.
const MOST_HOPS: usize = 3;

/// A record of `triage.scored`.
#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    /// A message with its scores.
    Scored(Box<ScoredMessage>),
    /// Something else about a customer.
    About(Box<CustomerRecord>),
}

/// Why a record cannot be read. Quotes nothing of it: class and place are enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a record of this topic at line {line} column {column}")]
pub struct RecordError {
    /// Line within the value, from 1.
    pub line: usize,
    /// Column within the line, from 1.
    pub column: usize,
}

impl From<serde_json::Error> for RecordError {
    fn from(error: serde_json::Error) -> Self {
        Self { line: error.line(), column: error.column() }
    }
}

/// What tells the records of `triage.scored` apart.
#[derive(Deserialize)]
struct Kind<'a> {
    #[serde(borrow)]
    kind: std::borrow::Cow<'a, str>,
}

impl Record {
    /// Reads a record's value.
    pub fn read(payload: &[u8]) -> Result<Self, RecordError> {
        let Kind { kind } = serde_json::from_slice::<Kind<'_>>(payload)?;
        Ok(if kind == "scored" {
            Self::Scored(serde_json::from_slice(payload)?)
        } else {
            Self::About(serde_json::from_slice(payload)?)
        })
    }

    /// The value of `kind`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Scored(_) => "scored",
            Self::About(record) => record.event.kind(),
        }
    }

    /// The customer key, also the record's key.
    pub fn routing_key(&self) -> &str {
        match self {
            Self::Scored(scored) => &scored.routing_key,
            Self::About(record) => &record.routing_key,
        }
    }

    /// Key of the customer's state.
    pub fn state_key(&self) -> String {
        let tenant = match self {
            Self::Scored(scored) => scored.message.tenant.as_deref(),
            Self::About(record) => record.tenant.as_deref(),
        };
        Customer::key(tenant, self.routing_key())
    }

    /// When it happened, where the record itself says so.
    pub fn at(&self) -> Option<Timestamp> {
        match self {
            Self::Scored(scored) => Some(scored.source.timestamp.unwrap_or(scored.message.received_at)),
            Self::About(record) => match &record.event {
                CustomerEvent::AgentReply { at, .. } | CustomerEvent::TicketUpdate { at, .. } => Some(*at),
                _ => None,
            },
        }
    }

    /// The same for the owner of another key.
    fn readdressed(mut self, to: &str) -> Self {
        match &mut self {
            Self::Scored(scored) => to.clone_into(&mut scored.routing_key),
            Self::About(record) => to.clone_into(&mut record.routing_key),
        }
        self
    }

    /// Whether it follows a customer who has moved.
    fn follows(&self) -> bool {
        match self {
            Self::Scored(_) => true,
            Self::About(record) => matches!(
                record.event,
                CustomerEvent::AgentReply { .. }
                    | CustomerEvent::TicketUpdate { .. }
                    | CustomerEvent::Profile { .. }
                    | CustomerEvent::Erase
            ),
        }
    }
}

/// What becomes of a record and of its customer.
#[derive(Debug)]
pub struct Step {
    /// Key of the customer's state.
    pub key: String,
    /// What becomes of the record.
    pub end: End,
    /// What becomes of the state.
    pub state: StateChange,
}

/// What becomes of a record.
#[derive(Debug)]
pub enum End {
    /// A ticket.
    Ticket(Box<Ticket>),
    /// No ticket, and why.
    Filtered {
        /// Why.
        reason: FilterReason,
        /// Name of the evidence.
        name: &'static str,
        /// Its value.
        value: String,
    },
    /// Nothing here: its customer has moved, and the record follows, with its new key.
    SentOn(Record),
    /// It was taken note of; what it makes known to another customer's owner goes there.
    Updated(Option<Record>),
}

/// What becomes of a customer's state.
#[derive(Debug)]
pub enum StateChange {
    /// It stays as it was.
    Kept,
    /// This holds from now on.
    Put(Box<Customer>),
    /// Nothing is left of it.
    Erased,
}

/// When a record is processed.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// Time of the record itself, in milliseconds since the epoch.
    pub record_ms: i64,
    /// What tickets show as `triaged_at`; nothing else depends on it.
    pub now: Timestamp,
}

/// Processes a record that was sent on `hops` times, about a customer of whom `known` is known.
pub fn step(record: Record, known: Option<&Customer>, hops: usize, policy: &Policy, at: Moment) -> Step {
    let key = record.state_key();
    let moved_to = known.and_then(|customer| customer.moved_to.as_deref()).filter(|_| hops < MOST_HOPS);
    if let Some(into) = moved_to
        && record.follows()
    {
        let erased = matches!(&record, Record::About(record) if matches!(record.event, CustomerEvent::Erase));
        let state = if erased { StateChange::Erased } else { StateChange::Kept };
        return Step { key, end: End::SentOn(record.readdressed(into)), state };
    }
    let mut customer = known.cloned().unwrap_or_default();
    match record {
        Record::Scored(scored) => {
            let end = match decide(*scored, &mut customer, policy, at.now) {
                Decided::Ticket(ticket) => End::Ticket(ticket),
                Decided::Filtered(reason, name, value) => End::Filtered { reason, name, value },
            };
            Step { key, end, state: StateChange::Put(Box::new(customer)) }
        }
        Record::About(record) => {
            let erased = matches!(record.event, CustomerEvent::Erase);
            let before = customer.clone();
            let Updated { state, sent_on } = update(*record, customer, policy, at.record_ms);
            let state = match state {
                // What says nothing new leaves no trace.
                Some(state) if state == before => StateChange::Kept,
                Some(state) => StateChange::Put(Box::new(state)),
                None if before.is_empty() && !erased => StateChange::Kept,
                None => StateChange::Erased,
            };
            Step { key, end: End::Updated(sent_on.map(|record| Record::About(Box::new(record)))), state }
        }
    }
}

/// What the clock has made of a customer.
#[derive(Debug)]
pub struct Told {
    /// The state from now on; `None` where the customer has been silent for so long that all is forgotten.
    pub state: Option<Customer>,
    /// The deadlines that have come, each told once.
    pub deadlines: Vec<Deadline>,
}

/// Tells the deadlines of `customer` that have come by `now_ms`, and forgets who has been silent for too long.
pub fn tell(customer: &Customer, now_ms: i64, policy: &Policy) -> Told {
    if customer.is_expired(now_ms, policy.history()) {
        return Told { state: None, deadlines: Vec::new() };
    }
    let mut state = customer.clone();
    let deadlines = state.tell(now_ms, policy.aged_levels());
    Told { state: Some(state), deadlines }
}
