//! Reads typed fields out of a JSON object and keeps book of what was odd.
//!
//! Fields that decide what a message is (texts, identifiers, direction, author) are read strictly: a
//! wrong type is a [`DecodeError::Schema`]. All others are read leniently: a wrong type is noted and
//! the value stays behind, to end in `extra`. `null` counts as absent.

use jiff::Timestamp;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::error::{DecodeError, Place};
use super::json::type_name;
use super::note::{Note, NoteCode};

/// Longest identifier that is kept as it is, in bytes: ids become record keys and headers.
pub(super) const MAX_ID_BYTES: usize = 1024;

/// Largest rating or score that is believed.
const MAX_NUMBER: f64 = 1e6;

/// An object that is being read. What is taken leaves it; the rest is unknown.
pub(super) struct Fields {
    map: Map<String, Value>,
    path: String,
}

/// Notes as they come up.
#[derive(Default)]
pub(super) struct Notes(pub(super) Vec<Note>);

/// Notes per message; more say nothing new.
const MAX_NOTES: usize = 32;

impl Notes {
    pub(super) fn add(&mut self, code: NoteCode) {
        self.push(Note { code, field: None });
    }

    pub(super) fn add_field(&mut self, code: NoteCode, field: String) {
        self.push(Note { code, field: Some(field) });
    }

    fn push(&mut self, note: Note) {
        if self.0.len() < MAX_NOTES && !self.0.contains(&note) {
            self.0.push(note);
        }
    }
}

impl Fields {
    pub(super) fn new(map: Map<String, Value>, path: impl Into<String>) -> Self {
        Self { map, path: path.into() }
    }

    /// Returns what was not taken.
    pub(super) fn into_rest(self) -> Map<String, Value> {
        self.map
    }

    pub(super) fn path_of(&self, name: &str) -> String {
        format!("{}.{name}", self.path)
    }

    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        self.map.remove(name).filter(|value| !value.is_null())
    }

    fn put_back(&mut self, name: &str, value: Value, code: NoteCode, notes: &mut Notes) {
        self.map.insert(name.to_owned(), value);
        notes.add_field(code, self.path_of(name));
    }

    fn wrong(&self, name: &str, expected: &'static str, value: &Value) -> DecodeError {
        DecodeError::Schema { place: Place::Path(self.path_of(name)), expected, found: type_name(value) }
    }

    /// Reads a text strictly; it may be blank.
    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, DecodeError> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(self.wrong(name, "a string", &other)),
        }
    }

    /// Reads a keyword strictly: trimmed; a blank one is absent.
    pub(super) fn keyword(&mut self, name: &str) -> Result<Option<String>, DecodeError> {
        Ok(self.text(name)?.and_then(non_blank))
    }

    /// Reads an identifier strictly: a string or a whole number; trimmed; a blank one is absent; one of
    /// more than [`MAX_ID_BYTES`] is replaced by its SHA-256.
    pub(super) fn id(&mut self, name: &str, notes: &mut Notes) -> Result<Option<String>, DecodeError> {
        let text = match self.take(name) {
            None => return Ok(None),
            Some(Value::String(text)) => text,
            Some(Value::Number(number)) if number.is_i64() || number.is_u64() => number.to_string(),
            Some(other) => return Err(self.wrong(name, "a string or a whole number", &other)),
        };
        Ok(non_blank(text).map(|id| {
            let (id, shortened) = short_id(id);
            if shortened {
                notes.add_field(NoteCode::IdShortened, self.path_of(name));
            }
            id
        }))
    }

    /// Reads an object strictly.
    pub(super) fn object(&mut self, name: &str) -> Result<Option<Self>, DecodeError> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Object(map)) => Ok(Some(Self::new(map, self.path_of(name)))),
            Some(other) => Err(self.wrong(name, "an object", &other)),
        }
    }

    /// Reads an object leniently.
    pub(super) fn object_or_note(&mut self, name: &str, notes: &mut Notes) -> Option<Self> {
        self.lenient(name, notes, |value| match value {
            Value::Object(map) => Ok(map),
            other => Err(other),
        })
        .map(|map| Self::new(map, self.path_of(name)))
    }

    /// Reads a value with `convert`, which hands back what it cannot use.
    pub(super) fn lenient<T>(
        &mut self,
        name: &str,
        notes: &mut Notes,
        convert: impl FnOnce(Value) -> Result<T, Value>,
    ) -> Option<T> {
        match convert(self.take(name)?) {
            Ok(converted) => Some(converted),
            Err(value) => {
                self.put_back(name, value, NoteCode::FieldIgnored, notes);
                None
            }
        }
    }

    /// Reads a string leniently: trimmed; a blank one is absent; whole numbers are accepted.
    pub(super) fn string(&mut self, name: &str, notes: &mut Notes) -> Option<String> {
        self.lenient(name, notes, scalar).and_then(non_blank)
    }

    /// Reads a truth value leniently.
    pub(super) fn flag(&mut self, name: &str, notes: &mut Notes) -> Option<bool> {
        self.lenient(name, notes, |value| match &value {
            Value::Bool(flag) => Ok(*flag),
            Value::String(text) if text.eq_ignore_ascii_case("true") => Ok(true),
            Value::String(text) if text.eq_ignore_ascii_case("false") => Ok(false),
            _ => Err(value),
        })
    }

    /// Reads a count leniently.
    pub(super) fn count(&mut self, name: &str, notes: &mut Notes) -> Option<u64> {
        self.lenient(name, notes, count)
    }

    /// Reads a whole number leniently.
    pub(super) fn integer(&mut self, name: &str, notes: &mut Notes) -> Option<i64> {
        self.lenient(name, notes, |value| value.as_i64().ok_or(value))
    }

    /// Reads a finite number leniently, rounded to 4 decimals, at most [`MAX_NUMBER`] either way;
    /// numbers in strings are accepted, as forms send them.
    pub(super) fn number(&mut self, name: &str, notes: &mut Notes) -> Option<f64> {
        self.lenient(name, notes, |value| {
            let number = match &value {
                Value::String(text) => text.trim().parse().ok(),
                other => other.as_f64(),
            };
            number
                .filter(|number: &f64| number.abs() <= MAX_NUMBER)
                .map(|number| (number * 10_000.0).round() / 10_000.0)
                .ok_or(value)
        })
    }

    /// Reads an RFC 3339 timestamp leniently.
    pub(super) fn timestamp(&mut self, name: &str, notes: &mut Notes) -> Option<Timestamp> {
        let value = self.take(name)?;
        let parsed = value.as_str().and_then(|text| text.trim().parse().ok());
        if parsed.is_none() {
            self.put_back(name, value, NoteCode::TimestampInvalid, notes);
        }
        parsed
    }

    /// Reads a list of strings leniently; a single string is a list of one; other elements are left
    /// out with a note.
    pub(super) fn strings(&mut self, name: &str, notes: &mut Notes) -> Vec<String> {
        let path = self.path_of(name);
        let values = self.values(name, notes, Value::is_string);
        let mut strings = Vec::with_capacity(values.len());
        for (index, value) in values.into_iter().enumerate() {
            match scalar(value) {
                Ok(text) => strings.extend(non_blank(text)),
                Err(_) => notes.add_field(NoteCode::FieldIgnored, format!("{path}[{index}]")),
            }
        }
        strings
    }

    /// Takes an array, or a single value that `is_single` accepts, as a list of values.
    pub(super) fn values(&mut self, name: &str, notes: &mut Notes, is_single: impl Fn(&Value) -> bool) -> Vec<Value> {
        self.lenient(name, notes, |value| match value {
            Value::Array(values) => Ok(values),
            single if is_single(&single) => Ok(vec![single]),
            other => Err(other),
        })
        .unwrap_or_default()
    }
}

/// Reads a string or whole number as a string; hands back anything else.
pub(super) fn scalar(value: Value) -> Result<String, Value> {
    match value {
        Value::String(text) => Ok(text),
        Value::Number(number) if !number.is_f64() => Ok(number.to_string()),
        other => Err(other),
    }
}

fn count(value: Value) -> Result<u64, Value> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let whole = |number: f64| (0.0..EXACT).contains(&number) && number.fract() == 0.0;
    value.as_u64().or_else(|| value.as_f64().filter(|n| whole(*n)).map(|n| n as u64)).ok_or(value)
}

/// Trims a text; none if nothing is left.
pub(super) fn non_blank(text: String) -> Option<String> {
    let trimmed = text.trim();
    if trimmed.is_empty() {
        None
    } else if trimmed.len() == text.len() {
        Some(text)
    } else {
        Some(trimmed.to_owned())
    }
}

/// Replaces an identifier that is too long by its SHA-256, and says whether it did.
pub(super) fn short_id(id: String) -> (String, bool) {
    if id.len() <= MAX_ID_BYTES {
        return (id, false);
    }
    (format!("sha256:{}", sha256_hex(id.as_bytes())), true)
}

/// Returns the SHA-256 of some bytes in lower-case hexadecimal.
pub(super) fn sha256_hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let digest = Sha256::digest(bytes);
    digest.iter().fold(String::with_capacity(64), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
