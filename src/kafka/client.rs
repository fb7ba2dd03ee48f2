//! The real broker: an rdkafka consumer and producer behind the loop's [`Broker`] trait.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use crossbeam_channel::Receiver;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerGroupMetadata};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, PurgeConfig};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList, TopicPartitionListElem};
use rdkafka::util::Timeout;

use super::broker::{Broker, BrokerError, CommitFailure, Position, ProduceError, Rebalance, Restored, Unusable};
use super::context::{SharedContext, StageContext};
use super::crash_point::{crash_point, forced_abort};
use super::plain::headers;
use super::processor::{OutputRecord, TopicPartition};
use super::restore;
use crate::config::{Config, DeliveryMode};
use crate::message::{InboundMessage, SourcePosition};

/// Room that dead letters have above the input limit, for their headers. (architecture.md, decision 18)
pub const DEAD_LETTER_ROOM: usize = 64 * 1024;
/// What a broker accepts when `max.message.bytes` is not set.
pub const DEFAULT_MAX_MESSAGE_BYTES: usize = 1_048_588;

const CALL_TIMEOUT: Duration = Duration::from_secs(30);
/// A wait for delivery reports.
const SETTLE_POLL: Duration = Duration::from_millis(2);

/// What a client is for; decides which options apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Reads.
    Consumer,
    /// Writes.
    Producer,
    /// Administers, or only looks.
    Admin,
}

/// librdkafka settings of a client: defaults, the user's options, secrets, in that order.
pub fn client_config(config: &Config, role: Role) -> Result<ClientConfig, BrokerError> {
    let mut client = ClientConfig::new();
    client.set("client.id", config.app.instance_id.as_deref().unwrap_or(&config.app.name));
    let extra = match role {
        Role::Consumer => Some(&config.kafka.consumer_options),
        Role::Producer => Some(&config.kafka.producer_options),
        Role::Admin => None,
    };
    for (option, value) in config.kafka.options.iter().chain(extra.into_iter().flatten()) {
        client.set(option, value.to_string());
    }
    for (option, path) in &config.kafka.secret_files {
        let secret = std::fs::read_to_string(path).map_err(|error| {
            BrokerError::Fatal(format!("cannot read `{}` for `{option}`: {error}", path.display()).into())
        })?;
        client.set(option, secret.trim_end_matches(['\r', '\n']));
    }
    client.set("bootstrap.servers", &config.kafka.bootstrap_servers);
    Ok(client)
}

/// Consumer and producer of one stage; lives and dies on the stage's Kafka thread.
pub struct KafkaBroker {
    consumer: BaseConsumer<SharedContext>,
    producer: BaseProducer<SharedContext>,
    context: Arc<StageContext>,
    config: Config,
    mode: DeliveryMode,
    transactional_id: String,
    commit_timeout: Duration,
    in_transaction: bool,
    /// A record that came while committing; the next poll returns it.
    stash: Option<InboundMessage>,
}

impl KafkaBroker {
    /// Creates the clients of `stage`, fences an older twin and joins the group `<app>-<stage>`.
    ///
    /// Blocks until the transaction coordinator has answered, at most about half a minute.
    pub fn connect(config: &Config, stage: &str, topics: &[&str]) -> Result<Self, BrokerError> {
        let fatal = |error: KafkaError| BrokerError::Fatal(error.to_string().into());
        let group = format!("{}-{stage}", config.app.name);
        let instance = config.app.instance_id.as_deref().unwrap_or(&config.app.name);
        let transactional_id = format!("{group}.{instance}");
        let delivery = &config.delivery;
        let context = Arc::new(StageContext::default());

        let mut consumer = client_config(config, Role::Consumer)?;
        set_default(&mut consumer, "queued.max.messages.kbytes", "16384");
        set_default(&mut consumer, "queued.min.messages", "1000");
        // The default of a second would starve a fast stage whose small queue runs full.
        set_default(&mut consumer, "fetch.queue.backoff.ms", "10");
        // A pause, resume or seek takes effect when the fetch under way has ended.
        set_default(&mut consumer, "fetch.wait.max.ms", "100");
        set_default(&mut consumer, "statistics.interval.ms", "5000");
        set_default(&mut consumer, "fetch.message.max.bytes", "4194304");
        consumer
            .set("group.id", &group)
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("isolation.level", "read_committed")
            .set("partition.assignment.strategy", "cooperative-sticky")
            .set("session.timeout.ms", delivery.session_timeout_ms.to_string())
            .set("max.poll.interval.ms", delivery.max_poll_interval_ms.to_string());
        set_default(&mut consumer, "auto.offset.reset", "earliest");
        let heartbeat = (delivery.session_timeout_ms / 3).clamp(1, 3000);
        set_default(&mut consumer, "heartbeat.interval.ms", &heartbeat.to_string());

        let mut producer = client_config(config, Role::Producer)?;
        set_default(&mut producer, "partitioner", "murmur2_random");
        let largest = DEFAULT_MAX_MESSAGE_BYTES.max(config.limits.max_payload_bytes) + DEAD_LETTER_ROOM;
        set_default(&mut producer, "message.max.bytes", &largest.to_string());
        set_default(&mut producer, "linger.ms", "2");
        producer
            .set("enable.idempotence", "true")
            // Well before the coordinator aborts by itself, so that the failure is seen as what it is.
            .set(
                "message.timeout.ms",
                (delivery.transaction_timeout_ms.saturating_sub(delivery.commit_interval_ms) / 2).max(1).to_string(),
            );
        if delivery.mode == DeliveryMode::ExactlyOnce {
            producer
                .set("transactional.id", &transactional_id)
                .set("transaction.timeout.ms", delivery.transaction_timeout_ms.to_string());
        }
        let consumer: BaseConsumer<SharedContext> =
            consumer.create_with_context(SharedContext(Arc::clone(&context))).map_err(fatal)?;
        let producer: BaseProducer<SharedContext> =
            producer.create_with_context(SharedContext(Arc::clone(&context))).map_err(fatal)?;
        if delivery.mode == DeliveryMode::ExactlyOnce {
            init_transactions(&producer, &transactional_id)?;
        }
        consumer.subscribe(topics).map_err(fatal)?;
        Ok(Self {
            consumer,
            producer,
            context,
            config: config.clone(),
            mode: delivery.mode,
            transactional_id,
            commit_timeout: Duration::from_millis(delivery.transaction_timeout_ms),
            in_transaction: false,
            stash: None,
        })
    }

    fn poll_consumer(&self, timeout: Duration) -> Result<Option<InboundMessage>, BrokerError> {
        match self.consumer.poll(timeout) {
            None => Ok(None),
            Some(Ok(message)) => Ok(Some(owned(&message))),
            Some(Err(error @ KafkaError::MessageConsumptionFatal(_))) => Err(BrokerError::Fatal(self.explain(&error))),
            Some(Err(error)) => Err(BrokerError::Transient(error.to_string())),
        }
    }

    fn begin(&mut self) -> Result<(), KafkaError> {
        if self.mode == DeliveryMode::ExactlyOnce && !self.in_transaction {
            self.producer.begin_transaction()?;
        }
        self.in_transaction = true;
        Ok(())
    }

    fn commit_transaction(
        &mut self,
        offsets: &TopicPartitionList,
        metadata: &ConsumerGroupMetadata,
    ) -> Result<(), CommitFailure> {
        let deadline = Instant::now() + self.commit_timeout;
        self.settle(deadline).map_err(|error| self.not_committed(&error))?;
        // Retries use the same list and the same metadata: fresh ones after a rejoin would make stale
        // offsets look valid (engineering.md, K5).
        crash_point!("commit.before_offsets");
        self.until(deadline, || self.producer.send_offsets_to_transaction(offsets, metadata, Timeout::Never))?;
        crash_point!("commit.before_commit");
        self.until(deadline, || self.producer.commit_transaction(Timeout::Never))?;
        crash_point!("commit.after_commit");
        Ok(())
    }

    fn until(&self, deadline: Instant, call: impl Fn() -> Result<(), KafkaError>) -> Result<(), CommitFailure> {
        loop {
            let Err(error) = call() else { return Ok(()) };
            match classify(&error) {
                Severity::Retry if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(20)),
                _ => return Err(self.not_committed(&error)),
            }
        }
    }

    fn commit_offsets(&mut self, offsets: &TopicPartitionList) -> Result<(), CommitFailure> {
        if let Err(error) = self.settle(Instant::now() + self.commit_timeout) {
            return Err(CommitFailure::Abort(error.to_string()));
        }
        let deliveries = self.context.take_deliveries();
        if let Some(reason) = deliveries.failed {
            return Err(if deliveries.refused { CommitFailure::Refused(reason) } else { CommitFailure::Abort(reason) });
        }
        self.consumer.commit(offsets, CommitMode::Sync).map_err(|error| CommitFailure::Abort(error.to_string()))
    }

    /// Sends what is queued and serves delivery reports until none is awaited.
    ///
    /// The producer has no thread of its own: rdkafka's `ThreadedProducer` polls for ever, at one per cent of a
    /// processor, and `BaseProducer::flush` waits in steps of 100 ms, however soon the last report comes.
    fn settle(&self, deadline: Instant) -> Result<(), KafkaError> {
        loop {
            // Without a time-out this does not wait: it only makes librdkafka send without lingering.
            match self.producer.flush(Duration::ZERO) {
                Err(_) if Instant::now() < deadline => self.producer.poll(SETTLE_POLL),
                settled => return settled,
            }
        }
    }

    /// Aborts while another thread serves the reports of the records that are purged.
    ///
    /// The call purges by itself, and waits for the reports without reading them (engineering.md, K1). A purge of
    /// ours before it would not do: only its own keeps the sequence numbers without a gap, and after a gap the
    /// broker refuses the next transaction (`OUT_OF_ORDER_SEQUENCE_NUMBER`).
    fn abort_transaction(&self) -> Result<(), BrokerError> {
        let deadline = Instant::now() + CALL_TIMEOUT;
        let ended = AtomicBool::new(false);
        std::thread::scope(|scope| {
            std::thread::Builder::new()
                .name("deliveries".to_owned())
                .spawn_scoped(scope, || {
                    while !ended.load(Ordering::Relaxed) {
                        self.producer.poll(SETTLE_POLL);
                    }
                })
                .map_err(|error| BrokerError::Fatal(format!("cannot start a thread: {error}").into()))?;
            let result = loop {
                let Err(error) = self.producer.abort_transaction(CALL_TIMEOUT) else { break Ok(()) };
                match classify(&error) {
                    Severity::Retry if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(50)),
                    _ => break Err(BrokerError::Fatal(self.explain(&error))),
                }
            };
            ended.store(true, Ordering::Relaxed);
            result
        })
    }

    /// Says whether a fatal error is a fence, and of which id.
    fn explain(&self, error: &KafkaError) -> Unusable {
        let code = self.producer.client().fatal_error().map(|(code, _)| code).or_else(|| error.rdkafka_error_code());
        if matches!(
            code,
            Some(RDKafkaErrorCode::Fenced | RDKafkaErrorCode::ProducerFenced | RDKafkaErrorCode::InvalidProducerEpoch)
        ) {
            let message = format!(
                "fenced: another worker uses the transactional id `{}` (or this one was away too long): {error}",
                self.transactional_id
            );
            return Unusable { message, renewable: false };
        }
        error.to_string().into()
    }

    /// What a failed call means for the transaction that was to be committed.
    fn not_committed(&self, error: &KafkaError) -> CommitFailure {
        if classify(error) == Severity::Fatal {
            return CommitFailure::Fatal(self.explain(error));
        }
        match self.refused_earlier(error) {
            Ok(reason) => CommitFailure::Refused(reason),
            Err(reason) => CommitFailure::Abort(reason),
        }
    }

    /// What a failed call means when an earlier record was refused meanwhile: its report explains the failure.
    fn refused_earlier(&self, error: &KafkaError) -> Result<String, String> {
        let deliveries = self.context.take_deliveries();
        let reason = deliveries.failed.unwrap_or_else(|| error.to_string());
        if deliveries.refused { Ok(reason) } else { Err(reason) }
    }
}

impl Broker for KafkaBroker {
    fn poll(&mut self, timeout: Duration) -> Result<Option<InboundMessage>, BrokerError> {
        // Delivery reports and errors of the producer.
        self.producer.poll(Duration::ZERO);
        match self.stash.take() {
            Some(message) => Ok(Some(message)),
            None => self.poll_consumer(timeout),
        }
    }

    fn rebalances(&mut self) -> Vec<Rebalance> {
        self.context.take_rebalances()
    }

    fn pause(&mut self, partitions: &[TopicPartition]) -> Result<(), BrokerError> {
        if partitions.is_empty() {
            return Ok(());
        }
        self.consumer.pause(&list(partitions)).map_err(transient)
    }

    fn resume(&mut self, partitions: &[TopicPartition]) -> Result<(), BrokerError> {
        if partitions.is_empty() {
            return Ok(());
        }
        self.consumer.resume(&list(partitions)).map_err(transient)
    }

    fn produce(&mut self, record: &OutputRecord) -> Result<(), ProduceError> {
        self.begin().map_err(|error| match classify(&error) {
            Severity::Fatal => ProduceError::Fatal(self.explain(&error)),
            Severity::Retry | Severity::Abort => match self.refused_earlier(&error) {
                Ok(reason) => ProduceError::RefusedEarlier(reason),
                Err(reason) => ProduceError::Abort(reason),
            },
        })?;
        let deadline = Instant::now() + self.commit_timeout;
        loop {
            let mut message = BaseRecord::<[u8], [u8]>::to(&record.topic).headers(headers(record));
            message.key = record.key.as_deref();
            message.payload = record.payload.as_deref();
            message.partition = record.partition;
            message.timestamp = record.timestamp_ms;
            let Err((error, _)) = self.producer.send(message) else { return Ok(()) };
            match error.rdkafka_error_code() {
                // Reports make room in the queue.
                Some(RDKafkaErrorCode::QueueFull) if Instant::now() < deadline => self.producer.poll(SETTLE_POLL),
                Some(RDKafkaErrorCode::MessageSizeTooLarge) => return Err(ProduceError::Refused(error.to_string())),
                Some(RDKafkaErrorCode::Fatal | RDKafkaErrorCode::Fenced) => {
                    return Err(ProduceError::Fatal(self.explain(&error)));
                }
                _ => {
                    return Err(match self.refused_earlier(&error) {
                        Ok(reason) => ProduceError::RefusedEarlier(reason),
                        Err(reason) => ProduceError::Abort(format!("topic `{}`: {reason}", record.topic)),
                    });
                }
            }
        }
    }

    fn committed(&mut self, partitions: &[TopicPartition]) -> Result<Vec<Position>, BrokerError> {
        let committed = self.consumer.committed_offsets(list(partitions), CALL_TIMEOUT).map_err(transient)?;
        let position = |element: &TopicPartitionListElem<'_>| match element.offset() {
            Offset::Offset(offset) => Some(Position {
                partition: TopicPartition::new(element.topic(), element.partition()),
                offset,
                metadata: element.metadata().to_owned(),
            }),
            _ => None,
        };
        Ok(committed.elements().iter().filter_map(position).collect())
    }

    fn restore(&mut self, changelog: &str, partitions: &[TopicPartition]) -> Result<Receiver<Restored>, BrokerError> {
        restore::start(&self.config, changelog, partitions.to_vec())
    }

    fn commit(&mut self, offsets: &[Position]) -> Result<(), CommitFailure> {
        crash_point!("commit.begin");
        self.begin().map_err(|error| self.not_committed(&error))?;
        // Serve a rebalance that is already known; the broker fences the rest.
        if self.stash.is_none() {
            self.stash = self.poll_consumer(Duration::ZERO).map_err(|error| CommitFailure::Abort(error.to_string()))?;
        }
        let lost = |what: &str| CommitFailure::Abort(what.to_owned());
        if self.context.revoke_pending() {
            return Err(lost("partitions were revoked"));
        }
        let metadata = self.consumer.group_metadata().ok_or_else(|| lost("no group metadata"))?;
        if self.consumer.assignment_lost() {
            return Err(lost("the assignment was lost"));
        }
        let assignment = self.consumer.assignment().map_err(|error| lost(&error.to_string()))?;
        if let Some(Position { partition, .. }) = offsets.iter().find(|position| {
            assignment.find_partition(&position.partition.topic, position.partition.partition).is_none()
        }) {
            return Err(lost(&format!("`{partition}` is not assigned any more")));
        }
        if forced_abort(offsets) {
            return Err(lost("forced by a test"));
        }
        let offsets = offset_list(offsets).map_err(|error| lost(&error.to_string()))?;
        match self.mode {
            DeliveryMode::ExactlyOnce => self.commit_transaction(&offsets, &metadata)?,
            DeliveryMode::AtLeastOnce => self.commit_offsets(&offsets)?,
        }
        self.in_transaction = false;
        Ok(())
    }

    fn abort(&mut self) -> Result<(), BrokerError> {
        if !std::mem::take(&mut self.in_transaction) {
            return Ok(());
        }
        crash_point!("abort.before_abort");
        match self.mode {
            DeliveryMode::ExactlyOnce => self.abort_transaction()?,
            DeliveryMode::AtLeastOnce => {
                // What cannot be delivered would be waited for.
                self.producer.purge(PurgeConfig::default().queue());
                let _ = self.settle(Instant::now() + CALL_TIMEOUT);
            }
        }
        self.context.take_deliveries();
        crash_point!("abort.after_abort");
        Ok(())
    }

    fn rewind(&mut self, positions: &[(TopicPartition, i64)]) -> Result<(), BrokerError> {
        if let Some(message) = &self.stash
            && positions.iter().any(|(partition, _)| {
                *partition.topic == *message.position.topic && partition.partition == message.position.partition
            })
        {
            self.stash = None;
        }
        if positions.is_empty() {
            return Ok(());
        }
        let mut list = TopicPartitionList::with_capacity(positions.len());
        for (partition, offset) in positions {
            list.add_partition_offset(&partition.topic, partition.partition, Offset::Offset(*offset))
                .map_err(transient)?;
        }
        crash_point!("rewind.before_seek");
        let sought = self.consumer.seek_partitions(list, CALL_TIMEOUT).map_err(transient)?;
        for element in sought.elements() {
            element.error().map_err(|error| {
                BrokerError::Transient(format!("seek of `{}/{}`: {error}", element.topic(), element.partition()))
            })?;
        }
        crash_point!("rewind.after_seek");
        Ok(())
    }

    fn end_offset(&self, partition: &TopicPartition) -> Option<i64> {
        self.context.end_offset(partition)
    }

    fn close(self) {
        // Dropping the consumer leaves the group; it must go before the producer and on this thread (K10).
        let Self { consumer, producer, .. } = self;
        consumer.unsubscribe();
        drop(consumer);
        drop(producer);
    }
}

/// What to do about a failed transaction call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Severity {
    Fatal,
    Abort,
    Retry,
}

/// The one place that reads transaction errors. Anything unknown counts as not committed.
fn classify(error: &KafkaError) -> Severity {
    match error {
        KafkaError::Transaction(error) if error.is_fatal() => Severity::Fatal,
        KafkaError::Transaction(error) if error.txn_requires_abort() => Severity::Abort,
        KafkaError::Transaction(error) if error.is_retriable() => Severity::Retry,
        _ if error.rdkafka_error_code() == Some(RDKafkaErrorCode::Fatal) => Severity::Fatal,
        _ => Severity::Abort,
    }
}

fn init_transactions(producer: &BaseProducer<SharedContext>, id: &str) -> Result<(), BrokerError> {
    let deadline = Instant::now() + CALL_TIMEOUT;
    loop {
        let Err(error) = producer.init_transactions(Duration::from_secs(10)) else { return Ok(()) };
        if classify(&error) != Severity::Retry || Instant::now() >= deadline {
            return Err(BrokerError::Fatal(
                format!("transactions cannot be initialised for `{id}`: {error}; are the brokers reachable, 2.5 or later, and is the id allowed?").into(),
            ));
        }
    }
}

fn set_default(client: &mut ClientConfig, option: &str, value: &str) {
    if client.get(option).is_none() {
        client.set(option, value);
    }
}

#[expect(clippy::needless_pass_by_value, reason = "called by map_err")]
fn transient(error: KafkaError) -> BrokerError {
    BrokerError::Transient(error.to_string())
}

fn list(partitions: &[TopicPartition]) -> TopicPartitionList {
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    for partition in partitions {
        list.add_partition(&partition.topic, partition.partition);
    }
    list
}

fn offset_list(offsets: &[Position]) -> Result<TopicPartitionList, KafkaError> {
    let mut list = TopicPartitionList::with_capacity(offsets.len());
    for position in offsets {
        let mut element = list.add_partition(&position.partition.topic, position.partition.partition);
        element.set_offset(Offset::Offset(position.offset))?;
        element.set_metadata(position.metadata.as_str());
    }
    Ok(list)
}

/// Copies a record out of librdkafka's memory.
pub(crate) fn owned(message: &BorrowedMessage<'_>) -> InboundMessage {
    InboundMessage {
        position: SourcePosition {
            topic: message.topic().to_owned(),
            partition: message.partition(),
            offset: message.offset(),
        },
        key: message.key().map(Bytes::copy_from_slice),
        payload: message.payload().map(Bytes::copy_from_slice),
        headers: message.headers().map_or_else(Vec::new, |headers| {
            headers.iter().map(|header| (header.key.to_owned(), header.value.map(Bytes::copy_from_slice))).collect()
        }),
        timestamp_ms: message.timestamp().to_millis(),
    }
}
