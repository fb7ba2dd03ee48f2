//! The state of one customer, and how a message changes it.

use serde::{Deserialize, Serialize};

use super::contact::{Contact, hash};
use super::conversation::{Conversation, Deadline, Waiting};
use super::{DAY_MS, HOUR_MS};
use crate::message::Channel;
use crate::policy::{HistoryFacts, HistorySettings, PriorityDecision, RuleName};

/// Rules that may not raise one conversation after the other.
const COOLING: [RuleName; 2] = [RuleName::ThreeStrikes, RuleName::RepeatContact];
/// Conversations remembered as raised by them.
const MAX_RAISED: usize = 8;
/// Most other conversations that a ticket names.
const MAX_RELATED: usize = 5;

/// Everything remembered of one customer; its JSON is the value in the changelog.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Customer {
    /// Version of this encoding.
    #[serde(rename = "v", default)]
    pub version: u8,
    /// Latest message, or update, heard.
    #[serde(default)]
    pub last_ms: i64,
    /// Conversations that may go on, in the order of their last message.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conversations: Vec<Conversation>,
    /// Earlier contacts, in the order of their last message.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contacts: Vec<Contact>,
    /// Ids of messages seen lately, hashed, with their times.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seen: Vec<(u64, i64)>,
    /// Fingerprints of the last mails, with their times.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mails: Vec<(u64, i64)>,
    /// Conversations, hashed, that a rule has raised, with the times.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub raised: Vec<(RuleName, u64, i64)>,
    /// What the company's records say, where they say anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<Box<Profile>>,
    /// The customer that this one turned out to be; what still comes here is sent on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved_to: Option<Box<str>>,
}

/// What the company's records say of a customer (`support.customers`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub struct Profile {
    /// Tier, such as `vip`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tier: Option<String>,
    /// Segment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub segment: Option<String>,
    /// Preferred language, BCP 47.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Channel the customer likes best.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preferred_channel: Option<String>,
}

/// What history needs of a message.
#[derive(Debug, Clone)]
pub struct Incoming<'a> {
    /// The source record's time.
    pub at_ms: i64,
    /// When the company received it: the clock counts from here.
    pub received_ms: i64,
    /// Message id.
    pub id: &'a str,
    /// Conversation.
    pub conversation: &'a str,
    /// Channel.
    pub channel: Channel,
    /// Topic, where one is probable enough to count.
    pub topic: Option<&'a str>,
    /// Sentiment label.
    pub sentiment: &'a str,
    /// Sentiment, -1 to 1.
    pub score: f64,
    /// Digest of a mail's subject and text without what differs from copy to copy; mails only.
    pub fingerprint: Option<u64>,
}

/// What becomes of a message on its arrival.
#[derive(Debug, Clone, PartialEq)]
pub enum Arrival {
    /// It counts; this is what is known with it.
    Known(Box<HistoryFacts>),
    /// Its id was seen lately.
    Duplicate,
    /// One mail too many of the same.
    Loop {
        /// Mails alike, this one included.
        mails: u32,
    },
}

/// Unit separator: occurs in no tenant's name.
const TENANT_SEPARATOR: char = '\u{1f}';

impl Customer {
    /// Key of a customer's state: two tenants may have customers of the same name.
    pub fn key(tenant: Option<&str>, routing_key: &str) -> String {
        match tenant {
            Some(tenant) => format!("{tenant}{TENANT_SEPARATOR}{routing_key}"),
            None => routing_key.to_owned(),
        }
    }

    /// The customer key within a key of the state.
    pub fn routing_key(key: &str) -> &str {
        key.split_once(TENANT_SEPARATOR).map_or(key, |(_, key)| key)
    }

    /// Reads a value of the changelog.
    pub fn from_json(value: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(value)
    }

    /// Writes a value of the changelog.
    pub fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }

    /// Whether there is nothing worth keeping.
    pub fn is_empty(&self) -> bool {
        self.conversations.is_empty()
            && self.contacts.is_empty()
            && self.seen.is_empty()
            && self.profile.is_none()
            && self.moved_to.is_none()
    }

    /// The conversation called `id`.
    pub fn conversation(&mut self, id: &str) -> Option<&mut Conversation> {
        self.conversations.iter_mut().find(|conversation| &*conversation.id == id)
    }

    /// Counts a message in and says what is known with it.
    pub fn arrive(&mut self, incoming: &Incoming<'_>, settings: &HistorySettings) -> Arrival {
        let at = incoming.at_ms;
        self.forget(at, settings);
        let id = hash(&format!("{}\u{1f}{}", incoming.channel.as_str(), incoming.id));
        if self.seen.iter().any(|&(seen, _)| seen == id) {
            return Arrival::Duplicate;
        }
        remember(&mut self.seen, (id, at), settings.max_ids);
        self.last_ms = self.last_ms.max(at);
        if let Some(print) = incoming.fingerprint {
            let most = usize::try_from(settings.loop_messages).unwrap_or(usize::MAX).saturating_add(1);
            remember(&mut self.mails, (print, at), most.max(16));
            let since = at - i64::from(settings.loop_minutes) * 60_000;
            let alike = self.mails.iter().filter(|&&(mail, when)| mail == print && when >= since).count();
            if alike >= most {
                return Arrival::Loop { mails: u32::try_from(alike).unwrap_or(u32::MAX) };
            }
        }
        let level = level(incoming.sentiment);
        let index = self.enter(incoming, level, settings);
        let facts = self.facts(index, incoming, settings);
        Arrival::Known(Box::new(facts))
    }

    /// Finds or begins the conversation of a message, counts the message in, and moves it to the end.
    fn enter(&mut self, incoming: &Incoming<'_>, level: Option<i8>, settings: &HistorySettings) -> usize {
        let at = incoming.at_ms;
        let key = hash(incoming.conversation);
        let topic = incoming.topic.map_or(0, hash);
        let mood = level.unwrap_or(0);
        let stretch = |revision| Contact {
            conversation: key,
            first_ms: at,
            last_ms: at,
            topic,
            revision,
            channel: incoming.channel,
            worst: mood,
            best: mood,
        };
        let found = self.conversations.iter().position(|known| &*known.id == incoming.conversation);
        let mut conversation = if let Some(index) = found {
            self.conversations.remove(index)
        } else {
            // A ticket's revisions grow for ever, whatever was forgotten between.
            let earlier = self.contacts.iter().filter(|contact| contact.conversation == key);
            let revision = earlier.map(|contact| contact.revision).max().unwrap_or(0);
            Conversation::begin(incoming.conversation, stretch(revision))
        };
        let contact = &mut conversation.contact;
        if conversation.messages > 0 && at - contact.last_ms > i64::from(settings.gap_hours) * HOUR_MS {
            let earlier = std::mem::replace(contact, stretch(contact.revision));
            self.keep(earlier, settings);
        } else {
            contact.last_ms = contact.last_ms.max(at);
            contact.topic = if contact.topic == 0 { topic } else { contact.topic };
            contact.worst = contact.worst.min(mood);
            contact.best = contact.best.max(mood);
        }
        if std::mem::take(&mut conversation.closed) {
            conversation.reopened = true;
        }
        conversation.messages = conversation.messages.saturating_add(1);
        match level {
            Some(level) if level < 0 => conversation.negatives_in_row = conversation.negatives_in_row.saturating_add(1),
            Some(_) => conversation.negatives_in_row = 0,
            None => {}
        }
        conversation.start = conversation.start.or(level);
        if level.is_some() && incoming.score.is_finite() && settings.trail > 0 {
            let thousandths = (incoming.score.clamp(-1.0, 1.0) * 1000.0).round() as i16;
            remember(&mut conversation.trail, thousandths, settings.trail);
        }
        self.conversations.push(conversation);
        while self.conversations.len() > settings.max_conversations.max(1) {
            let oldest = self.conversations.remove(0);
            self.keep(oldest.contact, settings);
        }
        self.conversations.len() - 1
    }

    fn facts(&self, index: usize, incoming: &Incoming<'_>, settings: &HistorySettings) -> HistoryFacts {
        let at = incoming.at_ms;
        let Some(conversation) = self.conversations.get(index) else { return HistoryFacts::default() };
        let days = |days: u32| at - i64::from(days) * DAY_MS;
        let (repeat_from, window_from) = (days(settings.repeat_days), days(settings.window_days));
        let mut contacts: Vec<&Contact> = self
            .contacts
            .iter()
            .chain(self.conversations.iter().map(|known| &known.contact))
            .filter(|contact| contact.last_ms >= window_from)
            .collect();
        contacts.sort_by_key(|contact| (contact.first_ms, contact.conversation));
        let repeats: Vec<&Contact> =
            contacts.iter().filter(|contact| contact.last_ms >= repeat_from).copied().collect();
        let topic = incoming.topic.map(hash);
        let negative: Vec<&Contact> = contacts.iter().filter(|contact| contact.is_negative()).copied().collect();
        let first_negative = negative.iter().map(|contact| contact.first_ms).min().unwrap_or(at);
        let half_life = settings.half_life_days.max(f64::MIN_POSITIVE) * DAY_MS as f64;
        let current = &conversation.contact;
        let goodwill: f64 = contacts
            .iter()
            .filter(|contact| !std::ptr::eq(**contact, current) && contact.is_good())
            .map(|contact| 0.5f64.powf((at - contact.last_ms).max(0) as f64 / half_life))
            .sum();
        let drop = match (conversation.start, level(incoming.sentiment)) {
            (Some(start), Some(now)) => (start - now).max(0).unsigned_abs(),
            _ => 0,
        };
        let since = conversation.clock.as_ref().map_or(incoming.received_ms, |clock| clock.since_ms);
        HistoryFacts {
            first_contact: contacts.len() == 1 && conversation.messages == 1,
            contacts: count(repeats.len()),
            same_topic_contacts: count(repeats.iter().filter(|contact| Some(contact.topic) == topic).count()),
            negative_contacts: count(negative.len()),
            negative_span_days: u32::try_from((at - first_negative).max(0) / DAY_MS + 1).unwrap_or(u32::MAX),
            goodwill: (goodwill * 10_000.0).round() / 10_000.0,
            channel_switches: count(repeats.windows(2).filter(|pair| pair[0].channel != pair[1].channel).count()),
            thread_messages: conversation.messages,
            negatives_in_row: conversation.negatives_in_row,
            sentiment_drop: u32::from(drop),
            sentiment_trail: conversation.trail.iter().map(|&thousandths| f64::from(thousandths) / 1000.0).collect(),
            reopened: conversation.reopened,
            waiting_hours: ((incoming.received_ms - since).max(0) as f64 / HOUR_MS as f64 * 100.0).round() / 100.0,
            previous: conversation.priority,
            calmer_before: conversation.calmer,
            agent_priority: conversation.agent_priority,
            answered: conversation.answered,
            first_response_due_at: conversation
                .first_due_ms
                .filter(|_| conversation.answered)
                .and_then(|due| jiff::Timestamp::from_millisecond(due).ok()),
            raised_hours_ago: self
                .raised
                .iter()
                .filter(|(_, raised, _)| *raised != conversation.contact.conversation)
                .map(|&(rule, _, raised_ms)| (rule, (at - raised_ms).max(0) as f64 / HOUR_MS as f64))
                .collect(),
            related_conversations: self
                .conversations
                .iter()
                .rev()
                .filter(|known| !std::ptr::eq(*known, conversation) && !known.closed)
                .take(MAX_RELATED)
                .map(|known| known.id.to_string())
                .collect(),
        }
    }

    /// When the oldest message of a conversation that nobody has answered was received, if it waits.
    pub fn waiting_since(&self, conversation: &str) -> Option<i64> {
        let known = self.conversations.iter().find(|known| &*known.id == conversation)?;
        known.clock.as_ref().map(|clock| clock.since_ms)
    }

    /// Writes the decision about the message that arrived last into its conversation; gives the ticket's revision.
    pub fn decided(&mut self, incoming: &Incoming<'_>, decision: &PriorityDecision, tags: ClockTags<'_>) -> u32 {
        let Some(conversation) = self.conversation(incoming.conversation) else { return 1 };
        conversation.contact.revision = conversation.contact.revision.saturating_add(1);
        conversation.calmer = if decision.held { conversation.calmer.saturating_add(1) } else { 0 };
        let key = conversation.contact.conversation;
        let raised = decision.reasons.iter().filter(|reason| reason.effect.contains("priority"));
        let rules = raised.map(|reason| reason.rule).filter(|rule| COOLING.contains(rule));
        let rules: Vec<RuleName> = rules.collect();
        // An agent's priority is kept beside the policy's own.
        if conversation.agent_priority.is_none() {
            conversation.priority = Some(decision.priority);
        }
        let due_ms = decision.sla.due_at().as_millisecond();
        if !conversation.answered {
            conversation.first_due_ms = Some(due_ms);
        }
        let risk_ms = decision.sla.breach_risk_at.as_millisecond().min(due_ms);
        match &mut conversation.clock {
            Some(clock) => (clock.risk_ms, clock.due_ms) = (risk_ms, due_ms),
            None if decision.handling.no_reply_needed => {}
            None => {
                conversation.clock = Some(Box::new(Waiting {
                    since_ms: incoming.received_ms,
                    risk_ms,
                    due_ms,
                    risk_told: false,
                    breach_told: false,
                    tenant: tags.tenant.map(Into::into),
                    brand: tags.brand.map(Into::into),
                    sub_channel: tags.sub_channel.map(Into::into),
                }));
            }
        }
        let revision = conversation.contact.revision;
        for rule in rules {
            self.raised.retain(|(known, conversation, _)| (*known, *conversation) != (rule, key));
            remember(&mut self.raised, (rule, key, incoming.at_ms), MAX_RAISED);
        }
        revision
    }

    /// Forgets what is too old at `now_ms`.
    pub fn forget(&mut self, now_ms: i64, settings: &HistorySettings) {
        let idle_from = now_ms - i64::from(settings.conversation_idle_days) * DAY_MS;
        let (kept, idle) = std::mem::take(&mut self.conversations)
            .into_iter()
            .partition::<Vec<_>, _>(|known| known.contact.last_ms >= idle_from || known.clock.is_some());
        self.conversations = kept;
        for conversation in idle {
            self.keep(conversation.contact, settings);
        }
        let window_from = now_ms - i64::from(settings.window_days) * DAY_MS;
        self.contacts.retain(|contact| contact.last_ms >= window_from);
        let ids_from = now_ms - i64::from(settings.duplicate_hours) * HOUR_MS;
        self.seen.retain(|&(_, at)| at >= ids_from);
        self.raised.retain(|&(_, _, at)| at >= window_from);
        let mails_from = now_ms - i64::from(settings.loop_minutes) * 60_000;
        self.mails.retain(|&(_, at)| at >= mails_from);
    }

    /// Keeps a contact that has ended, within the bound.
    fn keep(&mut self, contact: Contact, settings: &HistorySettings) {
        let at = self.contacts.partition_point(|known| known.last_ms <= contact.last_ms);
        self.contacts.insert(at, contact);
        let over = self.contacts.len().saturating_sub(settings.max_contacts);
        self.contacts.drain(..over);
    }

    /// Takes in what is known of another customer who turned out to be this one.
    pub fn absorb(&mut self, other: Self, settings: &HistorySettings) {
        self.last_ms = self.last_ms.max(other.last_ms);
        for conversation in other.conversations {
            match self.conversations.iter().position(|known| known.id == conversation.id) {
                None => self.conversations.push(conversation),
                // The same conversation on both sides: the longer-lived life goes on, the other is a contact.
                Some(index) => {
                    let ours = &mut self.conversations[index];
                    let shorter = if ours.contact.revision >= conversation.contact.revision {
                        conversation
                    } else {
                        std::mem::replace(ours, conversation)
                    };
                    self.keep(shorter.contact, settings);
                }
            }
        }
        self.conversations.sort_by_key(|known| known.contact.last_ms);
        while self.conversations.len() > settings.max_conversations.max(1) {
            let oldest = self.conversations.remove(0);
            self.keep(oldest.contact, settings);
        }
        for contact in other.contacts {
            self.keep(contact, settings);
        }
        self.seen.extend(other.seen);
        self.seen.sort_by_key(|&(_, at)| at);
        self.seen.drain(..self.seen.len().saturating_sub(settings.max_ids));
        self.mails.extend(other.mails);
        self.mails.sort_by_key(|&(_, at)| at);
        for raised in other.raised {
            remember(&mut self.raised, raised, MAX_RAISED);
        }
        self.profile = self.profile.take().or(other.profile);
    }

    /// When something is to be done about this customer next: a deadline, or forgetting.
    pub fn next_timer_ms(&self, settings: &HistorySettings) -> i64 {
        let deadline = self.conversations.iter().filter_map(Conversation::next_deadline_ms).min();
        deadline.unwrap_or(i64::MAX).min(self.expiry_ms(settings))
    }

    /// When all is to be forgotten. A profile is the company's, and stays until the company takes it back.
    fn expiry_ms(&self, settings: &HistorySettings) -> i64 {
        match self.profile {
            Some(_) => i64::MAX,
            None => self.last_ms.saturating_add(i64::from(settings.expire_days) * DAY_MS),
        }
    }

    /// Tells the deadlines that have come by `now_ms`.
    pub fn tell(&mut self, now_ms: i64, aged_levels: u8) -> Vec<Deadline> {
        self.conversations.iter_mut().flat_map(|conversation| conversation.tell(now_ms, aged_levels)).collect()
    }

    /// Whether the customer has been silent for so long that all is to be forgotten.
    pub fn is_expired(&self, now_ms: i64, settings: &HistorySettings) -> bool {
        now_ms >= self.expiry_ms(settings)
    }
}

/// What events about a clock carry of the message that started it.
#[derive(Debug, Clone, Copy, Default)]
pub struct ClockTags<'a> {
    /// Tenant.
    pub tenant: Option<&'a str>,
    /// Brand.
    pub brand: Option<&'a str>,
    /// Finer kind of channel.
    pub sub_channel: Option<&'a str>,
}

/// Level of a sentiment label, -2 to 2; `None` where it says nothing.
fn level(label: &str) -> Option<i8> {
    match label {
        "very_negative" => Some(-2),
        "negative" => Some(-1),
        "neutral" => Some(0),
        "positive" => Some(1),
        "very_positive" => Some(2),
        _ => None,
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Adds to the end; what is beyond `most` goes from the front.
fn remember<T>(list: &mut Vec<T>, value: T, most: usize) {
    list.push(value);
    let over = list.len().saturating_sub(most);
    list.drain(..over);
}
