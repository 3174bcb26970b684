//! Invented publics of an invented city. Surnames are words nobody bears, telephone numbers come from the range the
//! French regulator keeps for fiction, SIREN numbers begin with 999; every check digit is right, as real ones are.

use super::Random;

const FIRST: &[&str] = &[
    "Amélie",
    "Björn",
    "Chloé",
    "Driss",
    "Élodie",
    "François",
    "Gaëlle",
    "Hélène",
    "Inès",
    "Joël",
    "Kévin",
    "Loïc",
    "Maëlys",
    "Noémie",
    "Océane",
    "Pénélope",
    "Quentin",
    "Raphaël",
    "Solène",
    "Théo",
    "Ulysse",
    "Violette",
    "Wassim",
    "Zoé",
];
const LAST: &[&str] = &[
    "Tournebroche",
    "Ficelange",
    "Parapluvier",
    "Chandelon",
    "Quillebœuf-Lune",
    "Passemuraille",
    "Vertugadin",
    "Boutonnière",
    "Carambole",
    "Dentelière",
    "Escarpolette",
    "Froissartin",
    "Girouetton",
    "Hublotin",
    "Jardinelle",
    "Kaléidos",
    "Lanternier",
    "Moulinaud",
    "Nénufar",
    "Ondoyant",
    "Pétrichor",
    "Quenouillard",
    "Ritournelle",
    "Sarbacane",
];
const STREETS: &[&str] = &[
    "rue des Exemples",
    "avenue de la Maquette",
    "place du Modèle",
    "impasse de l'Hypothèse",
    "quai du Brouillon",
    "boulevard de l'Esquisse",
    "chemin du Prototype",
    "rue de la Théorie",
    "allée des Échantillons",
    "rue du Gabarit",
];
const TRADES: &[&str] =
    &["Maçonnerie", "Toitures", "Échafaudages", "Terrasses", "Enseignes", "Résidences", "Gîtes", "Café"];
const CAUSES: &[&str] =
    &["Les Amis du Kiosque", "Chorale du Samedi", "Jardins Partagés", "Secours Fictif", "Club d'Échecs"];

/// A person.
#[derive(Debug, Clone)]
pub struct Person {
    /// First name.
    pub first: &'static str,
    /// Surname.
    pub last: &'static str,
}

impl Person {
    /// Somebody.
    pub fn draw(random: &mut Random) -> Self {
        Person { first: random.pick(FIRST), last: random.pick(LAST) }
    }

    /// Somebody of the same family.
    pub fn relative(&self, random: &mut Random) -> Self {
        Person { first: random.pick(FIRST), last: self.last }
    }

    /// First name and surname.
    pub fn name(&self) -> String {
        format!("{} {}", self.first, self.last)
    }

    /// An address in a domain that can never exist.
    pub fn email(&self) -> String {
        let plain = |text: &str| text.to_lowercase().chars().filter_map(unaccented).collect::<String>();
        format!("{}.{}@courriel.example", plain(self.first), plain(self.last))
    }
}

/// The letter an e-mail address is written with; nothing for signs.
fn unaccented(letter: char) -> Option<char> {
    match letter {
        'é' | 'è' | 'ê' | 'ë' | 'œ' => Some('e'),
        'ï' | 'î' => Some('i'),
        'ö' | 'ô' => Some('o'),
        'ç' => Some('c'),
        other => other.is_ascii_lowercase().then_some(other),
    }
}

/// A mobile number of the range kept for fiction.
pub fn phone(random: &mut Random) -> String {
    format!("06 39 98 {:02} {:02}", random.between(0, 99), random.between(0, 99))
}

/// A business or an association.
#[derive(Debug, Clone)]
pub struct Body {
    /// Name.
    pub name: String,
    /// Number of the legal unit.
    pub siren: String,
    /// Number of one of its places.
    pub siret: String,
}

impl Body {
    /// The company of this number; the same number is the same company in every department.
    pub fn company(random: &mut Random) -> Self {
        let number = random.between(0, 119);
        let name = format!("{} {}", TRADES[number as usize % TRADES.len()], LAST[number as usize % LAST.len()]);
        Body::of(name, number)
    }

    /// An association.
    pub fn association(random: &mut Random) -> Self {
        let number = random.between(0, CAUSES.len() as i64 - 1);
        Body::of(CAUSES[number as usize].to_owned(), 50_000 + number)
    }

    /// A body with the numbers that follow from its rank.
    pub fn of(name: String, number: i64) -> Self {
        let siren = with_check_digit(&format!("999{number:05}"));
        let siret = with_check_digit(&format!("{siren}0001"));
        Body { name, siren, siret }
    }
}

/// A postal address.
pub fn address(random: &mut Random) -> String {
    format!("{} {}", random.between(1, 140), random.pick(STREETS))
}

/// The postcode of the city; its leading zero counts.
pub const POSTCODE: &str = "09999";
/// The city.
pub const CITY: &str = "Ville-Exemple";

/// The digits, followed by the digit that makes their Luhn sum right (SIREN and SIRET, ISO/IEC 7812-1).
pub fn with_check_digit(digits: &str) -> String {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(at, byte)| {
            let weighted = u32::from(byte - b'0') * if at % 2 == 0 { 2 } else { 1 };
            weighted / 10 + weighted % 10
        })
        .sum();
    format!("{digits}{}", (10 - sum % 10) % 10)
}

/// A Belgian VAT number: eight digits and what is missing to a multiple of 97.
pub fn belgian_vat(number: i64) -> String {
    let body = 9_990_000 + number;
    format!("BE0{body:07}{:02}", 97 - body % 97)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_digits_are_right() {
        // Worked examples: the SIRET of Insee's documentation (732 829 320 00074), and a valid Belgian enterprise number.
        assert_eq!(with_check_digit("73282932"), "732829320");
        assert_eq!(with_check_digit("7328293200007"), "73282932000074");
        let vat = belgian_vat(3);
        assert_eq!(vat.len(), 12);
        assert_eq!((vat[2..10].parse::<i64>().unwrap_or(0) + vat[10..].parse::<i64>().unwrap_or(1)) % 97, 0);
    }

    #[test]
    fn nobody_can_be_reached() {
        let mut random = Random::new(5);
        assert!(Person::draw(&mut random).email().ends_with("@courriel.example"));
        assert!(phone(&mut random).starts_with("06 39 98 "));
    }
}
