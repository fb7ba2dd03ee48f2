//! From file and environment to a `Config` whose invariants hold.
//!
//! Order: built-in defaults, the TOML file, then `UNDERTONE_SECTION__FIELD` variables. A wrong file is
//! refused with its line; impossible combinations name the field, its line and the fix. Nothing here
//! talks to a broker or loads a model.

mod settings;
mod validate;

use std::path::{Path, PathBuf};

pub use settings::{
    App, Delivery, DeliveryMode, Envelope, Kafka, Limits, LogFormat, Model, Operate, OptionValue, Output, PolicyFile,
    Settings, Text, Topics,
};

/// Prefix of the environment variables that override the file.
pub const ENV_PREFIX: &str = "UNDERTONE_";

/// Validated settings. Dereferences to [`Settings`]; every combination in it is possible.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    settings: Settings,
}

impl std::ops::Deref for Config {
    type Target = Settings;

    fn deref(&self) -> &Settings {
        &self.settings
    }
}

/// What is wrong with a configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read `{path}`: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Not TOML, or an unknown or wrongly typed field; the message shows the line.
    #[error("{origin}: {message}")]
    Parse {
        /// The file, or the variables that were applied to it.
        origin: String,
        /// What the parser says, with line and column.
        message: String,
    },
    /// One or more fields contradict each other or are out of range.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Invalid(Vec<Finding>),
}

/// One thing to mend in a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The file (or `built-in defaults`), with `:line` where the field is in the file.
    pub place: String,
    /// Dotted field name.
    pub field: String,
    /// What is wrong, and how to mend it.
    pub message: String,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: `{}` {}", self.place, self.field, self.message)
    }
}

impl Config {
    /// Loads `path` (or the built-in defaults), applies `env`, checks everything.
    pub fn load(path: Option<&Path>, env: impl IntoIterator<Item = (String, String)>) -> Result<Self, ConfigError> {
        let (text, name) = match path {
            None => (String::new(), "built-in defaults".to_owned()),
            Some(path) => (
                std::fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })?,
                path.display().to_string(),
            ),
        };
        Self::from_text(&text, &name, env)
    }

    /// The same from a text; `name` is what errors call it.
    pub fn from_text(
        text: &str,
        name: &str,
        env: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let parse_error = |origin: &str, error: toml::de::Error| ConfigError::Parse {
            origin: origin.to_owned(),
            message: error.to_string().trim_end().to_owned(),
        };
        // Straight from the text first: only so do errors carry the line.
        let mut settings: Settings = toml::from_str(text).map_err(|error| parse_error(name, error))?;
        let variables: Vec<(String, String)> = env.into_iter().filter(|(key, _)| key.starts_with(ENV_PREFIX)).collect();
        if let Some((wrong, right)) = variables.iter().find_map(|(key, _)| Some((key, slip(key)?))) {
            return Err(ConfigError::Parse {
                origin: format!("environment `{wrong}`"),
                message: format!("sets nothing; sections and fields are separated by two underscores: `{right}`"),
            });
        }
        let overrides: Vec<(String, String)> = variables.into_iter().filter(|(key, _)| key.contains("__")).collect();
        if !overrides.is_empty() {
            let mut table: toml::Table = toml::from_str(text).map_err(|error| parse_error(name, error))?;
            for (key, value) in &overrides {
                set_path(&mut table, &env_path(key), env_value(value));
            }
            let origin = format!(
                "environment {}",
                overrides.iter().map(|(key, _)| format!("`{key}`")).collect::<Vec<_>>().join(", ")
            );
            settings = table.try_into().map_err(|error| parse_error(&origin, error))?;
        }
        let findings = validate::findings(&settings, text, name);
        if findings.is_empty() { Ok(Self { settings }) } else { Err(ConfigError::Invalid(findings)) }
    }

    /// Applies a change made by a command (the demo's broker address, say) and checks again.
    pub fn with(&self, change: impl FnOnce(&mut Settings)) -> Result<Self, ConfigError> {
        let mut settings = self.settings.clone();
        change(&mut settings);
        let findings = validate::findings(&settings, "", "changed settings");
        if findings.is_empty() { Ok(Self { settings }) } else { Err(ConfigError::Invalid(findings)) }
    }

    /// Inference threads with 0 resolved to the processors available to this process.
    pub fn inference_threads(&self) -> usize {
        match self.model.inference_threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        }
    }
}

/// `UNDERTONE_KAFKA__BOOTSTRAP_SERVERS` → `kafka`, `bootstrap_servers`.
fn env_path(key: &str) -> Vec<String> {
    key.trim_start_matches(ENV_PREFIX).split("__").map(str::to_lowercase).collect()
}

/// Sections of the file, for the slip below.
const SECTIONS: [&str; 10] =
    ["app", "kafka", "topics", "delivery", "limits", "text", "model", "policy", "output", "operate"];

/// What was meant by a variable with a section but a single underscore behind it; it would be passed over in
/// silence. (Other variables are none of ours: Kubernetes makes `UNDERTONE_SERVICE_HOST` and the like.)
fn slip(key: &str) -> Option<String> {
    let rest = key.strip_prefix(ENV_PREFIX).filter(|rest| !rest.contains("__"))?;
    let (section, field) = rest.split_once('_')?;
    SECTIONS.contains(&section.to_lowercase().as_str()).then(|| format!("{ENV_PREFIX}{section}__{field}"))
}

/// Numbers and booleans as such, everything else as text.
fn env_value(value: &str) -> toml::Value {
    if let Ok(number) = value.parse::<i64>() {
        return toml::Value::Integer(number);
    }
    if let Ok(number) = value.parse::<f64>() {
        return toml::Value::Float(number);
    }
    match value {
        "true" => toml::Value::Boolean(true),
        "false" => toml::Value::Boolean(false),
        _ => toml::Value::String(value.to_owned()),
    }
}

fn set_path(table: &mut toml::Table, path: &[String], value: toml::Value) {
    let [first, rest @ ..] = path else { return };
    if rest.is_empty() {
        table.insert(first.clone(), value);
        return;
    }
    let entry = table.entry(first.clone()).or_insert_with(|| toml::Value::Table(toml::Table::new()));
    if !entry.is_table() {
        *entry = toml::Value::Table(toml::Table::new());
    }
    if let Some(inner) = entry.as_table_mut() {
        set_path(inner, rest, value);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    fn load(text: &str) -> Result<Config, ConfigError> {
        Config::from_text(text, "test.toml", [])
    }

    #[test]
    fn an_empty_file_is_the_documented_default() {
        let shipped =
            Config::from_text(include_str!("../../config/undertone.toml"), "config/undertone.toml", []).unwrap();
        let empty = load("").unwrap();
        assert_eq!(*shipped, *empty);
    }

    #[test]
    fn an_unknown_field_is_refused_with_its_line() {
        let error = load("[delivery]\ncommit_interval_ms = 50\ncommit_intervall = 3\n").unwrap_err().to_string();
        assert!(error.contains("line 3"), "{error}");
        assert!(error.contains("commit_intervall"), "{error}");
    }

    #[test]
    fn contradictions_name_line_and_fix() {
        let error = load("[delivery]\n\nsession_timeout_ms = 1000\n").unwrap_err().to_string();
        assert!(error.contains("test.toml:3"), "{error}");
        assert!(error.contains("delivery.session_timeout_ms"), "{error}");
    }

    #[test]
    fn the_environment_overrides_the_file_and_is_named_when_wrong() {
        let env = |key: &str, value: &str| [(key.to_owned(), value.to_owned())];
        let config = Config::from_text("", "x", env("UNDERTONE_KAFKA__BOOTSTRAP_SERVERS", "k:1")).unwrap();
        assert_eq!(config.kafka.bootstrap_servers, "k:1");
        let config = Config::from_text("", "x", env("UNDERTONE_DELIVERY__COMMIT_INTERVAL_MS", "7")).unwrap();
        assert_eq!(config.delivery.commit_interval_ms, 7);
        let error =
            Config::from_text("", "x", env("UNDERTONE_KAFKA_BOOTSTRAP_SERVERS", "k:1")).unwrap_err().to_string();
        assert!(error.contains("`UNDERTONE_KAFKA__BOOTSTRAP_SERVERS`"), "{error}");
        Config::from_text("", "x", env("UNDERTONE_SERVICE_HOST", "10.0.0.1")).unwrap();
        let error = Config::from_text("", "x", env("UNDERTONE_DELIVERY__NO_SUCH", "7")).unwrap_err().to_string();
        assert!(error.contains("UNDERTONE_DELIVERY__NO_SUCH"), "{error}");
    }

    #[test]
    fn two_outputs_cannot_share_an_input() {
        let error = load("[topics]\nfiltered = \"support.email\"\n").unwrap_err().to_string();
        assert!(error.contains("topics.filtered"), "{error}");
    }

    #[test]
    fn reserved_librdkafka_settings_are_refused() {
        let error = load("[kafka.consumer_options]\n\"enable.auto.commit\" = true\n").unwrap_err().to_string();
        assert!(error.contains("enable.auto.commit"), "{error}");
        assert!(error.contains("test.toml:2"), "{error}");
    }
}
