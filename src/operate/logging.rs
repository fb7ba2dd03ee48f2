//! Logs on standard error: JSON for machines, text for people. Message text never reaches them.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::LogFormat;

/// Starts logging; a wrong filter is an error text. `RUST_LOG` wins over `filter`.
pub fn init_logging(format: LogFormat, filter: &str) -> Result<(), String> {
    let filter = match std::env::var("RUST_LOG") {
        Ok(from_environment) if !from_environment.is_empty() => from_environment,
        _ => filter.to_owned(),
    };
    let filter = EnvFilter::try_new(&filter).map_err(|error| format!("`operate.log_filter` (`{filter}`): {error}"))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match format {
        LogFormat::Json => builder.json().flatten_event(true).finish().try_init(),
        LogFormat::Text => builder.with_target(false).finish().try_init(),
    };
    // A second call, in tests, keeps the first subscriber.
    drop(started);
    Ok(())
}
