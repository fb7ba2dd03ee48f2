//! `undertone schema`: the JSON Schemas of what is read and of what is published.

use std::io::Write;

use serde_json::Value;

use super::CommandError;
use crate::message::{Channel, schema};
use crate::ticket;

/// All schemas by name: inbound messages per channel, then the published events.
pub fn schemas() -> Vec<(&'static str, Value)> {
    let inbound = Channel::ALL.into_iter().map(|channel| (schema::name(channel), schema::schema(channel)));
    let published = ticket::schemas().into_iter().map(|(name, schema)| (name, schema.to_value()));
    inbound.chain(published).collect()
}

/// Prints the schema called `name`, or the names of all.
pub fn print(name: Option<&str>) -> Result<(), CommandError> {
    let mut out = std::io::stdout().lock();
    let schemas = schemas();
    match name {
        None => {
            for (name, schema) in &schemas {
                let about = schema.get("description").and_then(|text| text.as_str()).unwrap_or_default();
                writeln!(out, "{name:<32} {}", about.lines().next().unwrap_or_default())
                    .map_err(CommandError::failed)?;
            }
        }
        Some(name) => {
            let Some((_, schema)) = schemas.iter().find(|(known, _)| *known == name) else {
                let known: Vec<&str> = schemas.iter().map(|(known, _)| *known).collect();
                return Err(CommandError::Setting(format!("no schema `{name}`; there are {}", known.join(", "))));
            };
            let text = serde_json::to_string_pretty(schema).map_err(CommandError::failed)?;
            writeln!(out, "{text}").map_err(CommandError::failed)?;
        }
    }
    Ok(())
}
