//! A foreign three-class sentiment model, plugged in by its manifest alone.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod binary;

use binary::{SENTIMENT_ONLY, errors, said, undertone};
use serde_json::Value;
use undertone::commands::schema::schemas;

const TEXTS: &str = "this is the worst, I hate it\nwhere is it?\nthank you, great service, love it\n";

fn tickets(model: &str) -> Vec<Value> {
    let output = undertone(&["score", "--model", model], &[], TEXTS.as_bytes());
    assert!(output.status.success(), "{}", errors(&output));
    said(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn three_classes_make_valid_tickets_and_the_rest_is_unknown() {
    let tickets = tickets(SENTIMENT_ONLY);
    let labels: Vec<&str> = tickets.iter().map(|ticket| ticket["sentiment"]["label"].as_str().unwrap()).collect();
    assert_eq!(labels, ["negative", "neutral", "positive"]);
    assert!(tickets[0]["sentiment"]["score"].as_f64().unwrap() < -0.9);
    assert!(tickets[2]["sentiment"]["score"].as_f64().unwrap() > 0.9);
    let (_, schema) = schemas().into_iter().find(|(name, _)| *name == "ticket.triaged.v1").unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for ticket in &tickets {
        assert!(validator.is_valid(ticket), "{ticket}");
        assert_eq!((&ticket["urgency"]["label"], &ticket["urgency"]["level"]), (&"unknown".into(), &"normal".into()));
        assert_eq!(ticket["urgency"]["probabilities"], serde_json::json!({}));
        assert!(["emotions", "topics", "signals", "evidence"].iter().all(|head| ticket[head] == serde_json::json!([])));
        // Urgency is not known, so somebody looks; the sentiment is, so it is no cause.
        assert_eq!(ticket["review"]["causes"], serde_json::json!(["low_confidence_urgency"]));
        assert_eq!(ticket["priority"]["level"], "P3");
    }
    // A negative customer is not left to a machine, whatever the number of classes.
    assert_eq!(tickets[0]["handling"]["route_class"], "human");
}

#[test]
fn validate_says_which_heads_are_there() {
    let output = undertone(&["validate", "--offline", "--model", SENTIMENT_ONLY], &[], b"");
    assert!(output.status.success(), "{}", errors(&output));
    assert!(said(&output).contains("has sentiment; lacks urgency, emotions, topic, signals"), "{}", said(&output));
    assert!(!said(&output).contains("does not know"), "{}", said(&output));
}

#[test]
fn eval_compares_three_classes_with_five() {
    let output = undertone(
        &["eval", "--json", "--model", SENTIMENT_ONLY, "--data", "demo/labelled.jsonl", "--min", "sentiment_3way=0.4"],
        &[],
        b"",
    );
    assert!(output.status.success(), "{}", errors(&output));
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["heads"]["sentiment"]["labels"], serde_json::json!(["negative", "neutral", "positive"]));
    assert_eq!(json["heads"]["urgency"], Value::Null);
    assert_eq!(json["model"]["lacks"], serde_json::json!(["urgency", "emotions", "topic", "signals"]));
    let output = undertone(
        &["eval", "--model", SENTIMENT_ONLY, "--data", "demo/labelled.jsonl", "--min", "urgency_qwk=0"],
        &[],
        b"",
    );
    assert_eq!(output.status.code(), Some(1));
    assert!(errors(&output).contains("no such figure"), "{}", errors(&output));
}

/// The fixture with a line of its manifest replaced.
fn changed(from: &str, to: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in ["model.onnx", "tokenizer.json", "manifest.toml"] {
        std::fs::copy(format!("{SENTIMENT_ONLY}/{file}"), folder.path().join(file)).unwrap();
    }
    let manifest = std::fs::read_to_string(folder.path().join("manifest.toml")).unwrap();
    assert!(manifest.contains(from));
    std::fs::write(folder.path().join("manifest.toml"), manifest.replace(from, to)).unwrap();
    folder
}

#[test]
fn labels_of_its_own_go_to_review_and_are_told() {
    let folder = changed("\"negative\", \"neutral\", \"positive\"", "\"bad\", \"so-so\", \"good\"");
    let model = folder.path().to_str().unwrap();
    let output = undertone(&["validate", "--offline", "--model", model], &[], b"");
    assert!(said(&output).contains("does not know `sentiment` `bad`"), "{}", said(&output));
    for ticket in tickets(model) {
        assert_eq!(
            ticket["review"]["causes"],
            serde_json::json!(["low_confidence_urgency", "low_confidence_sentiment"])
        );
    }
}

#[test]
fn a_model_needs_sentiment_or_urgency() {
    let folder = changed("name = \"sentiment\"\n", "name = \"signals\"\n");
    let text = std::fs::read_to_string(folder.path().join("manifest.toml")).unwrap();
    std::fs::write(folder.path().join("manifest.toml"), text.replace("\"ordinal\"", "\"multilabel\"")).unwrap();
    let output = undertone(&["validate", "--offline", "--model", folder.path().to_str().unwrap()], &[], b"");
    assert_eq!(output.status.code(), Some(78));
    assert!(errors(&output).contains("neither `sentiment` nor `urgency`"), "{}", errors(&output));
}

#[test]
fn a_model_is_found_by_name_and_a_wrong_name_lists_them() {
    let output = undertone(&["validate", "--offline", "--model", "undertone-small"], &[], b"");
    assert!(output.status.success(), "{}", errors(&output));
    let output = undertone(&["validate", "--offline"], &[("UNDERTONE_MODEL__PATH", "undertone-small")], b"");
    assert!(output.status.success(), "{}", errors(&output));
    let output = undertone(&["score", "--model", "undertone-tiny"], &[], b"");
    assert_eq!(output.status.code(), Some(78));
    let text = errors(&output);
    assert!(text.contains("models/undertone-tiny/manifest.toml") && text.contains("`undertone-small`"), "{text}");
}
