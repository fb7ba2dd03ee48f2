//! `undertone validate`: configuration, policy, model and, unless offline, the brokers.

use std::io::Write;

use super::{CommandError, load_policy};
use crate::config::Config;
use crate::kafka::check_topics;
use crate::model::Model;

/// Checks everything and says what was checked.
pub fn validate(config: &Config, offline: bool, out: &mut impl Write) -> Result<(), CommandError> {
    let mut say = |line: String| writeln!(out, "{line}").map_err(CommandError::failed);
    say(format!(
        "configuration  ok  {} input topics, {:?} delivery",
        config.topics.inputs.len(),
        config.delivery.mode
    ))?;
    let policy = load_policy(config)?;
    say(format!("policy         ok  {} {} ({})", policy.name(), policy.version(), policy.digest()))?;
    let model = Model::load(&config.model)?;
    drop(model.session()?);
    let manifest = &model.manifest;
    say(format!("model          ok  {} {} ({})", manifest.name, manifest.version, manifest.digest()))?;
    if config.app.instance_id.is_none() {
        say("instance id    --  `app.instance_id` is not set; `undertone run` needs it".to_owned())?;
    }
    if offline {
        return say("brokers        --  not asked (--offline)".to_owned());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(CommandError::failed)?;
    let faults = runtime.block_on(check_topics(config)).map_err(|error| CommandError::Setting(error.to_string()))?;
    if !faults.is_empty() {
        return Err(CommandError::Setting(faults.join("\n")));
    }
    say(format!("brokers        ok  {}, all topics are there", config.kafka.bootstrap_servers))
}
