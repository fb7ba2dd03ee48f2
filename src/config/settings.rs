//! The configuration file as written: one struct per section, one documented field per setting.
//!
//! Every field has a default, so an empty file is a valid one; unknown fields are refused. Units are
//! in the names. The commented reference is `config/undertone.toml`; a test keeps both equal.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::message::Channel;

/// All settings; see `config/undertone.toml` for the commented reference.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Who this worker is.
    pub app: App,
    /// How the brokers are reached.
    pub kafka: Kafka,
    /// Where messages come from and outcomes go to.
    pub topics: Topics,
    /// Delivery guarantee and transaction timing.
    pub delivery: Delivery,
    /// Limits on input and on work in flight.
    pub limits: Limits,
    /// Text cleaning.
    pub text: Text,
    /// The model and its threads.
    pub model: Model,
    /// The policy file.
    pub policy: PolicyFile,
    /// What tickets look like.
    pub output: Output,
    /// Metrics, probes, logs and shutdown.
    pub operate: Operate,
}

/// Identity of the application and of this worker in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct App {
    /// Prefix of consumer groups: `<name>-score`, `<name>-prioritise`.
    pub name: String,
    /// Stable name of this worker, unique in the group (a StatefulSet's pod name). Required by `run`:
    /// it makes `transactional.id`, by which a stale twin is fenced.
    pub instance_id: Option<String>,
}

/// Broker addresses and raw librdkafka settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Kafka {
    /// Comma-separated `host:port` list.
    pub bootstrap_servers: String,
    /// Any librdkafka setting, for every client (`security.protocol`, `sasl.mechanism`, …).
    pub options: BTreeMap<String, OptionValue>,
    /// librdkafka settings for consumers only; they win over `options`.
    pub consumer_options: BTreeMap<String, OptionValue>,
    /// librdkafka settings for producers only; they win over `options`.
    pub producer_options: BTreeMap<String, OptionValue>,
    /// librdkafka settings whose value is read from a file at start (`"sasl.password" = "/run/secrets/kafka"`).
    pub secret_files: BTreeMap<String, PathBuf>,
}

/// A librdkafka value as TOML has it; passed on as text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum OptionValue {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A fraction.
    Float(f64),
    /// Text.
    Text(String),
}

impl std::fmt::Display for OptionValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bool(value) => value.fmt(f),
            Self::Int(value) => value.fmt(f),
            Self::Float(value) => value.fmt(f),
            Self::Text(value) => value.fmt(f),
        }
    }
}

/// Topic names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Topics {
    /// Input topic → channel.
    pub inputs: BTreeMap<String, Channel>,
    /// Scored messages, keyed by customer: what joins SCORE and PRIORITISE.
    pub scored: String,
    /// Prefix of the priority topics; `.p1` … `.p5` is appended.
    pub tickets: String,
    /// Also writes each ticket to the topic named by `tickets` itself.
    pub tickets_copy: bool,
    /// What no customer wrote, with the reason.
    pub filtered: String,
    /// A request to look at a ticket whose scores are in doubt.
    pub review: String,
    /// What could not be processed, bytes unchanged.
    pub dlq: String,
    /// Deadlines that are at risk or missed.
    pub sla: String,
    /// What is remembered of customers: compacted, as many partitions as `scored`.
    pub state: String,
    /// Input: what agents did to tickets (answered, priority changed, closed); empty for none.
    pub updates: String,
    /// Input, compacted: what the company's records say of customers; empty for none.
    pub customers: String,
    /// Input, compacted: which address, chat user or handle is which customer; empty for none.
    pub identity: String,
    /// Partitions that `undertone topics create` gives to input and output topics.
    pub partitions: i32,
    /// Partitions of `scored` and `state`. Dear to change: history is kept per partition.
    pub scored_partitions: i32,
    /// Replication factor that `undertone topics create` asks for; -1 takes the broker's default.
    pub replication: i32,
}

/// How outcomes become visible, and how long each step may take.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Delivery {
    /// `exactly-once` (transactions) or `at-least-once`.
    pub mode: DeliveryMode,
    /// A transaction is committed this long after its first outcome. Readers see a ticket only then.
    pub commit_interval_ms: u64,
    /// … or when it holds this many outcomes, whichever is first.
    pub commit_max_messages: usize,
    /// The broker aborts a transaction older than this; a crashed worker blocks readers this long at most.
    pub transaction_timeout_ms: u64,
    /// A worker silent for this long loses its partitions.
    pub session_timeout_ms: u64,
    /// A worker that does not poll for this long is thrown out of the group.
    pub max_poll_interval_ms: u64,
}

/// The delivery guarantee.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeliveryMode {
    /// Outcomes and offsets in one transaction.
    ExactlyOnce,
    /// Offsets are committed after the outcomes were acknowledged; a crash may repeat some.
    AtLeastOnce,
}

/// Limits on what is accepted and on what is held at once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Larger record values go to the dead letters.
    pub max_payload_bytes: usize,
    /// Deeper JSON goes to the dead letters.
    pub max_nesting: usize,
    /// Longer text is cut (and `truncated` says so).
    pub max_text_bytes: usize,
    /// Unknown fields beyond this size are not copied to the ticket.
    pub max_extra_bytes: usize,
    /// A `sent_at` further in the future than this is replaced by the record's timestamp.
    pub future_tolerance_seconds: u64,
    /// Messages of one channel in work at once; beyond it that channel's partitions are paused.
    pub in_flight_messages: usize,
    /// Bytes of one channel in work at once.
    pub in_flight_bytes: usize,
}

/// Cleaning of the text before it is scored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Text {
    /// Removes quoted history from emails.
    pub strip_quotes: bool,
    /// Removes signatures from emails.
    pub strip_signatures: bool,
    /// Detects the language.
    pub detect_language: bool,
}

/// The model, its threads and its batches.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Model {
    /// Folder with `manifest.toml`, the ONNX file and the tokenizer, or the name of one in `models/`.
    pub path: PathBuf,
    /// ONNX Runtime's shared library; else `ORT_DYLIB_PATH`, else `.onnxruntime/` beside the working folder or the binary.
    pub onnxruntime: Option<PathBuf>,
    /// Inference threads, each with its own session and one intra-op thread; 0 takes the processors available.
    pub inference_threads: usize,
    /// Threads that decode, clean and tokenise.
    pub tokenizer_threads: usize,
    /// Upper limit of padded tokens in one batch.
    pub batch_tokens: usize,
    /// Tokens that neighbouring windows of a long message share.
    pub window_overlap_tokens: usize,
    /// Windows scored of one message; what is beyond is cut and `truncated` says so.
    pub max_windows: usize,
    /// Share of the batch tokens that messages already late may take while others are not late yet.
    pub late_share: f64,
}

/// Where the policy is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PolicyFile {
    /// The policy file; without it the built-in default policy is used.
    pub path: Option<PathBuf>,
    /// Seconds between two looks at the file; a valid change takes effect between two transactions. 0: never looks.
    pub reload_seconds: u64,
}

/// Form of what is published.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Output {
    /// CloudEvents form of the outputs.
    pub envelope: Envelope,
    /// Publishes the cleaned text in the ticket; `false` leaves metadata and scores only.
    pub include_text: bool,
    /// Prefix of the CloudEvents `type`.
    pub event_type_prefix: String,
    /// Base of the schema addresses in `dataschema`.
    pub schema_base: String,
}

/// CloudEvents form of the outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Envelope {
    /// Value is the plain ticket, attributes are headers.
    Binary,
    /// Value is the whole event.
    Structured,
    /// No CloudEvents attributes.
    None,
}

/// Metrics, probes, logs and shutdown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Operate {
    /// Address of `/metrics`, `/livez`, `/readyz` and `/version`.
    pub listen: String,
    /// Log form on standard error.
    pub log_format: LogFormat,
    /// Log filter in `tracing` syntax (`info,undertone=debug`).
    pub log_filter: String,
    /// Time for finishing what is in work after SIGTERM.
    pub drain_timeout_ms: u64,
    /// `/livez` turns bad when a stage's loop did not turn for this long.
    pub stall_timeout_ms: u64,
}

/// Log form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

impl Default for App {
    fn default() -> Self {
        Self { name: "undertone".into(), instance_id: None }
    }
}

impl Default for Kafka {
    fn default() -> Self {
        Self {
            bootstrap_servers: "localhost:9092".into(),
            options: BTreeMap::new(),
            consumer_options: BTreeMap::new(),
            producer_options: BTreeMap::new(),
            secret_files: BTreeMap::new(),
        }
    }
}

impl Default for Topics {
    fn default() -> Self {
        Self {
            inputs: BTreeMap::from([
                ("support.email".into(), Channel::Email),
                ("support.chat".into(), Channel::Chat),
                ("support.social".into(), Channel::Social),
            ]),
            scored: "triage.scored".into(),
            tickets: "triage.tickets".into(),
            tickets_copy: false,
            filtered: "triage.filtered".into(),
            review: "triage.review".into(),
            dlq: "triage.dlq".into(),
            sla: "triage.sla".into(),
            state: "triage.state".into(),
            updates: "support.ticket-updates".into(),
            customers: "support.customers".into(),
            identity: "support.identity".into(),
            partitions: 6,
            scored_partitions: 12,
            replication: -1,
        }
    }
}

impl Default for Delivery {
    fn default() -> Self {
        Self {
            mode: DeliveryMode::ExactlyOnce,
            commit_interval_ms: 100,
            commit_max_messages: 1000,
            transaction_timeout_ms: 20_000,
            session_timeout_ms: 30_000,
            max_poll_interval_ms: 300_000,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_payload_bytes: 900 * 1024,
            max_nesting: 32,
            max_text_bytes: 256 * 1024,
            max_extra_bytes: 16 * 1024,
            future_tolerance_seconds: 300,
            in_flight_messages: 512,
            in_flight_bytes: 16 * 1024 * 1024,
        }
    }
}

impl Default for Text {
    fn default() -> Self {
        Self { strip_quotes: true, strip_signatures: true, detect_language: true }
    }
}

impl Default for Model {
    fn default() -> Self {
        Self {
            path: "models/undertone-small".into(),
            onnxruntime: None,
            inference_threads: 0,
            tokenizer_threads: 1,
            batch_tokens: 512,
            window_overlap_tokens: 16,
            max_windows: 512,
            late_share: 0.3,
        }
    }
}

impl Default for PolicyFile {
    fn default() -> Self {
        Self { path: None, reload_seconds: 5 }
    }
}

impl Default for Output {
    fn default() -> Self {
        Self {
            envelope: Envelope::Binary,
            include_text: true,
            event_type_prefix: "org.undertone".into(),
            schema_base: "urn:undertone:schema:".into(),
        }
    }
}

impl Default for Operate {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:9464".into(),
            log_format: LogFormat::Json,
            log_filter: "info".into(),
            drain_timeout_ms: 20_000,
            stall_timeout_ms: 60_000,
        }
    }
}
