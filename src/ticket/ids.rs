//! Deterministic ids. (architecture.md, decision 10)

use uuid::Uuid;

use crate::message::{Channel, SourcePosition};

/// Namespace of all ids of this project (a random UUID, fixed for ever).
const NAMESPACE: Uuid = Uuid::from_u128(0x6f1d_7a5e_9a44_4c0b_8f52_2b1f_5d0e_c3a7);
/// Unit separator: occurs in no field, so that `a, bc` and `ab, c` differ.
const SEPARATOR: char = '\u{1f}';

fn v5(parts: &[&str]) -> String {
    let name = parts.join(&SEPARATOR.to_string());
    Uuid::new_v5(&NAMESPACE, name.as_bytes()).to_string()
}

/// Id of a conversation's ticket.
pub fn ticket_id(tenant: Option<&str>, conversation: &str) -> String {
    v5(&["ticket", tenant.unwrap_or(""), conversation])
}

/// Id of the event about a message; `kind` tells several events about one message apart.
pub fn event_id(kind: &str, tenant: Option<&str>, channel: Channel, message_id: &str) -> String {
    v5(&["event", kind, tenant.unwrap_or(""), channel.as_str(), message_id])
}

/// Id of the event about a deadline of a conversation.
pub fn deadline_id(tenant: Option<&str>, conversation: &str, kind: &str, due: jiff::Timestamp) -> String {
    v5(&["deadline", tenant.unwrap_or(""), conversation, kind, &due.to_string()])
}

/// Id of the event about a record that has no message (a tombstone).
pub fn position_id(position: &SourcePosition) -> String {
    v5(&["position", &position.to_string()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_stable_and_tell_their_parts_apart() {
        // Pinned: readers recognise duplicates by these, across versions.
        assert_eq!(ticket_id(None, "c-1"), ticket_id(None, "c-1"));
        assert_eq!(ticket_id(Some("t"), "c-1"), "f4b3cb5d-25d4-5935-8957-c29cb74e67d6");
        assert_eq!(event_id("ticket", None, Channel::Chat, "m-1"), "6eb285ea-4cf9-57ba-a42e-948f0f4bd43b");
        assert_ne!(ticket_id(Some("a"), "bc"), ticket_id(Some("ab"), "c"));
        assert_ne!(event_id("ticket", None, Channel::Chat, "m"), event_id("review", None, Channel::Chat, "m"));
    }
}
