//! Rules that raise, each just below, at and just above its threshold.

use super::*;

#[test]
fn sensitive_signals_need_a_person_and_p2() {
    for signal in ["sensitive_financial", "sensitive_medical", "safety", "legal_threat"] {
        let decision = decide(&ordinary().urgency("low", 0.99).topic("other", 0.9).signal(signal));
        assert!(decision.handling.human_required, "{signal}");
        assert!(decision.priority <= Priority::P2, "{signal}: {:?}", decision.priority);
    }
    let decision = decide(&ordinary().signal("sensitive_medical"));
    let why = reason(&decision, RuleName::SensitiveTopic);
    assert_eq!(why.effect, "human_required, priority P3 -> P2");
    assert_eq!(why.text, "sensitive matter (medical): a person must handle it, so priority rises from P3 to P2");
    assert_eq!(decision.impact, Impact::Medium);
}

#[test]
fn a_sensitive_topic_counts_from_its_probability_on() {
    for (probability, fires) in [(0.4999, false), (0.5, true), (0.5001, true)] {
        let decision = decide(&ordinary().topic("security_fraud", probability));
        assert_eq!(has(&decision, RuleName::SensitiveTopic), fires, "{probability}");
        assert_eq!(decision.priority == Priority::P2, fires);
    }
}

#[test]
fn sensitive_money_and_health_with_negative_sentiment_have_high_impact() {
    for (signal, sentiment, impact) in [
        ("sensitive_financial", "neutral", Impact::Medium),
        ("sensitive_financial", "negative", Impact::High),
        ("sensitive_medical", "very_negative", Impact::High),
        ("sensitive_medical", "positive", Impact::Medium),
        ("vulnerable", "negative", Impact::Medium),
    ] {
        let decision = decide(&ordinary().sentiment(sentiment, 0.9).signal(signal));
        assert_eq!(decision.impact, impact, "{signal} {sentiment}");
    }
}

#[test]
fn safety_is_critical_and_p1_whatever_the_scores_say() {
    let decision = decide(&ordinary().urgency("low", 0.99).topic("feedback", 0.99).signal("safety"));
    assert_eq!((decision.priority, decision.urgency), (Priority::P1, Urgency::Critical));
    assert!(decision.handling.suggest_callback);
    let why = reason(&decision, RuleName::Safety);
    assert_eq!(why.effect, "urgency low -> critical");
    assert!(why.text.ends_with("urgency rises from low to critical"), "{}", why.text);
}

#[test]
fn safety_is_p1_even_under_a_milder_matrix() {
    let policy = with(
        r#"matrix.medium = { critical = "P3", high = "P3" }
           matrix.low = { critical = "P4", high = "P4" }"#,
    );
    let decision = policy.decide(&ordinary().signal("safety"));
    assert_eq!(decision.priority, Priority::P1);
    assert!(reason(&decision, RuleName::Safety).effect.contains("priority P3 -> P1"));
}

#[test]
fn running_fraud_needs_topic_signal_and_high_urgency() {
    let fraud = |urgency| ordinary().urgency(urgency, 0.9).topic("security_fraud", 0.9);
    for (facts, urgency) in [
        (fraud("high").signal("sensitive_financial"), Urgency::Critical),
        (fraud("critical").signal("sensitive_financial"), Urgency::Critical),
        (fraud("normal").signal("sensitive_financial"), Urgency::Normal),
        (fraud("high"), Urgency::High),
        (fraud("high").signal("sensitive_financial").topic("security_fraud", 0.49), Urgency::High),
        (fraud("high").signal("sensitive_financial").topic("billing", 0.9), Urgency::High),
    ] {
        let decision = decide(&facts);
        assert_eq!(decision.urgency, urgency, "{facts:?}");
    }
}

#[test]
fn asking_for_a_person_raises_only_an_open_problem() {
    let asks = || ordinary().signal("human_request");
    for (facts, urgency) in [
        // A problem on a topic where something is at stake.
        (asks(), Urgency::High),
        (asks().urgency("critical", 0.9), Urgency::Critical),
        // An unsure low urgency may hide one; a sure one does not, but a rule fired.
        (asks().urgency("low", 0.79), Urgency::High),
        (asks().urgency("low", 0.80), Urgency::Normal),
        // Nothing at stake, unless negative, contacted before, or the topic uncertain.
        (asks().topic("product_question", 0.9), Urgency::Normal),
        (asks().topic("product_question", 0.49), Urgency::High),
        (asks().topic("product_question", 0.9).sentiment("negative", 0.9), Urgency::High),
        (asks().topic("product_question", 0.9).signal("repeat_contact"), Urgency::High),
    ] {
        let decision = decide(&facts);
        assert_eq!(decision.urgency, urgency, "{facts:?}");
        assert!(decision.handling.human_required);
        assert!(decision.handling.route_class >= RouteClass::Human);
    }
    let why = decide(&asks());
    assert_eq!(reason(&why, RuleName::HumanRequest).effect, "human_required, urgency normal -> high");
}

#[test]
fn a_legal_threat_has_high_impact() {
    let decision = decide(&ordinary().signal("legal_threat"));
    assert_eq!((decision.impact, decision.priority), (Impact::High, Priority::P2));
    assert!(decision.handling.human_required);
    assert!(decision.handling.hints.contains(&"legal".to_owned()));
    assert_eq!(reason(&decision, RuleName::LegalThreat).effect, "human_required, impact medium -> high");
}

#[test]
fn a_public_threat_raises_one_level_and_never_beyond_p2() {
    for (urgency, before, after) in [
        ("critical", Priority::P1, Priority::P1),
        ("high", Priority::P2, Priority::P2),
        ("normal", Priority::P3, Priority::P2),
    ] {
        let calm = ordinary().urgency(urgency, 0.95);
        assert_eq!(decide(&calm).priority, before);
        assert_eq!(decide(&calm.signal("public_threat")).priority, after, "{urgency}");
    }
    // A low urgency is held at normal by the rule, and then raised.
    let decision = decide(&ordinary().urgency("low", 0.95).signal("public_threat"));
    assert_eq!(decision.priority, Priority::P2);
    let why = reason(&decision, RuleName::PublicThreat);
    assert_eq!(why.effect, "priority P3 -> P2");
    assert!(why.text.ends_with("so priority rises from P3 to P2"), "{}", why.text);
}

#[test]
fn threats_and_reach_together_raise_once() {
    let policy = with(
        r#"matrix.medium = { normal = "P4", low = "P5" }
           matrix.low = { normal = "P5" }"#,
    );
    let facts =
        ordinary().sentiment("very_negative", 0.9).post(Some(50_000)).signal("public_threat").signal("churn_threat");
    let decision = policy.decide(&facts);
    assert_eq!(decision.priority, Priority::P3);
    assert_eq!(reason(&decision, RuleName::PublicThreat).effect, "priority P4 -> P3");
    assert_eq!(reason(&decision, RuleName::SocialReach).effect, "none");
}

#[test]
fn a_threat_to_leave_is_a_hint_and_with_rage_a_high_risk() {
    for (sentiment, risk, priority) in [
        ("neutral", ChurnRisk::Medium, Priority::P3),
        ("negative", ChurnRisk::Medium, Priority::P3),
        ("very_negative", ChurnRisk::High, Priority::P2),
    ] {
        let decision = decide(&ordinary().sentiment(sentiment, 0.9).signal("churn_threat"));
        assert_eq!((decision.churn_risk, decision.priority), (risk, priority), "{sentiment}");
        assert!(decision.handling.hints.contains(&"retention".to_owned()));
    }
}

#[test]
fn causes_of_a_raise_can_be_switched_off() {
    let policy = with("uplift.causes = []");
    let decision = policy.decide(&ordinary().signal("public_threat"));
    assert_eq!(decision.priority, Priority::P3);
    assert!(has(&decision, RuleName::PublicThreat));
}

#[test]
fn a_negative_post_counts_by_its_audience() {
    for (reach, impact, priority, marked) in [
        (None, Impact::Medium, Priority::P3, false),
        (Some(0), Impact::Medium, Priority::P3, false),
        (Some(1_999), Impact::Medium, Priority::P3, false),
        (Some(2_000), Impact::Medium, Priority::P3, true),
        (Some(9_999), Impact::Medium, Priority::P3, true),
        (Some(10_000), Impact::Medium, Priority::P2, true),
        (Some(99_999), Impact::Medium, Priority::P2, true),
        (Some(100_000), Impact::High, Priority::P2, true),
        (Some(u64::MAX), Impact::High, Priority::P2, true),
    ] {
        let decision = decide(&ordinary().sentiment("negative", 0.9).post(reach));
        assert_eq!((decision.impact, decision.priority), (impact, priority), "{reach:?}");
        assert_eq!(has(&decision, RuleName::SocialReach), marked, "{reach:?}");
    }
}

#[test]
fn the_audience_of_private_or_friendly_messages_does_not_count() {
    let friendly = decide(&ordinary().post(Some(1_000_000)));
    assert_eq!((friendly.impact, friendly.priority), (Impact::Medium, Priority::P3));
    let mut private = ordinary().sentiment("negative", 0.9).post(Some(1_000_000));
    private.public_post = false;
    assert_eq!(decide(&private).impact, Impact::Medium);
}

#[test]
fn an_unknown_audience_is_338() {
    let policy = shipped();
    assert_eq!(policy.reach(&ordinary().post(None)), Some(338));
    assert_eq!(policy.reach(&ordinary().post(Some(5))), Some(5));
    assert_eq!(policy.reach(&ordinary()), None);
    let assumed = with("social = { assumed_reach = 20000 }");
    let decision = assumed.decide(&ordinary().sentiment("negative", 0.9).post(None));
    assert_eq!(decision.priority, Priority::P2);
}

#[test]
fn important_customers_have_high_impact() {
    for (tier, impact) in [
        ("vip", Impact::High),
        ("VIP", Impact::High),
        ("Enterprise", Impact::High),
        ("standard", Impact::Medium),
        ("", Impact::Medium),
    ] {
        assert_eq!(decide(&ordinary().tier(tier)).impact, impact, "{tier}");
    }
}

#[test]
fn each_further_cause_adds_to_the_impact_score() {
    let score = |facts: &Facts| decide(facts).impact_score;
    let close = |left: f64, right: f64| (left - right).abs() < 1e-9;
    assert!(close(score(&ordinary().topic("other", 0.9)), 0.25));
    assert!(close(score(&ordinary()), 0.5));
    assert!(close(score(&ordinary().tier("vip")), 0.75));
    assert!(close(score(&ordinary().tier("vip").signal("legal_threat")), 0.8));
}

#[test]
fn vulnerable_people_get_a_person_and_keep_their_priority() {
    let decision = decide(&ordinary().signal("vulnerable"));
    assert!(decision.handling.human_required);
    assert_eq!(decision.priority, Priority::P3);
}

#[test]
fn sentiment_alone_never_makes_urgency_high() {
    for sentiment in ["very_negative", "negative", "neutral", "positive", "very_positive"] {
        for confidence in [0.3, 0.99] {
            let facts = ordinary().sentiment(sentiment, confidence).emotion("anger", 0.99);
            let decision = decide(&facts);
            assert_eq!(decision.urgency, Urgency::Normal, "{sentiment}");
            assert_eq!(decision.priority, Priority::P3, "{sentiment}");
        }
    }
}

#[test]
fn unknown_labels_match_nothing() {
    let facts = ordinary().topic("weather", 0.9).signal("no_such_signal").emotion("envy", 0.9).tier("platinum");
    let decision = decide(&facts);
    assert_eq!(decision.priority, Priority::P3);
    assert_eq!(decision.reasons.len(), 1, "{:?}", decision.reasons);
}

#[test]
fn words_alone_raise_and_the_reason_says_so_without_a_probability() {
    let phrase = |signal: &str, words: &str| {
        let mut facts = ordinary();
        facts.signals.push(Labelled { phrase: Some(words.to_owned()), ..Labelled::new(signal, 0.0) });
        decide(&facts)
    };
    let asked = phrase("human_request", "speak to a manager");
    let reason = asked.reasons.iter().find(|reason| reason.rule == RuleName::HumanRequest).unwrap();
    assert_eq!(reason.value, "speak to a manager");
    assert!(reason.text.contains("(the words \"speak to a manager\")"), "{}", reason.text);
    assert!(asked.handling.human_required);
    let alarm = phrase("deadline", "stranded");
    assert_eq!((alarm.urgency, alarm.priority), (Urgency::High, Priority::P2));
}

#[test]
fn shipped_phrases_are_found_in_their_languages() {
    let policy = shipped();
    for (text, signal) in [
        ("I'd like to speak to a manager, please", "human_request"),
        ("Ich möchte mit einem Vorgesetzten sprechen!", "human_request"),
        ("Il y a une odeur de gaz dans la cuisine", "danger"),
        ("Sigo sin respuesta…", "repeat_contact"),
        ("Mi rivolgo al mio avvocato.", "legal_threat"),
        ("Vou processar vocês", "legal_threat"),
        ("Er hangt een gaslucht in de gang", "safety"),
        ("We are STRANDED in Oslo", "deadline"),
    ] {
        let found = policy.find_phrases(None, text);
        assert!(found.iter().any(|hit| hit.signal == signal), "{text}: {found:?}");
    }
    assert_eq!(policy.find_phrases(Some("Thank you"), "All is well, lovely service."), []);
}
