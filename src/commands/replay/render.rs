//! The report of a replay as tables for people. Pure.

use std::fmt::Write as _;

use super::compare::Change;
use super::report::{Pair, PolicyName, Report, share};

/// Totals, and below them the changes, if they were asked for.
pub(super) fn text(report: &Report) -> String {
    let mut out = String::new();
    let kinds: Vec<String> = report.records.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    let kinds = if kinds.is_empty() { "no records".to_owned() } else { kinds.join(", ") };
    let _ = writeln!(out, "{}: {kinds}", report.source);
    if report.unreadable > 0 {
        let _ = writeln!(out, "{} could not be read; the worker makes dead letters of them", report.unreadable);
    }
    for (title, PolicyName { name, version, digest, place }) in [("current", &report.current), ("new", &report.new)] {
        let digest: String = digest.chars().take("sha256:".len() + 12).collect();
        let _ = writeln!(out, "{title:<8} {name} {version}  {place}  {digest}");
    }
    let tickets = &report.tickets;
    let part = |count: usize| format!("{count:>7} {:>6.1}%", share(count, tickets.total) * 100.0);
    let _ = writeln!(out, "\n{:<18} {:>7}", "tickets", tickets.total);
    let _ = writeln!(out, "{:<18} {}", "unchanged", part(tickets.unchanged));
    let _ = writeln!(out, "{:<18} {}", "changed", part(tickets.changed));
    for (name, count) in [
        ("priority raised", tickets.raised),
        ("priority lowered", tickets.lowered),
        ("due sooner", tickets.due_sooner),
        ("due later", tickets.due_later),
        ("other outcome", tickets.other_outcome),
    ] {
        if count > 0 {
            let _ = writeln!(out, "  {name:<16} {}", part(count));
        }
    }
    let _ = writeln!(out, "\n{:<18} {:>15} {:>15} {:>8}", "", "current", "new", "change");
    for (priority, pair) in &report.priorities {
        pair_line(&mut out, priority.as_str(), *pair);
    }
    for (name, pair) in &report.marks {
        pair_line(&mut out, name, *pair);
    }
    if !report.moves.is_empty() {
        out.push('\n');
        for (moved, count) in &report.moves {
            let _ = writeln!(out, "{moved:<18} {count:>7}");
        }
    }
    let _ = writeln!(out, "\n{:<22} {:>7} {:>7} {:>7} {:>7}", "rule", "current", "new", "gained", "lost");
    for (rule, pair) in &report.rules {
        let (rule, current, new, gained, lost) = (rule.as_str(), pair.current, pair.new, pair.gained, pair.lost);
        let _ = writeln!(out, "{rule:<22} {current:>7} {new:>7} {gained:>7} {lost:>7}");
    }
    for change in report.changes.iter().flatten() {
        changed(&mut out, change);
    }
    out
}

fn pair_line(out: &mut String, name: &str, pair: Pair) {
    let sign = if pair.new < pair.current { '-' } else { '+' };
    let change = format!("{sign}{}", pair.new.abs_diff(pair.current));
    let (current, new) = (pair.current_share * 100.0, pair.new_share * 100.0);
    let _ = writeln!(out, "{name:<18} {:>7} {current:>6.1}% {:>7} {new:>6.1}% {change:>8}", pair.current, pair.new);
}

/// One ticket: what differs, then the reasons gained (+), lost (-) and with another effect (~).
fn changed(out: &mut String, change: &Change) {
    let _ = writeln!(out, "\n{}  {} {} of {}", change.place, change.channel, change.message_id, change.conversation_id);
    for field in &change.fields {
        let _ = writeln!(out, "    {:<16} {} -> {}", field.name, field.current, field.new);
    }
    for (sign, reasons) in [('+', &change.gained), ('-', &change.lost)] {
        for why in reasons {
            let _ = writeln!(out, "  {sign} {:<16} {}  [{}]", why.rule.as_str(), why.text, why.effect);
        }
    }
    for altered in &change.altered {
        let _ = writeln!(out, "  ~ {:<16} [{}] -> [{}]", altered.rule.as_str(), altered.current, altered.new);
    }
}
