//! JSON from bytes, within limits.

use serde_json::Value;

use super::error::{DecodeError, Place};

/// serde_json's own limit is 128; ours must trip first, so that the error is ours.
const NESTING_CEILING: usize = 127;

/// A parsed payload.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) value: Value,
    /// Whether half surrogates were replaced by U+FFFD.
    pub(super) surrogates_replaced: bool,
}

/// Parses a payload. Duplicate keys: the last one wins. A byte order mark is skipped.
pub(super) fn parse(payload: &[u8], max_nesting: usize) -> Result<Parsed, DecodeError> {
    let text = std::str::from_utf8(payload)
        .map_err(|error| DecodeError::InvalidUtf8 { place: Place::Byte(error.valid_up_to()) })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim().is_empty() {
        return Err(DecodeError::Blank);
    }
    check_nesting(text.as_bytes(), max_nesting.min(NESTING_CEILING))?;
    match serde_json::from_str(text) {
        Ok(value) => Ok(Parsed { value, surrogates_replaced: false }),
        Err(error) => {
            // Software that cuts texts by UTF-16 units leaves half an emoji behind, which JSON can
            // write and Rust strings cannot hold.
            let repaired = replace_half_surrogates(text).and_then(|repaired| serde_json::from_str(&repaired).ok());
            repaired.map(|value| Parsed { value, surrogates_replaced: true }).ok_or_else(|| invalid(&error))
        }
    }
}

/// Parses the JSON text of a CloudEvent's `data_base64`.
pub(super) fn parse_base64(text: &str, max_nesting: usize) -> Option<Result<Parsed, DecodeError>> {
    let bytes = mail_parser::decoders::base64::base64_decode(text.as_bytes())?;
    Some(parse(&bytes, max_nesting))
}

fn invalid(error: &serde_json::Error) -> DecodeError {
    use serde_json::error::Category;
    let reason = match error.classify() {
        // These texts are fixed in serde_json and never quote the input.
        Category::Syntax | Category::Eof => {
            let text = error.to_string();
            match text.rfind(" at line ") {
                Some(end) => text[..end].to_owned(),
                None => text,
            }
        }
        Category::Data | Category::Io => "unexpected value".to_owned(),
    };
    DecodeError::InvalidJson { place: Place::LineColumn(error.line(), error.column()), reason }
}

/// Counts brackets outside strings, so that no recursion depends on the input.
fn check_nesting(bytes: &[u8], limit: usize) -> Result<(), DecodeError> {
    let mut depth = 0usize;
    let mut in_string = false;
    let mut escaped = false;
    for (offset, byte) in bytes.iter().enumerate() {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'[' | b'{' => {
                depth += 1;
                if depth > limit {
                    return Err(DecodeError::TooDeep { place: Place::Byte(offset), limit });
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}

/// Replaces `\uD800` … `\uDFFF` escapes that form no pair by `\ufffd`; none if there are none.
fn replace_half_surrogates(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut output: Option<String> = None;
    let mut copied = 0;
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] != b'\\' {
            at += 1;
            continue;
        }
        let Some(unit) = unicode_escape(bytes, at) else {
            at += 2;
            continue;
        };
        let pair = (0xd800..0xdc00).contains(&unit)
            && unicode_escape(bytes, at + 6).is_some_and(|next| (0xdc00..0xe000).contains(&next));
        if pair {
            at += 12;
            continue;
        }
        if (0xd800..0xe000).contains(&unit) {
            let output = output.get_or_insert_with(|| String::with_capacity(text.len()));
            output.push_str(&text[copied..at]);
            output.push_str("\\ufffd");
            copied = at + 6;
        }
        at += 6;
    }
    output.map(|mut output| {
        output.push_str(&text[copied..]);
        output
    })
}

fn unicode_escape(bytes: &[u8], at: usize) -> Option<u32> {
    let escape = bytes.get(at..at + 6)?;
    if !escape.starts_with(b"\\u") {
        return None;
    }
    escape[2..].iter().try_fold(0u32, |unit, byte| Some(unit * 16 + char::from(*byte).to_digit(16)?))
}

/// Names a value's type with its article, for error texts.
pub(super) const fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}
