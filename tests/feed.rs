//! Every sample message ends as the feed says it should, and the demo accounts for all of them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use jiff::Timestamp;
use undertone::commands::feed;
use undertone::config::Config;
use undertone::message::{InboundMessage, SourcePosition};
use undertone::model::Model;
use undertone::operate::Metrics;
use undertone::policy::Policy;
use undertone::score::{Prepared, Scoring};

#[test]
fn every_sample_ends_as_expected() {
    let config = Config::from_text("", "x", [])
        .unwrap()
        .with(|settings| {
            settings.model.path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tiny-model"));
        })
        .unwrap();
    let model = Model::load(&config.model).unwrap();
    let scoring =
        Scoring::new(&config, &model, Arc::new(Policy::default_policy().unwrap()), Arc::new(Metrics::new().unwrap()));
    let now = Timestamp::now();
    let mut wrong = Vec::new();
    for (line, sample) in feed::records(&config, now).unwrap().into_iter().enumerate() {
        let Some(expect) = sample.expect else { continue };
        let record = sample.record;
        let inbound = InboundMessage {
            position: SourcePosition {
                topic: record.topic.clone(),
                partition: 0,
                offset: i64::try_from(line).unwrap(),
            },
            key: record.key,
            payload: record.payload,
            headers: record.headers,
            timestamp_ms: Some(now.as_millisecond()),
        };
        let (outcome, reason) = match scoring.prepare(&inbound, scoring.channel(&record.topic), now) {
            Prepared::Ready(_) => ("ticket", None),
            Prepared::Filtered { reason, .. } => ("filtered", Some(reason.as_str())),
            Prepared::Refused { class, .. } => ("dlq", Some(class)),
        };
        let reason_fits = outcome != "filtered" || expect.reason.is_none() || expect.reason.as_deref() == reason;
        if outcome != expect.outcome || !reason_fits {
            wrong.push(format!("demo/feed.jsonl:{}: expected {expect:?}, found {outcome} {reason:?}", line + 1));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_demo_drains_and_its_sum_is_right() {
    let output = Command::new(env!("CARGO_BIN_EXE_undertone"))
        .args(["demo", "--exit-when-drained", "--rate", "100", "--color", "never"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    let fed = include_str!("../demo/feed.jsonl").lines().count();
    assert!(text.contains(&format!("in {fed} = tickets ")), "{text}");
    for wanted in ["P1", "filtered", "dead letters", "/metrics"] {
        assert!(text.contains(wanted), "`{wanted}` is missing:\n{text}");
    }
}
