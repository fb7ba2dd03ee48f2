//! Targets of every channel, priority and profile, and what tickets say of them.

use std::time::Duration;

use super::*;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;

fn targets(policy: &Policy, channel: &str, sub_channel: Option<&str>) -> [u64; 5] {
    Priority::ALL.map(|priority| policy.target(channel, sub_channel, priority).as_secs())
}

#[test]
fn default_targets_are_those_of_the_requirements() {
    let policy = shipped();
    let chat = [60, 2 * MINUTE, 2 * MINUTE, 5 * MINUTE, 15 * MINUTE];
    let messaging = [2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 30 * MINUTE, 4 * HOUR];
    let social = [15 * MINUTE, 30 * MINUTE, HOUR, 4 * HOUR, 24 * HOUR];
    let email = [30 * MINUTE, 2 * HOUR, 6 * HOUR, 24 * HOUR, 72 * HOUR];
    for (channel, sub_channel, expected) in [
        ("chat", None, chat),
        ("chat", Some("messaging"), messaging),
        ("chat", Some("sms"), messaging),
        ("chat", Some("something"), chat),
        ("social", None, social),
        ("social", Some("review"), social),
        ("email", None, email),
        ("email", Some("form"), email),
    ] {
        assert_eq!(targets(&policy, channel, sub_channel), expected, "{channel} {sub_channel:?}");
    }
}

#[test]
fn profiles_differ_where_the_requirements_say() {
    let strict = with("sla.profile = \"strict\"");
    assert_eq!(targets(&strict, "chat", None), [60, 60, 60, 5 * MINUTE, 15 * MINUTE]);
    assert_eq!(targets(&strict, "email", None), [30 * MINUTE, 2 * HOUR, 4 * HOUR, 24 * HOUR, 72 * HOUR]);
    assert_eq!(targets(&strict, "social", None), targets(&shipped(), "social", None));
    let relaxed = with("sla.profile = \"relaxed\"");
    assert_eq!(targets(&relaxed, "email", None), [30 * MINUTE, 2 * HOUR, 24 * HOUR, 48 * HOUR, 72 * HOUR]);
    assert_eq!(targets(&relaxed, "chat", None), targets(&shipped(), "chat", None));
    assert_eq!(relaxed.profile(), "relaxed");
}

#[test]
fn decisions_carry_the_deadline_of_their_channel_and_priority() {
    let policy = shipped();
    for channel in ["chat", "social", "email"] {
        for (urgency, priority) in
            [("critical", Priority::P1), ("high", Priority::P2), ("normal", Priority::P3), ("low", Priority::P4)]
        {
            let facts = Facts { channel: channel.to_owned(), ..ordinary().urgency(urgency, 0.95) };
            let decision = policy.decide(&facts);
            assert_eq!(decision.priority, priority);
            let due = policy.due_by(channel, None, priority, facts.received_at);
            assert_eq!(Some(decision.sla.first_response_due_at), due, "{channel} {urgency}");
            let clock = if priority == Priority::P1 { Clock::AlwaysOn } else { Clock::Business };
            assert_eq!(decision.sla.clock, clock);
            assert_eq!((&*decision.sla.profile, &*decision.sla.calendar), ("default", "default"));
        }
    }
}

#[test]
fn a_channel_can_have_its_own_clock_and_calendar() {
    let policy = with(
        r#"
        [sla.profiles.default.chat]
        clock = "24x7"
        [sla.profiles.default.email]
        calendar = "emea"
        [calendars.emea]
        time_zone = "Europe/Berlin"
        hours.saturday = ["10:00-12:00"]
        "#,
    );
    let saturday = time("2026-03-07T03:00:00Z");
    let due = |channel| policy.due_by(channel, None, Priority::P3, saturday).unwrap();
    assert_eq!(due("chat"), time("2026-03-07T03:02:00Z"));
    // Two hours on each of three Saturdays.
    assert_eq!(due("email"), time("2026-03-21T11:00:00Z"));
    assert_eq!(due("social"), time("2026-03-09T10:00:00Z"));
    let decision = policy.decide(&ordinary());
    assert_eq!(decision.sla.calendar, "emea");
}

#[test]
fn channels_without_targets_are_refused_and_else_treated_strictly() {
    let policy = shipped();
    assert!(policy.check_channels(&["email", "chat", "social"]).is_ok());
    assert!(policy.check_channels(&[]).is_ok());
    let error = policy.check_channels(&["email", "pigeon"]).unwrap_err().to_string();
    assert!(error.contains("`pigeon`") && error.contains("sla.profiles.default.pigeon"), "{error}");
    assert_eq!(policy.target("pigeon", None, Priority::P3), Duration::from_mins(2));
    let from = time("2026-03-07T03:00:00Z");
    let due = policy.due_by("pigeon", None, Priority::P3, from).unwrap();
    assert_eq!(due, time("2026-03-07T03:02:00Z"));
}
