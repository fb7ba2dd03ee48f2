//! What records about a customer, other than messages, change in what is remembered.

use jiff::Timestamp;

use crate::history::Customer;
use crate::policy::{Policy, Priority};
use crate::ticket::{CustomerEvent, CustomerRecord, TicketUpdate};

/// What becomes of a customer's state, and what is to be sent on.
#[derive(Debug)]
pub struct Updated {
    /// The state from now on; `None` where nothing is left.
    pub state: Option<Customer>,
    /// A record for another customer's owner.
    pub sent_on: Option<CustomerRecord>,
}

/// Applies `record`, whose source record is of `at_ms`, to the customer it concerns.
pub fn update(record: CustomerRecord, mut customer: Customer, policy: &Policy, at_ms: i64) -> Updated {
    let CustomerRecord { routing_key, tenant, event, .. } = record;
    let mut sent_on = None;
    match event {
        CustomerEvent::AgentReply { conversation_id, .. } => {
            if let Some(conversation) = customer.conversation(&conversation_id) {
                conversation.answer();
            }
        }
        CustomerEvent::TicketUpdate { conversation_id, update, .. } => {
            apply(&mut customer, &conversation_id, update, policy);
        }
        CustomerEvent::Profile { profile } => {
            customer.profile = profile.map(Box::new);
            // A profile that is taken back leaves the history to its own time.
            customer.last_ms = customer.last_ms.max(at_ms);
        }
        // Nothing is known that could move: whatever comes is keyed rightly already.
        CustomerEvent::IdentityMerge { .. } if customer.is_empty() => {}
        CustomerEvent::IdentityMerge { into } if into != routing_key => {
            if customer.moved_to.as_deref() != Some(into.as_str()) {
                let known = Customer { moved_to: None, ..customer };
                let event = CustomerEvent::HistoryTransfer { from: routing_key, customer: Box::new(known) };
                sent_on = Some(CustomerRecord::new(into.clone(), tenant, event));
            }
            // What still comes under the old key is sent on, until this is forgotten.
            customer = Customer { moved_to: Some(into.into()), last_ms: at_ms, ..Customer::default() };
        }
        CustomerEvent::IdentityMerge { .. } => {}
        CustomerEvent::HistoryTransfer { customer: other, .. } => {
            customer.absorb(*other, policy.history());
            customer.moved_to = None;
        }
        CustomerEvent::Erase => return Updated { state: None, sent_on: None },
    }
    let state = Some(customer).filter(|customer| !customer.is_empty());
    Updated { state, sent_on }
}

fn apply(customer: &mut Customer, conversation_id: &str, update: TicketUpdate, policy: &Policy) {
    let Some(conversation) = customer.conversation(conversation_id) else { return };
    match update {
        TicketUpdate::Answered => conversation.answer(),
        TicketUpdate::Closed => conversation.close(),
        TicketUpdate::Reopened => {
            conversation.reopened |= conversation.closed;
            conversation.closed = false;
        }
        TicketUpdate::PriorityChanged { priority } => {
            conversation.agent_priority = priority;
            let in_force = conversation.priority_in_force().unwrap_or(Priority::P3);
            let channel = conversation.contact.channel.as_str();
            if let Some(clock) = &mut conversation.clock
                && let Ok(since) = Timestamp::from_millisecond(clock.since_ms)
            {
                let policy = policy.of(clock.tenant.as_deref(), clock.brand.as_deref());
                let (risk, due) = policy.deadlines(channel, clock.sub_channel.as_deref(), in_force, since);
                (clock.risk_ms, clock.due_ms) = (risk.as_millisecond(), due.as_millisecond());
            }
        }
    }
}
