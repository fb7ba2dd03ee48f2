//! Faults on a real Apache Kafka: whatever is killed, paused, moved or missing, n in = n out under
//! read_committed, each input position once, in the order of its conversation.
//!
//! Short form: part of `make test`; alone, with figures: `make faults`. Long form (100 kills):
//! `UNDERTONE_FAULTS=long make faults`.
//! `UNDERTONE_SEED=<number>` repeats the random choices of a run; each test prints its seed.
#![cfg(all(feature = "broker-tests", feature = "crash-points"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, missing_docs)]

mod brokers;
mod budgets;
mod harness;
mod history;
mod outputs;
mod workers;

#[path = "../support/mod.rs"]
mod support;
