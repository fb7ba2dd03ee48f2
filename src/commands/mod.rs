//! The commands of the binary; each is a function that ends in an exit code.

mod color;
pub mod demo;
pub mod eval;
pub mod explain;
pub mod feed;
pub mod history;
pub mod policy;
mod reasons;
pub mod replay;
pub mod run;
pub mod schema;
pub mod score;
pub mod scorer;
pub mod topics;
pub mod validate;

use std::sync::Arc;

use crate::config::{Config, ConfigError};
use crate::model::ModelError;
use crate::policy::{Policy, PolicyError};

/// Exit code of a wrong configuration, policy or model (`EX_CONFIG` of sysexits.h).
pub const EXIT_CONFIG: u8 = 78;
/// Exit code of a failure while running.
pub const EXIT_FAILED: u8 = 1;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// Configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Policy.
    #[error("{place}: {source}")]
    Policy {
        /// The policy file.
        place: String,
        /// What is wrong.
        source: PolicyError,
    },
    /// A setting that only this command needs.
    #[error("{0}")]
    Setting(String),
    /// Model.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// Everything that happens while running.
    #[error("{0}")]
    Failed(String),
}

impl CommandError {
    /// The process's exit code.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_) | Self::Policy { .. } | Self::Setting(_) | Self::Model(_) => EXIT_CONFIG,
            Self::Failed(_) => EXIT_FAILED,
        }
    }

    /// A failure while running.
    pub fn failed(error: impl std::fmt::Display) -> Self {
        Self::Failed(error.to_string())
    }
}

/// Loads the policy of `config` and checks that every input channel has targets.
pub fn load_policy(config: &Config) -> Result<Arc<Policy>, CommandError> {
    let (place, loaded) = match &config.policy.path {
        None => ("built-in policy".to_owned(), Policy::default_policy()),
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(|error| {
                CommandError::Setting(format!("cannot read `{}` (`policy.path`): {error}", path.display()))
            })?;
            (path.display().to_string(), Policy::from_toml(&text))
        }
    };
    let policy = loaded.map_err(|source| CommandError::Policy { place: place.clone(), source })?;
    let channels: Vec<&str> = config.topics.inputs.values().map(|channel| channel.as_str()).collect();
    policy.check_channels(&channels).map_err(|source| CommandError::Policy { place, source })?;
    Ok(Arc::new(policy))
}
