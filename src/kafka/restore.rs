//! Reads the state of partitions from the changelog topic, on a thread of its own. (architecture.md, decision 13)

use std::time::{Duration, Instant};

use bytes::Bytes;
use crossbeam_channel::{Receiver, Sender, bounded};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tracing::info;

use super::broker::{BrokerError, Restored};
use super::client::{Role, client_config};
use super::processor::TopicPartition;
use crate::config::Config;

/// Records on their way to the loop.
const IN_FLIGHT: usize = 4096;
const CALL_TIMEOUT: Duration = Duration::from_secs(30);
/// Between two looks at how far committed data reaches.
const SETTLE_PAUSE: Duration = Duration::from_millis(50);
/// Between two lines about a long restore.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(5);

/// Starts reading; the thread ends when all is given, or when nobody listens any more.
pub(super) fn start(
    config: &Config,
    changelog: &str,
    sources: Vec<TopicPartition>,
) -> Result<Receiver<Restored>, BrokerError> {
    let (events, listener) = bounded(IN_FLIGHT);
    let reader = Reader { config: config.clone(), changelog: changelog.to_owned(), events };
    std::thread::Builder::new()
        .name("restore".to_owned())
        .spawn(move || {
            if let Err(message) = reader.read(&sources) {
                // Nobody listens after a revoke.
                let _ = reader.events.send(Restored::Failed(message));
            }
        })
        .map_err(|error| BrokerError::Transient(format!("cannot start a thread: {error}")))?;
    Ok(listener)
}

struct Reader {
    config: Config,
    changelog: String,
    events: Sender<Restored>,
}

impl Reader {
    /// One partition after the other, so that the first can work while the last is still read.
    fn read(&self, sources: &[TopicPartition]) -> Result<(), String> {
        let uncommitted = self.consumer("read_uncommitted")?;
        let committed = self.consumer("read_committed")?;
        for source in sources {
            self.settle(&uncommitted, &committed, source)?;
            if !self.partition(&committed, source)? || self.events.send(Restored::Complete(source.clone())).is_err() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Waits until whatever the last owner began is committed or aborted: only then does a committed read see all.
    fn settle(
        &self,
        uncommitted: &BaseConsumer,
        committed: &BaseConsumer,
        source: &TopicPartition,
    ) -> Result<(), String> {
        let end = |consumer: &BaseConsumer| {
            let watermarks = consumer.fetch_watermarks(&self.changelog, source.partition, CALL_TIMEOUT);
            watermarks.map(|(_, end)| end).map_err(|error| self.failed(source, &error))
        };
        let written = end(uncommitted)?;
        // Its transaction ends by its time-out at the latest.
        let patience = Duration::from_millis(self.config.delivery.transaction_timeout_ms) + CALL_TIMEOUT;
        let deadline = Instant::now() + patience;
        while end(committed)? < written {
            if Instant::now() > deadline {
                return Err(format!(
                    "`{}/{}`: a transaction stays open; is its transaction time-out longer than {patience:?}?",
                    self.changelog, source.partition
                ));
            }
            std::thread::sleep(SETTLE_PAUSE);
        }
        Ok(())
    }

    /// Reads a partition to its end; `false` when nobody listens any more.
    fn partition(&self, consumer: &BaseConsumer, source: &TopicPartition) -> Result<bool, String> {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&self.changelog, source.partition, Offset::Beginning)
            .and_then(|()| consumer.assign(&list))
            .map_err(|error| self.failed(source, &error))?;
        let (mut records, mut told) = (0u64, Instant::now());
        let mut heard = Instant::now();
        loop {
            match consumer.poll(Duration::from_millis(100)) {
                None if heard.elapsed() > CALL_TIMEOUT => {
                    return Err(format!(
                        "`{}/{}`: nothing is heard from the brokers",
                        self.changelog, source.partition
                    ));
                }
                Some(Err(KafkaError::PartitionEOF(partition))) if partition == source.partition => return Ok(true),
                Some(Err(error)) if heard.elapsed() > CALL_TIMEOUT => return Err(self.failed(source, &error)),
                // Brokers come and go; librdkafka tries again.
                None | Some(Err(_)) => {}
                Some(Ok(message)) => {
                    heard = Instant::now();
                    // A record without a key is none of ours.
                    let Some(key) = message.key() else { continue };
                    records += 1;
                    let record = Restored::Record {
                        source: source.clone(),
                        key: Bytes::copy_from_slice(key),
                        value: message.payload().map(Bytes::copy_from_slice),
                    };
                    if message.partition() == source.partition && self.events.send(record).is_err() {
                        return Ok(false);
                    }
                }
            }
            if told.elapsed() >= PROGRESS_INTERVAL {
                told = Instant::now();
                info!(partition = %source, records, "restoring state");
            }
        }
    }

    fn consumer(&self, isolation: &str) -> Result<BaseConsumer, String> {
        let mut client = client_config(&self.config, Role::Consumer).map_err(|error| error.to_string())?;
        client
            // The client library wants one; nothing is ever committed under it.
            .set("group.id", format!("{}-restore", self.config.app.name))
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("enable.partition.eof", "true")
            .set("isolation.level", isolation)
            .set("fetch.wait.max.ms", "10");
        client.create().map_err(|error| format!("the reader of `{}`: {error}", self.changelog))
    }

    fn failed(&self, source: &TopicPartition, error: &KafkaError) -> String {
        format!("`{}/{}`: {error}", self.changelog, source.partition)
    }
}
