//! `undertone policy test`: whether a policy decides its cases as they say.

mod render;

use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::CommandError;
use super::color::Color;
use crate::config::Config;
use crate::policy::Policy;
use crate::policy::cases::{self, Cases, CasesError, Outcome};

/// What can be done with a policy.
#[derive(Debug, clap::Subcommand)]
pub enum Action {
    /// Decides the policy's test cases and compares; exit code 0, 1 if a case fails, 78 if a file cannot be used.
    Test(TestOptions),
}

/// Arguments of the test.
#[derive(Debug, clap::Args)]
pub struct TestOptions {
    /// Policy under test; without it, the configured one.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Cases; without it, the file beside the policy, such as policy.tests.toml for policy.toml, and for the built-in
    /// policy the built-in cases.
    #[arg(long, value_name = "FILE")]
    cases: Option<PathBuf>,
    /// Prints one JSON object instead of lines.
    #[arg(long)]
    json: bool,
    /// Colours; `auto` uses them on a terminal without NO_COLOR.
    #[arg(long, value_enum, default_value = "auto")]
    color: Color,
}

/// A file's text with the name it has in messages.
struct Source {
    place: String,
    text: String,
}

impl Source {
    fn read(path: &Path) -> Result<Self, CommandError> {
        let place = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => Ok(Self { place, text }),
            Err(error) => Err(CommandError::Setting(format!("cannot read `{place}`: {error}"))),
        }
    }
}

/// What the test found; its JSON is what `--json` prints.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// The policy file, or `built-in policy`.
    pub policy: String,
    /// The file of cases, or `built-in cases`.
    pub cases: String,
    /// Number of cases as expected.
    pub passed: usize,
    /// Number of the others.
    pub failed: usize,
    /// All of them, in the order of the file.
    pub outcomes: Vec<Outcome>,
}

/// Tests a policy; whether every case is decided as expected.
pub fn test(config: &Config, options: &TestOptions, out: &mut impl Write) -> Result<bool, CommandError> {
    let report = report(config, options)?;
    if options.json {
        let json = serde_json::to_string_pretty(&report).map_err(CommandError::failed)?;
        writeln!(out, "{json}").map_err(CommandError::failed)?;
    } else {
        write!(out, "{}", render::lines(&report, options.color.wanted())).map_err(CommandError::failed)?;
    }
    Ok(report.failed == 0)
}

fn report(config: &Config, options: &TestOptions) -> Result<Report, CommandError> {
    let path = options.policy.as_ref().or(config.policy.path.as_ref());
    let policy = match path {
        Some(path) => Source::read(path)?,
        // An empty file is the shipped policy.
        None => Source { place: "built-in policy".to_owned(), text: String::new() },
    };
    let beside = path.map(|path| path.with_extension("tests.toml"));
    let source = match options.cases.as_ref().or(beside.as_ref()) {
        Some(path) => Source::read(path)?,
        None => Source { place: "built-in cases".to_owned(), text: cases::SHIPPED.to_owned() },
    };
    Policy::from_toml(&policy.text).map_err(|source| CommandError::Policy { place: policy.place.clone(), source })?;
    let refused = |error: CasesError| CommandError::Setting(format!("{}: {error}", source.place));
    let outcomes = Cases::from_toml(&source.text).map_err(refused)?.run(&policy.text).map_err(refused)?;
    let passed = outcomes.iter().filter(|outcome| outcome.passed).count();
    Ok(Report { policy: policy.place, cases: source.place, passed, failed: outcomes.len() - passed, outcomes })
}
