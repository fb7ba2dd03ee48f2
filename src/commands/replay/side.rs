//! One policy with its own history of every customer. Pure.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::Timestamp;

use crate::history::{Customer, Store};
use crate::message::filter::FilterReason;
use crate::policy::Policy;
use crate::prioritise::engine::{End, Moment, Record, StateChange, Step, Told, step, tell};
use crate::ticket::{CustomerEvent, Ticket};

/// Where and when a record was.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// Partition; each has customers of its own.
    pub partition: i32,
    /// How often the record had been sent on.
    pub hops: usize,
    /// When it happened, in milliseconds since the epoch.
    pub at_ms: i64,
}

/// What a policy makes of a record.
#[derive(Debug)]
pub(super) enum Taken {
    /// A ticket.
    Ticket(Box<Ticket>),
    /// A message without a ticket.
    Filtered(FilterReason),
    /// No message, or one that is decided on where its customer has moved.
    Passed,
}

/// A policy and what it remembers.
pub(super) struct Side {
    policy: Arc<Policy>,
    customers: BTreeMap<i32, Store>,
    /// What was known of customers who turned out to be others, by the key of the other one and their own: on its way.
    moving: HashMap<(String, String), Box<Customer>>,
}

impl Side {
    pub(super) fn new(policy: Arc<Policy>) -> Self {
        Self { policy, customers: BTreeMap::new(), moving: HashMap::new() }
    }

    /// Takes the next record.
    pub(super) fn take(&mut self, mut record: Record, place: Place) -> Taken {
        let key = record.state_key();
        if let Record::About(about) = &mut record
            && let CustomerEvent::HistoryTransfer { from, customer } = &mut about.event
            && let Some(own) = self.moving.remove(&(key.clone(), from.clone()))
        {
            // The recorded history is that of the policy then; this one has its own.
            *customer = own;
        }
        let policy = &self.policy;
        let store = self.customers.entry(place.partition).or_default();
        // The worker's clock ticks between records; what it told this customer's conversations is made up for.
        if let Some(Told { state, .. }) = store.get(&key).map(|known| tell(known, place.at_ms, policy)) {
            store.restore(&key, state, policy.history());
        }
        let now = Timestamp::from_millisecond(place.at_ms).unwrap_or_default();
        let at = Moment { record_ms: place.at_ms, now };
        let Step { key, end, state } = step(record, store.get(&key), place.hops, policy, at);
        match state {
            StateChange::Kept => {}
            StateChange::Put(customer) => store.restore(&key, Some(*customer), policy.history()),
            StateChange::Erased => store.restore(&key, None, policy.history()),
        }
        match end {
            End::Ticket(ticket) => Taken::Ticket(ticket),
            End::Filtered { reason, .. } => Taken::Filtered(reason),
            // What is sent on comes again, recorded under its new key.
            End::SentOn(_) => Taken::Passed,
            End::Updated(sent_on) => {
                if let Some(sent_on) = sent_on {
                    let key = sent_on.state_key();
                    if let Record::About(about) = sent_on
                        && let CustomerEvent::HistoryTransfer { from, customer } = about.event
                    {
                        self.moving.insert((key, from), customer);
                    }
                }
                Taken::Passed
            }
        }
    }
}
