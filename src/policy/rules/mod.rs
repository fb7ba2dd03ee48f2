//! The rules, each a small function over the message and the decision in the making.
//!
//! [`RULES`] is the order of evaluation and so the order of `reasons`. The rules before
//! [`matrix`] settle urgency and impact and note what the priority must obey; those after it apply
//! that to the priority.

mod history;
mod lower;
mod raise;

use super::case::{Case, Draft, seen, words};
use super::decision::RuleName;

/// A rule.
pub(super) type Rule = fn(&Case<'_>, &mut Draft);

/// All rules in the order of evaluation.
pub(super) const RULES: [Rule; 30] = [
    raise::sensitive_topic,
    raise::safety,
    raise::running_fraud,
    raise::human_request,
    raise::alarm_phrase,
    raise::legal_threat,
    raise::public_threat,
    raise::churn_threat,
    raise::social_reach,
    raise::customer_tier,
    raise::vulnerable,
    raise::conflict,
    raise::acknowledge,
    history::three_strikes,
    history::repeat_contact,
    history::consecutive_negatives,
    history::sentiment_drop,
    history::effort,
    history::forgiveness,
    lower::low_confidence,
    lower::unsupported_language,
    lower::nothing_at_stake,
    lower::urgency_offset,
    lower::downgrade_held,
    matrix,
    uplift,
    floors,
    lower::thanks,
    history::never_flap,
    history::agent_override,
];

/// Impact and urgency make the priority (3b).
fn matrix(case: &Case<'_>, draft: &mut Draft) {
    let (urgency, impact) = (draft.urgency, draft.impact);
    draft.priority = case.settings.matrix.cell(impact, urgency);
    let topic = case.facts.topic.as_ref();
    let topic = topic.map(|topic| format!(", topic {}", words(&topic.label))).unwrap_or_default();
    let text = format!(
        "{urgency} urgency and {impact} impact make it {}; the model saw {} and {}{topic}",
        draft.priority,
        seen(&case.facts.urgency, "urgency"),
        seen(&case.facts.sentiment, "sentiment"),
    );
    let value = serde_json::json!({ "impact": impact.as_str(), "urgency": urgency.as_str() });
    let reason = draft.because(RuleName::Matrix, "impact_and_urgency", value, text);
    draft.effect(reason, format!("priority {}", draft.priority));
}

/// All causes together raise once, and never beyond P2 (3b).
fn uplift(case: &Case<'_>, draft: &mut Draft) {
    let settings = &case.settings.uplift;
    if let Some(&reason) = draft.uplifts.first() {
        let raised = draft.priority.raised(settings.levels).max(settings.not_above);
        draft.raise_priority(reason, raised);
    }
}

/// No priority below what a rule demands (3c, sensitive topic).
fn floors(_: &Case<'_>, draft: &mut Draft) {
    let highest = draft.floors.iter().min_by_key(|(at_least, _)| *at_least);
    if let Some(&(at_least, reason)) = highest {
        draft.raise_priority(reason, at_least);
    }
}
