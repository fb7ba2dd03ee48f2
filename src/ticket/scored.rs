//! The record on `triage.scored`: what PRIORITISE needs of a message, and nothing more.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::SCHEMA_VERSION;
use crate::history::hash;
use crate::message::{Channel, CustomerMessage, InboundMessage};
use crate::model::{Evidence, Manifest, OrdinalScores, Scores};
use crate::policy::PhraseHit;
use crate::text::CleanText;

/// A scored message, keyed by customer. `kind` tells it from the other records of that topic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScoredMessage {
    /// Version of this record.
    pub schema_version: String,
    /// `scored`.
    pub kind: String,
    /// The customer key, also the record's key; the ticket's `routing_key`.
    pub routing_key: String,
    /// The message, without its raw texts and mail headers.
    pub message: CustomerMessage,
    /// The cleaned text.
    pub text: TextPart,
    /// Language and whether the model was measured on it.
    pub language: LanguageStamp,
    /// What the model says.
    pub scores: Scores,
    /// The passages that drove it.
    pub evidence: Vec<Evidence>,
    /// Phrases of SCORE's policy in the text, for a PRIORITISE that does not get the text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub phrases: Vec<PhraseHit>,
    /// Which model said so.
    pub model: ModelStamp,
    /// Digest of a mail's subject and text without what differs from copy to copy (numbers, case, punctuation):
    /// machines that answer each other are known by it. Mails only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<u64>,
    /// Where the message came from.
    pub source: SourceStamp,
}

/// The cleaned text of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TextPart {
    /// Body without quoted history and signature; absent where tickets carry no text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Subject line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Whether quoted history was removed.
    pub quoted_removed: bool,
    /// Whether a signature was removed.
    pub signature_removed: bool,
    /// Number of windows in which the text was scored.
    pub chunks: usize,
    /// Whether text at the end was left out because it exceeds a limit.
    pub truncated: bool,
}

/// Language of a message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LanguageStamp {
    /// BCP 47 code, `und` where it cannot be told.
    pub code: String,
    /// Confidence of the detection, 0 to 1.
    pub confidence: f64,
    /// Whether the model was measured good enough in it.
    pub supported: bool,
}

/// The model behind the scores.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ModelStamp {
    /// Name.
    pub name: String,
    /// Version.
    pub version: String,
    /// `sha256:…` of the ONNX file.
    pub digest: String,
    /// The message's share of the time in the model, in milliseconds.
    pub inference_ms: f64,
}

/// The source record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SourceStamp {
    /// Topic.
    pub topic: String,
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
    /// The record's timestamp.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub timestamp: Option<Timestamp>,
    /// The record's key, where it is UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Fields of the message that this version does not know, limited in size.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub extra: Map<String, Value>,
}

impl SourceStamp {
    /// Names the record `original`.
    pub fn new(original: &InboundMessage, extra: Map<String, Value>) -> Self {
        Self {
            topic: original.position.topic.clone(),
            partition: original.position.partition,
            offset: original.position.offset,
            timestamp: original.timestamp_ms.and_then(|ms| Timestamp::from_millisecond(ms).ok()),
            key: original.key.as_ref().and_then(|key| std::str::from_utf8(key).ok()).map(str::to_owned),
            extra,
        }
    }
}

/// What the engine adds to a message.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// What the model says.
    pub scores: Scores,
    /// The passages that drove it.
    pub evidence: Vec<Evidence>,
    /// Number of windows.
    pub chunks: usize,
    /// Whether text was left out.
    pub truncated: bool,
    /// Share of the time in the model, in milliseconds.
    pub inference_ms: f64,
}

impl ScoredMessage {
    /// Joins a message of the customer under `routing_key`, its cleaned text and the verdict; drops raw texts, all text if `include_text` is false, and
    /// sentiment and emotions where the model was not measured on the language.
    pub fn new(
        original: &InboundMessage,
        mut message: CustomerMessage,
        clean: CleanText,
        verdict: Verdict,
        manifest: &Manifest,
        include_text: bool,
        routing_key: String,
    ) -> Self {
        let fingerprint = (message.channel == Channel::Email).then(|| fingerprint(&clean));
        let cut = message.notes.iter().any(|note| note.code == crate::message::NoteCode::TextTruncated);
        message.subject = None;
        message.text = None;
        message.html = None;
        if let Some(email) = &mut message.email {
            email.headers.clear();
        }
        let extra = std::mem::take(&mut message.extra);
        let Verdict { mut scores, mut evidence, .. } = verdict;
        let supported = manifest.supports(&clean.language.code);
        if !supported {
            // A mood read in a language that the model was not measured on is nonsense as often as not. Urgency and
            // signals stay: they can only raise the ticket, and the policy sends it to review.
            scores.sentiment = OrdinalScores::unknown();
            scores.emotions.clear();
            evidence.retain(|passage| passage.signal != "sentiment");
        }
        if !include_text {
            for passage in &mut evidence {
                passage.text = None;
            }
        }
        Self {
            schema_version: SCHEMA_VERSION.to_owned(),
            kind: "scored".to_owned(),
            routing_key,
            text: TextPart {
                body: include_text.then_some(clean.body),
                subject: clean.subject.filter(|_| include_text),
                quoted_removed: clean.quoted_removed,
                signature_removed: clean.signature_removed,
                chunks: verdict.chunks,
                truncated: verdict.truncated || cut,
            },
            language: LanguageStamp {
                supported,
                code: clean.language.code,
                confidence: crate::model::round4(f64::from(clean.language.confidence)),
            },
            scores,
            evidence,
            phrases: Vec::new(),
            model: ModelStamp {
                name: manifest.name.clone(),
                version: manifest.version.clone(),
                digest: manifest.digest(),
                inference_ms: verdict.inference_ms,
            },
            fingerprint,
            source: SourceStamp::new(original, extra),
            message,
        }
    }
}

/// Characters of a mail that its fingerprint is made of.
const FINGERPRINT_CHARS: usize = 500;

fn fingerprint(clean: &CleanText) -> u64 {
    let text = clean.subject.iter().map(String::as_str).chain([clean.body.as_str()]);
    let letters = text.flat_map(str::chars).filter(|letter| letter.is_alphabetic()).flat_map(char::to_lowercase);
    hash(&letters.take(FINGERPRINT_CHARS).collect::<String>())
}
