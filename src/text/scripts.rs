//! Which script a text is in, and the language where the script tells it.

/// What the letters of a text say.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Script {
    /// No letters.
    None,
    /// Latin letters, or mostly.
    Latin,
    /// A script that tells the language, with the confidence.
    Other(&'static str, f32),
}

/// Ranges of letters and the language they are taken for.
const RANGES: [(u32, u32, &str); 26] = [
    (0x370, 0x3ff, "el"),
    (0x1f00, 0x1fff, "el"),
    (0x400, 0x52f, "cyrillic"),
    (0x530, 0x58f, "hy"),
    (0x590, 0x5ff, "he"),
    (0x600, 0x6ff, "arabic"),
    (0x750, 0x77f, "arabic"),
    (0xfb50, 0xfdff, "arabic"),
    (0xfe70, 0xfefe, "arabic"),
    (0x900, 0x97f, "hi"),
    (0x980, 0x9ff, "bn"),
    (0xa00, 0xa7f, "pa"),
    (0xa80, 0xaff, "gu"),
    (0xb80, 0xbff, "ta"),
    (0xc00, 0xc7f, "te"),
    (0xc80, 0xcff, "kn"),
    (0xd00, 0xd7f, "ml"),
    (0xd80, 0xdff, "si"),
    (0xe00, 0xe7f, "th"),
    (0xe80, 0xeff, "lo"),
    (0x1000, 0x109f, "my"),
    (0x10a0, 0x10ff, "ka"),
    (0x1200, 0x137f, "am"),
    (0x1780, 0x17ff, "km"),
    (0x1100, 0x11ff, "ko"),
    (0xac00, 0xd7af, "ko"),
];

/// Looks at the letters of a text that is already without links and numbers.
pub(super) fn of(text: &str) -> Script {
    let (mut latin, mut kana, mut han, mut total) = (0usize, 0usize, 0usize, 0usize);
    let mut counts = [0usize; RANGES.len()];
    for letter in text.chars().filter(|letter| letter.is_alphabetic()) {
        total += 1;
        let code = u32::from(letter);
        match code {
            0..0x250 | 0x1e00..0x1f00 => latin += 1,
            0x3040..0x3100 | 0xff66..0xffa0 => kana += 1,
            0x3400..0xa000 | 0xf900..0xfb00 | 0x20000..0x32000 => han += 1,
            _ => {
                let found = RANGES.iter().position(|(from, to, _)| (*from..=*to).contains(&code));
                if let Some(index) = found {
                    counts[index] += 1;
                }
            }
        }
    }
    if total == 0 {
        return Script::None;
    }
    // A letter of Chinese or Korean is a syllable or a word: names in Latin letters weigh less there.
    if kana > 0 && 3 * (kana + han) > latin {
        return Script::Other("ja", share(kana + han, total));
    }
    if han > 0 && 3 * han > latin {
        return Script::Other("zh", share(han, total));
    }
    let sum = |name: &str| -> usize {
        RANGES.iter().zip(counts).filter(|((_, _, code), _)| *code == name).map(|(_, count)| count).sum()
    };
    let best = RANGES.iter().map(|(_, _, name)| (*name, sum(name))).max_by_key(|(_, count)| *count).unwrap_or(("", 0));
    let (name, count) = best;
    let weight = if name == "ko" { 3 } else { 1 };
    if count == 0 || count * weight < latin {
        return if latin > 0 { Script::Latin } else { Script::None };
    }
    let confidence = share(count, total);
    match name {
        "cyrillic" => cyrillic(text, count, confidence),
        "arabic" => arabic(text, confidence),
        _ => Script::Other(name, confidence),
    }
}

/// Names in other letters make it a little less sure.
fn share(count: usize, total: usize) -> f32 {
    0.8 + 0.19 * (count as f32 / total.max(1) as f32)
}

fn cyrillic(text: &str, letters: usize, confidence: f32) -> Script {
    let count = |set: &str| text.chars().filter(|letter| set.contains(*letter)).count();
    let (ukrainian, belarusian, serbian) = (count("іїєґ"), count("ў"), count("ђћџљњј"));
    let (russian, hard) = (count("ыэё"), count("ъ"));
    if serbian > 0 && serbian >= russian {
        Script::Other("sr", confidence - 0.1)
    } else if belarusian > 0 {
        Script::Other("be", confidence - 0.05)
    } else if ukrainian > 0 && russian == 0 {
        Script::Other("uk", confidence)
    } else if hard > 0 && russian == 0 && hard * 60 > letters {
        Script::Other("bg", confidence - 0.1)
    } else {
        Script::Other("ru", confidence - if russian > 0 { 0.0 } else { 0.1 })
    }
}

fn arabic(text: &str, confidence: f32) -> Script {
    let any = |set: &str| text.chars().any(|letter| set.contains(letter));
    if any("ٹڈڑےں") {
        Script::Other("ur", confidence - 0.05)
    } else if any("پچژگ") || text.contains('ی') && !text.contains('ي') {
        Script::Other("fa", confidence - 0.05)
    } else {
        Script::Other("ar", confidence)
    }
}
