//! [`decode`]: record in, message, tombstone or error out.

use jiff::{SignedDuration, Timestamp};

use super::customer::CustomerMessage;
use super::error::DecodeError;
use super::inbound::{Channel, InboundMessage};
use super::{cloudevents, json, wire};

/// What may come in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboundLimits {
    /// Longest payload, in bytes; a longer one is a [`DecodeError::TooLarge`].
    pub max_payload_bytes: usize,
    /// Deepest nesting of arrays and objects, in levels, at most 127; more is a
    /// [`DecodeError::TooDeep`].
    pub max_nesting: usize,
    /// Longest text and longest HTML, each, in bytes; the rest is cut off with a note.
    pub max_text_bytes: usize,
    /// How far ahead of ours another clock may be.
    pub future_tolerance: SignedDuration,
    /// Most that `extra` and `metadata` may each take, in bytes of JSON.
    pub max_extra_bytes: usize,
}

impl Default for InboundLimits {
    fn default() -> Self {
        Self {
            max_payload_bytes: 1024 * 1024,
            max_nesting: 32,
            max_text_bytes: 256 * 1024,
            future_tolerance: SignedDuration::from_mins(5),
            max_extra_bytes: 16 * 1024,
        }
    }
}

/// What a record turned out to be.
#[derive(Debug, Clone, PartialEq)]
pub enum Decoded {
    /// A message.
    Message(Box<CustomerMessage>),
    /// A record without a value, or a CloudEvent without data.
    Tombstone,
}

/// Decodes a record: plain JSON, or a CloudEvent in structured or binary mode (told apart by the
/// specification's rule: content type first, then the mandatory `ce_` headers).
///
/// `topic_channel` is the channel the configuration gives the topic; it wins over the payload's.
/// `now` serves to recognise timestamps from the future, and as the last resort for `received_at`.
///
/// # Errors
///
/// See [`DecodeError`]; none of its texts quotes the payload.
pub fn decode(
    inbound: &InboundMessage,
    topic_channel: Option<Channel>,
    limits: &InboundLimits,
    now: Timestamp,
) -> Result<Decoded, DecodeError> {
    let Some(payload) = &inbound.payload else {
        return Ok(Decoded::Tombstone);
    };
    if payload.len() > limits.max_payload_bytes {
        return Err(DecodeError::TooLarge { bytes: payload.len(), limit: limits.max_payload_bytes });
    }
    let mode = cloudevents::mode(&inbound.headers)?;
    let parsed = json::parse(payload, limits.max_nesting)?;
    let Some(event) = cloudevents::unwrap(mode, parsed, limits.max_nesting)? else {
        return Ok(Decoded::Tombstone);
    };
    let context = wire::Context { inbound, topic_channel, limits, now };
    wire::build(event, &context).map(|message| Decoded::Message(Box::new(message)))
}
