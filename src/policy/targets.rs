//! First-response targets of the profile in force, by channel and priority.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::SignedDuration;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::decision::Clock;
use super::levels::Priority;
use super::settings::SlaSettings;

/// The profile that fills what the others leave out.
pub(super) const BASE_PROFILE: &str = "default";

/// The calendar of a row that names none.
pub(super) const DEFAULT_CALENDAR: &str = "default";

/// Highest target: 31 days.
const MAX_TARGET: SignedDuration = SignedDuration::from_hours(744);

/// A target as written: `60s`, `2m`, `1h 30m`; above zero, at most 744 hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Target(pub SignedDuration);

impl<'de> Deserialize<'de> for Target {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.parse::<SignedDuration>() {
            Ok(span) if span > SignedDuration::ZERO && span <= MAX_TARGET => Ok(Self(span)),
            Ok(_) => Err(D::Error::custom(format!("`{text}` is out of range; a target is above 0s and at most 744h"))),
            Err(_) => Err(D::Error::custom(format!(
                "`{text}` is no duration; write it in hours, minutes and seconds, such as \"60s\", \"2m\" or \"1h 30m\""
            ))),
        }
    }
}

/// The targets of one channel.
#[derive(Debug, Clone)]
pub(super) struct Row {
    /// P1 to P5.
    pub targets: [SignedDuration; 5],
    /// Which hours count at priorities that are not always on.
    pub clock: Clock,
    /// Name of the calendar.
    pub calendar: String,
}

/// The rows of one profile.
#[derive(Debug, Clone)]
pub(super) struct Targets {
    rows: BTreeMap<String, Row>,
    sub_channels: BTreeMap<String, String>,
    always_on: Vec<Priority>,
    /// For channels without a row: the shortest of all rows, all hours counted.
    fallback: Row,
}

impl Targets {
    /// Lays `profile` over the profile `default`; returns what is wrong as field and message.
    pub(super) fn resolve(sla: &SlaSettings, profile: &str) -> Result<Self, Vec<(Vec<String>, String)>> {
        let mut findings = Vec::new();
        let base = sla.profiles.get(BASE_PROFILE);
        let own = sla.profiles.get(profile);
        let channels: BTreeSet<&String> = [base, own].into_iter().flatten().flat_map(BTreeMap::keys).collect();
        let mut rows = BTreeMap::new();
        for channel in channels {
            let layers = || [own, base].into_iter().flatten().filter_map(|rows| rows.get(channel));
            let field = |key: &str| ["sla", "profiles", profile, channel, key].map(str::to_owned).to_vec();
            let mut targets = [SignedDuration::ZERO; 5];
            let mut before: Option<Priority> = None;
            for (priority, slot) in Priority::ALL.into_iter().zip(&mut targets) {
                let key = priority.as_str().to_ascii_lowercase();
                let Some(target) = layers().find_map(|row| row.get(priority)) else {
                    findings.push((field(&key), "is missing; every channel needs a target for P1 to P5".to_owned()));
                    continue;
                };
                *slot = target.0;
                if let Some(higher) = before
                    && let Some(above) = layers().find_map(|row| row.get(higher))
                    && target < above
                {
                    findings.push((
                        field(&key),
                        format!(
                            "is `{:#}`, shorter than the `{:#}` of `{higher}`; a less urgent ticket must not be due sooner",
                            target.0, above.0
                        ),
                    ));
                }
                before = Some(priority);
            }
            let clock = layers().find_map(|row| row.clock).unwrap_or(Clock::Business);
            let calendar = layers().find_map(|row| row.calendar.clone()).unwrap_or_else(|| DEFAULT_CALENDAR.to_owned());
            rows.insert(channel.clone(), Row { targets, clock, calendar });
        }
        if !findings.is_empty() {
            return Err(findings);
        }
        let mut fallback =
            Row { targets: [MAX_TARGET; 5], clock: Clock::AlwaysOn, calendar: DEFAULT_CALENDAR.to_owned() };
        for row in rows.values() {
            for (shortest, target) in fallback.targets.iter_mut().zip(row.targets) {
                *shortest = target.min(*shortest);
            }
        }
        Ok(Self { rows, sub_channels: sla.sub_channels.clone(), always_on: sla.always_on.clone(), fallback })
    }

    /// Returns the row of a sub-channel, else of its channel, else the shortest targets of all.
    pub(super) fn row(&self, channel: &str, sub_channel: Option<&str>) -> &Row {
        sub_channel
            .and_then(|sub_channel| self.sub_channels.get(sub_channel))
            .and_then(|row| self.rows.get(row))
            .or_else(|| self.rows.get(channel))
            .unwrap_or(&self.fallback)
    }

    /// Returns all rows by name.
    pub(super) const fn rows(&self) -> &BTreeMap<String, Row> {
        &self.rows
    }

    /// Returns which hours count for `priority` in `row`.
    pub(super) fn clock(&self, row: &Row, priority: Priority) -> Clock {
        if self.always_on.contains(&priority) { Clock::AlwaysOn } else { row.clock }
    }
}

impl Row {
    /// Returns the target of `priority`.
    pub(super) fn target(&self, priority: Priority) -> SignedDuration {
        self.targets.get(usize::from(priority.rank() - 1)).copied().unwrap_or(MAX_TARGET)
    }

    /// The same as an unsigned duration.
    pub(super) fn duration(&self, priority: Priority) -> Duration {
        self.target(priority).unsigned_abs()
    }
}
