//! `/metrics`, `/livez`, `/readyz`, `/version`.
//!
//! `/livez` speaks of this process alone: a stage whose loop no longer turns. A broker that is away
//! makes no worker unlive, only unready.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;

use super::{LoopHealth, Metrics};

/// What the probes look at.
pub struct Probes {
    /// The loops by stage.
    pub loops: Vec<(&'static str, Arc<LoopHealth>)>,
    /// A loop that did not turn for so many milliseconds is stuck.
    pub stall_ms: i64,
    /// Set when the worker has been told to stop.
    pub stopping: Arc<AtomicBool>,
    /// The metrics.
    pub metrics: Arc<Metrics>,
}

/// Why the endpoint could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on `{address}` (`operate.listen`): {source}")]
pub struct HttpError {
    address: SocketAddr,
    source: std::io::Error,
}

impl Probes {
    /// Stages that are stuck.
    fn stuck(&self) -> Vec<&'static str> {
        let now = jiff::Timestamp::now().as_millisecond();
        self.loops.iter().filter(|(_, health)| health.idle_ms(now) > self.stall_ms).map(|(stage, _)| *stage).collect()
    }

    /// What is still missing before messages flow.
    fn unready(&self) -> Vec<String> {
        let mut missing: Vec<String> = self.stuck().iter().map(|stage| format!("stage {stage} is stuck")).collect();
        if self.stopping.load(Ordering::Relaxed) {
            missing.push("stopping".into());
        }
        missing.extend(
            self.loops
                .iter()
                .filter(|(_, health)| !health.joined())
                .map(|(stage, _)| format!("stage {stage} has not joined its group")),
        );
        missing.extend(
            self.loops
                .iter()
                .filter(|(_, health)| health.is_restoring())
                .map(|(stage, _)| format!("stage {stage} is restoring its state")),
        );
        missing
    }
}

/// Opens the endpoint; the future it returns serves until it is dropped. Gives the bound address too.
pub async fn serve(
    address: SocketAddr,
    probes: Arc<Probes>,
) -> Result<(SocketAddr, impl Future<Output = std::io::Result<()>>), HttpError> {
    let failed = |source| HttpError { address, source };
    let listener = tokio::net::TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    let router = Router::new()
        .route("/metrics", get(metrics))
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/version", get(version))
        .with_state(probes);
    Ok((bound, async move { axum::serve(listener, router).await }))
}

async fn metrics(State(probes): State<Arc<Probes>>) -> impl IntoResponse {
    match probes.metrics.render() {
        Ok(text) => (StatusCode::OK, [(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], text),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, [(header::CONTENT_TYPE, "text/plain")], format!("{error}\n")),
    }
}

async fn livez(State(probes): State<Arc<Probes>>) -> (StatusCode, String) {
    match probes.stuck() {
        stuck if stuck.is_empty() => (StatusCode::OK, "ok\n".into()),
        stuck => (StatusCode::SERVICE_UNAVAILABLE, format!("stuck: {}\n", stuck.join(", "))),
    }
}

async fn readyz(State(probes): State<Arc<Probes>>) -> (StatusCode, String) {
    match probes.unready() {
        missing if missing.is_empty() => (StatusCode::OK, "ok\n".into()),
        missing => (StatusCode::SERVICE_UNAVAILABLE, format!("{}\n", missing.join("\n"))),
    }
}

async fn version() -> impl IntoResponse {
    let body = serde_json::json!({ "name": env!("CARGO_PKG_NAME"), "version": env!("CARGO_PKG_VERSION") });
    ([(header::CONTENT_TYPE, "application/json")], format!("{body}\n"))
}
