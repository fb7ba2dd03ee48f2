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

/// Tables of overlays in a policy file.
pub(super) const OVERLAYS: [&str; 2] = ["tenants", "brands"];

/// Reads `text` laid over the shipped policy; `layers` names the overlays of the file (`["brands", "…"]`) to be laid
/// over that, the strongest first.
pub(super) fn settings(text: &str, layers: &[[&str; 2]]) -> Result<Settings, PolicyError> {
    let own = DeTable::parse(text)?;
    let span = own.span();
    let mut own = own.into_inner();
    let mut tables = OVERLAYS.map(|table| (table, take(&mut own, table)));
    let mut merged = DeTable::new();
    for [table, name] in layers {
        let found =
            tables.iter_mut().find(|(known, _)| known == table).and_then(|(_, names)| take(names.as_mut()?, name));
        fill(&mut merged, found.unwrap_or_default());
    }
    fill(&mut merged, own);
    fill(&mut merged, DeTable::parse(SHIPPED)?.into_inner());
    let merged = Deserializer::from(Spanned::new(span, merged));
    Ok(Settings::deserialize(merged).map_err(|mut error| {
        error.set_input(Some(text));
        error
    })?)
}

/// The names of a file's overlays: tenants and brands.
pub(super) fn overlays(text: &str) -> Result<[Vec<String>; 2], PolicyError> {
    let document = DeTable::parse(text)?;
    let mut findings = Vec::new();
    let names = OVERLAYS.map(|table| {
        let Some((_, value)) = document.get_ref().iter().find(|(key, _)| key.get_ref() == table) else {
            return Vec::new();
        };
        let mut refuse = |path: &[&str], message: &str| {
            let line = line_of(text, path);
            findings.push(Finding { field: path.join("."), line, message: message.to_owned() });
        };
        let Some(overlays) = value.get_ref().as_table() else {
            refuse(&[table], "is no table; write a policy's settings under `[tenants.<name>]` or `[brands.<name>]`");
            return Vec::new();
        };
        for (name, overlay) in overlays {
            match overlay.get_ref().as_table() {
                None => refuse(&[table, name.get_ref()], "is no table; it holds a policy's settings"),
                Some(overlay) if overlay.iter().any(|(key, _)| key.get_ref() == "history") => refuse(
                    &[table, name.get_ref(), "history"],
                    "cannot be set here: what is remembered is the same for all",
                ),
                Some(_) => {}
            }
        }
        overlays.iter().map(|(name, _)| name.get_ref().to_string()).collect()
    });
    if findings.is_empty() { Ok(names) } else { Err(PolicyError::Invalid(findings)) }
}

/// Takes a table out of another.
fn take<'i>(table: &mut DeTable<'i>, key: &str) -> Option<DeTable<'i>> {
    match table.remove(key)?.into_inner() {
        DeValue::Table(table) => Some(table),
        _ => None,
    }
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
    nearest(text, field).map(|(line, _)| line)
}

/// Whether `text` has exactly this field.
pub(super) fn has(text: &str, field: &[&str]) -> bool {
    nearest(text, field).is_some_and(|(_, depth)| depth == field.len())
}

/// The line of a field, or of the nearest table around it, and how many parts of its path were found.
fn nearest(text: &str, field: &[&str]) -> Option<(usize, usize)> {
    let document = DeTable::parse(text).ok()?;
    let mut table = Some(document.get_ref());
    let mut found = None;
    for (depth, &part) in field.iter().enumerate() {
        let Some((key, value)) = table.and_then(|table| table.iter().find(|(key, _)| key.get_ref() == part)) else {
            break;
        };
        found = Some((key.span().start, depth + 1));
        table = value.get_ref().as_table();
    }
    let (start, depth) = found?;
    Some((text.get(..start)?.matches('\n').count() + 1, depth))
}
