//! All cells, the bands of the score, and the scales.

use super::*;

/// Facts that reach exactly this cell.
fn cell(impact: Impact, urgency: Urgency) -> Facts {
    let facts = ordinary().urgency(urgency.as_str(), 0.95);
    match impact {
        Impact::High => facts.tier("vip"),
        Impact::Medium => facts,
        Impact::Low => facts.topic("product_question", 0.9),
    }
}

#[test]
fn every_cell_is_that_of_the_requirements() {
    use Priority::{P1, P2, P3, P4, P5};
    let rows = [(Impact::High, [P1, P1, P2, P3]), (Impact::Medium, [P1, P2, P3, P4]), (Impact::Low, [P2, P3, P4, P5])];
    for (impact, row) in rows {
        for (urgency, expected) in Urgency::ALL.into_iter().rev().zip(row) {
            let decision = decide(&cell(impact, urgency));
            assert_eq!((decision.priority, decision.impact, decision.urgency), (expected, impact, urgency));
            let ranks = MatrixCell { impact: impact.rank(), urgency: urgency.rank() };
            assert_eq!(decision.matrix, ranks);
            let (lowest, highest) = expected.band();
            assert!((lowest..=highest).contains(&decision.score), "{decision:?}");
            let why = reason(&decision, RuleName::Matrix);
            let start = format!("{urgency} urgency and {impact} impact make it {expected}");
            assert!(why.text.starts_with(&start), "{}", why.text);
            assert_eq!(why.effect, format!("priority {expected}"));
        }
    }
}

#[test]
fn the_score_fills_its_band_with_the_expected_urgency() {
    for (expected_urgency, score) in [(f64::NAN, 40), (-1.0, 40), (0.0, 40), (0.5, 55), (1.0, 69), (7.0, 69)] {
        let mut facts = ordinary();
        facts.urgency.score = expected_urgency;
        assert_eq!(decide(&facts).score, score, "{expected_urgency}");
    }
}

#[test]
fn bands_are_ordered_and_cover_0_to_100() {
    let mut below = None;
    for priority in Priority::ALL.into_iter().rev() {
        let (lowest, highest) = priority.band();
        assert_eq!(lowest, below.map_or(0, |below: u8| below + 1));
        below = Some(highest);
    }
    assert_eq!(below, Some(100));
}

#[test]
fn four_level_systems_get_p4_and_p5_as_low() {
    let labels = Priority::ALL.map(Priority::label4);
    assert_eq!(labels, ["urgent", "high", "normal", "low", "low"]);
    assert_eq!(Priority::ALL.map(Priority::rank), [1, 2, 3, 4, 5]);
}

#[test]
fn levels_stop_at_their_ends() {
    assert_eq!(Priority::P2.raised(3), Priority::P1);
    assert_eq!(Priority::P4.raised(1), Priority::P3);
    assert_eq!(Urgency::Low.shifted(-1), Urgency::Low);
    assert_eq!(Urgency::Critical.shifted(1), Urgency::Critical);
    assert_eq!(Urgency::Normal.shifted(1), Urgency::High);
}

#[test]
fn names_are_their_serialised_form() {
    for rule in RuleName::ALL {
        assert_eq!(serde_json::to_value(rule).unwrap(), rule.as_str());
    }
    for priority in Priority::ALL {
        assert_eq!(serde_json::to_value(priority).unwrap(), priority.as_str());
    }
    for urgency in Urgency::ALL {
        assert_eq!(serde_json::to_value(urgency).unwrap(), urgency.as_str());
    }
    for impact in Impact::ALL {
        assert_eq!(serde_json::to_value(impact).unwrap(), impact.as_str());
    }
}
