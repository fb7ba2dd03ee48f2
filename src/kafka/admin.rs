//! Topics: what the configuration needs, creating it, and checking what is there.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::RDKafkaErrorCode;

use super::broker::BrokerError;
use super::client::{DEAD_LETTER_ROOM, DEFAULT_MAX_MESSAGE_BYTES, Role, client_config};
use crate::config::Config;

const TIMEOUT: Duration = Duration::from_secs(15);

/// A topic that the configuration needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicPlan {
    /// Name.
    pub name: String,
    /// Partitions.
    pub partitions: i32,
    /// Largest record in bytes, where it differs from the broker's default.
    pub max_message_bytes: Option<usize>,
    /// Whether only the latest record of each key is kept.
    pub compacted: bool,
}

/// Why topics could not be created or checked.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// Brokers are not reachable with these settings.
    #[error("brokers `{servers}`: {message}")]
    Unreachable {
        /// The addresses.
        servers: String,
        /// Why.
        message: String,
    },
    /// Some topics could not be created, or do not fit.
    #[error("{}", .0.join("\n"))]
    Topics(Vec<String>),
}

/// All topics that the worker reads and writes.
pub fn planned_topics(config: &Config) -> Vec<TopicPlan> {
    let topics = &config.topics;
    let plan = |name: &str, partitions: i32| TopicPlan {
        name: name.to_owned(),
        partitions,
        max_message_bytes: None,
        compacted: false,
    };
    let mut plans: Vec<TopicPlan> = topics.inputs.keys().map(|name| plan(name, topics.partitions)).collect();
    plans.push(plan(&topics.scored, topics.scored_partitions));
    plans.extend((1..=5).map(|level| plan(&format!("{}.p{level}", topics.tickets), topics.partitions)));
    if topics.tickets_copy {
        plans.push(plan(&topics.tickets, topics.partitions));
    }
    plans.push(plan(&topics.filtered, topics.partitions));
    plans.push(plan(&topics.review, topics.partitions));
    plans.push(plan(&topics.sla, topics.partitions));
    plans.push(TopicPlan { compacted: true, ..plan(&topics.state, topics.scored_partitions) });
    for (name, compacted) in [(&topics.updates, false), (&topics.customers, true), (&topics.identity, true)] {
        if !name.is_empty() {
            plans.push(TopicPlan { compacted, ..plan(name, topics.partitions) });
        }
    }
    plans
        .push(TopicPlan { max_message_bytes: Some(dead_letter_bytes(config)), ..plan(&topics.dlq, topics.partitions) });
    plans
}

/// The largest dead letter: the largest input, and room for its headers.
fn dead_letter_bytes(config: &Config) -> usize {
    DEFAULT_MAX_MESSAGE_BYTES.max(config.limits.max_payload_bytes) + DEAD_LETTER_ROOM
}

#[expect(clippy::needless_pass_by_value, reason = "called by map_err")]
fn unreachable(config: &Config, message: impl ToString) -> AdminError {
    AdminError::Unreachable { servers: config.kafka.bootstrap_servers.clone(), message: message.to_string() }
}

fn admin(config: &Config) -> Result<AdminClient<DefaultClientContext>, AdminError> {
    let client = client_config(config, Role::Admin).map_err(|error: BrokerError| unreachable(config, error))?;
    client.create().map_err(|error| unreachable(config, error))
}

/// Creates the topics that are missing; gives for each whether it was created.
pub async fn create_topics(config: &Config) -> Result<Vec<(TopicPlan, bool)>, AdminError> {
    let plans = planned_topics(config);
    let sizes: Vec<Option<String>> =
        plans.iter().map(|plan| plan.max_message_bytes.map(|bytes| bytes.to_string())).collect();
    let new: Vec<NewTopic<'_>> = plans
        .iter()
        .zip(&sizes)
        .map(|(plan, size)| {
            let topic = NewTopic::new(&plan.name, plan.partitions, TopicReplication::Fixed(config.topics.replication));
            let topic = if plan.compacted { topic.set("cleanup.policy", "compact") } else { topic };
            match size {
                Some(size) => topic.set("max.message.bytes", size),
                None => topic,
            }
        })
        .collect();
    let options = AdminOptions::new().request_timeout(Some(TIMEOUT)).operation_timeout(Some(TIMEOUT));
    let results = admin(config)?.create_topics(&new, &options).await.map_err(|error| unreachable(config, error))?;
    let mut done = Vec::new();
    let mut failed = Vec::new();
    for (plan, result) in plans.into_iter().zip(results) {
        match result {
            Ok(_) => done.push((plan, true)),
            Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => done.push((plan, false)),
            Err((name, code)) => failed.push(format!("topic `{name}` was not created: {code}")),
        }
    }
    if failed.is_empty() { Ok(done) } else { Err(AdminError::Topics(failed)) }
}

/// Compares the brokers' topics with what the configuration needs; gives a line for each fault.
pub async fn check_topics(config: &Config) -> Result<Vec<String>, AdminError> {
    let client = client_config(config, Role::Admin).map_err(|error: BrokerError| unreachable(config, error))?;
    let consumer: BaseConsumer = client.create().map_err(|error| unreachable(config, error))?;
    let metadata = consumer.fetch_metadata(None, TIMEOUT).map_err(|error| unreachable(config, error))?;
    let found: BTreeMap<&str, usize> =
        metadata.topics().iter().map(|topic| (topic.name(), topic.partitions().len())).collect();
    let mut faults = Vec::new();
    for plan in planned_topics(config) {
        match found.get(plan.name.as_str()) {
            None => faults.push(format!("topic `{}` is missing; `undertone topics create` creates it", plan.name)),
            Some(&count)
                if [&config.topics.scored, &config.topics.state].contains(&&plan.name)
                    && count != usize::try_from(plan.partitions).unwrap_or(0) =>
            {
                faults.push(format!(
                    "topic `{}` has {count} partitions, `topics.scored_partitions` is `{}`; `{}` and `{}` must have as \
                     many as it says, the state of a partition lies in the partition of the same number",
                    plan.name, plan.partitions, config.topics.scored, config.topics.state
                ));
            }
            Some(_) => {}
        }
    }
    let dlq = &config.topics.dlq;
    if found.contains_key(dlq.as_str()) {
        faults.extend(dead_letter_fault(config, dlq).await?);
    }
    Ok(faults)
}

/// Refuses unequal numbers of partitions of `scored` and `state`: a customer's state would be looked for where it is
/// not. Topics that do not exist yet are not compared. (architecture.md, decision 12)
pub fn check_state_partitions(config: &Config) -> Result<(), AdminError> {
    let client = client_config(config, Role::Admin).map_err(|error: BrokerError| unreachable(config, error))?;
    let consumer: BaseConsumer = client.create().map_err(|error| unreachable(config, error))?;
    let count = |topic: &str| {
        let metadata = consumer.fetch_metadata(Some(topic), TIMEOUT).map_err(|error| unreachable(config, error))?;
        Ok(metadata.topics().iter().find(|found| found.name() == topic).map_or(0, |found| found.partitions().len()))
    };
    let topics = &config.topics;
    let (scored, state) = (count(&topics.scored)?, count(&topics.state)?);
    if scored == 0 || state == 0 || scored == state {
        return Ok(());
    }
    Err(AdminError::Topics(vec![format!(
        "topic `{}` has {scored} partitions and `{}` has {state}: they must have the same number, the state of a \
         partition lies in the partition of that number; create `{}` anew with {scored} (history begins afresh)",
        topics.scored, topics.state, topics.state
    )]))
}

/// A dead-letter topic that would refuse what the inputs accept. (architecture.md, decision 18)
async fn dead_letter_fault(config: &Config, dlq: &str) -> Result<Option<String>, AdminError> {
    let inputs: Vec<&String> = config.topics.inputs.keys().collect();
    let resources: Vec<ResourceSpecifier<'_>> =
        inputs.iter().map(|name| ResourceSpecifier::Topic(name)).chain([ResourceSpecifier::Topic(dlq)]).collect();
    let options = AdminOptions::new().request_timeout(Some(TIMEOUT));
    let described =
        admin(config)?.describe_configs(&resources, &options).await.map_err(|error| unreachable(config, error))?;
    let sizes: Vec<Option<usize>> = described
        .iter()
        .map(|resource| resource.as_ref().ok()?.get("max.message.bytes")?.value.as_ref()?.parse().ok())
        .collect();
    let largest_input = sizes.iter().take(inputs.len()).flatten().max().copied();
    let letter = sizes.last().copied().flatten();
    Ok(match (largest_input, letter) {
        (Some(input), Some(letter)) if letter < input + DEAD_LETTER_ROOM => Some(format!(
            "topic `{dlq}` accepts {letter} bytes, the inputs {input}; set its max.message.bytes to at least {}, or a large bad message stops its partition",
            input + DEAD_LETTER_ROOM
        )),
        _ => None,
    })
}
