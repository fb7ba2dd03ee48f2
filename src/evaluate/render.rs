//! The report as a table for a terminal and as Markdown.

use std::fmt::Write as _;

use super::{Classes, Group, Marks, Report};

/// A heading, lines of text and tables.
struct Section {
    title: String,
    lines: Vec<String>,
    tables: Vec<Table>,
}

/// The first row is the heading; the first column stands left, the others right.
type Table = Vec<Vec<String>>;

/// For a terminal: without the confusion of topics and the single labels, which are wide.
pub fn text(report: &Report) -> String {
    let mut out = String::new();
    for section in sections(report, false) {
        let _ = writeln!(out, "{}", section.title);
        for line in &section.lines {
            let _ = writeln!(out, "  {line}");
        }
        for table in &section.tables {
            let widths = widths(table);
            for row in table {
                let cells: Vec<String> = row
                    .iter()
                    .zip(&widths)
                    .enumerate()
                    .map(
                        |(at, (cell, &width))| {
                            if at == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
                        },
                    )
                    .collect();
                let _ = writeln!(out, "  {}", cells.join("  ").trim_end());
            }
        }
        out.push('\n');
    }
    out
}

/// For a file: everything.
pub fn markdown(report: &Report) -> String {
    let mut out = format!("# Evaluation of {} {}\n\n", report.model.name, report.model.version);
    for section in sections(report, true) {
        let _ = writeln!(out, "## {}\n", section.title);
        for line in &section.lines {
            let _ = writeln!(out, "- {line}");
        }
        if !section.lines.is_empty() {
            out.push('\n');
        }
        for table in &section.tables {
            for (at, row) in table.iter().enumerate() {
                let cells: Vec<String> = row.iter().map(|cell| cell.replace('|', "\\|")).collect();
                let _ = writeln!(out, "| {} |", cells.join(" | "));
                if at == 0 {
                    let _ = writeln!(out, "|---|{}", "--:|".repeat(row.len().saturating_sub(1)));
                }
            }
            out.push('\n');
        }
    }
    out
}

fn widths(table: &Table) -> Vec<usize> {
    let columns = table.iter().map(Vec::len).max().unwrap_or(0);
    (0..columns)
        .map(|at| table.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count()).max().unwrap_or(0))
        .collect()
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.3}"))
}

fn row(cells: &[&str]) -> Vec<String> {
    cells.iter().map(|&cell| cell.to_owned()).collect()
}

fn sections(report: &Report, full: bool) -> Vec<Section> {
    let heads = &report.heads;
    let mut sections = vec![about(report), overview(report)];
    if let Some(urgency) = &heads.urgency {
        let mut tables = vec![confusion(&urgency.classes)];
        if !urgency.cost_curve.is_empty() {
            let mut curve = vec![row(&["urgent from", "alarms", "precision", "recall", "cost"])];
            curve.extend(urgency.cost_curve.iter().map(|point| {
                vec![
                    format!("{:.1}", point.from),
                    number(Some(point.alarms)),
                    number(point.precision),
                    number(point.recall),
                    number(Some(point.cost)),
                ]
            }));
            tables.push(curve);
        }
        let lines = vec![
            format!(
                "high or critical: F1 {}; critical judged high or critical: {}; recall of critical {}, of high {}",
                number(urgency.urgent_f1),
                number(urgency.critical_seen),
                number(urgency.critical_recall),
                number(urgency.high_recall)
            ),
            format!("mean cost {} (critical missed 10, high missed 3, other errors 1)", number(urgency.cost)),
        ];
        sections.push(Section { title: "Urgency".into(), lines, tables });
    }
    if let Some(sentiment) = &heads.sentiment {
        let three = format!("negative, neutral or positive: accuracy {}", number(sentiment.three_way_accuracy));
        sections.push(Section {
            title: "Sentiment".into(),
            lines: vec![three],
            tables: vec![confusion(&sentiment.classes)],
        });
    }
    if full {
        if let Some(topic) = &heads.topic {
            sections.push(Section { title: "Topic".into(), lines: Vec::new(), tables: vec![confusion(topic)] });
        }
        for (title, marks) in [("Emotions", &heads.emotions), ("Signals", &heads.signals)] {
            if let Some(marks) = marks {
                sections.push(Section { title: title.into(), lines: Vec::new(), tables: vec![labels(marks)] });
            }
        }
    }
    sections.push(Section {
        title: "By channel, language and words of text".into(),
        lines: Vec::new(),
        tables: vec![groups(&heads.groups)],
    });
    if !report.gates.is_empty() {
        let lines = report.gates.iter().map(ToString::to_string).collect();
        sections.push(Section { title: "Gates".into(), lines, tables: Vec::new() });
    }
    sections
}

fn about(report: &Report) -> Section {
    let model = &report.model;
    let mut lines = vec![
        format!("model {} {} ({})", model.name, model.version, model.digest),
        format!("{} of {} lines of `{}` scored", report.scored, report.lines, report.data),
        format!(
            "{:.1} messages/s with {} inference threads ({:.1} s)",
            report.messages_per_second, report.threads, report.seconds
        ),
    ];
    if !model.lacks.is_empty() {
        lines.push(format!("the model lacks {}", model.lacks.join(", ")));
    }
    if !report.would_be_filtered.is_empty() {
        let reasons: Vec<String> =
            report.would_be_filtered.iter().map(|(reason, count)| format!("{reason} {count}")).collect();
        lines.push(format!("the worker would have filtered {}; they count here", reasons.join(", ")));
    }
    for unscored in &report.unscored {
        lines.push(format!("line {} has no scores and does not count: {}", unscored.line, unscored.reason));
    }
    Section { title: "Evaluation".into(), lines, tables: Vec::new() }
}

fn overview(report: &Report) -> Section {
    let heads = &report.heads;
    let mut table = vec![row(&["head", "n", "accuracy", "macro-F1", "micro-F1", "QWK", "ECE"])];
    let mut classes = |name: &str, classes: &Classes, kappa: String| {
        table.push(vec![
            name.to_owned(),
            classes.n.to_string(),
            number(classes.accuracy),
            number(classes.macro_f1),
            String::new(),
            kappa,
            number(classes.ece),
        ]);
    };
    if let Some(urgency) = &heads.urgency {
        classes("urgency", &urgency.classes, number(urgency.qwk));
    }
    if let Some(sentiment) = &heads.sentiment {
        classes("sentiment", &sentiment.classes, number(sentiment.qwk));
    }
    if let Some(topic) = &heads.topic {
        classes("topic", topic, String::new());
    }
    for (name, marks) in [("emotions", &heads.emotions), ("signals", &heads.signals)] {
        if let Some(marks) = marks {
            table.push(vec![
                name.to_owned(),
                marks.n.to_string(),
                String::new(),
                number(marks.macro_f1),
                number(marks.micro_f1),
                String::new(),
                number(marks.ece),
            ]);
        }
    }
    Section { title: "Heads".into(), lines: Vec::new(), tables: vec![table] }
}

fn confusion(classes: &Classes) -> Table {
    let mut heading = vec!["right \\ judged".to_owned()];
    heading.extend(classes.labels.iter().cloned());
    let rows = classes.labels.iter().zip(&classes.confusion).map(|(label, counts)| {
        let mut row = vec![label.clone()];
        row.extend(counts.iter().map(ToString::to_string));
        row
    });
    std::iter::once(heading).chain(rows).collect()
}

fn labels(marks: &Marks) -> Table {
    let mut table = vec![row(&["label", "n", "precision", "recall", "F1"])];
    table.extend(marks.labels.iter().map(|label| {
        vec![label.label.clone(), label.n.to_string(), number(label.precision), number(label.recall), number(label.f1)]
    }));
    table
}

fn groups(groups: &[Group]) -> Table {
    let mut table = vec![row(&["part", "n", "urgency QWK", "urgency accuracy", "sentiment QWK", "sentiment accuracy"])];
    table.extend(groups.iter().map(|group| {
        vec![
            format!("{} {}", group.by, group.name),
            group.n.to_string(),
            number(group.urgency_qwk),
            number(group.urgency_accuracy),
            number(group.sentiment_qwk),
            number(group.sentiment_accuracy),
        ]
    }));
    table
}
