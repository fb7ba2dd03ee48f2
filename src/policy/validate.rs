//! What a policy must satisfy beyond its types; each finding names the field and the fix.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;

use super::calendar::Calendar;
use super::levels::{Impact, Urgency};
use super::load::{Finding, has, line_of};
use super::phrases::{Phrases, says_something};
use super::settings::{CalendarSettings, Settings};
use super::targets::{BASE_PROFILE, Targets};

/// What is built from checked settings.
pub(super) struct Built {
    /// Targets of the profile in force.
    pub targets: Targets,
    /// Calendars by name.
    pub calendars: BTreeMap<String, Calendar>,
    /// Phrases.
    pub phrases: Phrases,
}

/// Checks `settings`, read from `text` with `layers` over it, and builds what is made of them.
pub(super) fn build(settings: &Settings, text: &str, layers: &[[&str; 2]]) -> Result<Built, Vec<Finding>> {
    let mut check = Check { text, layers, findings: Vec::new() };
    check.names(settings);
    check.matrix(settings);
    check.numbers(settings);
    check.history(settings);
    let calendars = check.calendars(settings);
    let targets = check.targets(settings);
    let phrases = check.phrases(settings);
    match (targets, phrases) {
        (Some(targets), Some(phrases)) if check.findings.is_empty() => Ok(Built { targets, calendars, phrases }),
        _ => Err(check.findings),
    }
}

struct Check<'a> {
    text: &'a str,
    layers: &'a [[&'a str; 2]],
    findings: Vec<Finding>,
}

impl Check<'_> {
    fn require(&mut self, holds: bool, field: &[&str], message: impl Into<String>) {
        if !holds {
            self.refuse(field, message.into());
        }
    }

    fn refuse(&mut self, field: &[&str], message: String) {
        // An overlay that has the field is the place to mend it.
        let within = self.layers.iter().map(|layer| [layer, field].concat()).find(|path| has(self.text, path));
        let path = within.unwrap_or_else(|| field.to_vec());
        self.findings.push(Finding { field: path.join("."), line: line_of(self.text, &path), message });
    }

    fn names(&mut self, settings: &Settings) {
        self.require(!settings.name.trim().is_empty(), &["name"], "is empty; give the policy a name");
        self.require(!settings.version.trim().is_empty(), &["version"], "is empty; give the policy a version");
        for (topic, queue) in &settings.handling.queues {
            self.require(
                !queue.trim().is_empty(),
                &["handling", "queues", topic],
                "is empty; name a queue or leave the topic out",
            );
        }
    }

    /// Higher urgency or impact must never give a less urgent priority.
    fn matrix(&mut self, settings: &Settings) {
        let urgencies = || Urgency::ALL.into_iter().zip(Urgency::ALL.into_iter().skip(1));
        let impacts = || Impact::ALL.into_iter().zip(Impact::ALL.into_iter().skip(1));
        let along_urgency = Impact::ALL
            .into_iter()
            .flat_map(|impact| urgencies().map(move |(low, high)| ((impact, low), (impact, high))));
        let along_impact = Urgency::ALL
            .into_iter()
            .flat_map(|urgency| impacts().map(move |(low, high)| ((low, urgency), (high, urgency))));
        for (from, to) in along_urgency.chain(along_impact) {
            let (before, after) = (settings.matrix.cell(from.0, from.1), settings.matrix.cell(to.0, to.1));
            self.require(
                after <= before,
                &["matrix", to.0.as_str(), to.1.as_str()],
                format!(
                    "is `{after}`, less urgent than the `{before}` of `matrix.{}.{}`; priorities must not fall as urgency or impact rises",
                    from.0, from.1
                ),
            );
        }
    }

    fn numbers(&mut self, settings: &Settings) {
        let confidence = &settings.confidence;
        for (field, value) in [
            (["confidence", "review_below"], confidence.review_below),
            (["confidence", "downgrade_from"], confidence.downgrade_from),
            (["confidence", "topic_from"], confidence.topic_from),
            (["confidence", "emotion_from"], confidence.emotion_from),
            (["handling", "self_service_from"], settings.handling.self_service_from),
        ] {
            self.require(
                (0.0..=1.0).contains(&value),
                &field,
                format!("is `{value}`; it must be a probability from 0 to 1"),
            );
        }
        self.require(
            confidence.downgrade_from >= confidence.review_below,
            &["confidence", "downgrade_from"],
            format!(
                "is `{}`; it must be at least `confidence.review_below` (`{}`), or what goes to review would be downgraded",
                confidence.downgrade_from, confidence.review_below
            ),
        );
        for (sub_channel, offset) in &settings.urgency.sub_channel_offsets {
            self.require(
                (-1..=1).contains(offset),
                &["urgency", "sub_channel_offsets", sub_channel],
                format!("is `{offset}`; it must be -1, 0 or 1"),
            );
        }
        let social = &settings.social;
        self.require(
            social.notable_from <= social.wide_from,
            &["social", "wide_from"],
            format!("is `{}`; it must be at least `social.notable_from` (`{}`)", social.wide_from, social.notable_from),
        );
        self.require(
            social.wide_from <= social.very_wide_from,
            &["social", "very_wide_from"],
            format!("is `{}`; it must be at least `social.wide_from` (`{}`)", social.very_wide_from, social.wide_from),
        );
        let levels = settings.uplift.levels;
        self.require(
            (1..=4).contains(&levels),
            &["uplift", "levels"],
            format!("is `{levels}`; it must be 1 to 4 (empty `uplift.causes` switches raises off)"),
        );
        let nps = &settings.survey.nps;
        self.require(
            0.0 < nps.passive_from && nps.passive_from < nps.promoter_from && nps.promoter_from <= 10.0,
            &["survey", "nps", "promoter_from"],
            format!(
                "is `{}` and `passive_from` is `{}`; they must rise within 0 to 10",
                nps.promoter_from, nps.passive_from
            ),
        );
    }

    fn phrases(&mut self, settings: &Settings) -> Option<Phrases> {
        for (language, signals) in &settings.phrases {
            for (signal, phrases) in signals {
                for phrase in phrases {
                    self.require(
                        says_something(phrase),
                        &["phrases", language, signal],
                        format!("has `{phrase}`, which would be found everywhere; a phrase has at least two letters"),
                    );
                }
            }
        }
        match Phrases::new(&settings.phrases) {
            Ok(phrases) => Some(phrases),
            Err(error) => {
                self.require(false, &["phrases"], format!("cannot be used: {error}"));
                None
            }
        }
    }

    fn history(&mut self, settings: &Settings) {
        let history = &settings.history;
        for (field, days) in [
            ("window_days", history.window_days),
            ("repeat_days", history.repeat_days),
            ("conversation_idle_days", history.conversation_idle_days),
            ("expire_days", history.expire_days),
        ] {
            self.require((1..=3650).contains(&days), &["history", field], format!("is `{days}`; it must be 1 to 3650"));
        }
        self.require(
            history.repeat_days <= history.window_days && history.window_days <= history.expire_days,
            &["history", "window_days"],
            format!(
                "is `{}`; it must be at least `repeat_days` (`{}`) and at most `expire_days` (`{}`)",
                history.window_days, history.repeat_days, history.expire_days
            ),
        );
        for (field, hours) in [("gap_hours", history.gap_hours), ("duplicate_hours", history.duplicate_hours)] {
            self.require(
                (1..=8760).contains(&hours),
                &["history", field],
                format!("is `{hours}`; it must be 1 to 8760"),
            );
        }
        self.require(
            history.half_life_days.is_finite() && history.half_life_days > 0.0,
            &["history", "half_life_days"],
            format!("is `{}`; it must be above 0", history.half_life_days),
        );
        for (field, count) in [
            ("max_conversations", history.max_conversations),
            ("max_contacts", history.max_contacts),
            ("max_ids", history.max_ids),
        ] {
            self.require(
                (1..=1000).contains(&count),
                &["history", field],
                format!("is `{count}`; it must be 1 to 1000"),
            );
        }
        self.require(
            history.trail <= 100,
            &["history", "trail"],
            format!("is `{}`; it must be at most 100", history.trail),
        );
        let risk_at = settings.sla.risk_at;
        self.require(
            risk_at > 0.0 && risk_at <= 1.0,
            &["sla", "risk_at"],
            format!("is `{risk_at}`; it must be above 0 and at most 1"),
        );
        let aged = settings.sla.aged_levels;
        self.require(aged <= 4, &["sla", "aged_levels"], format!("is `{aged}`; it must be 0 to 4"));
        let effort = &settings.effort;
        for (field, weight) in [
            ("contact", effort.contact),
            ("channel_switch", effort.channel_switch),
            ("reopened", effort.reopened),
            ("waiting_day", effort.waiting_day),
            ("repetition", effort.repetition),
        ] {
            self.require(
                (0.0..=1.0).contains(&weight),
                &["effort", field],
                format!("is `{weight}`; a weight is 0 to 1"),
            );
        }
    }

    fn calendars(&mut self, settings: &Settings) -> BTreeMap<String, Calendar> {
        let mut calendars = BTreeMap::new();
        for (name, calendar) in &settings.calendars {
            self.hours(name, calendar);
            match time_zone(&calendar.time_zone) {
                Some(zone) => {
                    let week = calendar.hours.days().map(|(_, ranges)| ranges.to_vec());
                    let holidays = calendar.holidays.iter().copied();
                    calendars.insert(name.clone(), Calendar::new(zone, week, holidays));
                }
                None => self.require(
                    false,
                    &["calendars", name, "time_zone"],
                    format!(
                        "is `{}`, which is no known time zone; use an IANA name such as `Europe/Berlin`",
                        calendar.time_zone
                    ),
                ),
            }
        }
        calendars
    }

    fn hours(&mut self, name: &str, calendar: &CalendarSettings) {
        let mut open_minutes = 0;
        for (day, ranges) in calendar.hours.days() {
            let mut end_before = 0;
            for range in ranges {
                self.require(
                    range.start >= end_before,
                    &["calendars", name, "hours", day],
                    format!("has ranges out of order or overlapping (`{range}`); write them in order"),
                );
                end_before = range.end;
                open_minutes += u32::from(range.end - range.start);
            }
        }
        self.require(
            open_minutes >= 60,
            &["calendars", name, "hours"],
            format!("is open for {open_minutes} minutes a week; it must be at least 60, or deadlines never come"),
        );
    }

    fn targets(&mut self, settings: &Settings) -> Option<Targets> {
        let sla = &settings.sla;
        let mut in_force = None;
        for (profile, rows) in &sla.profiles {
            for (channel, row) in rows {
                if let Some(calendar) = &row.calendar {
                    self.require(
                        settings.calendars.contains_key(calendar),
                        &["sla", "profiles", profile, channel, "calendar"],
                        format!("is `{calendar}`, which `calendars` does not have; add it there"),
                    );
                }
            }
            match Targets::resolve(sla, profile) {
                Ok(targets) => {
                    if *profile == sla.profile {
                        in_force = Some(targets);
                    }
                }
                // What is wrong with the base is wrong with all that rest on it: say it once.
                Err(findings) => {
                    for (field, message) in findings {
                        let of_base =
                            profile != BASE_PROFILE && !field.get(3).is_some_and(|channel| rows.contains_key(channel));
                        if !of_base {
                            let field: Vec<&str> = field.iter().map(String::as_str).collect();
                            self.refuse(&field, message);
                        }
                    }
                }
            }
        }
        if !sla.profiles.contains_key(&sla.profile) {
            let known: Vec<_> = sla.profiles.keys().map(|name| format!("`{name}`")).collect();
            self.require(
                false,
                &["sla", "profile"],
                format!("is `{}`; it must be one of {}", sla.profile, known.join(", ")),
            );
        }
        for (sub_channel, row) in &sla.sub_channels {
            self.require(
                sla.profiles.get(BASE_PROFILE).is_some_and(|rows| rows.contains_key(row)),
                &["sla", "sub_channels", sub_channel],
                format!("is `{row}`, which `sla.profiles.default` does not have; add it there"),
            );
        }
        in_force
    }
}

/// `UTC` needs no database, so the shipped policy loads anywhere.
fn time_zone(name: &str) -> Option<TimeZone> {
    if name == "UTC" { Some(TimeZone::UTC) } else { TimeZone::get(name).ok() }
}
