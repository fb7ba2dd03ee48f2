//! A record as it arrives, free of Kafka types, and the closed set of channels.

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// Names the record a message came from; the same record always has the same position.
///
/// Displayed as `topic/partition@offset`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SourcePosition {
    /// Topic name.
    pub topic: String,
    /// Partition number, from 0.
    pub partition: i32,
    /// Offset within the partition.
    pub offset: i64,
}

impl fmt::Display for SourcePosition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}@{}", self.topic, self.partition, self.offset)
    }
}

/// One record: key, value, headers and the broker's timestamp, undecoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboundMessage {
    /// Where the record was read.
    pub position: SourcePosition,
    /// The record's key, if it has one.
    pub key: Option<Bytes>,
    /// The record's value; none is a tombstone.
    pub payload: Option<Bytes>,
    /// Headers in their order; names may repeat, values may be null.
    pub headers: Vec<(String, Option<Bytes>)>,
    /// The record's timestamp, in milliseconds since 1970-01-01 UTC; zero or less counts as absent.
    pub timestamp_ms: Option<i64>,
}

/// How a message reached us: a closed set, because it is a metrics label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    /// Mail, contact forms included.
    Email,
    /// Live chat and messaging.
    Chat,
    /// Public posts, comments, reviews and direct messages on social platforms.
    Social,
}

impl Channel {
    /// All channels, in the order of their labels in metrics.
    pub const ALL: [Self; 3] = [Self::Email, Self::Chat, Self::Social];

    /// Returns the label: lower case, stable.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Chat => "chat",
            Self::Social => "social",
        }
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// The text names none of [`Channel::ALL`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("unknown channel, expected one of `email`, `chat`, `social`")]
pub struct UnknownChannel;

impl FromStr for Channel {
    type Err = UnknownChannel;

    /// Reads a label, ignoring ASCII case.
    fn from_str(text: &str) -> Result<Self, UnknownChannel> {
        Self::ALL.into_iter().find(|channel| channel.as_str().eq_ignore_ascii_case(text)).ok_or(UnknownChannel)
    }
}
