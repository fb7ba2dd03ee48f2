//! How good a model is on labelled messages. Pure: `undertone eval` scores, this room counts.
//!
//! `data` reads labelled lines, `metrics` are the formulas, `figures` the names that gates use, `render`
//! makes the tables.

mod data;
mod figures;
mod heads;
mod metrics;
mod render;
mod report;

pub use data::Example;
pub use figures::{Bound, FIGURES, Gate, GateResult};
pub use heads::{Classes, CostPoint, LabelFigures, Marks, Sentiment, Urgency};
pub use metrics::{
    Choice, Confusion, Hits, accuracy, calibration_error, confusion, group_hits, macro_f1, quadratic_kappa,
};
pub use render::{markdown, text};
pub use report::{ModelName, Report, Unscored};

use serde::Serialize;

use crate::model::{Chances, Manifest, Scores};

/// A labelled message with what the model says of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// The message and what is right.
    pub example: Example,
    /// Words of the cleaned text, subject included.
    pub words: usize,
    /// What the model says.
    pub scores: Scores,
    /// The probabilities behind its emotions and signals.
    pub chances: Chances,
}

/// All figures; a head is `None` where the model lacks it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluation {
    /// Sentiment.
    pub sentiment: Option<Sentiment>,
    /// Urgency.
    pub urgency: Option<Urgency>,
    /// Emotions.
    pub emotions: Option<Marks>,
    /// Topic.
    pub topic: Option<Classes>,
    /// Signals.
    pub signals: Option<Marks>,
    /// Share of the labelled lines that were scored.
    pub scored_share: Option<f64>,
    /// The two main heads by channel, language and length.
    pub groups: Vec<Group>,
}

/// Figures of a part of the messages.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Group {
    /// `channel`, `language` or `words`.
    pub by: &'static str,
    /// Which of them.
    pub name: String,
    /// Messages.
    pub n: usize,
    /// Quadratic weighted kappa of the urgency.
    pub urgency_qwk: Option<f64>,
    /// Share of right urgencies.
    pub urgency_accuracy: Option<f64>,
    /// Quadratic weighted kappa of the sentiment.
    pub sentiment_qwk: Option<f64>,
    /// Share of right sentiments.
    pub sentiment_accuracy: Option<f64>,
}

/// Lengths of text, in words, by which figures are broken down: up to and including each.
const LENGTHS: [(usize, &str); 4] = [(20, "<= 20"), (60, "<= 60"), (160, "<= 160"), (usize::MAX, "> 160")];

impl Evaluation {
    /// Counts everything; `lines` are all labelled lines, those without scores included.
    pub fn of(manifest: &Manifest, judgements: &[Judgement], lines: usize) -> Self {
        let labels = |name: &str| manifest.head(name).map(|(head, _)| head.labels.as_slice());
        let scale = labels("sentiment").map(|labels| heads::sentiment_scale(labels, judgements));
        let sentiments: Vec<Option<Choice>> = judgements
            .iter()
            .map(|judgement| scale.as_ref().and_then(|scale| heads::sentiment_choice(scale, judgement)))
            .collect();
        let urgencies: Vec<Option<Choice>> = judgements
            .iter()
            .map(|judgement| labels("urgency").and_then(|labels| heads::urgency_choice(labels, judgement)))
            .collect();
        let topics = labels("topic").map(|labels| heads::topic(labels, judgements));
        let sentiment_labels = scale.as_ref().map_or(0, |scale| scale.labels.len());
        let urgency_labels = labels("urgency").map_or(0, <[String]>::len);
        let groups = groups(judgements, |rows| {
            let part = |choices: &[Option<Choice>], labels: usize| {
                confusion(&rows.iter().filter_map(|&row| choices[row]).collect::<Vec<_>>(), labels)
            };
            (part(&urgencies, urgency_labels), part(&sentiments, sentiment_labels))
        });
        Self {
            sentiment: scale.map(|scale| {
                let rows: Vec<Choice> = sentiments.iter().copied().flatten().collect();
                Sentiment::of(&scale, &rows)
            }),
            urgency: labels("urgency").map(|labels| Urgency::of(labels, judgements, &urgencies)),
            emotions: labels("emotions").map(|labels| {
                Marks::of(
                    labels,
                    judgements.iter().filter_map(|judgement| {
                        let truth = judgement.example.emotions.as_deref()?;
                        Some((truth, judgement.scores.emotions.as_slice(), judgement.chances.emotions.as_slice()))
                    }),
                )
            }),
            topic: topics,
            signals: labels("signals").map(|labels| {
                Marks::of(
                    labels,
                    judgements.iter().filter_map(|judgement| {
                        let truth = judgement.example.signals.as_deref()?;
                        Some((truth, judgement.scores.signals.as_slice(), judgement.chances.signals.as_slice()))
                    }),
                )
            }),
            scored_share: metrics::share(judgements.len(), lines),
            groups,
        }
    }
}

/// Splits the messages by channel, language and length; `counts` gives urgency and sentiment of some rows.
fn groups(judgements: &[Judgement], counts: impl Fn(&[usize]) -> (Confusion, Confusion)) -> Vec<Group> {
    let mut parts: Vec<(&'static str, String, Vec<usize>)> = Vec::new();
    let mut split = |by: &'static str, key: &dyn Fn(&Judgement) -> String, order: Option<Vec<String>>| {
        let names = order.unwrap_or_else(|| {
            let mut names: Vec<String> = judgements.iter().map(key).collect();
            names.sort();
            names.dedup();
            names
        });
        for name in names {
            let rows: Vec<usize> = (0..judgements.len()).filter(|&row| key(&judgements[row]) == name).collect();
            parts.push((by, name, rows));
        }
    };
    split("channel", &|judgement| judgement.example.channel.as_str().to_owned(), None);
    split("language", &|judgement| judgement.example.lang.clone(), None);
    let length = |judgement: &Judgement| {
        LENGTHS.iter().find(|(most, _)| judgement.words <= *most).map_or("", |(_, name)| *name).to_owned()
    };
    split("words", &length, Some(LENGTHS.map(|(_, name)| name.to_owned()).to_vec()));
    parts
        .into_iter()
        .map(|(by, name, rows)| {
            let (urgency, sentiment) = counts(&rows);
            Group {
                by,
                name,
                n: rows.len(),
                urgency_qwk: quadratic_kappa(&urgency),
                urgency_accuracy: accuracy(&urgency),
                sentiment_qwk: quadratic_kappa(&sentiment),
                sentiment_accuracy: accuracy(&sentiment),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests;
