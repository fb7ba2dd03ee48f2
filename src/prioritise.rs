//! The PRIORITISE stage: from a [`ScoredMessage`] and what is remembered of its customer to a ticket on the topic of
//! its priority.
//!
//! Light: one look at the customer's state, one pass of the policy. The state of a partition lies in the partition of
//! the changelog with the same number, written in the same transaction as the tickets that rest on it.
//! (architecture.md, decisions 9 to 14)

mod decide;
pub mod engine;
mod update;

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use jiff::Timestamp;
use tracing::warn;

use crate::config::Config;
use crate::history::{Customer, DeadlineKind, Store};
use crate::kafka::{Emitted, Finished, OutputRecord, Processor, TopicPartition, Work};
use crate::message::filter::{Evidence as FilterEvidence, FilterReason};
use crate::message::{Channel, InboundMessage};
use crate::model::OrdinalScores;
use crate::operate::{Count, Metrics, Outcome};
use crate::policy::{CurrentPolicy, Policy};
use crate::score::refuse;
use crate::ticket::envelope::{self, Event, RecordHeaders};
use crate::ticket::{FilteredEvent, ReviewRequest, ScoredMessage, SlaEvent, Ticket, ids};

pub use decide::{Decided, decide, ticket_of_stranger};
use engine::{End, Moment, Record, StateChange, Step, Told, step, tell};

/// Name of the stage.
pub const STAGE: &str = "prioritise";

/// Customers whose deadlines are looked after in one tick of a partition.
const CUSTOMERS_PER_TICK: usize = 500;
/// Header that counts how often a record was sent on after a customer who has moved.
const HOPS_HEADER: &str = "triage-hops";

/// The stage; everything happens on the Kafka thread.
pub struct PrioritiseProcessor {
    config: Config,
    /// As of the last moment between transactions: what is decided together rests on the same.
    policy: Arc<Policy>,
    current: CurrentPolicy,
    metrics: Arc<Metrics>,
    finished: Vec<Finished>,
    customers: HashMap<i32, Store>,
}

impl PrioritiseProcessor {
    /// Collects what the stage needs.
    pub fn new(config: &Config, policy: impl Into<CurrentPolicy>, metrics: Arc<Metrics>) -> Self {
        let current = policy.into();
        Self {
            config: config.clone(),
            policy: current.get(),
            current,
            metrics,
            finished: Vec::new(),
            customers: HashMap::new(),
        }
    }

    fn process(&mut self, work: Work) -> Finished {
        let record = match Record::read(work.message.payload.as_deref().unwrap_or_default()) {
            Ok(record) => record,
            Err(error) => return self.refuse(work, "scored_record", &error.to_string()),
        };
        match self.made(&work, record) {
            Ok((outputs, counts)) => Finished { work, outputs, counts },
            Err(error) => self.refuse(work, "encode", &error.to_string()),
        }
    }

    /// Lets the engine decide and makes of it what is published and counted.
    fn made(&mut self, work: &Work, record: Record) -> Made {
        let started = Instant::now();
        let now = Timestamp::now();
        let about = if let Record::Scored(scored) = &record { Some(About::of(scored)) } else { None };
        let store = self.customers.get(&work.source.partition);
        let known = store.and_then(|store| store.get(&record.state_key()));
        let at = Moment { record_ms: work.message.timestamp_ms.unwrap_or_default(), now };
        let Step { key, end, state } = step(record, known, hops(&work.message), &self.policy, at);
        let decided = matches!(end, End::Ticket(_) | End::Filtered { .. });
        let (mut outputs, mut counts) = self.outputs(work, end, about.as_ref(), now)?;
        if let Some(about) = about.filter(|_| decided) {
            counts.push(about.scores);
            counts.extend(about.source_ms.map(|since_ms| Count::EndToEnd { channel: about.channel, since_ms }));
            self.metrics.step(Some(about.channel), "policy", started.elapsed());
        }
        let state = match state {
            StateChange::Kept => return Ok((outputs, counts)),
            StateChange::Put(customer) => Some(*customer),
            StateChange::Erased => None,
        };
        outputs.push(self.state_output(&work.source, &key, state.as_ref())?);
        let store = self.customers.entry(work.source.partition).or_default();
        store.put(work.message.position.offset, &key, state);
        Ok((outputs, counts))
    }

    fn outputs(&self, work: &Work, end: End, about: Option<&About>, now: Timestamp) -> Made {
        let done = |channel, outcome| Count::Processed { channel, outcome };
        match (end, about) {
            (End::Ticket(ticket), Some(about)) => {
                Ok((self.ticket_outputs(work, &ticket, now)?, ticket_counts(&ticket, about.channel)))
            }
            (End::Filtered { reason, name, value }, Some(about)) => {
                let output = self.filtered_output(work, about, reason, name, value, now)?;
                let filtered = Count::Filtered { channel: Some(about.channel), reason: reason.as_str() };
                Ok((vec![output], vec![done(Some(about.channel), Outcome::Filtered), filtered]))
            }
            (End::SentOn(record), _) => Ok((vec![self.send_on(work, &record)?], vec![done(None, Outcome::SentOn)])),
            (End::Updated(sent_on), _) => {
                let outputs = sent_on.map(|record| self.send_on(work, &record)).transpose()?;
                Ok((outputs.into_iter().collect(), vec![done(None, Outcome::Updated)]))
            }
            // Only messages end so; were it otherwise, the record would still not be lost.
            (End::Ticket(_) | End::Filtered { .. }, None) => {
                Err(serde::ser::Error::custom("a decision on what is no message"))
            }
        }
    }

    fn refuse(&self, work: Work, class: &'static str, message: &str) -> Finished {
        refuse(&self.config.topics.dlq, STAGE, None, work, class, message, 1)
    }

    /// The ticket on its priority's topic, its copy and the review request, where wanted.
    fn ticket_outputs(
        &self,
        work: &Work,
        ticket: &Ticket,
        now: Timestamp,
    ) -> Result<Vec<OutputRecord>, serde_json::Error> {
        let topics = &self.config.topics;
        let level = ticket.priority.level.as_str();
        let (payload, mut headers) = self.wrap(envelope::TICKET, "ticket", ticket, ticket, now)?;
        headers.extend(routing_headers(ticket));
        headers.extend(envelope::trace_headers(&work.message));
        let record = |topic: String, payload: Bytes, headers: RecordHeaders| OutputRecord {
            topic,
            partition: None,
            key: Some(Bytes::from(ticket.conversation_id.clone())),
            payload: Some(payload),
            headers,
            timestamp_ms: work.message.timestamp_ms,
        };
        let mut outputs = Vec::with_capacity(2);
        if topics.tickets_copy {
            outputs.push(record(topics.tickets.clone(), payload.clone(), headers.clone()));
        }
        outputs.push(record(format!("{}.{}", topics.tickets, level.to_lowercase()), payload, headers));
        if let Some(review) = ReviewRequest::of(ticket) {
            let (payload, mut headers) = self.wrap(envelope::REVIEW, "review", ticket, &review, now)?;
            headers.extend(routing_headers(ticket));
            headers.extend(envelope::trace_headers(&work.message));
            outputs.push(record(topics.review.clone(), payload, headers));
        }
        Ok(outputs)
    }

    fn wrap<T: serde::Serialize>(
        &self,
        kind: &str,
        id_kind: &str,
        ticket: &Ticket,
        data: &T,
        now: Timestamp,
    ) -> Result<(Bytes, RecordHeaders), serde_json::Error> {
        let channel = ticket.channel.parse().unwrap_or(Channel::Chat);
        let event = Event {
            id: ids::event_id(id_kind, ticket.tenant.as_deref(), channel, &ticket.message_id),
            kind,
            subject: &ticket.conversation_id,
            time: now,
            app: &self.config.app.name,
        };
        envelope::wrap(&self.config.output, &event, data)
    }

    /// The record about a message that gets no ticket after all.
    fn filtered_output(
        &self,
        work: &Work,
        about: &About,
        reason: FilterReason,
        name: &str,
        value: String,
        now: Timestamp,
    ) -> Result<OutputRecord, serde_json::Error> {
        let evidence = FilterEvidence { name: name.to_owned(), value };
        let filtered = FilteredEvent {
            message_id: Some(about.message_id.clone()),
            conversation_id: Some(about.conversation_id.clone()),
            channel: Some(about.channel.as_str().to_owned()),
            tenant: about.tenant.clone(),
            source: about.source.clone(),
            ..FilteredEvent::new(&work.message, None, reason, Some(&evidence), now)
        };
        // A duplicate's own id would be the first one's: the position tells them apart.
        let event = Event {
            id: ids::position_id(&about.position()),
            kind: envelope::FILTERED,
            subject: &about.conversation_id,
            time: now,
            app: &self.config.app.name,
        };
        let (payload, mut headers) = envelope::wrap(&self.config.output, &event, &filtered)?;
        headers.push(("triage-filtered-reason".into(), Some(Bytes::from_static(reason.as_str().as_bytes()))));
        headers.extend(envelope::trace_headers(&work.message));
        Ok(OutputRecord {
            topic: self.config.topics.filtered.clone(),
            partition: None,
            key: Some(Bytes::from(about.conversation_id.clone())),
            payload: Some(payload),
            headers,
            timestamp_ms: work.message.timestamp_ms,
        })
    }

    /// A customer's state for the changelog, in the partition of its input.
    fn state_output(
        &self,
        source: &TopicPartition,
        key: &str,
        state: Option<&Customer>,
    ) -> Result<OutputRecord, serde_json::Error> {
        Ok(OutputRecord {
            topic: self.config.topics.state.clone(),
            partition: Some(source.partition),
            key: Some(Bytes::copy_from_slice(key.as_bytes())),
            payload: state.map(Customer::to_json).transpose()?.map(Bytes::from),
            headers: Vec::new(),
            timestamp_ms: None,
        })
    }

    /// A record of `triage.scored` for the owner of another key.
    fn send_on(&self, work: &Work, record: &Record) -> Result<OutputRecord, serde_json::Error> {
        let mut headers = envelope::owner_headers(record.kind());
        headers.push((HOPS_HEADER.into(), Some(Bytes::from((hops(&work.message) + 1).to_string()))));
        headers.extend(envelope::trace_headers(&work.message));
        Ok(OutputRecord {
            topic: self.config.topics.scored.clone(),
            partition: None,
            key: Some(Bytes::copy_from_slice(record.routing_key().as_bytes())),
            payload: Some(Bytes::from(match record {
                Record::Scored(scored) => serde_json::to_vec(scored)?,
                Record::About(record) => serde_json::to_vec(record)?,
            })),
            headers,
            timestamp_ms: work.message.timestamp_ms,
        })
    }

    fn sla_output(
        &self,
        routing_key: &str,
        deadline: &crate::history::Deadline,
        now: Timestamp,
    ) -> Result<OutputRecord, serde_json::Error> {
        let told = SlaEvent::new(routing_key, deadline, now);
        let event = Event {
            id: ids::deadline_id(told.tenant.as_deref(), &told.conversation_id, &told.event, told.due_at),
            kind: SlaEvent::kind(deadline),
            subject: &told.conversation_id,
            time: now,
            app: &self.config.app.name,
        };
        let (payload, mut headers) = envelope::wrap(&self.config.output, &event, &told)?;
        let header = |name: &str, value: &str| (name.to_owned(), Some(Bytes::copy_from_slice(value.as_bytes())));
        headers.push(header("triage-priority", told.priority.as_str()));
        headers.push(header("triage-channel", &told.channel));
        Ok(OutputRecord {
            topic: self.config.topics.sla.clone(),
            partition: None,
            key: Some(Bytes::from(told.conversation_id.clone())),
            payload: Some(payload),
            headers,
            timestamp_ms: None,
        })
    }

    /// Tells the deadlines of one partition that have come by `now`, and forgets who has been silent for too long.
    fn tick(
        &mut self,
        source: &TopicPartition,
        position: i64,
        now: Timestamp,
    ) -> Result<Option<Emitted>, serde_json::Error> {
        let now_ms = now.as_millisecond();
        let Some(store) = self.customers.get(&source.partition) else { return Ok(None) };
        let due = store.due(now_ms, CUSTOMERS_PER_TICK);
        let mut emitted = Emitted::default();
        let mut changes = Vec::new();
        for key in due {
            let Some(customer) = store.get(&key) else { continue };
            let Told { state, deadlines } = tell(customer, now_ms, &self.policy);
            for deadline in deadlines {
                emitted.outputs.push(self.sla_output(Customer::routing_key(&key), &deadline, now)?);
                emitted.counts.push(Count::Sla {
                    channel: deadline.channel,
                    priority: deadline.previous.as_str(),
                    breached: deadline.kind == DeadlineKind::Breached,
                });
            }
            emitted.outputs.push(self.state_output(source, &key, state.as_ref())?);
            changes.push((key, state));
        }
        if changes.is_empty() {
            return Ok(None);
        }
        if let Some(store) = self.customers.get_mut(&source.partition) {
            for (key, state) in changes {
                store.put(position - 1, &key, state);
            }
        }
        Ok(Some(emitted))
    }
}

/// What is published for a record, and what is counted.
type Made = Result<(Vec<OutputRecord>, Vec<Count>), serde_json::Error>;

/// What is counted of a scored message, and what a filtered event says of it.
struct About {
    scores: Count,
    /// Time of the source record.
    source_ms: Option<i64>,
    message_id: String,
    conversation_id: String,
    channel: Channel,
    tenant: Option<String>,
    source: crate::ticket::SourceStamp,
}

impl About {
    fn of(scored: &ScoredMessage) -> Self {
        let message = &scored.message;
        Self {
            scores: scores_count(scored),
            source_ms: scored.source.timestamp.map(Timestamp::as_millisecond),
            message_id: message.id.clone(),
            conversation_id: message.conversation_id.clone(),
            channel: message.channel,
            tenant: message.tenant.clone(),
            source: scored.source.clone(),
        }
    }

    fn position(&self) -> crate::message::SourcePosition {
        let source = &self.source;
        crate::message::SourcePosition {
            topic: source.topic.clone(),
            partition: source.partition,
            offset: source.offset,
        }
    }
}

/// How often a record of `triage.scored` has been sent on after a customer who has moved.
pub fn hops(message: &InboundMessage) -> usize {
    let header = message.headers.iter().find(|(name, _)| name == HOPS_HEADER);
    let value = header.and_then(|(_, value)| value.as_deref());
    value.and_then(|value| std::str::from_utf8(value).ok()?.parse().ok()).unwrap_or(0)
}

fn ticket_counts(ticket: &Ticket, channel: Channel) -> Vec<Count> {
    let mut counts = vec![
        Count::Processed { channel: Some(channel), outcome: Outcome::Ticket },
        Count::Ticket { channel, priority: ticket.priority.level.as_str(), sentiment: ticket.sentiment.label.clone() },
    ];
    counts.extend(ticket.reasons.iter().map(|reason| Count::Escalation { rule: reason.rule.as_str(), channel }));
    counts.extend(ticket.review.causes.iter().map(|cause| Count::Review { channel, cause: cause.as_str() }));
    counts
}

/// Score and confidence of a head that has answered.
fn answer(head: &OrdinalScores) -> Option<(f64, f64)> {
    head.is_known().then_some((head.score, head.confidence))
}

fn scores_count(scored: &ScoredMessage) -> Count {
    Count::Scores {
        channel: scored.message.channel,
        sentiment: answer(&scored.scores.sentiment),
        urgency: answer(&scored.scores.urgency),
        language: scored.language.code.clone(),
        supported: scored.language.supported,
    }
}

/// Headers for routers that do not read values.
fn routing_headers(ticket: &Ticket) -> RecordHeaders {
    let header = |name: &str, value: &str| (name.to_owned(), Some(Bytes::copy_from_slice(value.as_bytes())));
    vec![
        header("triage-priority", ticket.priority.level.as_str()),
        header("triage-channel", &ticket.channel),
        header("triage-sentiment", &ticket.sentiment.label),
        header("triage-urgency", ticket.urgency.level.as_str()),
        header("triage-human-required", if ticket.handling.human_required { "true" } else { "false" }),
        header("triage-policy-version", &ticket.policy.version),
    ]
}

impl Processor for PrioritiseProcessor {
    fn stage(&self) -> &'static str {
        STAGE
    }

    fn lane(&self, _: &str) -> usize {
        0
    }

    fn lanes(&self) -> Vec<&'static str> {
        vec!["scored"]
    }

    // What goes wrong with a record is caught with it.
    fn fragile(&self) -> bool {
        false
    }

    fn on_record(&mut self, work: Work) {
        let finished = catch_unwind(AssertUnwindSafe(|| self.process(work.clone())))
            .unwrap_or_else(|_| self.dead_letter(work, "panic", "the policy failed on this message", 1));
        self.finished.push(finished);
    }

    fn take_finished(&mut self, finished: &mut Vec<Finished>) {
        finished.append(&mut self.finished);
    }

    fn dead_letter(&mut self, work: Work, class: &'static str, message: &str, attempts: u32) -> Finished {
        if let Some(store) = self.customers.get_mut(&work.source.partition) {
            store.forget(work.message.position.offset);
        }
        refuse(&self.config.topics.dlq, STAGE, None, work, class, message, attempts)
    }

    fn changelog(&self) -> Option<&str> {
        Some(&self.config.topics.state)
    }

    fn on_restore(&mut self, source: &TopicPartition, key: &[u8], value: Option<&[u8]>) {
        let store = self.customers.entry(source.partition).or_default();
        let Ok(key) = std::str::from_utf8(key) else { return };
        match value.map(Customer::from_json).transpose() {
            Ok(state) => store.restore(key, state, self.policy.history()),
            // Another version's, or damaged: better a customer without a past than a worker that cannot start.
            Err(error) => {
                warn!(partition = %source, line = error.line(), column = error.column(), "state that cannot be read");
                store.restore(key, None, self.policy.history());
            }
        }
    }

    fn on_committed(&mut self, source: &TopicPartition, position: i64) {
        if let Some(store) = self.customers.get_mut(&source.partition) {
            store.commit(position, self.policy.history());
        }
    }

    fn on_aborted(&mut self) {
        for store in self.customers.values_mut() {
            store.abort();
        }
    }

    fn between_transactions(&mut self) {
        let current = self.current.get();
        if !Arc::ptr_eq(&current, &self.policy) {
            self.policy = current;
            for store in self.customers.values_mut() {
                store.reset_timers(self.policy.history());
            }
        }
    }

    fn on_revoked(&mut self, source: &TopicPartition) {
        self.customers.remove(&source.partition);
    }

    fn on_tick(&mut self, source: &TopicPartition, position: i64, now: Timestamp) -> Option<Emitted> {
        match self.tick(source, position, now) {
            Ok(emitted) => emitted,
            Err(error) => {
                warn!(partition = %source, error = %error, "deadlines cannot be told");
                None
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
