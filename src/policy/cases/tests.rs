//! Files of cases: the shipped one, and those that are refused.

use std::collections::BTreeSet;

use super::*;
use crate::policy::RuleName;

fn outcomes(cases: &str) -> Vec<Outcome> {
    Cases::from_toml(cases).unwrap().run("").unwrap_or_else(|error| panic!("{error}"))
}

fn refused(cases: &str) -> String {
    match Cases::from_toml(cases).and_then(|cases| cases.run("")) {
        Ok(_) => panic!("accepted: {cases}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn the_shipped_policy_decides_as_its_cases_say_and_every_rule_has_one() {
    let outcomes = outcomes(SHIPPED);
    let failed: Vec<_> = outcomes.iter().filter(|outcome| !outcome.passed).collect();
    assert!(failed.is_empty(), "{failed:#?}");
    assert!(outcomes.len() >= 60, "{}", outcomes.len());
    let fired: BTreeSet<RuleName> =
        outcomes.iter().flat_map(|outcome| &outcome.decision.reasons).map(|reason| reason.rule).collect();
    let silent: Vec<_> = RuleName::ALL.into_iter().filter(|rule| !fired.contains(rule)).collect();
    assert!(silent.is_empty(), "no case for {silent:?}");
}

#[test]
fn a_changed_threshold_is_noticed() {
    let cases = Cases::from_toml(SHIPPED).unwrap();
    for (change, noticed) in [
        ("confidence.review_below = 0.61", "low_confidence: urgency at the limit"),
        ("rules.three_strikes.from = 4", "three_strikes: the third"),
        ("social.wide_from = 10001", "social_reach: wide raises"),
        ("sla.profiles.default.email.p2 = \"3h\"", "deadline: a mail of P2"),
        ("effort.high_from = 0.65", "effort: at high"),
    ] {
        let failed: Vec<_> = cases.run(change).unwrap().into_iter().filter(|outcome| !outcome.passed).collect();
        assert!(failed.iter().any(|outcome| outcome.name.starts_with(noticed)), "{change}: {failed:#?}");
    }
}

#[test]
fn what_is_not_as_expected_is_named_with_both_sides() {
    let outcomes = outcomes(
        r#"
        [[case]]
        name = "wrong"
        given = { signals = ["safety"], history = { contacts = 2 } }
        expect = { priority = "P2", rules = ["thanks", "safety"], no_rules = ["matrix"], review = ["unsupported_language"], effort = 0.3, next_response_due_at = "2026-03-04T10:00:00Z" }
        "#,
    );
    let said: Vec<_> = outcomes[0]
        .differences
        .iter()
        .map(|difference| (difference.field, difference.expected.as_str(), difference.got.as_str()))
        .collect();
    assert_eq!(
        said,
        [
            ("priority", "P2", "P1"),
            ("rules", "thanks, no matrix", "sensitive_topic, safety, matrix"),
            ("review", "unsupported_language", "none"),
            ("next_response_due_at", "2026-03-04T10:00:00Z", "none"),
            ("effort", "0.3", "0.2"),
        ]
    );
    assert_eq!(outcomes[0].line, 3);
}

#[test]
fn settings_of_a_case_lie_over_the_policy_under_test_and_nowhere_else() {
    let cases = Cases::from_toml(
        r#"
        [[case]]
        name = "text"
        policy = "sla.profile = \"strict\""
        given = { channel = "chat" }
        expect = { first_response_due_at = "2026-03-04T10:01:00Z", priority = "P2" }
        [[case]]
        name = "table"
        policy.sla.profiles.own.chat.p2 = "90s"
        policy.sla.profile = "own"
        given = { channel = "chat" }
        expect = { first_response_due_at = "2026-03-04T10:01:30Z" }
        [[case]]
        name = "none"
        given = { channel = "chat" }
        expect = { first_response_due_at = "2026-03-04T10:02:00Z" }
        "#,
    )
    .unwrap();
    let outcomes = cases.run("matrix.medium.normal = \"P2\"").unwrap();
    assert!(outcomes.iter().all(|outcome| outcome.passed), "{outcomes:#?}");
}

#[test]
fn what_nobody_can_mean_is_refused_with_its_line() {
    let case = |rest: &str| format!("[[case]]\nname = \"a\"\n{rest}");
    for (text, line, word) in [
        (case("expects = {}"), 3, "expects"),
        (case("given = { chanel = \"chat\" }\nexpect = { priority = \"P1\" }"), 3, "chanel"),
        (case("expect = { priority = \"P1\" }\ngiven = { urgency = { lable = \"high\" } }"), 4, "lable"),
        (
            case("expect = { priority = \"P1\" }\ngiven = { urgency = { label = \"high\", confidence = 1.2 } }"),
            4,
            "1.2",
        ),
        (case("expect = { priority = \"P1\" }\ngiven = { signals = { safety = -1.0 } }"), 4, "probability"),
        (case("expect = { priority = \"P1\" }\ngiven = { topic = 3 }"), 4, "label"),
        (case("given = { history = { contact = 3 } }\nexpect = { priority = \"P1\" }"), 3, "contact"),
        (case("expect = { rules = [\"no_such_rule\"] }"), 3, "no_such_rule"),
        (case("expect = {}"), 2, "expects nothing"),
        (case("given = { channel = \"pigeon\" }\nexpect = { priority = \"P1\" }"), 2, "pigeon"),
        (case("policy.sla.profile = \"none\"\nexpect = { priority = \"P1\" }"), 2, "sla.profile"),
        (case("policy = 3\nexpect = { priority = \"P1\" }"), 3, "table of settings"),
        (case("expect = { priority = \"P1\" }\n") + &case("expect = { priority = \"P1\" }"), 5, "earlier"),
    ] {
        let error = refused(&text);
        assert!(error.contains(&format!("line {line}")) && error.contains(word), "{text}\n{error}");
    }
    assert!(refused("").contains("no `[[case]]`"));
}
