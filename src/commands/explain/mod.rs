//! `undertone explain`: the way of one message, from its cleaned text to its deadline.

mod render;

use std::io::{Read, Write};

use super::CommandError;
use super::color::Color;
use super::scorer::{Dropped, End, Scorer, inbound};
use crate::config::Config;
use crate::message::Channel;

/// Arguments of the explanation.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Channel of a message that does not name one [default: chat].
    #[arg(long)]
    channel: Option<Channel>,
    /// Prints the ticket as JSON.
    #[arg(long)]
    json: bool,
    /// Colours; `auto` uses them on a terminal without NO_COLOR.
    #[arg(long, value_enum, default_value = "auto")]
    color: Color,
    /// The message, as JSON or plain text; all of standard input without it.
    text: Option<String>,
}

/// Explains one message; `false` if it could not be read or scored.
pub fn explain(
    config: &Config,
    options: &Options,
    out: &mut impl Write,
    errors: &mut impl Write,
) -> Result<bool, CommandError> {
    let text = match &options.text {
        Some(text) => text.clone(),
        None => stdin()?,
    };
    // It is shown to who wrote it here, whatever tickets carry.
    let config = config.with(|settings| settings.output.include_text = true)?;
    let scorer = Scorer::start(&config)?;
    let source = if options.text.is_some() { "argument" } else { "stdin" };
    let messages = vec![inbound(&text, 1, source)];
    let mut write = |text: &str| out.write_all(text.as_bytes()).map_err(CommandError::failed);
    match scorer.score(messages, options.channel, Dropped::Ends).pop() {
        Some(End::Scored(judged)) => {
            let ticket = scorer.ticket(*judged);
            if options.json {
                write(&serde_json::to_string_pretty(&ticket).map_err(CommandError::failed)?)?;
                write("\n")?;
            } else {
                write(&render::explanation(&ticket, options.color.wanted()))?;
            }
            Ok(true)
        }
        Some(End::Filtered(reason)) => {
            if options.json {
                write(&format!("{}\n", serde_json::json!({ "filtered": reason.as_str() })))?;
            } else {
                write(&format!("filtered ({}): it makes no ticket, and no score\n", reason.as_str()))?;
            }
            Ok(true)
        }
        end => {
            let reason = if let Some(End::Bad(reason)) = end { reason } else { "nothing to read".to_owned() };
            writeln!(errors, "{source}: {reason}").map_err(CommandError::failed)?;
            Ok(false)
        }
    }
}

fn stdin() -> Result<String, CommandError> {
    let mut bytes = Vec::new();
    std::io::stdin()
        .read_to_end(&mut bytes)
        .map_err(|error| CommandError::Failed(format!("stdin cannot be read: {error}")))?;
    String::from_utf8(bytes).map_err(|error| {
        CommandError::Failed(format!("stdin is no UTF-8: at byte {}", error.utf8_error().valid_up_to()))
    })
}
