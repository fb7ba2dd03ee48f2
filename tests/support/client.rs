//! What tests do with a cluster: create topics, produce, read what was committed.

use super::broker::RealKafka;
use rdkafka::{
    ClientConfig, ClientContext, Message, Offset, TopicPartitionList,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    consumer::{BaseConsumer, Consumer},
    error::KafkaError,
    message::{BorrowedMessage, Header, Headers, OwnedHeaders},
    metadata::{MetadataPartition, MetadataTopic},
    producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext},
    types::RDKafkaErrorCode,
};
use std::{
    collections::HashSet,
    future::Future,
    hash::{BuildHasher, Hasher, RandomState},
    pin::pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
    time::{Duration, Instant},
};

/// How long a request may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A record to be produced.
#[derive(Clone, Debug, Default)]
pub struct NewRecord {
    pub key: Option<Vec<u8>>,
    /// `None` is a tombstone.
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, Vec<u8>)>,
    /// `None` leaves the choice to the partitioner.
    pub partition: Option<i32>,
    /// Milliseconds since 1970; `None` is now.
    pub timestamp: Option<i64>,
}

impl NewRecord {
    /// Makes a record of `value` without a key.
    pub fn new(value: impl Into<Vec<u8>>) -> Self {
        Self { value: Some(value.into()), ..Self::default() }
    }

    /// Makes a record without a value.
    pub fn tombstone(key: impl Into<Vec<u8>>) -> Self {
        Self { key: Some(key.into()), ..Self::default() }
    }

    /// Sets the key.
    #[must_use]
    pub fn key(mut self, key: impl Into<Vec<u8>>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Sets the partition.
    #[must_use]
    pub fn partition(mut self, partition: i32) -> Self {
        self.partition = Some(partition);
        self
    }
}

/// A record that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    /// In order, repeated names kept; `None` is a header without a value.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
    /// Milliseconds since 1970.
    pub timestamp: Option<i64>,
}

impl Record {
    /// Returns the last header of that name, as text.
    pub fn header(&self, name: &str) -> Option<String> {
        let (_, value) = self.headers.iter().rev().find(|(n, _)| n == name)?;
        value.as_ref().map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    }

    /// Returns the value parsed as JSON.
    pub fn json(&self) -> serde_json::Value {
        let value = self.value.as_deref().unwrap_or_default();
        serde_json::from_slice(value)
            .unwrap_or_else(|e| panic!("{}[{}]@{} is not JSON: {e}", self.topic, self.partition, self.offset))
    }

    pub(super) fn from_message(message: &BorrowedMessage<'_>) -> Self {
        let headers = message.headers().map_or_else(Vec::new, |headers| {
            headers.iter().map(|h| (h.key.to_owned(), h.value.map(<[u8]>::to_vec))).collect()
        });
        Self {
            topic: message.topic().to_owned(),
            partition: message.partition(),
            offset: message.offset(),
            key: message.key().map(<[u8]>::to_vec),
            value: message.payload().map(<[u8]>::to_vec),
            headers,
            timestamp: message.timestamp().to_millis(),
        }
    }
}

impl RealKafka {
    /// Creates topics (name, partitions); one that is there already is an error.
    pub fn create_topics(&self, topics: &[(&str, i32)]) {
        self.create_topics_with(topics, &[]);
    }

    /// Creates topics with settings such as `cleanup.policy`, replicated as the cluster prefers,
    /// and waits until each partition has a leader.
    pub fn create_topics_with(&self, topics: &[(&str, i32)], settings: &[(&str, &str)]) {
        let admin: AdminClient<DefaultClientContext> = self.client().create().expect("an admin client");
        let new: Vec<_> = topics
            .iter()
            .map(|(name, partitions)| {
                let topic = NewTopic::new(name, *partitions, TopicReplication::Fixed(-1));
                settings.iter().fold(topic, |topic, (name, value)| topic.set(name, value))
            })
            .collect();
        let options = AdminOptions::new().operation_timeout(Some(PATIENCE)).request_timeout(Some(PATIENCE));
        for result in block_on(admin.create_topics(&new, &options)).expect("topics are created") {
            result.unwrap_or_else(|(topic, code)| panic!("cannot create topic `{topic}`: {code}"));
        }
        for (topic, partitions) in topics {
            let deadline = Instant::now() + PATIENCE;
            while !has_leaders(&admin, topic, *partitions) {
                assert!(Instant::now() < deadline, "topic `{topic}` has no leaders");
                thread::sleep(Duration::from_millis(20));
            }
        }
    }

    /// Produces outside any transaction and returns (partition, offset) of each record, in order.
    pub fn produce(&self, topic: &str, records: &[NewRecord]) -> Vec<(i32, i64)> {
        let mut sender = self.sender();
        for record in records {
            sender.send(topic, record);
        }
        sender.finish(PATIENCE)
    }

    /// Returns a producer for many records; it outlives brokers that come back within two minutes.
    pub fn sender(&self) -> Sender {
        let placed = Placements::default();
        let mut config = self.client();
        config.set("enable.idempotence", "true").set("linger.ms", "0").set("message.timeout.ms", "120000");
        Sender { producer: config.create_with_context(placed.clone()).expect("a producer"), placed, sent: 0 }
    }

    /// Reads committed records of `topics` from the start until `enough` says so or `limit` has
    /// passed; returns what was read, in the order of arrival.
    ///
    /// To show that nothing *more* came, follow up with `read_to_end`.
    pub fn read_committed(
        &self,
        topics: &[&str],
        limit: Duration,
        mut enough: impl FnMut(&[Record]) -> bool,
    ) -> Vec<Record> {
        let deadline = Instant::now() + limit;
        let (consumer, _) = self.reader(topics);
        let mut records = Vec::new();
        while !enough(&records) && Instant::now() < deadline {
            // Errors are passed over: a broker that is being killed is part of some tests.
            if let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) {
                records.push(Record::from_message(&message));
            }
        }
        records
    }

    /// Reads committed records of `topics` from the start up to their ends (where a transaction is
    /// open: up to it), topic by topic.
    pub fn read_to_end(&self, topics: &[&str]) -> Vec<Record> {
        let deadline = Instant::now() + PATIENCE;
        // A reader for each topic, since the end is reported with the partition's number alone;
        // all at once, so that they connect in parallel.
        let readers: Vec<_> = topics.iter().map(|topic| self.reader(&[topic])).collect();
        let mut records = Vec::new();
        for (topic, (consumer, mut open)) in topics.iter().zip(readers) {
            while !open.is_empty() {
                assert!(Instant::now() < deadline, "no end was reached in `{topic}`, partitions {open:?}");
                match consumer.poll(Duration::from_millis(100)) {
                    Some(Ok(message)) => records.push(Record::from_message(&message)),
                    Some(Err(KafkaError::PartitionEOF(partition))) => {
                        open.remove(&partition);
                    }
                    None | Some(Err(_)) => {}
                }
            }
        }
        records
    }

    /// Returns the broker that leads a partition, counted from 0 as `kill` counts.
    pub fn leader(&self, topic: &str, partition: i32) -> usize {
        let consumer: BaseConsumer = self.client().create().expect("a consumer");
        let deadline = Instant::now() + PATIENCE;
        loop {
            let metadata = consumer.fetch_metadata(Some(topic), PATIENCE).expect("metadata");
            let mut partitions = metadata.topics().iter().flat_map(MetadataTopic::partitions);
            let leader = partitions.find(|p| p.id() == partition).map(MetadataPartition::leader);
            if let Some(node) = leader.and_then(|id| usize::try_from(id).ok()).filter(|id| *id > 0) {
                return node - 1;
            }
            assert!(Instant::now() < deadline, "`{topic}/{partition}` has no leader");
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// Deletes topics and waits until the brokers name them no more.
    pub fn delete_topics(&self, topics: &[&str]) {
        let admin: AdminClient<DefaultClientContext> = self.client().create().expect("an admin client");
        let options = AdminOptions::new().operation_timeout(Some(PATIENCE)).request_timeout(Some(PATIENCE));
        for result in block_on(admin.delete_topics(topics, &options)).expect("topics are deleted") {
            result.unwrap_or_else(|(topic, code)| panic!("cannot delete topic `{topic}`: {code}"));
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            let metadata = admin.inner().fetch_metadata(None, PATIENCE).expect("metadata");
            if metadata.topics().iter().all(|topic| !topics.contains(&topic.name())) {
                return;
            }
            assert!(Instant::now() < deadline, "{topics:?} are still there");
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Returns a consumer in no group at the start of all partitions, and the partitions' numbers.
    pub(super) fn reader(&self, topics: &[&str]) -> (BaseConsumer, HashSet<i32>) {
        let consumer: BaseConsumer = self
            .client()
            .set("group.id", unique("reader"))
            .set("isolation.level", "read_committed")
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true")
            .set("auto.offset.reset", "earliest")
            // The end shows when a fetch comes back empty.
            .set("fetch.wait.max.ms", "20")
            .create()
            .expect("a consumer");
        let mut assignment = TopicPartitionList::new();
        let mut partitions = HashSet::new();
        for topic in topics {
            // A topic just created takes a moment to be known to the broker.
            let deadline = Instant::now() + PATIENCE;
            let ids: Vec<_> = loop {
                let metadata = consumer.fetch_metadata(Some(topic), PATIENCE).expect("metadata");
                let ids: Vec<_> =
                    metadata.topics().iter().flat_map(MetadataTopic::partitions).map(MetadataPartition::id).collect();
                if !ids.is_empty() {
                    break ids;
                }
                assert!(Instant::now() < deadline, "there is no topic `{topic}`");
                thread::sleep(Duration::from_millis(50));
            };
            for id in ids {
                assignment.add_partition_offset(topic, id, Offset::Beginning).expect("an assignment");
                partitions.insert(id);
            }
        }
        consumer.assign(&assignment).expect("partitions are assigned");
        (consumer, partitions)
    }

    /// Returns settings for a client of this cluster that keeps quiet about lost connections.
    pub fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.bootstrap()).set("log_level", "2").set("reconnect.backoff.max.ms", "500");
        config
    }
}

/// Sends records one by one; see `RealKafka::sender`.
pub struct Sender {
    producer: BaseProducer<Placements>,
    placed: Placements,
    sent: usize,
}

impl Sender {
    /// Hands a record over; waits while the queue is full.
    pub fn send(&mut self, topic: &str, record: &NewRecord) {
        self.placed.0.lock().unwrap().push(None);
        let mut base = record.to_base(topic, self.sent);
        self.sent += 1;
        while let Err((error, refused)) = self.producer.send(base) {
            let full = error == KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull);
            assert!(full, "cannot produce to `{topic}`: {error}");
            self.producer.poll(Duration::from_millis(100));
            base = refused;
        }
        self.producer.poll(Duration::ZERO);
    }

    /// Waits up to `limit` for all deliveries and returns (partition, offset) of each record, in order.
    pub fn finish(self, limit: Duration) -> Vec<(i32, i64)> {
        self.producer.flush(limit).expect("records are delivered");
        let placed = self.placed.0.lock().unwrap();
        let place = |p: &Option<Placement>| p.clone().expect("a delivery report");
        placed.iter().map(|p| place(p).unwrap_or_else(|e| panic!("cannot produce: {e}"))).collect()
    }
}

impl NewRecord {
    fn to_base<'a>(&'a self, topic: &'a str, index: usize) -> BaseRecord<'a, Vec<u8>, Vec<u8>, Box<usize>> {
        let mut base = BaseRecord::with_opaque_to(topic, Box::new(index));
        if let Some(key) = &self.key {
            base = base.key(key);
        }
        if let Some(value) = &self.value {
            base = base.payload(value);
        }
        if let Some(partition) = self.partition {
            base = base.partition(partition);
        }
        if let Some(timestamp) = self.timestamp {
            base = base.timestamp(timestamp);
        }
        let headers = self
            .headers
            .iter()
            .fold(OwnedHeaders::new(), |headers, (key, value)| headers.insert(Header { key, value: Some(value) }));
        if self.headers.is_empty() { base } else { base.headers(headers) }
    }
}

/// Partition and offset, or why not.
type Placement = Result<(i32, i64), String>;

/// Collects where each record went, by its index.
#[derive(Clone, Default)]
struct Placements(Arc<Mutex<Vec<Option<Placement>>>>);

impl ClientContext for Placements {}

impl ProducerContext for Placements {
    type DeliveryOpaque = Box<usize>;

    fn delivery(&self, result: &DeliveryResult<'_>, index: Box<usize>) {
        let place = match result {
            Ok(message) => Ok((message.partition(), message.offset())),
            Err((error, _)) => Err(error.to_string()),
        };
        self.0.lock().unwrap()[*index] = Some(place);
    }
}

fn has_leaders(admin: &AdminClient<DefaultClientContext>, topic: &str, partitions: i32) -> bool {
    let Ok(metadata) = admin.inner().fetch_metadata(Some(topic), PATIENCE) else { return false };
    let led = metadata.topics().iter().flat_map(MetadataTopic::partitions).filter(|p| p.leader() >= 0).count();
    i32::try_from(led) == Ok(partitions)
}

/// Tells a wrong address apart from a failing test.
pub(super) fn check_answers(bootstrap: &str) -> Result<(), String> {
    let consumer: Result<BaseConsumer, _> =
        ClientConfig::new().set("bootstrap.servers", bootstrap).set("log_level", "2").create();
    consumer
        .and_then(|consumer| consumer.fetch_metadata(None, PATIENCE).map(drop))
        .map_err(|e| format!("no Kafka cluster answers at `{bootstrap}`: {e}"))
}

/// Returns a random number; the standard library seeds its hasher from the system.
pub(super) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// Returns `prefix` made unique, for topics, groups and transactional ids on a shared cluster.
pub fn unique(prefix: &str) -> String {
    format!("{prefix}-{:08x}", random() as u32)
}

/// Runs a future on this thread. Not tokio's: these helpers are also called from inside a runtime,
/// which would refuse.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => thread::park(),
        }
    }
}
