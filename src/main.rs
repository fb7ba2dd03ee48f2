//! Arguments, logging, exit codes: 0 done, 1 failed, 78 wrong configuration.

use std::io::{BufReader, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use undertone::commands::{self, CommandError, EXIT_FAILED, run::StageChoice};
use undertone::config::{Config, LogFormat};
use undertone::message::Channel;
use undertone::operate::init_logging;

/// Reads customer messages from Kafka, scores sentiment and urgency, republishes prioritised tickets.
#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    /// Configuration file; without it, the built-in defaults. `UNDERTONE_SECTION__FIELD` variables override both.
    #[arg(long, short, global = true, value_name = "FILE", env = "UNDERTONE_CONFIG")]
    config: Option<PathBuf>,
    /// Model: a folder, or the name of one in `models/`; overrides `model.path`.
    #[arg(long, global = true, value_name = "FOLDER_OR_NAME")]
    model: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the worker until SIGTERM.
    Run {
        /// Stages to run in this process.
        #[arg(long, value_enum, default_value = "all")]
        stage: StageChoice,
    },
    /// Plays sample messages through the whole worker on the broker built into librdkafka.
    Demo(commands::demo::Options),
    /// Scores lines of a file or of standard input; prints one ticket a line.
    Score {
        /// Channel of lines that do not name one [default: chat].
        #[arg(long)]
        channel: Option<Channel>,
        /// File with one message a line, JSON or plain text; standard input without it.
        file: Option<PathBuf>,
    },
    /// Shows how one message comes to its priority: evidence in its text, scores, reasons.
    Explain(commands::explain::Options),
    /// Measures the model on labelled lines; exit code 1 if a figure misses its gate.
    Eval(commands::eval::Options),
    /// Tests a policy.
    Policy {
        #[command(subcommand)]
        action: commands::policy::Action,
    },
    /// Compares another policy with the configured one over recorded traffic; writes nothing to Kafka.
    Replay(commands::replay::Options),
    /// Checks configuration, policy, model and brokers; exit code 0 or 78.
    Validate {
        /// Does not ask the brokers.
        #[arg(long)]
        offline: bool,
    },
    /// Manages topics.
    Topics {
        #[command(subcommand)]
        action: Topics,
    },
    /// Shows or erases what is remembered of a customer.
    History {
        #[command(subcommand)]
        action: History,
    },
    /// Prints a published JSON Schema, or the names of all.
    Schema {
        /// Name, such as ticket.triaged.v1.
        name: Option<String>,
    },
    /// Plays the sample feed into the configured input topics.
    Feed {
        /// Records a second; as fast as possible without.
        #[arg(long)]
        rate: Option<f64>,
        /// How often the feed is played.
        #[arg(long, default_value_t = 1)]
        repeat: usize,
    },
}

#[derive(Subcommand)]
enum History {
    /// Prints it as JSON; exit code 1 where nothing is remembered.
    Show(commands::history::Who),
    /// Has it erased, after all that is being worked on.
    Erase(commands::history::Who),
}

#[derive(Subcommand)]
enum Topics {
    /// Creates the topics that are missing.
    Create,
}

fn main() -> ExitCode {
    // Reads FAILPOINTS; see src/kafka/crash_point.rs.
    #[cfg(feature = "crash-points")]
    let _scenario = fail::FailScenario::setup();
    let arguments = Arguments::parse();
    match execute(arguments) {
        Ok(code) => code,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "undertone: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

fn execute(arguments: Arguments) -> Result<ExitCode, CommandError> {
    let mut config = Config::load(arguments.config.as_deref(), std::env::vars())?;
    if let Some(model) = arguments.model {
        config = config.with(|settings| settings.model.path = model)?;
    }
    let logging = |format: LogFormat, filter: &str| init_logging(format, filter).map_err(CommandError::Setting);
    match arguments.command {
        Command::Run { stage } => {
            logging(config.operate.log_format, &config.operate.log_filter)?;
            commands::run::run(config, stage)?;
        }
        Command::Demo(options) => {
            logging(LogFormat::Text, "warn")?;
            return commands::demo::demo(&config, &options);
        }
        Command::Score { channel, file } => {
            logging(LogFormat::Text, "warn")?;
            let mut out = std::io::stdout().lock();
            let mut errors = std::io::stderr();
            let summary = if let Some(path) = file {
                let file = std::fs::File::open(&path)
                    .map_err(|error| CommandError::Failed(format!("cannot read `{}`: {error}", path.display())))?;
                let source = path.display().to_string();
                commands::score::score(&config, BufReader::new(file), &source, channel, &mut out, &mut errors)?
            } else {
                let input = BufReader::new(std::io::stdin());
                commands::score::score(&config, input, "stdin", channel, &mut out, &mut errors)?
            };
            if summary.bad > 0 {
                return Ok(ExitCode::from(EXIT_FAILED));
            }
        }
        Command::Explain(options) => {
            logging(LogFormat::Text, "warn")?;
            let (mut out, mut errors) = (std::io::stdout().lock(), std::io::stderr());
            if !commands::explain::explain(&config, &options, &mut out, &mut errors)? {
                return Ok(ExitCode::from(EXIT_FAILED));
            }
        }
        Command::Eval(options) => {
            logging(LogFormat::Text, "warn")?;
            let (mut out, mut errors) = (std::io::stdout().lock(), std::io::stderr());
            if !commands::eval::eval(&config, &options, &mut out, &mut errors)? {
                return Ok(ExitCode::from(EXIT_FAILED));
            }
        }
        Command::Policy { action: commands::policy::Action::Test(options) } => {
            logging(LogFormat::Text, "warn")?;
            if !commands::policy::test(&config, &options, &mut std::io::stdout().lock())? {
                return Ok(ExitCode::from(EXIT_FAILED));
            }
        }
        Command::Replay(options) => {
            logging(LogFormat::Text, "warn")?;
            let (mut out, mut errors) = (std::io::stdout().lock(), std::io::stderr());
            if !commands::replay::replay(&config, &options, &mut out, &mut errors)? {
                return Ok(ExitCode::from(EXIT_FAILED));
            }
        }
        Command::Validate { offline } => {
            logging(LogFormat::Text, "warn")?;
            commands::validate::validate(&config, offline, &mut std::io::stdout().lock())?;
        }
        Command::Topics { action: Topics::Create } => {
            logging(LogFormat::Text, "warn")?;
            commands::topics::create(&config)?;
        }
        Command::History { action } => {
            logging(LogFormat::Text, "warn")?;
            let mut out = std::io::stdout().lock();
            match action {
                History::Erase(who) => commands::history::erase(&config, &who, &mut out)?,
                History::Show(who) => {
                    if !commands::history::show(&config, &who, &mut out)? {
                        return Ok(ExitCode::from(EXIT_FAILED));
                    }
                }
            }
        }
        Command::Schema { name } => commands::schema::print(name.as_deref())?,
        Command::Feed { rate, repeat } => {
            logging(LogFormat::Text, "warn")?;
            let sent = commands::feed::play(&config, rate, repeat, |_| {}, || true)?;
            let _ = writeln!(std::io::stderr(), "{sent} records sent");
        }
    }
    Ok(ExitCode::SUCCESS)
}
