//! Rules about doubt and about what may be lowered; see "Lowered only when sure" in
//! [`policy`](super::super).

use super::super::case::{Case, Draft, evidence, percent, said, shown, words};
use super::super::decision::{ReviewCause, RuleName};
use super::super::levels::{Impact, Urgency};

/// An unsure model means a review; it never lowers the priority (R22, 3c).
pub(super) fn low_confidence(case: &Case<'_>, draft: &mut Draft) {
    let confidence = &case.settings.confidence;
    if case.urgency_side < confidence.review_below {
        let side = side_of(&confidence.urgency_sides, &case.facts.urgency.label);
        let text = doubt("urgency", &side, case.urgency_known, case.urgency_side);
        let reason = draft.because(RuleName::LowConfidence, "urgency", shown(case.urgency_side), text);
        draft.review(reason, ReviewCause::LowConfidenceUrgency);
    }
    // In another language there is no sentiment by design; `unsupported_language` says so.
    let answered = case.sentiment_known || case.facts.language_supported;
    if answered && case.sentiment_side < confidence.review_below {
        let side = side_of(&confidence.sentiment_sides, &case.facts.sentiment.label);
        let text = doubt("sentiment", &side, case.sentiment_known, case.sentiment_side);
        let reason = draft.because(RuleName::LowConfidence, "sentiment", shown(case.sentiment_side), text);
        draft.review(reason, ReviewCause::LowConfidenceSentiment);
    }
}

/// The labels of a label's side, as a reader says them: "high or critical".
fn side_of(sides: &[Vec<String>], label: &str) -> String {
    match sides.iter().find(|side| side.iter().any(|known| known == label)) {
        Some(side) => side.iter().map(|label| words(label)).collect::<Vec<_>>().join(" or "),
        None => words(label),
    }
}

/// Why a class should be checked, as a sentence.
fn doubt(noun: &str, side: &str, known: bool, confidence: f64) -> String {
    if known {
        let sure = percent(confidence);
        format!("the model is only {sure} sure that the {noun} is {side}: a person should check")
    } else {
        format!("the model gave no {noun} that the policy knows: a person should check")
    }
}

/// Scores in a language the model was not made for are checked, and lower nothing (R70).
pub(super) fn unsupported_language(case: &Case<'_>, draft: &mut Draft) {
    if !case.facts.language_supported {
        let text = "the model was not made for this language: a person should check";
        let reason = draft.because(RuleName::UnsupportedLanguage, "language", false, text);
        draft.review(reason, ReviewCause::UnsupportedLanguage);
        draft.floors.push((case.settings.unsupported_language.at_least, reason));
    }
}

/// Praise, chit-chat, suggestions and general questions have low impact, where the model is sure,
/// the sentiment is not negative and no rule fired (3b).
pub(super) fn nothing_at_stake(case: &Case<'_>, draft: &mut Draft) {
    let sure = case.facts.language_supported && (case.is_sure() || case.is_appreciation());
    if draft.fired || case.negative || !sure || draft.impact != Impact::Medium {
        return;
    }
    if let Some(topic) = case.idle_topic() {
        let text = format!("nothing of the customer's own seems at stake (topic {})", words(&topic.label));
        let reason = draft.because(RuleName::NothingAtStake, &topic.label, shown(topic.score), text);
        draft.effect(reason, "impact medium -> low");
        draft.impact = Impact::Low;
    }
}

/// The sub-channel may move the model's urgency (R10): up always, down only where the model is sure,
/// not critical, and no rule fired.
pub(super) fn urgency_offset(case: &Case<'_>, draft: &mut Draft) {
    let Some(sub_channel) = case.facts.sub_channel.as_deref() else {
        return;
    };
    let offsets = &case.settings.urgency.sub_channel_offsets;
    let offset = offsets.get(sub_channel).copied().unwrap_or(0);
    let moved = case.model_urgency.shifted(offset);
    let text = format!("messages of sub-channel {sub_channel} are moved by {offset:+}");
    if offset > 0 && moved > draft.urgency {
        let reason = draft.because(RuleName::UrgencyOffset, "sub_channel", sub_channel, text);
        draft.raise_urgency(reason, moved);
    } else if offset < 0
        && moved < draft.urgency
        && !draft.fired
        && case.facts.language_supported
        && case.model_urgency != Urgency::Critical
        && case.urgency_confidence >= case.settings.confidence.downgrade_from
    {
        let reason = draft.because(RuleName::UrgencyOffset, "sub_channel", sub_channel, text);
        draft.effect(reason, format!("urgency {} -> {moved}", draft.urgency));
        draft.urgency = moved;
    }
}

/// Low urgency is taken over only where the model is sure and no rule fired (3c, auto-downgrade).
pub(super) fn downgrade_held(case: &Case<'_>, draft: &mut Draft) {
    if draft.urgency != Urgency::Low || case.model_urgency != Urgency::Low {
        return;
    }
    let why = if draft.fired {
        "because of the rules above".to_owned()
    } else if !case.facts.language_supported {
        "because the model was not made for this language".to_owned()
    } else if !case.low_is_sure {
        format!("because the model is only {} sure of it", percent(case.urgency_confidence))
    } else {
        return;
    };
    let text = format!("low urgency counts as normal, {why}");
    let value = shown(case.urgency_confidence);
    let reason = draft.because(RuleName::DowngradeHeld, "urgency", value, text);
    draft.effect(reason, "urgency low -> normal");
    draft.urgency = Urgency::Normal;
}

/// Thanks that need no reply wait longest (3c), unless a rule fired or the urgency is high.
pub(super) fn thanks(case: &Case<'_>, draft: &mut Draft) {
    let rule = &case.settings.rules.thanks;
    let calm = case.model_urgency.max(draft.urgency) <= Urgency::Normal;
    if draft.fired || !calm || !case.positive || !case.facts.language_supported {
        return;
    }
    if let Some(found) = case.signal(&rule.signals) {
        let text = "friendly message that needs no reply";
        let reason = draft.because(RuleName::Thanks, &found.label, evidence(found), said(text, found));
        draft.effect(reason, "no_reply_needed");
        draft.no_reply_needed = true;
        if draft.priority < rule.priority {
            draft.effect(reason, format!("priority {} -> {}", draft.priority, rule.priority));
            draft.say(reason, &format!(", so it becomes {}", rule.priority));
            draft.priority = rule.priority;
        }
    }
}
