//! Business calendars: closing, weekends, holidays, breaks, and both changes of clocks.

use jiff::ToSpan;

use super::*;

/// When a mail of P3 with this target is due, under `calendar`.
fn due(calendar: &str, target: &str, from: &str) -> String {
    let policy = with(&format!(
        "[sla.profiles.default]\n\
         email = {{ p1 = \"1s\", p2 = \"1s\", p3 = \"{target}\", p4 = \"744h\", p5 = \"744h\" }}\n\
         [calendars.default]\n{calendar}"
    ));
    policy.due_by("email", None, Priority::P3, time(from)).unwrap().to_string()
}

#[track_caller]
fn assert_due(calendar: &str, cases: &[(&str, &str, &str)]) {
    for &(target, from, expected) in cases {
        assert_eq!(due(calendar, target, from), expected, "{target} from {from}");
    }
}

#[test]
fn open_hours_weekends_and_closing() {
    // 2026-03-06 is a Friday.
    assert_due(
        "",
        &[
            ("2h", "2026-03-06T10:00:00Z", "2026-03-06T12:00:00Z"),
            // Exactly at closing, and a second later.
            ("2h", "2026-03-06T15:00:00Z", "2026-03-06T17:00:00Z"),
            ("2h", "2026-03-06T15:00:01Z", "2026-03-09T09:00:01Z"),
            // Received at closing, at night, on Saturday: opening plus the target.
            ("2h", "2026-03-06T17:00:00Z", "2026-03-09T11:00:00Z"),
            ("2m", "2026-03-05T23:30:00Z", "2026-03-06T09:02:00Z"),
            ("2h", "2026-03-07T12:00:00Z", "2026-03-09T11:00:00Z"),
            ("2h", "2026-03-06T08:59:59Z", "2026-03-06T11:00:00Z"),
            // Longer than a day, and exactly a day.
            ("8h", "2026-03-04T09:00:00Z", "2026-03-04T17:00:00Z"),
            ("24h", "2026-03-05T09:00:00Z", "2026-03-09T17:00:00Z"),
            ("24h", "2026-03-05T12:00:00Z", "2026-03-10T12:00:00Z"),
            // 72 hours are nine days of eight.
            ("72h", "2026-03-02T09:00:00Z", "2026-03-12T17:00:00Z"),
        ],
    );
}

#[test]
fn holidays_are_closed() {
    let calendar = "holidays = [\"2026-12-25\", \"2026-12-28\"]";
    assert_due(
        calendar,
        &[
            ("2h", "2026-12-24T16:00:00Z", "2026-12-29T10:00:00Z"),
            ("2h", "2026-12-25T10:00:00Z", "2026-12-29T11:00:00Z"),
        ],
    );
}

#[test]
fn breaks_do_not_count() {
    let calendar = "hours.wednesday = [\"09:00-12:00\", \"13:00-17:00\"]";
    assert_due(
        calendar,
        &[
            ("1h", "2026-03-04T11:00:00Z", "2026-03-04T12:00:00Z"),
            ("1h", "2026-03-04T11:30:00Z", "2026-03-04T13:30:00Z"),
            ("1h", "2026-03-04T12:30:00Z", "2026-03-04T14:00:00Z"),
            ("7h", "2026-03-04T09:00:00Z", "2026-03-04T17:00:00Z"),
            ("7h 1m", "2026-03-04T09:00:00Z", "2026-03-05T09:01:00Z"),
        ],
    );
}

#[test]
fn hours_follow_the_zone_through_both_changes_in_berlin() {
    // Clocks go forward on Sunday 2026-03-29 and back on Sunday 2026-10-25.
    assert_due(
        "time_zone = \"Europe/Berlin\"",
        &[
            ("1h", "2026-03-27T15:30:00Z", "2026-03-30T07:30:00Z"),
            ("1h", "2026-10-23T14:30:00Z", "2026-10-26T08:30:00Z"),
        ],
    );
}

#[test]
fn only_time_that_passes_counts_on_the_days_of_change() {
    let night = |zone: &str| {
        format!("time_zone = \"{zone}\"\nhours.sunday = [\"00:00-06:00\"]\nhours.monday = [\"00:00-24:00\"]")
    };
    // Berlin: 00:00 to 06:00 are five real hours in spring, seven in autumn.
    assert_due(
        &night("Europe/Berlin"),
        &[
            ("5h", "2026-03-28T23:00:00Z", "2026-03-29T04:00:00Z"),
            ("5h 1m", "2026-03-28T23:00:00Z", "2026-03-29T22:01:00Z"),
            ("7h", "2026-10-24T22:00:00Z", "2026-10-25T05:00:00Z"),
            ("7h 1m", "2026-10-24T22:00:00Z", "2026-10-25T23:01:00Z"),
        ],
    );
    // New York: forward on 2026-03-08, back on 2026-11-01.
    assert_due(
        &night("America/New_York"),
        &[
            ("5h", "2026-03-08T05:00:00Z", "2026-03-08T10:00:00Z"),
            ("5h 1m", "2026-03-08T05:00:00Z", "2026-03-09T04:01:00Z"),
            ("7h", "2026-11-01T04:00:00Z", "2026-11-01T11:00:00Z"),
            ("7h 1m", "2026-11-01T04:00:00Z", "2026-11-02T05:01:00Z"),
        ],
    );
}

#[test]
fn ranges_around_a_hole_in_the_clock_never_count_twice() {
    // 02:45 does not exist on that day and means 03:45, beyond the next range's start.
    let calendar = "time_zone = \"Europe/Berlin\"\nhours.sunday = [\"01:00-02:45\", \"03:00-05:00\"]";
    // 01:00 CET to 05:00 CEST: three real hours, all open.
    assert_due(
        calendar,
        &[
            ("3h", "2026-03-29T00:00:00Z", "2026-03-29T03:00:00Z"),
            ("3h 1s", "2026-03-29T00:00:00Z", "2026-03-30T07:00:01Z"),
        ],
    );
}

#[test]
fn p1_counts_all_hours() {
    let policy = shipped();
    let from = time("2026-03-07T23:00:00Z");
    let due = |priority| policy.due_by("email", None, priority, from).unwrap();
    assert_eq!(due(Priority::P1), time("2026-03-07T23:30:00Z"));
    assert_eq!(due(Priority::P2), time("2026-03-09T11:00:00Z"));
}

#[test]
fn the_edges_of_time_give_none_and_decisions_still_a_date() {
    let policy = shipped();
    assert_eq!(policy.due_by("email", None, Priority::P5, Timestamp::MAX), None);
    assert_eq!(policy.due_by("email", None, Priority::P1, Timestamp::MAX), None);
    assert!(policy.due_by("email", None, Priority::P5, Timestamp::MIN).is_some());
    let decision = policy.decide(&Facts { received_at: Timestamp::MAX, ..ordinary() });
    assert_eq!(decision.sla.first_response_due_at, Timestamp::MAX);
}

#[test]
fn a_calendar_closed_for_20_years_gives_none_and_decisions_count_all_hours() {
    // One hour a week makes 744 weeks of the longest target, 14 years; 364 closed Sundays more.
    let sundays: Vec<String> =
        (0..364).map(|week| format!("\"{}\"", jiff::civil::date(2026, 1, 4) + (7 * week).days())).collect();
    let closed =
        ["monday", "tuesday", "wednesday", "thursday", "friday"].map(|day| format!("hours.{day} = []\n")).concat();
    let calendar = |holidays: &[String]| {
        let policy = with(&format!(
            "sla.profiles.default.email.p5 = \"744h\"\nmatrix.medium.low = \"P5\"\nmatrix.low.low = \"P5\"\n\
             [calendars.default]\nholidays = [{}]\n{closed}hours.sunday = [\"10:00-11:00\"]",
            holidays.join(", ")
        ));
        let facts = Facts { received_at: time("2026-01-01T00:00:00Z"), ..ordinary().urgency("low", 0.95) };
        let due = policy.due_by("email", None, Priority::P5, facts.received_at);
        (due, policy.decide(&facts).sla.first_response_due_at)
    };
    let (due, decided) = calendar(&[]);
    assert_eq!(due, Some(time("2040-04-01T11:00:00Z")));
    assert_eq!(due, Some(decided));
    let (due, decided) = calendar(&sundays);
    assert_eq!((due, decided), (None, time("2026-02-01T00:00:00Z")));
}
