//! Why a record could not become a message.

use std::fmt;

/// Where in the payload a problem lies. Made of schema names, positions and numbers only: it never
/// holds anything a customer wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// JSON path, such as `$.to[2].address`.
    Path(String),
    /// Byte offset, from 0.
    Byte(usize),
    /// Line and column, from 1.
    LineColumn(usize, usize),
    /// Name of a record header.
    Header(&'static str),
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => write!(formatter, "`{path}`"),
            Self::Byte(offset) => write!(formatter, "byte {offset}"),
            Self::LineColumn(line, column) => write!(formatter, "line {line} column {column}"),
            Self::Header(name) => write!(formatter, "header `{name}`"),
        }
    }
}

/// Why a record could not become a message. The texts say where and why, and never quote the message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The payload is longer than allowed.
    #[error("payload of {bytes} bytes exceeds the limit of {limit}")]
    TooLarge {
        /// Length in bytes.
        bytes: usize,
        /// Limit in bytes.
        limit: usize,
    },
    /// The payload is there, but has no bytes (or only white space).
    #[error("payload is blank")]
    Blank,
    /// The payload is not UTF-8.
    #[error("payload is not UTF-8 at {place}")]
    InvalidUtf8 {
        /// First byte that is wrong.
        place: Place,
    },
    /// The payload is not JSON.
    #[error("payload is not JSON at {place}: {reason}")]
    InvalidJson {
        /// Where the parser stopped.
        place: Place,
        /// What the parser expected.
        reason: String,
    },
    /// Arrays and objects are nested too deeply.
    #[error("nesting at {place} exceeds the limit of {limit} levels")]
    TooDeep {
        /// Where the limit was passed.
        place: Place,
        /// Limit in levels.
        limit: usize,
    },
    /// A field that decides what the message is has the wrong type.
    #[error("field at {place}: expected {expected}, found {found}")]
    Schema {
        /// Which field.
        place: Place,
        /// Type expected, with its article.
        expected: &'static str,
        /// Type found, with its article.
        found: &'static str,
    },
    /// Neither the topic nor the payload names a channel we know.
    #[error("no known channel: the topic has none and {place} is {found}")]
    UnknownChannel {
        /// The field looked at.
        place: Place,
        /// What was found there: `absent` or `an unknown value`.
        found: &'static str,
    },
    /// The record claims to be a CloudEvent and is not a sound one.
    #[error("cloud event at {place}: {reason}")]
    CloudEvent {
        /// Attribute or header concerned.
        place: Place,
        /// What is wrong.
        reason: &'static str,
    },
}

impl DecodeError {
    /// All values of [`DecodeError::class`].
    pub const CLASSES: [&'static str; 8] =
        ["too_large", "blank", "invalid_utf8", "invalid_json", "too_deep", "schema", "unknown_channel", "cloudevent"];

    /// Returns the class of the error: a closed set, used as a metrics label and in dead-letter headers.
    pub const fn class(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "too_large",
            Self::Blank => "blank",
            Self::InvalidUtf8 { .. } => "invalid_utf8",
            Self::InvalidJson { .. } => "invalid_json",
            Self::TooDeep { .. } => "too_deep",
            Self::Schema { .. } => "schema",
            Self::UnknownChannel { .. } => "unknown_channel",
            Self::CloudEvent { .. } => "cloudevent",
        }
    }
}
