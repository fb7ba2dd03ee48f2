//! Settings of one case, laid over the policy under test.

use serde::Deserialize;
use toml::{Table, Value};

use crate::policy::Policy;

/// Settings as the text of a policy file (`policy = """…"""`), or as a table (`policy.sla.profile = "strict"`).
#[derive(Debug, Deserialize)]
#[serde(try_from = "Value")]
pub(super) enum Overlay {
    Text(String),
    Settings(Table),
}

impl TryFrom<Value> for Overlay {
    type Error = &'static str;

    fn try_from(value: Value) -> Result<Self, Self::Error> {
        match value {
            Value::String(text) => Ok(Self::Text(text)),
            Value::Table(settings) => Ok(Self::Settings(settings)),
            _ => Err("`policy` is a table of settings, or the text of one"),
        }
    }
}

impl Overlay {
    /// The policy of these settings with `text` below them; the error is a sentence.
    pub(super) fn over(&self, text: &str) -> Result<Policy, String> {
        let parse = |text: &str| text.parse::<Table>().map_err(|error| error.to_string().trim_end().to_owned());
        let mut merged = match self {
            Self::Text(own) => parse(own)?,
            Self::Settings(own) => own.clone(),
        };
        fill(&mut merged, parse(text)?);
        let merged = toml::to_string(&merged).map_err(|error| error.to_string())?;
        Policy::from_toml(&merged).map_err(|error| error.to_string())
    }
}

/// Puts into `table` what only `below` has.
fn fill(table: &mut Table, below: Table) {
    for (key, value) in below {
        match (table.get_mut(&key), value) {
            (None, value) => {
                table.insert(key, value);
            }
            (Some(Value::Table(own)), Value::Table(value)) => fill(own, value),
            (Some(_), _) => {}
        }
    }
}
