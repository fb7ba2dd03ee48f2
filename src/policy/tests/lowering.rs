//! Doubt, and what may be lowered.

use super::*;

#[test]
fn low_urgency_is_taken_over_only_when_sure() {
    for (confidence, urgency, priority) in [
        (0.7999, Urgency::Normal, Priority::P3),
        (0.80, Urgency::Low, Priority::P4),
        (0.8001, Urgency::Low, Priority::P4),
    ] {
        let decision = decide(&ordinary().urgency("low", confidence));
        assert_eq!((decision.urgency, decision.priority), (urgency, priority), "{confidence}");
        let held = has(&decision, RuleName::DowngradeHeld);
        assert_eq!(held, urgency == Urgency::Normal, "{confidence}");
    }
}

#[test]
fn low_urgency_is_not_taken_over_when_a_rule_fired() {
    let decision = decide(&ordinary().urgency("low", 0.99).signal("churn_threat"));
    assert_eq!(decision.urgency, Urgency::Normal);
    let why = reason(&decision, RuleName::DowngradeHeld);
    assert_eq!(why.text, "low urgency counts as normal, because of the rules above");
    assert_eq!(why.effect, "urgency low -> normal");
}

#[test]
fn low_confidence_means_review_and_lowers_nothing() {
    for (confidence, review) in [(0.5999, true), (0.60, false), (0.6001, false)] {
        let urgency = decide(&ordinary().urgency("normal", confidence));
        assert_eq!(urgency.review.needed, review, "{confidence}");
        assert_eq!(urgency.priority, Priority::P3);
        let sentiment = decide(&ordinary().sentiment("neutral", confidence));
        assert_eq!(sentiment.review.needed, review, "{confidence}");
        if review {
            assert_eq!(urgency.review.causes, [ReviewCause::LowConfidenceUrgency]);
            assert_eq!(sentiment.review.causes, [ReviewCause::LowConfidenceSentiment]);
            let why = reason(&urgency, RuleName::LowConfidence);
            assert_eq!(why.effect, "review");
            assert_eq!(why.text, "the model is only 59% sure that the urgency is low or normal: a person should check");
        }
    }
}

#[test]
fn doubt_is_about_the_side_and_not_about_the_exact_level() {
    let with = |label: &str, probabilities: [f64; 4]| {
        let mut facts = ordinary().urgency(label, 0.3);
        facts.urgency.probabilities = ["low", "normal", "high", "critical"]
            .into_iter()
            .zip(probabilities)
            .map(|(label, score)| super::labelled(label, score))
            .collect();
        decide(&facts).review.needed
    };
    assert!(!with("high", [0.1, 0.3, 0.3, 0.3]), "urgent for sure, whether high or critical");
    assert!(with("high", [0.1, 0.35, 0.3, 0.25]), "urgent with 55 % only");
    assert!(!with("normal", [0.35, 0.3, 0.25, 0.1]));
}

#[test]
fn what_an_unsure_model_raises_stays_raised() {
    let decision = decide(&ordinary().urgency("critical", 0.31));
    assert_eq!(decision.priority, Priority::P1);
    assert!(decision.review.needed);
}

#[test]
fn an_unsure_model_is_no_ground_for_low_impact() {
    let question = || ordinary().topic("product_question", 0.9);
    for (facts, impact) in [
        (question(), Impact::Low),
        (question().urgency("normal", 0.60), Impact::Low),
        (question().urgency("normal", 0.59), Impact::Medium),
        (question().sentiment("neutral", 0.59), Impact::Medium),
        (question().sentiment("negative", 0.95), Impact::Medium),
        (question().topic("product_question", 0.50), Impact::Low),
        (question().topic("product_question", 0.49), Impact::Medium),
        (question().signal("vulnerable"), Impact::Medium),
        (question().topic("feedback", 0.9), Impact::Low),
        (question().topic("other", 0.9), Impact::Low),
    ] {
        assert_eq!(decide(&facts).impact, impact, "{facts:?}");
    }
}

#[test]
fn praise_is_low_although_the_model_is_not_sure_of_the_urgency() {
    let praise = |urgency, sentiment| {
        ordinary().topic("feedback", 0.9).urgency("low", urgency).sentiment("very_positive", sentiment)
    };
    assert_eq!(decide(&praise(0.55, 0.9)).priority, Priority::P5);
    assert_eq!(decide(&praise(0.55, 0.60)).priority, Priority::P5);
    assert_eq!(decide(&praise(0.55, 0.59)).priority, Priority::P3);
    // Gratitude about something else: the urgency is low, the impact not.
    let grateful = praise(0.55, 0.9).topic("delivery", 0.9);
    assert_eq!(decide(&grateful.clone().emotion("gratitude", 0.50)).priority, Priority::P4);
    assert_eq!(decide(&grateful.emotion("gratitude", 0.49)).priority, Priority::P3);
}

#[test]
fn thanks_that_need_no_reply_are_p5() {
    let thanks = || {
        ordinary().topic("delivery", 0.9).urgency("normal", 0.7).sentiment("positive", 0.8).signal("no_reply_needed")
    };
    let decision = decide(&thanks());
    assert_eq!(decision.priority, Priority::P5);
    assert!(decision.handling.no_reply_needed);
    let why = reason(&decision, RuleName::Thanks);
    assert_eq!(why.effect, "no_reply_needed, priority P3 -> P5");
    assert_eq!(why.text, "friendly message that needs no reply, so it becomes P5");
    for (facts, kept) in [
        (thanks().sentiment("neutral", 0.9), Priority::P3),
        (thanks().sentiment("positive", 0.59), Priority::P3),
        (thanks().urgency("high", 0.9), Priority::P2),
        (thanks().signal("churn_threat"), Priority::P3),
        (thanks().signal("human_request"), Priority::P2),
        (thanks().signal("sensitive_financial"), Priority::P2),
    ] {
        let decision = decide(&facts);
        assert_eq!(decision.priority, kept, "{facts:?}");
        assert!(!decision.handling.no_reply_needed);
    }
    assert_eq!(decide(&thanks().tier("vip")).priority, Priority::P5);
}

#[test]
fn an_unsupported_language_goes_to_review_and_is_never_below_p3() {
    let foreign = |facts: Facts| Facts { language_supported: false, ..facts };
    let praise = ordinary()
        .topic("feedback", 0.99)
        .urgency("low", 0.99)
        .sentiment("very_positive", 0.99)
        .signal("no_reply_needed");
    assert_eq!(decide(&praise).priority, Priority::P5);
    let decision = decide(&foreign(praise));
    assert_eq!(decision.priority, Priority::P3);
    assert_eq!(decision.review.causes, [ReviewCause::UnsupportedLanguage]);
    assert!(decision.handling.route_class >= RouteClass::Human);
    // What the scores raise stays raised.
    assert_eq!(decide(&foreign(ordinary().urgency("critical", 0.9))).priority, Priority::P1);
    // A milder matrix does not undercut the floor.
    let policy = with(
        r#"matrix.medium = { normal = "P4", low = "P5" }
           matrix.low = { normal = "P5" }"#,
    );
    let decision = policy.decide(&foreign(ordinary()));
    let why = reason(&decision, RuleName::UnsupportedLanguage);
    assert_eq!(why.effect, "review, priority P4 -> P3");
}

#[test]
fn unknown_classes_are_normal_and_go_to_review() {
    let decision = decide(&ordinary().urgency("urgent!!", 0.99).sentiment("unknown", 0.99));
    assert_eq!(decision.urgency, Urgency::Normal);
    assert_eq!(decision.review.causes, [ReviewCause::LowConfidenceUrgency, ReviewCause::LowConfidenceSentiment]);
    let empty = decide(&Facts::default());
    assert_eq!(empty.priority, Priority::P3);
    assert!(reason(&empty, RuleName::Matrix).text.contains("the model saw no urgency"));
}

#[test]
fn forms_can_be_moved_a_level_down_when_the_model_is_sure() {
    let form =
        |urgency, confidence| Facts { sub_channel: Some("form".to_owned()), ..ordinary().urgency(urgency, confidence) };
    assert_eq!(decide(&form("high", 0.9)).urgency, Urgency::High);
    let policy = with("urgency.sub_channel_offsets.form = -1");
    for (facts, urgency) in [
        (form("high", 0.80), Urgency::Normal),
        (form("high", 0.79), Urgency::High),
        (form("normal", 0.9), Urgency::Low),
        (form("low", 0.9), Urgency::Low),
        (form("critical", 0.9), Urgency::Critical),
        (form("high", 0.9).signal("churn_threat"), Urgency::High),
        (ordinary().urgency("high", 0.9), Urgency::High),
    ] {
        assert_eq!(policy.decide(&facts).urgency, urgency, "{facts:?}");
    }
    let up = with("urgency.sub_channel_offsets.form = 1");
    let decision = up.decide(&form("normal", 0.3));
    let why = reason(&decision, RuleName::UrgencyOffset);
    assert_eq!(why.effect, "urgency normal -> high");
    assert_eq!(why.text, "messages of sub-channel form are moved by +1, so urgency rises from normal to high");
}
