//! Pages as their readers follow them: files to create, commands to type, answers to expect.
//!
//! A block of code right after a line that ends in ``…`name`:`` is a file of that name (``(in `windows-1252`)`` before the colon says how it
//! is encoded); a block `sh` is typed; a block `text` or `json` after one of those is what they answer.

use std::path::Path;

/// A block of code.
#[derive(Debug)]
pub struct Block {
    /// Line of the page it starts at.
    pub line: usize,
    pub what: What,
    pub text: String,
}

/// What a reader does with it.
#[derive(Debug, PartialEq, Eq)]
pub enum What {
    /// Creates a file.
    File { name: String, encoding: Option<String> },
    /// Types it.
    Commands,
    /// Compares it with what is on the screen.
    Answer { json: bool },
    /// Reads it.
    Nothing,
}

/// The blocks of a page, in order.
pub fn blocks(page: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut before = "";
    let mut open: Option<Block> = None;
    for (at, line) in page.lines().enumerate() {
        // a step of a list is indented
        let line = line.strip_prefix("   ").filter(|rest| open.is_some() || rest.starts_with("```")).unwrap_or(line);
        match (line.strip_prefix("```"), open.take()) {
            (Some(_), Some(block)) => {
                blocks.push(block);
                before = "";
            }
            (Some(language), None) => {
                let typed = blocks.last().is_some_and(|block| block.what == What::Commands);
                let what = named(before).unwrap_or(match language {
                    "sh" => What::Commands,
                    "text" | "json" if typed => What::Answer { json: language == "json" },
                    _ => What::Nothing,
                });
                open = Some(Block { line: at + 1, what, text: String::new() });
            }
            (None, Some(mut block)) => {
                block.text.push_str(line);
                block.text.push('\n');
                open = Some(block);
            }
            (None, None) if !line.trim().is_empty() => before = line,
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block of code is not closed");
    blocks
}

/// The file that a line announces.
fn named(line: &str) -> Option<What> {
    let rest = line.trim_end().strip_suffix(':')?;
    let (rest, encoding) = match rest.strip_suffix("`)").and_then(|rest| rest.rsplit_once(" (in `")) {
        Some((rest, encoding)) => (rest, Some(encoding.to_owned())),
        None => (rest, None),
    };
    let name = rest.strip_suffix('`')?.rsplit('`').next()?;
    name.contains(['/', '.']).then(|| What::File { name: name.to_owned(), encoding })
}

/// Creates the file of a block below a folder.
pub fn create(folder: &Path, name: &str, encoding: Option<&str>, text: &str) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let encoding = encoding_rs::Encoding::for_label(encoding.unwrap_or("utf-8").as_bytes());
    let (bytes, _, unwritable) = encoding.unwrap_or_else(|| panic!("{name}: an unknown encoding")).encode(text);
    assert!(!unwritable, "{name} holds characters its encoding does not have");
    std::fs::write(path, bytes).unwrap();
}

/// Lets nobody else read the secrets of an example.
pub fn lock_secrets(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    for secret in std::fs::read_dir(folder.join("secrets")).into_iter().flatten().flatten() {
        std::fs::set_permissions(secret.path(), std::fs::Permissions::from_mode(0o600)).unwrap();
    }
}

/// Why an answer is not the one on the page: `…` stands for what differs from run to run, and a JSON answer may say more.
pub fn differs(expected: &str, json: bool, actual: &str) -> Option<String> {
    let same = if json {
        let read = |text: &str| serde_json::from_str::<serde_json::Value>(text.trim());
        match (read(expected), read(actual)) {
            (Ok(expected), Ok(actual)) => says(&expected, &actual),
            _ => false,
        }
    } else {
        matches(&plain(expected), &plain(actual))
    };
    (!same).then(|| format!("the page says:\n{expected}\nthe screen says:\n{actual}"))
}

/// Without blanks at the ends of lines and empty lines around.
fn plain(text: &str) -> String {
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n").trim_matches('\n').to_owned()
}

/// Whether a text is as expected: each `…` is any text, also none.
fn matches(expected: &str, actual: &str) -> bool {
    match expected.split_once('…') {
        None => expected == actual,
        Some((start, rest)) => actual.strip_prefix(start).is_some_and(|tail| {
            let ends = tail.char_indices().map(|(at, _)| at).chain([tail.len()]);
            ends.into_iter().any(|at| matches(rest, &tail[at..]))
        }),
    }
}

/// Whether an answer says at least what is expected.
fn says(expected: &serde_json::Value, actual: &serde_json::Value) -> bool {
    use serde_json::Value;
    match (expected, actual) {
        (Value::String(expected), Value::String(actual)) => matches(expected, actual),
        (Value::Object(expected), Value::Object(actual)) => {
            expected.iter().all(|(key, value)| actual.get(key).is_some_and(|other| says(value, other)))
        }
        (Value::Array(expected), Value::Array(actual)) => {
            expected.len() == actual.len() && expected.iter().zip(actual).all(|(one, other)| says(one, other))
        }
        _ => expected == actual,
    }
}
