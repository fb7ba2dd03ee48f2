//! Input records that are no messages: what agents did to tickets, what the company's records say of customers, who
//! is whom. Each becomes a record of `triage.scored` for the customer's owner. (architecture.md, decision 9)

use jiff::Timestamp;
use serde::Deserialize;

use super::identities::Identity;
use crate::history::Profile;
use crate::message::InboundMessage;
use crate::policy::Priority;
use crate::ticket::{CustomerEvent, CustomerRecord, TicketUpdate};

/// Which of the topics a record is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordTopic {
    /// `topics.updates`.
    Updates,
    /// `topics.customers`.
    Customers,
    /// `topics.identity`.
    Identity,
}

/// Why a record is refused: a class from a closed set, and place and reason.
pub type Refusal = (&'static str, String);

/// Value of a record of `support.ticket-updates`.
#[derive(Deserialize)]
struct Update {
    /// As the ticket says; the customer's id where a help desk keeps only that.
    #[serde(alias = "customer_id")]
    routing_key: String,
    conversation_id: String,
    action: Action,
    #[serde(default)]
    priority: Option<Priority>,
    #[serde(default)]
    tenant: Option<String>,
    #[serde(default)]
    at: Option<Timestamp>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Action {
    Answered,
    PriorityChanged,
    Closed,
    Reopened,
}

/// Value of a record of `support.customers`; its key is the customer's id.
#[derive(Deserialize)]
struct ProfileRecord {
    #[serde(default)]
    tenant: Option<String>,
    #[serde(flatten)]
    profile: Profile,
}

/// Reads a record; `canonical` leads a customer key to the one that holds.
pub fn read(
    topic: RecordTopic,
    inbound: &InboundMessage,
    canonical: impl Fn(String) -> String,
) -> Result<Option<CustomerRecord>, Refusal> {
    match topic {
        RecordTopic::Updates => update(inbound, canonical).map(Some),
        RecordTopic::Customers => profile(inbound, canonical).map(Some),
        RecordTopic::Identity => identity(inbound),
    }
}

fn update(inbound: &InboundMessage, canonical: impl Fn(String) -> String) -> Result<CustomerRecord, Refusal> {
    let Update { routing_key, conversation_id, action, priority, tenant, at } =
        parse(inbound.payload.as_deref().unwrap_or_default())?;
    if routing_key.is_empty() || conversation_id.is_empty() {
        return Err(("schema", "`routing_key` and `conversation_id` must not be empty".to_owned()));
    }
    let at = at.or_else(|| Timestamp::from_millisecond(inbound.timestamp_ms?).ok()).unwrap_or(Timestamp::UNIX_EPOCH);
    let update = match action {
        Action::Answered => TicketUpdate::Answered,
        Action::PriorityChanged => TicketUpdate::PriorityChanged { priority },
        Action::Closed => TicketUpdate::Closed,
        Action::Reopened => TicketUpdate::Reopened,
    };
    let event = CustomerEvent::TicketUpdate { conversation_id, update, at };
    Ok(CustomerRecord::new(canonical(routing_key), tenant, event))
}

fn profile(inbound: &InboundMessage, canonical: impl Fn(String) -> String) -> Result<CustomerRecord, Refusal> {
    let customer = key(inbound, "the customer's id")?;
    let (tenant, profile) = match inbound.payload.as_deref() {
        None => (None, None),
        Some(payload) => {
            let ProfileRecord { tenant, profile } = parse(payload)?;
            (tenant, Some(profile))
        }
    };
    Ok(CustomerRecord::new(canonical(customer), tenant, CustomerEvent::Profile { profile }))
}

/// A tombstone only takes the key from the table: what has been joined stays joined.
fn identity(inbound: &InboundMessage) -> Result<Option<CustomerRecord>, Refusal> {
    let from = key(inbound, "an address (`email:…`), chat user (`chat:…`), handle (`social:…`) or customer id")?;
    let Some(payload) = inbound.payload.as_deref() else { return Ok(None) };
    let Identity { customer_id, tenant } = parse(payload)?;
    if customer_id.is_empty() {
        return Err(("schema", "`customer_id` must not be empty".to_owned()));
    }
    Ok(Some(CustomerRecord::new(from, tenant, CustomerEvent::IdentityMerge { into: customer_id })))
}

fn key(inbound: &InboundMessage, what: &str) -> Result<String, Refusal> {
    let key = inbound.key.as_deref().and_then(|key| std::str::from_utf8(key).ok()).filter(|key| !key.is_empty());
    key.map(str::to_owned).ok_or_else(|| ("schema", format!("the record has no key; it must be {what}")))
}

fn parse<'a, T: Deserialize<'a>>(payload: &'a [u8]) -> Result<T, Refusal> {
    serde_json::from_slice(payload).map_err(|error| {
        // serde_json quotes what it found, which may be personal: its place says enough.
        let class = if error.is_data() { "schema" } else { "json" };
        (class, format!("not what this topic holds, at line {} column {}", error.line(), error.column()))
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::message::SourcePosition;

    fn inbound(key: Option<&str>, payload: Option<&str>) -> InboundMessage {
        InboundMessage {
            position: SourcePosition { topic: "t".into(), partition: 0, offset: 0 },
            key: key.map(|key| key.to_owned().into()),
            payload: payload.map(|payload| payload.to_owned().into()),
            headers: Vec::new(),
            timestamp_ms: Some(1_780_000_000_000),
        }
    }

    fn canonical(key: String) -> String {
        if key == "email:a@example.org" { "c-1".to_owned() } else { key }
    }

    #[test]
    fn updates_go_to_the_customer_that_holds() {
        let text = r#"{"routing_key": "email:a@example.org", "conversation_id": "v", "action": "priority_changed", "priority": "P2"}"#;
        let record = read(RecordTopic::Updates, &inbound(None, Some(text)), canonical).unwrap().unwrap();
        assert_eq!(record.routing_key, "c-1");
        let CustomerEvent::TicketUpdate { update, .. } = record.event else { unreachable!() };
        assert_eq!(update, TicketUpdate::PriorityChanged { priority: Some(Priority::P2) });
    }

    #[test]
    fn records_that_are_not_what_they_should_be_are_refused_with_their_place_and_without_their_text() {
        for (topic, key, payload) in [
            (RecordTopic::Updates, None, Some(r#"{"conversation_id": "secret"}"#)),
            (RecordTopic::Updates, None, Some(r#"{"routing_key": "k", "conversation_id": "v", "action": "secret"}"#)),
            (RecordTopic::Customers, None, Some("{}")),
            (RecordTopic::Identity, Some("email:a@example.org"), Some("secret")),
            (RecordTopic::Updates, None, None),
        ] {
            let (class, message) = read(topic, &inbound(key, payload), canonical).unwrap_err();
            assert!(["schema", "json"].contains(&class) && !message.contains("secret"), "{class}: {message}");
        }
    }

    #[test]
    fn profiles_and_identities_name_their_customer_by_key() {
        let record =
            read(RecordTopic::Customers, &inbound(Some("c-7"), Some(r#"{"tier": "vip", "other": 1}"#)), canonical);
        let CustomerEvent::Profile { profile } = record.unwrap().unwrap().event else { unreachable!() };
        assert_eq!(profile.unwrap().tier.as_deref(), Some("vip"));
        let record = read(RecordTopic::Customers, &inbound(Some("c-7"), None), canonical).unwrap().unwrap();
        assert_eq!(record.event, CustomerEvent::Profile { profile: None });
        let merge = inbound(Some("email:a@example.org"), Some(r#"{"customer_id": "c-1"}"#));
        let record = read(RecordTopic::Identity, &merge, canonical).unwrap().unwrap();
        assert_eq!((record.routing_key.as_str(), record.event.kind()), ("email:a@example.org", "identity_merge"));
        assert_eq!(read(RecordTopic::Identity, &inbound(Some("x"), None), canonical).unwrap(), None);
    }
}
