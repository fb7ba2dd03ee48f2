//! Logits of a message's windows become calibrated scores. Pure.
//!
//! Urgency and each signal come from the window that says it loudest, so that the worst passage of a
//! long message is never averaged away; the other heads from the mean of the windows' logits, weighted
//! by the tokens that are new in each (architecture.md, decision 19). Numbers have four decimals.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::session::WindowLogits;
use super::{HeadSpec, Manifest, Window};

/// What the model says of a message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Scores {
    /// How the customer feels; `score` is in [-1, 1].
    pub sentiment: OrdinalScores,
    /// How soon somebody must look; `score` is in [0, 1].
    pub urgency: OrdinalScores,
    /// Emotions above their threshold, strongest first.
    pub emotions: Vec<LabelScore>,
    /// Topics, most likely first, those above one percent.
    pub topics: Vec<LabelScore>,
    /// Signals above their threshold, strongest first.
    pub signals: Vec<LabelScore>,
}

/// Calibrated answer of a head with ordered labels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OrdinalScores {
    /// The label decided for.
    pub label: String,
    /// Expected value over the labels.
    pub score: f64,
    /// Probability of the label.
    pub confidence: f64,
    /// Probability of each label, in the manifest's order.
    pub probabilities: IndexMap<String, f64>,
}

impl OrdinalScores {
    /// No answer.
    pub fn unknown() -> Self {
        Self { label: UNKNOWN.into(), score: 0.0, confidence: 0.0, probabilities: IndexMap::new() }
    }

    /// Whether there is an answer.
    pub fn is_known(&self) -> bool {
        self.label != UNKNOWN
    }
}

/// A label with its probability.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LabelScore {
    /// The label.
    pub label: String,
    /// Its calibrated probability, 0 to 1.
    pub score: f64,
}

/// Label of an ordinal head that the model does not have, or whose answer is not to be trusted.
pub const UNKNOWN: &str = "unknown";

/// Probability of every label of the heads with any number of labels, in the manifest's order and
/// whatever their thresholds; empty where the model lacks the head. Not rounded.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Chances {
    /// Emotions.
    pub emotions: Vec<f64>,
    /// Signals.
    pub signals: Vec<f64>,
}

/// Which window decided, for evidence.
#[derive(Debug, Clone, PartialEq)]
pub struct Decisive {
    /// Window of the urgency.
    pub urgency: usize,
    /// Window of each signal, in label order.
    pub signals: Vec<usize>,
    /// What the thresholds were held against.
    pub chances: Chances,
}

/// Topics below this probability are not listed.
const TOPIC_FLOOR: f64 = 0.01;

/// Scores a message from the logits of its windows (same order, at least one of each).
pub fn score(manifest: &Manifest, windows: &[Window], logits: &[WindowLogits]) -> (Scores, Decisive) {
    let decisive_urgency = manifest.head("urgency").map_or(0, |(head, start)| {
        argmax(logits.iter().map(|window| {
            let probabilities = softmax(head, &window.heads[start..start + head.labels.len()]);
            expected(&probabilities, 0.0, 1.0)
        }))
    });
    let mean = mean_logits(windows, logits);
    let ordinal = |name: &str, values: &[f32], low: f64, high: f64| match manifest.head(name) {
        Some((head, start)) => ordinal(head, &values[start..start + head.labels.len()], low, high),
        None => OrdinalScores::unknown(),
    };
    let (mut decisive_signals, mut chances) = (Vec::new(), Chances::default());
    let signals = manifest.head("signals").map_or_else(Vec::new, |(head, start)| {
        let loudest: Vec<f32> = (start..start + head.labels.len())
            .map(|index| {
                let window = argmax(logits.iter().map(|window| f64::from(window.heads[index])));
                decisive_signals.push(window);
                logits[window].heads[index]
            })
            .collect();
        chances.signals = sigmoid(head, &loudest);
        multilabel(head, &chances.signals)
    });
    let emotions = manifest.head("emotions").map_or_else(Vec::new, |(head, start)| {
        chances.emotions = sigmoid(head, &mean[start..start + head.labels.len()]);
        multilabel(head, &chances.emotions)
    });
    let scores = Scores {
        sentiment: ordinal("sentiment", &mean, -1.0, 1.0),
        urgency: ordinal("urgency", &logits[decisive_urgency].heads, 0.0, 1.0),
        emotions,
        topics: manifest.head("topic").map_or_else(Vec::new, |(head, start)| {
            let probabilities = softmax(head, &mean[start..start + head.labels.len()]);
            sorted(head, &probabilities, |_, probability| probability >= TOPIC_FLOOR)
        }),
        signals,
    };
    (scores, Decisive { urgency: decisive_urgency, signals: decisive_signals, chances })
}

fn mean_logits(windows: &[Window], logits: &[WindowLogits]) -> Vec<f32> {
    // A message without any token of its own (emoji unknown to the vocabulary, say) still has one window.
    let weights: Vec<f64> = windows.iter().map(|window| window.new_tokens.max(1) as f64).collect();
    let total: f64 = weights.iter().sum();
    let count = logits.first().map_or(0, |window| window.heads.len());
    (0..count)
        .map(|index| {
            let sum: f64 =
                logits.iter().zip(&weights).map(|(window, weight)| f64::from(window.heads[index]) * weight).sum();
            (sum / total) as f32
        })
        .collect()
}

fn softmax(head: &HeadSpec, logits: &[f32]) -> Vec<f64> {
    let scaled: Vec<f64> = logits.iter().map(|&logit| f64::from(logit) / head.temperature).collect();
    let top = scaled.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let exponentials: Vec<f64> = scaled.iter().map(|value| (value - top).exp()).collect();
    let sum: f64 = exponentials.iter().sum();
    exponentials.iter().map(|value| value / sum).collect()
}

/// Expected value where the labels stand at equal distances from `low` to `high`.
fn expected(probabilities: &[f64], low: f64, high: f64) -> f64 {
    let steps = (probabilities.len().max(2) - 1) as f64;
    probabilities.iter().enumerate().map(|(index, p)| p * (low + (high - low) * index as f64 / steps)).sum()
}

fn ordinal(head: &HeadSpec, logits: &[f32], low: f64, high: f64) -> OrdinalScores {
    let probabilities = softmax(head, logits);
    let chosen = if head.cuts.is_empty() {
        argmax(probabilities.iter().copied())
    } else {
        (1..probabilities.len())
            .rev()
            .find(|&k| probabilities[k..].iter().sum::<f64>() >= head.cuts[k - 1])
            .unwrap_or(0)
    };
    OrdinalScores {
        label: head.labels[chosen].clone(),
        score: round4(expected(&probabilities, low, high)),
        confidence: round4(probabilities[chosen]),
        probabilities: head
            .labels
            .iter()
            .zip(&probabilities)
            .map(|(label, &score)| (label.clone(), round4(score)))
            .collect(),
    }
}

fn sigmoid(head: &HeadSpec, logits: &[f32]) -> Vec<f64> {
    logits.iter().map(|&logit| 1.0 / (1.0 + (-f64::from(logit) / head.temperature).exp())).collect()
}

fn multilabel(head: &HeadSpec, probabilities: &[f64]) -> Vec<LabelScore> {
    sorted(head, probabilities, |index, probability| probability >= head.thresholds.get(index).copied().unwrap_or(0.5))
}

fn sorted(head: &HeadSpec, probabilities: &[f64], keep: impl Fn(usize, f64) -> bool) -> Vec<LabelScore> {
    let mut labels: Vec<LabelScore> = head
        .labels
        .iter()
        .zip(probabilities)
        .enumerate()
        .filter(|&(index, (_, &probability))| keep(index, probability))
        .map(|(_, (label, &score))| LabelScore { label: label.clone(), score: round4(score) })
        .collect();
    labels.sort_by(|a, b| b.score.total_cmp(&a.score));
    labels
}

fn argmax(values: impl Iterator<Item = f64>) -> usize {
    values
        .enumerate()
        .fold((0, f64::NEG_INFINITY), |best, (index, value)| if value > best.1 { (index, value) } else { best })
        .0
}

/// Rounds to the four decimals that are published.
pub(crate) fn round4(value: f64) -> f64 {
    (value * 10_000.0).round() / 10_000.0
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp)]
    use super::*;

    fn manifest() -> Manifest {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tiny-model");
        Manifest::load(std::path::Path::new(folder)).unwrap()
    }

    fn window(new_tokens: usize) -> Window {
        Window { ids: vec![0; new_tokens + 2], offsets: vec![(0, 0); new_tokens + 2], new_tokens }
    }

    /// All logits 0, but for the given label positions.
    fn logits(set: &[(usize, f32)]) -> WindowLogits {
        let mut heads = vec![0.0; 40];
        for &(index, value) in set {
            heads[index] = value;
        }
        WindowLogits { heads, tokens: None }
    }

    #[test]
    fn the_worst_passage_decides_urgency_and_signals_however_long_the_rest_is() {
        let manifest = manifest();
        let safety = manifest.head("signals").unwrap().1 + 7;
        let calm = || logits(&[(5, 8.0), (safety, -8.0)]);
        let alarm = logits(&[(8, 8.0), (safety, 8.0)]);
        let windows: Vec<_> = (0..50).map(|_| window(250)).chain([window(3)]).collect();
        let all: Vec<_> = (0..50).map(|_| calm()).chain([alarm]).collect();
        let (scores, decisive) = score(&manifest, &windows, &all);
        assert_eq!(scores.urgency.label, "critical");
        assert_eq!(decisive.urgency, 50);
        assert_eq!(scores.signals[0].label, "safety");
        assert_eq!(decisive.signals[7], 50);
    }

    #[test]
    fn heads_that_a_model_lacks_are_unknown_and_empty() {
        let mut manifest = manifest();
        manifest.heads.truncate(1);
        let (scores, decisive) = score(&manifest, &[window(3)], &[logits(&[(4, 9.0)])]);
        assert_eq!(scores.sentiment.label, "very_positive");
        assert_eq!((scores.urgency.label.as_str(), scores.urgency.probabilities.len()), (UNKNOWN, 0));
        assert!(scores.emotions.is_empty() && scores.topics.is_empty() && scores.signals.is_empty());
        assert_eq!(decisive.chances, Chances::default());
    }

    #[test]
    fn chances_are_there_below_the_threshold_too() {
        let manifest = manifest();
        let (scores, decisive) = score(&manifest, &[window(3)], &[logits(&[(9, 9.0), (10, -9.0)])]);
        assert_eq!((decisive.chances.emotions.len(), decisive.chances.signals.len()), (8, 10));
        assert!(decisive.chances.emotions[0] > 0.99 && decisive.chances.emotions[1] < 0.01);
        assert_eq!(scores.emotions[0].score, round4(decisive.chances.emotions[0]));
    }

    #[test]
    fn sentiment_is_the_mean_weighted_by_new_tokens() {
        let manifest = manifest();
        let (scores, _) = score(&manifest, &[window(300), window(100)], &[logits(&[(0, 4.0)]), logits(&[(4, 4.0)])]);
        let (alone, _) = score(&manifest, &[window(1)], &[logits(&[(0, 3.0), (4, 1.0)])]);
        assert_eq!(scores.sentiment, alone.sentiment);
        assert_eq!(scores.sentiment.label, "very_negative");
    }

    #[test]
    fn cuts_decide_at_just_below_at_and_just_above() {
        let mut manifest = manifest();
        // Two equal top classes: P(critical) = P(high) = 0.5.
        let two = logits(&[(5, -50.0), (6, -50.0)]);
        for (cut, label) in [(0.499, "critical"), (0.5, "critical"), (0.501, "high")] {
            manifest.heads[1].cuts = vec![0.5, 0.5, cut];
            let (scores, _) = score(&manifest, &[window(1)], std::slice::from_ref(&two));
            assert_eq!(scores.urgency.label, label, "cut {cut}");
        }
    }

    #[test]
    fn expected_values_span_their_ranges() {
        let manifest = manifest();
        let low = logits(&[(0, 90.0), (5, 90.0)]);
        let high = logits(&[(4, 90.0), (8, 90.0)]);
        let (scores, _) = score(&manifest, &[window(1)], &[low]);
        assert_eq!((scores.sentiment.score, scores.urgency.score), (-1.0, 0.0));
        let (scores, _) = score(&manifest, &[window(1)], &[high]);
        assert_eq!((scores.sentiment.score, scores.urgency.score), (1.0, 1.0));
    }
}
