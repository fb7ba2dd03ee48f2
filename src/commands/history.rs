//! `undertone history`: what is remembered of a customer; shows it, or has it erased.

use std::io::Write;
use std::time::Duration;

use bytes::Bytes;

use super::CommandError;
use crate::config::Config;
use crate::history::Customer;
use crate::kafka::{OutputRecord, PlainProducer, PlainReader};
use crate::ticket::{CustomerEvent, CustomerRecord, envelope};

/// A topic that has been silent for so long has been read.
const END_OF_TOPIC: Duration = Duration::from_secs(2);

/// Which customer.
#[derive(Debug, clap::Args)]
pub struct Who {
    /// The customer as tickets name it: their `routing_key`.
    pub customer: String,
    /// Tenant, where there are several.
    #[arg(long)]
    pub tenant: Option<String>,
}

/// Has everything forgotten that is remembered of a customer: the order goes through `triage.scored`, so that it is
/// carried out after all that was scored before.
pub fn erase(config: &Config, who: &Who, out: &mut impl Write) -> Result<(), CommandError> {
    let record = CustomerRecord::new(who.customer.clone(), who.tenant.clone(), CustomerEvent::Erase);
    let producer = PlainProducer::connect(config).map_err(CommandError::failed)?;
    let order = OutputRecord {
        topic: config.topics.scored.clone(),
        partition: None,
        key: Some(Bytes::from(who.customer.clone())),
        payload: Some(serde_json::to_vec(&record).map_err(CommandError::failed)?.into()),
        headers: envelope::owner_headers(record.event.kind()),
        timestamp_ms: None,
    };
    producer.send(&order).and_then(|()| producer.flush()).map_err(CommandError::failed)?;
    writeln!(out, "the history of `{}` will be erased by the worker that owns it", who.customer)
        .map_err(CommandError::failed)
}

/// Prints what is remembered of a customer as JSON; `false` where nothing is.
pub fn show(config: &Config, who: &Who, out: &mut impl Write) -> Result<bool, CommandError> {
    let key = Customer::key(who.tenant.as_deref(), &who.customer);
    let reader = PlainReader::connect(config, &[&config.topics.state]).map_err(CommandError::failed)?;
    let mut found: Option<Bytes> = None;
    let mut heard = std::time::Instant::now();
    while heard.elapsed() < END_OF_TOPIC {
        if let Some(record) = reader.poll(Duration::from_millis(100)).map_err(CommandError::failed)? {
            heard = std::time::Instant::now();
            if record.key.as_deref() == Some(key.as_bytes()) {
                found = record.payload;
            }
        }
    }
    let Some(value) = found else {
        writeln!(out, "nothing is remembered of `{}`", who.customer).map_err(CommandError::failed)?;
        return Ok(false);
    };
    let state: serde_json::Value = serde_json::from_slice(&value).map_err(CommandError::failed)?;
    let text = serde_json::to_string_pretty(&state).map_err(CommandError::failed)?;
    writeln!(out, "{text}").map_err(CommandError::failed)?;
    Ok(true)
}
