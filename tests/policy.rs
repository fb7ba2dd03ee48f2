//! `undertone policy test` and `undertone replay` as a user calls them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod binary;

use std::path::Path;
use std::process::Output;

use undertone::config::Config;
use undertone::kafka::{EmbeddedBroker, OutputRecord, PlainProducer, planned_topics};

use binary::{errors, said};

const SCORED: &str = include_str!("fixtures/scored.json");

fn undertone(arguments: &[&str]) -> Output {
    binary::undertone(arguments, &[], b"")
}

fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

#[test]
fn the_shipped_cases_pass_on_the_shipped_policy_built_in_and_as_files() {
    for arguments in [&["policy", "test"][..], &["policy", "test", "--policy", "config/policy.toml"]] {
        let output = undertone(arguments);
        let text = said(&output);
        assert_eq!(output.status.code(), Some(0), "{text}{}", errors(&output));
        assert!(text.contains("ok    three_strikes: the third raises"), "{text}");
        let last = text.lines().last().unwrap();
        assert!(last.ends_with("passed, 0 failed"), "{last}");
        assert!(text.lines().filter(|line| line.starts_with("ok ")).count() >= 60, "{last}");
    }
}

#[test]
fn a_failure_reads_as_a_difference_with_the_reasons_of_the_decision() {
    let folder = tempfile::tempdir().unwrap();
    let policy = write(folder.path(), "own.toml", "[rules.three_strikes]\nfrom = 4\n");
    let cases = r#"[[case]]
name = "the third complaint is one too many"
given = { sentiment = "negative", history = { negative_contacts = 3, negative_span_days = 12 } }
expect = { priority = "P2", rules = ["three_strikes"], churn_risk = "high" }

[[case]]
name = "a smell of gas"
given = { signals = ["safety"] }
expect = { priority = "P1" }
"#;
    write(folder.path(), "own.tests.toml", cases);
    let output = undertone(&["policy", "test", "--policy", &policy]);
    assert_eq!(output.status.code(), Some(1), "{}", errors(&output));
    let text = said(&output).replace(&folder.path().display().to_string(), "FOLDER");
    insta::assert_snapshot!(text);
    let output = undertone(&["policy", "test", "--policy", &policy, "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let report: serde_json::Value = serde_json::from_str(&said(&output)).unwrap();
    assert_eq!((report["passed"].as_u64(), report["failed"].as_u64()), (Some(1), Some(1)));
    let difference = &report["outcomes"][0]["differences"][0];
    assert_eq!(
        (&difference["field"], &difference["expected"], &difference["got"]),
        (&"priority".into(), &"P2".into(), &"P3".into())
    );
    let colored = said(&undertone(&["policy", "test", "--policy", &policy, "--color", "always"]));
    assert!(colored.contains("\u{1b}[31"), "{colored}");
}

#[test]
fn files_that_cannot_be_used_are_named_and_give_the_code_of_a_wrong_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str, text: &str| write(folder.path(), name, text);
    let (good, bad) = (at("good.toml", ""), at("bad.toml", "[rules.safty]\n"));
    let unknown = at("unknown.toml", "[[case]]\nname = \"a\"\nexpect = { prio = \"P1\" }\n");
    let missing = folder.path().join("missing.toml").display().to_string();
    for (arguments, words) in [
        (&["policy", "test", "--policy", &missing][..], &["missing.toml", "cannot read"][..]),
        (&["policy", "test", "--policy", &good], &["good.tests.toml", "cannot read"]),
        (&["policy", "test", "--policy", &bad, "--cases", &unknown], &["bad.toml", "line 1", "safty"]),
        (&["policy", "test", "--cases", &unknown], &["unknown.toml", "line 3", "prio"]),
        (&["replay", "--policy", &bad, "--file", &good], &["bad.toml", "safty"]),
        (&["replay", "--policy", &good, "--file", &missing], &["missing.toml", "cannot read"]),
    ] {
        let output = undertone(arguments);
        assert_eq!(output.status.code(), Some(78), "{arguments:?}: {}", errors(&output));
        for word in words {
            assert!(errors(&output).contains(word), "{arguments:?}: `{word}` is not in {}", errors(&output));
        }
    }
    assert_eq!(undertone(&["replay", "--policy", &good]).status.code(), Some(2), "neither file nor Kafka");
}

/// `count` recorded messages of three customers, each in a conversation of its own.
fn recorded(count: usize) -> Vec<(String, String)> {
    (0..count)
        .map(|index| {
            let mut scored: serde_json::Value = serde_json::from_str(SCORED).unwrap();
            let key = format!("c-{}", index % 3);
            scored["routing_key"] = key.clone().into();
            scored["message"]["id"] = format!("m-{index}").into();
            scored["message"]["conversation_id"] = format!("t-{index}").into();
            scored["message"]["customer"] = serde_json::json!({});
            scored["scores"]["signals"] = serde_json::json!([]);
            // Words of danger would raise every message alike.
            scored["text"]["body"] = "There is something about my boiler.".into();
            scored["scores"]["sentiment"]["label"] = "negative".into();
            scored["scores"]["sentiment"]["probabilities"] = serde_json::json!({});
            scored["scores"]["urgency"] =
                serde_json::json!({ "label": "normal", "score": 0.4, "confidence": 0.9, "probabilities": {} });
            (key, scored.to_string())
        })
        .collect()
}

#[test]
fn a_replayed_file_says_what_would_change_and_why() {
    let folder = tempfile::tempdir().unwrap();
    let policy = write(
        folder.path(),
        "new.toml",
        "version = \"2\"\nsla.profile = \"strict\"\nuplift.causes = [\"public_threat\", \"three_strikes\"]\n[rules.three_strikes]\nfrom = 2\n",
    );
    let lines: Vec<String> = recorded(6).into_iter().map(|(_, value)| value).collect();
    let file = write(folder.path(), "scored.jsonl", &(lines.join("\n") + "\n"));
    let arguments = ["replay", "--policy", &policy, "--file", &file, "--diff"];
    let output = undertone(&arguments);
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    let text = said(&output).replace(&folder.path().display().to_string(), "FOLDER");
    let digests = |line: &&str| !line.contains("sha256:");
    insta::assert_snapshot!(text.lines().filter(digests).collect::<Vec<_>>().join("\n"));
    assert_eq!(said(&undertone(&arguments)), said(&output), "the same again");
    let json = said(&undertone(&["replay", "--policy", &policy, "--file", &file, "--json"]));
    let report: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&report["tickets"]["total"], &report["tickets"]["changed"]), (&6.into(), &6.into()));
    assert_eq!(report["moves"]["P3 -> P2"], 3);
    assert!(report.get("changes").is_none());
    // From standard input, with a line that is no record.
    let input = lines.join("\n") + "\n{\"kind\":\"strange\"}\n";
    let output = binary::undertone(&["replay", "--policy", &policy, "--file", "-"], &[], input.as_bytes());
    assert_eq!(output.status.code(), Some(1));
    assert!(errors(&output).starts_with("-:7: not a record of this topic"), "{}", errors(&output));
    assert!(said(&output).contains("1 could not be read"), "{}", said(&output));
}

#[test]
fn the_topic_is_replayed_as_a_file_would_be() {
    let broker_config = Config::from_text("", "test", []).unwrap();
    let broker = EmbeddedBroker::start(&planned_topics(&broker_config), 3).unwrap();
    let servers = broker.bootstrap_servers();
    let config = broker_config.with(|settings| settings.kafka.bootstrap_servers.clone_from(&servers)).unwrap();
    let producer = PlainProducer::connect(&config).unwrap();
    for (key, value) in recorded(30) {
        let record = OutputRecord {
            topic: config.topics.scored.clone(),
            partition: None,
            key: Some(key.into()),
            payload: Some(value.into()),
            headers: Vec::new(),
            timestamp_ms: Some(1_780_000_000_000),
        };
        producer.send(&record).unwrap();
    }
    producer.flush().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let policy = write(folder.path(), "new.toml", "[rules.three_strikes]\nfrom = 5\n");
    let replay = |more: &[&str]| {
        let arguments = [&["replay", "--policy", &policy, "--from-kafka", "--json"], more].concat();
        let output = binary::undertone(&arguments, &[("UNDERTONE_KAFKA__BOOTSTRAP_SERVERS", &servers)], b"");
        assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
        serde_json::from_str::<serde_json::Value>(&said(&output)).unwrap()
    };
    let all = replay(&[]);
    assert_eq!((&all["tickets"]["total"], &all["rules"]["three_strikes"]["lost"]), (&30.into(), &6.into()));
    let few = replay(&["--limit", "7"]);
    assert_eq!(few["tickets"]["total"], 7);
}
