//! Languages: which of the catalogue's languages a reader gets. What is missing falls back, visibly.

use axum::http::HeaderMap;
use axum::http::header::ACCEPT_LANGUAGE;

/// Most languages of an `Accept-Language` header that are looked at.
const CONSIDERED: usize = 16;

/// Position of a language in the catalogue's list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Language(pub usize);

/// The reader's language: `?lang=`, else `Accept-Language`, else the first one of the hub.
pub fn negotiate(known: &[String], asked: Option<&str>, headers: &HeaderMap) -> Language {
    if let Some(asked) = asked {
        return Language(position(known, asked).unwrap_or(0));
    }
    let accepted = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    Language(accepted.and_then(|accepted| best(known, accepted)).unwrap_or(0))
}

fn best(known: &[String], accepted: &str) -> Option<usize> {
    let mut best: Option<(u16, usize)> = None;
    for part in accepted.split(',').take(CONSIDERED) {
        let (tag, weight) = part.split_once(';').unwrap_or((part, ""));
        let weight = thousandths(weight);
        let found = position(known, tag.trim()).filter(|_| weight > 0);
        if let Some(found) = found.filter(|_| best.is_none_or(|(heaviest, _)| weight > heaviest)) {
            best = Some((weight, found));
        }
    }
    best.map(|(_, found)| found)
}

/// `q=0.8` as 800; absent is 1000, unreadable is 0.
fn thousandths(weight: &str) -> u16 {
    let weight = weight.trim();
    if weight.is_empty() {
        return 1000;
    }
    let number = weight.strip_prefix("q=").and_then(|number| number.trim().parse::<f32>().ok());
    number.map_or(0, |number| (number.clamp(0.0, 1.0) * 1000.0) as u16)
}

/// The tag itself, else its primary language (`fr-BE` → `fr`).
fn position(known: &[String], tag: &str) -> Option<usize> {
    let find = |tag: &str| known.iter().position(|language| language.eq_ignore_ascii_case(tag));
    find(tag).or_else(|| tag.split_once('-').and_then(|(primary, _)| find(primary)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heaviest_known_language_wins() {
        let known = ["nl", "fr", "de"].map(String::from);
        let accept = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_LANGUAGE, axum::http::HeaderValue::from_static(value));
            negotiate(&known, None, &headers).0
        };
        assert_eq!(accept("de;q=0.5, fr-BE;q=0.9, en"), 1);
        assert_eq!(accept("de"), 2);
        assert_eq!(accept("de;q=0, fr;q=nonsense"), 0);
        assert_eq!(accept("*"), 0);
        assert_eq!(negotiate(&known, Some("FR"), &HeaderMap::new()), Language(1));
        assert_eq!(negotiate(&known, Some("xx"), &HeaderMap::new()), Language(0));
    }
}
