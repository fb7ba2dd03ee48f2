//! The SCORE stage: stateless and heavy. Decode, filter, clean, tokenise, infer; out goes a
//! [`ScoredMessage`], a filtered event or a dead letter.
//!
//! [`Scoring`] is the stage without threads and Kafka, which `undertone score` uses too;
//! [`ScoreProcessor`] puts it on tokenizer and inference threads. Results may come in any order; the
//! loop restores it.

mod identities;
mod records;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use bytes::Bytes;
use crossbeam_channel::{Receiver, Sender, bounded};
use jiff::{SignedDuration, Timestamp};

use crate::config::Config;
use crate::kafka::{ErrorHeaders, Finished, OutputRecord, Processor, Work, dead_letter};
use crate::message::filter::{Evidence as FilterEvidence, FilterReason, filter};
use crate::message::{AuthorType, Channel, CustomerMessage, Decoded, Direction, InboundLimits, InboundMessage, decode};
use crate::model::{
    EncodedText, Engine, EngineLimits, InferenceError, Job, Manifest, Model, ModelError, ModelInput, Scored,
    WindowTokenizer,
};
use crate::operate::{Count, Metrics, Outcome};
use crate::policy::{CurrentPolicy, Priority};
use crate::text::{CleanText, LanguageDetector, TextOptions, clean};
use crate::ticket::envelope::{self, Event};
use crate::ticket::{CustomerEvent, CustomerRecord, FilteredEvent, ScoredMessage, Verdict, ids};

pub use identities::Identities;
use records::RecordTopic;

/// Name of the stage.
pub const STAGE: &str = "score";

/// What becomes of a record before the model sees it.
#[derive(Debug)]
pub enum Prepared {
    /// It goes to the model.
    Ready(Box<Ready>),
    /// It ends as filtered.
    Filtered {
        /// The message; absent for a tombstone.
        message: Option<Box<CustomerMessage>>,
        /// Why.
        reason: FilterReason,
        /// What that rests on.
        evidence: Option<FilterEvidence>,
    },
    /// It ends as a dead letter.
    Refused {
        /// Class from a closed set.
        class: &'static str,
        /// Place and reason.
        message: String,
    },
}

/// A message ready for the model.
#[derive(Debug)]
pub struct Ready {
    /// The message.
    pub message: CustomerMessage,
    /// Its cleaned text.
    pub clean: CleanText,
    /// What the model reads.
    pub input: ModelInput,
    /// The same as windows.
    pub encoded: EncodedText,
    /// Deadline in milliseconds since the epoch, by the target of a normal (P3) message.
    pub due_ms: i64,
}

/// Settings and tools of the stage; shared by its threads.
pub struct Scoring {
    channels: BTreeMap<String, Channel>,
    limits: InboundLimits,
    text: TextOptions,
    detector: LanguageDetector,
    tokenizer: Arc<WindowTokenizer>,
    manifest: Arc<Manifest>,
    policy: CurrentPolicy,
    config: Config,
    metrics: Arc<Metrics>,
    identities: Arc<Identities>,
}

impl Scoring {
    /// Collects what the stage needs.
    pub fn new(config: &Config, model: &Model, policy: impl Into<CurrentPolicy>, metrics: Arc<Metrics>) -> Self {
        let limits = &config.limits;
        Self {
            channels: config.topics.inputs.clone(),
            limits: InboundLimits {
                max_payload_bytes: limits.max_payload_bytes,
                max_nesting: limits.max_nesting,
                max_text_bytes: limits.max_text_bytes,
                future_tolerance: SignedDuration::from_secs(
                    i64::try_from(limits.future_tolerance_seconds).unwrap_or(i64::MAX),
                ),
                max_extra_bytes: limits.max_extra_bytes,
            },
            text: TextOptions {
                strip_quotes: config.text.strip_quotes,
                strip_signatures: config.text.strip_signatures,
                detect_language: config.text.detect_language,
            },
            detector: LanguageDetector::new(),
            tokenizer: Arc::clone(&model.tokenizer),
            manifest: Arc::clone(&model.manifest),
            policy: policy.into(),
            config: config.clone(),
            metrics,
            identities: Arc::default(),
        }
    }

    /// Leads messages to the customers that `identities` knows.
    #[must_use]
    pub fn with_identities(mut self, identities: Arc<Identities>) -> Self {
        self.identities = identities;
        self
    }

    /// The channel of a topic.
    pub fn channel(&self, topic: &str) -> Option<Channel> {
        self.channels.get(topic).copied()
    }

    /// Decodes, filters, cleans and tokenises a record.
    pub fn prepare(&self, inbound: &InboundMessage, channel: Option<Channel>, now: Timestamp) -> Prepared {
        let started = Instant::now();
        let decoded = decode(inbound, channel, &self.limits, now);
        self.metrics.consumed(channel, &inbound.position.topic);
        self.metrics.step(channel, "decode", started.elapsed());
        let message = match decoded {
            Ok(Decoded::Message(message)) => message,
            Ok(Decoded::Tombstone) => {
                return Prepared::Filtered { message: None, reason: FilterReason::Tombstone, evidence: None };
            }
            Err(error) => return Prepared::Refused { class: error.class(), message: error.to_string() },
        };
        if let Some(filtered) = filter(&message) {
            return Prepared::Filtered { message: Some(message), reason: filtered.reason, evidence: filtered.evidence };
        }
        self.ready(*message)
    }

    /// Cleans and tokenises a message, whatever the filter says of it.
    pub fn ready(&self, message: CustomerMessage) -> Prepared {
        let channel = Some(message.channel);
        let started = Instant::now();
        let clean = clean(&message, &self.text, &self.detector);
        self.metrics.step(channel, "clean", started.elapsed());
        let input = ModelInput::new(clean.subject.as_deref(), &clean.body);
        if crate::text::is_blank(&input.text) {
            // Only markup, or nothing but control characters.
            let message = Some(Box::new(message));
            return Prepared::Filtered { message, reason: FilterReason::Empty, evidence: None };
        }
        let started = Instant::now();
        let encoded = match self.tokenizer.encode(&input.text) {
            Ok(encoded) => encoded,
            Err(error) => return Prepared::Refused { class: "tokenizer", message: error.to_string() },
        };
        self.metrics.step(channel, "tokenise", started.elapsed());
        let policy = self.policy.get();
        let policy = policy.of(message.tenant.as_deref(), message.brand.as_deref());
        let due =
            policy.due_by(message.channel.as_str(), message.sub_channel.as_deref(), Priority::P3, message.received_at);
        let due_ms = due.map_or(i64::MAX, Timestamp::as_millisecond);
        Prepared::Ready(Box::new(Ready { message, clean, input, encoded, due_ms }))
    }

    /// Joins a message with the verdict of the model.
    pub fn scored(
        &self,
        original: &InboundMessage,
        message: CustomerMessage,
        clean: CleanText,
        verdict: Verdict,
    ) -> ScoredMessage {
        let routing_key = self.identities.canonical(message.customer_key());
        let include_text = self.config.output.include_text;
        let policy = self.policy.get();
        let policy = policy.of(message.tenant.as_deref(), message.brand.as_deref());
        let phrases = policy.find_phrases(clean.subject.as_deref(), &clean.body);
        let scored = ScoredMessage::new(original, message, clean, verdict, &self.manifest, include_text, routing_key);
        ScoredMessage { phrases, ..scored }
    }

    fn finish_scored(&self, work: Work, message: CustomerMessage, clean: CleanText, verdict: Verdict) -> Finished {
        let channel = message.channel;
        let scored = self.scored(&work.message, message, clean, verdict);
        match self.for_owner(&work.message, &scored.routing_key, "scored", &scored) {
            Ok(output) => {
                let counts = vec![Count::Processed { channel: Some(channel), outcome: Outcome::Scored }];
                Finished { work, outputs: vec![output], counts }
            }
            Err(error) => self.refuse(work, "encode", &error.to_string(), 1),
        }
    }

    /// A record of `triage.scored` for the owner of `key`.
    fn for_owner<T: serde::Serialize>(
        &self,
        original: &InboundMessage,
        key: &str,
        kind: &'static str,
        record: &T,
    ) -> Result<OutputRecord, serde_json::Error> {
        let mut headers = envelope::owner_headers(kind);
        headers.extend(envelope::trace_headers(original));
        Ok(OutputRecord {
            topic: self.config.topics.scored.clone(),
            partition: None,
            key: Some(Bytes::copy_from_slice(key.as_bytes())),
            payload: Some(serde_json::to_vec(record)?.into()),
            headers,
            timestamp_ms: original.timestamp_ms,
        })
    }

    /// Which of the topics without messages a topic is.
    fn record_topic(&self, topic: &str) -> Option<RecordTopic> {
        let topics = &self.config.topics;
        let named = [
            (&topics.updates, RecordTopic::Updates),
            (&topics.customers, RecordTopic::Customers),
            (&topics.identity, RecordTopic::Identity),
        ];
        named.into_iter().find(|(name, _)| !name.is_empty() && *name == topic).map(|(_, topic)| topic)
    }

    /// Hands a record that is no message to the customer's owner.
    fn finish_record(&self, work: Work, topic: RecordTopic) -> Finished {
        self.metrics.consumed(None, &work.message.position.topic);
        let canonical = |key| self.identities.canonical(key);
        let record = match records::read(topic, &work.message, canonical) {
            Ok(record) => record,
            Err((class, message)) => return self.refuse(work, class, &message, 1),
        };
        let counts = vec![Count::Processed { channel: None, outcome: Outcome::Scored }];
        let Some(record) = record else {
            return self.finish_filtered(work, None, FilterReason::Tombstone, None);
        };
        match self.for_owner(&work.message, &record.routing_key, record.event.kind(), &record) {
            Ok(output) => Finished { work, outputs: vec![output], counts },
            Err(error) => self.refuse(work, "encode", &error.to_string(), 1),
        }
    }

    /// What tells the customer's owner that an agent has answered, where `message` is that; what a machine sends
    /// stops no clock (requirements 3a).
    fn agent_reply(&self, original: &InboundMessage, message: &CustomerMessage) -> Option<OutputRecord> {
        let machine = matches!(message.author.kind, AuthorType::Bot | AuthorType::System);
        if message.direction != Direction::Outbound || machine {
            return None;
        }
        // A chat's answer does not name the customer by itself: it may echo the ticket's key.
        let echoed = message.extra.get("routing_key").and_then(serde_json::Value::as_str).map(str::to_owned);
        let key = self.identities.canonical(echoed.unwrap_or_else(|| message.customer_key()));
        let event =
            CustomerEvent::AgentReply { conversation_id: message.conversation_id.clone(), at: message.received_at };
        let record = CustomerRecord::new(key, message.tenant.clone(), event);
        self.for_owner(original, &record.routing_key, record.event.kind(), &record).ok()
    }

    fn finish_filtered(
        &self,
        work: Work,
        message: Option<&CustomerMessage>,
        reason: FilterReason,
        evidence: Option<&FilterEvidence>,
    ) -> Finished {
        let now = Timestamp::now();
        let event = FilteredEvent::new(&work.message, message, reason, evidence, now);
        let position = work.message.position.to_string();
        let meta = Event {
            id: message.map_or_else(
                || ids::position_id(&work.message.position),
                |message| ids::event_id("filtered", message.tenant.as_deref(), message.channel, &message.id),
            ),
            kind: envelope::FILTERED,
            subject: message.map_or(&position, |message| &message.conversation_id),
            time: now,
            app: &self.config.app.name,
        };
        let (payload, mut headers) = match envelope::wrap(&self.config.output, &meta, &event) {
            Ok(wrapped) => wrapped,
            Err(error) => return self.refuse(work, "encode", &error.to_string(), 1),
        };
        headers.push(("triage-filtered-reason".into(), Some(Bytes::from_static(reason.as_str().as_bytes()))));
        headers.extend(envelope::trace_headers(&work.message));
        let channel = self.channel(&work.source.topic);
        let reply = message.and_then(|message| self.agent_reply(&work.message, message));
        let output = OutputRecord {
            topic: self.config.topics.filtered.clone(),
            partition: None,
            key: message
                .map(|message| Bytes::from(message.conversation_id.clone()))
                .or_else(|| work.message.key.clone()),
            payload: Some(payload),
            headers,
            timestamp_ms: work.message.timestamp_ms,
        };
        let counts = vec![
            Count::Processed { channel, outcome: Outcome::Filtered },
            Count::Filtered { channel, reason: reason.as_str() },
        ];
        Finished { work, outputs: std::iter::once(output).chain(reply).collect(), counts }
    }

    fn refuse(&self, work: Work, class: &'static str, message: &str, attempts: u32) -> Finished {
        let channel = self.channel(&work.source.topic);
        refuse(&self.config.topics.dlq, STAGE, channel, work, class, message, attempts)
    }
}

/// A record's end as a dead letter of `stage`.
pub(crate) fn refuse(
    topic: &str,
    stage: &'static str,
    channel: Option<Channel>,
    work: Work,
    class: &'static str,
    message: &str,
    attempts: u32,
) -> Finished {
    let now_ms = Timestamp::now().as_millisecond();
    let output = dead_letter(topic, &work.message, ErrorHeaders { class, message, stage, attempts, now_ms });
    let counts = vec![Count::Processed { channel, outcome: Outcome::DeadLetter }, Count::DeadLetter { stage, class }];
    Finished { work, outputs: vec![output], counts }
}

/// What travels with a message through the model.
struct Tag {
    work: Work,
    message: CustomerMessage,
    clean: CleanText,
}

/// The stage on its threads.
pub struct ScoreProcessor {
    scoring: Arc<Scoring>,
    /// Dropped first, so that the tokenizer threads end.
    to_tokenizers: Option<Sender<Work>>,
    tokenizers: Vec<JoinHandle<()>>,
    engine: Option<Arc<Engine<Tag>>>,
    /// Never blocks its writers: what is in it was admitted by the lanes' budgets.
    finished: Arc<Mutex<Vec<Finished>>>,
    failed: Arc<AtomicBool>,
}

impl ScoreProcessor {
    /// Opens the sessions and starts the threads.
    pub fn start(scoring: Scoring, model: &Model) -> Result<Self, ModelError> {
        let scoring = Arc::new(scoring);
        let config = &scoring.config;
        let finished = Arc::new(Mutex::new(Vec::new()));
        let failed = Arc::new(AtomicBool::new(false));
        let limits = EngineLimits {
            threads: config.inference_threads(),
            batch_tokens: config.model.batch_tokens,
            late_share: config.model.late_share,
        };
        let deliver = {
            let (scoring, finished) = (Arc::clone(&scoring), Arc::clone(&finished));
            move |scored: Scored<Tag>| push(&finished, scoring.deliver(scored))
        };
        let metrics = Arc::clone(&scoring.metrics);
        let observe =
            move |report: crate::model::BatchReport| metrics.batch(report.rows, report.tokens, report.duration);
        let engine = Arc::new(Engine::start(model, limits, deliver, observe)?);
        let capacity = (scoring.channels.len() + 1) * config.limits.in_flight_messages;
        let (to_tokenizers, work) = bounded::<Work>(capacity);
        let tokenizers = (0..config.model.tokenizer_threads)
            .map(|index| {
                let (scoring, engine, finished) = (Arc::clone(&scoring), Arc::clone(&engine), Arc::clone(&finished));
                let (failed, work) = (Arc::clone(&failed), work.clone());
                std::thread::Builder::new()
                    .name(format!("tokenise-{index}"))
                    .spawn(move || {
                        if catch_unwind(AssertUnwindSafe(|| tokenise(&scoring, &engine, &finished, &work))).is_err() {
                            failed.store(true, Ordering::Release);
                        }
                    })
                    .map_err(|error| ModelError::Runtime(format!("cannot start a tokenizer thread: {error}")))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { scoring, to_tokenizers: Some(to_tokenizers), tokenizers, engine: Some(engine), finished, failed })
    }
}

impl Scoring {
    fn deliver(&self, scored: Scored<Tag>) -> Finished {
        let Tag { work, message, clean } = scored.tag;
        self.metrics.step(Some(message.channel), "infer", scored.inference);
        match scored.result {
            Ok((scores, evidence)) => {
                let inference_ms = crate::model::round4(scored.inference.as_secs_f64() * 1000.0);
                let verdict =
                    Verdict { scores, evidence, chunks: scored.chunks, truncated: scored.truncated, inference_ms };
                self.finish_scored(work, message, clean, verdict)
            }
            Err(error) => {
                let class = match error {
                    InferenceError::Tokenize(_) => "tokenizer",
                    InferenceError::Run(_) => "inference",
                };
                self.refuse(work, class, &error.to_string(), 2)
            }
        }
    }
}

fn push(finished: &Mutex<Vec<Finished>>, outcome: Finished) {
    finished.lock().unwrap_or_else(PoisonError::into_inner).push(outcome);
}

fn tokenise(scoring: &Scoring, engine: &Engine<Tag>, finished: &Mutex<Vec<Finished>>, work: &Receiver<Work>) {
    for work in work {
        let channel = scoring.channel(&work.source.topic);
        #[cfg(feature = "crash-points")]
        crash_on(&work.message);
        if let Some(topic) = scoring.record_topic(&work.source.topic) {
            push(finished, scoring.finish_record(work, topic));
            continue;
        }
        match scoring.prepare(&work.message, channel, Timestamp::now()) {
            Prepared::Ready(ready) => {
                let Ready { message, clean, input, encoded, due_ms } = *ready;
                let partition = work.partition_id;
                engine.submit(Job { tag: Tag { work, message, clean }, input, encoded, partition, due_ms });
            }
            Prepared::Filtered { message, reason, evidence } => {
                push(finished, scoring.finish_filtered(work, message.as_deref(), reason, evidence.as_ref()));
            }
            Prepared::Refused { class, message } => push(finished, scoring.refuse(work, class, &message, 1)),
        }
    }
}

/// Stands for a message that brings the inference down: dies of the text in `UNDERTONE_CRASH_ON`.
#[cfg(feature = "crash-points")]
fn crash_on(message: &InboundMessage) {
    let deadly = std::env::var("UNDERTONE_CRASH_ON").unwrap_or_default();
    let text = String::from_utf8_lossy(message.payload.as_deref().unwrap_or_default());
    if !deadly.is_empty() && text.contains(&deadly) {
        std::process::abort();
    }
}

impl Processor for ScoreProcessor {
    fn stage(&self) -> &'static str {
        STAGE
    }

    fn lane(&self, topic: &str) -> usize {
        let channel = self.scoring.channel(topic);
        Channel::ALL.iter().position(|&known| Some(known) == channel).unwrap_or(Channel::ALL.len())
    }

    // One for each channel, and one for what is no message.
    fn lanes(&self) -> Vec<&'static str> {
        Channel::ALL.iter().map(|channel| channel.as_str()).chain(["records"]).collect()
    }

    fn on_record(&mut self, work: Work) {
        // The tokenizer threads never wait for this one, so a full channel empties; a closed one means
        // that they have died, which `failed` tells.
        if let Some(channel) = &self.to_tokenizers {
            let _ = channel.send(work);
        }
    }

    fn take_finished(&mut self, finished: &mut Vec<Finished>) {
        finished.append(&mut self.finished.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn dead_letter(&mut self, work: Work, class: &'static str, message: &str, attempts: u32) -> Finished {
        self.scoring.refuse(work, class, message, attempts)
    }

    fn failed(&self) -> bool {
        self.failed.load(Ordering::Acquire) || self.engine.as_ref().is_some_and(|engine| engine.failed())
    }
}

impl Drop for ScoreProcessor {
    fn drop(&mut self) {
        self.to_tokenizers = None;
        for thread in self.tokenizers.drain(..) {
            // A panic was caught inside and noted there.
            let _ = thread.join();
        }
        // The last owner: the inference threads finish their queue and end.
        self.engine = None;
    }
}
