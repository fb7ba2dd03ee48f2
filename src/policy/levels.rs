//! The three scales of the policy: [`Urgency`], [`Impact`] and the [`Priority`] they make.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How soon a person of the company must look (annotation guideline, "urgency").
///
/// Ordered: `Low < Normal < High < Critical`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Urgency {
    /// Nothing at stake: thanks, chit-chat, opinion, a general question.
    Low,
    /// A real problem without a near deadline.
    Normal,
    /// Blocked now, a deadline within a day, or money lost.
    High,
    /// Danger, running fraud, a vital thing out of reach, an outage for many.
    Critical,
}

impl Urgency {
    /// All levels, lowest first.
    pub const ALL: [Self; 4] = [Self::Low, Self::Normal, Self::High, Self::Critical];

    /// Returns the label, as the model and the ticket spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// Returns the level a label names; `None` for labels of other models.
    pub fn from_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.as_str() == label)
    }

    /// Returns the rank in the matrix: 1 (critical) to 4 (low).
    pub const fn rank(self) -> u8 {
        match self {
            Self::Critical => 1,
            Self::High => 2,
            Self::Normal => 3,
            Self::Low => 4,
        }
    }

    /// Moves by `levels` (up when positive), stopping at either end.
    #[must_use]
    pub fn shifted(self, levels: i8) -> Self {
        let index = (self as i16 + i16::from(levels)).clamp(0, 3);
        Self::ALL.get(index as usize).copied().unwrap_or(self)
    }
}

impl fmt::Display for Urgency {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Returns the side of a sentiment label: -1 negative, 0 neutral, 1 positive; `None` for labels of other models.
pub fn sentiment_side(label: &str) -> Option<i8> {
    match label {
        "very_negative" | "negative" => Some(-1),
        "neutral" => Some(0),
        "positive" | "very_positive" => Some(1),
        _ => None,
    }
}

/// How much is at stake (requirements 3b, "Impact").
///
/// Ordered: `Low < Medium < High`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Impact {
    /// Nothing of the customer's own is at stake.
    Low,
    /// Unless said otherwise.
    Medium,
    /// An important customer, a large audience, a legal threat, a sensitive matter that went wrong.
    High,
}

impl Impact {
    /// All levels, lowest first.
    pub const ALL: [Self; 3] = [Self::Low, Self::Medium, Self::High];

    /// Returns the label, as the ticket spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }

    /// Returns the rank in the matrix: 1 (high) to 3 (low).
    pub const fn rank(self) -> u8 {
        match self {
            Self::High => 1,
            Self::Medium => 2,
            Self::Low => 3,
        }
    }
}

impl fmt::Display for Impact {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// What is worked on first: P1 (critical) to P5 (planning).
///
/// Ordered by rank: `P1 < P2`, so the *smaller* value is the more urgent one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum Priority {
    /// Critical.
    P1,
    /// High.
    P2,
    /// Moderate: an ordinary problem of an ordinary customer.
    P3,
    /// Low.
    P4,
    /// Planning.
    P5,
}

impl Priority {
    /// All priorities, most urgent first.
    pub const ALL: [Self; 5] = [Self::P1, Self::P2, Self::P3, Self::P4, Self::P5];

    /// Returns the name: `P1` … `P5`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::P1 => "P1",
            Self::P2 => "P2",
            Self::P3 => "P3",
            Self::P4 => "P4",
            Self::P5 => "P5",
        }
    }

    /// Returns the rank: 1 (P1) to 5 (P5).
    pub const fn rank(self) -> u8 {
        self as u8 + 1
    }

    /// Returns the name in systems with four levels (requirements 3b): P4 and P5 are both `low`.
    pub const fn label4(self) -> &'static str {
        match self {
            Self::P1 => "urgent",
            Self::P2 => "high",
            Self::P3 => "normal",
            Self::P4 | Self::P5 => "low",
        }
    }

    /// Returns the lowest and highest [`score`](super::PriorityDecision::score) of this priority.
    pub const fn band(self) -> (u8, u8) {
        match self {
            Self::P1 => (90, 100),
            Self::P2 => (70, 89),
            Self::P3 => (40, 69),
            Self::P4 => (20, 39),
            Self::P5 => (0, 19),
        }
    }

    /// Moves `levels` towards P1, stopping there.
    #[must_use]
    pub fn raised(self, levels: u8) -> Self {
        let index = (self as u8).saturating_sub(levels);
        Self::ALL.get(usize::from(index)).copied().unwrap_or(Self::P1)
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
