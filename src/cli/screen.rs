//! The only place that writes to standard output and standard error.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command speaks to whoever typed it, here and nowhere else"
)]

use std::io::{IsTerminal, Write};

/// Where a command speaks.
#[derive(Debug, Clone, Copy)]
pub struct Screen {
    /// Whether answers are JSON.
    pub json: bool,
}

impl Screen {
    /// Writes what was asked for. A reader that went away (`| head`) is no error of ours.
    pub fn out(&self, text: &str) {
        let mut out = std::io::stdout().lock();
        let _ = writeln!(out, "{}", text.trim_end()).and_then(|()| out.flush());
    }

    /// Writes what was asked for, as JSON.
    pub fn value(&self, value: &impl serde::Serialize) {
        self.out(&serde_json::to_string_pretty(value).unwrap_or_default());
    }

    /// Writes what is worth knowing beside the answer.
    pub fn note(&self, text: &str) {
        let text = text.trim_end();
        if !text.is_empty() {
            let _ = writeln!(std::io::stderr().lock(), "{text}");
        }
    }

    /// Whether notes may be coloured.
    pub fn colour(&self) -> bool {
        std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none()
    }

    /// Whether somebody watches.
    pub fn watched(&self) -> bool {
        std::io::stderr().is_terminal()
    }
}

/// So many of something: `1 flow`, `2 flows`.
pub fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// A table with a plain look: readable without colour, and by `awk`.
pub fn table(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING).set_header(head.iter().copied());
    for row in rows {
        table.add_row(row);
    }
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}
