//! Old systems write old character sets: text into the bytes each department's system would have written.

use encoding_rs::{ISO_8859_15, WINDOWS_1252};
use oem_cp::code_table::ENCODING_TABLE_CP850;

/// As ISO-8859-15 (planning).
pub fn latin9(text: &str) -> Vec<u8> {
    ISO_8859_15.encode(text).0.into_owned()
}

/// As windows-1252 (schools).
pub fn windows_1252(text: &str) -> Vec<u8> {
    WINDOWS_1252.encode(text).0.into_owned()
}

/// As code page 850 (tax); what it lacks becomes `?`, as that system did.
pub fn cp850(text: &str) -> Vec<u8> {
    oem_cp::encode_string_lossy(text, &ENCODING_TABLE_CP850)
}
