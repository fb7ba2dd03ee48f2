//! What a case gives the policy: the facts that differ from an ordinary mail.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error as _, MapAccess, SeqAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};

use crate::policy::{Facts, HistoryFacts, Labelled, Scored, SurveyFacts, Urgency};

/// Received where a case does not say when: Wednesday 2026-03-04, ten o'clock UTC.
const RECEIVED_AT: i64 = 1_772_618_400;
/// How sure the model is where a case does not say so.
const SURE: f64 = 0.95;

/// Facts of a case. Left out, they are those of an ordinary mail: a technical fault, of normal urgency and neutral
/// sentiment, the model sure of everything, in a language it was made for, from a customer nobody has heard of.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Given {
    /// `email` unless set.
    pub channel: Option<String>,
    sub_channel: Option<String>,
    tenant: Option<String>,
    brand: Option<String>,
    tier: Option<String>,
    /// Whether everybody can read it; where it is not set, true with a `reach`.
    public: Option<bool>,
    /// Followers of the author.
    reach: Option<u64>,
    survey: Option<SurveyFacts>,
    sentiment: Option<Class>,
    urgency: Option<Class>,
    topic: Option<Class>,
    signals: Labels,
    /// Text in which the policy's phrases are looked for.
    pub text: Option<String>,
    emotions: Labels,
    /// True unless set.
    language_supported: Option<bool>,
    received_at: Option<Timestamp>,
    history: HistoryFacts,
}

impl Given {
    /// The facts, with what an ordinary mail has where the case is silent.
    pub(super) fn facts(&self) -> Facts {
        let class = |given: &Option<Class>, label: &str| given.clone().unwrap_or_else(|| Class::sure_of(label));
        let topic = class(&self.topic, "technical_fault");
        Facts {
            channel: self.channel.clone().unwrap_or_else(|| "email".to_owned()),
            sub_channel: self.sub_channel.clone(),
            tenant: self.tenant.clone(),
            brand: self.brand.clone(),
            tier: self.tier.clone(),
            public_post: self.public.unwrap_or(self.reach.is_some()),
            reach: self.reach,
            survey: self.survey.clone(),
            sentiment: class(&self.sentiment, "neutral").scored(sentiment_score),
            urgency: class(&self.urgency, "normal").scored(urgency_score),
            emotions: self.emotions.0.clone(),
            topic: Some(Labelled::new(topic.label.clone(), topic.confidence())).filter(|topic| !topic.label.is_empty()),
            signals: self.signals.0.clone(),
            language_supported: self.language_supported.unwrap_or(true),
            received_at: self.received_at.or_else(|| Timestamp::from_second(RECEIVED_AT).ok()).unwrap_or_default(),
            history: self.history.clone(),
        }
    }
}

/// Expected value of a sentiment that is all one class.
fn sentiment_score(label: &str) -> f64 {
    match label {
        "very_negative" => -1.0,
        "negative" => -0.5,
        "positive" => 0.5,
        "very_positive" => 1.0,
        _ => 0.0,
    }
}

/// Expected value of an urgency that is all one class.
fn urgency_score(label: &str) -> f64 {
    Urgency::from_label(label).map_or(0.5, |level| f64::from(4 - level.rank()) / 3.0)
}

/// A class of the model: `"negative"`, or a table with its confidence.
#[derive(Debug, Clone)]
struct Class {
    label: String,
    confidence: Option<Chance>,
    score: Option<f64>,
    probabilities: BTreeMap<String, Chance>,
}

impl Class {
    fn sure_of(label: &str) -> Self {
        Self { label: label.to_owned(), confidence: None, score: None, probabilities: BTreeMap::new() }
    }

    fn confidence(&self) -> f64 {
        self.confidence.map_or(SURE, |chance| chance.0)
    }

    fn scored(self, score: fn(&str) -> f64) -> Scored {
        Scored {
            score: self.score.unwrap_or_else(|| score(&self.label)),
            confidence: self.confidence(),
            probabilities: labelled(self.probabilities),
            label: self.label,
        }
    }
}

/// Signals or emotions: `["anger"]`, or a table with their probabilities.
#[derive(Debug, Clone, Default)]
struct Labels(Vec<Labelled>);

fn labelled(chances: BTreeMap<String, Chance>) -> Vec<Labelled> {
    chances.into_iter().map(|(label, chance)| Labelled::new(label, chance.0)).collect()
}

/// A probability, 0 to 1.
#[derive(Debug, Clone, Copy)]
struct Chance(f64);

impl<'de> Deserialize<'de> for Chance {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = f64::deserialize(deserializer)?;
        if (0.0..=1.0).contains(&value) {
            Ok(Self(value))
        } else {
            Err(D::Error::invalid_value(Unexpected::Float(value), &"a probability of 0 to 1"))
        }
    }
}

impl<'de> Deserialize<'de> for Class {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Form;
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Table {
            label: String,
            confidence: Option<Chance>,
            score: Option<f64>,
            #[serde(default)]
            probabilities: BTreeMap<String, Chance>,
        }
        impl<'de> Visitor<'de> for Form {
            type Value = Class;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a label, or a table with `label` and `confidence`")
            }

            fn visit_str<E: serde::de::Error>(self, label: &str) -> Result<Class, E> {
                Ok(Class::sure_of(label))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Class, A::Error> {
                let Table { label, confidence, score, probabilities } =
                    Table::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Class { label, confidence, score, probabilities })
            }
        }
        deserializer.deserialize_any(Form)
    }
}

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Form;
        impl<'de> Visitor<'de> for Form {
            type Value = Labels;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a list of labels, or a table of labels and probabilities")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Labels, A::Error> {
                let mut labels = Vec::new();
                while let Some(label) = list.next_element::<String>()? {
                    labels.push(Labelled::new(label, SURE));
                }
                Ok(Labels(labels))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Labels, A::Error> {
                BTreeMap::deserialize(MapAccessDeserializer::new(map)).map(|chances| Labels(labelled(chances)))
            }
        }
        deserializer.deserialize_any(Form)
    }
}
