//! What is remembered of each customer: contacts, conversations, their moods and deadlines. Pure: no clock, no I/O.
//!
//! [`Customer`] is the state of one customer and its own encoding in the changelog. [`Store`] holds the customers of
//! one partition, what is committed and, over it, what the open transaction has changed. Times are milliseconds since
//! the epoch, taken from the source records (architecture.md, decisions 11 and 16).

mod contact;
mod conversation;
mod customer;
mod store;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests;

pub use contact::{Contact, hash};
pub use conversation::{Conversation, Deadline, DeadlineKind, Waiting};
pub use customer::{Arrival, ClockTags, Customer, Incoming, Profile};
pub use store::Store;

/// Milliseconds of an hour.
const HOUR_MS: i64 = 3_600_000;
/// Milliseconds of a day.
const DAY_MS: i64 = 24 * HOUR_MS;
