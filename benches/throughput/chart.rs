//! The picture beside the table: speeds as bars, times to the ticket below.

use std::fmt::Write as _;

use super::Fallible;
use super::report::Results;

const WIDTH: f64 = 760.0;
/// Where bars start: right of their names.
const LEFT: f64 = 285.0;
/// Longest bar; its figure stands right of it.
const LONGEST: f64 = 335.0;
const ROW: f64 = 30.0;

const OURS: &str = "#2563a8";
const THEIRS: &str = "#9aa5b1";

struct Bar {
    name: String,
    value: f64,
    /// A fainter end of the bar (p99), where there is one.
    high: Option<f64>,
    colour: &'static str,
    label: String,
}

/// Draws the whole picture.
pub fn draw(results: &Results) -> Fallible<String> {
    let speed = |name: &str, value: Option<f64>, colour: &'static str| {
        value.map(|value| Bar { name: name.to_owned(), value, high: None, colour, label: format!("{value:.0}/s") })
    };
    let speeds: Vec<Bar> = [
        speed("raw inference, no Kafka", results.raw_per_s(), THEIRS),
        speed("Undertone, through Kafka", results.worker_per_s(), OURS),
        speed("batches of 32 as they arrive, no Kafka", results.plain_per_s(), THEIRS),
        speed("plain Python consumer, through Kafka", results.python.map(|run| run.messages_per_s), THEIRS),
    ]
    .into_iter()
    .flatten()
    .collect();
    let time = |name: String, times: &super::runs::Latency| Bar {
        name,
        value: times.p50_ms as f64,
        high: Some(times.p99_ms as f64),
        colour: OURS,
        label: format!("{} ms, {} ms", times.p50_ms, times.p99_ms),
    };
    let mut times: Vec<Bar> = results
        .latency
        .first()
        .into_iter()
        .flat_map(|channels| channels.each.iter())
        .map(|(channel, latency)| time(format!("{channel} at half load"), latency))
        .collect();
    times.extend(results.flood.iter().map(|(age, latency, _)| {
        let kind = if age.is_zero() { "" } else { "overdue " };
        time(format!("chat, {} {kind}emails waiting", results.flood_emails), latency)
    }));
    let height = 140.0 + ROW * (speeds.len() + times.len()) as f64;
    let mut svg = String::new();
    writeln!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif\" font-size=\"13\" \
         role=\"img\" aria-label=\"Messages a second, and milliseconds from record to ticket\">\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#ffffff\"/>"
    )?;
    let below = panel(&mut svg, 34.0, "Messages scored a second (more is better)", &speeds)?;
    panel(&mut svg, below + 40.0, "From record to committed ticket: p50 and p99 (less is better)", &times)?;
    writeln!(svg, "</svg>")?;
    Ok(svg)
}

/// One title with its bars on one scale; gives the lower edge.
fn panel(svg: &mut String, top: f64, title: &str, bars: &[Bar]) -> Fallible<f64> {
    writeln!(svg, "<text x=\"20\" y=\"{top}\" font-size=\"15\" font-weight=\"600\" fill=\"#1f2933\">{title}</text>")?;
    let most = bars.iter().map(|bar| bar.high.unwrap_or(bar.value)).fold(1.0, f64::max);
    for (index, bar) in bars.iter().enumerate() {
        let y = top + 14.0 + ROW * index as f64;
        let (middle, width) = (y + 15.0, LONGEST * bar.value / most);
        let name = LEFT - 10.0;
        writeln!(svg, "<text x=\"{name}\" y=\"{middle}\" text-anchor=\"end\" fill=\"#1f2933\">{}</text>", bar.name)?;
        let end = bar.high.map_or(width, |high| LONGEST * high / most);
        if bar.high.is_some() {
            let colour = bar.colour;
            writeln!(
                svg,
                "<rect x=\"{LEFT}\" y=\"{y}\" width=\"{end:.1}\" height=\"20\" rx=\"2\" fill=\"{colour}\" opacity=\"0.3\"/>"
            )?;
        }
        let colour = bar.colour;
        writeln!(svg, "<rect x=\"{LEFT}\" y=\"{y}\" width=\"{width:.1}\" height=\"20\" rx=\"2\" fill=\"{colour}\"/>")?;
        let figure = LEFT + end + 8.0;
        writeln!(svg, "<text x=\"{figure:.1}\" y=\"{middle}\" fill=\"#1f2933\">{}</text>", bar.label)?;
    }
    Ok(top + 14.0 + ROW * bars.len() as f64)
}
