//! `undertone eval` as a user calls it: the shipped model on the project's own labelled messages, and gates.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod binary;

use binary::{TINY, errors, said, undertone};

const OWN: &str = "demo/labelled.jsonl";

/// Far below what the shipped model reaches on these 60 lines: it fails when something is broken, not when a
/// model is a little different.
const GATES: [&str; 9] = [
    "urgency_qwk=0.75",
    "urgency_macro_f1=0.6",
    "urgent_f1=0.75",
    "critical_seen=0.8",
    "sentiment_qwk=0.75",
    "sentiment_3way=0.7",
    "topic_accuracy=0.7",
    "signals_micro_f1=0.45",
    "emotions_micro_f1=0.55",
];

#[test]
fn the_shipped_model_passes_wide_gates_on_our_own_messages() {
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report.md");
    let mut arguments = vec!["eval", "--data", OWN, "--json", "--report", report.to_str().unwrap()];
    arguments.extend(GATES.iter().flat_map(|gate| ["--min", gate]));
    arguments.extend(["--max", "urgency_ece=0.35", "--max", "sentiment_ece=0.25"]);
    let output = undertone(&arguments, &[], b"");
    assert!(output.status.success(), "{}", errors(&output));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&json["lines"], &json["scored"]), (&60.into(), &60.into()));
    assert_eq!(json["gates"].as_array().unwrap().len(), GATES.len() + 2);
    assert!(json["model"]["digest"].as_str().unwrap().starts_with("sha256:"));
    assert_eq!(json["figures"]["urgency_qwk"], json["heads"]["urgency"]["qwk"]);
    let channels: Vec<_> =
        json["heads"]["groups"].as_array().unwrap().iter().filter(|group| group["by"] == "channel").collect();
    assert!(channels.len() == 3 && channels.iter().all(|group| group["n"] == 20));
    let report = std::fs::read_to_string(report).unwrap();
    for part in ["# Evaluation of", "## Urgency", "## Topic", "| security_fraud |", "## Gates", "passed: urgent_f1"] {
        assert!(report.contains(part), "`{part}` is not in the report");
    }
}

#[test]
fn a_missed_gate_says_by_how_much_and_fails() {
    // Random weights: they are not that good.
    let arguments = ["eval", "--data", OWN, "--model", TINY, "--min", "urgency_qwk=0.9", "--min", "urgency_ece=0"];
    let output = undertone(&arguments, &[], b"");
    assert_eq!(output.status.code(), Some(1));
    let lines = errors(&output);
    assert_eq!(lines.lines().count(), 1, "{lines}");
    assert!(
        lines.starts_with("undertone: gate missed: urgency_qwk >= 0.9: it is ") && lines.contains("off by"),
        "{lines}"
    );
    let table = said(&output);
    for part in
        ["tiny-model", "60 of 60 lines", "messages/s", "channel email", "right \\ judged", "passed: urgency_ece"]
    {
        assert!(table.contains(part), "`{part}` is not in the table:\n{table}");
    }
}

#[test]
fn an_unknown_figure_is_refused_with_all_names() {
    let output = undertone(&["eval", "--data", OWN, "--max", "urgency_kwk=1"], &[], b"");
    assert_eq!(output.status.code(), Some(2));
    assert!(
        errors(&output).contains("urgency_qwk") && errors(&output).contains("sentiment_3way"),
        "{}",
        errors(&output)
    );
}

fn eval_of(lines: &str) -> std::process::Output {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data.jsonl");
    std::fs::write(&data, lines).unwrap();
    undertone(&["eval", "--json", "--model", TINY, "--data", data.to_str().unwrap()], &[], b"")
}

#[test]
fn broken_lines_are_named_with_their_number() {
    for (lines, says) in [
        (
            "{\"text\": \"a\"}\n\n{\"text\": \"b\", \"topic\": \"biling\"}\n",
            "data.jsonl:3: `topic` has the label `biling`",
        ),
        ("{\"text\": \"a\"}\n{\"text\": \n", "data.jsonl:2: EOF"),
        ("\n", "data.jsonl: has no labelled line"),
    ] {
        let output = eval_of(lines);
        assert_eq!(output.status.code(), Some(1), "{lines}");
        assert!(errors(&output).contains(says), "{}", errors(&output));
    }
    let output = undertone(&["eval", "--data", "no/such.jsonl"], &[], b"");
    assert!(output.status.code() == Some(1) && errors(&output).contains("no/such.jsonl"), "{}", errors(&output));
}

#[test]
fn no_line_is_lost_silently() {
    let out_of_office = r#"{"channel": "email", "subject": "Automatic reply: your order", "text": "I am out of the office until Monday.", "urgency": "low"}"#;
    let output =
        eval_of(&format!("{out_of_office}\n{{\"text\": \"   \", \"urgency\": \"low\"}}\n{{\"text\": \"hello\"}}\n"));
    assert!(output.status.success(), "{}", errors(&output));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&json["lines"], &json["scored"]), (&3.into(), &2.into()));
    assert_eq!(json["would_be_filtered"], serde_json::json!({"auto_reply": 1}));
    assert_eq!(json["unscored"], serde_json::json!([{"line": 2, "reason": "empty"}]));
    assert_eq!(json["heads"]["urgency"]["n"], 1);
    assert_eq!(json["heads"]["sentiment"]["qwk"], serde_json::Value::Null);
}
