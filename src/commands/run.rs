//! `undertone run`: the stages on their threads, supervised, until SIGTERM or a failure.

use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use tracing::{error, info, warn};

use super::{CommandError, load_policy};
use crate::config::{Config, PolicyFile};
use crate::kafka::{
    KafkaBroker, LaneLimits, LoopError, LoopSettings, Processor, TableReader, TransactionLoop, check_state_partitions,
};
use crate::model::Model;
use crate::operate::{LoopHealth, Metrics, PolicyWatch, Probes, serve, stop_on_signal};
use crate::policy::CurrentPolicy;
use crate::prioritise::{self, PrioritiseProcessor};
use crate::score::{self, Identities, ScoreProcessor, Scoring};

/// Stages to run in this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum StageChoice {
    /// SCORE and PRIORITISE.
    All,
    /// SCORE alone.
    Score,
    /// PRIORITISE alone.
    Prioritise,
}

/// A worker whose stages can be started: model and policy are loaded and checked.
pub struct Worker {
    config: Config,
    policy: CurrentPolicy,
    model: Option<Model>,
    metrics: Arc<Metrics>,
    stages: StageChoice,
}

impl Worker {
    /// Loads policy and model; talks to no broker yet.
    pub fn load(config: Config, stages: StageChoice) -> Result<Self, CommandError> {
        let policy = load_policy(&config)?;
        let metrics = Arc::new(Metrics::new().map_err(CommandError::failed)?);
        metrics.policy(policy.version(), policy.digest());
        let model = match stages {
            StageChoice::Prioritise => None,
            StageChoice::All | StageChoice::Score => {
                let model = Model::load(&config.model)?;
                let manifest = &model.manifest;
                metrics.model(&manifest.name, &manifest.version, &manifest.digest());
                Some(model)
            }
        };
        Ok(Self { config, policy: policy.into(), model, metrics, stages })
    }

    /// Runs the stages until `stop`; `serving` hears the bound address of the HTTP endpoint.
    ///
    /// One stage that fails stops the others; the first failure is returned.
    pub fn run(self, stop: &Arc<AtomicBool>, serving: impl FnOnce(SocketAddr)) -> Result<(), CommandError> {
        let address: SocketAddr = self.config.operate.listen.parse().map_err(CommandError::failed)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("http")
            .enable_all()
            .build()
            .map_err(CommandError::failed)?;
        let health: Vec<(&'static str, Arc<LoopHealth>)> = match self.stages {
            StageChoice::All => vec![score::STAGE, prioritise::STAGE],
            StageChoice::Score => vec![score::STAGE],
            StageChoice::Prioritise => vec![prioritise::STAGE],
        }
        .into_iter()
        .map(|stage| (stage, Arc::new(LoopHealth::default())))
        .collect();
        for (_, health) in &health {
            health.turn(Timestamp::now().as_millisecond());
        }
        let probes = Arc::new(Probes {
            loops: health.clone(),
            stall_ms: i64::try_from(self.config.operate.stall_timeout_ms).unwrap_or(i64::MAX),
            stopping: Arc::clone(stop),
            metrics: Arc::clone(&self.metrics),
        });
        let (bound, server) = runtime.block_on(serve(address, probes)).map_err(CommandError::failed)?;
        runtime.spawn(server);
        serving(bound);
        {
            let stop = Arc::clone(stop);
            runtime.spawn(async move {
                if let Err(error) = stop_on_signal(stop).await {
                    error!(error = %error, "signals cannot be handled");
                }
            });
        }
        info!(listen = %bound, "serving /metrics, /livez, /readyz, /version");
        let result = self.stages(stop, &health);
        // The endpoint goes last, so that probes see the drain.
        runtime.shutdown_timeout(Duration::from_millis(200));
        result
    }

    fn stages(&self, stop: &AtomicBool, health: &[(&'static str, Arc<LoopHealth>)]) -> Result<(), CommandError> {
        let results: Vec<Result<(), String>> = std::thread::scope(|scope| {
            if let Err(message) = self.watch_policy(scope, stop) {
                return vec![Err(message)];
            }
            let threads: Vec<_> = health
                .iter()
                .map(|(stage, health)| {
                    let health = Arc::clone(health);
                    std::thread::Builder::new().name(format!("kafka-{stage}")).spawn_scoped(scope, move || {
                        let result = catch_unwind(AssertUnwindSafe(|| self.stage(stage, &health, stop)))
                            .unwrap_or_else(|_| Err(format!("stage `{stage}` has panicked")));
                        if let Err(message) = &result {
                            error!(stage, error = %message, "stage ended");
                        }
                        // Whatever ends one stage ends the worker; the orchestrator restarts it.
                        stop.store(true, Ordering::Relaxed);
                        result
                    })
                })
                .collect();
            threads
                .into_iter()
                .map(|thread| match thread {
                    Ok(handle) => handle.join().unwrap_or_else(|_| Err("a stage has panicked".into())),
                    Err(error) => Err(format!("cannot start a thread: {error}")),
                })
                .collect()
        });
        results.into_iter().collect::<Result<(), String>>().map_err(CommandError::Failed)
    }

    fn stage(&self, stage: &str, health: &Arc<LoopHealth>, stop: &AtomicBool) -> Result<(), String> {
        if stage == score::STAGE {
            let model = self.model.as_ref().ok_or("no model was loaded")?;
            let settings = &self.config.topics;
            let records = [&settings.updates, &settings.customers, &settings.identity];
            let inputs = settings.inputs.keys().chain(records.into_iter().filter(|topic| !topic.is_empty()));
            let topics: Vec<&str> = inputs.map(String::as_str).collect();
            let identities = Arc::new(Identities::default());
            let _table = self.follow_identities(&identities)?;
            let processor = || {
                let scoring = Scoring::new(&self.config, model, self.policy.clone(), Arc::clone(&self.metrics));
                let scoring = scoring.with_identities(Arc::clone(&identities));
                ScoreProcessor::start(scoring, model).map_err(|error| error.to_string())
            };
            self.drive(stage, &topics, processor, health, stop)
        } else {
            check_state_partitions(&self.config).map_err(|error| error.to_string())?;
            let processor =
                || Ok(PrioritiseProcessor::new(&self.config, self.policy.clone(), Arc::clone(&self.metrics)));
            self.drive(stage, &[&self.config.topics.scored], processor, health, stop)
        }
    }

    /// Starts to look at the policy file, where there is one.
    fn watch_policy<'scope>(
        &'scope self,
        scope: &'scope std::thread::Scope<'scope, '_>,
        stop: &'scope AtomicBool,
    ) -> Result<(), String> {
        let PolicyFile { path: Some(path), reload_seconds: seconds @ 1.. } = &self.config.policy else { return Ok(()) };
        let channels = self.config.topics.inputs.values().map(|channel| channel.as_str()).collect();
        let watch = PolicyWatch::new(path.clone(), channels, self.policy.clone(), Arc::clone(&self.metrics));
        let interval = Duration::from_secs(*seconds);
        let started = std::thread::Builder::new()
            .name("policy".to_owned())
            .spawn_scoped(scope, move || watch.run(interval, stop));
        started.map(|_| ()).map_err(|error| format!("cannot start a thread: {error}"))
    }

    /// Reads who is whom, whole, before the first message is scored, and follows it from then on.
    fn follow_identities(&self, identities: &Arc<Identities>) -> Result<Option<TableReader>, String> {
        let topic = &self.config.topics.identity;
        if topic.is_empty() {
            return Ok(None);
        }
        let table = Arc::clone(identities);
        let reader = TableReader::start(&self.config, topic, move |key, value| table.apply(key, value))
            .map_err(|error| error.to_string())?;
        if reader.wait(IDENTITIES_PATIENCE) {
            Ok(Some(reader))
        } else {
            Err(format!("topic `{topic}` could not be read whole within {IDENTITIES_PATIENCE:?}"))
        }
    }

    /// Runs a stage. Clients that have failed for good are replaced together with all that was in work, which is
    /// what a restart of the process would do; a fence ends the worker instead.
    fn drive<P: Processor>(
        &self,
        stage: &str,
        topics: &[&str],
        processor: impl Fn() -> Result<P, String>,
        health: &Arc<LoopHealth>,
        stop: &AtomicBool,
    ) -> Result<(), String> {
        let settings = LoopSettings {
            commit_interval: Duration::from_millis(self.config.delivery.commit_interval_ms),
            commit_max_messages: self.config.delivery.commit_max_messages,
            drain_timeout: Duration::from_millis(self.config.operate.drain_timeout_ms),
            lane: LaneLimits {
                messages: self.config.limits.in_flight_messages,
                bytes: self.config.limits.in_flight_bytes,
            },
        };
        let mut started = false;
        loop {
            health.turn(Timestamp::now().as_millisecond());
            match KafkaBroker::connect(&self.config, stage, topics) {
                Ok(broker) => {
                    started = true;
                    info!(stage, topics = %topics.join(" "), "reading");
                    let metrics = Arc::clone(&self.metrics);
                    match TransactionLoop::new(broker, processor()?, settings, metrics, Arc::clone(health)).run(stop) {
                        Err(LoopError::Fatal { message, renewable: true, .. }) if !stop.load(Ordering::Relaxed) => {
                            warn!(stage, error = %message, "clients are replaced");
                        }
                        ended => return ended.map_err(|error| error.to_string()),
                    }
                }
                // At the start a wrong setting is likelier than a broker that comes back.
                Err(error) if !started || stop.load(Ordering::Relaxed) => return Err(error.to_string()),
                Err(error) => warn!(stage, error = %error, "clients cannot be replaced yet"),
            }
            std::thread::sleep(RENEWAL_PAUSE);
        }
    }
}

/// For reading who is whom, however many there are.
const IDENTITIES_PATIENCE: Duration = Duration::from_mins(2);
/// Between the end of unusable clients and the next ones.
const RENEWAL_PAUSE: Duration = Duration::from_secs(1);

/// Runs a worker with the configuration as it is; needs `app.instance_id`.
pub fn run(config: Config, stages: StageChoice) -> Result<(), CommandError> {
    if config.app.instance_id.is_none() {
        return Err(CommandError::Setting(
            "`app.instance_id` is not set; give each worker a stable name of its own (UNDERTONE_APP__INSTANCE_ID), \
             such as its pod's: the broker fences a stale twin by it"
                .into(),
        ));
    }
    let worker = Worker::load(config, stages)?;
    worker.run(&Arc::new(AtomicBool::new(false)), |_| {})
}
