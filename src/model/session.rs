//! One ONNX Runtime session: one thread, one batch at a time, logits out.

use std::path::Path;
use std::sync::Arc;

use ort::session::Session;
use ort::session::builder::GraphOptimizationLevel;
use ort::value::Tensor;

use super::runtime::Runtime;
use super::{Manifest, ModelError, Window};

/// What the model says of one window.
#[derive(Debug, Clone, PartialEq)]
pub struct WindowLogits {
    /// Logits of all heads, in manifest order.
    pub heads: Vec<f32>,
    /// Per-token logits `tokens x labels`, where the model gives them.
    pub tokens: Option<Vec<f32>>,
}

/// A session with one intra-op thread; used by one inference thread.
pub struct InferenceSession {
    session: Session,
    manifest: Arc<Manifest>,
    ids: Vec<i64>,
    mask: Vec<i64>,
}

impl InferenceSession {
    pub(super) fn open(runtime: &Runtime, path: &Path, manifest: Arc<Manifest>) -> Result<Self, ModelError> {
        let failed =
            |error: &dyn std::fmt::Display| ModelError::Onnx { path: path.to_owned(), message: error.to_string() };
        let configured = || -> Result<Session, String> {
            let text = |error: &dyn std::fmt::Display| error.to_string();
            Session::builder(&runtime.environment)
                .map_err(|error| text(&error))?
                .with_optimization_level(GraphOptimizationLevel::All)
                .map_err(|error| text(&error))?
                // Explicit counts: no affinity is set (onnxruntime#8313) and sessions x 1 = processors used.
                .with_intra_threads(1)
                .map_err(|error| text(&error))?
                .with_inter_threads(1)
                .map_err(|error| text(&error))?
                .with_intra_op_spinning(false)
                .map_err(|error| text(&error))?
                // Lengths vary: a pattern per shape would only grow memory (onnxruntime#11627).
                .with_memory_pattern(false)
                .map_err(|error| text(&error))?
                // Weights stored as int8 become fp32 once, at load: computing is fp32, so that a row
                // does not depend on its batch (onnxruntime#10111).
                .with_quant_qdq(false)
                .map_err(|error| text(&error))?
                .commit_from_file(path)
                .map_err(|error| text(&error))
        };
        let session = configured().map_err(|message| failed(&message))?;
        let has_input = |name: &str| session.inputs().iter().any(|input| input.name() == name);
        let has_output = |name: &str| session.outputs().iter().any(|output| output.name() == name);
        let known = |names: Vec<&str>| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let inputs = &manifest.inputs;
        for name in [Some(&inputs.input_ids), Some(&inputs.attention_mask), inputs.token_type_ids.as_ref()]
            .into_iter()
            .flatten()
        {
            if !has_input(name) {
                let all = known(session.inputs().iter().map(ort::value::Outlet::name).collect());
                return Err(failed(&format!("has no input `{name}` that the manifest names; it has {all}")));
            }
        }
        let expected = 2 + usize::from(inputs.token_type_ids.is_some());
        if session.inputs().len() != expected {
            let all = known(session.inputs().iter().map(ort::value::Outlet::name).collect());
            return Err(failed(&format!("has the inputs {all}; the manifest names {expected} of them")));
        }
        for name in manifest.heads.iter().map(|head| &head.output).chain(&manifest.outputs.token_logits) {
            if !has_output(name) {
                let all = known(session.outputs().iter().map(ort::value::Outlet::name).collect());
                return Err(failed(&format!("has no output `{name}` that the manifest names; it has {all}")));
            }
        }
        let mut opened = Self { session, manifest, ids: Vec::new(), mask: Vec::new() };
        // A first run finds wrong shapes before the first message does.
        let probe = Window { ids: vec![0; 3], offsets: vec![(0, 0); 3], new_tokens: 1 };
        opened.run(&[&probe], super::queue::padded(3)).map_err(|message| failed(&message))?;
        Ok(opened)
    }

    /// Runs one batch; every window is padded to `padded_tokens`, which none may exceed.
    pub fn run(&mut self, windows: &[&Window], padded_tokens: usize) -> Result<Vec<WindowLogits>, String> {
        let rows = windows.len();
        self.ids.clear();
        self.mask.clear();
        for window in windows {
            let pad = padded_tokens
                .checked_sub(window.ids.len())
                .ok_or_else(|| format!("window of {} tokens in a batch of {padded_tokens}", window.ids.len()))?;
            self.ids.extend(window.ids.iter().map(|&id| i64::from(id)));
            self.ids.extend(std::iter::repeat_n(self.manifest.inputs.pad_token_id, pad));
            self.mask.extend(std::iter::repeat_n(1, window.ids.len()));
            self.mask.extend(std::iter::repeat_n(0, pad));
        }
        let text = |error: ort::Error| error.to_string();
        let tensor = |values: Vec<i64>| Tensor::from_array(([rows, padded_tokens], values)).map_err(text);
        let names = &self.manifest.inputs;
        let mut inputs = vec![
            (names.input_ids.as_str(), tensor(self.ids.clone())?),
            (names.attention_mask.as_str(), tensor(self.mask.clone())?),
        ];
        if let Some(types) = &names.token_type_ids {
            inputs.push((types.as_str(), tensor(vec![0; rows * padded_tokens])?));
        }
        let outputs = self.session.run(inputs).map_err(text)?;
        let mut logits: Vec<WindowLogits> = (0..rows)
            .map(|_| WindowLogits { heads: Vec::with_capacity(self.manifest.label_count()), tokens: None })
            .collect();
        for head in &self.manifest.heads {
            let (shape, values) = outputs[head.output.as_str()].try_extract_tensor::<f32>().map_err(text)?;
            let labels = head.labels.len();
            if values.len() != rows * labels {
                return Err(format!(
                    "output `{}` has shape {shape}, the manifest's labels want [{rows}, {labels}]",
                    head.output
                ));
            }
            for (row, values) in values.chunks_exact(labels).enumerate() {
                if values.iter().any(|value| !value.is_finite()) {
                    return Err(format!("output `{}` holds a value that is not finite", head.output));
                }
                logits[row].heads.extend_from_slice(values);
            }
        }
        if let Some(name) = &self.manifest.outputs.token_logits {
            let (shape, values) = outputs[name.as_str()].try_extract_tensor::<f32>().map_err(text)?;
            let labels = self.manifest.label_count();
            if values.len() != rows * padded_tokens * labels {
                return Err(format!(
                    "output `{name}` has shape {shape}, [{rows}, {padded_tokens}, {labels}] is needed"
                ));
            }
            for (row, values) in values.chunks_exact(padded_tokens * labels).enumerate() {
                logits[row].tokens = Some(values[..windows[row].ids.len() * labels].to_vec());
            }
        }
        Ok(logits)
    }
}
