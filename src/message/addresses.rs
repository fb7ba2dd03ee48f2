//! Mail addresses and encoded words, read by `mail-parser`.

use mail_parser::parsers::MessageStream;
use mail_parser::{Addr, Address, HeaderValue};

use super::customer::Mailbox;

/// Reads an address list as it stands in a header field, encoded words included. What holds no address
/// at all is left out.
pub(super) fn parse(text: &str) -> Vec<Mailbox> {
    let line = header_line(text);
    if line.trim() == "<>" {
        return vec![Mailbox::default()];
    }
    let parsed = MessageStream::new(line.as_bytes()).parse_address();
    let mailboxes: Vec<Mailbox> = match parsed {
        HeaderValue::Address(Address::List(list)) => list.iter().filter_map(mailbox).collect(),
        HeaderValue::Address(Address::Group(groups)) => {
            groups.iter().flat_map(|group| &group.addresses).filter_map(mailbox).collect()
        }
        _ => Vec::new(),
    };
    mailboxes
}

fn mailbox(parsed: &Addr<'_>) -> Option<Mailbox> {
    let name = parsed.name.as_deref().map(str::trim);
    let address = parsed.address.as_deref().map(normalise);
    let address = address.filter(|address| address.contains('@'));
    let name_as_address = || name.map(normalise).filter(|name| is_bare_address(name));
    let address = address.or_else(name_as_address)?;
    let name = name.filter(|name| !name.is_empty() && normalise(name) != address).map(str::to_owned);
    Some(Mailbox { address, name })
}

/// Brings an address to the form keys are made of: trimmed, without angle brackets, lower case.
pub(super) fn normalise(address: &str) -> String {
    address.trim().trim_start_matches('<').trim_end_matches('>').trim().to_lowercase()
}

fn is_bare_address(text: &str) -> bool {
    text.contains('@') && !text.contains(char::is_whitespace)
}

/// Decodes encoded words (`=?UTF-8?Q?…?=`) of a header field that arrived undecoded.
pub(super) fn decode_words(text: String) -> String {
    if !(text.contains("=?") && text.contains("?=")) {
        return text;
    }
    let decoded = match MessageStream::new(header_line(&text).as_bytes()).parse_unstructured() {
        HeaderValue::Text(decoded) => Some(decoded.into_owned()),
        _ => None,
    };
    decoded.unwrap_or(text)
}

/// Splits a `References` or `In-Reply-To` value into message ids without angle brackets.
pub(super) fn message_ids(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split(|letter: char| letter.is_whitespace() || matches!(letter, '<' | '>' | ','))
        .filter(|id| !id.is_empty())
        .map(str::to_owned)
}

/// Makes one header line of a text: line breaks inside would end the field.
fn header_line(text: &str) -> String {
    let mut line: String = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    line.push('\n');
    line
}

/// Returns the part before the last `@`.
pub(super) fn local_part(address: &str) -> &str {
    address.rsplit_once('@').map_or(address, |(local, _)| local)
}
