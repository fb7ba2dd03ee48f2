//! `undertone eval`: how good a model is on labelled lines, with gates for CI.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::CommandError;
use super::score::text_of;
use super::scorer::{CHUNK, Dropped, End, Scorer, inbound};
use crate::config::Config;
use crate::evaluate::{Bound, Evaluation, Example, Gate, Judgement, ModelName, Report, Unscored, markdown, text};
use crate::model::Manifest;

/// Arguments of the evaluation.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Labelled messages, one JSON object a line: text, and any of channel, lang, subject, sentiment, urgency,
    /// emotions, topic, signals.
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// Also writes everything as Markdown.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Prints one JSON object instead of tables.
    #[arg(long)]
    json: bool,
    /// A figure must be at least this, or the exit code is 1; may be repeated.
    #[arg(long, value_name = "NAME=VALUE")]
    min: Vec<Bound>,
    /// A figure must be at most this, or the exit code is 1; may be repeated.
    #[arg(long, value_name = "NAME=VALUE")]
    max: Vec<Bound>,
}

/// What scoring the lines gave.
#[derive(Default)]
struct Outcome {
    judgements: Vec<Judgement>,
    would_be_filtered: BTreeMap<&'static str, usize>,
    unscored: Vec<Unscored>,
    elapsed: Duration,
}

/// Evaluates and prints; whether every gate is passed.
pub fn eval(
    config: &Config,
    options: &Options,
    out: &mut impl Write,
    errors: &mut impl Write,
) -> Result<bool, CommandError> {
    let scorer = Scorer::start(config)?;
    let manifest = scorer.manifest();
    let examples = read(&options.data, manifest)?;
    let lines = examples.len();
    let source = options.data.display().to_string();
    let Outcome { judgements, would_be_filtered, unscored, elapsed } = score(&scorer, examples, &source);
    let heads = Evaluation::of(manifest, &judgements, lines);
    let gates = options.min.iter().map(|&bound| Gate::Min(bound));
    let gates = gates.chain(options.max.iter().map(|&bound| Gate::Max(bound)));
    let report = Report {
        data: source,
        lines,
        scored: judgements.len(),
        would_be_filtered,
        unscored,
        model: ModelName {
            name: manifest.name.clone(),
            version: manifest.version.clone(),
            digest: manifest.digest(),
            lacks: manifest.head_names().filter(|(_, there)| !there).map(|(name, _)| name).collect(),
        },
        threads: config.inference_threads(),
        seconds: elapsed.as_secs_f64(),
        messages_per_second: judgements.len() as f64 / elapsed.as_secs_f64().max(f64::EPSILON),
        figures: Report::figures(&heads),
        gates: gates.map(|gate| gate.check(&heads)).collect(),
        heads,
    };
    if let Some(path) = &options.report {
        std::fs::write(path, markdown(&report))
            .map_err(|error| CommandError::Failed(format!("cannot write `{}`: {error}", path.display())))?;
    }
    if options.json {
        let json = serde_json::to_string_pretty(&report).map_err(CommandError::failed)?;
        writeln!(out, "{json}").map_err(CommandError::failed)?;
    } else {
        write!(out, "{}", text(&report)).map_err(CommandError::failed)?;
    }
    for gate in report.gates.iter().filter(|gate| !gate.passed) {
        writeln!(errors, "undertone: gate {gate}").map_err(CommandError::failed)?;
    }
    Ok(report.passed())
}

/// Reads all labelled lines with their numbers; blank ones are none.
fn read(path: &Path, manifest: &Manifest) -> Result<Vec<(usize, Example)>, CommandError> {
    let failed = |place: String, reason: String| CommandError::Failed(format!("{place}: {reason}"));
    let place = path.display();
    let file =
        std::fs::File::open(path).map_err(|error| CommandError::Failed(format!("cannot read `{place}`: {error}")))?;
    let mut examples = Vec::new();
    for (index, line) in BufReader::new(file).split(b'\n').enumerate() {
        let number = index + 1;
        let line = text_of(line).map_err(|reason| failed(format!("{place}:{number}"), reason))?;
        if !line.trim().is_empty() {
            let example =
                Example::read(&line, manifest).map_err(|reason| failed(format!("{place}:{number}"), reason))?;
            examples.push((number, example));
        }
    }
    if examples.is_empty() {
        return Err(failed(place.to_string(), "has no labelled line".to_owned()));
    }
    Ok(examples)
}

/// Scores the lines; also those that the worker would drop, as their labels say what the model should say.
fn score(scorer: &Scorer, examples: Vec<(usize, Example)>, source: &str) -> Outcome {
    let started = Instant::now();
    let mut outcome = Outcome::default();
    let mut examples = examples.into_iter();
    loop {
        let chunk: Vec<(usize, Example)> = examples.by_ref().take(CHUNK).collect();
        if chunk.is_empty() {
            break;
        }
        let messages = chunk.iter().map(|(number, example)| inbound(&example.message(), *number, source)).collect();
        for ((line, example), end) in chunk.into_iter().zip(scorer.score(messages, None, Dropped::ScoredToo)) {
            let reason = match end {
                End::Scored(judged) => {
                    if let Some(reason) = judged.dropped {
                        *outcome.would_be_filtered.entry(reason.as_str()).or_default() += 1;
                    }
                    let subject = judged.clean.subject.as_deref().unwrap_or_default();
                    let words = subject.split_whitespace().chain(judged.clean.body.split_whitespace()).count();
                    let (scores, chances) = (judged.verdict.scores, judged.chances);
                    outcome.judgements.push(Judgement { example, words, scores, chances });
                    continue;
                }
                End::Filtered(reason) => reason.as_str().to_owned(),
                End::Bad(reason) => reason,
            };
            outcome.unscored.push(Unscored { line, reason });
        }
    }
    outcome.elapsed = started.elapsed();
    outcome
}
