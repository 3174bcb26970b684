//! Sizes in bytes as text with their unit: `"64 KiB"`, `"8 MiB"`. Refuses bare numbers and units nobody can place
//! (`"8 M"`): KiB, MiB and GiB count in 1024, kB, MB and GB in 1000.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use serde_json::Value;

/// Units; `B` comes last because the others end with it.
const UNITS: [(&str, u64); 8] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("kB", 1_000),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("B", 1),
];

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

impl Size {
    /// Reads the text form.
    pub fn parse(text: &str) -> Option<Self> {
        let (number, unit) = UNITS.iter().find_map(|(word, unit)| Some((text.strip_suffix(word)?, unit)))?;
        number.trim_end().parse::<u64>().ok()?.checked_mul(*unit).map(Size)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let binary = UNITS.iter().take(3).rev().find(|(_, unit)| self.0 > 0 && self.0.is_multiple_of(*unit));
        match binary {
            Some((word, unit)) => write!(f, "{} {word}", self.0 / unit),
            None => write!(f, "{} B", self.0),
        }
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(from)?;
        value.as_str().and_then(Size::parse).ok_or_else(|| {
            D::Error::custom(format!(
                "`{value}` is not a size; write a number with its unit, as \"64 KiB\", \"8 MiB\" or \"2 GiB\""
            ))
        })
    }
}

impl JsonSchema for Size {
    fn schema_name() -> Cow<'static, str> {
        "Size".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": r"^[0-9]+ *(B|kB|KB|KiB|MB|MiB|GB|GiB)$", "examples": ["64 KiB", "8 MiB", "2 GiB"] })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn sizes_need_a_known_unit() {
        for (text, bytes) in
            [("1 MiB", 1 << 20), ("64KiB", 65_536), ("2 GB", 2_000_000_000), ("512 B", 512), ("0 B", 0)]
        {
            assert_eq!(Size::parse(text), Some(Size(bytes)), "{text}");
        }
        for wrong in ["1024", "", "MiB", "1.5 MiB", "-1 MiB", "8 M", "99999999999999 GiB"] {
            assert_eq!(Size::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_is_shown_can_be_written() {
        for bytes in [0, 1, 1000, 1024, 1 << 20, 3 << 30] {
            assert_eq!(Size::parse(&Size(bytes).to_string()), Some(Size(bytes)));
        }
    }
}
