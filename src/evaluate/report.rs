//! Everything that `undertone eval` reports.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Evaluation, FIGURES, GateResult};

/// The model that was evaluated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ModelName {
    /// Name.
    pub name: String,
    /// Version.
    pub version: String,
    /// `sha256:…` of the ONNX file.
    pub digest: String,
    /// Heads that it lacks.
    pub lacks: Vec<&'static str>,
}

/// A line that has no scores, and so counts in no figure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unscored {
    /// Line of the data, from 1.
    pub line: usize,
    /// Why.
    pub reason: String,
}

/// A whole evaluation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// File with the labelled lines.
    pub data: String,
    /// Labelled lines.
    pub lines: usize,
    /// Those that were scored.
    pub scored: usize,
    /// Among the scored, those that the worker would have dropped, by reason.
    pub would_be_filtered: BTreeMap<&'static str, usize>,
    /// Those without scores.
    pub unscored: Vec<Unscored>,
    /// The model.
    pub model: ModelName,
    /// Inference threads.
    pub threads: usize,
    /// Time from the first line to the last score, loading left out.
    pub seconds: f64,
    /// Lines scored a second.
    pub messages_per_second: f64,
    /// The figures that gates can name.
    pub figures: BTreeMap<&'static str, Option<f64>>,
    /// All figures by head.
    pub heads: Evaluation,
    /// Gates asked for.
    pub gates: Vec<GateResult>,
}

impl Report {
    /// The named figures of an evaluation.
    pub fn figures(evaluation: &Evaluation) -> BTreeMap<&'static str, Option<f64>> {
        FIGURES.iter().map(|(name, figure)| (*name, figure(evaluation))).collect()
    }

    /// Whether every gate is passed.
    pub fn passed(&self) -> bool {
        self.gates.iter().all(|gate| gate.passed)
    }
}
