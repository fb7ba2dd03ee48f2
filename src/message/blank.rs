//! What counts as nothing to read.

/// Reports whether a character shows nothing: white space, control characters, zero-width and
/// direction marks, variation selectors, tags, and the fillers that pass for letters.
pub(crate) fn is_invisible(letter: char) -> bool {
    letter.is_whitespace()
        || letter.is_control()
        || matches!(letter,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffc}' | '\u{e0000}'..='\u{e0fff}')
}

/// Reports whether a text has nothing to read.
pub(crate) fn is_blank(text: &str) -> bool {
    text.chars().all(is_invisible)
}

/// Reports whether HTML shows no text. Elements that are never shown are passed over; pictures count
/// as nothing.
pub(crate) fn html_is_blank(html: &str) -> bool {
    let mut rest = html;
    while !rest.is_empty() {
        let Some((before, tag)) = rest.split_once('<') else {
            return entities_are_blank(rest);
        };
        if !entities_are_blank(before) {
            return false;
        }
        let lower: String = tag.chars().take(8).flat_map(char::to_lowercase).collect();
        let end = if lower.starts_with("!--") {
            "-->"
        } else if lower.starts_with("style") {
            "</style>"
        } else if lower.starts_with("script") {
            "</script>"
        } else if lower.starts_with("title") {
            "</title>"
        } else {
            ">"
        };
        let found = find_ignoring_case(tag, end);
        rest = found.map_or("", |at| &tag[at + end.len()..]);
    }
    true
}

fn find_ignoring_case(text: &str, pattern: &str) -> Option<usize> {
    text.as_bytes().windows(pattern.len()).position(|window| window.eq_ignore_ascii_case(pattern.as_bytes()))
}

fn entities_are_blank(text: &str) -> bool {
    if !text.contains('&') {
        return is_blank(text);
    }
    let mut text = text.to_owned();
    for entity in [
        "&nbsp;", "&#160;", "&#xa0;", "&zwnj;", "&zwj;", "&shy;", "&#8203;", "&#8204;", "&#847;", "&ensp;", "&emsp;",
        "&thinsp;",
    ] {
        text = text.replace(entity, "");
    }
    is_blank(&text)
}
