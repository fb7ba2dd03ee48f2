//! Who handles a ticket, survey classes, churn risk.

use super::*;

fn route(facts: &Facts) -> RouteClass {
    decide(facts).handling.route_class
}

#[test]
fn simple_sure_questions_may_be_self_service() {
    let question = |topic: f64, urgency: f64| ordinary().topic("product_question", topic).urgency("low", urgency);
    assert_eq!(route(&question(0.80, 0.80)), RouteClass::SelfServiceCandidate);
    assert_eq!(route(&question(0.79, 0.95)), RouteClass::BotOk);
    assert_eq!(route(&question(0.95, 0.79)), RouteClass::BotOk);
    assert_eq!(route(&question(0.95, 0.95).topic("other", 0.95)), RouteClass::BotOk);
}

#[test]
fn machines_get_only_what_is_calm_sure_and_unimportant() {
    let calm = || ordinary().urgency("low", 0.95);
    assert_eq!(route(&calm()), RouteClass::BotOk);
    assert_eq!(route(&ordinary()), RouteClass::Human);
    assert_eq!(route(&calm().sentiment("negative", 0.9)), RouteClass::Human);
    assert_eq!(route(&calm().sentiment("neutral", 0.5)), RouteClass::Human);
    assert_eq!(route(&calm().signal("vulnerable")), RouteClass::Human);
    assert_eq!(route(&calm().tier("vip")), RouteClass::Human);
    assert_eq!(with("handling.bot_from = \"P3\"").decide(&ordinary()).handling.route_class, RouteClass::BotOk);
}

#[test]
fn conflict_needs_an_experienced_person_not_a_faster_clock() {
    for (sentiment, anger, senior) in
        [("very_negative", 0.0, true), ("negative", 0.50, true), ("negative", 0.49, false), ("neutral", 0.99, false)]
    {
        let decision = decide(&ordinary().sentiment(sentiment, 0.9).emotion("anger", anger));
        let handling = &decision.handling;
        assert_eq!(handling.route_class == RouteClass::SeniorHuman, senior, "{sentiment} {anger}");
        assert_eq!(handling.skills.contains(&"de_escalation".to_owned()), senior);
        assert_eq!(handling.hints.contains(&"de_escalate".to_owned()), senior);
        assert_eq!(decision.priority, Priority::P3);
    }
}

#[test]
fn feelings_are_acknowledged_first() {
    for (emotion, score, hint) in
        [("frustration", 0.50, true), ("frustration", 0.49, false), ("anxiety", 0.9, true), ("joy", 0.9, false)]
    {
        let handling = decide(&ordinary().emotion(emotion, score)).handling;
        assert_eq!(handling.hints.contains(&"acknowledge_first".to_owned()), hint, "{emotion}");
    }
}

#[test]
fn a_very_negative_message_is_at_least_a_medium_churn_risk() {
    for (sentiment, risk) in
        [("very_negative", ChurnRisk::Medium), ("negative", ChurnRisk::Low), ("positive", ChurnRisk::Low)]
    {
        assert_eq!(decide(&ordinary().sentiment(sentiment, 0.9)).churn_risk, risk, "{sentiment}");
    }
}

#[test]
fn a_call_is_suggested_in_a_crisis() {
    for (urgency, callback) in [("critical", true), ("high", false)] {
        let decision = decide(&ordinary().urgency(urgency, 0.9));
        assert_eq!(decision.handling.suggest_callback, callback, "{urgency}");
    }
}

#[test]
fn queues_come_from_the_table() {
    assert_eq!(decide(&ordinary()).handling.queue_hint, None);
    let policy = with("[handling.queues]\ntechnical_fault = \"second-line\"\n");
    let queue = |facts: &Facts| policy.decide(facts).handling.queue_hint;
    assert_eq!(queue(&ordinary()).as_deref(), Some("second-line"));
    assert_eq!(queue(&ordinary().topic("technical_fault", 0.49)), None);
    assert_eq!(queue(&ordinary().topic("billing", 0.9)), None);
}

#[test]
fn net_promoter_classes_are_computed_exactly() {
    let class = |kind: &str, score: f64, scale_max: Option<f64>| {
        let survey = Some(SurveyFacts { kind: kind.to_owned(), score, scale_max });
        decide(&Facts { survey, ..ordinary() }).nps_class
    };
    for score in 0..=10 {
        let expected = match score {
            0..=6 => NpsClass::Detractor,
            7 | 8 => NpsClass::Passive,
            _ => NpsClass::Promoter,
        };
        assert_eq!(class("nps", f64::from(score), None), Some(expected), "{score}");
    }
    assert_eq!(class("nps", 8.9, Some(10.0)), Some(NpsClass::Passive));
    for (kind, score, scale_max) in [
        ("csat", 9.0, None),
        ("nps", 11.0, None),
        ("nps", -1.0, None),
        ("nps", f64::NAN, None),
        ("nps", 5.0, Some(5.0)),
        ("nps", 5.0, Some(f64::NAN)),
    ] {
        assert_eq!(class(kind, score, scale_max), None, "{kind} {score} {scale_max:?}");
    }
}
