//! One conversation: its ticket's priority and revisions, its mood, its clock.

use serde::{Deserialize, Serialize};

use super::contact::Contact;
use crate::message::Channel;
use crate::policy::Priority;

/// A conversation that may still go on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Conversation {
    /// Its id.
    pub id: Box<str>,
    /// The stretch that is going on.
    pub contact: Contact,
    /// Customer messages.
    pub messages: u32,
    /// Sentiment level of its first message that had one, -2 to 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<i8>,
    /// Negative customer messages in a row.
    #[serde(default, skip_serializing_if = "is_default")]
    pub negatives_in_row: u32,
    /// Sentiment scores of the last messages, in thousandths, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trail: Vec<i16>,
    /// Its priority, raised by ageing where that has happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<Priority>,
    /// Messages in a row whose own priority was lower.
    #[serde(default, skip_serializing_if = "is_default")]
    pub calmer: u32,
    /// The priority an agent gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_priority: Option<Priority>,
    /// Whether it is closed.
    #[serde(default, skip_serializing_if = "is_default")]
    pub closed: bool,
    /// Whether it has been closed before and went on.
    #[serde(default, skip_serializing_if = "is_default")]
    pub reopened: bool,
    /// When the first answer was due; kept once there was an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_due_ms: Option<i64>,
    /// Whether an agent has ever answered.
    #[serde(default, skip_serializing_if = "is_default")]
    pub answered: bool,
    /// Its clock, while the customer waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<Box<Waiting>>,
}

/// The clock of a conversation whose customer waits for an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// When the company received the oldest message without an answer.
    pub since_ms: i64,
    /// When the risk of a breach is told.
    pub risk_ms: i64,
    /// When the answer is due.
    pub due_ms: i64,
    /// Whether the risk was told.
    #[serde(default, skip_serializing_if = "is_default")]
    pub risk_told: bool,
    /// Whether the breach was told, and the priority raised for it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub breach_told: bool,
    /// What events about it carry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<Box<str>>,
    /// What events about it carry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brand: Option<Box<str>>,
    /// Finer kind of channel: the clock's targets depend on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub_channel: Option<Box<str>>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// What a clock tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeadlineKind {
    /// A part of the time has passed (`sla.risk_at`).
    BreachRisk,
    /// The time has passed.
    Breached,
}

impl DeadlineKind {
    /// The name that events and metrics carry.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BreachRisk => "breach_risk",
            Self::Breached => "breached",
        }
    }
}

/// A deadline that has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deadline {
    /// What has come.
    pub kind: DeadlineKind,
    /// The conversation.
    pub conversation: Box<str>,
    /// Its channel.
    pub channel: Channel,
    /// Its clock as it was.
    pub clock: Waiting,
    /// Its priority, after ageing.
    pub priority: Priority,
    /// Its priority before.
    pub previous: Priority,
    /// Whether an agent has ever answered.
    pub answered: bool,
}

impl Conversation {
    /// A conversation that begins; `revision` goes on from an earlier life.
    pub fn begin(id: &str, contact: Contact) -> Self {
        Self {
            id: id.into(),
            contact,
            messages: 0,
            start: None,
            negatives_in_row: 0,
            trail: Vec::new(),
            priority: None,
            calmer: 0,
            agent_priority: None,
            closed: false,
            reopened: false,
            first_due_ms: None,
            answered: false,
            clock: None,
        }
    }

    /// The priority that holds: the agent's, else its own.
    pub fn priority_in_force(&self) -> Option<Priority> {
        self.agent_priority.or(self.priority)
    }

    /// An agent has answered: nobody waits.
    pub fn answer(&mut self) {
        self.answered = true;
        self.clock = None;
    }

    /// An agent has settled it: what was held is let go.
    pub fn close(&mut self) {
        self.closed = true;
        self.agent_priority = None;
        self.priority = None;
        self.calmer = 0;
        self.negatives_in_row = 0;
        self.start = None;
        self.clock = None;
    }

    /// When its clock tells something next.
    pub fn next_deadline_ms(&self) -> Option<i64> {
        let clock = self.clock.as_ref()?;
        match (clock.risk_told, clock.breach_told) {
            (_, true) => None,
            (true, false) => Some(clock.due_ms),
            (false, false) => Some(clock.risk_ms.min(clock.due_ms)),
        }
    }

    /// Tells what has come by `now_ms`, each thing once; a breach raises the priority by `aged_levels`, once, unless
    /// an agent has set it.
    pub fn tell(&mut self, now_ms: i64, aged_levels: u8) -> Vec<Deadline> {
        let mut told = Vec::new();
        let previous = self.priority_in_force().unwrap_or(Priority::P3);
        let agent = self.agent_priority.is_some();
        let Some(clock) = &mut self.clock else { return told };
        let (conversation, channel, answered) = (self.id.clone(), self.contact.channel, self.answered);
        let deadline = |kind, clock: &Waiting, priority| Deadline {
            kind,
            conversation: conversation.clone(),
            channel,
            clock: clock.clone(),
            priority,
            previous,
            answered,
        };
        if !clock.risk_told && !clock.breach_told && clock.risk_ms <= now_ms {
            clock.risk_told = true;
            told.push(deadline(DeadlineKind::BreachRisk, clock, previous));
        }
        if !clock.breach_told && clock.due_ms <= now_ms {
            clock.breach_told = true;
            let priority = if agent { previous } else { previous.raised(aged_levels) };
            told.push(deadline(DeadlineKind::Breached, clock, priority));
            if !agent {
                self.priority = Some(priority);
            }
        }
        told
    }
}
