//! State of customers: windows, bounds, decay, merges; and the store's overlay against a plain map.

use proptest::prelude::*;

use super::*;
use crate::message::Channel;
use crate::policy::{HistorySettings, Policy};

fn settings() -> HistorySettings {
    Policy::default_policy().unwrap().history().clone()
}

/// A message of `day`, with the conversation, sentiment and topic given.
fn incoming<'a>(day: f64, id: &'a str, conversation: &'a str, sentiment: &'a str) -> Incoming<'a> {
    let at_ms = (day * DAY_MS as f64) as i64;
    Incoming {
        at_ms,
        received_ms: at_ms,
        id,
        conversation,
        channel: Channel::Email,
        topic: Some("billing"),
        sentiment,
        score: 0.0,
        fingerprint: None,
    }
}

fn known(customer: &mut Customer, incoming: &Incoming<'_>) -> crate::policy::HistoryFacts {
    match customer.arrive(incoming, &settings()) {
        Arrival::Known(facts) => *facts,
        other => panic!("{other:?}"),
    }
}

#[test]
fn contacts_leave_their_windows() {
    let mut customer = Customer::default();
    for (day, id) in [(0.0, "a"), (20.0, "b"), (24.0, "c")] {
        known(&mut customer, &incoming(day, id, id, "negative"));
    }
    let facts = known(&mut customer, &incoming(27.0, "d", "d", "negative"));
    assert_eq!((facts.negative_contacts, facts.contacts, facts.same_topic_contacts), (4, 3, 3));
    assert_eq!(facts.negative_span_days, 28);
    let later = known(&mut customer, &incoming(31.0, "e", "e", "negative"));
    assert_eq!((later.negative_contacts, later.contacts), (4, 3));
}

#[test]
fn a_burst_in_one_conversation_is_one_contact_and_a_return_after_silence_another() {
    let mut customer = Customer::default();
    for minute in 0..5 {
        let id = format!("m{minute}");
        let facts = known(&mut customer, &incoming(f64::from(minute) / 1440.0, &id, "c", "negative"));
        assert_eq!((facts.negative_contacts, facts.negatives_in_row), (1, minute + 1));
    }
    assert_eq!(known(&mut customer, &incoming(2.0, "m9", "c", "negative")).negative_contacts, 2);
}

#[test]
fn moods_fall_and_goodwill_decays() {
    let mut customer = Customer::default();
    known(&mut customer, &incoming(0.0, "a", "a", "positive"));
    known(&mut customer, &incoming(29.0, "b", "b", "positive"));
    let facts = known(&mut customer, &incoming(29.1, "c", "b", "negative"));
    assert_eq!(facts.sentiment_drop, 2);
    // The first good contact lies a month back: half of it is left; the second has turned.
    assert!((facts.goodwill - 0.5).abs() < 0.02, "{}", facts.goodwill);
}

#[test]
fn bounds_hold_and_revisions_go_on_after_a_conversation_was_forgotten() {
    let settings = HistorySettings { max_conversations: 3, max_contacts: 5, max_ids: 4, ..settings() };
    let mut customer = Customer::default();
    for number in 0..20 {
        let id = format!("m{number}");
        customer.arrive(&incoming(f64::from(number) / 100.0, &id, &id, "neutral"), &settings);
        customer.conversation(&id).unwrap().contact.revision = 7;
    }
    assert_eq!((customer.conversations.len(), customer.contacts.len(), customer.seen.len()), (3, 5, 4));
    customer.arrive(&incoming(0.3, "again", "m16", "neutral"), &settings);
    assert_eq!(customer.conversation("m16").unwrap().contact.revision, 7);
}

#[test]
fn machines_that_answer_each_other_are_stopped_and_people_are_not() {
    let mut customer = Customer::default();
    let mail = |number: i32, minutes: f64, print| Incoming {
        fingerprint: Some(print),
        ..incoming(minutes / 1440.0, Box::leak(format!("m{number}").into_boxed_str()), "c", "neutral")
    };
    for number in 0..5 {
        assert!(matches!(customer.arrive(&mail(number, f64::from(number), 9), &settings()), Arrival::Known(_)));
    }
    assert_eq!(customer.arrive(&mail(5, 5.0, 9), &settings()), Arrival::Loop { mails: 6 });
    assert!(matches!(customer.arrive(&mail(6, 5.5, 8), &settings()), Arrival::Known(_)), "another text");
    assert!(matches!(customer.arrive(&mail(7, 60.0, 9), &settings()), Arrival::Known(_)), "an hour later");
}

#[test]
fn two_who_are_one_keep_everything() {
    let (mut one, mut other) = (Customer::default(), Customer::default());
    known(&mut one, &incoming(1.0, "a", "a", "negative"));
    known(&mut other, &incoming(2.0, "b", "b", "negative"));
    one.absorb(other, &settings());
    assert_eq!(known(&mut one, &incoming(3.0, "c", "c", "negative")).negative_contacts, 3);
    assert_eq!(one.arrive(&incoming(3.0, "b", "b", "negative"), &settings()), Arrival::Duplicate);
}

#[test]
fn a_conversation_that_a_rule_has_raised_is_remembered_for_the_others() {
    let policy = Policy::default_policy().unwrap();
    let mut customer = Customer::default();
    let mut facts = crate::policy::HistoryFacts::default();
    for (day, id) in [(0.0, "a"), (1.0, "b"), (2.0, "c"), (2.5, "d")] {
        let incoming = incoming(day, id, id, "negative");
        facts = known(&mut customer, &incoming);
        let scored = |label: &str| crate::policy::Scored { label: label.into(), confidence: 0.9, ..Default::default() };
        let decision = policy.decide(&crate::policy::Facts {
            channel: "email".into(),
            sentiment: scored("negative"),
            urgency: scored("normal"),
            language_supported: true,
            history: facts.clone(),
            ..Default::default()
        });
        customer.decided(&incoming, &decision, ClockTags::default());
    }
    let ago = facts.raised_hours_ago[&crate::policy::RuleName::ThreeStrikes];
    assert!((ago - 12.0).abs() < 0.01, "{ago}");
}

#[test]
fn state_goes_through_json_unchanged() {
    let mut customer = Customer::default();
    for (day, id) in [(0.0, "a"), (1.5, "b")] {
        known(&mut customer, &incoming(day, id, "c", "very_negative"));
    }
    assert_eq!(Customer::from_json(&customer.to_json().unwrap()).unwrap(), customer);
}

proptest! {
    /// The store against a plain map per commit: puts, commits and aborts in any order.
    #[test]
    fn the_overlay_is_what_was_put_since_the_commit(steps in prop::collection::vec((0u8..6, 0usize..4), 1..120)) {
        let settings = settings();
        let keys = ["a", "b", "c", "d"];
        let (mut store, mut offset, mut position) = (Store::default(), 0i64, 0i64);
        let mut committed: std::collections::BTreeMap<&str, i64> = std::collections::BTreeMap::new();
        let mut pending: Vec<(i64, &str, Option<i64>)> = Vec::new();
        for (step, pick) in steps {
            match step {
                0..=2 => {
                    store.put(offset, keys[pick], Some(Customer { last_ms: offset, ..Customer::default() }));
                    pending.push((offset, keys[pick], Some(offset)));
                    offset += 1;
                }
                3 => {
                    store.put(offset, keys[pick], None);
                    pending.push((offset, keys[pick], None));
                    offset += 1;
                }
                4 => {
                    // Not all that was put is released yet.
                    position = (position + 3).min(offset);
                    store.commit(position, &settings);
                    for (_, key, value) in pending.extract_if(.., |(at, ..)| *at < position) {
                        match value {
                            Some(value) => committed.insert(key, value),
                            None => committed.remove(key),
                        };
                    }
                }
                _ => {
                    store.abort();
                    pending.clear();
                    offset = position;
                }
            }
            for key in keys {
                let newest = pending.iter().rev().find(|(_, of, _)| *of == key).map(|(.., value)| *value);
                let wanted = newest.unwrap_or_else(|| committed.get(key).copied());
                prop_assert_eq!(store.get(key).map(|customer| customer.last_ms), wanted);
            }
            prop_assert_eq!(store.len(), committed.len());
        }
    }
}
