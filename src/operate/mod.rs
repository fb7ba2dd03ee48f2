//! What operators see: metrics, probes, logs, and the signal to stop.

mod health;
mod http;
mod logging;
pub mod metrics;
mod reload;
mod shutdown;

pub use health::LoopHealth;
pub use http::{HttpError, Probes, serve};
pub use logging::init_logging;
pub use metrics::{Count, Metrics, Outcome, TransactionOutcome};
pub use reload::{Look, PolicyWatch};
pub use shutdown::stop_on_signal;
