//! The Kafka room: clients, the one consume → process → produce transaction loop, dead letters.
//!
//! [`TransactionLoop`] drives a [`Processor`] over a [`Broker`]; [`KafkaBroker`] is the real one. All of
//! it runs on one thread per stage, so a rebalance can never interleave with a commit. rdkafka types
//! stay in here.

mod admin;
mod broker;
mod client;
mod context;
mod crash_point;
mod crash_watch;
mod dead_letter;
mod embedded;
mod lanes;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod memory;
mod plain;
mod processor;
mod restore;
mod retry;
mod table;
mod tracker;
mod transaction_loop;

pub use admin::{AdminError, TopicPlan, check_state_partitions, check_topics, create_topics, planned_topics};
pub use broker::{Broker, BrokerError, CommitFailure, Position, ProduceError, Rebalance, Restored, Unusable};
pub use client::{KafkaBroker, Role, client_config};
pub use dead_letter::{ErrorHeaders, dead_letter};
pub use embedded::EmbeddedBroker;
pub use lanes::LaneLimits;
pub use plain::{PlainProducer, PlainReader};
pub use processor::{Emitted, Finished, OutputRecord, Processor, TopicPartition, Work};
pub use table::TableReader;
pub use transaction_loop::{LoopError, LoopSettings, TransactionLoop};
