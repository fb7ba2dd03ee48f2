//! All metrics of the worker, in one registry of its own.
//!
//! Prefix `undertone_`, base units, closed label sets; never an id or a text in a label. Outcomes are
//! counted only after their transaction has committed ([`Metrics::apply`]), so a replay counts once.

use std::time::Duration;

use prometheus::{
    GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder,
};

use crate::kafka::TopicPartition;
use crate::message::Channel;

/// Every metric name of the worker itself (`process_*` comes on top).
pub const NAMES: &[&str] = &[
    "undertone_messages_consumed_total",
    "undertone_messages_processed_total",
    "undertone_tickets_total",
    "undertone_messages_filtered_total",
    "undertone_dead_letters_total",
    "undertone_review_requests_total",
    "undertone_escalations_total",
    "undertone_language_total",
    "undertone_sla_breach_risks_total",
    "undertone_sla_breaches_total",
    "undertone_end_to_end_duration_seconds",
    "undertone_processing_duration_seconds",
    "undertone_inference_duration_seconds",
    "undertone_inference_batch_size",
    "undertone_inference_tokens",
    "undertone_sentiment_score",
    "undertone_urgency_score",
    "undertone_confidence",
    "undertone_transactions_total",
    "undertone_transaction_duration_seconds",
    "undertone_messages_replayed_total",
    "undertone_inflight_messages",
    "undertone_inflight_bytes",
    "undertone_kafka_rebalances_total",
    "undertone_kafka_assigned_partitions",
    "undertone_kafka_partitions_paused",
    "undertone_kafka_consumer_lag_messages",
    "undertone_kafka_consumer_lag_seconds",
    "undertone_kafka_committed_offset",
    "undertone_state_restored_records_total",
    "undertone_state_restore_duration_seconds",
    "undertone_config_reloads_total",
    "undertone_config_last_reload_success_timestamp_seconds",
    "undertone_model_info",
    "undertone_policy_info",
    "undertone_build_info",
];

/// Something that happened to a message; counted when it is committed.
#[derive(Debug, Clone, PartialEq)]
pub enum Count {
    /// The message's outcome in its stage.
    Processed {
        /// Channel, where it is known.
        channel: Option<Channel>,
        /// What became of it.
        outcome: Outcome,
    },
    /// A ticket was published.
    Ticket {
        /// Channel.
        channel: Channel,
        /// `P1` … `P5`.
        priority: &'static str,
        /// Sentiment label.
        sentiment: String,
    },
    /// A message was filtered.
    Filtered {
        /// Channel, where it is known.
        channel: Option<Channel>,
        /// Reason from the closed set.
        reason: &'static str,
    },
    /// A record was dead-lettered.
    DeadLetter {
        /// Stage that gave up.
        stage: &'static str,
        /// Class from the closed set.
        class: &'static str,
    },
    /// A review was asked for.
    Review {
        /// Channel.
        channel: Channel,
        /// Cause from the closed set.
        cause: &'static str,
    },
    /// A rule fired.
    Escalation {
        /// Rule name.
        rule: &'static str,
        /// Channel.
        channel: Channel,
    },
    /// The scores of a message.
    Scores {
        /// Channel.
        channel: Channel,
        /// Sentiment, -1 to 1, and its confidence, where known.
        sentiment: Option<(f64, f64)>,
        /// Urgency, 0 to 1, and its confidence, where known.
        urgency: Option<(f64, f64)>,
        /// Detected language.
        language: String,
        /// Whether the model was measured on it.
        supported: bool,
    },
    /// A deadline was at risk, or missed.
    Sla {
        /// Channel.
        channel: Channel,
        /// `P1` … `P5`, before ageing.
        priority: &'static str,
        /// Missed, not only at risk.
        breached: bool,
    },
    /// From a source record's timestamp to now.
    EndToEnd {
        /// Channel.
        channel: Channel,
        /// The record's timestamp, milliseconds since the epoch.
        since_ms: i64,
    },
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Scored and handed to PRIORITISE.
    Scored,
    /// A ticket.
    Ticket,
    /// Filtered.
    Filtered,
    /// Dead-lettered.
    DeadLetter,
    /// Handed to the owner of the key that a customer has moved to.
    SentOn,
    /// A change of what is remembered of a customer.
    Updated,
}

impl Outcome {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Scored => "scored",
            Self::Ticket => "ticket",
            Self::Filtered => "filtered",
            Self::DeadLetter => "dlq",
            Self::SentOn => "sent_on",
            Self::Updated => "updated",
        }
    }
}

/// How a transaction ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransactionOutcome {
    /// Committed.
    Committed,
    /// Aborted; its input is read again.
    Aborted,
}

/// The metrics.
pub struct Metrics {
    registry: Registry,
    consumed: IntCounterVec,
    processed: IntCounterVec,
    tickets: IntCounterVec,
    filtered: IntCounterVec,
    dead_letters: IntCounterVec,
    reviews: IntCounterVec,
    escalations: IntCounterVec,
    languages: IntCounterVec,
    breach_risks: IntCounterVec,
    breaches: IntCounterVec,
    end_to_end: HistogramVec,
    processing: HistogramVec,
    inference: Histogram,
    batch_size: Histogram,
    tokens: Histogram,
    sentiment: HistogramVec,
    urgency: HistogramVec,
    confidence: HistogramVec,
    transactions: IntCounterVec,
    transaction_duration: HistogramVec,
    replayed: IntCounterVec,
    inflight_messages: IntGaugeVec,
    inflight_bytes: IntGaugeVec,
    rebalances: IntCounterVec,
    assigned: IntGaugeVec,
    paused: IntGaugeVec,
    lag_messages: IntGaugeVec,
    lag_seconds: GaugeVec,
    committed: IntGaugeVec,
    restored: IntCounterVec,
    restore_duration: HistogramVec,
    reloads: IntCounterVec,
    reload_success: GaugeVec,
    model_info: IntGaugeVec,
    policy_info: IntGaugeVec,
}

const DURATIONS: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0];
const SHORT_DURATIONS: &[f64] = &[0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

impl Metrics {
    /// Registers everything; fails only if two names collide.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        #[cfg(target_os = "linux")]
        registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
        let make = Maker { registry: &registry };
        let metrics = Self {
            consumed: make.counters(
                "messages_consumed_total",
                "Records read and decoded or refused, replays included.",
                &["channel", "topic"],
            )?,
            processed: make.counters(
                "messages_processed_total",
                "Records with a committed outcome.",
                &["channel", "outcome"],
            )?,
            tickets: make.counters("tickets_total", "Tickets published.", &["channel", "priority", "sentiment"])?,
            filtered: make.counters("messages_filtered_total", "Messages filtered.", &["channel", "reason"])?,
            dead_letters: make.counters(
                "dead_letters_total",
                "Records that could not be processed.",
                &["stage", "class"],
            )?,
            reviews: make.counters(
                "review_requests_total",
                "Tickets whose scores are in doubt.",
                &["channel", "cause"],
            )?,
            escalations: make.counters("escalations_total", "Policy rules that fired.", &["rule", "channel"])?,
            languages: make.counters("language_total", "Messages by detected language.", &["language", "supported"])?,
            breach_risks: make.counters(
                "sla_breach_risks_total",
                "Deadlines of which the risk was told.",
                &["channel", "priority"],
            )?,
            breaches: make.counters("sla_breaches_total", "Deadlines missed.", &["channel", "priority"])?,
            end_to_end: make.histograms(
                "end_to_end_duration_seconds",
                "Source record's timestamp to committed ticket.",
                &["channel"],
                DURATIONS,
            )?,
            processing: make.histograms(
                "processing_duration_seconds",
                "Time in a step.",
                &["channel", "stage"],
                SHORT_DURATIONS,
            )?,
            inference: make.histogram(
                "inference_duration_seconds",
                "Time of a batch in the model.",
                SHORT_DURATIONS,
            )?,
            batch_size: make.histogram(
                "inference_batch_size",
                "Windows in a batch.",
                &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0],
            )?,
            tokens: make.histogram(
                "inference_tokens",
                "Tokens in a batch, padding excluded.",
                &[16.0, 64.0, 256.0, 512.0, 1024.0, 2048.0, 4096.0],
            )?,
            sentiment: make.histograms(
                "sentiment_score",
                "Sentiment, -1 to 1.",
                &["channel"],
                &[-0.6, -0.2, 0.2, 0.6, 1.0],
            )?,
            urgency: make.histograms("urgency_score", "Urgency, 0 to 1.", &["channel"], &[0.2, 0.4, 0.6, 0.8, 1.0])?,
            confidence: make.histograms(
                "confidence",
                "Confidence of a decision.",
                &["channel", "signal"],
                &[0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0],
            )?,
            transactions: make.counters("transactions_total", "Transactions ended.", &["stage", "outcome"])?,
            transaction_duration: make.histograms(
                "transaction_duration_seconds",
                "Time of a commit or abort.",
                &["stage", "outcome"],
                DURATIONS,
            )?,
            replayed: make.counters("messages_replayed_total", "Records read again after an abort.", &["stage"])?,
            inflight_messages: make.gauges("inflight_messages", "Records in work.", &["stage", "lane"])?,
            inflight_bytes: make.gauges("inflight_bytes", "Bytes in work.", &["stage", "lane"])?,
            rebalances: make.counters("kafka_rebalances_total", "Changes of the assignment.", &["stage", "kind"])?,
            assigned: make.gauges("kafka_assigned_partitions", "Partitions assigned.", &["stage"])?,
            paused: make.gauges("kafka_partitions_paused", "Partitions paused by back-pressure.", &["stage"])?,
            lag_messages: make.gauges(
                "kafka_consumer_lag_messages",
                "Records between the commit and the end.",
                &["stage", "topic", "partition"],
            )?,
            lag_seconds: make.float_gauges(
                "kafka_consumer_lag_seconds",
                "Age of the oldest record in work.",
                &["stage", "topic", "partition"],
            )?,
            committed: make.gauges(
                "kafka_committed_offset",
                "Next offset to read after a restart.",
                &["stage", "topic", "partition"],
            )?,
            restored: make.counters(
                "state_restored_records_total",
                "Records of the state read after an assignment.",
                &["stage"],
            )?,
            restore_duration: make.histograms(
                "state_restore_duration_seconds",
                "From an assignment to its state being whole.",
                &["stage"],
                DURATIONS,
            )?,
            reloads: make.counters("config_reloads_total", "Changes of the policy file.", &["result"])?,
            reload_success: make.float_gauges(
                "config_last_reload_success_timestamp_seconds",
                "When the policy in force was taken from its file, since the epoch.",
                &[],
            )?,
            model_info: make.gauges("model_info", "The model in use.", &["model", "version", "digest"])?,
            policy_info: make.gauges("policy_info", "The policy in use.", &["version", "digest"])?,
            registry: registry.clone(),
        };
        let build: IntGauge = IntGauge::with_opts(
            Opts::new("undertone_build_info", "This build.").const_label("version", env!("CARGO_PKG_VERSION")),
        )?;
        build.set(1);
        registry.register(Box::new(build))?;
        Ok(metrics)
    }

    /// The text format of Prometheus.
    pub fn render(&self) -> Result<String, prometheus::Error> {
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }

    /// Counts committed outcomes.
    pub fn apply(&self, counts: &[Count]) {
        let now = jiff::Timestamp::now().as_millisecond();
        for count in counts {
            match count {
                Count::Processed { channel, outcome } => {
                    self.processed.with_label_values(&[channel_label(*channel), outcome.as_str()]).inc();
                }
                Count::Ticket { channel, priority, sentiment } => {
                    self.tickets.with_label_values(&[channel.as_str(), priority, sentiment.as_str()]).inc();
                }
                Count::Filtered { channel, reason } => {
                    self.filtered.with_label_values(&[channel_label(*channel), reason]).inc();
                }
                Count::DeadLetter { stage, class } => self.dead_letters.with_label_values(&[stage, class]).inc(),
                Count::Review { channel, cause } => self.reviews.with_label_values(&[channel.as_str(), cause]).inc(),
                Count::Escalation { rule, channel } => {
                    self.escalations.with_label_values(&[rule, channel.as_str()]).inc();
                }
                Count::Scores { channel, sentiment, urgency, language, supported } => {
                    for (scores, head, answer) in
                        [(&self.sentiment, "sentiment", sentiment), (&self.urgency, "urgency", urgency)]
                    {
                        if let Some((score, confidence)) = answer {
                            scores.with_label_values(&[channel.as_str()]).observe(*score);
                            self.confidence.with_label_values(&[channel.as_str(), head]).observe(*confidence);
                        }
                    }
                    let supported = if *supported { "true" } else { "false" };
                    self.languages.with_label_values(&[language.as_str(), supported]).inc();
                }
                Count::Sla { channel, priority, breached } => {
                    let counter = if *breached { &self.breaches } else { &self.breach_risks };
                    counter.with_label_values(&[channel.as_str(), priority]).inc();
                }
                Count::EndToEnd { channel, since_ms } => {
                    let seconds = (now - since_ms).max(0) as f64 / 1000.0;
                    self.end_to_end.with_label_values(&[channel.as_str()]).observe(seconds);
                }
            }
        }
    }

    /// Counts a record read.
    pub fn consumed(&self, channel: Option<Channel>, topic: &str) {
        self.consumed.with_label_values(&[channel_label(channel), topic]).inc();
    }

    /// Observes the time of a step.
    pub fn step(&self, channel: Option<Channel>, step: &str, duration: Duration) {
        self.processing.with_label_values(&[channel_label(channel), step]).observe(duration.as_secs_f64());
    }

    /// Observes a batch.
    pub fn batch(&self, rows: usize, tokens: usize, duration: Duration) {
        self.inference.observe(duration.as_secs_f64());
        self.batch_size.observe(rows as f64);
        self.tokens.observe(tokens as f64);
    }

    /// Observes the end of a transaction.
    pub fn transaction(&self, stage: &str, outcome: TransactionOutcome, duration: Duration) {
        let outcome = match outcome {
            TransactionOutcome::Committed => "committed",
            TransactionOutcome::Aborted => "aborted",
        };
        self.transactions.with_label_values(&[stage, outcome]).inc();
        self.transaction_duration.with_label_values(&[stage, outcome]).observe(duration.as_secs_f64());
    }

    /// Counts records read again.
    pub fn replayed(&self, stage: &str, records: usize) {
        self.replayed.with_label_values(&[stage]).inc_by(records as u64);
    }

    /// Counts a rebalance (`assigned` or `revoked`).
    pub fn rebalance(&self, stage: &str, kind: &str) {
        self.rebalances.with_label_values(&[stage, kind]).inc();
    }

    /// Counts the records of a restore and observes its time.
    pub fn restored(&self, stage: &str, records: u64, duration: Duration) {
        self.restored.with_label_values(&[stage]).inc_by(records);
        self.restore_duration.with_label_values(&[stage]).observe(duration.as_secs_f64());
    }

    /// Sets a lane's use.
    pub fn lane(&self, stage: &str, lane: &str, messages: usize, bytes: usize) {
        self.inflight_messages.with_label_values(&[stage, lane]).set(gauge(messages));
        self.inflight_bytes.with_label_values(&[stage, lane]).set(gauge(bytes));
    }

    /// Sets the number of partitions assigned and paused.
    pub fn assignment(&self, stage: &str, assigned: usize, paused: usize) {
        self.assigned.with_label_values(&[stage]).set(gauge(assigned));
        self.paused.with_label_values(&[stage]).set(gauge(paused));
    }

    /// Sets the age of a partition's oldest record in work.
    pub fn lag_seconds(&self, stage: &str, partition: &TopicPartition, seconds: f64) {
        self.lag_seconds.with_label_values(&labels(stage, partition, &partition.partition.to_string())).set(seconds);
    }

    /// Sets the number of records that wait in a partition.
    pub fn lag_messages(&self, stage: &str, partition: &TopicPartition, messages: i64) {
        self.lag_messages.with_label_values(&labels(stage, partition, &partition.partition.to_string())).set(messages);
    }

    /// Sets a partition's committed offset.
    pub fn committed_offset(&self, stage: &str, partition: &TopicPartition, offset: i64) {
        self.committed.with_label_values(&labels(stage, partition, &partition.partition.to_string())).set(offset);
    }

    /// Removes the series of a partition that went; a gauge nobody sets would lie for ever.
    pub fn forget_partition(&self, stage: &str, partition: &TopicPartition) {
        let number = partition.partition.to_string();
        let labels = labels(stage, partition, &number);
        // An error only says that the series is not there.
        let _ = self.lag_seconds.remove_label_values(&labels);
        let _ = self.lag_messages.remove_label_values(&labels);
        let _ = self.committed.remove_label_values(&labels);
    }

    /// Names the model.
    pub fn model(&self, name: &str, version: &str, digest: &str) {
        self.model_info.with_label_values(&[name, version, digest]).set(1);
    }

    /// Counts a change of the policy file: taken at that time, or refused.
    pub fn reloaded(&self, taken: Option<jiff::Timestamp>) {
        let result = if taken.is_some() { "ok" } else { "refused" };
        self.reloads.with_label_values(&[result]).inc();
        if let Some(taken) = taken {
            let none: [&str; 0] = [];
            self.reload_success.with_label_values(&none).set(taken.as_millisecond() as f64 / 1000.0);
        }
    }

    /// Names the policy.
    pub fn policy(&self, version: &str, digest: &str) {
        self.policy_info.reset();
        self.policy_info.with_label_values(&[version, digest]).set(1);
    }
}

fn labels<'a>(stage: &'a str, partition: &'a TopicPartition, number: &'a str) -> [&'a str; 3] {
    [stage, &partition.topic, number]
}

fn channel_label(channel: Option<Channel>) -> &'static str {
    channel.map_or("other", Channel::as_str)
}

fn gauge(value: usize) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

struct Maker<'a> {
    registry: &'a Registry,
}

impl Maker<'_> {
    fn register<C: prometheus::core::Collector + Clone + 'static>(
        &self,
        made: Result<C, prometheus::Error>,
    ) -> Result<C, prometheus::Error> {
        let collector = made?;
        self.registry.register(Box::new(collector.clone()))?;
        Ok(collector)
    }

    fn counters(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntCounterVec, prometheus::Error> {
        self.register(IntCounterVec::new(opts(name, help), labels))
    }

    fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntGaugeVec, prometheus::Error> {
        self.register(IntGaugeVec::new(opts(name, help), labels))
    }

    fn float_gauges(&self, name: &str, help: &str, labels: &[&str]) -> Result<GaugeVec, prometheus::Error> {
        self.register(GaugeVec::new(opts(name, help), labels))
    }

    fn histogram(&self, name: &str, help: &str, buckets: &[f64]) -> Result<Histogram, prometheus::Error> {
        self.register(Histogram::with_opts(histogram_opts(name, help, buckets)))
    }

    fn histograms(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
        buckets: &[f64],
    ) -> Result<HistogramVec, prometheus::Error> {
        self.register(HistogramVec::new(histogram_opts(name, help, buckets), labels))
    }
}

fn opts(name: &str, help: &str) -> Opts {
    Opts::new(format!("undertone_{name}"), help)
}

fn histogram_opts(name: &str, help: &str, buckets: &[f64]) -> HistogramOpts {
    HistogramOpts::from(opts(name, help)).buckets(buckets.to_vec())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_metric_is_named_in_the_list_and_shown_once_used() {
        let metrics = Metrics::new().unwrap();
        let channel = Channel::Chat;
        let partition = TopicPartition::new("t", 0);
        metrics.apply(&[
            Count::Processed { channel: None, outcome: Outcome::Filtered },
            Count::Ticket { channel, priority: "P1", sentiment: "neutral".into() },
            Count::Filtered { channel: None, reason: "empty" },
            Count::DeadLetter { stage: "score", class: "schema" },
            Count::Review { channel, cause: "low_confidence_urgency" },
            Count::Escalation { rule: "safety", channel },
            Count::Scores {
                channel,
                sentiment: Some((0.1, 0.5)),
                urgency: Some((0.2, 0.6)),
                language: "en".into(),
                supported: true,
            },
            Count::Sla { channel, priority: "P1", breached: false },
            Count::Sla { channel, priority: "P1", breached: true },
            Count::EndToEnd { channel, since_ms: 0 },
        ]);
        metrics.consumed(None, "t");
        metrics.step(None, "decode", Duration::ZERO);
        metrics.batch(1, 3, Duration::ZERO);
        metrics.transaction("score", TransactionOutcome::Committed, Duration::ZERO);
        metrics.replayed("score", 1);
        metrics.rebalance("score", "assigned");
        metrics.restored("prioritise", 1, Duration::ZERO);
        metrics.lane("score", "chat", 1, 1);
        metrics.assignment("score", 1, 0);
        metrics.lag_seconds("score", &partition, 1.0);
        metrics.lag_messages("score", &partition, 1);
        metrics.committed_offset("score", &partition, 1);
        metrics.reloaded(Some(jiff::Timestamp::UNIX_EPOCH));
        metrics.model("m", "1", "d");
        metrics.policy("1", "d");
        let text = metrics.render().unwrap();
        let shown: std::collections::BTreeSet<&str> = text
            .lines()
            .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
            .filter(|name| name.starts_with("undertone_"))
            .collect();
        assert_eq!(shown, NAMES.iter().copied().collect());
        metrics.forget_partition("score", &partition);
        assert!(!metrics.render().unwrap().contains("undertone_kafka_consumer_lag_messages{"));
    }
}
