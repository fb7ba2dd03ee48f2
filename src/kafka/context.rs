//! What librdkafka tells: rebalances, delivery reports, watermarks, logs. Callbacks only note; the loop acts.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, ConsumerContext, Rebalance as Event};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{DeliveryResult, ProducerContext};
use rdkafka::statistics::Statistics;
use rdkafka::topic_partition_list::TopicPartitionList;
use tracing::{debug, error, info, warn};

use super::broker::Rebalance;
use super::processor::TopicPartition;

/// Context of the consumer and of the producer of one stage.
#[derive(Default)]
pub struct StageContext {
    rebalances: Mutex<Vec<Rebalance>>,
    deliveries: Mutex<Deliveries>,
    end_offsets: Mutex<HashMap<TopicPartition, i64>>,
}

/// Failed deliveries since the last look.
#[derive(Debug, Default, Clone)]
pub struct Deliveries {
    /// Why the last one failed.
    pub failed: Option<String>,
    /// Whether one failed for what the record is, so that trying again is useless.
    pub refused: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl StageContext {
    /// Rebalances since the last call.
    pub fn take_rebalances(&self) -> Vec<Rebalance> {
        std::mem::take(&mut *lock(&self.rebalances))
    }

    /// Whether partitions went and the loop has not heard of it yet.
    pub fn revoke_pending(&self) -> bool {
        lock(&self.rebalances).iter().any(|event| matches!(event, Rebalance::Revoked(_)))
    }

    /// Failed deliveries since the last call.
    pub fn take_deliveries(&self) -> Deliveries {
        std::mem::take(&mut *lock(&self.deliveries))
    }

    /// End of a partition (next offset) as of the last statistics.
    pub fn end_offset(&self, partition: &TopicPartition) -> Option<i64> {
        lock(&self.end_offsets).get(partition).copied()
    }
}

/// One context for the consumer and the producer of a stage.
pub struct SharedContext(pub Arc<StageContext>);

impl std::ops::Deref for SharedContext {
    type Target = StageContext;

    fn deref(&self) -> &StageContext {
        &self.0
    }
}

impl ClientContext for SharedContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        match level {
            RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical | RDKafkaLogLevel::Error => {
                error!(facility, "librdkafka: {message}");
            }
            RDKafkaLogLevel::Warning => warn!(facility, "librdkafka: {message}"),
            RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info => info!(facility, "librdkafka: {message}"),
            RDKafkaLogLevel::Debug => debug!(facility, "librdkafka: {message}"),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        warn!(error = %error, "librdkafka: {reason}");
    }

    fn stats(&self, statistics: Statistics) {
        let mut end_offsets = lock(&self.end_offsets);
        end_offsets.clear();
        for (topic, statistics) in statistics.topics {
            for partition in statistics.partitions.into_values().filter(|partition| partition.hi_offset >= 0) {
                let end = if partition.ls_offset >= 0 { partition.ls_offset } else { partition.hi_offset };
                end_offsets.insert(TopicPartition::new(topic.as_str(), partition.partition), end);
            }
        }
    }
}

fn named(list: &TopicPartitionList) -> Vec<TopicPartition> {
    list.elements().iter().map(|element| TopicPartition::new(element.topic(), element.partition())).collect()
}

impl ConsumerContext for SharedContext {
    // Runs inside `poll`, on the Kafka thread.
    fn pre_rebalance(&self, _: &BaseConsumer<Self>, event: &Event<'_>) {
        match event {
            Event::Assign(list) => lock(&self.rebalances).push(Rebalance::Assigned(named(list))),
            Event::Revoke(list) => lock(&self.rebalances).push(Rebalance::Revoked(named(list))),
            Event::Error(error) => error!(error = %error, "rebalance failed"),
        }
    }
}

impl ProducerContext for SharedContext {
    type DeliveryOpaque = ();

    // Runs inside the producer's `poll`: on the Kafka thread, and on another during an abort.
    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, _)) = result {
            let code = error.rdkafka_error_code();
            let mut deliveries = lock(&self.deliveries);
            deliveries.refused |= matches!(
                code,
                Some(
                    RDKafkaErrorCode::MessageSizeTooLarge
                        | RDKafkaErrorCode::InvalidRecord
                        | RDKafkaErrorCode::InvalidMessage
                        | RDKafkaErrorCode::InvalidTimestamp
                )
            );
            // Purged by our own abort: the cause came before it.
            let purged = matches!(code, Some(RDKafkaErrorCode::PurgeQueue | RDKafkaErrorCode::PurgeInflight));
            if !purged {
                deliveries.failed = Some(error.to_string());
            }
        }
    }
}
