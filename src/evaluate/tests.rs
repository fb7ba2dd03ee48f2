#![allow(clippy::unwrap_used)]
use indexmap::IndexMap;

use super::*;
use crate::model::{LabelScore, OrdinalScores};

fn manifest() -> Manifest {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tiny-model");
    Manifest::load(std::path::Path::new(folder)).unwrap()
}

fn ordinal(label: &str, probabilities: &[(&str, f64)]) -> OrdinalScores {
    let probabilities: IndexMap<String, f64> =
        probabilities.iter().map(|(label, score)| ((*label).to_owned(), *score)).collect();
    OrdinalScores {
        label: label.into(),
        score: 0.0,
        confidence: probabilities.get(label).copied().unwrap_or(0.9),
        probabilities,
    }
}

fn judgement(line: &str, sentiment: &str, urgency: &str) -> Judgement {
    let example: Example = serde_json::from_str(line).unwrap();
    let words = example.text.split_whitespace().count();
    Judgement {
        example,
        words,
        scores: Scores {
            sentiment: ordinal(sentiment, &[]),
            urgency: ordinal(urgency, &[(urgency, 0.9)]),
            emotions: vec![LabelScore { label: "anger".into(), score: 0.7 }],
            topics: vec![LabelScore { label: "billing".into(), score: 0.6 }],
            signals: Vec::new(),
        },
        chances: Chances { emotions: vec![0.7, 0.1, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], signals: vec![0.0; 10] },
    }
}

fn near(found: Option<f64>, expected: f64) {
    assert!((found.unwrap() - expected).abs() < 1e-9, "{found:?} is not {expected}");
}

#[test]
fn a_line_counts_for_the_heads_it_names() {
    let all = [
        judgement(
            r#"{"text": "a b", "urgency": "critical", "emotions": ["anger"], "topic": "billing"}"#,
            "neutral",
            "high",
        ),
        judgement(
            r#"{"text": "a", "channel": "email", "lang": "de", "urgency": "low", "sentiment": "positive", "emotions": []}"#,
            "very_positive",
            "low",
        ),
        judgement(r#"{"text": "a", "sentiment": "negative"}"#, "neutral", "critical"),
    ];
    let found = Evaluation::of(&manifest(), &all, 3);
    let urgency = found.urgency.as_ref().unwrap();
    assert_eq!(urgency.classes.n, 2);
    near(urgency.classes.accuracy, 0.5);
    near(urgency.critical_seen, 1.0);
    near(urgency.critical_recall, 0.0);
    near(urgency.urgent_f1, 1.0);
    near(urgency.cost, 5.0);
    assert_eq!(urgency.high_recall, None);
    // At 0.1 to 0.9 the critical one (0.9 high) alarms, the low one never.
    assert!(urgency.cost_curve.iter().all(|point| point.cost == 0.0 && point.recall == Some(1.0)));
    let sentiment = found.sentiment.as_ref().unwrap();
    assert_eq!((sentiment.classes.n, sentiment.classes.accuracy), (2, Some(0.0)));
    near(sentiment.three_way_accuracy, 0.5);
    assert_eq!((found.topic.as_ref().unwrap().n, found.topic.as_ref().unwrap().accuracy), (1, Some(1.0)));
    let emotions = found.emotions.as_ref().unwrap();
    assert_eq!(emotions.n, 2);
    near(emotions.micro_f1, 2.0 / 3.0);
    // 16 probabilities: 0.7 twice with one hit (|1.4 - 1|), 0.1 twice with none.
    near(emotions.ece, (0.4 + 0.2) / 16.0);
    assert_eq!(found.signals.as_ref().unwrap().n, 0);
    let parts: Vec<_> = found.groups.iter().map(|group| (group.name.as_str(), group.n)).collect();
    assert_eq!(parts[..5], [("chat", 2), ("email", 1), ("de", 1), ("und", 2), ("<= 20", 3)]);
}

#[test]
fn three_classes_are_compared_with_five_by_side() {
    let mut manifest = manifest();
    manifest.heads.truncate(1);
    manifest.heads[0].labels = vec!["bad".into(), "so-so".into(), "good".into()];
    let all = [
        judgement(r#"{"text": "a", "sentiment": "very_negative", "urgency": "low"}"#, "bad", "unknown"),
        judgement(r#"{"text": "a", "sentiment": "neutral"}"#, "good", "unknown"),
    ];
    let found = Evaluation::of(&manifest, &all, 2);
    let sentiment = found.sentiment.as_ref().unwrap();
    assert_eq!(sentiment.classes.labels, ["negative", "neutral", "positive"]);
    assert_eq!(sentiment.classes.confusion, [[1, 0, 0], [0, 0, 1], [0, 0, 0]]);
    near(sentiment.three_way_accuracy, 0.5);
    assert!(found.urgency.is_none() && found.topic.is_none() && found.emotions.is_none());
}

#[test]
fn no_rows_have_no_figures_and_pass_no_gate() {
    let found = Evaluation::of(&manifest(), &[], 0);
    let bound: Bound = "urgency_qwk=0".parse().unwrap();
    let result = Gate::Min(bound).check(&found);
    assert!(!result.passed && result.to_string().contains("no such figure"), "{result}");
    assert!(FIGURES.iter().all(|(_, figure)| figure(&found).is_none()));
}

#[test]
fn gates_say_by_how_much_they_are_missed() {
    let all = [judgement(r#"{"text": "a", "urgency": "low"}"#, "neutral", "low")];
    let found = Evaluation::of(&manifest(), &all, 1);
    // The probability is 0.9 and the label right: the calibration error is 0.1.
    let check = |gate: Gate| gate.check(&found).to_string();
    assert_eq!(check(Gate::Min("urgency_accuracy=1".parse().unwrap())), "passed: urgency_accuracy >= 1: it is 1.0000");
    assert_eq!(
        check(Gate::Max("urgency_ece=0.04".parse().unwrap())),
        "missed: urgency_ece <= 0.04: it is 0.1000, off by 0.0600"
    );
    let error = "urgency_kwk=0.5".parse::<Bound>().unwrap_err();
    assert!(error.contains("urgency_qwk") && error.contains("signals_micro_f1"), "{error}");
    assert!("urgency_qwk".parse::<Bound>().is_err() && "urgency_qwk=x".parse::<Bound>().is_err());
}
