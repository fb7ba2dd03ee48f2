//! A ticket as a story for people. Pure.

use std::fmt::Write as _;

use indexmap::IndexMap;
use jiff::Timestamp;
use owo_colors::Style;

use crate::commands::color::paint;
use crate::commands::reasons::reasons;
use crate::model::{Evidence, EvidenceField, LabelScore, UNKNOWN};
use crate::policy::{Clock, RuleName};
use crate::ticket::Ticket;

/// From text to deadline; without colours, evidence stands in `[[ ]]`.
pub(super) fn explanation(ticket: &Ticket, color: bool) -> String {
    let bold = |text: &str| paint(color, text, Style::new().bold());
    let mut out = String::new();
    let language = &ticket.language;
    let _ = writeln!(
        out,
        "{} {}, {} {:.2}{}; {} {}",
        bold("message"),
        ticket.channel,
        language.code,
        language.confidence,
        if language.supported { "" } else { " (the model was not measured in it)" },
        ticket.model.name,
        ticket.model.version
    );
    let mut removed: Vec<&str> = Vec::new();
    removed.extend(ticket.text.quoted_removed.then_some("quoted history"));
    removed.extend(ticket.text.signature_removed.then_some("signature"));
    if !removed.is_empty() {
        let _ = writeln!(out, "        {} removed", removed.join(" and "));
    }
    if ticket.text.truncated {
        out.push_str("        the end was left out: too long\n");
    }
    out.push('\n');
    for (field, text) in [(EvidenceField::Subject, &ticket.text.subject), (EvidenceField::Body, &ticket.text.body)] {
        if let Some(text) = text {
            for line in marked(text, &ticket.evidence, field, color).lines() {
                let _ = writeln!(out, "    {line}");
            }
        }
    }
    let _ = writeln!(out, "\n{}", bold("evidence"));
    if ticket.evidence.is_empty() {
        out.push_str("    none: nothing raised, or a model without it\n");
    }
    for passage in &ticket.evidence {
        let text = passage.text.as_deref().unwrap_or_default().replace('\n', " ");
        let _ = writeln!(out, "    {:<20} {:>4.0}%  {text}", passage.signal, passage.share * 100.0);
    }
    let _ = writeln!(out, "\n{}", bold("scores"));
    let urgency = &ticket.urgency;
    let sentiment = &ticket.sentiment;
    ordinal(&mut out, "urgency", &urgency.label, urgency.score, &urgency.probabilities);
    ordinal(&mut out, "sentiment", &sentiment.label, sentiment.score, &sentiment.probabilities);
    labels(&mut out, "emotions", &ticket.emotions);
    labels(&mut out, "topics", &ticket.topics);
    labels(&mut out, "signals", &ticket.signals);
    let decision = format!("{} (score {})", ticket.priority.level, ticket.priority.score);
    let _ =
        writeln!(out, "\n{} {decision}, by policy {} {}", bold("decision"), ticket.policy.name, ticket.policy.version);
    out.push_str(&reasons(&ticket.reasons, "    ", color));
    out.push('\n');
    way(&mut out, ticket);
    out
}

/// From the matrix to the deadline, and who handles it.
fn way(out: &mut String, ticket: &Ticket) {
    let sla = &ticket.sla;
    let cell = ticket.reasons.iter().find(|reason| reason.rule == RuleName::Matrix);
    let cell = cell.map_or("", |reason| reason.effect.trim_start_matches("priority "));
    let (impact, urgency) = (ticket.impact.level, ticket.urgency.level);
    let final_level = ticket.priority.level;
    let priority = if cell == final_level.as_str() {
        format!("{final_level}, as the matrix says")
    } else {
        format!("{final_level}, where the matrix says {cell}")
    };
    let due = format!("{}, at risk from {}", deadline(sla.due_at()), deadline(sla.breach_risk_at));
    let calendar = match sla.clock {
        Clock::AlwaysOn => format!("all hours count (24x7), profile {}", sla.profile),
        Clock::Business => format!("{}: business hours count, profile {}", sla.calendar, sla.profile),
    };
    let route = serde_json::to_value(ticket.handling.route_class).unwrap_or_default();
    let mut handling = route.as_str().unwrap_or_default().replace('_', " ");
    if !ticket.handling.hints.is_empty() {
        let _ = write!(handling, "; hints: {}", ticket.handling.hints.join(", "));
    }
    let mut line = |name: &str, text: &str| {
        let _ = writeln!(out, "    {name:<10} {text}");
    };
    line("matrix", &format!("{impact} impact x {urgency} urgency = {cell}"));
    line("priority", &priority);
    line("deadline", &due);
    line("calendar", &calendar);
    line("handling", &handling);
    if ticket.review.needed {
        let causes: Vec<&str> = ticket.review.causes.iter().map(|cause| cause.as_str()).collect();
        line("review", &causes.join(", "));
    }
}

fn deadline(at: Timestamp) -> String {
    at.strftime("%a %Y-%m-%d %H:%M:%SZ").to_string()
}

fn ordinal(out: &mut String, name: &str, label: &str, score: f64, probabilities: &IndexMap<String, f64>) {
    if label == UNKNOWN && probabilities.is_empty() {
        let _ = writeln!(out, "    {name:<10} unknown: the model has no such head");
        return;
    }
    let all: Vec<String> = probabilities.iter().map(|(label, score)| format!("{label} {score:.2}")).collect();
    let _ = writeln!(out, "    {name:<10} {label:<14} {score:>5.2}   {}", all.join("  "));
}

fn labels(out: &mut String, name: &str, labels: &[LabelScore]) {
    let all: Vec<String> = labels.iter().map(|label| format!("{} {:.2}", label.label, label.score)).collect();
    let _ = writeln!(out, "    {name:<10} {}", if all.is_empty() { "-".to_owned() } else { all.join("  ") });
}

/// The text with the passages of `field` marked, the stronger the clearer; offsets count characters.
fn marked(text: &str, evidence: &[Evidence], field: EvidenceField, color: bool) -> String {
    let mut strengths = vec![0.0_f64; text.chars().count()];
    for passage in evidence.iter().filter(|passage| passage.field == field) {
        for strength in strengths.iter_mut().take(passage.end).skip(passage.start) {
            *strength = strength.max(passage.share);
        }
    }
    // Brackets have no strength.
    let shown = |strength: f64| if color { level(strength) } else { level(strength).min(1) };
    let mut out = String::new();
    let mut run = String::new();
    let mut letters = text.chars().zip(strengths.iter().copied()).peekable();
    while let Some((letter, strength)) = letters.next() {
        run.push(letter);
        // A run ends where the strength changes; a styled one also at the end of its line.
        let goes_on = letters.peek().is_some_and(|(next, after)| shown(*after) == shown(strength) && *next != '\n');
        if !goes_on || letter == '\n' {
            out.push_str(&mark(&run, shown(strength), color));
            run.clear();
        }
    }
    out
}

/// 0 for none, 1 to 3 for weak to strong.
fn level(strength: f64) -> u8 {
    match strength {
        share if share <= 0.0 => 0,
        share if share < 0.2 => 1,
        share if share < 0.45 => 2,
        _ => 3,
    }
}

fn mark(run: &str, level: u8, color: bool) -> String {
    let style = match level {
        _ if run.trim().is_empty() => return run.to_owned(),
        0 => return run.to_owned(),
        _ if !color => return format!("[[{run}]]"),
        1 => Style::new().yellow(),
        2 => Style::new().black().on_yellow(),
        _ => Style::new().white().on_red().bold(),
    };
    paint(true, run, style)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passage(start: usize, end: usize, share: f64) -> Evidence {
        Evidence { signal: "urgency".into(), field: EvidenceField::Body, start, end, share, text: None }
    }

    #[test]
    fn passages_are_marked_by_character() {
        let evidence = [passage(10, 15, 0.3), passage(19, 22, 0.5)];
        let text = "für euch: smell of gas here";
        assert_eq!(marked(text, &evidence, EvidenceField::Body, false), "für euch: [[smell]] of [[gas]] here");
        assert_eq!(marked(text, &evidence, EvidenceField::Subject, false), text);
        let colored = marked(text, &evidence, EvidenceField::Body, true);
        assert!(colored.contains("\u{1b}[") && !colored.contains("[["), "{colored}");
    }

    #[test]
    fn overlaps_ends_and_wrong_offsets_do_no_harm() {
        let text = "ab\ncd";
        assert_eq!(marked(text, &[passage(0, 5, 0.5)], EvidenceField::Body, false), "[[ab]]\n[[cd]]");
        assert_eq!(marked(text, &[passage(4, 99, 0.5)], EvidenceField::Body, false), "ab\nc[[d]]");
        assert_eq!(marked(text, &[passage(9, 3, 0.5)], EvidenceField::Body, false), text);
        let both = [passage(0, 2, 0.1), passage(0, 1, 0.9)];
        assert_eq!(marked(text, &both, EvidenceField::Body, false), "[[ab]]\ncd");
        assert_eq!(marked("", &both, EvidenceField::Body, false), "");
    }
}
