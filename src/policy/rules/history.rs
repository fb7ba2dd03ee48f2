//! Rules about what came before: earlier contacts, the course of the conversation, what an agent has decided.

use super::super::case::{Case, Draft, words};
use super::super::decision::{ChurnRisk, RuleName};
use super::super::settings::UpliftCause;
use super::raise::{has_open_problem, request_uplift};

/// Three bad experiences and most customers are gone (R31).
pub(super) fn three_strikes(case: &Case<'_>, draft: &mut Draft) {
    let history = &case.facts.history;
    let (count, days) = (history.negative_contacts, history.negative_span_days);
    if !case.negative || count < case.settings.rules.three_strikes.from {
        return;
    }
    let text = format!("{} negative contact in {}", ordinal(count), plural(days, "day"));
    let reason = draft.because(RuleName::ThreeStrikes, "negative_contacts", count, text);
    draft.fired = true;
    draft.senior_human = true;
    draft.effect(reason, "senior_human");
    draft.raise_churn_risk(reason, ChurnRisk::High);
    let cool_down = case.settings.rules.three_strikes.cool_down_hours;
    if !cools_down(case, draft, RuleName::ThreeStrikes, cool_down, reason) {
        request_uplift(case, draft, UpliftCause::ThreeStrikes, reason);
    }
}

/// The same matter again is marked, and raises from the third contact on (R34, 3c).
pub(super) fn repeat_contact(case: &Case<'_>, draft: &mut Draft) {
    let (count, topic) = match (&case.topic, case.facts.history.same_topic_contacts) {
        (Some(topic), count @ 2..) => (count, words(&topic.label)),
        _ => return,
    };
    let days = case.settings.history.repeat_days;
    let text = format!("{} contact about {topic} within {}", ordinal(count), plural(days, "day"));
    let reason = draft.because(RuleName::RepeatContact, "same_topic_contacts", count, text);
    draft.hint("repeat_contact");
    if count >= case.settings.rules.repeat_contact.from {
        draft.fired = true;
        let cool_down = case.settings.rules.repeat_contact.cool_down_hours;
        if !cools_down(case, draft, RuleName::RepeatContact, cool_down, reason) {
            request_uplift(case, draft, UpliftCause::RepeatContact, reason);
        }
    }
}

/// Whether the rule has raised another conversation of this customer lately; then the reason says so.
fn cools_down(case: &Case<'_>, draft: &mut Draft, rule: RuleName, cool_down_hours: u32, reason: usize) -> bool {
    let ago = case.facts.history.raised_hours_ago.get(&rule).copied();
    let cooling = ago.is_some_and(|ago| ago < f64::from(cool_down_hours));
    if cooling {
        let text = format!(", which has raised another conversation within {}", plural(cool_down_hours, "hour"));
        draft.say(reason, &text);
    }
    cooling
}

/// A conversation in which nothing gets better (3c).
pub(super) fn consecutive_negatives(case: &Case<'_>, draft: &mut Draft) {
    let count = case.facts.history.negatives_in_row;
    if !case.negative || count < case.settings.rules.consecutive_negatives.from {
        return;
    }
    let text = format!("{} negative message in a row", ordinal(count));
    let reason = draft.because(RuleName::ConsecutiveNegatives, "negatives_in_row", count, text);
    draft.fired = true;
    request_uplift(case, draft, UpliftCause::ConsecutiveNegatives, reason);
}

/// A mood that falls while a problem is open (R43, 3b).
pub(super) fn sentiment_drop(case: &Case<'_>, draft: &mut Draft) {
    let levels = case.facts.history.sentiment_drop;
    if levels < case.settings.rules.sentiment_drop.levels || !has_open_problem(case, draft) {
        return;
    }
    let text = format!("the mood has fallen by {} since the conversation began", plural(levels, "level"));
    let reason = draft.because(RuleName::SentimentDrop, "sentiment_drop", levels, text);
    draft.fired = true;
    request_uplift(case, draft, UpliftCause::SentimentDrop, reason);
}

/// Who has had to do much is told to the agent (R47): a hint, so no reason.
pub(super) fn effort(case: &Case<'_>, draft: &mut Draft) {
    if case.effort() >= case.settings.effort.high_from {
        draft.hint("high_effort");
    }
}

/// Good experience before makes a customer stay (R33): the churn risk falls by a level, the priority does not.
pub(super) fn forgiveness(case: &Case<'_>, draft: &mut Draft) {
    let goodwill = case.facts.history.goodwill;
    let lower = match draft.churn_risk {
        ChurnRisk::High => ChurnRisk::Medium,
        ChurnRisk::Medium => ChurnRisk::Low,
        ChurnRisk::Low => return,
    };
    if goodwill < case.settings.rules.forgiveness.goodwill_from {
        return;
    }
    let text = "the customer has had good experiences lately";
    let reason = draft.because(RuleName::Forgiveness, "goodwill", goodwill, text);
    draft.effect(reason, format!("churn_risk {} -> {}", draft.churn_risk.as_str(), lower.as_str()));
    draft.churn_risk = lower;
}

/// A conversation's priority rises at once and falls only after calmer messages (3c).
pub(super) fn never_flap(case: &Case<'_>, draft: &mut Draft) {
    let history = &case.facts.history;
    let Some(previous) = history.previous.filter(|previous| *previous < draft.priority) else { return };
    draft.held = true;
    let (calmer, needed) = (history.calmer_before.saturating_add(1), case.settings.rules.never_flap.calmer_messages);
    if calmer >= needed {
        draft.held = false;
        return;
    }
    let text = format!(
        "the conversation stays at {previous}: by itself this message would be {}, {} of {needed} calmer messages",
        draft.priority,
        ordinal(calmer)
    );
    let reason = draft.because(RuleName::NeverFlap, "previous", previous.as_str(), text);
    draft.effect(reason, format!("priority {} -> {previous}", draft.priority));
    draft.priority = previous;
}

/// What an agent decided wins until the conversation is closed (3c).
pub(super) fn agent_override(case: &Case<'_>, draft: &mut Draft) {
    let Some(priority) = case.facts.history.agent_priority else { return };
    let text = format!("an agent has set {priority}; the policy alone says {}", draft.priority);
    let reason = draft.because(RuleName::AgentOverride, "agent_priority", priority.as_str(), text);
    if priority != draft.priority {
        draft.effect(reason, format!("priority {} -> {priority}", draft.priority));
        draft.priority = priority;
    }
}

/// `third`, `4th`, …
fn ordinal(count: u32) -> String {
    match count {
        1 => "first".to_owned(),
        2 => "second".to_owned(),
        3 => "third".to_owned(),
        _ => {
            let suffix = match (count % 100, count % 10) {
                (11..=13, _) => "th",
                (_, 1) => "st",
                (_, 2) => "nd",
                (_, 3) => "rd",
                _ => "th",
            };
            format!("{count}{suffix}")
        }
    }
}

/// `1 day`, `12 days`.
fn plural(count: u32, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}
