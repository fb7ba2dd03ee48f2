//! Undertone reads customer messages from Kafka, scores how the customer feels and how soon somebody
//! must look, and republishes prioritised tickets.
//!
//! Data flows one way: `message` → `text` → `model` → `score` → `policy` → `prioritise` → `ticket`.
//! `kafka` moves records in and out, `operate` shows what happens, `commands` puts it together.

pub mod commands;
pub mod config;
pub mod evaluate;
pub mod history;
pub mod kafka;
pub mod message;
pub mod model;
pub mod operate;
pub mod policy;
pub mod prioritise;
pub mod score;
pub mod text;
pub mod ticket;
