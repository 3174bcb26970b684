//! The pages behind the error codes: Markdown files of `codes/`, compiled in. One page per code, no code without one.

macro_rules! pages {
    ($($code:literal)*) => {
        /// Every code with its page.
        pub const PAGES: &[(&str, &str)] = &[$(($code, include_str!(concat!("../codes/", $code, ".md")))),*];
    };
}

pages! {
    "E001"
    "E002"
    "E003"
    "E004"
    "E005"
    "E006"
    "E007"
    "E008"
    "E009"
    "E010"
    "E011"
    "E012"
    "E013"
    "E014"
    "E015"
    "E016"
    "E017"
    "E018"
    "E019"
    "E020"
    "E042"
    "E100"
    "E101"
    "E102"
    "E103"
    "E104"
    "E105"
    "E110"
    "E111"
    "E112"
    "E113"
    "E114"
    "E115"
    "E116"
    "E120"
    "E121"
    "E122"
    "E123"
    "E124"
    "E125"
    "E126"
    "E127"
    "E128"
    "E130"
    "E131"
    "E132"
    "E134"
    "E140"
    "E141"
    "E142"
    "E143"
    "E144"
    "E145"
    "E146"
    "E147"
    "E148"
    "E149"
    "E150"
    "E151"
    "E152"
    "E153"
    "E154"
    "E155"
    "E156"
    "E157"
    "E210"
    "E211"
    "E220"
}

/// The page of a code; `None` for a code that does not exist.
pub fn page(code: &str) -> Option<&'static str> {
    PAGES.iter().find(|(known, _)| known.eq_ignore_ascii_case(code)).map(|(_, page)| *page)
}
