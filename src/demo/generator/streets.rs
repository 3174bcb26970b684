//! Streets: events in JSON (UTF-8), entered in a journal, several events a day and case, each with its own id. Whoever
//! reports a pothole may stay anonymous. Some events are entered a month late, and some twice.

use jiff::ToSpan;
use jiff::civil::{DateTime, date};
use serde_json::{Value, json};

use super::people::{Body, CITY, POSTCODE, Person, address, phone};
use super::process::{Rules, Stage, days, hours, stage};
use super::register::{Case, Habits, Register, month_ends};
use super::{Department, Dropped, Expected, Random, live_stamp};

const REPORT: &[Rules] = &[Rules {
    since: date(2000, 1, 1),
    stages: &[
        stage("10", "Signalement reçu", &[hours(8, "20", 1, 30), hours(1, "60", 1, 40), hours(1, "70", 1, 20)]),
        stage("20", "Qualifié", &[hours(6, "30", 1, 60), hours(1, "80", 24, 200)]),
        stage("30", "Intervention planifiée", &[hours(6, "40", 20, 300), hours(1, "45", 20, 100)]),
        stage("40", "Intervention en cours", &[hours(1, "50", 1, 8)]),
        stage("45", "En attente de matériel", &[hours(1, "40", 48, 500)]),
        stage("50", "Terminé", &[hours(1, "95", 48, 400), days(9, "99", 30, 31)]),
        stage("95", "Rouvert : problème persistant", &[hours(1, "30", 4, 60)]),
        stage("60", "Hors compétence de la ville", &[]),
        stage("70", "Doublon", &[]),
        stage("80", "Sans intervention", &[]),
        stage("99", "Archivé", &[]),
    ],
}];
const OCCUPATION: &[Rules] = &[Rules {
    since: date(2000, 1, 1),
    stages: &[
        stage("A0", "Demande reçue", &[days(3, "A2", 1, 5), days(1, "A1", 1, 4), days(1, "A8", 1, 9)]),
        stage("A1", "Plan d'installation manquant", &[days(5, "A2", 2, 20), days(1, "A8", 10, 30)]),
        stage("A2", "En instruction", &[days(6, "A7", 3, 15), days(1, "A4", 3, 15)]),
        stage("A7", "Autorisé, redevance à payer", &[days(1, "A5", 1, 20)]),
        stage("A5", "Occupation en cours", &[days(1, "A6", 5, 90)]),
        stage("A6", "Occupation terminée", &[]),
        stage("A4", "Refusé", &[]),
        stage("A8", "Retiré par le demandeur", &[]),
    ],
}];
/// A code of the new app of the street crews, which nobody announced.
const UNANNOUNCED: Stage = stage("31", "Tournée mobile", &[]);
/// What the crew reported afterwards, still about that case.
const AFTERWARDS: Stage = stage("40", "Intervention en cours", &[]);

#[derive(Debug)]
struct Facts {
    works: bool,
    subject: &'static str,
    address: String,
    position: (i64, i64),
    reporter: Value,
    asset: Option<String>,
}

fn draw(random: &mut Random) -> Facts {
    let works = random.one_in(5);
    let subjects: &[&str] = match works {
        true => &["Échafaudage", "Benne à gravats", "Terrasse de café", "Vide-grenier"],
        false => &["Nid-de-poule", "Lampadaire éteint", "Dépôt sauvage", "Banc cassé", "Marquage effacé"],
    };
    let subject = random.pick(subjects);
    Facts {
        works,
        subject,
        address: address(random),
        position: (random.between(0, 9999), random.between(0, 9999)),
        reporter: if works { occupant(random, subject) } else { reporter(random) },
        asset: (subject == "Lampadaire éteint").then(|| format!("EP-{:05}", random.between(1, 4200))),
    }
}

fn reporter(random: &mut Random) -> Value {
    match random.between(0, 9) {
        0..=3 => json!({ "genre": "anonyme" }),
        4..=6 => {
            let person = Person::draw(random);
            json!({ "genre": "usager", "nom": person.name(), "courriel": person.email(), "tel": phone(random) })
        }
        7 | 8 => {
            json!({ "genre": "agent", "nom": Person::draw(random).name(), "matricule": format!("AG{:04}", random.between(1, 400)) })
        }
        _ => {
            json!({ "genre": "service", "nom": random.pick(&["Service propreté", "Police municipale fictive", "Espaces verts"]) })
        }
    }
}

fn occupant(random: &mut Random, subject: &str) -> Value {
    match subject {
        "Vide-grenier" => {
            let body = Body::association(random);
            json!({ "genre": "association", "nom": body.name, "siret": body.siret })
        }
        "Benne à gravats" => {
            let (person, number) = (Person::draw(random), random.between(200, 260));
            let body = Body::of(format!("EI {}", person.name()), number);
            json!({ "genre": "artisan", "nom": body.name, "siret": body.siret, "tel": phone(random) })
        }
        _ => {
            let body = Body::company(random);
            json!({ "genre": "entreprise", "nom": body.name, "siret": body.siret })
        }
    }
}

fn process(facts: &Facts) -> &'static [Rules] {
    if facts.works { OCCUPATION } else { REPORT }
}

/// The streets department.
#[derive(Debug)]
pub struct Streets {
    register: Register<Facts>,
}

impl Streets {
    /// Its cases at a moment and the files of the months before.
    pub fn history(random: Random, start: DateTime, end: DateTime) -> (Self, Vec<Dropped>) {
        let mut register = Register::grow(Habits { per_year: 370, draw, process }, random, start, end);
        if let Some(derailed) = register.derail(end - 3.days(), &UNANNOUNCED) {
            register.cases[derailed].walk.steps.push(super::process::Step { at: end - 2.days(), stage: &AFTERWARDS });
        }
        let streets = Streets { register };
        let (mut files, mut from, mut late) = (Vec::new(), start, Vec::new());
        for until in month_ends(start, end) {
            let mut events = streets.events(from, until);
            let repeated = events.first().copied().filter(|_| until < end);
            let held = if until + 2.months() < end { hold_back(&mut events) } else { None };
            events.append(&mut late);
            late.extend(held);
            events.extend(repeated);
            let name = format!("journal of {}", (until.date() - 1.day()).strftime("%Y-%m-%d"));
            files.push(streets.file(&name, until, &events, until == end));
            from = until;
        }
        (streets, files)
    }

    /// Something happens in a street; a second event follows at once now and then, as crews report in bursts.
    pub fn live(&mut self, now: DateTime, tick: u64) -> Dropped {
        let mut events = Vec::new();
        for _ in 0..if self.register.random().one_in(3) { 2 } else { 1 } {
            let index = self.register.live(now);
            events.push((index, self.register.cases[index].walk.steps.len() - 1));
        }
        self.file(&format!("journal at {}", live_stamp(now, tick)), now, &events, false)
    }

    /// Events of a span, in order of time: case and step.
    fn events(&self, from: DateTime, until: DateTime) -> Vec<(usize, usize)> {
        let mut events = Vec::new();
        for (at, case) in self.register.cases.iter().enumerate() {
            events.extend((case.steps_before(from)..case.steps_before(until)).map(|nth| (at, nth)));
        }
        events.sort_by_key(|(at, nth)| (self.register.cases[*at].walk.steps[*nth].at, *at));
        events
    }

    fn file(&self, name: &str, made: DateTime, events: &[(usize, usize)], cut_short: bool) -> Dropped {
        let mut records: Vec<String> = events.iter().map(|(at, nth)| self.event(*at, *nth).to_string()).collect();
        let mut expected = Expected { records: events.len() as u64, ..Expected::default() };
        for (at, nth) in events {
            let steps = &self.register.cases[*at].walk.steps;
            let unannounced = |step: &super::process::Step| step.stage.code == UNANNOUNCED.code;
            expected.quarantined += u64::from(unannounced(&steps[*nth]));
            expected.parked += u64::from(steps[..*nth].iter().any(unannounced));
        }
        if cut_short {
            // The buffer of the old system ran over once: an event without its case.
            records.push(json!({ "evenement": "EV-TRONQUE", "horodatage": local(made) }).to_string());
            expected.records += 1;
            expected.quarantined += 1;
        }
        let text = format!(
            "{{\"systeme\":\"VoirieNet 2.4\",\"produit_le\":\"{}\",\"evenements\":[\n{}\n]}}\n",
            local(made),
            records.join(",\n")
        );
        Dropped { department: Department::Streets, name: name.to_owned(), bytes: text.into_bytes(), expected }
    }

    /// The first event of a case carries what is known about it, the others only what happened.
    fn event(&self, at: usize, nth: usize) -> Value {
        let case = &self.register.cases[at];
        let (facts, step) = (&case.facts, case.walk.steps[nth]);
        let mut event = json!({
            "evenement": format!("EV-{at:05}-{nth:02}"),
            "affaire": number(case),
            "type": if facts.works { "occupation" } else { "signalement" },
            "horodatage": local(step.at),
            "etat": { "code": step.stage.code, "libelle": step.stage.label },
        });
        if nth == 0 {
            event["depose_le"] = local(step.at).into();
            event["objet"] = facts.subject.into();
            event["lieu"] = json!({
                "adresse": facts.address, "code_postal": POSTCODE, "commune": CITY, "equipement": facts.asset,
                "lon": format!("1.{:04}", facts.position.0), "lat": format!("43.{:04}", facts.position.1),
            });
            event["auteur"] = facts.reporter.clone();
        }
        event
    }
}

/// Takes one later event of some case out of its file: it will be told a month late.
fn hold_back(events: &mut Vec<(usize, usize)>) -> Option<(usize, usize)> {
    let later = |at: &usize| events.iter().any(|(case, nth)| *case == events[*at].0 && *nth > events[*at].1);
    let at = (0..events.len()).find(|at| events[*at].1 > 0 && later(at))?;
    Some(events.remove(at))
}

fn number(case: &Case<Facts>) -> String {
    format!("{}-{}-{:05}", if case.facts.works { "ODP" } else { "SIG" }, case.year, case.number)
}

/// Local time without a zone, as the old system writes it.
fn local(at: DateTime) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S").to_string()
}
