//! Figures by name, and the gates that are put on them.

use serde::Serialize;

use super::Evaluation;

/// A named figure; `None` where it is not defined for this model and data.
pub type Figure = (&'static str, fn(&Evaluation) -> Option<f64>);

/// All figures that a gate can name.
pub const FIGURES: [Figure; 24] = [
    ("urgency_qwk", |all| all.urgency.as_ref()?.qwk),
    ("urgency_accuracy", |all| all.urgency.as_ref()?.classes.accuracy),
    ("urgency_macro_f1", |all| all.urgency.as_ref()?.classes.macro_f1),
    ("urgency_ece", |all| all.urgency.as_ref()?.classes.ece),
    ("urgency_cost", |all| all.urgency.as_ref()?.cost),
    ("urgent_f1", |all| all.urgency.as_ref()?.urgent_f1),
    ("high_recall", |all| all.urgency.as_ref()?.high_recall),
    ("critical_recall", |all| all.urgency.as_ref()?.critical_recall),
    ("critical_seen", |all| all.urgency.as_ref()?.critical_seen),
    ("sentiment_qwk", |all| all.sentiment.as_ref()?.qwk),
    ("sentiment_accuracy", |all| all.sentiment.as_ref()?.classes.accuracy),
    ("sentiment_macro_f1", |all| all.sentiment.as_ref()?.classes.macro_f1),
    ("sentiment_3way", |all| all.sentiment.as_ref()?.three_way_accuracy),
    ("sentiment_ece", |all| all.sentiment.as_ref()?.classes.ece),
    ("topic_accuracy", |all| all.topic.as_ref()?.accuracy),
    ("topic_macro_f1", |all| all.topic.as_ref()?.macro_f1),
    ("topic_ece", |all| all.topic.as_ref()?.ece),
    ("emotions_micro_f1", |all| all.emotions.as_ref()?.micro_f1),
    ("emotions_macro_f1", |all| all.emotions.as_ref()?.macro_f1),
    ("emotions_ece", |all| all.emotions.as_ref()?.ece),
    ("signals_micro_f1", |all| all.signals.as_ref()?.micro_f1),
    ("signals_macro_f1", |all| all.signals.as_ref()?.macro_f1),
    ("signals_ece", |all| all.signals.as_ref()?.ece),
    ("scored_share", |all| all.scored_share),
];

/// A figure's name and a bound, as written on the command line: `NAME=VALUE`.
#[derive(Debug, Clone, Copy)]
pub struct Bound {
    name: &'static str,
    figure: fn(&Evaluation) -> Option<f64>,
    value: f64,
}

impl std::str::FromStr for Bound {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = text.split_once('=').ok_or("it must be NAME=VALUE, such as urgency_qwk=0.8")?;
        let Some(&(name, figure)) = FIGURES.iter().find(|(known, _)| *known == name.trim()) else {
            let all: Vec<&str> = FIGURES.iter().map(|(name, _)| *name).collect();
            return Err(format!("there is no figure `{}`; there are {}", name.trim(), all.join(", ")));
        };
        match value.trim().parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(Self { name, figure, value }),
            _ => Err(format!("`{}` is no number", value.trim())),
        }
    }
}

/// What a figure must satisfy.
#[derive(Debug, Clone, Copy)]
pub enum Gate {
    /// It must be at least this.
    Min(Bound),
    /// It must be at most this.
    Max(Bound),
}

/// A gate and whether it is passed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GateResult {
    /// The figure.
    pub figure: &'static str,
    /// `min` or `max`.
    pub kind: &'static str,
    /// The bound.
    pub bound: f64,
    /// The figure found; a figure that is not defined passes no gate.
    pub found: Option<f64>,
    /// Whether the gate is passed.
    pub passed: bool,
}

impl Gate {
    /// Holds the gate against the figures.
    pub fn check(&self, evaluation: &Evaluation) -> GateResult {
        let (kind, Bound { name, figure, value: bound }) = match *self {
            Self::Min(bound) => ("min", bound),
            Self::Max(bound) => ("max", bound),
        };
        let found = figure(evaluation);
        let passed = found.is_some_and(|found| if kind == "min" { found >= bound } else { found <= bound });
        GateResult { figure: name, kind, bound, found, passed }
    }
}

impl std::fmt::Display for GateResult {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { figure, kind, bound, .. } = self;
        let sign = if *kind == "min" { ">=" } else { "<=" };
        match (self.passed, self.found) {
            (_, None) => write!(f, "missed: {figure} {sign} {bound}: the model or the data has no such figure"),
            (true, Some(found)) => write!(f, "passed: {figure} {sign} {bound}: it is {found:.4}"),
            (false, Some(found)) => {
                write!(f, "missed: {figure} {sign} {bound}: it is {found:.4}, off by {:.4}", (found - bound).abs())
            }
        }
    }
}
