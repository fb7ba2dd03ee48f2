//! Properties over arbitrary facts, times and targets.

use std::sync::LazyLock;

use jiff::SignedDuration;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;

static SHIPPED: LazyLock<Policy> = LazyLock::new(shipped);

/// Calendars that are awkward in one way or another.
static CALENDARS: LazyLock<Vec<Policy>> = LazyLock::new(|| {
    [
        "",
        "time_zone = \"Europe/Berlin\"\nhours.sunday = [\"01:00-02:45\", \"03:00-05:00\"]",
        "time_zone = \"America/New_York\"\nhours.sunday = [\"00:00-24:00\"]\nhours.monday = [\"00:00-01:30\", \"01:30-24:00\"]",
        "time_zone = \"America/Havana\"\nhours.saturday = [\"22:00-24:00\"]\nhours.sunday = [\"00:00-02:00\"]",
        "time_zone = \"Pacific/Apia\"\nholidays = [\"2026-01-01\", \"2026-12-25\"]",
        "time_zone = \"Australia/Lord_Howe\"\nhours.sunday = [\"01:45-02:15\", \"02:15-03:00\"]",
    ]
    .into_iter()
    .map(|calendar| with(&format!("[calendars.default]\n{calendar}")))
    .collect()
});

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![8 => 0.0..=1.0, 1 => any::<f64>(), 1 => select(vec![0.6, 0.8, 0.5])]
}

fn label(known: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop_oneof![9 => select(known).prop_map(str::to_owned), 1 => ".{0,8}"]
}

const SENTIMENTS: &[&str] = &["very_negative", "negative", "neutral", "positive", "very_positive"];
const URGENCIES: &[&str] = &["low", "normal", "high", "critical"];
const EMOTIONS: &[&str] = &["anger", "frustration", "joy", "gratitude", "sadness"];
const TOPICS: &[&str] = &["billing", "security_fraud", "feedback", "product_question", "other", "outage"];
const SIGNALS: &[&str] = &[
    "human_request",
    "churn_threat",
    "public_threat",
    "legal_threat",
    "repeat_contact",
    "sensitive_financial",
    "sensitive_medical",
    "safety",
    "vulnerable",
    "no_reply_needed",
];

fn any_scored(known: &'static [&'static str]) -> impl Strategy<Value = Scored> {
    (label(known), number(), number()).prop_map(|(label, score, confidence)| Scored {
        label,
        score,
        confidence,
        probabilities: Vec::new(),
    })
}

fn any_labelled(known: &'static [&'static str]) -> impl Strategy<Value = Labelled> {
    (label(known), number()).prop_map(|(label, score)| Labelled::new(label, score))
}

fn any_time() -> impl Strategy<Value = Timestamp> {
    prop_oneof![
        9 => 1_760_000_000_i64..1_830_000_000,
        1 => Timestamp::MIN.as_second()..Timestamp::MAX.as_second(),
    ]
    .prop_map(|second| Timestamp::from_second(second).unwrap())
}

fn any_facts() -> impl Strategy<Value = Facts> {
    let message = (
        label(&["email", "chat", "social"]),
        proptest::option::of(label(&["messaging", "sms", "form"])),
        proptest::option::of(label(&["vip", "enterprise", "basic"])),
        any::<bool>(),
        proptest::option::of(any::<u64>()),
        proptest::option::of((label(&["nps", "csat"]), any::<f64>(), proptest::option::of(number()))),
    );
    let scores = (
        any_scored(SENTIMENTS),
        any_scored(URGENCIES),
        proptest::collection::vec(any_labelled(EMOTIONS), 0..4),
        proptest::option::of(any_labelled(TOPICS)),
        proptest::collection::vec(any_labelled(SIGNALS), 0..4),
        any::<bool>(),
        any_time(),
    );
    (message, scores).prop_map(|(message, scores)| {
        let (channel, sub_channel, tier, public_post, reach, survey) = message;
        let (sentiment, urgency, emotions, topic, signals, language_supported, received_at) = scores;
        let survey = survey.map(|(kind, score, scale_max)| SurveyFacts { kind, score, scale_max });
        Facts {
            tenant: None,
            brand: None,
            channel,
            sub_channel,
            tier,
            public_post,
            reach,
            survey,
            sentiment,
            urgency,
            emotions,
            topic,
            signals,
            language_supported,
            received_at,
            history: HistoryFacts::default(),
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn decisions_hold_together(facts in any_facts()) {
        let decision = SHIPPED.decide(&facts);
        prop_assert_eq!(&decision, &SHIPPED.decide(&facts));
        let (lowest, highest) = decision.priority.band();
        prop_assert!((lowest..=highest).contains(&decision.score));
        prop_assert!(has(&decision, RuleName::Matrix));
        prop_assert!(decision.reasons.iter().all(|why| !why.text.is_empty() && !why.effect.is_empty()));
        prop_assert!((0.0..=1.0).contains(&decision.urgency_score));
        prop_assert!((0.0..=1.0).contains(&decision.impact_score));
        prop_assert_eq!(decision.review.needed, !decision.review.causes.is_empty());
        prop_assert!(decision.sla.first_response_due_at >= facts.received_at);
        if decision.handling.human_required || decision.review.needed {
            prop_assert!(decision.handling.route_class >= RouteClass::Human);
        }
        if !facts.language_supported {
            prop_assert!(decision.priority <= Priority::P3);
        }
        // Reasons stand in the order of evaluation.
        let order = |rule: RuleName| RuleName::ALL.iter().position(|known| *known == rule);
        prop_assert!(decision.reasons.is_sorted_by_key(|why| order(why.rule)));
        // Whatever is published is valid JSON and reads back as the same.
        let json = serde_json::to_string(&decision).unwrap();
        prop_assert_eq!(serde_json::from_str::<PriorityDecision>(&json).unwrap(), decision);
    }

    #[test]
    fn a_signal_never_lowers_unless_it_is_thanks(facts in any_facts(), signal in select(SIGNALS)) {
        let before = SHIPPED.decide(&facts);
        let after = SHIPPED.decide(&facts.signal(signal));
        if signal != "no_reply_needed" {
            prop_assert!(after.priority <= before.priority);
            prop_assert!(after.urgency >= before.urgency);
            prop_assert!(after.impact >= before.impact);
            prop_assert!(after.churn_risk >= before.churn_risk);
            prop_assert!(after.handling.route_class >= before.handling.route_class);
        }
    }

    #[test]
    fn higher_urgency_never_lowers(facts in any_facts(), low in 0_usize..4, high in 0_usize..4) {
        let (low, high) = (low.min(high), low.max(high));
        let priority = |level: usize| {
            let mut facts = facts.clone();
            facts.urgency.label = URGENCIES[level].to_owned();
            SHIPPED.decide(&facts).priority
        };
        prop_assert!(priority(high) <= priority(low));
    }

    #[test]
    fn less_confidence_in_low_urgency_never_lowers(facts in any_facts(), first in 0.0..=1.0, second in 0.0..=1.0) {
        let priority = |confidence: f64| {
            let mut facts = facts.clone();
            facts.urgency.confidence = confidence;
            SHIPPED.decide(&facts).priority
        };
        let (less, more) = if first < second { (first, second) } else { (second, first) };
        prop_assert!(priority(less) <= priority(more));
    }

    #[test]
    fn deadlines_are_monotone_in_time_and_target(
        calendar in 0_usize..6,
        from in 1_760_000_000_i64..1_830_000_000,
        later in 0_i64..400_000,
        minutes in 1_i64..6_000,
        more in 0_i64..6_000,
    ) {
        let calendar = &CALENDARS[calendar].calendars["default"];
        let add = |second: i64, minutes: i64| {
            let from = Timestamp::from_second(second).unwrap();
            calendar.add(from, SignedDuration::from_mins(minutes)).unwrap()
        };
        let due = add(from, minutes);
        prop_assert!(due <= add(from + later, minutes));
        prop_assert!(due <= add(from, minutes + more));
        prop_assert!(due.as_second() >= from + minutes * 60);
        // Counted in two steps it is the same moment.
        if more > 0 {
            let rest = calendar.add(due, SignedDuration::from_mins(more)).unwrap();
            prop_assert_eq!(rest, add(from, minutes + more));
        }
    }

    #[test]
    fn deadlines_follow_the_priority(from in any_time(), channel in select(vec!["email", "chat", "social", "fax"])) {
        for pair in Priority::ALL.windows(2) {
            let due = |priority| SHIPPED.due_by(channel, None, priority, from);
            if let (Some(sooner), Some(later)) = (due(pair[0]), due(pair[1])) {
                prop_assert!(sooner <= later);
            }
        }
    }

    #[test]
    fn any_text_is_a_policy_or_an_error(text in ".{0,200}") {
        if let Err(error) = Policy::from_toml(&text) {
            prop_assert!(!error.to_string().is_empty());
        }
    }

    #[test]
    fn any_change_to_the_shipped_file_is_a_policy_or_an_error(
        line in any::<prop::sample::Index>(),
        value in select(vec!["3", "-1", "nan", "\"\"", "\"P1\"", "\"x\"", "[]", "{}", "[\"x\"]", "1979-05-27"]),
        from in any::<prop::sample::Index>(),
    ) {
        let lines: Vec<&str> = load::SHIPPED.lines().filter(|line| !line.starts_with('#')).collect();
        let line = line.index(lines.len());
        // Part of the file, so that the spans of what is filled in do not fit the text.
        let from = from.index(line + 1);
        let key = lines[line].split_once('=').map_or("key", |(key, _)| key);
        let text = format!("{}\n{key} = {value}\n", lines[from..line].join("\n"));
        match Policy::from_toml(&text) {
            Ok(policy) => prop_assert!(has(&policy.decide(&ordinary()), RuleName::Matrix)),
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }
}
