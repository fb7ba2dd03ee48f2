//! One message as the rules see it ([`Case`]) and the decision as it grows ([`Draft`]).

use serde_json::Value;

use super::decision::{ChurnRisk, Reason, ReviewCause, RuleName};
use super::facts::{Facts, Labelled, Scored};
use super::levels::{self, Impact, Priority, Urgency};
use super::settings::Settings;

/// A message, the settings, and what several rules need to know.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct Case<'a> {
    pub settings: &'a Settings,
    pub facts: &'a Facts,
    /// The model's urgency; normal where its label is unknown.
    pub model_urgency: Urgency,
    /// Confidence in it; 0 where its label is unknown.
    pub urgency_confidence: f64,
    /// Confidence in its side (urgent or not); 0 where its label is unknown.
    pub urgency_side: f64,
    /// Whether the policy knows the urgency's label.
    pub urgency_known: bool,
    /// Confidence in the sentiment's side; 0 where its label is unknown.
    pub sentiment_side: f64,
    /// Whether the policy knows the sentiment's label.
    pub sentiment_known: bool,
    /// Whether the sentiment is negative or very negative, however sure.
    pub negative: bool,
    /// Whether the sentiment is very negative, however sure.
    pub very_negative: bool,
    /// Whether the sentiment is positive or very positive, and sure enough not to need a review.
    pub positive: bool,
    /// The topic, if it is probable enough to count.
    pub topic: Option<&'a Labelled>,
    /// Whether a model's low urgency may be taken over: it is sure, or the message is thanks or
    /// praise; never in a language the model was not made for.
    pub low_is_sure: bool,
}

impl<'a> Case<'a> {
    pub(super) fn new(settings: &'a Settings, facts: &'a Facts) -> Self {
        let confidence = &settings.confidence;
        let urgency = Urgency::from_label(&facts.urgency.label);
        let (model_urgency, urgency_confidence, urgency_side) = match urgency {
            Some(urgency) => {
                let side = facts.urgency.side(&confidence.urgency_sides);
                (urgency, probability(facts.urgency.confidence), probability(side))
            }
            None => (Urgency::Normal, 0.0, 0.0),
        };
        let sentiment = facts.sentiment.label.as_str();
        let side = levels::sentiment_side(sentiment);
        let sentiment_known = side.is_some();
        let sentiment_side =
            if sentiment_known { probability(facts.sentiment.side(&confidence.sentiment_sides)) } else { 0.0 };
        let mut case = Self {
            settings,
            facts,
            model_urgency,
            urgency_confidence,
            urgency_side,
            urgency_known: urgency.is_some(),
            sentiment_side,
            sentiment_known,
            negative: side == Some(-1),
            very_negative: sentiment == "very_negative",
            positive: side == Some(1) && sentiment_side >= confidence.review_below,
            topic: facts.topic.as_ref().filter(|topic| probability(topic.score) >= confidence.topic_from),
            low_is_sure: false,
        };
        case.low_is_sure =
            facts.language_supported && (urgency_confidence >= confidence.downgrade_from || case.is_appreciation());
        case
    }

    /// The signals of `names` that the model or a phrase tells, in the order of `names`.
    pub(super) fn signals(&self, names: &'a [String]) -> impl Iterator<Item = &'a Labelled> {
        names.iter().filter_map(|name| self.facts.find_signal(name))
    }

    /// The first of them.
    pub(super) fn signal(&self, names: &'a [String]) -> Option<&'a Labelled> {
        self.signals(names).next()
    }

    /// The topic, if it counts and is one of `names`.
    pub(super) fn topic_in(&self, names: &[String]) -> Option<&'a Labelled> {
        self.topic.filter(|topic| names.contains(&topic.label))
    }

    /// The first emotion of `names` that counts.
    pub(super) fn emotion_in(&self, names: &[String]) -> Option<&'a Labelled> {
        self.facts.emotions.iter().find(|emotion| {
            names.contains(&emotion.label) && probability(emotion.score) >= self.settings.confidence.emotion_from
        })
    }

    /// Whether the topic is one with nothing of the customer's own at stake.
    pub(super) fn idle_topic(&self) -> Option<&'a Labelled> {
        self.topic_in(&self.settings.impact.nothing_at_stake_topics)
    }

    /// Thanks or praise: surely positive, and either an intent to end here, joy or gratitude, or a
    /// topic of praise.
    pub(super) fn is_appreciation(&self) -> bool {
        let rules = &self.settings.rules;
        self.positive
            && (self.signal(&rules.thanks.signals).is_some()
                || self.emotion_in(&rules.praise.emotions).is_some()
                || self.topic_in(&rules.praise.topics).is_some())
    }

    /// What the customer has had to do so far (R47), 0 to 1: a weighted sum.
    pub(super) fn effort(&self) -> f64 {
        let (weights, history) = (&self.settings.effort, &self.facts.history);
        let repeats = self.signal(&weights.repetition_signals).is_some();
        let flag = |holds: bool| if holds { 1.0 } else { 0.0 };
        let sum = weights.contact * f64::from(history.contacts.saturating_sub(1))
            + weights.channel_switch * f64::from(history.channel_switches)
            + weights.reopened * flag(history.reopened)
            + weights.waiting_day * history.waiting_hours / 24.0
            + weights.repetition * flag(repeats);
        rounded(probability(sum))
    }

    /// Whether urgency and sentiment are both sure enough not to need a review.
    pub(super) fn is_sure(&self) -> bool {
        let below = self.settings.confidence.review_below;
        self.urgency_side >= below && self.sentiment_side >= below
    }
}

/// A decision in the making.
#[expect(clippy::struct_excessive_bools, reason = "each is a finding of its own")]
pub(super) struct Draft {
    pub urgency: Urgency,
    pub impact: Impact,
    /// How many things made the impact high.
    pub impact_causes: u8,
    pub priority: Priority,
    pub reasons: Vec<DraftReason>,
    /// Lowest priorities, each with the index of its reason.
    pub floors: Vec<(Priority, usize)>,
    /// Reasons, by index, that raise the priority by a level.
    pub uplifts: Vec<usize>,
    /// Whether a rule fired that speaks against any downgrade (requirements 3c, auto-downgrade).
    pub fired: bool,
    pub human_required: bool,
    pub senior_human: bool,
    pub skills: Vec<String>,
    pub hints: Vec<String>,
    pub no_reply_needed: bool,
    pub review: Vec<ReviewCause>,
    pub churn_risk: ChurnRisk,
    /// Whether the conversation holds a higher priority than the message's own.
    pub held: bool,
}

/// A reason whose effects are still being collected.
pub(super) struct DraftReason {
    rule: RuleName,
    signal: String,
    value: Value,
    effects: Vec<String>,
    text: String,
}

impl Draft {
    pub(super) fn new(case: &Case<'_>) -> Self {
        Self {
            urgency: case.model_urgency,
            impact: Impact::Medium,
            impact_causes: 0,
            priority: case.settings.matrix.cell(Impact::Medium, case.model_urgency),
            reasons: Vec::new(),
            floors: Vec::new(),
            uplifts: Vec::new(),
            fired: false,
            human_required: false,
            senior_human: false,
            skills: Vec::new(),
            hints: Vec::new(),
            no_reply_needed: false,
            review: Vec::new(),
            churn_risk: ChurnRisk::Low,
            held: false,
        }
    }

    /// Adds a reason; its effects follow through the other methods and the returned index.
    pub(super) fn because(
        &mut self,
        rule: RuleName,
        signal: impl Into<String>,
        value: impl Into<Value>,
        text: impl Into<String>,
    ) -> usize {
        self.reasons.push(DraftReason {
            rule,
            signal: signal.into(),
            value: value.into(),
            effects: Vec::new(),
            text: text.into(),
        });
        self.reasons.len() - 1
    }

    /// Adds to a reason what it changed.
    pub(super) fn effect(&mut self, reason: usize, effect: impl Into<String>) {
        if let Some(reason) = self.reasons.get_mut(reason) {
            reason.effects.push(effect.into());
        }
    }

    /// Adds a clause to a reason's sentence.
    pub(super) fn say(&mut self, reason: usize, clause: &str) {
        if let Some(reason) = self.reasons.get_mut(reason) {
            reason.text.push_str(clause);
        }
    }

    pub(super) fn require_human(&mut self, reason: usize) {
        self.human_required = true;
        self.effect(reason, "human_required");
    }

    /// Raises the urgency to at least `level`.
    pub(super) fn raise_urgency(&mut self, reason: usize, level: Urgency) {
        if self.urgency < level {
            let clause = format!(", so urgency rises from {} to {level}", self.urgency);
            self.say(reason, &clause);
            self.effect(reason, format!("urgency {} -> {level}", self.urgency));
            self.urgency = level;
        }
    }

    /// Makes the impact high.
    pub(super) fn raise_impact(&mut self, reason: usize) {
        self.impact_causes = self.impact_causes.saturating_add(1);
        if self.impact < Impact::High {
            self.say(reason, &format!(", so impact rises from {} to high", self.impact));
            self.effect(reason, format!("impact {} -> high", self.impact));
            self.impact = Impact::High;
        }
    }

    /// Moves the priority to the more urgent `to`.
    pub(super) fn raise_priority(&mut self, reason: usize, to: Priority) {
        if to < self.priority {
            let clause = format!(", so priority rises from {} to {to}", self.priority);
            self.say(reason, &clause);
            self.effect(reason, format!("priority {} -> {to}", self.priority));
            self.priority = to;
        }
    }

    pub(super) fn raise_churn_risk(&mut self, reason: usize, to: ChurnRisk) {
        if self.churn_risk < to {
            let (from, to_name) = (self.churn_risk.as_str(), to.as_str());
            self.effect(reason, format!("churn_risk {from} -> {to_name}"));
            self.churn_risk = to;
        }
    }

    pub(super) fn review(&mut self, reason: usize, cause: ReviewCause) {
        self.review.push(cause);
        self.effect(reason, "review");
    }

    /// Adds advice for the agent, once.
    pub(super) fn hint(&mut self, hint: &str) {
        if !self.hints.iter().any(|known| known == hint) {
            self.hints.push(hint.to_owned());
        }
    }
}

impl From<DraftReason> for Reason {
    fn from(reason: DraftReason) -> Self {
        let effect = if reason.effects.is_empty() { "none".to_owned() } else { reason.effects.join(", ") };
        let DraftReason { rule, signal, value, text, .. } = reason;
        Self { rule, signal, value, effect, text }
    }
}

/// A number from outside as a probability: what is not finite is 0.
pub(super) fn probability(value: f64) -> f64 {
    if value.is_finite() { value.clamp(0.0, 1.0) } else { 0.0 }
}

/// Four decimals, as tickets carry numbers.
pub(super) fn rounded(value: f64) -> f64 {
    (value * 10_000.0).round() / 10_000.0
}

/// A probability for a reason's value.
pub(super) fn shown(value: f64) -> Value {
    Value::from(rounded(probability(value)))
}

/// What speaks for a finding, as a reason's value: its probability, or the words that were found.
pub(super) fn evidence(found: &Labelled) -> Value {
    found.phrase.as_deref().map_or_else(|| shown(found.score), Value::from)
}

/// The sentence about a finding, which says so where words alone speak for it.
pub(super) fn said(text: impl Into<String>, found: &Labelled) -> String {
    let text = text.into();
    match &found.phrase {
        Some(phrase) => format!("{text} (the words \"{phrase}\")"),
        None => text,
    }
}

/// A probability in a sentence; rounded down, so that "60%" is never below 0.60.
pub(super) fn percent(value: f64) -> String {
    format!("{:.0}%", ((probability(value) * 10_000.0).round() / 100.0).floor())
}

/// A label in a sentence.
pub(super) fn words(label: &str) -> String {
    label.replace('_', " ")
}

/// How the model put a class, in a sentence.
pub(super) fn seen(scored: &Scored, noun: &str) -> String {
    // A model without that head says `unknown`.
    if scored.label.is_empty() || scored.label == "unknown" {
        return format!("no {noun}");
    }
    format!("{} {noun} ({} sure)", words(&scored.label), percent(scored.confidence))
}
