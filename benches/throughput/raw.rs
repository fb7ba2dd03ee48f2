//! What the model alone can do with the feed: no Kafka, no JSON, no policy.
//!
//! The feed is decoded, cleaned and tokenised beforehand, with the worker's own code; the clock runs
//! for the engine only, which has all messages at hand and so cuts the best batches there are.

use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use bytes::Bytes;
use crossbeam_channel::unbounded;
use jiff::Timestamp;
use undertone::commands::load_policy;
use undertone::config::Config;
use undertone::message::{InboundMessage, SourcePosition};
use undertone::model::{EncodedText, Engine, EngineLimits, Job, Model, ModelInput, find_library};
use undertone::operate::Metrics;
use undertone::score::{Prepared, Scoring};

use super::Fallible;
use super::feed::Sample;
use super::naive::{CHILD_ARGUMENT, NaiveRun, Variant};
use super::process::cpu_seconds;

/// A message ready for the model.
pub struct Item {
    input: ModelInput,
    encoded: EncodedText,
    partition: u32,
    due_ms: i64,
}

impl Item {
    /// Tokens, special ones included.
    pub fn tokens(&self) -> usize {
        self.encoded.token_count()
    }
}

/// Prepares the samples; what the worker would filter is left out of both lists.
pub fn prepare(config: &Config, model: &Model, samples: Vec<Sample>) -> Fallible<(Vec<Sample>, Vec<Item>)> {
    let metrics = Arc::new(Metrics::new()?);
    let scoring = Scoring::new(config, model, load_policy(config)?, metrics);
    let now = Timestamp::now();
    let mut kept = Vec::new();
    let mut items = Vec::new();
    for (index, sample) in samples.into_iter().enumerate() {
        let (key, value) = sample.record(index, None);
        let inbound = InboundMessage {
            position: SourcePosition { topic: "bench".to_owned(), partition: 0, offset: i64::try_from(index)? },
            key: Some(Bytes::from(key)),
            payload: Some(Bytes::from(value)),
            headers: Vec::new(),
            timestamp_ms: Some(now.as_millisecond()),
        };
        if let Prepared::Ready(ready) = scoring.prepare(&inbound, Some(sample.channel), now) {
            let partition = sample.channel as u32 * 6 + u32::try_from(index / 2 % 6)?;
            items.push(Item { input: ready.input, encoded: ready.encoded, partition, due_ms: ready.due_ms });
            kept.push(sample);
        }
    }
    Ok((kept, items))
}

/// One run of the engine over all items.
#[derive(Debug, Clone, Copy)]
pub struct RawRun {
    pub messages_per_s: f64,
    /// Windows in a batch, on average.
    pub rows: f64,
    /// Processor time a message.
    pub cpu_ms: f64,
}

/// Runs all items through an engine of `threads` one-thread sessions.
pub fn engine(model: &Model, items: &[Item], threads: usize, batch_tokens: usize) -> Fallible<RawRun> {
    let (deliver, results) = unbounded();
    let batches = Arc::new(AtomicUsize::new(0));
    let rows = Arc::new(AtomicUsize::new(0));
    let observe = {
        let (batches, rows) = (Arc::clone(&batches), Arc::clone(&rows));
        move |report: undertone::model::BatchReport| {
            batches.fetch_add(1, Ordering::Relaxed);
            rows.fetch_add(report.rows, Ordering::Relaxed);
        }
    };
    let limits = EngineLimits { threads, batch_tokens, late_share: 1.0 };
    let deliver = move |scored: undertone::model::Scored<()>| {
        // The receiver lives as long as the engine.
        let _ = deliver.send(scored.result.is_ok());
    };
    let engine = Engine::start(model, limits, deliver, observe)?;
    let jobs: Vec<Job<()>> = items
        .iter()
        .map(|item| Job {
            tag: (),
            input: item.input.clone(),
            encoded: item.encoded.clone(),
            partition: item.partition,
            due_ms: item.due_ms,
        })
        .collect();
    let (started, cpu) = (Instant::now(), cpu_seconds(std::process::id()));
    for job in jobs {
        engine.submit(job);
    }
    for _ in 0..items.len() {
        if !results.recv()? {
            return Err("a message could not be scored".into());
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    let cpu = cpu_seconds(std::process::id()) - cpu;
    engine.close();
    Ok(RawRun {
        messages_per_s: items.len() as f64 / seconds,
        rows: rows.load(Ordering::Relaxed) as f64 / batches.load(Ordering::Relaxed).max(1) as f64,
        cpu_ms: cpu * 1000.0 / items.len() as f64,
    })
}

/// Runs the same windows as a plain program would, in a process of its own: ONNX Runtime allows one
/// environment a process, and the engine's is not for others.
pub fn naive(config: &Config, model: &Model, items: &[Item], variant: &Variant) -> Fallible<NaiveRun> {
    let mut child = Command::new(std::env::current_exe()?)
        .arg(CHILD_ARGUMENT)
        .arg(serde_json::to_string(variant)?)
        .arg(find_library(config.model.onnxruntime.as_deref())?)
        .arg(config.model.path.join(&model.manifest.files.onnx))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let Some(mut input) = child.stdin.take() else { return Err("no pipe to the child".into()) };
    for item in items {
        let windows: Vec<&[u32]> = item.encoded.windows.iter().map(|window| window.ids.as_slice()).collect();
        writeln!(input, "{}", serde_json::to_string(&windows)?)?;
    }
    drop(input);
    let output = child.wait_with_output()?;
    if !output.status.success() {
        return Err(format!("the plain variant failed: {}", output.status).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}
