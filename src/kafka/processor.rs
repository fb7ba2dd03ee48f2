//! What a stage is to the loop: records in, finished work out.

use std::sync::Arc;

use bytes::Bytes;

use crate::message::InboundMessage;
use crate::operate::Count;

/// A partition of a topic.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicPartition {
    /// Topic name.
    pub topic: Arc<str>,
    /// Partition number.
    pub partition: i32,
}

impl TopicPartition {
    /// Names a partition.
    pub fn new(topic: impl Into<Arc<str>>, partition: i32) -> Self {
        Self { topic: topic.into(), partition }
    }
}

impl std::fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.topic, self.partition)
    }
}

/// One record in work; comes back in [`Finished`] exactly once, unless its partition was revoked.
#[derive(Debug, Clone)]
pub struct Work {
    /// The record.
    pub message: Arc<InboundMessage>,
    /// Where it is from.
    pub source: TopicPartition,
    /// The assignment under which it was read; work of an older one is dropped.
    pub epoch: u64,
    /// Number of its partition in this process, for ordering in queues.
    pub partition_id: u32,
}

/// A record to publish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputRecord {
    /// Topic.
    pub topic: String,
    /// Partition; decided by the key where absent.
    pub partition: Option<i32>,
    /// Key.
    pub key: Option<Bytes>,
    /// Value.
    pub payload: Option<Bytes>,
    /// Headers, in order.
    pub headers: Vec<(String, Option<Bytes>)>,
    /// Record timestamp in milliseconds; the broker's time when absent.
    pub timestamp_ms: Option<i64>,
}

/// The outcome of one record.
#[derive(Debug, Clone)]
pub struct Finished {
    /// The record.
    pub work: Work,
    /// What is published for it; never empty in the stages of this project.
    pub outputs: Vec<OutputRecord>,
    /// What is counted once the transaction has committed.
    pub counts: Vec<Count>,
}

/// What a stage publishes on its own, without a record: a timer has run out.
#[derive(Debug, Clone, Default)]
pub struct Emitted {
    /// What is published.
    pub outputs: Vec<OutputRecord>,
    /// What is counted once the transaction has committed.
    pub counts: Vec<Count>,
}

/// A stage of the pipeline. All methods are called on the stage's Kafka thread and must not block.
pub trait Processor {
    /// Name of the stage in groups, metrics and logs.
    fn stage(&self) -> &'static str;

    /// Lane of a topic: in-flight limits and pausing are per lane.
    fn lane(&self, topic: &str) -> usize;

    /// Names of the lanes; their order is that of `lane`'s numbers.
    fn lanes(&self) -> Vec<&'static str>;

    /// Takes a record; it may be finished now or later.
    fn on_record(&mut self, work: Work);

    /// Moves what has been finished since the last call into `finished`, in any order.
    fn take_finished(&mut self, finished: &mut Vec<Finished>);

    /// Builds the outcome of a record that cannot be published as it was finished; what the record had changed in
    /// the stage's state is forgotten.
    fn dead_letter(&mut self, work: Work, class: &'static str, message: &str, attempts: u32) -> Finished;

    /// Whether a record can bring the whole process down here, so that attempts are to be counted. Where
    /// several stages share a process, one that cannot must not be blamed for another's crash.
    fn fragile(&self) -> bool {
        true
    }

    /// Whether a part of the stage has died: the worker must stop.
    fn failed(&self) -> bool {
        false
    }

    /// The compacted topic that keeps the stage's state, each partition that of the input partition of the same
    /// number; `None` where the stage keeps none. (architecture.md, decisions 9 to 14)
    fn changelog(&self) -> Option<&str> {
        None
    }

    /// Takes a record of the state of a partition that has just been assigned, oldest first; `None` erases.
    fn on_restore(&mut self, _source: &TopicPartition, _key: &[u8], _value: Option<&[u8]>) {}

    /// The partition's records that were released before `position` are committed: their changes hold.
    fn on_committed(&mut self, _source: &TopicPartition, _position: i64) {}

    /// The transaction was aborted: all changes that were not committed are forgotten, everywhere.
    fn on_aborted(&mut self) {}

    /// No record is in work and no transaction is open: the moment to change what decisions rest on.
    fn between_transactions(&mut self) {}

    /// The partition belongs to another worker now.
    fn on_revoked(&mut self, _source: &TopicPartition) {}

    /// Publishes what has become due in a partition whose records are all released; `position` is the next offset.
    fn on_tick(&mut self, _source: &TopicPartition, _position: i64, _now: jiff::Timestamp) -> Option<Emitted> {
        None
    }
}
