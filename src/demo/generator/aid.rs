//! Social aid and grants: one JSON object per line, packed with gzip, a file a month. Each line carries the position of
//! the entry in the system's journal for that case, who may know about it, and whoever stands beside the applicant.

use std::io::Write as _;

use jiff::ToSpan;
use jiff::civil::{DateTime, date};
use serde_json::{Value, json};

use super::people::{Body, Person, address, phone};
use super::process::{Rules, Stage, days, stage};
use super::register::{Case, Habits, Register, month_ends};
use super::{Department, Dropped, Expected, Random, live_stamp};

const AID: &[Rules] = &[Rules {
    since: date(2000, 1, 1),
    stages: &[
        stage(
            "DEPOT",
            "Demande déposée",
            &[days(5, "INSTRUCTION", 1, 8), days(3, "INCOMPLET", 1, 8), days(1, "TRANSFERT", 2, 10)],
        ),
        stage("INCOMPLET", "Pièces à fournir", &[days(6, "INSTRUCTION", 3, 30), days(1, "ABANDON", 30, 60)]),
        stage("INSTRUCTION", "Évaluation sociale", &[days(1, "COMMISSION", 5, 25)]),
        stage(
            "COMMISSION",
            "Inscrit en commission",
            &[days(5, "ACCORD", 3, 14), days(2, "PARTIEL", 3, 14), days(2, "REJET", 3, 14)],
        ),
        stage("ACCORD", "Accordé", &[days(1, "PAIEMENT", 2, 10)]),
        stage("PARTIEL", "Accordé en partie", &[days(3, "PAIEMENT", 2, 10), days(1, "RECOURS", 5, 50)]),
        stage("REJET", "Rejeté", &[days(1, "RECOURS", 5, 50), days(3, "CLOS", 60, 61)]),
        stage("RECOURS", "Recours administratif", &[days(1, "ACCORD", 20, 50), days(2, "CLOS", 20, 50)]),
        stage("PAIEMENT", "Mis en paiement", &[days(1, "SOLDE", 3, 20)]),
        stage("SOLDE", "Versé", &[]),
        stage("CLOS", "Clos après rejet", &[]),
        stage("TRANSFERT", "Transmis au département", &[]),
        stage("ABANDON", "Sans réponse du demandeur", &[]),
    ],
}];
/// A state of a pilot programme, which nobody announced.
const UNANNOUNCED: Stage = stage("PILOTE", "Expérimentation", &[]);

#[derive(Debug)]
struct Facts {
    scheme: &'static str,
    level: u8,
    applicant: Value,
    beside: Option<Value>,
    amount: i64,
    worker: &'static str,
}

fn draw(random: &mut Random) -> Facts {
    let scheme = random.pick(&["AIDE", "AIDE", "AIDE", "SUBVENTION", "DOMICILIATION"]);
    let person = Person::draw(random);
    let (level, applicant, beside) = match scheme {
        "SUBVENTION" => grant(random, &person),
        "DOMICILIATION" => postal(random, &person),
        _ => household(random, &person),
    };
    let worker = random.pick(&["Mme Ombrelle", "M. Cachalot", "Mme Libellule"]);
    Facts { scheme, level, applicant, beside, amount: random.between(8, 900) * 10, worker }
}

fn household(random: &mut Random, person: &Person) -> (u8, Value, Option<Value>) {
    let applicant = json!({
        "nature": "FOYER", "nom": format!("Foyer {}", person.last), "allocataire": format!("99{:05}", random.between(1, 99_999)),
        "personnes": random.between(1, 6), "adresse": address(random), "tel": phone(random),
    });
    let guardian = json!({ "nature": "PERSONNE", "qualite": "TUTELLE", "nom": Person::draw(random).name() });
    (2, applicant, random.one_in(4).then_some(guardian))
}

fn grant(random: &mut Random, person: &Person) -> (u8, Value, Option<Value>) {
    let body = Body::association(random);
    let rna = format!("W099{:06}", body.siren[3..8].parse::<u32>().unwrap_or_default());
    let applicant = json!({ "nature": "ASSOCIATION", "nom": body.name, "rna": rna, "siret": body.siret, "adresse": address(random) });
    (
        0,
        applicant,
        Some(json!({ "nature": "PERSONNE", "qualite": "PRESIDENT", "nom": person.name(), "courriel": person.email() })),
    )
}

fn postal(random: &mut Random, person: &Person) -> (u8, Value, Option<Value>) {
    let body = Body::association(random);
    let shelter = json!({ "nature": "ASSOCIATION", "qualite": "HEBERGEUR", "nom": body.name, "siret": body.siret });
    (3, json!({ "nature": "PERSONNE", "nom": person.name(), "tel": phone(random) }), Some(shelter))
}

fn process(_: &Facts) -> &'static [Rules] {
    AID
}

/// The social aid department.
#[derive(Debug)]
pub struct Aid {
    register: Register<Facts>,
}

impl Aid {
    /// Its cases at a moment and the files of the months before.
    pub fn history(random: Random, start: DateTime, end: DateTime) -> (Self, Vec<Dropped>) {
        let mut register = Register::grow(Habits { per_year: 170, draw, process }, random, start, end);
        register.derail(end - 2.days(), &UNANNOUNCED);
        let aid = Aid { register };
        let (mut files, mut from) = (Vec::new(), start);
        for until in month_ends(start, end) {
            let mut entries = Vec::new();
            for (at, case) in aid.register.cases.iter().enumerate() {
                entries.extend((case.steps_before(from)..case.steps_before(until)).map(|nth| (at, nth)));
            }
            // The first entry of a whole month is always written twice.
            entries.extend(entries.first().copied().filter(|_| until < end));
            let last = until.date() - 1.day();
            files.push(aid.file(&format!("social_{}.ndjson.gz", last.strftime("%Y%m%d")), &entries, until == end));
            from = until;
        }
        (aid, files)
    }

    /// One case moves.
    pub fn live(&mut self, now: DateTime, tick: u64) -> Dropped {
        let index = self.register.live(now);
        let entries = [(index, self.register.cases[index].walk.steps.len() - 1)];
        self.file(&format!("social_{}.ndjson.gz", live_stamp(now, tick)), &entries, false)
    }

    fn file(&self, name: &str, entries: &[(usize, usize)], cut_short: bool) -> Dropped {
        let mut text = String::new();
        let mut expected = Expected { records: entries.len() as u64, ..Expected::default() };
        for (at, nth) in entries {
            let case = &self.register.cases[*at];
            text.push_str(&entry(case, *nth).to_string());
            text.push('\n');
            expected.quarantined += u64::from(case.walk.steps[*nth].stage.code == UNANNOUNCED.code);
        }
        if cut_short {
            // The disk of the old server was full once.
            text.push_str("{\"dossier\":\"AS-2023-99999\",\"rang\":1,\"disposi\n");
            expected.records += 1;
            expected.quarantined += 1;
        }
        Dropped { department: Department::Aid, name: name.to_owned(), bytes: packed(text.as_bytes()), expected }
    }
}

fn entry(case: &Case<Facts>, nth: usize) -> Value {
    let (facts, step) = (&case.facts, case.walk.steps[nth]);
    let number = format!("AS-{}-{:05}", case.year, case.number);
    let mut entry = json!({
        "dossier": number, "rang": nth + 1, "dispositif": facts.scheme, "confidentialite": facts.level,
        "depose_le": case.walk.steps[0].at.date().to_string(), "etat": step.stage.code, "libelle": step.stage.label,
        "depuis": step.at.date().to_string(), "referent": facts.worker, "demandeur": facts.applicant,
    });
    if let Some(beside) = &facts.beside {
        entry["accompagnant"] = beside.clone();
    }
    if matches!(step.stage.code, "ACCORD" | "PARTIEL" | "PAIEMENT" | "SOLDE") {
        entry["montant"] = format!("{},00", facts.amount).into();
    }
    entry
}

/// Packed with gzip; without a time in its header, so that the same text gives the same bytes.
fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    // Writing to memory does not fail; were it to, the file would be empty, and the hub would say so.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}
