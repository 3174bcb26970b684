//! Generated inputs: case records of 0.2 KB (CSV) to 1.5 KB (XML), one update per case, seeded.

use std::io::{BufWriter, Write};
use std::path::Path;

/// Format of a generated file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Csv,
    Xml,
    Json,
}

impl Kind {
    /// Its word in names.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Csv => "csv",
            Kind::Xml => "xml",
            Kind::Json => "json",
        }
    }
}

const STATES: [&str; 6] = ["DEP", "COM", "INS", "AVI", "ACC", "REF"];
const STREETS: [&str; 8] = ["Lilas", "Tilleuls", "Moulin", "Gare", "Église", "Écoles", "Fontaine", "Champs"];

/// Writes `count` records from number `first`; every `changed`-th one (0 = none) in a later state than before.
pub fn write(kind: Kind, file: &Path, first: u64, count: u64, changed: u64) {
    let mut out = BufWriter::with_capacity(1 << 20, std::fs::File::create(file).unwrap());
    match kind {
        Kind::Csv => writeln!(
            out,
            "numero;service;objet;depot;etat;date_etat;canal;unite;adresse;cp;ville;parcelle;nom;siret;maj"
        ),
        Kind::Xml => {
            writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<d:export xmlns:d=\"urn:bench:dossiers\">")
        }
        Kind::Json => Ok(()),
    }
    .unwrap();
    for n in first..first + count {
        record(kind, &mut out, n, changed != 0 && n % changed == 0);
    }
    if kind == Kind::Xml {
        writeln!(out, "</d:export>").unwrap();
    }
    out.flush().unwrap();
}

fn record(kind: Kind, out: &mut impl Write, n: u64, later: bool) {
    let state = STATES[if later { 4 + (n % 2) as usize } else { (n % 4) as usize }];
    let (day, month, year) = (1 + n % 28, 1 + n / 28 % 12, 2018 + n / 336 % 6);
    let (hour, minute) = (8 + n % 10, n % 60);
    let version = if later { 2 } else { 1 };
    let street = STREETS[(n % 8) as usize];
    let house = 1 + n % 200;
    match kind {
        Kind::Csv => writeln!(
            out,
            "PC{n:09};permis;Construction d'une maison individuelle {n};{day:02}/{month:02}/{year};{state};{day:02}/{month:02}/{year} {hour:02}:{minute:02};internet;Urbanisme {};{house} rue des {street};{:05};Ville-Exemple;AB{:04};Société {n};{:014};{version}",
            n % 7, 1000 + n % 9000, n % 10000, n * 97 % 100_000_000_000_000
        ),
        Kind::Xml => writeln!(
            out,
            "<d:dossier><d:entete><d:reference>PC{n:09}</d:reference><d:dateDepot>{day:02}/{month:02}/{year}</d:dateDepot><d:version>{version}</d:version><d:canal>internet</d:canal></d:entete>\
<d:projet><d:nature>Construction d'une maison individuelle {n}</d:nature><d:surface unite=\"m2\">{}</d:surface><d:destination>habitation</d:destination><d:description>Maison de plain-pied avec garage accolé, toiture en tuiles, clôture de deux mètres et accès par la voie communale; les pièces ont été déposées au guichet et enregistrées le jour même.</d:description></d:projet>\
<d:terrain><d:adresse><d:numero>{house}</d:numero><d:voie>rue des {street}</d:voie><d:codePostal>{:05}</d:codePostal><d:ville>Ville-Exemple</d:ville></d:adresse><d:parcelle>AB{:04}</d:parcelle></d:terrain>\
<d:demandeurs><d:demandeur type=\"PM\" qualite=\"PE\"><d:raisonSociale>Société {n}</d:raisonSociale><d:siret>{:014}</d:siret></d:demandeur><d:demandeur type=\"PP\" qualite=\"MA\"><d:nom>Durand</d:nom><d:prenom>Camille</d:prenom></d:demandeur></d:demandeurs>\
<d:etat code=\"{state}\"><d:dateEtat>{day:02}/{month:02}/{year} {hour:02}:{minute:02}</d:dateEtat><d:libelle>état {state}</d:libelle></d:etat>\
<d:service><d:code>URB{}</d:code><d:instructeur>agent{:03}</d:instructeur></d:service></d:dossier>",
            80 + n % 120, 1000 + n % 9000, n % 10000, n * 97 % 100_000_000_000_000, n % 7, n % 50
        ),
        Kind::Json => writeln!(
            out,
            "{{\"numero\":\"PC{n:09}\",\"version\":{version},\"objet\":\"Construction d'une maison individuelle {n}\",\"depot\":\"{year}-{month:02}-{day:02}\",\"canal\":\"internet\",\"etat\":{{\"code\":\"{state}\",\"libelle\":\"état {state}\",\"date\":\"{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:00+01:00\"}},\"terrain\":{{\"adresse\":\"{house} rue des {street}\",\"cp\":\"{:05}\",\"ville\":\"Ville-Exemple\",\"parcelle\":\"AB{:04}\"}},\"demandeurs\":[{{\"type\":\"PM\",\"qualite\":\"PE\",\"raisonSociale\":\"Société {n}\",\"siret\":\"{:014}\"}},{{\"type\":\"PP\",\"qualite\":\"MA\",\"nom\":\"Durand\",\"prenom\":\"Camille\"}}],\"unite\":{{\"code\":\"URB{}\",\"instructeur\":\"agent{:03}\"}},\"description\":\"Maison de plain-pied avec garage accolé, toiture en tuiles, clôture de deux mètres et accès par la voie communale.\"}}",
            1000 + n % 9000, n % 10000, n * 97 % 100_000_000_000_000, n % 7, n % 50
        ),
    }
    .unwrap();
}
