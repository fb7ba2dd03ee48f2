//! What the loop needs of a broker, in its own terms; [`super::KafkaBroker`] is the real one.

use std::time::Duration;

use bytes::Bytes;
use crossbeam_channel::Receiver;

use super::processor::{OutputRecord, TopicPartition};
use crate::message::InboundMessage;

/// What the loop needs of a broker; [`super::KafkaBroker`] is the real one.
pub trait Broker {
    /// Waits up to `timeout` for a record. A poll in which a rebalance happens gives none.
    fn poll(&mut self, timeout: Duration) -> Result<Option<InboundMessage>, BrokerError>;
    /// Rebalances that happened inside the last polls, in order.
    fn rebalances(&mut self) -> Vec<Rebalance>;
    /// Stops fetching from partitions.
    fn pause(&mut self, partitions: &[TopicPartition]) -> Result<(), BrokerError>;
    /// Fetches from partitions again.
    fn resume(&mut self, partitions: &[TopicPartition]) -> Result<(), BrokerError>;
    /// Adds a record to the open transaction, which is begun when there is none.
    fn produce(&mut self, record: &OutputRecord) -> Result<(), ProduceError>;
    /// What is committed of partitions; those without a commit are left out.
    fn committed(&mut self, partitions: &[TopicPartition]) -> Result<Vec<Position>, BrokerError>;
    /// Begins to read the state of partitions from `changelog`, all that was committed to it.
    fn restore(&mut self, changelog: &str, partitions: &[TopicPartition]) -> Result<Receiver<Restored>, BrokerError>;
    /// Commits the open transaction, or an empty one, together with the offsets.
    fn commit(&mut self, offsets: &[Position]) -> Result<(), CommitFailure>;
    /// Aborts the open transaction.
    fn abort(&mut self) -> Result<(), BrokerError>;
    /// Reads partitions again from the given offsets.
    fn rewind(&mut self, positions: &[(TopicPartition, i64)]) -> Result<(), BrokerError>;
    /// End of a partition (next offset to be written), where it is known.
    fn end_offset(&self, partition: &TopicPartition) -> Option<i64>;
    /// Leaves the group and closes the clients.
    fn close(self);
}

/// A step of a restore.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Restored {
    /// A record of the state.
    Record {
        /// The input partition whose state it is.
        source: TopicPartition,
        /// Key.
        key: Bytes,
        /// Value; `None` erases.
        value: Option<Bytes>,
    },
    /// Everything of this partition has been given.
    Complete(TopicPartition),
    /// It cannot be read.
    Failed(String),
}

/// A position to commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The partition.
    pub partition: TopicPartition,
    /// Next offset to read.
    pub offset: i64,
    /// Travels with the offset and is read by the next owner.
    pub metadata: String,
}

/// A change of the assignment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rebalance {
    /// Partitions came.
    Assigned(Vec<TopicPartition>),
    /// Partitions went.
    Revoked(Vec<TopicPartition>),
}

/// Why a client cannot be used any longer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Unusable {
    /// What happened.
    pub message: String,
    /// Whether new clients may do: not after a fence, which another worker's life depends on.
    pub renewable: bool,
}

impl From<String> for Unusable {
    fn from(message: String) -> Self {
        Self { message, renewable: true }
    }
}

/// A broker call that failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BrokerError {
    /// It may work next time; the loop goes on.
    #[error("{0}")]
    Transient(String),
    /// The client is unusable: fenced, or a fatal error.
    #[error("{0}")]
    Fatal(Unusable),
}

/// A record that could not be added to the transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProduceError {
    /// The record itself is at fault (too large).
    Refused(String),
    /// The transaction must be aborted.
    Abort(String),
    /// As `Abort`; an earlier record of the transaction was refused for what it is.
    RefusedEarlier(String),
    /// The client is unusable.
    Fatal(Unusable),
}

/// A commit that did not happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommitFailure {
    /// The transaction must be aborted and its input read again.
    Abort(String),
    /// As `Abort`; the broker refused a record for what it is, and would again.
    Refused(String),
    /// The client is unusable.
    Fatal(Unusable),
}
