//! Quoted history: which lines are copies of earlier messages.
//!
//! A line is only given up where a machine clearly put it there. If nothing of the writer's own would
//! be left, everything stays.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::lines::{Line, Part, any_own};

/// A pattern; none only if it does not compile, which a test rules out.
pub(super) type Pattern = LazyLock<Option<Regex>>;

pub(super) fn matches(pattern: &Pattern, text: &str) -> bool {
    pattern.as_ref().is_some_and(|pattern| pattern.is_match(text))
}

/// "On … wrote:" and its like, in one line or joined from several.
static ATTRIBUTION: Pattern = LazyLock::new(|| {
    Regex::new(
        r"(?ix)^\W{0,3}(
            (on|le|el|il|em|op|am|den|le|în|dnia|w\s+dniu|a)\s.{4,260}\s
                (wrote|a\s+écrit|escribi[óo]|ha\s+scritto|escreveu|schreef(\s+het\s+volgende)?|geschreven|schrieb|skrev|napisał\(?a?\)?|kirjoitti|a\s+scris)\b.{0,120}[:：]?
          | .{2,160}\s(wrote\s+on|schrieb\s+am|a\s+écrit\s+le|escribi[óo]\s+el|ha\s+scritto\s+il|escreveu\s+em|schreef\s+op)\s.{4,120}[:：]
          | \d{4}[-/.]\d{1,2}[-/.]\d{1,2}.{0,80}<[^<>\s]+@[^<>\s]+>\s*[:：]?
        )\W{0,3}$",
    )
    .ok()
});

/// Marks that only software puts into an attribution: an address or a time of day.
static MACHINE_MADE: Pattern = LazyLock::new(|| Regex::new(r"@|\b\d{1,2}[:.h]\d{2}\b").ok());

/// "-----Original Message-----" in the languages of common mail programs.
static ORIGINAL: Pattern = LazyLock::new(|| {
    Regex::new(
        r"(?ix)^[>\s]*[-–—_=]{2,}\s*
        (original\s+(message|mail|e-?mail|appointment)|ursprüngliche\s+(nachricht|mail|e-?mail)|originalnachricht|original-?nachricht
        |message\s+d['’]origine|message\s+original|mensaje\s+original|messaggio\s+originale|messaggio\s+original
        |mensagem\s+original|oorspronkelijk\s+bericht|originele\s+bericht|ursprungligt\s+meddelande|oprindelig\s+meddelelse
        |opprinnelig\s+melding|alkuperäinen\s+viesti|wiadomość\s+oryginalna|original\s+besked)
        .{0,300}$",
    )
    .ok()
});

/// "---------- Forwarded message ---------" and its like.
static FORWARD: Pattern = LazyLock::new(|| {
    Regex::new(
        r"(?ix)^(
          [-–—_=]{2,}\s*(forwarded\s+(message|by)|weitergeleitete\s+nachricht|message\s+transféré|message\s+transmis|mensaje\s+reenviado
            |messaggio\s+inoltrato|mensagem\s+encaminhada|mensagem\s+reencaminhada|doorgestuurd\s+bericht|vidarebefordrat\s+meddelande).{0,60}
        | (begin\s+forwarded\s+message|anfang\s+der\s+weitergeleiteten\s+(nachricht|e-?mail)|début\s+du\s+message\s+(réexpédié|transféré)
            |inicio\s+del\s+mensaje\s+reenviado|inizio\s+messaggio\s+inoltrato|início\s+da\s+mensagem\s+(reencaminhada|encaminhada)|begin\s+doorgestuurd\s+bericht)\s*:?
        )$",
    )
    .ok()
});

/// "Please type your reply above this line" of ticket systems.
static REPLY_ABOVE: Pattern = LazyLock::new(|| {
    Regex::new(
        r"(?ix)^[\#\-=*_\s]{2,}.{0,80}\b(above|oberhalb|über|au-dessus|encima|arriba|sopra|acima|boven)\b.{0,60}[\#\-=*_\s]{2,}$",
    )
    .ok()
});

/// The writer's answers stand inside the quoted text.
static INLINE: Pattern = LazyLock::new(|| {
    Regex::new(
        r"(?ix)\b(
          (see|answer(s|ed)?|repl(y|ies|ied)|respon(se|ses|ded)|comment(s|ed)?|find)\b.{0,30}\b(below|inline|in\s+line|in\s+(red|blue|green|bold|capitals)|between\s+the\s+lines)
        | (antwort(en)?|siehe|kommentare?|anmerkungen)\b.{0,30}\b(unten|im\s+text|inline|in\s+(rot|blau)|zwischen\s+den\s+zeilen|weiter\s+unten)
        | (réponses?|voir|commentaires?)\b.{0,30}\b(ci-dessous|dans\s+le\s+texte|en\s+(rouge|bleu)|plus\s+bas)
        | (respuestas?|ver|comentarios?|respondo)\b.{0,30}\b(abajo|debajo|más\s+abajo|en\s+(rojo|azul))
        | (rispost[ae]|vedi|commenti|rispondo)\b.{0,30}\b(sotto|di\s+seguito|in\s+(rosso|blu)|nel\s+testo)
        | (respostas?|ver|veja|comentários?|respondi)\b.{0,30}\b(abaixo|em\s+(vermelho|azul)|no\s+texto)
        | (antwoord(en)?|zie|opmerkingen)\b.{0,30}\b(hieronder|onder|in\s+(rood|blauw)|tussen\s+de\s+regels)
        )",
    )
    .ok()
});

/// Keys of header blocks as Outlook writes them above a quoted message.
const FROM_KEYS: [&str; 8] = ["from", "von", "de", "da", "van", "från", "fra", "od"];
const SENT_KEYS: [&str; 13] = [
    "sent",
    "gesendet",
    "envoyé",
    "envoye",
    "enviado",
    "enviado el",
    "enviada",
    "enviada em",
    "inviato",
    "verzonden",
    "skickat",
    "sendt",
    "wysłano",
];
const DATE_KEYS: [&str; 7] = ["date", "datum", "fecha", "data", "dato", "enviado em", "le"];
const TO_KEYS: [&str; 11] = ["to", "an", "à", "a", "para", "aan", "till", "til", "do", "cc", "kopie"];
const SUBJECT_KEYS: [&str; 10] =
    ["subject", "betreff", "objet", "asunto", "oggetto", "assunto", "onderwerp", "ämne", "emne", "temat"];

/// Words of the writer's own beside a forward that make the forwarded part mere background.
const WORDS_BESIDE_FORWARD: usize = 8;

/// What the mark-up said of the lines.
#[derive(Debug, Default, Clone)]
pub(super) struct Markup {
    pub(super) quotes: Vec<Range<usize>>,
    pub(super) rest: Option<usize>,
}

/// Marks quoted lines; returns whether there are any.
pub(super) fn mark(lines: &mut [Line], markup: &Markup) -> bool {
    let before: Vec<Part> = lines.iter().map(|line| line.part).collect();
    mark_markup(lines, markup);
    mark_angle_quotes(lines);
    mark_attributions(lines);
    mark_rest(lines, markup.rest);
    mark_rules(lines);
    let marked = lines.iter().any(|line| line.part == Part::Quoted && !line.is_blank());
    if marked && any_own(lines) {
        return true;
    }
    for (line, part) in lines.iter_mut().zip(before) {
        line.part = part;
    }
    false
}

fn mark_markup(lines: &mut [Line], markup: &Markup) {
    let mut ranges = markup.quotes.clone();
    ranges.sort_by_key(|range| range.start);
    let mut ranges = ranges.into_iter().peekable();
    let mut end = 0;
    for line in lines.iter_mut() {
        let start = line.range.start;
        while let Some(range) = ranges.next_if(|range| range.start <= start) {
            end = end.max(range.end);
        }
        // Block ends are line ends, so a line lies in a block wholly or not at all; the text of a
        // block begins after the break that precedes it.
        let next = ranges.peek().map(|range| range.start);
        let begins_here = next.is_some_and(|next| next < line.range.end && next + 2 >= start);
        if !line.is_blank() && (line.range.end <= end || begins_here) {
            line.part = Part::Quoted;
        }
    }
    // A forwarded message is not history: it is judged with the other forwards.
    unmark_forwards(lines);
}

fn unmark_forwards(lines: &mut [Line]) {
    let forward = lines.iter().position(|line| line.part == Part::Quoted && matches(&FORWARD, &line.plain));
    if let Some(first) = forward {
        for line in &mut lines[first..] {
            line.part = Part::Own;
        }
    }
}

/// Lines that begin with `>`: two or more in the text, or one that is the last paragraph or
/// stands below an attribution.
fn mark_angle_quotes(lines: &mut [Line]) {
    let quoted: Vec<usize> = (0..lines.len()).filter(|index| is_angle_quote(&lines[*index].plain)).collect();
    if let [lone] = quoted[..]
        && !stands_alone(lines, lone)
        && !below_attribution(lines, lone)
    {
        return;
    }
    let mut list = false;
    for index in quoted {
        let above = index.checked_sub(1).map(|above| &lines[above]);
        // "My order:" with lines that begin with `>` directly below is the writer's own list.
        list = match above {
            Some(above) if is_angle_quote(&above.plain) => list,
            Some(above) => ends_in_colon(&above.plain) && !below_attribution(lines, index),
            None => false,
        };
        if !list {
            lines[index].part = Part::Quoted;
        }
    }
}

/// Reports whether a line is the last paragraph, all by itself.
fn stands_alone(lines: &[Line], index: usize) -> bool {
    let above = index.checked_sub(1).is_some_and(|above| lines[above].is_blank());
    above && lines[index + 1..].iter().all(Line::is_blank)
}

fn is_angle_quote(line: &str) -> bool {
    let Some(rest) = line.strip_prefix('>') else {
        return false;
    };
    // Faces such as `>:(` and `>_<`, and amounts such as `>3 days`, are the writer's.
    !rest.starts_with([':', ';', '_', '.', '=', '-', '^', '<', '('])
        && !rest.starts_with(|letter: char| letter.is_ascii_digit())
}

fn below_attribution(lines: &[Line], index: usize) -> bool {
    let above = lines[..index].iter().rposition(|line| !line.is_blank());
    above.is_some_and(|last| {
        (last.saturating_sub(3)..=last).any(|first| attribution(lines, first).is_some_and(|end| end == last))
    })
}

/// Returns the last line of an attribution that begins at `first` and spans up to four lines.
fn attribution(lines: &[Line], first: usize) -> Option<usize> {
    let begin = &lines[first].plain;
    if begin.is_empty() || begin.len() > 300 {
        return None;
    }
    let mut joined = String::new();
    for (last, line) in lines.iter().enumerate().skip(first).take(4) {
        if line.is_blank() || (last > first && is_angle_quote(&line.plain)) {
            return None;
        }
        if !joined.is_empty() {
            joined.push(' ');
        }
        joined.push_str(&line.plain);
        if joined.len() > 400 {
            return None;
        }
        if !matches(&ATTRIBUTION, &joined) {
            continue;
        }
        let dated = joined.chars().any(|letter| letter.is_ascii_digit());
        let next = lines[last + 1..].iter().find(|line| !line.is_blank());
        let above_quote = next.is_some_and(|next| is_angle_quote(&next.plain) || next.part == Part::Quoted);
        let whole = ends_in_colon(&joined) || joined.ends_with('>') || matches(&MACHINE_MADE, &joined);
        if whole && (dated || above_quote) {
            return Some(last);
        }
    }
    None
}

/// Attributions above quoted lines; and those that a machine made, with all that follows.
fn mark_attributions(lines: &mut [Line]) {
    let last_quote = lines.iter().rposition(|line| is_angle_quote(&line.plain));
    let mut first = 0;
    while first < lines.len() {
        let Some(last) = attribution(lines, first) else {
            first += 1;
            continue;
        };
        let next = lines[last + 1..].iter().position(|line| !line.is_blank());
        let above_quote = next.is_some_and(|next| lines[last + 1 + next].part == Part::Quoted);
        if above_quote {
            mark_range(&mut lines[first..=last]);
        } else {
            let quotes_below = last_quote.is_some_and(|quote| quote > last);
            if !quotes_below && is_surely_copied(lines, first, last) && !answers_inline(&lines[..first]) {
                mark_range(&mut lines[first..]);
                return;
            }
        }
        first = last + 1;
    }
}

/// Reports whether what follows an attribution is a copy although it bears no marks: the attribution
/// holds an address, or a time of day and stands between blank lines.
fn is_surely_copied(lines: &[Line], first: usize, last: usize) -> bool {
    let joined = joined(&lines[first..=last]);
    let above = first.checked_sub(1).is_none_or(|above| lines[above].is_blank());
    let apart = above && lines.get(last + 1).is_none_or(Line::is_blank);
    ends_in_colon(&joined) && (joined.contains('@') || apart && matches(&MACHINE_MADE, &joined))
}

fn joined(lines: &[Line]) -> String {
    let parts: Vec<&str> = lines.iter().map(|line| line.plain.as_str()).collect();
    parts.join(" ")
}

fn ends_in_colon(line: &str) -> bool {
    line.trim_end_matches(['*', '_', ' ']).ends_with([':', '：'])
}

/// Header blocks, separators and marks after which a copy of another message goes on to the end.
fn mark_rest(lines: &mut [Line], rest: Option<usize>) {
    let markup = rest.and_then(|rest| lines.iter().position(|line| line.range.end > rest && !line.is_blank()));
    let original = (0..lines.len()).find(|index| {
        let line = &lines[*index];
        line.part == Part::Own
            && (matches(&ORIGINAL, &line.plain)
                || matches(&REPLY_ABOVE, &line.plain)
                || is_header_block(&lines[*index..]))
    });
    let forward =
        (0..lines.len()).find(|index| lines[*index].part == Part::Own && matches(&FORWARD, &lines[*index].plain));
    let history = [markup, original].into_iter().flatten().min();
    let start = match (history, forward) {
        (Some(history), Some(forward)) => history.min(forward),
        (Some(start), None) | (None, Some(start)) => start,
        (None, None) => return,
    };
    let own = &lines[..start];
    let is_forward = forward.is_some_and(|forward| forward <= start);
    let few_words = words(own) < WORDS_BESIDE_FORWARD;
    if !any_own(own) || answers_inline(own) || (is_forward && few_words) {
        return;
    }
    mark_range(&mut lines[start..]);
}

/// Rules drawn directly above a copy.
fn mark_rules(lines: &mut [Line]) {
    let mut below = Part::Own;
    for line in lines.iter_mut().rev().filter(|line| !line.is_blank()) {
        if below == Part::Quoted && is_rule(&line.plain) {
            line.part = Part::Quoted;
        }
        below = line.part;
    }
}

fn is_rule(line: &str) -> bool {
    line.len() >= 5 && line.chars().all(|letter| matches!(letter, '_' | '-' | '=' | '─'))
}

fn mark_range(lines: &mut [Line]) {
    for line in lines {
        line.part = Part::Quoted;
    }
}

fn words(lines: &[Line]) -> usize {
    lines.iter().filter(|line| line.part == Part::Own).map(|line| line.plain.split_whitespace().count()).sum()
}

fn answers_inline(own: &[Line]) -> bool {
    own.iter().any(|line| line.part == Part::Own && matches(&INLINE, &line.plain))
}

/// A block of `From:`, `Sent:`, `To:`, `Subject:` lines in any of our languages, beginning here.
fn is_header_block(lines: &[Line]) -> bool {
    let (mut from, mut sent, mut date, mut to, mut subject, mut address) = (false, false, false, false, false, false);
    for line in lines.iter().filter(|line| !line.is_blank()).take(7) {
        let Some(key) = header_key(&line.plain) else {
            break;
        };
        let key = key.as_str();
        from |= FROM_KEYS.contains(&key);
        sent |= SENT_KEYS.contains(&key);
        date |= DATE_KEYS.contains(&key);
        to |= TO_KEYS.contains(&key);
        subject |= SUBJECT_KEYS.contains(&key);
        address |= line.plain.contains('@');
    }
    // "From: Berlin, To: Paris, Date: …" is somebody's journey.
    from && (sent && (subject || (to && address)) || (subject && to && (date || address)))
}

fn header_key(line: &str) -> Option<String> {
    let line = line.trim_start_matches(['*', '>', ' ']);
    let (key, _) = line.split_once([':', '：'])?;
    let key = key.trim_matches(['*', ' ']);
    (key.len() <= 16).then(|| key.to_lowercase())
}

#[cfg(test)]
pub(super) fn patterns() -> Vec<&'static Pattern> {
    vec![&ATTRIBUTION, &MACHINE_MADE, &ORIGINAL, &FORWARD, &REPLY_ABOVE, &INLINE]
}
