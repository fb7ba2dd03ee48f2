//! When a command's output has colours.

use std::io::IsTerminal;

use owo_colors::{OwoColorize, Style};

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Color {
    /// Whether standard output gets colours.
    pub fn wanted(self) -> bool {
        match self {
            Self::Auto => {
                std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            }
            Self::Always => true,
            Self::Never => false,
        }
    }
}

/// Text in a style, where colours are wanted.
pub(super) fn paint(color: bool, text: &str, style: Style) -> String {
    if color { text.style(style).to_string() } else { text.to_owned() }
}
