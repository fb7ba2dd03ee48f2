//! Notes: defined outcomes of odd input that did not keep a message from being read.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What kind of odd input was met, with its defined outcome: a closed set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoteCode {
    /// No id: the source position is the id.
    IdFromSource,
    /// An id longer than 1024 bytes was replaced by its SHA-256.
    IdShortened,
    /// No `conversation_id`: it was derived.
    ConversationDerived,
    /// The payload names a channel that is not the topic's, or none we know: the topic's was taken.
    ChannelConflict,
    /// No usable `sent_at`.
    SentAtMissing,
    /// A timestamp that is not RFC 3339 was ignored.
    TimestampInvalid,
    /// `sent_at` lay in the future: `received_at` was taken.
    SentAtInFuture,
    /// `received_at` or the record's timestamp lay in the future: the next source was taken.
    ReceivedAtInFuture,
    /// Neither `received_at` nor a record timestamp: the current time was taken.
    ReceivedAtMissing,
    /// Text, HTML or subject was cut at the limit.
    TextTruncated,
    /// Half of a surrogate pair stood in the JSON: it was replaced by U+FFFD.
    SurrogateReplaced,
    /// A known field of a wrong type was ignored and kept in `extra`.
    FieldIgnored,
    /// `extra` was over its limit: some fields were left out.
    ExtraTruncated,
    /// `metadata` was over its limit: some fields were left out.
    MetadataTruncated,
}

impl NoteCode {
    /// Returns the label: snake case, stable.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::IdFromSource => "id_from_source",
            Self::IdShortened => "id_shortened",
            Self::ConversationDerived => "conversation_derived",
            Self::ChannelConflict => "channel_conflict",
            Self::SentAtMissing => "sent_at_missing",
            Self::TimestampInvalid => "timestamp_invalid",
            Self::SentAtInFuture => "sent_at_in_future",
            Self::ReceivedAtInFuture => "received_at_in_future",
            Self::ReceivedAtMissing => "received_at_missing",
            Self::TextTruncated => "text_truncated",
            Self::SurrogateReplaced => "surrogate_replaced",
            Self::FieldIgnored => "field_ignored",
            Self::ExtraTruncated => "extra_truncated",
            Self::MetadataTruncated => "metadata_truncated",
        }
    }
}

/// One defined outcome of odd input.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Note {
    /// What happened.
    pub code: NoteCode,
    /// JSON path of the field concerned; made of schema names and list positions only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}

impl fmt::Display for Note {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.code.as_str())?;
        match &self.field {
            Some(field) => write!(formatter, " `{field}`"),
            None => Ok(()),
        }
    }
}
