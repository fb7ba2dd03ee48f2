//! Scores single messages without Kafka, with all inference threads: what `score`, `eval` and `explain` share.

use std::sync::Arc;

use bytes::Bytes;
use crossbeam_channel::{Receiver, bounded};
use jiff::Timestamp;

use super::{CommandError, load_policy};
use crate::config::Config;
use crate::message::filter::FilterReason;
use crate::message::{Channel, CustomerMessage, InboundMessage, SourcePosition};
use crate::model::{Chances, Engine, EngineLimits, InferenceError, Job, Manifest, Model, Scored};
use crate::operate::Metrics;
use crate::policy::Policy;
use crate::prioritise::ticket_of_stranger;
use crate::score::{Prepared, Ready, Scoring};
use crate::text::CleanText;
use crate::ticket::{Ticket, Verdict};

/// Messages scored together at most.
pub(super) const CHUNK: usize = 256;

/// Policy and model on their threads.
pub struct Scorer {
    scoring: Scoring,
    policy: Arc<Policy>,
    manifest: Arc<Manifest>,
    engine: Engine<Tag>,
    results: Receiver<Scored<Tag>>,
}

struct Tag {
    index: usize,
    inbound: InboundMessage,
    message: CustomerMessage,
    clean: CleanText,
    dropped: Option<FilterReason>,
}

/// What becomes of a message that the filter drops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dropped {
    /// It ends as filtered.
    Ends,
    /// It is scored all the same, as long as there is anything to read.
    ScoredToo,
}

/// The end of one message.
pub(super) enum End {
    /// Scored.
    Scored(Box<Judged>),
    /// Filtered, and why.
    Filtered(FilterReason),
    /// Not readable, or the model failed on it.
    Bad(String),
}

/// A message with what the model says of it.
pub(super) struct Judged {
    inbound: InboundMessage,
    message: CustomerMessage,
    /// Its cleaned text.
    pub clean: CleanText,
    /// Scores and evidence.
    pub verdict: Verdict,
    /// Probabilities behind the emotions and signals.
    pub chances: Chances,
    /// Why the worker would have dropped it.
    pub dropped: Option<FilterReason>,
}

impl Scorer {
    /// Loads policy and model and starts the threads.
    pub fn start(config: &Config) -> Result<Self, CommandError> {
        let policy = load_policy(config)?;
        let model = Model::load(&config.model)?;
        let metrics = Arc::new(Metrics::new().map_err(CommandError::failed)?);
        let scoring = Scoring::new(config, &model, Arc::clone(&policy), metrics);
        let (deliver, results) = bounded(CHUNK);
        let limits = EngineLimits {
            threads: config.inference_threads(),
            batch_tokens: config.model.batch_tokens,
            late_share: 1.0,
        };
        let deliver = move |scored| {
            // The receiver lives as long as the engine.
            let _ = deliver.send(scored);
        };
        let engine = Engine::start(&model, limits, deliver, |_| {})?;
        Ok(Self { scoring, policy, manifest: model.manifest, engine, results })
    }

    /// What the model is.
    pub(super) fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Scores messages, [`CHUNK`] at most; the ends are in their order.
    pub(super) fn score(&self, messages: Vec<InboundMessage>, channel: Option<Channel>, dropped: Dropped) -> Vec<End> {
        let mut ends: Vec<Option<End>> = Vec::with_capacity(messages.len());
        let mut waiting = 0;
        for (index, inbound) in messages.into_iter().enumerate() {
            let (prepared, reason) = self.prepare(&inbound, channel, dropped);
            ends.push(match prepared {
                Prepared::Ready(ready) => {
                    let Ready { message, clean, input, encoded, due_ms } = *ready;
                    let tag = Tag { index, inbound, message, clean, dropped: reason };
                    self.engine.submit(Job { tag, input, encoded, partition: 0, due_ms });
                    waiting += 1;
                    None
                }
                Prepared::Filtered { reason, .. } => Some(End::Filtered(reason)),
                Prepared::Refused { class, message } => Some(End::Bad(format!("{class}: {message}"))),
            });
        }
        for _ in 0..waiting {
            let Ok(scored) = self.results.recv() else { break };
            let index = scored.tag.index;
            ends[index] = Some(match judged(scored) {
                Ok(judged) => End::Scored(Box::new(judged)),
                Err(error) => End::Bad(error.to_string()),
            });
        }
        ends.into_iter().map(|end| end.unwrap_or_else(|| End::Bad("an inference thread has died".into()))).collect()
    }

    /// A message that does not name its channel, where none is given, is a chat.
    fn prepare(
        &self,
        inbound: &InboundMessage,
        channel: Option<Channel>,
        dropped: Dropped,
    ) -> (Prepared, Option<FilterReason>) {
        let now = Timestamp::now();
        let mut prepared = self.scoring.prepare(inbound, channel, now);
        if channel.is_none() && matches!(prepared, Prepared::Refused { class: "unknown_channel", .. }) {
            prepared = self.scoring.prepare(inbound, Some(Channel::Chat), now);
        }
        match prepared {
            Prepared::Filtered { message: Some(message), reason, .. } if dropped == Dropped::ScoredToo => {
                (self.scoring.ready(*message), Some(reason))
            }
            prepared => (prepared, None),
        }
    }

    /// Makes the ticket of a scored message.
    pub(super) fn ticket(&self, judged: Judged) -> Ticket {
        let Judged { inbound, message, clean, verdict, .. } = judged;
        let scored = self.scoring.scored(&inbound, message, clean, verdict);
        ticket_of_stranger(scored, &self.policy, Timestamp::now())
    }
}

fn judged(scored: Scored<Tag>) -> Result<Judged, InferenceError> {
    let Tag { inbound, message, clean, dropped, .. } = scored.tag;
    let (scores, evidence) = scored.result?;
    let inference_ms = crate::model::round4(scored.inference.as_secs_f64() * 1000.0);
    let verdict = Verdict { scores, evidence, chunks: scored.chunks, truncated: scored.truncated, inference_ms };
    Ok(Judged { inbound, message, clean, verdict, chances: scored.chances, dropped })
}

/// A record as if line `number` of `source` had been one; plain text becomes a message with that text.
pub(super) fn inbound(line: &str, number: usize, source: &str) -> InboundMessage {
    let payload = if line.trim_start().starts_with('{') {
        line.to_owned()
    } else {
        serde_json::json!({ "text": line }).to_string()
    };
    InboundMessage {
        position: SourcePosition {
            topic: source.to_owned(),
            partition: 0,
            offset: i64::try_from(number).unwrap_or(i64::MAX),
        },
        key: None,
        payload: Some(Bytes::from(payload)),
        headers: Vec::new(),
        timestamp_ms: Some(Timestamp::now().as_millisecond()),
    }
}
