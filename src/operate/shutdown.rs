//! SIGTERM and SIGINT: the first asks for a drain, the second ends at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::signal::unix::{SignalKind, signal};
use tracing::{info, warn};

/// Exit code after a second signal, as shells expect it of SIGINT.
const INTERRUPTED: i32 = 130;

/// Sets `stop` at the first signal and leaves the process at the second.
pub async fn stop_on_signal(stop: Arc<AtomicBool>) -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    loop {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        if stop.swap(true, Ordering::Relaxed) {
            warn!("second signal, leaving at once; what is in work will be read again");
            std::process::exit(INTERRUPTED);
        }
        info!("stopping: finishing what is in work, a second signal leaves at once");
    }
}
