//! Planning: dossiers in XML (ISO-8859-15), each re-sent whole with its history in the file of every month in which it
//! moved. French dates without time; `SUS` meant "without follow-up" until 2023 and means "documents missing" since.

use std::fmt::Write as _;

use jiff::ToSpan;
use jiff::civil::{Date, DateTime, date};

use super::people::{Body, CITY, POSTCODE, Person, address, phone};
use super::process::{Rules, Stage, days, stage};
use super::register::{Case, Habits, Register, month_ends};
use super::{Department, Dropped, Expected, Random, charset, live_stamp};

const DEPOSIT: &str = "Dépôt en mairie";
const EXAMINED: &str = "En instruction";
const CONSULTED: &str = "Consultation des services";
const GRANTED: &str = "Arrêté favorable";
const PERMIT: &[Rules] = &[
    Rules {
        since: date(2000, 1, 1),
        stages: &[
            stage("DEP", DEPOSIT, &[days(9, "INS", 2, 12), days(1, "RET", 5, 30)]),
            stage("INS", EXAMINED, &[days(5, "CON", 5, 20), days(3, "ACC", 30, 60), days(2, "SUS", 30, 90)]),
            stage("CON", CONSULTED, &[days(7, "ACC", 25, 60), days(2, "REF", 25, 60), days(1, "SUS", 60, 90)]),
            stage("ACC", GRANTED, &[days(4, "DOC", 30, 200), days(5, "FIN", 300, 500), days(1, "ANN", 40, 80)]),
            stage("REF", "Arrêté de refus", &[days(1, "REC", 10, 50), days(3, "FRE", 70, 90)]),
            stage("SUS", "Sans suite", &[]),
            stage("RET", "Retrait par le demandeur", &[]),
            stage("DOC", "Ouverture de chantier", &[days(1, "FIN", 200, 500)]),
            stage("REC", "Recours gracieux", &[days(1, "ACC", 30, 60), days(2, "FRE", 30, 60)]),
            stage("FRE", "Refus définitif", &[]),
            stage("ANN", "Retrait de l'arrêté", &[]),
            stage("FIN", "Dossier clos", &[]),
        ],
    },
    Rules {
        since: date(2024, 1, 1),
        stages: &[
            stage("DEP", DEPOSIT, &[days(6, "INS", 2, 12), days(3, "SUS", 5, 25), days(1, "RET", 5, 30)]),
            stage("INS", EXAMINED, &[days(5, "CON", 5, 20), days(4, "ACC", 30, 60), days(1, "TAC", 60, 61)]),
            stage("CON", CONSULTED, &[days(7, "ACC", 25, 60), days(2, "REF", 25, 60), days(1, "SUS", 5, 20)]),
            stage("SUS", "Suspendu : pièces demandées", &[days(8, "INS", 5, 60), days(1, "CAD", 90, 91)]),
            stage("ACC", GRANTED, &[days(4, "DOC", 30, 200), days(5, "FIN", 300, 500), days(1, "ANN", 40, 80)]),
            stage("TAC", "Accord tacite", &[days(1, "DOC", 30, 200), days(1, "FIN", 300, 500)]),
            stage("REF", "Arrêté de refus", &[days(1, "REC", 10, 50), days(3, "FRE", 70, 90)]),
            stage("CAD", "Caducité", &[]),
            stage("RET", "Retrait par le demandeur", &[]),
            stage("DOC", "Ouverture de chantier", &[days(1, "FIN", 200, 500)]),
            stage("REC", "Recours gracieux", &[days(1, "ACC", 30, 60), days(2, "FRE", 30, 60)]),
            stage("FRE", "Refus définitif", &[]),
            stage("ANN", "Retrait de l'arrêté", &[]),
            stage("FIN", "Dossier clos", &[]),
        ],
    },
];
/// What the vendor's new release started to write without telling anybody.
const UNANNOUNCED: Stage = stage("MIG", "Reprise V5", &[]);
const OFFICERS: &[&str] = &["M. Frimousseau", "Mme Baragouin", "Mme Zéphyrin"];

#[derive(Debug)]
struct Facts {
    kind: &'static str,
    works: &'static str,
    channel: &'static str,
    officer: &'static str,
    address: String,
    parcel: String,
    area: i64,
    applicant: Applicant,
    architect: Option<Person>,
    phone: String,
}

#[derive(Debug)]
enum Applicant {
    Person(Person),
    Company(Body),
    PublicBody(Body),
}

fn draw(random: &mut Random) -> Facts {
    let kind = random.pick(&["PC", "DP", "DP", "DP", "CU"]);
    let works: &[&str] = match kind {
        "PC" => &["Construction d'une maison individuelle", "Extension d'un atelier", "Création de 3 logements"],
        "DP" => &["Pose de fenêtres de toit", "Clôture sur rue", "Ravalement de façade", "Abri de jardin"],
        _ => &["Certificat d'information", "Opération réalisable ?"],
    };
    let applicant = match random.between(0, 9) {
        0..=6 => Applicant::Person(Person::draw(random)),
        7 | 8 => Applicant::Company(Body::company(random)),
        _ => Applicant::PublicBody(Body::of(format!("Communauté de communes de {CITY}"), 90_001)),
    };
    Facts {
        kind,
        works: random.pick(works),
        channel: random.pick(&["INTERNET", "INTERNET", "MAIRIE", "COURRIER"]),
        officer: random.pick(OFFICERS),
        address: address(random),
        parcel: format!("{} {:04}", random.pick(&["AB", "AC", "BD"]), random.between(1, 480)),
        area: random.between(4, 240),
        applicant,
        architect: (kind == "PC").then(|| Person::draw(random)),
        phone: phone(random),
    }
}

fn process(_: &Facts) -> &'static [Rules] {
    PERMIT
}

/// The planning department.
#[derive(Debug)]
pub struct Planning {
    register: Register<Facts>,
    misdated: usize,
}

impl Planning {
    /// Its cases at a moment and the files of the months before.
    pub fn history(random: Random, start: DateTime, end: DateTime) -> (Self, Vec<Dropped>) {
        let habits = Habits { per_year: 300, draw, process };
        let mut register = Register::grow(habits, random, start, end);
        register.derail(end - 2.days(), &UNANNOUNCED);
        let misdated = register.spoil(end - 4.days());
        let planning = Planning { register, misdated };
        let mut files = Vec::new();
        let mut from = start;
        for until in month_ends(start, end) {
            let moved = |case: &Case<Facts>| case.steps_before(until) > case.steps_before(from);
            let chosen: Vec<usize> =
                (0..planning.register.cases.len()).filter(|at| moved(&planning.register.cases[*at])).collect();
            let last = until.date() - 1.day();
            files.push(planning.file(&format!("dossiers of {}", last.strftime("%Y-%m-%d")), &chosen, until));
            from = until;
        }
        // A month was once told twice.
        let twice = files[6].clone();
        files.insert(7, Dropped { name: format!("{} again", twice.name), ..twice });
        (planning, files)
    }

    /// One dossier moves.
    pub fn live(&mut self, now: DateTime, tick: u64, surprise: bool) -> Dropped {
        let derailed = if surprise { self.register.derail(now, &UNANNOUNCED) } else { None };
        let index = derailed.unwrap_or_else(|| self.register.live(now));
        self.file(&format!("dossiers at {}", live_stamp(now, tick)), &[index], now + 1.second())
    }

    fn file(&self, name: &str, chosen: &[usize], until: DateTime) -> Dropped {
        let mut xml = String::from(
            "<?xml version=\"1.0\" encoding=\"ISO-8859-15\"?>\n<ads:export xmlns:ads=\"urn:ville-exemple:ads:v2\" \
             xmlns:idt=\"urn:ville-exemple:identite:v1\" logiciel=\"ADS-Classic 4.7\">\n",
        );
        for at in chosen {
            self.dossier(&mut xml, *at, until);
        }
        xml.push_str("</ads:export>\n");
        let derailed =
            |at: &usize| self.register.cases[*at].as_of(until).is_some_and(|step| step.stage.code == UNANNOUNCED.code);
        let quarantined = chosen.iter().filter(|at| **at == self.misdated || derailed(at)).count() as u64;
        let expected = Expected { records: chosen.len() as u64, quarantined, parked: 0 };
        Dropped { department: Department::Planning, name: name.to_owned(), bytes: charset::latin9(&xml), expected }
    }

    fn dossier(&self, xml: &mut String, at: usize, until: DateTime) {
        let case = &self.register.cases[at];
        let facts = &case.facts;
        let filed = case.walk.steps[0].at.date();
        let written = if at == self.misdated { format!("31/02/{}", case.year) } else { french(filed) };
        let limit = filed + if facts.kind == "PC" { 3.months() } else { 1.month() };
        let _ = write!(
            xml,
            "  <ads:dossier type=\"{kind}\">\n    <entete>\n      <reference>{reference}</reference>\n      \
             <depot mode=\"{channel}\">{written}</depot>\n      <dateLimite>{limit}</dateLimite>\n      \
             <instructeur>{officer}</instructeur>\n    </entete>\n    <projet>\n      <nature>{works}</nature>\n      \
             <surface unite=\"m2\">{area}</surface>\n    </projet>\n    <terrain>\n      <voie>{address}</voie>\n      \
             <codePostal>{POSTCODE}</codePostal>\n      <commune>{CITY}</commune>\n      <parcelle>{parcel}</parcelle>\n    \
             </terrain>\n    <demandeurs>\n",
            kind = facts.kind,
            reference = reference(case),
            channel = facts.channel,
            limit = french(limit),
            officer = facts.officer,
            works = escape(facts.works),
            area = facts.area,
            address = escape(&facts.address),
            parcel = facts.parcel,
        );
        applicant(xml, facts);
        xml.push_str("    </demandeurs>\n    <historique>\n");
        for (nth, step) in case.walk.steps.iter().take_while(|step| step.at < until).enumerate() {
            let _ = writeln!(
                xml,
                "      <evenement id=\"{at:05}{nth:02}\" code=\"{}\" date=\"{}\">{}</evenement>",
                step.stage.code,
                if at == self.misdated { written.clone() } else { french(step.at.date()) },
                escape(step.stage.label)
            );
        }
        xml.push_str("    </historique>\n  </ads:dossier>\n");
    }
}

fn applicant(xml: &mut String, facts: &Facts) {
    let (open, close) = ("      <demandeur", "</demandeur>\n");
    let _ = match &facts.applicant {
        Applicant::Person(person) => write!(
            xml,
            "{open} qualite=\"PE\" type=\"PP\"><idt:prenom>{}</idt:prenom><idt:nom>{}</idt:nom><idt:tel>{}</idt:tel>\
             <idt:courriel>{}</idt:courriel>{close}",
            person.first,
            person.last,
            facts.phone,
            person.email()
        ),
        Applicant::Company(body) => write!(
            xml,
            "{open} qualite=\"PE\" type=\"PM\"><idt:raisonSociale>{}</idt:raisonSociale><idt:siret>{}</idt:siret>{close}",
            escape(&body.name),
            spaced(&body.siret)
        ),
        Applicant::PublicBody(body) => write!(
            xml,
            "{open} qualite=\"PE\" type=\"PU\"><idt:raisonSociale>{}</idt:raisonSociale><idt:siret>{}</idt:siret>{close}",
            escape(&body.name),
            spaced(&body.siret)
        ),
    };
    if let Some(architect) = &facts.architect {
        let _ = write!(
            xml,
            "{open} qualite=\"MA\" type=\"PP\"><idt:prenom>{}</idt:prenom><idt:nom>{}</idt:nom>{close}",
            architect.first, architect.last
        );
    }
}

fn reference(case: &Case<Facts>) -> String {
    format!("{} 099 999 {:02} A{:04}", case.facts.kind, case.year % 100, case.number)
}

fn french(date: Date) -> String {
    date.strftime("%d/%m/%Y").to_string()
}

/// A SIRET as people write it: `999 000 123 00014`.
fn spaced(siret: &str) -> String {
    format!("{} {} {} {}", &siret[..3], &siret[3..6], &siret[6..9], &siret[9..])
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
