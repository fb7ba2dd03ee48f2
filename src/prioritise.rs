//! The PRIORITISE stage: from a [`ScoredMessage`] to a ticket on the topic of its priority.
//!
//! Light: one pass of the policy. It keeps no history yet, so it can be run anywhere.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use jiff::Timestamp;

use crate::config::Config;
use crate::kafka::{Finished, OutputRecord, Processor, Work};
use crate::message::{Channel, SocialKind, Visibility};
use crate::model::{LabelScore, OrdinalScores};
use crate::operate::{Count, Metrics, Outcome};
use crate::policy::{Facts, Labelled, Policy, Scored, SurveyFacts};
use crate::score::refuse;
use crate::ticket::envelope::{self, Event, RecordHeaders};
use crate::ticket::{ReviewRequest, ScoredMessage, Ticket, ids};

/// Name of the stage.
pub const STAGE: &str = "prioritise";

/// The stage; everything happens on the Kafka thread.
pub struct PrioritiseProcessor {
    config: Config,
    policy: Arc<Policy>,
    metrics: Arc<Metrics>,
    finished: Vec<Finished>,
}

impl PrioritiseProcessor {
    /// Collects what the stage needs.
    pub fn new(config: &Config, policy: Arc<Policy>, metrics: Arc<Metrics>) -> Self {
        Self { config: config.clone(), policy, metrics, finished: Vec::new() }
    }

    fn process(&self, work: Work) -> Finished {
        let started = Instant::now();
        let payload = work.message.payload.as_deref().unwrap_or_default();
        let scored: ScoredMessage = match serde_json::from_slice(payload) {
            Ok(scored) => scored,
            Err(error) => {
                // serde_json quotes short values; class and place are enough here.
                let place = format!("line {} column {}", error.line(), error.column());
                return self.dead_letter(work, "scored_record", &format!("not a scored message at {place}"), 1);
            }
        };
        let channel = scored.message.channel;
        let source_ms = scored.source.timestamp.map(Timestamp::as_millisecond);
        let now = Timestamp::now();
        let (mut counts, scores_count) = (Vec::new(), scores_count(&scored));
        let ticket = decide(scored, &self.policy, now);
        let outputs = match self.outputs(&work, &ticket, now) {
            Ok(outputs) => outputs,
            Err(error) => return self.dead_letter(work, "encode", &error.to_string(), 1),
        };
        counts.push(Count::Processed { channel: Some(channel), outcome: Outcome::Ticket });
        let priority = ticket.priority.level.as_str();
        counts.push(Count::Ticket { channel, priority, sentiment: ticket.sentiment.label.clone() });
        counts.push(scores_count);
        counts.extend(ticket.reasons.iter().map(|reason| Count::Escalation { rule: reason.rule.as_str(), channel }));
        counts.extend(ticket.review.causes.iter().map(|cause| Count::Review { channel, cause: cause.as_str() }));
        counts.extend(source_ms.map(|since_ms| Count::EndToEnd { channel, since_ms }));
        self.metrics.step(Some(channel), "policy", started.elapsed());
        Finished { work, outputs, counts }
    }

    /// The ticket on its priority's topic, its copy and the review request, where wanted.
    fn outputs(&self, work: &Work, ticket: &Ticket, now: Timestamp) -> Result<Vec<OutputRecord>, serde_json::Error> {
        let topics = &self.config.topics;
        let level = ticket.priority.level.as_str();
        let (payload, mut headers) = self.wrap(envelope::TICKET, "ticket", ticket, ticket, now)?;
        headers.extend(routing_headers(ticket));
        headers.extend(envelope::trace_headers(&work.message));
        let record = |topic: String, payload: Bytes, headers: RecordHeaders| OutputRecord {
            topic,
            key: Some(Bytes::from(ticket.conversation_id.clone())),
            payload: Some(payload),
            headers,
            timestamp_ms: work.message.timestamp_ms,
        };
        let mut outputs = Vec::with_capacity(1);
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
}

/// Applies the policy to a scored message. Pure but for `now`, which only `triaged_at` shows.
pub fn decide(scored: ScoredMessage, policy: &Policy, now: Timestamp) -> Ticket {
    let facts = facts(&scored);
    let decision = policy.decide(&facts);
    Ticket::new(scored, decision, policy.reach(&facts), policy, now)
}

fn facts(scored: &ScoredMessage) -> Facts {
    let message = &scored.message;
    let labelled = |label: &LabelScore| Labelled { label: label.label.clone(), score: label.score };
    let ordinal = |scores: &OrdinalScores| Scored {
        label: scores.label.clone(),
        score: scores.score,
        confidence: scores.confidence,
        probabilities: scores
            .probabilities
            .iter()
            .map(|(label, &score)| Labelled { label: label.clone(), score })
            .collect(),
    };
    let social = message.social.as_ref();
    let private = social
        .is_some_and(|social| social.visibility == Some(Visibility::Private) || social.kind == Some(SocialKind::Dm));
    Facts {
        channel: message.channel.as_str().to_owned(),
        sub_channel: message.sub_channel.clone(),
        tier: message.customer.tier.clone(),
        public_post: social.is_some() && !private,
        reach: message.author.followers,
        survey: message.survey.as_ref().and_then(|survey| {
            Some(SurveyFacts {
                kind: survey.kind.as_ref()?.as_str().to_owned(),
                score: survey.score?,
                scale_max: survey.scale_max,
            })
        }),
        sentiment: ordinal(&scored.scores.sentiment),
        urgency: ordinal(&scored.scores.urgency),
        emotions: scored.scores.emotions.iter().map(labelled).collect(),
        topic: scored.scores.topics.first().map(labelled),
        signals: scored.scores.signals.iter().map(labelled).collect(),
        language_supported: scored.language.supported,
        received_at: message.received_at,
    }
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

    fn dead_letter(&self, work: Work, class: &'static str, message: &str, attempts: u32) -> Finished {
        refuse(&self.config.topics.dlq, STAGE, None, work, class, message, attempts)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::kafka::TopicPartition;
    use crate::message::{InboundMessage, SourcePosition};

    /// A scored record as SCORE writes it; numbers fixed, so that the ticket below is golden.
    const SCORED: &str = include_str!("../tests/fixtures/scored.json");

    fn work(payload: &str) -> Work {
        let message = InboundMessage {
            position: SourcePosition { topic: "triage.scored".into(), partition: 0, offset: 7 },
            key: Some("c-1".into()),
            payload: Some(payload.to_owned().into()),
            headers: vec![("traceparent".into(), Some("00-1".into())), ("other".into(), None)],
            timestamp_ms: Some(1_780_000_000_000),
        };
        Work { message: Arc::new(message), source: TopicPartition::new("triage.scored", 0), epoch: 1, partition_id: 0 }
    }

    fn processor(change: impl FnOnce(&mut crate::config::Settings)) -> PrioritiseProcessor {
        let config = Config::from_text("", "test", []).unwrap().with(change).unwrap();
        PrioritiseProcessor::new(
            &config,
            Arc::new(Policy::default_policy().unwrap()),
            Arc::new(Metrics::new().unwrap()),
        )
    }

    #[test]
    fn a_ticket_is_golden() {
        let scored: ScoredMessage = serde_json::from_str(SCORED).unwrap();
        let now = "2026-11-27T10:15:02Z".parse().unwrap();
        let ticket = decide(scored, &Policy::default_policy().unwrap(), now);
        insta::assert_json_snapshot!(ticket, { ".policy.digest" => "[digest]" });
    }

    #[test]
    fn a_ticket_goes_to_its_topic_once_with_routing_and_trace_headers() {
        let finished = processor(|_| {}).process(work(SCORED));
        let topics: Vec<_> = finished.outputs.iter().map(|output| output.topic.as_str()).collect();
        assert_eq!(topics, ["triage.tickets.p1"]);
        let names: Vec<_> = finished.outputs[0].headers.iter().map(|(name, _)| name.as_str()).collect();
        for wanted in ["ce_id", "ce_type", "ce_dataschema", "triage-priority", "triage-human-required", "traceparent"] {
            assert!(names.contains(&wanted), "{wanted}: {names:?}");
        }
        assert!(!names.contains(&"other"));
    }

    #[test]
    fn copies_and_structured_events_by_configuration() {
        let processor = processor(|settings| {
            settings.topics.tickets_copy = true;
            settings.output.envelope = crate::config::Envelope::Structured;
        });
        let finished = processor.process(work(SCORED));
        let topics: Vec<_> = finished.outputs.iter().map(|output| output.topic.as_str()).collect();
        assert_eq!(topics, ["triage.tickets", "triage.tickets.p1"]);
        let event: serde_json::Value = serde_json::from_slice(finished.outputs[1].payload.as_ref().unwrap()).unwrap();
        assert_eq!(event["type"], "org.undertone.ticket.triaged.v1");
        assert_eq!(event["data"]["priority"]["level"], "P1");
    }

    #[test]
    fn doubt_is_published_beside_the_ticket() {
        let doubtful = SCORED.replace(
            "\"language\":{\"code\":\"en\",\"confidence\":0.99,\"supported\":true}",
            "\"language\":{\"code\":\"xx\",\"confidence\":0.1,\"supported\":false}",
        );
        assert_ne!(doubtful, SCORED);
        let finished = processor(|_| {}).process(work(&doubtful));
        let topics: Vec<_> = finished.outputs.iter().map(|output| output.topic.as_str()).collect();
        assert_eq!(topics, ["triage.tickets.p1", "triage.review"]);
    }

    #[test]
    fn what_is_no_scored_message_becomes_a_dead_letter_without_its_text() {
        let finished = processor(|_| {}).process(work("{\"kind\": \"secret words\"}"));
        assert_eq!(finished.outputs[0].topic, "triage.dlq");
        let message = finished.outputs[0].headers.iter().find(|(name, _)| name == "__triage.errors.message").unwrap();
        assert!(!String::from_utf8_lossy(message.1.as_ref().unwrap()).contains("secret"));
    }
}
