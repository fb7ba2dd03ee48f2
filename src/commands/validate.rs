//! `undertone validate`: configuration, policy, model and, unless offline, the brokers.

use std::io::Write;

use super::{CommandError, load_policy};
use crate::config::Config;
use crate::kafka::check_topics;
use crate::model::{Manifest, Model};
use crate::policy::{Urgency, sentiment_side};

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
    say(heads(manifest))?;
    let strange = strange_labels(manifest);
    if !strange.is_empty() {
        say(format!("labels         --  the policy does not know {}; such messages go to review", strange.join(", ")))?;
    }
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

/// Which heads the model has, and which it lacks.
fn heads(manifest: &Manifest) -> String {
    let named = |wanted: bool| {
        let names = manifest.head_names().filter(|(_, there)| *there == wanted).map(|(name, _)| name);
        names.collect::<Vec<_>>().join(", ")
    };
    let missing = named(false);
    if missing.is_empty() {
        return format!("heads          ok  {}", named(true));
    }
    format!("heads          --  has {}; lacks {missing} (tickets say unknown, or none)", named(true))
}

/// Labels of sentiment and urgency that the policy does not know, in backticks.
fn strange_labels(manifest: &Manifest) -> Vec<String> {
    let of = |name: &str, known: &dyn Fn(&str) -> bool| {
        let labels = manifest.head(name).map(|(head, _)| head.labels.clone()).unwrap_or_default();
        labels.into_iter().filter(|label| !known(label)).map(|label| format!("`{name}` `{label}`")).collect::<Vec<_>>()
    };
    let sentiment = of("sentiment", &|label| sentiment_side(label).is_some());
    let urgency = of("urgency", &|label| Urgency::from_label(label).is_some());
    [sentiment, urgency].concat()
}
