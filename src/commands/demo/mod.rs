//! `undertone demo`: the whole worker in one process, on the broker inside librdkafka, with sample messages.

mod board;

use std::collections::HashSet;
use std::io::{IsTerminal, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use super::color::Color;
use super::run::{StageChoice, Worker};
use super::{CommandError, feed};
use crate::config::Config;
use crate::kafka::{EmbeddedBroker, PlainReader, planned_topics};
use board::Board;

/// Arguments of the demo.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Ends with a summary when every message has its outcome; exit code 1 if one has none.
    #[arg(long)]
    exit_when_drained: bool,
    /// Messages a second.
    #[arg(long, default_value_t = 25.0)]
    rate: f64,
    /// Colours; `auto` uses them on a terminal without NO_COLOR.
    #[arg(long, value_enum, default_value = "auto")]
    color: Color,
}

/// The embedded broker's log is small: so is the number of partitions, and the feed is played once.
const PARTITIONS: i32 = 3;
/// All outcomes must be there so long after the last message was sent.
const PATIENCE: Duration = Duration::from_mins(1);

/// Plays the feed and shows what becomes of it.
pub fn demo(config: &Config, options: &Options) -> Result<ExitCode, CommandError> {
    if !(options.rate.is_finite() && options.rate > 0.0) {
        return Err(CommandError::Setting(format!("`--rate` is `{}`; it must be above 0", options.rate)));
    }
    let started = Instant::now();
    let broker = EmbeddedBroker::start(&planned_topics(config), PARTITIONS).map_err(CommandError::failed)?;
    let listen = listen_address(&config.operate.listen);
    let config = config.with(|settings| {
        settings.kafka.bootstrap_servers = broker.bootstrap_servers();
        settings.app.instance_id.get_or_insert_with(|| "demo".to_owned());
        settings.operate.listen = listen;
    })?;
    let worker = Worker::load(config.clone(), StageChoice::All)?;
    let stop = Arc::new(AtomicBool::new(false));
    let (serving, served) = mpsc::channel::<SocketAddr>();
    let sent = AtomicUsize::new(0);
    let fed = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let worker = {
            let stop = Arc::clone(&stop);
            scope.spawn(move || {
                let result = worker.run(&stop, |address| {
                    let _ = serving.send(address);
                });
                stop.store(true, Ordering::Relaxed);
                result
            })
        };
        let feeder = scope.spawn(|| {
            let go_on = || !stop.load(Ordering::Relaxed);
            let played =
                feed::play(&config, Some(options.rate), 1, |count| sent.store(count, Ordering::Relaxed), go_on);
            fed.store(true, Ordering::Release);
            played
        });
        let address = served.recv_timeout(Duration::from_secs(30)).ok();
        let shown = watch(&config, options, &stop, &sent, &fed, address, started);
        stop.store(true, Ordering::Relaxed);
        let worked = worker.join().unwrap_or_else(|_| Err(CommandError::Failed("the worker has panicked".into())));
        let played = feeder.join().unwrap_or_else(|_| Err(CommandError::Failed("the feeder has panicked".into())));
        played?;
        worked?;
        shown
    })
}

/// Reads all output topics and shows each outcome once.
fn watch(
    config: &Config,
    options: &Options,
    stop: &AtomicBool,
    sent: &AtomicUsize,
    fed: &AtomicBool,
    address: Option<SocketAddr>,
    started: Instant,
) -> Result<ExitCode, CommandError> {
    let tty = std::io::stdout().is_terminal();
    let mut board = Board::new(options.color.wanted(), width(tty));
    let say = |text: &str| -> Result<(), CommandError> {
        let mut out = std::io::stdout().lock();
        out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(CommandError::failed)
    };
    say(&board.heading(address, started.elapsed()))?;
    let topics: Vec<String> = (1..=5)
        .map(|level| format!("{}.p{level}", config.topics.tickets))
        .chain([config.topics.filtered.clone(), config.topics.dlq.clone()])
        .collect();
    let names: Vec<&str> = topics.iter().map(String::as_str).collect();
    let reader = PlainReader::connect(config, &names).map_err(CommandError::failed)?;
    let mut seen = HashSet::new();
    let mut quiet_since = Instant::now();
    let mut summarised = false;
    while !stop.load(Ordering::Relaxed) {
        if let Ok(Some(record)) = reader.poll(Duration::from_millis(50)) {
            // The embedded broker shows aborted records too: an outcome counts once.
            if let Some((source, line)) = board.outcome(config, &record)
                && seen.insert(source)
            {
                quiet_since = Instant::now();
                say(&line)?;
            }
            continue;
        }
        let total = sent.load(Ordering::Relaxed);
        let complete = fed.load(Ordering::Acquire) && seen.len() >= total;
        let given_up = fed.load(Ordering::Acquire) && quiet_since.elapsed() > PATIENCE;
        if (complete || given_up) && !summarised {
            summarised = true;
            say(&board.summary(total, address, started.elapsed()))?;
            if options.exit_when_drained {
                return Ok(if complete { ExitCode::SUCCESS } else { ExitCode::from(super::EXIT_FAILED) });
            }
            say("The worker goes on serving its metrics; Ctrl-C ends it.\n")?;
        }
    }
    if !summarised {
        say(&board.summary(sent.load(Ordering::Relaxed), address, started.elapsed()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The configured address if it is free, else any free port beside it.
fn listen_address(configured: &str) -> String {
    match (TcpListener::bind(configured), configured.parse::<SocketAddr>()) {
        (Err(_), Ok(address)) => SocketAddr::new(address.ip(), 0).to_string(),
        _ => configured.to_owned(),
    }
}

fn width(tty: bool) -> usize {
    let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    columns.unwrap_or(if tty { 132 } else { 160 }).clamp(80, 200)
}
