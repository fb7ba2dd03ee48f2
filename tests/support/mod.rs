//! What the integration tests share: a real Apache Kafka (`mod support;`, then
//! `support::RealKafka::shared()`).
//!
//! `kafka/` holds the Maven project that pins the broker's version, `toolchain.rs` finds Java and
//! prepares the class path, `broker.rs` owns the broker processes, `client.rs` talks to them,
//! `worker.rs` runs the worker, `pipeline.rs` gives it topics and counts what came out.

// Every test binary compiles this module for itself and uses its own part of it.
#![allow(
    dead_code,
    unused_imports,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "test support: a broken helper should stop the test where it breaks"
)]

mod broker;
mod client;
pub mod pipeline;
mod toolchain;
mod watch;
mod worker;

pub use broker::RealKafka;
pub use client::{NewRecord, Record, Sender, unique};
pub use pipeline::Pipeline;
pub use toolchain::skip_notice;
pub use watch::{Seen, Watch};
pub use worker::Worker;
