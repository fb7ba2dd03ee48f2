//! What the policy decides on: the scores of one message and some of its fields.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::decision::RuleName;
use super::levels::Priority;
use super::phrases::PhraseHit;

/// A class with its expected value and the calibrated probability that the class is right.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Scored {
    /// The model's class, such as `very_negative` or `high`.
    pub label: String,
    /// Expected value over the classes: sentiment -1 to 1, urgency 0 to 1.
    pub score: f64,
    /// Calibrated probability of `label`, 0 to 1.
    pub confidence: f64,
    /// Calibrated probability of each class; where it is empty, `confidence` stands for all.
    #[serde(default)]
    pub probabilities: Vec<Labelled>,
}

impl Scored {
    /// Probability that the label's side is right: the sum over the group of `sides` that holds it.
    pub(super) fn side(&self, sides: &[Vec<String>]) -> f64 {
        let group = sides.iter().find(|side| side.contains(&self.label));
        let sum = group.map(|side| {
            self.probabilities.iter().filter(|class| side.contains(&class.label)).map(|class| class.score).sum::<f64>()
        });
        // Rounded classes may add up to a little more than 1.
        sum.filter(|sum| *sum > 0.0).map_or(self.confidence, |sum| sum.min(1.0))
    }
}

/// A label with its calibrated probability.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Labelled {
    /// The model's label, such as `anger` or `legal_threat`.
    pub label: String,
    /// Calibrated probability, 0 to 1; 0 where words alone speak for it.
    pub score: f64,
    /// The words of the policy's phrase lists that speak for it, where the model does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phrase: Option<String>,
}

impl Labelled {
    /// What the model found.
    pub fn new(label: impl Into<String>, score: f64) -> Self {
        Self { label: label.into(), score, phrase: None }
    }
}

/// The survey answer a comment came with.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SurveyFacts {
    /// `nps`, `csat`, `ces` or another kind.
    pub kind: String,
    /// Score given.
    pub score: f64,
    /// Highest score possible, where the source says so.
    pub scale_max: Option<f64>,
}

/// Everything the policy knows of one message.
///
/// Labels are strings, because a plugged-in model brings its own; one that the policy does not know
/// is simply not matched. Numbers that are not finite count as 0.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// `email`, `chat` or `social`.
    pub channel: String,
    /// Finer kind of channel: `messaging`, `sms`, `form`, `survey`, …
    pub sub_channel: Option<String>,
    /// Tenant; may have a policy of its own over the rest.
    pub tenant: Option<String>,
    /// Brand; may have a policy of its own over the rest, and over its tenant's.
    pub brand: Option<String>,
    /// Tier of the customer, such as `vip`; case does not matter.
    pub tier: Option<String>,
    /// Whether everybody can read the message.
    pub public_post: bool,
    /// Followers of the author; `None` when unknown.
    pub reach: Option<u64>,
    /// The survey answer, where there is one.
    pub survey: Option<SurveyFacts>,
    /// How the customer feels.
    pub sentiment: Scored,
    /// How soon somebody must look, as the model sees it.
    pub urgency: Scored,
    /// Emotions with their probabilities, in any order.
    pub emotions: Vec<Labelled>,
    /// The main topic.
    pub topic: Option<Labelled>,
    /// Signals above the model's own thresholds, then those that phrases alone speak for.
    pub signals: Vec<Labelled>,
    /// Whether the model was made for the language of the message.
    pub language_supported: bool,
    /// Start of the clock: when the company received the oldest message of the conversation that nobody has
    /// answered (architecture, decision 16).
    pub received_at: Timestamp,
    /// What is known of the customer from before.
    #[serde(default)]
    pub history: HistoryFacts,
}

/// What is known of the customer, and of the conversation, with this message counted in.
///
/// A *contact* is a stretch of a conversation without a long silence (`history.gap_hours`). Windows are settings of
/// the policy's `[history]`. [`Default`] is a customer who has never been heard of.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HistoryFacts {
    /// Whether nothing was known before this message.
    pub first_contact: bool,
    /// Contacts within `history.repeat_days`, on any channel.
    pub contacts: u32,
    /// Of them, those about the topic of this message; 0 where the topic does not count.
    pub same_topic_contacts: u32,
    /// Contacts with a negative message within `history.window_days`.
    pub negative_contacts: u32,
    /// Days from the first of these to this message, begun ones counted.
    pub negative_span_days: u32,
    /// Contacts that were good and never negative, each halved by every `history.half_life_days` that have passed.
    pub goodwill: f64,
    /// Changes of the channel between the contacts within `history.repeat_days`.
    pub channel_switches: u32,
    /// Customer messages in this conversation.
    pub thread_messages: u32,
    /// Negative customer messages in a row in this conversation, up to this one.
    pub negatives_in_row: u32,
    /// Levels (of five) by which the sentiment lies below that at the start of the conversation.
    pub sentiment_drop: u32,
    /// Sentiment scores of the conversation's last messages, oldest first.
    pub sentiment_trail: Vec<f64>,
    /// Whether the conversation had been closed before.
    pub reopened: bool,
    /// Hours that the conversation has waited for an answer.
    pub waiting_hours: f64,
    /// The conversation's priority before this message, raised by ageing where that has happened.
    pub previous: Option<Priority>,
    /// Messages in a row, before this one, whose own priority was below `previous`.
    pub calmer_before: u32,
    /// The priority an agent gave the conversation; it wins until the conversation is closed.
    pub agent_priority: Option<Priority>,
    /// Whether an agent has ever answered in this conversation.
    pub answered: bool,
    /// When the first answer was due, once there was one.
    pub first_response_due_at: Option<Timestamp>,
    /// Hours since each rule last raised another conversation of the customer.
    pub raised_hours_ago: BTreeMap<RuleName, f64>,
    /// Other conversations of the customer that are open, latest first.
    pub related_conversations: Vec<String>,
}

impl Facts {
    /// Adds the signals that only phrases tell.
    pub fn add_phrases(&mut self, hits: &[PhraseHit]) {
        for hit in hits {
            if self.find_signal(&hit.signal).is_none() {
                let phrase = Some(hit.phrase.clone());
                self.signals.push(Labelled { label: hit.signal.clone(), score: 0.0, phrase });
            }
        }
    }

    /// Returns the signal called `label`, if the model or a phrase tells it.
    pub fn find_signal(&self, label: &str) -> Option<&Labelled> {
        self.signals.iter().find(|signal| signal.label == label)
    }
}
