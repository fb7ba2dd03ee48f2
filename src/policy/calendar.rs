//! Business calendars: open hours in a time zone, and how a span of open time is counted.
//!
//! Hours are local wall-clock times. On days when the clocks change they become real spans of more
//! or fewer hours than they look: only time that really passes while the doors are open is counted.
//! A wall-clock time that does not exist is taken as the same span after the change, one that
//! exists twice as its first occurrence (RFC 5545, as jiff does by default).

use std::collections::BTreeSet;
use std::fmt;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// Days that [`Calendar::add`] looks ahead: 20 years. Validation keeps every target far below it.
const HORIZON_DAYS: u32 = 20 * 366;

/// Minutes of a day.
const DAY_MINUTES: u16 = 24 * 60;

/// An open span of a day, in minutes after local midnight; the end is excluded and may be 24:00.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OpenRange {
    /// First minute.
    pub start: u16,
    /// Minute after the last.
    pub end: u16,
}

impl OpenRange {
    /// Parses `HH:MM-HH:MM`.
    fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no range of hours; write it as \"09:00-17:00\", the end at most 24:00");
        let (start, end) = text.split_once('-').ok_or_else(wrong)?;
        let (start, end) = (minutes(start).ok_or_else(wrong)?, minutes(end).ok_or_else(wrong)?);
        if start >= end {
            return Err(format!(
                "`{text}` ends before it begins; split a range that passes midnight into \"{}-24:00\" and, on the next day, \"00:00-{}\"",
                text.split('-').next().unwrap_or_default().trim(),
                text.split('-').nth(1).unwrap_or_default().trim(),
            ));
        }
        Ok(Self { start, end })
    }
}

/// `HH:MM` as minutes after midnight, 24:00 included.
fn minutes(text: &str) -> Option<u16> {
    let (hours, minutes) = text.trim().split_once(':')?;
    let digits = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(hours) || !digits(minutes) {
        return None;
    }
    let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
    let total = hours * 60 + minutes;
    (minutes < 60 && total <= DAY_MINUTES).then_some(total)
}

impl fmt::Display for OpenRange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (start, end) = (self.start, self.end);
        write!(formatter, "{:02}:{:02}-{:02}:{:02}", start / 60, start % 60, end / 60, end % 60)
    }
}

impl<'de> Deserialize<'de> for OpenRange {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(D::Error::custom)
    }
}

/// A checked business calendar.
#[derive(Debug, Clone)]
pub(super) struct Calendar {
    time_zone: TimeZone,
    /// Open ranges by weekday, Monday first; in order and without overlap.
    week: [Vec<OpenRange>; 7],
    holidays: BTreeSet<Date>,
}

impl Calendar {
    /// Builds a calendar of ranges that are in order and do not overlap.
    pub(super) fn new(
        time_zone: TimeZone,
        week: [Vec<OpenRange>; 7],
        holidays: impl IntoIterator<Item = Date>,
    ) -> Self {
        Self { time_zone, week, holidays: holidays.into_iter().collect() }
    }

    /// Returns the moment at which `span` of open time has passed since `from`; `None` when that
    /// lies beyond 20 years or the range of time.
    ///
    /// A span that ends exactly at closing is due at closing. Monotone in `from` and in `span`.
    pub(super) fn add(&self, from: Timestamp, span: SignedDuration) -> Option<Timestamp> {
        let mut remaining = span;
        // Spans of open time never overlap, also where a change of clocks would let them.
        let mut counted_to = from;
        let mut date = self.time_zone.to_datetime(from).date();
        for _ in 0..HORIZON_DAYS {
            for range in self.open_on(date) {
                let start = self.moment(date, range.start)?.max(counted_to);
                let end = self.moment(date, range.end)?;
                if end <= start {
                    continue;
                }
                let available = end.duration_since(start);
                if remaining <= available {
                    return start.checked_add(remaining).ok();
                }
                remaining = remaining.checked_sub(available)?;
                counted_to = end;
            }
            date = date.tomorrow().ok()?;
        }
        None
    }

    /// The open ranges of a date.
    fn open_on(&self, date: Date) -> &[OpenRange] {
        if self.holidays.contains(&date) {
            return &[];
        }
        let day = date.weekday().to_monday_zero_offset();
        self.week.get(usize::from(day.unsigned_abs())).map_or(&[], Vec::as_slice)
    }

    /// The moment `minute` of a local day.
    fn moment(&self, date: Date, minute: u16) -> Option<Timestamp> {
        let (date, minute) = if minute >= DAY_MINUTES { (date.tomorrow().ok()?, 0) } else { (date, minute) };
        let time = date.at(0, 0, 0, 0).checked_add(i64::from(minute).minutes()).ok()?;
        self.time_zone.to_timestamp(time).ok()
    }
}
