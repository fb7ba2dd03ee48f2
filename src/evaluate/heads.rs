//! Figures of each head.

use serde::Serialize;

use super::Judgement;
use super::metrics::{
    Choice, Confusion, Hits, accuracy, calibration_error, confusion, group_hits, macro_f1, quadratic_kappa, share,
};
use crate::model::{LabelScore, OrdinalScores};
use crate::policy::sentiment_side;

/// A head with exactly one label a message.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Classes {
    /// Messages that carry the label.
    pub n: usize,
    /// Labels compared, in the order of the confusion matrix.
    pub labels: Vec<String>,
    /// Share of right labels.
    pub accuracy: Option<f64>,
    /// Mean F1 of the labels that occur.
    pub macro_f1: Option<f64>,
    /// Expected calibration error of the label decided for.
    pub ece: Option<f64>,
    /// Messages by right label and, within, by label decided for.
    pub confusion: Confusion,
}

impl Classes {
    fn of(labels: &[String], rows: &[Choice]) -> Self {
        let counts = confusion(rows, labels.len());
        let hits: Vec<Hits> = (0..labels.len()).map(|label| group_hits(&counts, &[label])).collect();
        Self {
            n: rows.len(),
            labels: labels.to_vec(),
            accuracy: accuracy(&counts),
            macro_f1: macro_f1(&hits),
            ece: calibration_error(rows.iter().map(|row| (row.confidence, row.truth == row.chosen))),
            confusion: counts,
        }
    }
}

/// Sentiment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sentiment {
    /// Figures of the labels.
    #[serde(flatten)]
    pub classes: Classes,
    /// Quadratic weighted kappa.
    pub qwk: Option<f64>,
    /// Share of right sides: negative, neutral or positive.
    pub three_way_accuracy: Option<f64>,
}

/// The scale on which the model's sentiment and the right one are compared.
pub(super) struct Scale {
    pub labels: Vec<String>,
    model: Vec<String>,
    by_side: bool,
}

/// The model's own labels if the data keeps to them, else the three sides.
pub(super) fn sentiment_scale(model: &[String], judgements: &[Judgement]) -> Scale {
    let by_side = judgements
        .iter()
        .any(|judgement| judgement.example.sentiment.as_ref().is_some_and(|label| !model.contains(label)));
    let sides = || ["negative", "neutral", "positive"].map(str::to_owned).to_vec();
    Scale { labels: if by_side { sides() } else { model.to_vec() }, model: model.to_vec(), by_side }
}

impl Scale {
    /// Side of a label, 0 to 2: by its name, or by where it stands among the model's labels.
    fn side(&self, label: &str) -> Option<usize> {
        let named = sentiment_side(label).and_then(|side| usize::try_from(side + 1).ok());
        named.or_else(|| {
            let place = self.model.iter().position(|known| known == label)?;
            Some(match (2 * place).cmp(&(self.model.len() - 1)) {
                std::cmp::Ordering::Less => 0,
                std::cmp::Ordering::Equal => 1,
                std::cmp::Ordering::Greater => 2,
            })
        })
    }

    fn place(&self, label: &str) -> Option<usize> {
        if self.by_side { self.side(label) } else { self.labels.iter().position(|known| known == label) }
    }
}

pub(super) fn sentiment_choice(scale: &Scale, judgement: &Judgement) -> Option<Choice> {
    let truth = scale.place(judgement.example.sentiment.as_deref()?)?;
    let scores = &judgement.scores.sentiment;
    Some(Choice { truth, chosen: scale.place(&scores.label)?, confidence: scores.confidence })
}

impl Sentiment {
    pub(super) fn of(scale: &Scale, rows: &[Choice]) -> Self {
        let classes = Classes::of(&scale.labels, rows);
        let side = |label: usize| scale.labels.get(label).and_then(|label| scale.side(label));
        let right = rows.iter().filter(|row| side(row.truth) == side(row.chosen)).count();
        Self { qwk: quadratic_kappa(&classes.confusion), three_way_accuracy: share(right, rows.len()), classes }
    }
}

/// Urgency.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Urgency {
    /// Figures of the labels.
    #[serde(flatten)]
    pub classes: Classes,
    /// Quadratic weighted kappa.
    pub qwk: Option<f64>,
    /// F1 of "high or critical".
    pub urgent_f1: Option<f64>,
    /// Share of critical messages judged critical.
    pub critical_recall: Option<f64>,
    /// Share of critical messages judged high or critical.
    pub critical_seen: Option<f64>,
    /// Share of high messages judged high.
    pub high_recall: Option<f64>,
    /// Mean cost a message: 10 for a critical one judged lower, 3 for a high one judged lower, 1 for any other error.
    pub cost: Option<f64>,
    /// What alarms would cost at other thresholds of "high or critical".
    pub cost_curve: Vec<CostPoint>,
}

/// "High or critical" from a probability on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct CostPoint {
    /// Probability from which a message counts as urgent.
    pub from: f64,
    /// Share of messages that would count as urgent.
    pub alarms: f64,
    /// Share of those that are.
    pub precision: Option<f64>,
    /// Share of the urgent ones found.
    pub recall: Option<f64>,
    /// Mean cost a message: 10 for a critical one missed, 3 for a high one, 1 for a false alarm.
    pub cost: f64,
}

const COST_CRITICAL: f64 = 10.0;
const COST_HIGH: f64 = 3.0;
const COST_OTHER: f64 = 1.0;

pub(super) fn urgency_choice(labels: &[String], judgement: &Judgement) -> Option<Choice> {
    choice(labels, judgement.example.urgency.as_deref()?, &judgement.scores.urgency)
}

fn choice(labels: &[String], truth: &str, scores: &OrdinalScores) -> Option<Choice> {
    let place = |label: &str| labels.iter().position(|known| known == label);
    Some(Choice { truth: place(truth)?, chosen: place(&scores.label)?, confidence: scores.confidence })
}

impl Urgency {
    /// `choices` are those of `judgements`, in the same order.
    pub(super) fn of(labels: &[String], judgements: &[Judgement], choices: &[Option<Choice>]) -> Self {
        let rows: Vec<Choice> = choices.iter().copied().flatten().collect();
        let classes = Classes::of(labels, &rows);
        let place = |name: &str| labels.iter().position(|label| label == name);
        let mut figures = Self {
            qwk: quadratic_kappa(&classes.confusion),
            urgent_f1: None,
            critical_recall: None,
            critical_seen: None,
            high_recall: None,
            cost: None,
            cost_curve: Vec::new(),
            classes,
        };
        // A model with other levels has no such figures.
        let (Some(high), Some(critical)) = (place("high"), place("critical")) else { return figures };
        let counts = &figures.classes.confusion;
        figures.urgent_f1 = group_hits(counts, &[high, critical]).f1();
        figures.critical_recall = group_hits(counts, &[critical]).recall();
        figures.high_recall = group_hits(counts, &[high]).recall();
        let row = &counts[critical];
        figures.critical_seen = share(row[high] + row[critical], row.iter().sum());
        let costs = rows.iter().map(|row| match (row.truth, row.chosen) {
            (truth, chosen) if truth == chosen => 0.0,
            (truth, _) if truth == critical => COST_CRITICAL,
            (truth, chosen) if truth == high && chosen < high => COST_HIGH,
            _ => COST_OTHER,
        });
        figures.cost = (!rows.is_empty()).then(|| costs.sum::<f64>() / rows.len() as f64);
        let alarms: Vec<(usize, f64)> = judgements
            .iter()
            .zip(choices)
            .filter_map(|(judgement, choice)| {
                let probabilities = &judgement.scores.urgency.probabilities;
                let of = |name: &str| probabilities.get(name).copied().unwrap_or(0.0);
                choice.map(|choice| (choice.truth, of("high") + of("critical")))
            })
            .collect();
        figures.cost_curve = cost_curve(&alarms, high, critical);
        figures
    }
}

/// Each row is the right label and the probability of "high or critical".
fn cost_curve(rows: &[(usize, f64)], high: usize, critical: usize) -> Vec<CostPoint> {
    if rows.is_empty() {
        return Vec::new();
    }
    let point = |from: f64| {
        let (mut hits, mut cost) = (Hits::default(), 0.0);
        for &(truth, probability) in rows {
            let (urgent, alarm) = (truth == high || truth == critical, probability >= from);
            hits.count(urgent, alarm);
            cost += match (alarm, urgent) {
                (false, true) if truth == critical => COST_CRITICAL,
                (false, true) => COST_HIGH,
                (true, false) => COST_OTHER,
                _ => 0.0,
            };
        }
        CostPoint {
            from,
            alarms: (hits.hit + hits.false_alarm) as f64 / rows.len() as f64,
            precision: hits.precision(),
            recall: hits.recall(),
            cost: cost / rows.len() as f64,
        }
    };
    (1..10).map(|tenth| point(f64::from(tenth) / 10.0)).collect()
}

/// Topic.
pub(super) fn topic(labels: &[String], judgements: &[Judgement]) -> Classes {
    let place = |label: &str| labels.iter().position(|known| known == label);
    let rows: Vec<Choice> = judgements
        .iter()
        .filter_map(|judgement| {
            let truth = place(judgement.example.topic.as_deref()?)?;
            let first = judgement.scores.topics.first()?;
            Some(Choice { truth, chosen: place(&first.label)?, confidence: first.score })
        })
        .collect();
    Classes::of(labels, &rows)
}

/// A head with any number of labels a message.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Marks {
    /// Messages whose labels are known.
    pub n: usize,
    /// F1 of all labels together.
    pub micro_f1: Option<f64>,
    /// Mean F1 of the labels that occur.
    pub macro_f1: Option<f64>,
    /// Expected calibration error over the probabilities of all labels.
    pub ece: Option<f64>,
    /// Each label.
    pub labels: Vec<LabelFigures>,
}

/// One label of such a head.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LabelFigures {
    /// The label.
    pub label: String,
    /// Messages that it is right for.
    pub n: usize,
    /// Share of what was named that is right.
    pub precision: Option<f64>,
    /// Share of what is right that was named.
    pub recall: Option<f64>,
    /// Harmonic mean of both.
    pub f1: Option<f64>,
}

impl Marks {
    /// Each row: the right labels, those named, and the probability of every label.
    pub(super) fn of<'a>(
        labels: &[String],
        rows: impl Iterator<Item = (&'a [String], &'a [LabelScore], &'a [f64])>,
    ) -> Self {
        let mut hits = vec![Hits::default(); labels.len()];
        let (mut n, mut chances) = (0, Vec::new());
        for (truth, named, probabilities) in rows {
            n += 1;
            for (index, label) in labels.iter().enumerate() {
                let right = truth.contains(label);
                hits[index].count(right, named.iter().any(|named| named.label == *label));
                chances.extend(probabilities.get(index).map(|&probability| (probability, right)));
            }
        }
        Self {
            n,
            micro_f1: Hits::sum(&hits).f1(),
            macro_f1: macro_f1(&hits),
            ece: calibration_error(chances),
            labels: labels
                .iter()
                .zip(&hits)
                .map(|(label, hits)| LabelFigures {
                    label: label.clone(),
                    n: hits.hit + hits.missed,
                    precision: hits.precision(),
                    recall: hits.recall(),
                    f1: hits.f1(),
                })
                .collect(),
        }
    }
}
