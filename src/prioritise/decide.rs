//! From a scored message and what is remembered of its customer to a ticket. Pure but for `now`, which only
//! `triaged_at` shows.

use jiff::Timestamp;

use crate::history::{Arrival, ClockTags, Customer, Incoming, Profile};
use crate::message::filter::FilterReason;
use crate::message::{SocialKind, Visibility};
use crate::model::{LabelScore, OrdinalScores};
use crate::policy::{Facts, HistoryFacts, Labelled, Policy, Scored, SurveyFacts};
use crate::ticket::{ScoredMessage, Ticket};

/// What becomes of a scored message.
#[derive(Debug)]
pub enum Decided {
    /// A ticket.
    Ticket(Box<Ticket>),
    /// No ticket, and why; the evidence is a name and a value.
    Filtered(FilterReason, &'static str, String),
}

/// The ticket of a message whose customer nothing is known of.
pub fn ticket_of_stranger(scored: ScoredMessage, policy: &Policy, now: Timestamp) -> Ticket {
    let received_at = scored.message.received_at;
    let mut customer = Customer::default();
    match decide(scored.clone(), &mut customer, policy, now) {
        Decided::Ticket(ticket) => *ticket,
        // A stranger's first message is neither a duplicate nor a loop; were it so, it would still be decided on.
        Decided::Filtered(..) => {
            let facts = facts(&scored, HistoryFacts::default(), received_at);
            let (decision, reach) = (policy.decide(&facts), policy.reach(&facts));
            Ticket::new(scored, decision, facts.history, reach, policy, now)
        }
    }
}

/// Counts a scored message into its customer's history and applies the policy.
pub fn decide(mut scored: ScoredMessage, customer: &mut Customer, policy: &Policy, now: Timestamp) -> Decided {
    if let Some(profile) = &customer.profile {
        enrich(&mut scored, profile);
    }
    let received_ms = scored.message.received_at.as_millisecond();
    // History goes by the broker's time, deadlines by the company's. (architecture.md, decision 16)
    let at_ms = scored.source.timestamp.map_or(received_ms, Timestamp::as_millisecond);
    let message = &scored.message;
    let (id, conversation) = (message.id.clone(), message.conversation_id.clone());
    let topic = scored.scores.topics.first().filter(|topic| policy.topic_counts(topic.score));
    let topic = topic.map(|topic| topic.label.clone());
    let sentiment = scored.scores.sentiment.label.clone();
    let incoming = Incoming {
        at_ms,
        received_ms,
        id: &id,
        conversation: &conversation,
        channel: message.channel,
        topic: topic.as_deref(),
        sentiment: &sentiment,
        score: scored.scores.sentiment.score,
        fingerprint: scored.fingerprint,
    };
    let history = match customer.arrive(&incoming, policy.history()) {
        Arrival::Known(history) => *history,
        Arrival::Duplicate => return Decided::Filtered(FilterReason::Duplicate, "id", id),
        Arrival::Loop { mails } => {
            let value = format!("{mails} within {} minutes", policy.history().loop_minutes);
            return Decided::Filtered(FilterReason::Loop, "mails_alike", value);
        }
    };
    let since = customer.waiting_since(&conversation).and_then(|ms| Timestamp::from_millisecond(ms).ok());
    let received_at = since.map_or(message.received_at, |since| since.min(message.received_at));
    let mut facts = facts(&scored, history, received_at);
    add_phrases(&mut facts, &scored, policy);
    let decision = policy.decide(&facts);
    let tags = ClockTags {
        tenant: message.tenant.as_deref(),
        brand: message.brand.as_deref(),
        sub_channel: message.sub_channel.as_deref(),
    };
    let revision = customer.decided(&incoming, &decision, tags);
    let reach = policy.reach(&facts);
    let policy = policy.of(facts.tenant.as_deref(), facts.brand.as_deref());
    let mut ticket = Ticket::new(scored, decision, facts.history, reach, policy, now);
    ticket.revision = revision;
    Decided::Ticket(Box::new(ticket))
}

/// Adds the signals that only phrases tell. Where the text is there this policy's own phrases are looked for, so that
/// a replay sees them too.
fn add_phrases(facts: &mut Facts, scored: &ScoredMessage, policy: &Policy) {
    let found;
    let hits = match &scored.text.body {
        Some(body) => {
            let policy = policy.of(facts.tenant.as_deref(), facts.brand.as_deref());
            found = policy.find_phrases(scored.text.subject.as_deref(), body);
            &found
        }
        None => &scored.phrases,
    };
    facts.add_phrases(hits);
}

/// Fills what the message does not say with what the company's records say.
fn enrich(scored: &mut ScoredMessage, profile: &Profile) {
    let customer = &mut scored.message.customer;
    for (field, known) in [
        (&mut customer.tier, &profile.tier),
        (&mut customer.segment, &profile.segment),
        (&mut customer.language, &profile.language),
        (&mut customer.preferred_channel, &profile.preferred_channel),
        (&mut scored.message.author.name, &profile.name),
    ] {
        if field.is_none() {
            field.clone_from(known);
        }
    }
}

fn facts(scored: &ScoredMessage, history: HistoryFacts, received_at: Timestamp) -> Facts {
    let message = &scored.message;
    let labelled = |label: &LabelScore| Labelled::new(label.label.clone(), label.score);
    let ordinal = |scores: &OrdinalScores| Scored {
        label: scores.label.clone(),
        score: scores.score,
        confidence: scores.confidence,
        probabilities: scores.probabilities.iter().map(|(label, &score)| Labelled::new(label.clone(), score)).collect(),
    };
    let social = message.social.as_ref();
    let private = social
        .is_some_and(|social| social.visibility == Some(Visibility::Private) || social.kind == Some(SocialKind::Dm));
    Facts {
        tenant: message.tenant.clone(),
        brand: message.brand.clone(),
        channel: message.channel.as_str().to_owned(),
        sub_channel: message.sub_channel.clone(),
        tier: message.customer.tier.clone(),
        public_post: social.is_some() && !private,
        reach: message.author.followers,
        survey: message.survey.as_ref().and_then(|survey| {
            Some(SurveyFacts {
                kind: survey.kind.as_ref()?.as_str().to_owned(),
                score: survey.score?,
                scale_max: survey.scale_max,
            })
        }),
        sentiment: ordinal(&scored.scores.sentiment),
        urgency: ordinal(&scored.scores.urgency),
        emotions: scored.scores.emotions.iter().map(labelled).collect(),
        topic: scored.scores.topics.first().map(labelled),
        signals: scored.scores.signals.iter().map(labelled).collect(),
        language_supported: scored.language.supported,
        received_at,
        history,
    }
}
