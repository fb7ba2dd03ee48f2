//! `manifest.toml` beside the ONNX file: what the model reads, what it answers, how to read the answer.

use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::ModelError;

/// File name of the manifest in the model's folder.
pub const MANIFEST: &str = "manifest.toml";

/// Everything the worker must know of a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of this format; 1.
    pub schema: u32,
    /// Name in tickets and metrics.
    pub name: String,
    /// Version in tickets and metrics.
    pub version: String,
    /// SPDX licence expression of the weights.
    pub licence: String,
    /// BCP 47 languages that were measured good enough; others are scored, and the ticket says so.
    pub languages: Vec<String>,
    /// Files and their digests.
    pub files: Files,
    /// Inputs of the graph.
    pub inputs: Inputs,
    /// Optional outputs of the graph.
    #[serde(default)]
    pub outputs: Outputs,
    /// Heads, in the order of `token_logits`' last axis.
    pub heads: Vec<HeadSpec>,
}

/// Files of the model, relative to the manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Files {
    /// The ONNX graph.
    pub onnx: String,
    /// Its SHA-256 in hex.
    pub onnx_sha256: String,
    /// A Hugging Face `tokenizer.json`.
    pub tokenizer: String,
    /// Its SHA-256 in hex.
    pub tokenizer_sha256: String,
}

/// Inputs of the graph: int64 tensors of shape `[batch, tokens]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inputs {
    /// Name of the token id input.
    pub input_ids: String,
    /// Name of the attention mask input.
    pub attention_mask: String,
    /// Name of the token type input, if the graph has one; zeros are fed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_type_ids: Option<String>,
    /// Id that fills the padding.
    pub pad_token_id: i64,
    /// Longest window in tokens, special tokens included.
    pub max_tokens: usize,
}

/// Outputs beyond the heads.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outputs {
    /// Per-token logits `[batch, tokens, all labels]` whose masked mean is the heads' logits; without it there is no evidence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_logits: Option<String>,
}

/// One head: an output of logits `[batch, labels]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeadSpec {
    /// `sentiment`, `urgency`, `emotions`, `topic` or `signals`, each at most once; one of the first two must be there.
    pub name: String,
    /// Name of the graph's output.
    pub output: String,
    /// How logits become probabilities.
    pub kind: HeadKind,
    /// Labels in the order of the logits.
    pub labels: Vec<String>,
    /// Logits are divided by this before anything else (calibration).
    #[serde(default = "one")]
    pub temperature: f64,
    /// Ordinal heads: the label is the highest `k` with `P(label >= k) >= cuts[k - 1]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cuts: Vec<f64>,
    /// Multi-label heads: probability from which each label counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub thresholds: Vec<f64>,
}

/// How the logits of a head are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HeadKind {
    /// Softmax over ordered labels, low to high.
    Ordinal,
    /// Softmax.
    Multiclass,
    /// Sigmoid of each label.
    Multilabel,
}

const fn one() -> f64 {
    1.0
}

/// Heads that may occur, with the kinds that fit.
const HEADS: [(&str, HeadKind); 5] = [
    ("sentiment", HeadKind::Ordinal),
    ("urgency", HeadKind::Ordinal),
    ("emotions", HeadKind::Multilabel),
    ("topic", HeadKind::Multiclass),
    ("signals", HeadKind::Multilabel),
];

impl Manifest {
    /// Reads and checks `folder/manifest.toml` and the digests of the files it names.
    pub fn load(folder: &Path) -> Result<Self, ModelError> {
        let path = folder.join(MANIFEST);
        let text = std::fs::read_to_string(&path).map_err(|source| ModelError::Read { path: path.clone(), source })?;
        let manifest: Self = toml::from_str(&text).map_err(|error| ModelError::ManifestSyntax {
            path: path.clone(),
            message: error.to_string().trim_end().to_owned(),
        })?;
        manifest.check().map_err(|(field, message)| ModelError::Manifest { path, field, message })?;
        for (file, expected) in [
            (&manifest.files.onnx, &manifest.files.onnx_sha256),
            (&manifest.files.tokenizer, &manifest.files.tokenizer_sha256),
        ] {
            let path = folder.join(file);
            let bytes = std::fs::read(&path).map_err(|source| ModelError::Read { path: path.clone(), source })?;
            let found = hex(&Sha256::digest(&bytes));
            if !found.eq_ignore_ascii_case(expected) {
                return Err(ModelError::Digest { path, expected: expected.clone(), found });
            }
        }
        Ok(manifest)
    }

    /// The head called `name`, with the position of its first label among all labels.
    pub fn head(&self, name: &str) -> Option<(&HeadSpec, usize)> {
        let mut start = 0;
        for head in &self.heads {
            if head.name == name {
                return Some((head, start));
            }
            start += head.labels.len();
        }
        None
    }

    /// Names of all heads that a model can have, each with whether this one has it.
    pub fn head_names(&self) -> impl Iterator<Item = (&'static str, bool)> + '_ {
        HEADS.iter().map(|&(name, _)| (name, self.head(name).is_some()))
    }

    /// Number of labels of all heads together.
    pub fn label_count(&self) -> usize {
        self.heads.iter().map(|head| head.labels.len()).sum()
    }

    /// `sha256:…` of the ONNX file, as tickets carry it.
    pub fn digest(&self) -> String {
        format!("sha256:{}", self.files.onnx_sha256.to_lowercase())
    }

    /// Whether `language` (BCP 47) is among the measured ones; only the primary subtag counts.
    pub fn supports(&self, language: &str) -> bool {
        let primary = language.split('-').next().unwrap_or(language);
        self.languages.iter().any(|supported| supported.eq_ignore_ascii_case(primary))
    }

    fn check(&self) -> Result<(), (String, String)> {
        let fail = |field: &str, message: String| Err((field.to_owned(), message));
        if self.schema != 1 {
            return fail("schema", format!("is `{}`; this version reads `1`", self.schema));
        }
        if !(8..=8192).contains(&self.inputs.max_tokens) {
            return fail(
                "inputs.max_tokens",
                format!("is `{}`; it must be between 8 and 8192", self.inputs.max_tokens),
            );
        }
        for (name, _) in HEADS {
            let count = self.heads.iter().filter(|head| head.name == name).count();
            if count > 1 {
                return fail("heads", format!("must have `{name}` at most once, it has it {count} times"));
            }
        }
        for (index, head) in self.heads.iter().enumerate() {
            let at = |field: &str| format!("heads[{index}].{field}");
            let Some((_, kind)) = HEADS.iter().find(|(name, _)| *name == head.name) else {
                return fail(
                    &at("name"),
                    format!("is `{}`; known heads are sentiment, urgency, emotions, topic, signals", head.name),
                );
            };
            if head.kind != *kind {
                return fail(&at("kind"), format!("of head `{}` must be `{kind:?}`", head.name).to_lowercase());
            }
            if head.labels.len() < 2 {
                return fail(&at("labels"), "must name at least two labels".into());
            }
            if let Some(twice) = head.labels.iter().enumerate().find(|(i, label)| head.labels[..*i].contains(label)) {
                return fail(&at("labels"), format!("names `{}` twice", twice.1));
            }
            if !(head.temperature.is_finite() && head.temperature > 0.0) {
                return fail(&at("temperature"), format!("is `{}`; it must be above 0", head.temperature));
            }
            let (numbers, field, expected) = match head.kind {
                HeadKind::Ordinal => (&head.cuts, "cuts", head.labels.len() - 1),
                HeadKind::Multilabel => (&head.thresholds, "thresholds", head.labels.len()),
                HeadKind::Multiclass => (&head.cuts, "cuts", 0),
            };
            if !numbers.is_empty() && numbers.len() != expected {
                return fail(&at(field), format!("has {} numbers, {expected} are needed", numbers.len()));
            }
            if numbers.iter().any(|number| !(0.0..=1.0).contains(number)) {
                return fail(&at(field), "must be between 0 and 1".into());
            }
        }
        if self.head("sentiment").is_none() && self.head("urgency").is_none() {
            return fail("heads", "has neither `sentiment` nor `urgency`; a ticket needs one of them".into());
        }
        Ok(())
    }
}

/// Lower-case hex of bytes.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const TINY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tiny-model");

    /// Each way in which a manifest can be wrong, by what replaces what, and what the error must say.
    #[test]
    fn every_fault_is_named() {
        let good = std::fs::read_to_string(Path::new(TINY).join(MANIFEST)).unwrap();
        let cases = [
            ("schema = 1", "schema = 2", "`schema` is `2`"),
            ("max_tokens = 256", "max_tokens = 4", "inputs.max_tokens"),
            ("name = \"urgency\"", "name = \"urgent\"", "`heads[1].name` is `urgent`"),
            ("name = \"topic\"", "name = \"urgency\"", "must have `urgency` at most once"),
            ("kind = \"ordinal\"", "kind = \"multiclass\"", "heads[0].kind"),
            ("\"very_negative\", \"negative\"", "\"negative\", \"negative\"", "names `negative` twice"),
            ("temperature = 1.0000", "temperature = 0.0", "heads[0].temperature"),
            ("cuts = [0.5, 0.5, 0.5, 0.5]", "cuts = [0.5]", "has 1 numbers, 4 are needed"),
            ("cuts = [0.5, 0.5, 0.5, 0.5]", "cuts = [0.5, 0.5, 0.5, 1.5]", "between 0 and 1"),
            ("pad_token_id = 0", "pad_token = 0", "pad_token"),
            ("onnx = \"model.onnx\"", "onnx = \"other.onnx\"", "cannot read"),
            ("onnx_sha256 = \"", "onnx_sha256 = \"0", "damaged or was replaced"),
        ];
        for (from, to, says) in cases {
            let folder = tempfile::tempdir().unwrap();
            for file in ["model.onnx", "tokenizer.json"] {
                std::fs::copy(Path::new(TINY).join(file), folder.path().join(file)).unwrap();
            }
            let bad = good.replacen(from, to, 1);
            assert_ne!(bad, good, "`{from}` is not in the fixture");
            std::fs::write(folder.path().join(MANIFEST), bad).unwrap();
            let error = Manifest::load(folder.path()).unwrap_err().to_string();
            assert!(error.contains(says), "`{to}`: {error}");
        }
    }

    #[test]
    fn one_of_sentiment_and_urgency_is_enough_and_needed() {
        let manifest = Manifest::load(Path::new(TINY)).unwrap();
        let without = |names: &[&str]| {
            let mut changed = manifest.clone();
            changed.heads.retain(|head| !names.contains(&head.name.as_str()));
            changed.check()
        };
        assert_eq!(without(&["urgency", "emotions", "topic", "signals"]), Ok(()));
        assert_eq!(without(&["sentiment", "signals"]), Ok(()));
        let (field, message) = without(&["sentiment", "urgency"]).unwrap_err();
        assert!(field == "heads" && message.contains("neither"), "{message}");
    }

    #[test]
    fn a_missing_folder_is_named() {
        let error = Manifest::load(Path::new("/no/such/model")).unwrap_err().to_string();
        assert!(error.contains("/no/such/model/manifest.toml"), "{error}");
        assert!(error.contains("model.path"), "{error}");
    }

    #[test]
    fn languages_match_by_primary_subtag() {
        let manifest = Manifest::load(Path::new(TINY)).unwrap();
        assert!(manifest.supports("en-GB"));
        assert!(!manifest.supports("und"));
    }
}
