//! Wording: what a reader is told about a status. The most specific wording of the service that matches wins, then a
//! built-in sentence per phase, so that no answer is wordless; the language given is always said.

use std::collections::BTreeMap;

use crate::model::{Outcome, Phase, Service, Texts, WaitingOn, Wording};

use super::language::Language;

/// What a wording is chosen by.
#[derive(Debug, Clone, Copy)]
pub struct Situation<'a> {
    /// Service code.
    pub service: Option<&'a str>,
    /// Phase.
    pub phase: Phase,
    /// Who must act next.
    pub waiting_on: Option<WaitingOn>,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// The source's own code.
    pub source_code: Option<&'a str>,
}

/// A sentence ready to be written, and where it comes from.
#[derive(Debug)]
pub struct Phrase {
    /// `"wording":"…","wording_language":"fr"`.
    pub json: Box<str>,
    /// The sentence.
    pub text: Box<str>,
    /// Its language.
    pub language: Box<str>,
}

struct Entry {
    condition: Wording,
    /// One per known language, fallbacks filled in.
    phrases: Vec<Phrase>,
}

/// Every sentence of the catalogue, ready to be written in every known language.
pub struct Phrases {
    languages: Vec<String>,
    services: BTreeMap<String, Vec<Entry>>,
    defaults: Vec<Vec<Phrase>>,
}

impl Phrases {
    /// Prepares the catalogue; `languages` of the hub come first, most wanted first.
    pub fn new(services: &BTreeMap<String, Service>, hub: &[String]) -> Self {
        let mut languages: Vec<String> = hub.to_vec();
        let texts = services.values().flat_map(|service| service.wording.iter().flat_map(|w| w.text.keys()));
        for language in texts.map(String::as_str).chain(["en", "fr"]) {
            if !languages.iter().any(|known| known.eq_ignore_ascii_case(language)) {
                languages.push(language.to_owned());
            }
        }
        let services = services.values().map(|service| (service.code.clone(), entries(service, &languages))).collect();
        let defaults = Phase::ALL.iter().map(|phase| phrases(&built_in(*phase), &languages)).collect();
        Phrases { languages, services, defaults }
    }

    /// The languages a reader can ask for.
    pub fn languages(&self) -> &[String] {
        &self.languages
    }

    /// The sentence for a situation.
    pub fn choose(&self, situation: Situation<'_>, language: Language) -> &Phrase {
        let entries = situation.service.and_then(|service| self.services.get(service)).map_or(&[][..], Vec::as_slice);
        let found = entries.iter().find(|entry| matches(&entry.condition, situation));
        let phrases = found.map_or(&self.defaults[usize::from(situation.phase.index())], |entry| &entry.phrases);
        &phrases[language.0.min(phrases.len() - 1)]
    }
}

/// The wordings of a service, most specific first (in the order of the file between equals).
fn entries(service: &Service, languages: &[String]) -> Vec<Entry> {
    let written = service.wording.iter().filter(|wording| !wording.text.is_empty());
    let mut entries: Vec<Entry> = written
        .map(|wording| Entry { condition: wording.clone(), phrases: phrases(&wording.text, languages) })
        .collect();
    entries.sort_by_key(|entry| std::cmp::Reverse(specificity(&entry.condition)));
    entries
}

/// The source's own code says most, then the outcome, whom it waits for, the phase.
fn specificity(condition: &Wording) -> u8 {
    let Wording { phase, waiting_on, outcome, source_code, text: _ } = condition;
    u8::from(source_code.is_some()) * 8
        + u8::from(outcome.is_some()) * 4
        + u8::from(waiting_on.is_some()) * 2
        + u8::from(phase.is_some())
}

fn matches(condition: &Wording, situation: Situation<'_>) -> bool {
    let Wording { phase, waiting_on, outcome, source_code, text: _ } = condition;
    phase.is_none_or(|phase| phase == situation.phase)
        && (waiting_on.is_none() || *waiting_on == situation.waiting_on)
        && (outcome.is_none() || *outcome == situation.outcome)
        && (source_code.is_none() || source_code.as_deref() == situation.source_code)
}

/// The text in each language: its own, else the first known language it has, else any.
fn phrases(text: &Texts, languages: &[String]) -> Vec<Phrase> {
    let own = |language: &String| text.iter().find(|(tag, _)| tag.eq_ignore_ascii_case(language));
    let fallback = languages.iter().find_map(own).or_else(|| text.iter().next());
    let phrase = |language: &String| {
        let (language, text) = own(language).or(fallback).map_or(("", ""), |(tag, text)| (tag.as_str(), text.as_str()));
        let quote = |text: &str| serde_json::to_string(text).unwrap_or_default();
        let json = format!("\"wording\":{},\"wording_language\":{}", quote(text), quote(language));
        Phrase { json: json.into(), text: text.into(), language: language.into() }
    };
    languages.iter().map(phrase).collect()
}

/// What is said where the catalogue says nothing.
fn built_in(phase: Phase) -> Texts {
    let (en, fr) = match phase {
        Phase::Draft => ("The request is being prepared.", "La demande est en préparation."),
        Phase::Submitted => ("The request has been sent.", "La demande a été envoyée."),
        Phase::Received => ("The request has been received.", "La demande a été reçue."),
        Phase::CompletenessCheck => {
            ("We are checking that the request is complete.", "Nous vérifions que la demande est complète.")
        }
        Phase::InProgress => ("The request is being examined.", "La demande est en cours d’examen."),
        Phase::DecisionPending => ("The decision is being prepared.", "La décision est en préparation."),
        Phase::Decided => ("A decision has been taken.", "Une décision a été prise."),
        Phase::InExecution => ("The decision is being carried out.", "La décision est en cours d’exécution."),
        Phase::Closed => ("The request is closed.", "La demande est close."),
        Phase::Unknown => (
            "The state of the request is not known; please contact the responsible unit.",
            "L’état de la demande n’est pas connu ; veuillez contacter le service responsable.",
        ),
    };
    Texts::from([("en".to_owned(), en.to_owned()), ("fr".to_owned(), fr.to_owned())])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(pairs: &[(&str, &str)]) -> Texts {
        pairs.iter().map(|(tag, text)| ((*tag).to_owned(), (*text).to_owned())).collect()
    }

    fn catalogue() -> Phrases {
        let wording = |phase, source_code: Option<&str>, text| Wording {
            phase,
            source_code: source_code.map(str::to_owned),
            text,
            ..Wording::default()
        };
        let service = Service {
            code: "permit".into(),
            wording: vec![
                wording(Some(Phase::InProgress), None, texts(&[("fr", "examen"), ("en", "examined")])),
                wording(None, Some("T06"), texts(&[("fr", "« avis »")])),
            ],
            ..Service::default()
        };
        Phrases::new(&BTreeMap::from([("permit".to_owned(), service)]), &["fr".to_owned()])
    }

    fn at<'a>(service: Option<&'a str>, phase: Phase, source_code: Option<&'a str>) -> Situation<'a> {
        Situation { service, phase, waiting_on: None, outcome: None, source_code }
    }

    #[test]
    fn the_most_specific_wording_wins_and_falls_back_visibly() {
        let phrases = catalogue();
        let (fr, en) = (Language(0), Language(1));
        assert_eq!(phrases.languages(), ["fr", "en"]);
        assert_eq!(&*phrases.choose(at(Some("permit"), Phase::InProgress, None), en).text, "examined");
        let specific = phrases.choose(at(Some("permit"), Phase::InProgress, Some("T06")), en);
        assert_eq!((&*specific.text, &*specific.language), ("« avis »", "fr"));
        assert_eq!(&*phrases.choose(at(None, Phase::Closed, None), fr).text, "La demande est close.");
    }

    #[test]
    fn no_phase_is_wordless() {
        let phrases = catalogue();
        for phase in Phase::ALL {
            assert!(!phrases.choose(at(Some("other"), *phase, None), Language(1)).text.is_empty(), "{phase}");
        }
    }
}
