//! A producer and a reader without transactions or a group: for feeds, the demo and tools.

use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::broker::BrokerError;
use super::client::{Role, client_config, owned};
use super::processor::OutputRecord;
use crate::config::Config;
use crate::message::InboundMessage;

const TIMEOUT: Duration = Duration::from_secs(30);

/// Writes records, at least once.
pub struct PlainProducer(ThreadedProducer<DefaultProducerContext>);

impl PlainProducer {
    /// Connects.
    pub fn connect(config: &Config) -> Result<Self, BrokerError> {
        let mut client = client_config(config, Role::Producer)?;
        client.set("enable.idempotence", "true").set("linger.ms", "5").set("partitioner", "murmur2_random");
        client.create().map(Self).map_err(fatal)
    }

    /// Queues a record; waits while the queue is full.
    pub fn send(&self, record: &OutputRecord) -> Result<(), BrokerError> {
        loop {
            let mut message = BaseRecord::<[u8], [u8]>::to(&record.topic).headers(headers(record));
            message.key = record.key.as_deref();
            message.payload = record.payload.as_deref();
            message.timestamp = record.timestamp_ms;
            match self.0.send(message) {
                Ok(()) => return Ok(()),
                Err((error, _)) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull) => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err((error, _)) => return Err(BrokerError::Fatal(format!("topic `{}`: {error}", record.topic).into())),
            }
        }
    }

    /// Waits until everything is acknowledged.
    pub fn flush(&self) -> Result<(), BrokerError> {
        self.0.flush(TIMEOUT).map_err(fatal)
    }
}

/// The headers of a record in librdkafka's form.
pub(super) fn headers(record: &OutputRecord) -> OwnedHeaders {
    record.headers.iter().fold(OwnedHeaders::new_with_capacity(record.headers.len()), |headers, (key, value)| {
        headers.insert(Header { key, value: value.as_deref() })
    })
}

/// Reads topics from their beginning, all partitions, committed records only.
pub struct PlainReader(BaseConsumer);

impl PlainReader {
    /// Connects and looks up the partitions of `topics`, which must exist.
    pub fn connect(config: &Config, topics: &[&str]) -> Result<Self, BrokerError> {
        let mut client = client_config(config, Role::Consumer)?;
        client
            .set("group.id", format!("{}-reader", config.app.name))
            .set("enable.auto.commit", "false")
            .set("isolation.level", "read_committed");
        let consumer: BaseConsumer = client.create().map_err(fatal)?;
        let mut list = TopicPartitionList::new();
        for topic in topics {
            let metadata = consumer.fetch_metadata(Some(topic), TIMEOUT).map_err(fatal)?;
            for partition in metadata.topics().iter().flat_map(rdkafka::metadata::MetadataTopic::partitions) {
                list.add_partition_offset(topic, partition.id(), Offset::Beginning).map_err(fatal)?;
            }
        }
        consumer.assign(&list).map_err(fatal)?;
        Ok(Self(consumer))
    }

    /// The next record, if one comes within `timeout`.
    pub fn poll(&self, timeout: Duration) -> Result<Option<InboundMessage>, BrokerError> {
        match self.0.poll(timeout) {
            None => Ok(None),
            Some(Ok(message)) => Ok(Some(owned(&message))),
            Some(Err(error)) => Err(BrokerError::Transient(error.to_string())),
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "called by map_err")]
fn fatal(error: rdkafka::error::KafkaError) -> BrokerError {
    BrokerError::Fatal(error.to_string().into())
}
