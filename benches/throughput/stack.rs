//! Topics, producer and reader around one worker on a real Kafka.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::metadata::MetadataTopic;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use undertone::message::Channel;

use super::Fallible;
use super::feed::Sample;
use super::support::{RealKafka, unique};

const PATIENCE: Duration = Duration::from_secs(30);

/// Where one worker reads and writes; topics and groups of its own.
pub struct Stack {
    kafka: &'static RealKafka,
    prefix: String,
    pub config: PathBuf,
    folder: tempfile::TempDir,
}

impl Stack {
    /// Creates the topics, all settings at their defaults.
    pub fn new(kafka: &'static RealKafka, name: &str) -> Fallible<Self> {
        let prefix = unique(name);
        let folder = tempfile::tempdir()?;
        let config = folder.path().join("undertone.toml");
        let mut text =
            format!("[app]\nname = \"{prefix}\"\n[kafka]\nbootstrap_servers = \"{}\"\n[topics]\n", kafka.bootstrap());
        for topic in ["scored", "tickets", "filtered", "review", "dlq"] {
            writeln!(text, "{topic} = \"{prefix}.{topic}\"")?;
        }
        writeln!(text, "[topics.inputs]")?;
        for channel in Channel::ALL {
            writeln!(text, "\"{prefix}.{channel}\" = \"{channel}\"")?;
        }
        std::fs::write(&config, text)?;
        let output = Command::new(env!("CARGO_BIN_EXE_undertone"))
            .args(["topics", "create", "--config"])
            .arg(&config)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()?;
        if !output.status.success() {
            return Err(format!("no topics: {}", String::from_utf8_lossy(&output.stderr)).into());
        }
        Ok(Self { kafka, prefix, config, folder })
    }

    /// Full name of a topic.
    pub fn topic(&self, name: &str) -> String {
        format!("{}.{name}", self.prefix)
    }

    /// Folder for logs and the like.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Addresses of the brokers.
    pub fn bootstrap(&self) -> &str {
        self.kafka.bootstrap()
    }

    /// Creates one more topic.
    pub fn create_topic(&self, name: &str, partitions: i32) {
        self.kafka.create_topics(&[(&self.topic(name), partitions)]);
    }

    /// Writes to the input topics.
    pub fn feeder(&self) -> Fallible<Feeder<'_>> {
        // Sent at once, as single messages come in; the batch is what gathers meanwhile.
        let producer = self.kafka.client().set("linger.ms", "0").set("partitioner", "murmur2_random").create()?;
        Ok(Feeder { stack: self, producer })
    }

    /// Starts to read what is committed to the worker's final topics.
    pub fn reader(&self) -> Fallible<Reader> {
        let mut topics: Vec<String> = (1..=5).map(|level| self.topic(&format!("tickets.p{level}"))).collect();
        topics.extend([self.topic("filtered"), self.topic("dlq")]);
        Reader::start(self.kafka, &topics)
    }

    /// Starts to read what is committed to one topic.
    pub fn reader_of(&self, name: &str) -> Fallible<Reader> {
        Reader::start(self.kafka, &[self.topic(name)])
    }
}

/// A producer to the input topics.
pub struct Feeder<'a> {
    stack: &'a Stack,
    producer: ThreadedProducer<DefaultProducerContext>,
}

impl Feeder<'_> {
    /// Sends one sample as the `index`-th message.
    pub fn send(&self, sample: &Sample, index: usize, received_at: Option<jiff::Timestamp>) -> Fallible<()> {
        let (key, value) = sample.record(index, received_at);
        let topic = self.stack.topic(sample.channel.as_str());
        let mut record = BaseRecord::to(&topic).key(&key).payload(&value);
        while let Err((error, refused)) = self.producer.send(record) {
            if error != KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull) {
                return Err(error.into());
            }
            std::thread::sleep(Duration::from_millis(10));
            record = refused;
        }
        Ok(())
    }

    /// Waits until everything sent is on the broker.
    pub fn flush(&self) -> Fallible<()> {
        Ok(self.producer.flush(PATIENCE)?)
    }
}

/// An outcome as a reader saw it.
#[derive(Debug, Clone)]
pub struct Seen {
    /// When it was read.
    pub at: Instant,
    /// The same in milliseconds since the epoch, minus the input record's timestamp.
    pub latency_ms: i64,
    /// Whether it is a ticket: neither filtered nor a dead letter.
    pub ticket: bool,
    value: Vec<u8>,
}

impl Seen {
    /// Channel that the ticket names.
    pub fn channel(&self) -> Option<Channel> {
        let value: serde_json::Value = serde_json::from_slice(&self.value).ok()?;
        value.get("channel")?.as_str()?.parse().ok()
    }
}

/// Reads in its own thread from the start of the topics, under read_committed.
pub struct Reader {
    seen: Arc<Mutex<Vec<Seen>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Reader {
    fn start(kafka: &RealKafka, topics: &[String]) -> Fallible<Self> {
        let consumer: BaseConsumer = kafka
            .client()
            .set("group.id", unique("bench-reader"))
            .set("isolation.level", "read_committed")
            .set("enable.auto.commit", "false")
            .create()?;
        let mut assignment = TopicPartitionList::new();
        for topic in topics {
            let metadata = consumer.fetch_metadata(Some(topic), PATIENCE)?;
            for partition in metadata.topics().iter().flat_map(MetadataTopic::partitions) {
                assignment.add_partition_offset(topic, partition.id(), Offset::Beginning)?;
            }
        }
        consumer.assign(&assignment)?;
        let seen = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let thread = {
            let (seen, stop) = (Arc::clone(&seen), Arc::clone(&stop));
            std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    if let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) {
                        let now_ms = jiff::Timestamp::now().as_millisecond();
                        let outcome = Seen {
                            at: Instant::now(),
                            latency_ms: message.timestamp().to_millis().map_or(i64::MAX, |stamp| now_ms - stamp),
                            ticket: message.topic().contains(".tickets."),
                            value: message.payload().unwrap_or_default().to_vec(),
                        };
                        seen.lock().unwrap_or_else(PoisonError::into_inner).push(outcome);
                    }
                }
            })
        };
        Ok(Self { seen, stop, thread: Some(thread) })
    }

    /// Outcomes read so far.
    pub fn count(&self) -> usize {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Waits for `count` outcomes, calling `check` meanwhile; fails after `limit`.
    pub fn wait(&self, count: usize, limit: Duration, mut check: impl FnMut() -> Fallible<()>) -> Fallible<()> {
        let deadline = Instant::now() + limit;
        while self.count() < count {
            if Instant::now() > deadline {
                return Err(format!("{} of {count} outcomes after {limit:?}", self.count()).into());
            }
            check()?;
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Everything read so far, in the order of arrival.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
