//! The inference threads: each owns a session, takes the next batch when it is free, and delivers
//! messages whose windows are all scored.
//!
//! Batches are cut by the thread that will run them, at the moment it is free, so the newest deadline
//! always counts. A batch that fails is run again window by window once, so that only the message at
//! fault is refused. A panic in a thread is caught at its root and reported by [`Engine::failed`].

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::queue::Batch;
use super::scores::Chances;
use super::session::WindowLogits;
use super::{
    BatchQueue, EncodedText, Evidence, InferenceError, InferenceSession, Manifest, Model, ModelError, ModelInput,
    QueueEntry, Scores, Window, evidence, scores,
};

/// Threads and batch limits of an engine.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EngineLimits {
    /// Inference threads, at least one.
    pub threads: usize,
    /// Padded tokens of a batch at most.
    pub batch_tokens: usize,
    /// Share of late messages while others are not late.
    pub late_share: f64,
}

/// A message to score.
#[derive(Debug)]
pub struct Job<T> {
    /// Comes back with the scores.
    pub tag: T,
    /// What the windows were made from.
    pub input: ModelInput,
    /// The windows.
    pub encoded: EncodedText,
    /// Source partition; within it, first in is first out.
    pub partition: u32,
    /// Deadline in milliseconds since the epoch.
    pub due_ms: i64,
}

/// A scored message.
#[derive(Debug)]
pub struct Scored<T> {
    /// The job's tag.
    pub tag: T,
    /// Scores and evidence, or why there are none.
    pub result: Result<(Scores, Vec<Evidence>), InferenceError>,
    /// Probabilities behind the emotions and signals; empty where there are no scores.
    pub chances: Chances,
    /// Number of windows.
    pub chunks: usize,
    /// Whether text was left out.
    pub truncated: bool,
    /// Time in the model, the message's share of its batches.
    pub inference: Duration,
}

/// What an engine tells of each batch, for metrics.
#[derive(Debug, Clone, Copy)]
pub struct BatchReport {
    /// Windows in the batch.
    pub rows: usize,
    /// Tokens without padding.
    pub tokens: usize,
    /// Time in the model.
    pub duration: Duration,
}

type Deliver<T> = dyn Fn(Scored<T>) + Send + Sync;
type Observe = dyn Fn(BatchReport) + Send + Sync;

struct Shared<T> {
    state: Mutex<State<T>>,
    work: Condvar,
    manifest: Arc<Manifest>,
    deliver: Box<Deliver<T>>,
    observe: Box<Observe>,
    failed: AtomicBool,
}

struct State<T> {
    queue: BatchQueue<(Arc<Pending<T>>, usize)>,
    closed: bool,
}

struct Pending<T> {
    input: ModelInput,
    windows: Vec<Window>,
    truncated: bool,
    progress: Mutex<Progress<T>>,
}

struct Progress<T> {
    tag: Option<T>,
    logits: Vec<Option<WindowLogits>>,
    missing: usize,
    inference: Duration,
    error: Option<InferenceError>,
}

/// The running inference threads.
pub struct Engine<T: Send + 'static> {
    shared: Arc<Shared<T>>,
    threads: Vec<JoinHandle<()>>,
}

impl<T: Send + 'static> Engine<T> {
    /// Opens the sessions one after another (parallel creation has raced, onnxruntime#27089) and starts the threads.
    pub fn start(
        model: &Model,
        limits: EngineLimits,
        deliver: impl Fn(Scored<T>) + Send + Sync + 'static,
        observe: impl Fn(BatchReport) + Send + Sync + 'static,
    ) -> Result<Self, ModelError> {
        let sessions: Vec<InferenceSession> =
            (0..limits.threads.max(1)).map(|_| model.session()).collect::<Result<_, _>>()?;
        let shared = Arc::new(Shared {
            state: Mutex::new(State { queue: BatchQueue::new(limits.batch_tokens, limits.late_share), closed: false }),
            work: Condvar::new(),
            manifest: Arc::clone(&model.manifest),
            deliver: Box::new(deliver),
            observe: Box::new(observe),
            failed: AtomicBool::new(false),
        });
        let threads = sessions
            .into_iter()
            .enumerate()
            .map(|(index, session)| {
                let shared = Arc::clone(&shared);
                std::thread::Builder::new()
                    .name(format!("infer-{index}"))
                    .spawn(move || {
                        if catch_unwind(AssertUnwindSafe(|| shared.run(session))).is_err() {
                            shared.failed.store(true, Ordering::Release);
                        }
                    })
                    .map_err(|error| ModelError::Runtime(format!("cannot start an inference thread: {error}")))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { shared, threads })
    }

    /// Queues a message; never blocks. The caller bounds what is in flight.
    pub fn submit(&self, job: Job<T>) {
        let count = job.encoded.windows.len();
        let tokens: Vec<usize> = job.encoded.windows.iter().map(|window| window.ids.len()).collect();
        let pending = Arc::new(Pending {
            input: job.input,
            windows: job.encoded.windows,
            truncated: job.encoded.truncated,
            progress: Mutex::new(Progress {
                tag: Some(job.tag),
                logits: vec![None; count],
                missing: count,
                inference: Duration::ZERO,
                error: None,
            }),
        });
        let mut state = lock(&self.shared.state);
        for (index, tokens) in tokens.into_iter().enumerate() {
            let item = (Arc::clone(&pending), index);
            state.queue.push(QueueEntry { partition: job.partition, due_ms: job.due_ms, tokens, item });
        }
        drop(state);
        if count > 1 { self.shared.work.notify_all() } else { self.shared.work.notify_one() }
    }

    /// Windows that wait for a thread.
    pub fn waiting(&self) -> usize {
        lock(&self.shared.state).queue.len()
    }

    /// Whether a thread has panicked: the worker must stop.
    pub fn failed(&self) -> bool {
        self.shared.failed.load(Ordering::Acquire)
    }

    /// Lets the threads finish what is queued and waits for them.
    pub fn close(self) {
        drop(self);
    }
}

impl<T: Send + 'static> Drop for Engine<T> {
    fn drop(&mut self) {
        lock(&self.shared.state).closed = true;
        self.shared.work.notify_all();
        for thread in self.threads.drain(..) {
            // A panic was caught inside and noted there.
            let _ = thread.join();
        }
    }
}

impl<T> Shared<T> {
    fn run(&self, mut session: InferenceSession) {
        while let Some(batch) = self.next_batch() {
            self.infer(&mut session, batch);
        }
    }

    fn next_batch(&self) -> Option<Batch<(Arc<Pending<T>>, usize)>> {
        let mut state = lock(&self.state);
        loop {
            if let Some(batch) = state.queue.cut(now_ms()) {
                return Some(batch);
            }
            if state.closed {
                return None;
            }
            state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn infer(&self, session: &mut InferenceSession, batch: Batch<(Arc<Pending<T>>, usize)>) {
        let windows: Vec<&Window> = batch.items.iter().map(|(pending, index)| &pending.windows[*index]).collect();
        let started = Instant::now();
        let result = session.run(&windows, batch.padded_tokens);
        let duration = started.elapsed();
        let tokens = windows.iter().map(|window| window.ids.len()).sum();
        (self.observe)(BatchReport { rows: windows.len(), tokens, duration });
        let share = duration / u32::try_from(windows.len()).unwrap_or(1).max(1);
        let results: Vec<Result<WindowLogits, String>> = match result {
            Ok(logits) => logits.into_iter().map(Ok).collect(),
            Err(message) if windows.len() == 1 => vec![Err(message)],
            Err(_) => windows
                .iter()
                .map(|window| session.run(&[window], batch.padded_tokens)?.pop().ok_or_else(|| "no row".to_owned()))
                .collect(),
        };
        for ((pending, index), result) in batch.items.into_iter().zip(results) {
            self.finish_window(&pending, index, result, share);
        }
    }

    fn finish_window(&self, pending: &Pending<T>, index: usize, result: Result<WindowLogits, String>, share: Duration) {
        let mut progress = lock(&pending.progress);
        match result {
            Ok(logits) => progress.logits[index] = Some(logits),
            Err(message) => progress.error = Some(InferenceError::Run(message)),
        }
        progress.missing -= 1;
        progress.inference += share;
        if progress.missing > 0 {
            return;
        }
        let Some(tag) = progress.tag.take() else { return };
        let (result, chances) = if let Some(error) = progress.error.take() {
            (Err(error), Chances::default())
        } else {
            let logits: Vec<WindowLogits> = std::mem::take(&mut progress.logits).into_iter().flatten().collect();
            let (scores, evidence, chances) = judge(&self.manifest, &pending.input, &pending.windows, &logits);
            (Ok((scores, evidence)), chances)
        };
        let scored = Scored {
            tag,
            result,
            chances,
            chunks: pending.windows.len(),
            truncated: pending.truncated,
            inference: progress.inference,
        };
        drop(progress);
        (self.deliver)(scored);
    }
}

/// Scores, evidence and chances from the logits of all windows of a message.
fn judge(
    manifest: &Manifest,
    input: &ModelInput,
    windows: &[Window],
    logits: &[WindowLogits],
) -> (Scores, Vec<Evidence>, Chances) {
    let (scores, decisive) = scores::score(manifest, windows, logits);
    let evidence = evidence::find(manifest, input, windows, logits, &scores, &decisive);
    (scores, evidence, decisive.chances)
}

fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic elsewhere is reported by `failed`; the data behind the lock is still whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
