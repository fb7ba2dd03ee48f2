//! The plain way to batch: fixed batches in the order of arrival, padded to the longest, one session
//! that uses all processors inside each operator. Runs in a child process of the benchmark.

use std::io::{BufRead, Write};
use std::path::Path;
use std::time::Instant;

use ort::session::Session;
use ort::session::builder::GraphOptimizationLevel;
use ort::value::Tensor;
use serde::{Deserialize, Serialize};

use super::Fallible;

/// First argument of the child.
pub const CHILD_ARGUMENT: &str = "--naive-child";

/// How the plain program is set up.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Variant {
    /// Windows in a batch.
    pub batch: usize,
    /// Intra-op threads of the one session.
    pub threads: usize,
    /// ONNX Runtime's own handling of weights stored in int8, which the worker turns off.
    pub quant_qdq: bool,
}

/// What the child has measured.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct NaiveRun {
    pub messages_per_s: f64,
    /// Padded tokens for each token of text.
    pub padding: f64,
}

/// The child: windows as JSON lines on standard input, the result on standard output.
pub fn child(arguments: &[String]) -> Fallible<()> {
    let [variant, library, onnx] = arguments else { return Err("variant, library and model are needed".into()) };
    let variant: Variant = serde_json::from_str(variant)?;
    let mut windows: Vec<Vec<u32>> = Vec::new();
    let mut messages = 0;
    for line in std::io::stdin().lock().lines() {
        windows.extend(serde_json::from_str::<Vec<Vec<u32>>>(&line?)?);
        messages += 1;
    }
    let environment = ort::init_from(library)?.with_telemetry(false).build()?;
    let mut session = Session::builder(&environment)?
        .with_optimization_level(GraphOptimizationLevel::All)?
        .with_intra_threads(variant.threads)?
        .with_quant_qdq(variant.quant_qdq)?
        .commit_from_file(Path::new(onnx))?;
    // A first batch, so that set-up is not measured.
    run(&mut session, &windows[..windows.len().min(variant.batch)])?;
    let started = Instant::now();
    let mut padded = 0;
    for batch in windows.chunks(variant.batch) {
        padded += run(&mut session, batch)?;
    }
    let seconds = started.elapsed().as_secs_f64();
    let tokens: usize = windows.iter().map(Vec::len).sum();
    let result = NaiveRun { messages_per_s: f64::from(messages) / seconds, padding: padded as f64 / tokens as f64 };
    writeln!(std::io::stdout(), "{}", serde_json::to_string(&result)?)?;
    Ok(())
}

/// Runs one batch and reads every output; gives the padded tokens.
fn run(session: &mut Session, batch: &[Vec<u32>]) -> Fallible<usize> {
    let longest = batch.iter().map(Vec::len).max().unwrap_or(0);
    let mut ids = Vec::with_capacity(batch.len() * longest);
    let mut mask = Vec::with_capacity(batch.len() * longest);
    for window in batch {
        ids.extend(window.iter().map(|&id| i64::from(id)));
        ids.resize(ids.len() + longest - window.len(), 0);
        mask.resize(mask.len() + window.len(), 1_i64);
        mask.resize(ids.len(), 0);
    }
    let shape = [batch.len(), longest];
    let inputs = ort::inputs![
        "input_ids" => Tensor::from_array((shape, ids))?,
        "attention_mask" => Tensor::from_array((shape, mask))?,
    ];
    let outputs = session.run(inputs)?;
    for (_, value) in &outputs {
        let (_, values) = value.try_extract_tensor::<f32>()?;
        if values.iter().any(|value| !value.is_finite()) {
            return Err("a logit is not finite".into());
        }
    }
    Ok(batch.len() * longest)
}
