//! Dead letters: the original record untouched, plus headers that say what went wrong and where.

use bytes::Bytes;

use super::processor::OutputRecord;
use crate::message::InboundMessage;

/// Prefix of the headers that are added.
pub const PREFIX: &str = "__triage.errors.";

/// What the headers say.
#[derive(Debug, Clone, Copy)]
pub struct ErrorHeaders<'a> {
    /// Class from a closed set, such as `invalid_json`.
    pub class: &'a str,
    /// Place and reason; never message text.
    pub message: &'a str,
    /// Stage that gave up.
    pub stage: &'a str,
    /// How often it was tried.
    pub attempts: u32,
    /// When, in milliseconds since the epoch.
    pub now_ms: i64,
}

/// Builds the record for the dead-letter topic; key, value, timestamp and headers are the original's.
pub fn dead_letter(topic: &str, original: &InboundMessage, error: ErrorHeaders<'_>) -> OutputRecord {
    let position = &original.position;
    let mut headers = original.headers.clone();
    // A letter that failed before and was replayed says only what went wrong this time.
    headers.retain(|(name, _)| !name.starts_with(PREFIX));
    let added = [
        ("class", error.class.to_owned()),
        ("message", error.message.to_owned()),
        ("stage", error.stage.to_owned()),
        ("topic", position.topic.clone()),
        ("partition", position.partition.to_string()),
        ("offset", position.offset.to_string()),
        ("timestamp", error.now_ms.to_string()),
        ("attempts", error.attempts.to_string()),
        ("version", env!("CARGO_PKG_VERSION").to_owned()),
    ];
    headers.extend(added.into_iter().map(|(name, value)| (format!("{PREFIX}{name}"), Some(Bytes::from(value)))));
    OutputRecord {
        topic: topic.to_owned(),
        partition: None,
        key: original.key.clone(),
        payload: original.payload.clone(),
        headers,
        timestamp_ms: original.timestamp_ms,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::SourcePosition;

    #[test]
    fn the_original_stays_and_only_the_newest_error_is_named() {
        let original = InboundMessage {
            position: SourcePosition { topic: "support.chat".into(), partition: 3, offset: 42 },
            key: Some(Bytes::from_static(b"\xff\x00key")),
            payload: Some(Bytes::from_static(b"{\"text\": \xff")),
            headers: vec![("trace".into(), Some(Bytes::from_static(b"\x80"))), ("__triage.errors.class".into(), None)],
            timestamp_ms: Some(1_700_000_000_123),
        };
        let error = ErrorHeaders { class: "invalid_utf8", message: "byte 9", stage: "score", attempts: 1, now_ms: 5 };
        let letter = dead_letter("triage.dlq", &original, error);
        assert_eq!((&letter.key, &letter.payload), (&original.key, &original.payload));
        assert_eq!(letter.timestamp_ms, original.timestamp_ms);
        assert_eq!(letter.headers[0], original.headers[0]);
        let value = |name: &str| {
            let all: Vec<_> = letter.headers.iter().filter(|(n, _)| n == &format!("{PREFIX}{name}")).collect();
            assert_eq!(all.len(), 1, "{name}");
            all[0].1.clone()
        };
        assert_eq!(value("class"), Some(Bytes::from_static(b"invalid_utf8")));
        assert_eq!(value("offset"), Some(Bytes::from_static(b"42")));
    }
}
