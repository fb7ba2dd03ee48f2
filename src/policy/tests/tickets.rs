//! What a decision looks like when published.

use super::*;

/// The worked example of contracts c: an angry VIP with an unresolved refund.
fn example() -> Facts {
    let mut facts = ordinary()
        .urgency("high", 0.74)
        .sentiment("very_negative", 0.91)
        .topic("refund_return", 0.88)
        .emotion("anger", 0.77)
        .signal("human_request")
        .signal("churn_threat")
        .tier("vip");
    facts.urgency.score = 0.81;
    facts.sentiment.score = -0.83;
    facts.survey = Some(SurveyFacts { kind: "nps".to_owned(), score: 3.0, scale_max: Some(10.0) });
    facts
}

#[test]
fn the_published_form_is_pinned() {
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_json_snapshot!("priority_decision", decide(&example()));
    });
}

#[test]
fn decisions_and_facts_survive_json() {
    for facts in [example(), ordinary(), Facts::default()] {
        let decision = decide(&facts);
        let json = serde_json::to_string(&decision).unwrap();
        assert_eq!(serde_json::from_str::<PriorityDecision>(&json).unwrap(), decision);
        let json = serde_json::to_string(&facts).unwrap();
        assert_eq!(serde_json::from_str::<Facts>(&json).unwrap(), facts);
    }
}

#[test]
fn the_schema_has_its_fields() {
    let schema = serde_json::to_value(schemars::schema_for!(PriorityDecision)).unwrap();
    for field in ["priority", "reasons", "handling", "review", "sla", "nps_class"] {
        assert!(schema["properties"].get(field).is_some(), "{field}");
    }
    let due = &schema["$defs"]["Sla"]["properties"]["first_response_due_at"];
    assert_eq!((&due["type"], &due["format"]), (&"string".into(), &"date-time".into()));
}

#[test]
fn percentages_are_never_rounded_up() {
    for (confidence, shown) in [(0.57, "57%"), (0.29, "29%"), (0.5999, "59%"), (1.0, "100%")] {
        let text = &decide(&ordinary().urgency("normal", confidence)).reasons;
        let text = &text.last().unwrap().text;
        assert!(text.contains(&format!("normal urgency ({shown} sure)")), "{text}");
    }
}
