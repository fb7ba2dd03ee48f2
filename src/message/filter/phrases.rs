//! What automatic mails say, in the languages of common mail programs. Subjects are the weakest
//! evidence: they count only together with something else.

use std::sync::LazyLock;

use regex::Regex;

/// How subjects of automatic answers begin (lower case).
const AUTO_REPLY_SUBJECTS: &[&str] = &[
    // English
    "automatic reply",
    "auto reply",
    "auto-reply",
    "autoreply",
    "auto response",
    "auto-response",
    "automated response",
    "automated reply",
    "out of office",
    "out of the office",
    "out-of-office",
    "out of office autoreply",
    "out of office reply",
    "ooo",
    "vacation reply",
    // German
    "automatische antwort",
    "abwesenheitsnotiz",
    "abwesenheitsnachricht",
    "abwesenheitsmeldung",
    "abwesenheit",
    "abwesenheitsassistent",
    "automatische abwesenheitsnotiz",
    "außer haus",
    "nicht im büro",
    // French
    "réponse automatique",
    "reponse automatique",
    "absence du bureau",
    "message d'absence",
    "message d’absence",
    "absent du bureau",
    "notification d'absence",
    // Spanish
    "respuesta automática",
    "respuesta automatica",
    "fuera de la oficina",
    "fuera de oficina",
    "ausencia de la oficina",
    // Italian
    "risposta automatica",
    "fuori sede",
    "fuori ufficio",
    "assenza dall'ufficio",
    // Portuguese
    "resposta automática",
    "resposta automatica",
    "fora do escritório",
    "ausência do escritório",
    "ausência temporária",
    // Dutch
    "automatisch antwoord",
    "automatische reactie",
    "afwezig",
    "afwezigheidsbericht",
    "niet aanwezig",
    "afwezigheidsmelding",
    // Nordic, Polish, Czech
    "automatiskt svar",
    "autosvar",
    "automatisk svar",
    "frånvaro",
    "fraværende",
    "automaattinen vastaus",
    "autoodpowiedź",
    "odpowiedź automatyczna",
    "automatyczna odpowiedź",
    "automatická odpověď",
];

/// How subjects of delivery reports begin (lower case).
const BOUNCE_SUBJECTS: &[&str] = &[
    "undeliverable",
    "undelivered mail returned to sender",
    "undelivered mail",
    "delivery status notification",
    "delivery status notification (failure)",
    "delivery status notification (delay)",
    "delivery failure",
    "delivery has failed",
    "mail delivery failed",
    "mail delivery failure",
    "mail delivery system",
    "message delivery failure",
    "mail delivery failed: returning message to sender",
    "returned mail",
    "failure notice",
    "warning: could not send message",
    "unzustellbar",
    "nicht zustellbar",
    "nachricht unzustellbar",
    "zustellung fehlgeschlagen",
    "non remis",
    "non distribuable",
    "échec de la remise",
    "message non distribué",
    "no se puede entregar",
    "no entregado",
    "notificación de estado de la entrega",
    "non recapitabile",
    "mancato recapito",
    "impossibile recapitare",
    "não é possível entregar",
    "não entregue",
    "falha na entrega",
    "notificação de status de entrega",
    "onbestelbaar",
    "kan niet worden bezorgd",
];

/// What stands in the body of an automatic answer: somebody says of themselves that they are away, or
/// that the text is automatic.
static AUTO_REPLY_BODY: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?ix)
        \b(i\s*am|i['’]m|i\s+will\s+be|i['’]ll\s+be|we\s+are)\s+(currently\s+|now\s+|presently\s+)?
            (out\s+of\s+(the\s+|my\s+)?office|away(\s+from)?|on\s+(annual\s+|parental\s+|maternity\s+|sick\s+)?(leave|vacation|holiday)|on\s+holidays?|travell?ing|unavailable|not\s+in\s+the\s+office|closed)
        | \bthis\s+is\s+an?\s+(automated|automatic|auto[-\s]?generated)\s+(reply|response|message|e-?mail)
        | \bthank\s+you\s+for\s+your\s+(e-?mail|message)\b.{0,80}\b(out\s+of\s+office|away|on\s+leave|return)
        | \bich\s+bin\s+.{0,60}(abwesend|nicht\s+im\s+büro|außer\s+haus|im\s+urlaub|nicht\s+erreichbar|nicht\s+im\s+haus)
        | \b(vielen\s+dank|danke)\s+für\s+(ihre|deine)\s+(nachricht|e-?mail|mail)\b.{0,120}(abwesend|nicht\s+im\s+büro|urlaub|außer\s+haus|nicht\s+erreichbar)
        | \bdies\s+ist\s+eine\s+automatische
        | \bje\s+suis\s+.{0,40}(absente?|en\s+congés?|en\s+vacances|en\s+déplacement)
        | \bceci\s+est\s+(un\s+message|une\s+réponse)\s+automatique
        | \b(estoy|estaré|me\s+encuentro)\s+.{0,40}(fuera\s+de\s+(la\s+)?oficina|ausente|de\s+vacaciones)
        | \beste\s+es\s+un\s+mensaje\s+automático
        | \b(sono|sarò)\s+.{0,40}(fuori\s+(ufficio|sede)|assente|in\s+ferie)
        | \bquesto\s+è\s+un\s+messaggio\s+automatico
        | \b(estou|estarei|encontro-me)\s+.{0,40}(fora\s+do\s+escritório|ausente|de\s+férias)
        | \besta\s+é\s+uma\s+(mensagem|resposta)\s+automática
        | \bik\s+ben\s+.{0,60}(afwezig|niet\s+aanwezig|op\s+vakantie|met\s+verlof|niet\s+op\s+kantoor)
        | \bdit\s+is\s+een\s+automatisch
        ",
    )
    .ok()
});

/// What stands in the body of a delivery report.
static BOUNCE_BODY: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?ix)
        \b[45]\d\d[\s-]+[45]\.\d{1,3}\.\d{1,3}\b
        | \b(diagnostic-code|final-recipient|reporting-mta|remote-mta)\b
        | \b(delivery\s+to\s+the\s+following\s+recipients?|could\s+not\s+be\s+delivered\s+to\s+(one\s+or\s+more|the\s+following)|your\s+message\s+(wasn['’]t|was\s+not|couldn['’]t\s+be|could\s+not\s+be)\s+delivered|returning\s+message\s+to\s+sender|this\s+message\s+was\s+created\s+automatically\s+by\s+mail\s+delivery\s+software|i['’]m\s+sorry\s+to\s+have\s+to\s+inform\s+you)
        | \b(ihre\s+nachricht\s+(konnte|wurde)\s+.{0,60}nicht\s+zugestellt|nicht\s+an\s+folgende\s+empfänger)
        | \b(votre\s+message\s+n['’]a\s+(pas\s+)?pu\s+être\s+(remis|distribué)|n['’]a\s+pas\s+été\s+remis)
        | \b(no\s+se\s+(ha\s+podido|pudo)\s+entregar\s+(el|su)\s+mensaje|su\s+mensaje\s+no\s+se\s+entregó)
        | \bimpossibile\s+recapitare\s+il\s+messaggio
        | \b(não\s+foi\s+possível\s+entregar\s+(a\s+sua|sua|a)\s+mensagem)
        | \buw\s+bericht\s+(kon|is)\s+niet\s+.{0,20}bezorgd
        ",
    )
    .ok()
});

/// Returns the pattern that a subject of an automatic answer begins with.
pub(super) fn auto_reply_subject(subject: &str) -> Option<&'static str> {
    begins_with(subject, AUTO_REPLY_SUBJECTS)
}

/// Returns the pattern that a subject of a delivery report begins with.
pub(super) fn bounce_subject(subject: &str) -> Option<&'static str> {
    begins_with(subject, BOUNCE_SUBJECTS)
}

/// The pattern must be the whole subject, or end at a colon, dash or bracket: "Out of office hours you
/// never answer" is a customer. No `Re:` is stripped: who answers an automatic mail is a person.
fn begins_with(subject: &str, patterns: &'static [&'static str]) -> Option<&'static str> {
    let subject = subject.trim().to_lowercase();
    let subject = subject.trim_start_matches(['[', '(']);
    patterns.iter().copied().find(|pattern| {
        subject.strip_prefix(pattern).is_some_and(|rest| {
            let rest = rest.trim_start();
            rest.is_empty() || rest.starts_with([':', '-', '–', '—', ']', ')', '(', '|', '!', '.'])
        })
    })
}

/// Reports whether the beginning of a body reads like an automatic answer.
pub(super) fn auto_reply_body(beginning: &str) -> bool {
    matches(&AUTO_REPLY_BODY, beginning)
}

/// Reports whether the beginning of a body reads like a delivery report.
pub(super) fn bounce_body(beginning: &str) -> bool {
    matches(&BOUNCE_BODY, beginning)
}

fn matches(pattern: &LazyLock<Option<Regex>>, text: &str) -> bool {
    pattern.as_ref().is_some_and(|pattern| pattern.is_match(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_compile_and_are_lower_case() {
        assert!(AUTO_REPLY_BODY.is_some());
        assert!(BOUNCE_BODY.is_some());
        for pattern in AUTO_REPLY_SUBJECTS.iter().chain(BOUNCE_SUBJECTS) {
            assert_eq!(*pattern, pattern.to_lowercase());
        }
    }
}
