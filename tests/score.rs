//! `undertone score`, `explain` and `validate` as a user calls them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod binary;

use std::collections::BTreeSet;
use std::process::{Command, Output};

use binary::{TINY, errors, said};

fn undertone(arguments: &[&str], environment: &[(&str, &str)], input: &[u8]) -> Output {
    let tiny = [&[("UNDERTONE_MODEL__PATH", TINY)], environment].concat();
    binary::undertone(arguments, &tiny, input)
}

fn tickets(output: &Output) -> Vec<serde_json::Value> {
    String::from_utf8_lossy(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn bad_lines_are_named_and_the_rest_go_on() {
    let mut input = b"Where is my parcel?\n".to_vec();
    input.extend(b"{\"id\": \"broken\n");
    input.extend(b"{\"id\":\"m-3\",\"text\":\"second\",\"channel\":\"email\",\"subject\":\"about\"}\n");
    input.extend(b"\xff\xfe not text\n\n");
    input.extend(b"{\"id\":\"m-6\",\"text\":\"from a bot\",\"author\":{\"type\":\"bot\"}}\n");
    input.extend("last, without a line end 🎉".bytes());
    let output = undertone(&["score"], &[], &input);
    assert_eq!(output.status.code(), Some(1));
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    let lines: Vec<&str> = errors.lines().collect();
    assert_eq!(lines.len(), 3, "{errors}");
    assert!(lines[0].starts_with("stdin:2: invalid_json: "), "{errors}");
    assert!(lines[1].starts_with("stdin:4: invalid_utf8: "), "{errors}");
    assert_eq!(lines[2], "stdin:6: filtered (not_customer)");
    let tickets = tickets(&output);
    let texts: Vec<_> = tickets.iter().map(|ticket| ticket["text"]["body"].as_str().unwrap()).collect();
    assert_eq!(texts, ["Where is my parcel?", "second", "last, without a line end 🎉"]);
    assert_eq!(tickets[0]["channel"], "chat");
    assert_eq!(tickets[1]["channel"], "email");
    assert_eq!(tickets[0]["source"]["offset"], 1);
}

#[test]
fn good_input_ends_with_success_and_keeps_its_order() {
    let input = (0..700).fold(String::new(), |all, index| all + &format!("message number {index} of a long list\n"));
    let output = undertone(&["score", "--channel", "social"], &[], input.as_bytes());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tickets = tickets(&output);
    assert_eq!(tickets.len(), 700);
    for (index, ticket) in tickets.iter().enumerate() {
        assert_eq!(ticket["text"]["body"], format!("message number {index} of a long list"));
        assert_eq!(ticket["channel"], "social");
    }
}

#[test]
fn the_sample_files_are_scored() {
    for (channel, file) in [("email", "email.jsonl"), ("chat", "chat.jsonl"), ("chat", "lines.txt")] {
        let output = undertone(&["score", "--channel", channel, &format!("demo/messages/{file}")], &[], b"");
        assert!(output.status.success(), "{file}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(tickets(&output).len() >= 5, "{file}");
    }
}

#[test]
fn a_language_that_the_model_was_not_measured_on_gets_no_mood_but_a_review_and_the_reason() {
    let text = "Hallo, seit gestern geht bei uns das Internet nicht mehr, bitte prüfen Sie das heute noch.\n";
    let ticket = tickets(&undertone(&["score"], &[], text.as_bytes())).remove(0);
    assert_eq!(ticket["language"]["supported"], false);
    assert_eq!(ticket["sentiment"]["label"], "unknown");
    assert_eq!(ticket["emotions"], serde_json::json!([]));
    assert_ne!(ticket["urgency"]["label"], "unknown");
    let causes = ticket["review"]["causes"].as_array().unwrap();
    assert!(causes.contains(&"unsupported_language".into()), "{causes:?}");
    assert!(!causes.contains(&"low_confidence_sentiment".into()), "{causes:?}");
    let reasons = ticket["reasons"].to_string();
    assert!(reasons.contains("not made for this language"), "{reasons}");
}

#[test]
fn metadata_only_tickets_carry_no_text() {
    let secret = "the phrase that must not travel";
    let output =
        undertone(&["score"], &[("UNDERTONE_OUTPUT__INCLUDE_TEXT", "false")], format!("{secret}\n").as_bytes());
    assert!(output.status.success());
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!text.contains("phrase") && text.contains("\"priority\""), "{text}");
}

#[test]
fn validate_says_what_is_wrong_with_78() {
    let good = undertone(&["validate", "--offline"], &[], b"");
    assert!(good.status.success(), "{}", String::from_utf8_lossy(&good.stderr));
    let said = String::from_utf8_lossy(&good.stdout).into_owned();
    assert!(said.contains("tiny-model") && said.contains("policy"), "{said}");
    let folder = tempfile::tempdir().unwrap();
    let cases: [(&str, &str, &[&str]); 4] = [
        ("unknown field", "[kafka]\nbootstrap_server = \"x\"\n", &["line 2", "bootstrap_server"]),
        ("contradiction", "\n[delivery]\nmax_poll_interval_ms = 10\n", &[":3:", "delivery.max_poll_interval_ms"]),
        ("no model", "[model]\npath = \"no/such/folder\"\n", &["no/such/folder/manifest.toml", "model.path"]),
        ("no policy", "[policy]\npath = \"no/such/policy.toml\"\n", &["policy.path"]),
    ];
    for (name, text, wanted) in cases {
        let file = folder.path().join("case.toml");
        std::fs::write(&file, text).unwrap();
        let arguments = ["validate", "--offline", "--config", file.to_str().unwrap()];
        let environment: &[(&str, &str)] = &[];
        let output = if name == "no model" {
            Command::new(env!("CARGO_BIN_EXE_undertone"))
                .args(arguments)
                .current_dir(env!("CARGO_MANIFEST_DIR"))
                .output()
                .unwrap()
        } else {
            undertone(&arguments, environment, b"")
        };
        assert_eq!(output.status.code(), Some(78), "{name}");
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(wanted.iter().all(|part| errors.contains(part)), "{name}: {errors}");
    }
}

#[test]
fn a_wrong_policy_is_refused_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let policy = folder.path().join("policy.toml");
    std::fs::write(&policy, "[confidence]\nreview_belov = 0.5\n").unwrap();
    let config = folder.path().join("undertone.toml");
    std::fs::write(&config, format!("[policy]\npath = \"{}\"\n", policy.display())).unwrap();
    let output = undertone(&["validate", "--offline", "--config", config.to_str().unwrap()], &[], b"");
    assert_eq!(output.status.code(), Some(78));
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(errors.contains("policy.toml") && errors.contains("line 2") && errors.contains("review_belov"), "{errors}");
}

#[test]
fn run_asks_for_an_instance_id() {
    let output = undertone(&["run"], &[], b"");
    assert_eq!(output.status.code(), Some(78));
    assert!(String::from_utf8_lossy(&output.stderr).contains("UNDERTONE_APP__INSTANCE_ID"));
}

/// The shipped model: only a trained one finds evidence worth marking.
fn explain(arguments: &[&str], environment: &[(&str, &str)], input: &str) -> Output {
    binary::undertone(&[&["explain"], arguments].concat(), environment, input.as_bytes())
}

const ALARM: &str = "Somebody is using my card right now and I cannot reach you by phone";

#[test]
fn explain_marks_evidence_and_gives_all_reasons() {
    let output = explain(&["--channel", "email", ALARM], &[], "");
    assert!(output.status.success(), "{}", errors(&output));
    let text = said(&output);
    assert!(text.contains("[[") && text.contains("]]") && !text.contains('\u{1b}'), "{text}");
    let marked = text.lines().find(|line| line.contains("[[")).unwrap();
    assert_eq!(marked.trim().replace("[[", "").replace("]]", ""), ALARM);
    for part in [
        "message email",
        "evidence",
        "urgency    ",
        "critical 0.",
        "very_negative 0.",
        "decision P",
        "\n    matrix     ",
        " impact x ",
        "\n    priority   P",
        "\n    deadline   ",
        ", at risk from ",
        "\n    calendar   ",
        "profile default",
    ] {
        assert!(text.contains(part), "`{part}` is not in:\n{text}");
    }
    let ticket: serde_json::Value = serde_json::from_slice(&explain(&["--json"], &[], ALARM).stdout).unwrap();
    let mut columns = BTreeSet::new();
    for reason in ticket["reasons"].as_array().unwrap() {
        let (rule, why) = (reason["rule"].as_str().unwrap(), reason["text"].as_str().unwrap());
        let begins = |line: &&str| line.trim_start().starts_with(rule);
        let line = text.lines().find(|line| begins(line) && line.ends_with(why)).unwrap_or_else(|| panic!("{reason}"));
        let effect = reason["effect"].as_str().unwrap();
        assert!(line.contains(if effect == "none" { " - " } else { effect }), "{line}");
        columns.insert(line.len() - why.len());
    }
    assert_eq!(columns.len(), 1, "the reasons are not aligned:\n{text}");
}

#[test]
fn explain_colours_only_where_they_are_wanted() {
    let colored = said(&explain(&["--color", "always"], &[], ALARM));
    assert!(colored.contains("\u{1b}[") && !colored.contains("[["), "{colored}");
    let plain = said(&explain(&[], &[("NO_COLOR", "1")], ALARM));
    assert!(!plain.contains('\u{1b}') && plain.contains("[["), "{plain}");
}

#[test]
fn explain_shows_text_that_tickets_do_not_carry_and_says_what_is_filtered_or_bad() {
    let output = explain(&[], &[("UNDERTONE_OUTPUT__INCLUDE_TEXT", "false")], ALARM);
    assert!(said(&output).contains("phone"));
    let output = explain(&[r#"{"text": "done", "author": {"type": "bot"}}"#], &[], "");
    assert!(output.status.success() && said(&output).starts_with("filtered (not_customer)"), "{}", said(&output));
    let output = explain(&["--json", r#"{"text": "#], &[], "");
    assert!(
        output.status.code() == Some(1) && errors(&output).starts_with("argument: invalid_json"),
        "{}",
        errors(&output)
    );
    let output = explain(&[], &[], "");
    assert!(said(&output).starts_with("filtered (empty)"), "{}{}", said(&output), errors(&output));
}
