//! Signatures at the end of a mail: which lines say who wrote it, and nothing else.
//!
//! Given up only if every line of the block is short and none holds what could be the matter: a
//! question, a reference number, a word of urgency.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::lines::{Line, Part, any_own};
use super::quotes::{Pattern, matches};

/// Longest signature, in lines that are not blank.
const MAX_LINES: usize = 12;
/// Longest line of a signature, in characters (disclaimers are longer, and stay).
const MAX_LINE_CHARS: usize = 160;
/// Longest block after a sign-off, in lines that are not blank.
const MAX_LINES_AFTER_SIGN_OFF: usize = 4;

/// What a signature does not contain: the block stays.
static MATTER: Pattern = LazyLock::new(|| {
    Regex::new(
        r"(?ix)
          [?？¿!]
        | \b(order|ticket|case|job|invoice|reference|ref|booking|reservation|tracking|parcel|contract|claim|account|customer|member|patient|policy
            |bestell\w*|auftrag\w*|rechnung\w*|kunden\w*|vertrag\w*|sendung\w*|vorgang\w*|aktenzeichen
            |commande|facture|dossier|colis|contrat
            |pedido|factura|reserva|contrato|caso
            |ordine|fattura|pratica|spedizione|contratto
            |encomenda|fatura|protocolo
            |bestelling|factuur|klant\w*|zending)\b.{0,30}?\d[\d./\s-]{2,}
        | \#\s?\d{3,}
        | \b(urgent\w*|asap|immediately|emergency|deadline|today|tonight|tomorrow|refund|cancel\w*|broken|waiting
            |dringend\w*|sofort|eilig|heute|morgen|notfall|frist|kündig\w*|stornier\w*
            |urgence|immédiat\w*|aujourd['’]hui|demain|rembours\w*|annul\w*
            |urgente\w*|inmediat\w*|hoy|mañana|reembolso|cancelar
            |subito|oggi|domani|rimborso|annullare
            |imediat\w*|hoje|amanhã|estorno
            |spoed|onmiddellijk|vandaag|morgen|terugbetaling|annuleren)\b
        | ^p\.?\s?s\.?\b
        ",
    )
    .ok()
});

/// Lines that mail programs on mobile devices add.
static MOBILE: Pattern = LazyLock::new(|| {
    Regex::new(
        r"(?ix)^[\W_]{0,3}(
          (sent|gesendet|envoyé|envoye|enviado|enviada|inviato|verzonden|verstuurd|skickat|sendt|wysłano|lähetetty)\s
            (from|via|with|using|von|mit|depuis|de|à\s+partir\s+de|par|avec|desde|do|da|dal|dallo|con|através\s+do|a\s+partir\s+do|pelo|vanaf|van|met|från|fra|min|z)
            (\s(my|the|an?|der|dem|die|la|meinem|meiner|einem|mon|ma|mi|meu|minha|mio|il|mijn|een|outlook\s+for|mail\s+for|mobile|proton|yahoo|samsung|huawei|mobiler?|un|une|uma?|courrier\s+pour|correo\s+para|e-?mail\s+para|l['’]?application))*
            \s?(iphone|ipad|ipod|android|galaxy|samsung|huawei|xiaomi|redmi|pixel|oneplus|blackberry|nokia|mobil\w*|m[óo]vil|celular|cellulare|telem[óo]vel|phone|smartphone|telefon\w*|téléphone|telefoon|handy|tablet\w*|tablette|windows|ios|outlook|proton\s?mail|yahoo\s?mail|gmx|web\.de|mail|aol|app|device|gerät)
            (\s(mobile|mobil|phone|smartphone|tablet|galaxy|app|mail|pro|max|mini|plus|ultra|for|für|pour|para|per|voor|gesendet|ios|android|windows|iphone|ipad|device|gerät|e-?mail|on|\d{1,3}|[a-z]\d{1,3}))*
        | von\s+mein(em|er)\s(iphone|ipad|android\w*|samsung|galaxy|handy|smartphone|mobiltelefon|tablet|huawei|mobilger\w*)(\s\w+){0,3}\s(gesendet|geschickt)
        | diese\s+nachricht\s+wurde\s+von\s+meinem\s.{3,40}gesendet(\s+mit\s.{3,20})?
        | (get|holen\s+sie\s+sich|télécharge[rz]|obtenir|obtener|obtén|descargar|scarica|ottieni|obter|download)\s+outlook\s+(for|für|pour|para|per|voor)\s+(ios|android|mac).{0,60}
        | outlook\s+(für|voor|for)\s+(ios|android|mac)\s+(beziehen|downloaden|herunterladen).{0,60}
        )(\s?<https?://\S+>)?[.!]?$",
    )
    .ok()
});

/// Closing phrases that say nothing of the matter.
static SIGN_OFF: Pattern = LazyLock::new(|| {
    Regex::new(
        r"(?ix)^\W{0,2}(
          (with\s+)?((very|most|many)\s+)?((kind(est)?|best|warm(est)?)\s+(personal\s+)?)?(regards|wishes)
        | all\s+the\s+best | best | cheers | br | kr
        | (yours\s+)?(sincerely|faithfully|truly)(\s+yours)? | respectfully(\s+yours)?
        | (mit\s+)?(vielen|viele|beste[nr]?|liebe[nr]?|freundliche[nr]?|schöne[nr]?|herzliche[nr]?|sonnige|mit\s+freundlichen|mit\s+besten)\s+(grüßen?|grüssen?|gruß|gruss)(\s+aus\s+\w+)?
        | gruß | gruss | grüße | hochachtungsvoll | mfg | lg | vg
        | (bien\s+)?cordialement | (bien\s+)?(sincèrement)?\s?bien\s+à\s+(vous|toi) | (sincères|meilleures)\s+salutations | salutations(\s+distinguées)? | cdlt
        | (un\s+)?(cordial(es)?\s+|atento\s+)?saludos?(\s+cordial(es)?)? | atentamente | atte
        | (cordiali|distinti|cari|tanti)\s+saluti | saluti | cordialmente
        | atenciosamente | (com\s+os\s+)?(melhores\s+)?(cumprimentos|saudações) | att | (um\s+)?abraços?
        | (met\s+)?(vriendelijke|hartelijke|beste)\s+groet(en|jes)? | groet(en|jes)? | mvg | hoogachtend
        | (med\s+)?vänliga?\s+hälsning(ar)? | mvh
        )\W{0,3}$",
    )
    .ok()
});

/// Closing phrases that also thank: they stay, what follows them goes.
static THANKS: Pattern = LazyLock::new(|| {
    Regex::new(
        r"(?ix)^\W{0,2}(
          (many\s+)?thanks(\s+(a\s+lot|again|so\s+much|in\s+advance|and\s+(kind\s+|best\s+)?regards))? | thank\s+you(\s+(very\s+much|so\s+much|in\s+advance|and\s+(kind\s+|best\s+)?regards))? | thx
        | (vielen|besten|herzlichen|lieben)?\s?dank(\s+(im\s+voraus|und\s+(viele|beste|freundliche|liebe)\s+grüße))? | danke(\s+(schön|im\s+voraus|und\s+(viele|liebe)\s+grüße))?
        | (un\s+grand\s+)?merci(\s+(beaucoup|d['’]avance|bien|par\s+avance))?
        | (muchas\s+)?gracias(\s+(de\s+antemano|y\s+(un\s+)?saludos?))?
        | (tante\s+|molte\s+)?grazie(\s+(mille|in\s+anticipo|e\s+(cordiali\s+)?saluti))?
        | (muito\s+)?obrigad[oa](\s+(desde\s+já|pela\s+atenção))?
        | (alvast\s+|hartelijk\s+)?(bedankt|dank\s+u(\s+wel)?|dank\s+je(\s+wel)?)(\s+en\s+(vriendelijke\s+)?groet(en|jes))?
        )\W{0,3}$",
    )
    .ok()
});

/// Marks signature lines; returns whether there are any. `markup` are byte ranges that the mark-up
/// calls a signature.
pub(super) fn mark(lines: &mut [Line], markup: &[Range<usize>]) -> bool {
    let mut marked = mark_markup(lines, markup);
    // A mobile line may stand below a signature, and a signature below a mobile line.
    for _ in 0..2 {
        marked |= mark_mobile(lines);
        marked |= mark_delimited(lines);
    }
    marked | mark_sign_off(lines)
}

/// Marks a set of lines, unless that left nothing to read.
fn give_up(lines: &mut [Line], chosen: &[usize]) -> bool {
    let before: Vec<Part> = chosen.iter().map(|index| lines[*index].part).collect();
    for index in chosen {
        lines[*index].part = Part::Signature;
    }
    let shown = chosen.iter().any(|index| !lines[*index].is_blank());
    if shown && any_own(lines) {
        return true;
    }
    for (index, part) in chosen.iter().zip(before) {
        lines[*index].part = part;
    }
    false
}

/// Indices of own lines that are not blank, in order.
fn own(lines: &[Line]) -> Vec<usize> {
    let is_own = |line: &Line| line.part == Part::Own && !line.is_blank();
    (0..lines.len()).filter(|index| is_own(&lines[*index])).collect()
}

fn is_harmless(lines: &[Line], block: &[usize]) -> bool {
    block.len() <= MAX_LINES
        && block.iter().all(|index| {
            let line = &lines[*index].plain;
            line.chars().count() <= MAX_LINE_CHARS && !holds_matter(line)
        })
}

/// Reports whether a line holds what could be the matter; links may contain what they like.
fn holds_matter(line: &str) -> bool {
    let is_link = |word: &&str| word.contains("://") || word.starts_with("www.");
    if line.split_whitespace().any(|word| is_link(&word)) {
        let words: Vec<&str> = line.split_whitespace().filter(|word| !is_link(word)).collect();
        return matches(&MATTER, &words.join(" "));
    }
    matches(&MATTER, line)
}

fn mark_markup(lines: &mut [Line], markup: &[Range<usize>]) -> bool {
    let mut marked = false;
    for range in markup {
        let inside =
            |line: &Line| line.range.start < range.end && line.range.end > range.start && line.range.end <= range.end;
        let block: Vec<usize> = own(lines).into_iter().filter(|index| inside(&lines[*index])).collect();
        if is_harmless(lines, &block) {
            marked |= give_up(lines, &block);
        }
    }
    marked
}

fn mark_mobile(lines: &mut [Line]) -> bool {
    let own = own(lines);
    match own.last() {
        Some(last) if matches(&MOBILE, &lines[*last].plain) => give_up(lines, &[*last]),
        _ => false,
    }
}

/// The block below `-- `, the delimiter of RFC 3676 (many programs drop its space).
fn mark_delimited(lines: &mut [Line]) -> bool {
    let own = own(lines);
    let delimiter = own.iter().rposition(|index| matches!(lines[*index].plain.as_str(), "--" | "—"));
    let Some(delimiter) = delimiter else {
        return false;
    };
    let block = &own[delimiter..];
    is_harmless(lines, &block[1..]) && give_up(lines, block)
}

/// A closing phrase with at most four short lines of name and address below.
fn mark_sign_off(lines: &mut [Line]) -> bool {
    let own = own(lines);
    let from = own.len().saturating_sub(MAX_LINES_AFTER_SIGN_OFF + 1);
    let is_closing = |index: &usize| {
        let line = &lines[*index].plain;
        line.chars().count() <= 60 && (matches(&SIGN_OFF, line) || matches(&THANKS, line))
    };
    let Some(found) = own[from..].iter().position(is_closing) else {
        return false;
    };
    let block = &own[from + found..];
    let thanks = matches(&THANKS, &lines[block[0]].plain);
    let below = &block[1..];
    let closing_again = |index: &usize| is_closing(index);
    let harmless = is_harmless(lines, below)
        && below.iter().all(|index| names_somebody(&lines[*index].plain) || closing_again(index));
    if !harmless {
        return false;
    }
    let chosen = if thanks { below } else { block };
    give_up(lines, chosen)
}

/// Reports whether a line reads like a name, a title, a company or an address, not like a sentence.
fn names_somebody(line: &str) -> bool {
    if line.chars().count() > 60 {
        return false;
    }
    let words: Vec<&str> = line.split_whitespace().collect();
    let digits = line.chars().filter(char::is_ascii_digit).count();
    let contact = line.contains('@') || line.contains("www.") || line.contains("://") || digits >= 6;
    if contact {
        return words.len() <= 8;
    }
    let capital = |word: &&str| {
        let first = word.chars().find(|letter| letter.is_alphanumeric());
        first.is_none_or(|letter| letter.is_uppercase() || letter.is_ascii_digit())
    };
    let long = |word: &&&str| word.chars().count() > 3;
    let titled = words.len() <= 7 && words.iter().filter(long).all(capital);
    let is_word = |word: &str| {
        word.chars().all(|letter| letter.is_alphabetic() || matches!(letter, '.' | '-' | '\'' | '’' | ','))
    };
    let lone_name = words.len() == 1 && words.iter().all(|word| is_word(word));
    !line.ends_with('.') && (titled && words.first().is_some_and(capital) || lone_name)
}

#[cfg(test)]
pub(super) fn patterns() -> Vec<&'static Pattern> {
    vec![&MATTER, &MOBILE, &SIGN_OFF, &THANKS]
}
