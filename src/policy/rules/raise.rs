//! Rules that see something at stake: they raise urgency or impact, note what the priority must obey,
//! and shape the handling.

use super::super::case::{Case, Draft, evidence, rounded, said, shown, words};
use super::super::decision::{ChurnRisk, RuleName};
use super::super::levels::Urgency;
use super::super::settings::UpliftCause;

/// Sensitive matters need a person and a priority of at least P2 (R19); medical and financial ones
/// with negative sentiment have high impact (3b).
pub(super) fn sensitive_topic(case: &Case<'_>, draft: &mut Draft) {
    let rule = &case.settings.rules.sensitive;
    let signals = case.signals(&rule.signals);
    for found in signals.chain(case.topic_in(&rule.topics)) {
        let subject = words(found.label.strip_prefix("sensitive_").unwrap_or(&found.label));
        let text = format!("sensitive matter ({subject}): a person must handle it");
        let reason = draft.because(RuleName::SensitiveTopic, &found.label, evidence(found), said(text, found));
        draft.fired = true;
        draft.require_human(reason);
        if case.negative && rule.high_impact_signals.contains(&found.label) {
            draft.raise_impact(reason);
        }
        draft.floors.push((rule.at_least, reason));
    }
}

/// Safety of people makes the urgency critical (3b) and the priority P1 (3c).
pub(super) fn safety(case: &Case<'_>, draft: &mut Draft) {
    let rule = &case.settings.rules.safety;
    if let Some(found) = case.signal(&rule.signals) {
        let text = "the safety of people may be at stake";
        let reason = draft.because(RuleName::Safety, &found.label, evidence(found), said(text, found));
        draft.fired = true;
        draft.raise_urgency(reason, rule.urgency);
        draft.floors.push((rule.at_least, reason));
        draft.hint("safety_first");
    }
}

/// Fraud that is going on makes the urgency critical (3b).
pub(super) fn running_fraud(case: &Case<'_>, draft: &mut Draft) {
    let rule = &case.settings.rules.running_fraud;
    if case.model_urgency >= rule.from_urgency
        && let Some(topic) = case.topic_in(&rule.topics)
        && case.signal(&rule.signals).is_some()
    {
        let text = "fraud may be going on at this moment";
        let reason = draft.because(RuleName::RunningFraud, &topic.label, shown(topic.score), text);
        draft.fired = true;
        draft.raise_urgency(reason, rule.urgency);
    }
}

/// Who asks for a person gets one, soon where a problem is open (3b, 3c).
pub(super) fn human_request(case: &Case<'_>, draft: &mut Draft) {
    let rule = &case.settings.rules.human_request;
    let Some(found) = case.signal(&rule.signals) else {
        return;
    };
    let open = has_open_problem(case, draft);
    let text =
        if open { "the customer asks for a person and has an open problem" } else { "the customer asks for a person" };
    let reason = draft.because(RuleName::HumanRequest, &found.label, evidence(found), said(text, found));
    draft.fired = true;
    draft.require_human(reason);
    if open {
        draft.raise_urgency(reason, rule.urgency);
    }
}

/// A problem is open unless the urgency is surely low, or the topic has nothing at stake and neither
/// negative sentiment nor a signal such as a repeated contact speaks against it.
pub(super) fn has_open_problem(case: &Case<'_>, draft: &Draft) -> bool {
    let settings = &case.settings.impact;
    let pressing = draft.urgency > Urgency::Low || !case.low_is_sure;
    let idle = case.idle_topic().is_some() && !case.negative && case.signal(&settings.open_problem_signals).is_none();
    pressing && !idle
}

/// Words of danger, of an outage or of a deadline make the urgency at least high (3b).
pub(super) fn alarm_phrase(case: &Case<'_>, draft: &mut Draft) {
    let rule = &case.settings.rules.alarm_phrase;
    if let Some(found) = case.signal(&rule.signals) {
        let text = format!("the message speaks of {}", words(&found.label));
        let reason = draft.because(RuleName::AlarmPhrase, &found.label, evidence(found), said(text, found));
        draft.fired = true;
        draft.raise_urgency(reason, rule.urgency);
    }
}

/// A legal threat has high impact and needs a person (3c).
pub(super) fn legal_threat(case: &Case<'_>, draft: &mut Draft) {
    if let Some(found) = case.signal(&case.settings.rules.legal_threat.signals) {
        let text = "the customer speaks of lawyers, courts or a regulator";
        let reason = draft.because(RuleName::LegalThreat, &found.label, evidence(found), said(text, found));
        draft.fired = true;
        draft.require_human(reason);
        draft.raise_impact(reason);
        draft.hint("legal");
    }
}

/// A threat to publish raises by a level (R54, 3c).
pub(super) fn public_threat(case: &Case<'_>, draft: &mut Draft) {
    if let Some(found) = case.signal(&case.settings.rules.public_threat.signals) {
        let text = "the customer threatens to make it public or to go to the press";
        let reason = draft.because(RuleName::PublicThreat, &found.label, evidence(found), said(text, found));
        draft.fired = true;
        draft.hint("reputation_risk");
        request_uplift(case, draft, UpliftCause::PublicThreat, reason);
    }
}

/// A threat to leave is a churn risk; with a very negative message a high one, which raises by a
/// level (R32, 3b).
pub(super) fn churn_threat(case: &Case<'_>, draft: &mut Draft) {
    if let Some(found) = case.signal(&case.settings.rules.churn_threat.signals) {
        let (risk, text) = if case.very_negative {
            (ChurnRisk::High, "the customer threatens to leave, in a very negative message")
        } else {
            (ChurnRisk::Medium, "the customer threatens to leave")
        };
        let reason = draft.because(RuleName::ChurnThreat, &found.label, evidence(found), said(text, found));
        draft.fired = true;
        draft.hint("retention");
        draft.raise_churn_risk(reason, risk);
        if risk == ChurnRisk::High {
            request_uplift(case, draft, UpliftCause::ChurnRisk, reason);
        }
    }
}

/// Negative public posts count by their audience (R53, 3b).
pub(super) fn social_reach(case: &Case<'_>, draft: &mut Draft) {
    let bands = &case.settings.social;
    if !case.facts.public_post || !case.negative {
        return;
    }
    let reach = case.facts.reach.unwrap_or(bands.assumed_reach);
    if reach < bands.notable_from {
        return;
    }
    let text = format!("negative public post with an audience of {reach}");
    let reason = draft.because(RuleName::SocialReach, "reach", reach, text);
    draft.hint("reputation_risk");
    if reach >= bands.very_wide_from {
        draft.fired = true;
        draft.raise_impact(reason);
    } else if reach >= bands.wide_from {
        draft.fired = true;
        request_uplift(case, draft, UpliftCause::SocialReach, reason);
    }
}

/// Customers of some tiers have high impact (R39).
pub(super) fn customer_tier(case: &Case<'_>, draft: &mut Draft) {
    let tiers = &case.settings.impact.high_tiers;
    let Some(tier) = case.facts.tier.as_deref() else {
        return;
    };
    if tiers.iter().any(|known| known.to_lowercase() == tier.to_lowercase()) {
        let text = format!("customer of tier {tier}");
        let reason = draft.because(RuleName::CustomerTier, "tier", tier, text);
        draft.raise_impact(reason);
    }
}

/// Vulnerable people get a person; no row of the requirements gives them another priority.
pub(super) fn vulnerable(case: &Case<'_>, draft: &mut Draft) {
    if let Some(found) = case.signal(&case.settings.rules.vulnerable.signals) {
        let text = "a vulnerable person is concerned: a person must handle it";
        let reason = draft.because(RuleName::Vulnerable, &found.label, evidence(found), said(text, found));
        draft.fired = true;
        draft.require_human(reason);
        draft.hint("vulnerable_customer");
    }
}

/// Anger and very negative messages need experience and de-escalation, not a faster clock (R25,
/// R27); a very negative one is at least a medium churn risk (R32).
pub(super) fn conflict(case: &Case<'_>, draft: &mut Draft) {
    let anger = case.emotion_in(&case.settings.rules.conflict.emotions).filter(|_| case.negative);
    let sentiment = &case.facts.sentiment;
    let reason = if case.very_negative {
        let text = "the message is very negative: de-escalate";
        draft.because(RuleName::Conflict, "sentiment", rounded_sentiment(sentiment.score), text)
    } else if let Some(anger) = anger {
        let text = format!("the message shows {}: de-escalate", words(&anger.label));
        draft.because(RuleName::Conflict, &anger.label, shown(anger.score), text)
    } else {
        return;
    };
    draft.senior_human = true;
    draft.effect(reason, "senior_human");
    draft.hint("de_escalate");
    draft.skills.push("de_escalation".to_owned());
    if case.very_negative {
        draft.raise_churn_risk(reason, ChurnRisk::Medium);
    }
}

/// Strong feelings are acknowledged before the matter is solved (R26): a hint, so no reason.
pub(super) fn acknowledge(case: &Case<'_>, draft: &mut Draft) {
    if case.emotion_in(&case.settings.rules.conflict.acknowledge_emotions).is_some() {
        draft.hint("acknowledge_first");
    }
}

/// Notes that `reason` raises by a level, if the settings count its cause.
pub(super) fn request_uplift(case: &Case<'_>, draft: &mut Draft, by: UpliftCause, reason: usize) {
    if case.settings.uplift.causes.contains(&by) {
        draft.uplifts.push(reason);
    }
}

/// A sentiment of -1 to 1 with four decimals; 0 where it is not finite.
fn rounded_sentiment(score: f64) -> f64 {
    if score.is_finite() { rounded(score.clamp(-1.0, 1.0)) } else { 0.0 }
}
