//! Inbound messages: bytes from any source become one [`CustomerMessage`] for all channels, and what
//! no customer wrote is recognised ([`filter`]).
//!
//! Everything here is pure: no clock (`now` is a parameter), no I/O, no logging, no Kafka types. Any
//! bytes give a message, a tombstone or a [`DecodeError`]; nothing panics. Called by the SCORE
//! processor and the `score` command, on whichever thread they run.

mod addresses;
pub(crate) mod blank;
mod cloudevents;
mod customer;
mod decode;
mod error;
pub mod filter;
mod inbound;
mod json;
mod note;
mod open_enum;
mod reader;
pub mod schema;
mod thread;
mod wire;

pub use customer::{
    Attachment, Author, AuthorType, ChatFields, Customer, CustomerMessage, Direction, EmailFields, Engagement, Mailbox,
    SocialFields, SocialKind, Survey, SurveyKind, Visibility,
};
pub use decode::{Decoded, InboundLimits, decode};
pub use error::{DecodeError, Place};
pub use inbound::{Channel, InboundMessage, SourcePosition, UnknownChannel};
pub use note::{Note, NoteCode};

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "tests may panic")]
mod tests;
