//! The model room: from text to scores, through a manifest that says what the model is.
//!
//! `manifest` is checked at start; `windows` turns text into token windows; `queue` decides what is
//! run next (pure); `session` runs ONNX Runtime; `scores` turns logits into calibrated, aggregated
//! scores with evidence; `engine` owns the inference threads. ONNX and tokenizer types stay in here.
//! A score depends on the message alone: windows are padded to a length that follows from their own
//! token count, and a batch holds windows of one padded length only.

mod engine;
mod evidence;
mod folder;
mod manifest;
mod queue;
mod runtime;
mod scores;
mod session;
mod windows;

pub use engine::{BatchReport, Engine, EngineLimits, Job, Scored};
pub use evidence::{Evidence, EvidenceField};
pub use folder::find_folder;
pub use manifest::{HeadKind, HeadSpec, Manifest};
pub use queue::{BatchQueue, QueueEntry};
pub use runtime::{Runtime, find_library};
pub(crate) use scores::round4;
pub use scores::{Chances, LabelScore, OrdinalScores, Scores, UNKNOWN};
pub use session::InferenceSession;
pub use windows::{EncodedText, ModelInput, Window, WindowTokenizer};

use std::path::PathBuf;
use std::sync::Arc;

/// Why a model cannot be used; each message names the file or field and how to mend it.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// No model folder is where `model.path` or `--model` points.
    #[error("there is no {}; `model.path` or `--model` must name a model's folder, {}", .tried.join(" and no "), offer(.there))]
    NotFound {
        /// Manifests that were looked for, in backticks.
        tried: Vec<String>,
        /// Names of the models beside the default one.
        there: Vec<String>,
    },
    /// A file is missing or unreadable.
    #[error(
        "cannot read `{path}`: {source}; `model.path` must name a folder with manifest.toml, the ONNX file and the tokenizer"
    )]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The manifest is not TOML, or has an unknown or missing field.
    #[error("{path}: {message}")]
    ManifestSyntax {
        /// The manifest.
        path: PathBuf,
        /// Parser message with line and column.
        message: String,
    },
    /// The manifest contradicts itself.
    #[error("{path}: `{field}` {message}")]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// Field in it.
        field: String,
        /// What is wrong and how to mend it.
        message: String,
    },
    /// A file is not the one that the manifest was written for.
    #[error("`{path}` has sha256 `{found}`, the manifest says `{expected}`; the file is damaged or was replaced")]
    Digest {
        /// The file.
        path: PathBuf,
        /// Digest in the manifest.
        expected: String,
        /// Digest of the file.
        found: String,
    },
    /// ONNX Runtime's library is missing or does not load.
    #[error("{0}")]
    Runtime(String),
    /// The tokenizer file is not usable.
    #[error("`{path}` is no usable tokenizer: {message}")]
    Tokenizer {
        /// The tokenizer file.
        path: PathBuf,
        /// Why.
        message: String,
    },
    /// The ONNX file does not load, or its inputs and outputs differ from the manifest's.
    #[error("`{path}`: {message}")]
    Onnx {
        /// The ONNX file.
        path: PathBuf,
        /// Why.
        message: String,
    },
}

fn offer(there: &[String]) -> String {
    if there.is_empty() {
        return format!("and `{}` holds none", folder::SHELF);
    }
    let names: Vec<String> = there.iter().map(|name| format!("`{name}`")).collect();
    format!("or one in `{}`: {}", folder::SHELF, names.join(", "))
}

/// Why a message could not be scored.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum InferenceError {
    /// The tokenizer refused the text.
    #[error("tokenizer failed: {0}")]
    Tokenize(String),
    /// ONNX Runtime failed on this message alone.
    #[error("inference failed: {0}")]
    Run(String),
}

/// A checked model: manifest, tokenizer and what sessions are made from.
pub struct Model {
    /// What the model is.
    pub manifest: Arc<Manifest>,
    /// Text to windows; shared by all tokenizer threads.
    pub tokenizer: Arc<WindowTokenizer>,
    onnx_path: PathBuf,
    runtime: Runtime,
}

impl Model {
    /// Loads and checks manifest, tokenizer and ONNX file of `settings`. The model itself is opened, and run once, by [`Model::session`].
    ///
    /// Every way in which they can be wrong is a [`ModelError`] of its own.
    pub fn load(settings: &crate::config::Model) -> Result<Self, ModelError> {
        let folder = find_folder(&settings.path)?;
        let manifest = Manifest::load(&folder)?;
        let tokenizer =
            WindowTokenizer::load(&folder, &manifest, settings.window_overlap_tokens, settings.max_windows)?;
        let onnx_path = folder.join(&manifest.files.onnx);
        let runtime = Runtime::load(settings.onnxruntime.as_deref())?;
        Ok(Self { manifest: Arc::new(manifest), tokenizer: Arc::new(tokenizer), onnx_path, runtime })
    }

    /// Opens one session and checks its inputs and outputs against the manifest.
    pub fn session(&self) -> Result<InferenceSession, ModelError> {
        InferenceSession::open(&self.runtime, &self.onnx_path, Arc::clone(&self.manifest))
    }
}
