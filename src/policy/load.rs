//! From the text of a policy file to checked settings.
//!
//! The shipped `config/policy.toml` is the only place where defaults stand: a file is laid over it,
//! table by table, and the whole is read strictly. So an empty file is the shipped policy, and a
//! file names only what differs.

use std::fmt;

use serde::Deserialize as _;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Deserializer};

use super::settings::Settings;

/// The shipped policy.
pub(super) const SHIPPED: &str = include_str!("../../config/policy.toml");

/// Why a policy was refused.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// Not TOML, an unknown field or a value of a wrong type; the message shows line and column.
    #[error("{}", .0.to_string().trim_end())]
    Parse(#[from] toml::de::Error),
    /// Values that are impossible or contradict each other.
    #[error("{}", join(.0))]
    Invalid(Vec<Finding>),
    /// An input channel without targets (R6).
    #[error("channel `{channel}` has no targets; add `sla.profiles.default.{channel}` to the policy (it has {known})")]
    NoTarget {
        /// The channel.
        channel: String,
        /// The rows there are, in backticks.
        known: String,
    },
}

/// One thing wrong with a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Path of the field, such as `sla.profiles.default.chat.p2`.
    pub field: String,
    /// Line of the field in the file, or of the nearest table around it; `None` where the file does
    /// not have it.
    pub line: Option<usize>,
    /// What is wrong and what would be right.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(formatter, "line {line}: ")?;
        }
        write!(formatter, "`{}` {}", self.field, self.message)
    }
}

fn join(findings: &[Finding]) -> String {
    findings.iter().map(Finding::to_string).collect::<Vec<_>>().join("\n")
}

/// Reads `text` laid over the shipped policy.
pub(super) fn settings(text: &str) -> Result<Settings, PolicyError> {
    let own = DeTable::parse(text)?;
    let span = own.span();
    let mut merged = own.into_inner();
    fill(&mut merged, DeTable::parse(SHIPPED)?.into_inner());
    let merged = Deserializer::from(Spanned::new(span, merged));
    Ok(Settings::deserialize(merged).map_err(|mut error| {
        error.set_input(Some(text));
        error
    })?)
}

/// Puts into `table` what only `defaults` has.
fn fill<'i>(table: &mut DeTable<'i>, defaults: DeTable<'i>) {
    for (key, default) in defaults {
        match (table.get_mut(&key).map(Spanned::get_mut), default) {
            (None, default) => {
                table.insert(key, default);
            }
            (Some(DeValue::Table(own)), default) => {
                if let DeValue::Table(default) = default.into_inner() {
                    fill(own, default);
                }
            }
            (Some(_), _) => {}
        }
    }
}

/// Returns the line of a field in `text`, or of the nearest table around it.
pub(super) fn line_of(text: &str, field: &[&str]) -> Option<usize> {
    let document = DeTable::parse(text).ok()?;
    let mut table = Some(document.get_ref());
    let mut found = None;
    for &part in field {
        let Some((key, value)) = table.and_then(|table| table.iter().find(|(key, _)| key.get_ref() == part)) else {
            break;
        };
        found = Some(key.span().start);
        table = value.get_ref().as_table();
    }
    Some(text.get(..found?)?.matches('\n').count() + 1)
}
