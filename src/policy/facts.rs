//! What the policy decides on: the scores of one message and some of its fields.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

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
    /// Calibrated probability, 0 to 1.
    pub score: f64,
}

/// The survey answer a comment came with.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
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
    /// Signals above the model's own thresholds.
    pub signals: Vec<Labelled>,
    /// Whether the model was made for the language of the message.
    pub language_supported: bool,
    /// Start of the clock: when the company received the message (architecture, decision 16).
    pub received_at: Timestamp,
}

impl Facts {
    /// Returns the signal called `label`, if the model found it.
    pub fn find_signal(&self, label: &str) -> Option<&Labelled> {
        self.signals.iter().find(|signal| signal.label == label)
    }
}
