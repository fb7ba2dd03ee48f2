//! Follows a compacted topic as a table that every worker holds whole, without a group.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tracing::warn;

use super::broker::BrokerError;
use super::client::{Role, client_config};
use crate::config::Config;

const CALL_TIMEOUT: Duration = Duration::from_secs(30);
/// A wait for a record; also how soon the thread hears that it is to end.
const POLL_TIMEOUT: Duration = Duration::from_millis(100);

/// A thread that follows a topic from its beginning; it ends when this is dropped.
pub struct TableReader {
    stop: Arc<AtomicBool>,
    whole: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl TableReader {
    /// Starts to read all partitions of `topic`; `apply` gets key and value of each record, in the order of a
    /// partition, and `None` for a tombstone.
    pub fn start(
        config: &Config,
        topic: &str,
        apply: impl Fn(&[u8], Option<&[u8]>) + Send + 'static,
    ) -> Result<Self, BrokerError> {
        let failed = |error: KafkaError| BrokerError::Transient(format!("topic `{topic}`: {error}"));
        let mut client = client_config(config, Role::Consumer)?;
        client
            // The client library wants one; nothing is ever committed under it.
            .set("group.id", format!("{}-table", config.app.name))
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("enable.partition.eof", "true")
            .set("isolation.level", "read_committed");
        let consumer: BaseConsumer = client.create().map_err(failed)?;
        let metadata = consumer.fetch_metadata(Some(topic), CALL_TIMEOUT).map_err(failed)?;
        let mut list = TopicPartitionList::new();
        for partition in metadata.topics().iter().flat_map(rdkafka::metadata::MetadataTopic::partitions) {
            list.add_partition_offset(topic, partition.id(), Offset::Beginning).map_err(failed)?;
        }
        if list.count() == 0 {
            return Err(BrokerError::Transient(format!(
                "topic `{topic}` is missing; `undertone topics create` creates it"
            )));
        }
        consumer.assign(&list).map_err(failed)?;
        let (stop, whole) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let (stopped, read) = (Arc::clone(&stop), Arc::clone(&whole));
        let partitions = list.count();
        let thread = std::thread::Builder::new()
            .name("table".to_owned())
            .spawn(move || {
                let mut ended = std::collections::HashSet::new();
                while !stopped.load(Ordering::Relaxed) {
                    match consumer.poll(POLL_TIMEOUT) {
                        None => {}
                        Some(Ok(message)) => {
                            if let Some(key) = message.key() {
                                apply(key, message.payload());
                            }
                        }
                        Some(Err(KafkaError::PartitionEOF(partition))) => {
                            ended.insert(partition);
                            if ended.len() >= partitions {
                                read.store(true, Ordering::Release);
                            }
                        }
                        Some(Err(error)) => warn!(error = %error, "a table cannot be followed for now"),
                    }
                }
            })
            .map_err(|error| BrokerError::Transient(format!("cannot start a thread: {error}")))?;
        Ok(Self { stop, whole, thread: Some(thread) })
    }

    /// Waits until everything that was there has been read; `false` when `limit` passes before.
    pub fn wait(&self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        while !self.whole.load(Ordering::Acquire) {
            if Instant::now() >= deadline {
                return false;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        true
    }
}

impl Drop for TableReader {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It cannot have failed in a way that matters here.
            let _ = thread.join();
        }
    }
}
