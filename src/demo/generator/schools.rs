//! Schools: a full export in CSV (`;`, windows-1252) of the running school year, with statuses in plain words. Rows of
//! last year are simply gone: not seen is not deleted. Each export is the whole truth at its number.

use jiff::ToSpan;
use jiff::civil::{DateTime, date};

use super::people::{Person, phone};
use super::process::{Rules, Stage, days, stage};
use super::register::{Case, Habits, Register, month_ends};
use super::{Department, Dropped, Expected, Random, charset};

const ENROLMENT: &[Rules] = &[Rules {
    since: date(2000, 1, 1),
    stages: &[
        stage(
            "Demande reçue",
            "",
            &[days(2, "Pièces manquantes", 2, 9), days(5, "En commission", 3, 20), days(1, "Désistement", 3, 30)],
        ),
        stage("Pièces manquantes", "", &[days(5, "En commission", 3, 30), days(1, "Désistement", 20, 60)]),
        stage(
            "En commission",
            "",
            &[days(7, "Affecté", 7, 40), days(2, "Liste d'attente", 7, 40), days(1, "Refusé", 7, 40)],
        ),
        stage("Liste d'attente", "", &[days(3, "Affecté", 7, 60), days(1, "Refusé", 30, 60)]),
        stage("Affecté", "", &[days(9, "Inscription définitive", 5, 40), days(1, "Désistement", 5, 40)]),
        stage("Inscription définitive", "", &[]),
        stage("Refusé", "", &[]),
        stage("Désistement", "", &[]),
    ],
}];
const MEALS: &[Rules] = &[Rules {
    since: date(2000, 1, 1),
    stages: &[
        stage("Demande reçue", "", &[days(1, "Paiement en attente", 1, 6), days(1, "Actif", 1, 4)]),
        stage("Paiement en attente", "", &[days(6, "Actif", 1, 20), days(1, "Résilié", 30, 45)]),
        stage("Actif", "", &[days(1, "Résilié", 60, 300), days(1, "Paiement en attente", 30, 60)]),
        stage("Résilié", "", &[]),
    ],
}];
/// A word somebody typed in a list that was meant to be closed.
const UNANNOUNCED: Stage = stage("à voir avec Mme D.", "", &[]);
const SCHOOLS: &[&str] = &["École des Brouillons", "École du Préau Imaginaire", "Groupe scolaire Jean-Modèle"];
const HEADER: &str = "N° dossier;Service;Nom enfant;Prénom enfant;Né(e) le;École demandée;Niveau;Statut;Date statut;\
    Responsable légal;Qualité;Téléphone;Courriel;Observations";

#[derive(Debug)]
struct Facts {
    meals: bool,
    child: Person,
    born: (i64, i64, i64),
    school: &'static str,
    parent: Person,
    quality: &'static str,
    phone: String,
    remark: &'static str,
}

fn draw(random: &mut Random) -> Facts {
    let parent = Person::draw(random);
    Facts {
        meals: random.one_in(3),
        child: parent.relative(random),
        born: (random.between(1, 28), random.between(1, 12), random.between(3, 10)),
        school: random.pick(SCHOOLS),
        quality: random.pick(&["Mère", "Père", "Mère", "Tuteur"]),
        parent,
        phone: phone(random),
        remark: random.pick(&["", "", "", "fratrie ; voir dossier lié", "garde \"alternée\"", "dérogation demandée"]),
    }
}

fn process(facts: &Facts) -> &'static [Rules] {
    if facts.meals { MEALS } else { ENROLMENT }
}

/// The schools department.
#[derive(Debug)]
pub struct Schools {
    register: Register<Facts>,
}

impl Schools {
    /// Its cases at a moment and the exports before: one a month, and one a day in the last week.
    pub fn history(random: Random, start: DateTime, end: DateTime) -> (Self, Vec<Dropped>) {
        let register = Register::grow(Habits { per_year: 200, draw, process }, random, start, end);
        let schools = Schools { register };
        let mut moments: Vec<DateTime> = month_ends(start, end);
        moments.extend((1..7).map(|ago| end - ago.days()));
        moments.sort();
        moments.dedup();
        let export = |at: &DateTime| schools.export(*at, *at, *at == end);
        let files = moments.iter().map(export).collect();
        (schools, files)
    }

    /// A few children's files move, and the whole list is exported again.
    pub fn live(&mut self, now: DateTime) -> Dropped {
        for _ in 0..3 {
            self.register.live(now);
        }
        self.export(now + 1.second(), now, false)
    }

    /// The rows of the running school year as they stand; a hasty one holds the week's two accidents.
    fn export(&self, until: DateTime, made: DateTime, hasty: bool) -> Dropped {
        let rows: Vec<_> = self.register.cases.iter().filter(|case| school_year(case) == year_of(until)).collect();
        let rows: Vec<_> = rows.into_iter().filter(|case| case.steps_before(until) > 0).collect();
        let mut text = format!("{HEADER}\r\n");
        let mut expected = Expected::default();
        for (nth, case) in rows.iter().enumerate() {
            let (mistyped, unquoted) = (hasty && nth == rows.len() / 2, hasty && nth == rows.len() / 3);
            text.push_str(&row(case, until, mistyped, unquoted));
            expected.records += 1;
            expected.quarantined += u64::from(mistyped || unquoted);
        }
        let name = format!("effectifs_{}.csv", made.strftime("%Y%m%d%H%M%S"));
        Dropped { department: Department::Schools, name, bytes: charset::windows_1252(&text), expected }
    }
}

fn row(case: &Case<Facts>, until: DateTime, mistyped: bool, unquoted: bool) -> String {
    let facts = &case.facts;
    let step = case.as_of(until).unwrap_or_else(|| case.walk.last());
    let status = if mistyped { UNANNOUNCED.code } else { step.stage.code };
    let remark = match unquoted {
        true => "repris ; à ; la main".to_owned(),
        false => quoted(facts.remark),
    };
    let (day, month, age) = facts.born;
    format!(
        "{number};{service};{last};{first};{day:02}/{month:02}/{born};{school};{level};{status};{since};{parent};{quality};{phone};{email};{remark}\r\n",
        number = number(case),
        service = if facts.meals { "CANTINE" } else { "SCOLAIRE" },
        last = facts.child.last.to_uppercase(),
        first = facts.child.first,
        born = i64::from(case.year) - age,
        school = facts.school,
        level = if age < 6 { "Maternelle" } else { "Élémentaire" },
        since = step.at.strftime("%d/%m/%Y"),
        parent = facts.parent.name(),
        quality = facts.quality,
        phone = facts.phone,
        email = facts.parent.email(),
    )
}

fn number(case: &Case<Facts>) -> String {
    format!("{:02}-{:05}", case.year % 100, case.number)
}

fn quoted(text: &str) -> String {
    if text.contains([';', '"']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

/// School years are prepared from February on.
fn year_of(at: DateTime) -> i16 {
    if at.month() < 2 { at.year() - 1 } else { at.year() }
}

fn school_year(case: &Case<Facts>) -> i16 {
    year_of(case.walk.steps[0].at)
}
