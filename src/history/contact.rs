//! One contact: a stretch of a conversation without a long silence.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::message::Channel;

/// A stretch of a conversation without a long silence, as it counts later. Small, because there are many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// [`hash`] of the conversation's id.
    #[serde(rename = "c")]
    pub conversation: u64,
    /// First message.
    #[serde(rename = "f")]
    pub first_ms: i64,
    /// Last message.
    #[serde(rename = "l")]
    pub last_ms: i64,
    /// [`hash`] of the topic's label; 0 where no topic counted.
    #[serde(rename = "t", default, skip_serializing_if = "is_zero")]
    pub topic: u64,
    /// Revisions of the conversation's ticket so far, so that they go on growing.
    #[serde(rename = "r")]
    pub revision: u32,
    /// Channel.
    #[serde(rename = "h")]
    pub channel: Channel,
    /// Lowest sentiment, -2 (very negative) to 2.
    #[serde(rename = "w")]
    pub worst: i8,
    /// Highest sentiment.
    #[serde(rename = "b")]
    pub best: i8,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's `skip_serializing_if` passes a reference")]
fn is_zero(value: &u64) -> bool {
    *value == 0
}

impl Contact {
    /// Whether one of its messages was negative.
    pub fn is_negative(&self) -> bool {
        self.worst < 0
    }

    /// Whether it was good and never negative.
    pub fn is_good(&self) -> bool {
        self.best > 0 && self.worst >= 0
    }
}

/// The first bytes of a text's SHA-256 as a number below 2^53, which every JSON reader can hold; never 0.
pub fn hash(text: &str) -> u64 {
    let digest = Sha256::digest(text.as_bytes());
    let number = digest.iter().take(8).fold(0u64, |number, &byte| number << 8 | u64::from(byte));
    (number >> 11).max(1)
}
