//! `undertone topics create`: creates what is missing, says what was there.

use std::io::Write;

use super::CommandError;
use crate::config::Config;
use crate::kafka::create_topics;

/// Creates the topics of `config`; one line a topic on standard output.
pub fn create(config: &Config) -> Result<(), CommandError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(CommandError::failed)?;
    let topics = runtime.block_on(create_topics(config)).map_err(CommandError::failed)?;
    let mut out = std::io::stdout().lock();
    for (plan, created) in topics {
        let what = if created { "created" } else { "was there" };
        writeln!(out, "{what:<10} {} ({} partitions)", plan.name, plan.partitions).map_err(CommandError::failed)?;
    }
    Ok(())
}
