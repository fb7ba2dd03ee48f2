//! Tests of the policy; each file one subject, all on the shipped policy unless they say otherwise.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod calendars;
mod deadlines;
mod files;
mod handling;
mod lowering;
mod matrix;
mod properties;
mod raising;
mod tickets;

use jiff::Timestamp;

use super::*;

/// The shipped policy.
pub(super) fn shipped() -> Policy {
    Policy::default_policy().unwrap()
}

/// The shipped policy with `text` laid over it.
pub(super) fn with(text: &str) -> Policy {
    Policy::from_toml(text).unwrap_or_else(|error| panic!("{error}"))
}

/// Decides by the shipped policy.
pub(super) fn decide(facts: &Facts) -> PriorityDecision {
    shipped().decide(facts)
}

pub(super) fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(super) fn scored(label: &str, score: f64, confidence: f64) -> Scored {
    Scored { label: label.to_owned(), score, confidence, probabilities: Vec::new() }
}

pub(super) fn labelled(label: &str, score: f64) -> Labelled {
    Labelled::new(label, score)
}

/// An ordinary mail: a technical fault, normal urgency, neutral, the model sure of everything;
/// a Wednesday at ten.
pub(super) fn ordinary() -> Facts {
    Facts {
        channel: "email".to_owned(),
        sentiment: scored("neutral", 0.0, 0.95),
        urgency: scored("normal", 0.5, 0.95),
        topic: Some(labelled("technical_fault", 0.9)),
        language_supported: true,
        received_at: time("2026-03-04T10:00:00Z"),
        ..Facts::default()
    }
}

/// What tests change about the ordinary mail.
pub(super) trait Change {
    fn urgency(self, label: &str, confidence: f64) -> Self;
    fn sentiment(self, label: &str, confidence: f64) -> Self;
    fn topic(self, label: &str, score: f64) -> Self;
    fn signal(self, label: &str) -> Self;
    fn emotion(self, label: &str, score: f64) -> Self;
    fn tier(self, tier: &str) -> Self;
    fn post(self, reach: Option<u64>) -> Self;
}

impl Change for Facts {
    fn urgency(mut self, label: &str, confidence: f64) -> Self {
        let score = Urgency::from_label(label).map_or(0.5, |level| f64::from(4 - level.rank()) / 3.0);
        self.urgency = scored(label, score, confidence);
        self
    }

    fn sentiment(mut self, label: &str, confidence: f64) -> Self {
        self.sentiment = scored(label, 0.0, confidence);
        self
    }

    fn topic(mut self, label: &str, score: f64) -> Self {
        self.topic = Some(labelled(label, score));
        self
    }

    fn signal(mut self, label: &str) -> Self {
        self.signals.push(labelled(label, 0.9));
        self
    }

    fn emotion(mut self, label: &str, score: f64) -> Self {
        self.emotions.push(labelled(label, score));
        self
    }

    fn tier(mut self, tier: &str) -> Self {
        self.tier = Some(tier.to_owned());
        self
    }

    fn post(mut self, reach: Option<u64>) -> Self {
        self.channel = "social".to_owned();
        self.public_post = true;
        self.reach = reach;
        self
    }
}

/// The first reason of a rule.
pub(super) fn reason(decision: &PriorityDecision, rule: RuleName) -> &Reason {
    let found = decision.reasons.iter().find(|reason| reason.rule == rule);
    found.unwrap_or_else(|| panic!("no reason `{rule}` in {:#?}", decision.reasons))
}

pub(super) fn has(decision: &PriorityDecision, rule: RuleName) -> bool {
    decision.reasons.iter().any(|reason| reason.rule == rule)
}
