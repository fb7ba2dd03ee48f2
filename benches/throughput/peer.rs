//! The plain Python consumer (`benches/peers/python_consumer.py`) in a virtual environment of its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use undertone::message::Channel;

use super::Fallible;
use super::feed::Sample;
use super::process::Measured;
use super::runs::{Throughput, drain, fill};
use super::stack::Stack;
use super::support::RealKafka;

/// Topic of its results.
const RESULTS: &str = "python";

/// Makes `.venv-bench` where it is missing or older than the requirements; gives its Python.
fn environment() -> Fallible<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = root.join(".venv-bench");
    let requirements = std::fs::read(root.join("benches/peers/requirements.txt"))?;
    let stamp = folder.join("requirements.txt");
    let python = folder.join("bin/python");
    if std::fs::read(&stamp).ok().as_ref() != Some(&requirements) {
        run(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
        run(Command::new(&python)
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"])
            .arg(root.join("benches/peers/requirements.txt")))?;
        std::fs::write(&stamp, &requirements)?;
    }
    Ok(python)
}

fn run(command: &mut Command) -> Fallible<()> {
    let status = command.status()?;
    if status.success() { Ok(()) } else { Err(format!("`{command:?}` failed: {status}").into()) }
}

/// Lets the Python consumer work through the same feed.
pub fn throughput(kafka: &'static RealKafka, samples: &[Sample], model: &Path, onnx: &str) -> Fallible<Throughput> {
    let python = environment()?;
    let stack = Stack::new(kafka, "bench")?;
    stack.create_topic(&format!("tickets.{RESULTS}"), 6);
    fill(&stack, samples)?;
    let reader = stack.reader_of(&format!("tickets.{RESULTS}"))?;
    let mut command = Command::new(python);
    command
        .arg("benches/peers/python_consumer.py")
        .args(["--bootstrap", stack.bootstrap(), "--group", &stack.topic(RESULTS)])
        .args(["--output", &stack.topic(&format!("tickets.{RESULTS}"))])
        .arg("--onnx")
        .arg(model.join(onnx))
        .arg("--tokenizer")
        .arg(model.join("tokenizer.json"))
        .args(Channel::ALL.map(|channel| stack.topic(channel.as_str())));
    let mut peer = Measured::start(command, stack.folder().join("python.log"))?;
    let result = drain(kafka, &mut peer, &reader, samples.len(), None)?;
    peer.terminate()?;
    Ok(result)
}
