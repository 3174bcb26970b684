//! The project of the sample city, compiled in: what an integrator would have written, as files to be unpacked.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::generator::Department;
use super::post::Address;

macro_rules! files {
    ($($path:literal)*) => { &[$(($path, include_bytes!(concat!("city/", $path)))),*] };
}

/// Every file of the project: path and bytes.
pub const FILES: &[(&str, &[u8])] = files! {
    "config/guichet.toml"
    "config/services/advertising-tax.toml"
    "config/services/association-grant.toml"
    "config/services/building-permit.toml"
    "config/services/household-aid.toml"
    "config/services/planning-certificate.toml"
    "config/services/postal-address.toml"
    "config/services/prior-declaration.toml"
    "config/services/school-enrolment.toml"
    "config/services/school-meals.toml"
    "config/services/street-occupation.toml"
    "config/services/street-report.toml"
    "config/services/tourist-tax.toml"
    "config/sources/aid.toml"
    "config/sources/planning.toml"
    "config/sources/schools.toml"
    "config/sources/streets.toml"
    "config/sources/tax.toml"
    "mappings/aid/entry/mapping.toml"
    "mappings/aid/entry/samples/01.in.ndjson"
    "mappings/aid/entry/samples/01.out.json"
    "mappings/aid/entry/samples/02.in.ndjson"
    "mappings/aid/entry/samples/02.out.json"
    "mappings/aid/entry/samples/03.in.ndjson"
    "mappings/aid/entry/samples/03.out.json"
    "mappings/planning/dossier/mapping.toml"
    "mappings/planning/dossier/samples/01.in.xml"
    "mappings/planning/dossier/samples/01.out.json"
    "mappings/planning/dossier/samples/02.in.xml"
    "mappings/planning/dossier/samples/02.out.json"
    "mappings/planning/dossier/samples/03.in.xml"
    "mappings/planning/dossier/samples/03.out.json"
    "mappings/schools/enrolment/mapping.toml"
    "mappings/schools/enrolment/samples/01.in.csv"
    "mappings/schools/enrolment/samples/01.out.json"
    "mappings/schools/enrolment/samples/02.in.csv"
    "mappings/schools/enrolment/samples/02.out.json"
    "mappings/streets/event/mapping.toml"
    "mappings/streets/event/samples/01.in.json"
    "mappings/streets/event/samples/01.out.json"
    "mappings/streets/event/samples/02.in.json"
    "mappings/streets/event/samples/02.out.json"
    "mappings/streets/event/samples/03.in.json"
    "mappings/streets/event/samples/03.out.json"
    "mappings/tax/article/mapping.toml"
    "mappings/tax/article/samples/01.in.txt"
    "mappings/tax/article/samples/01.out.json"
    "mappings/tax/article/samples/02.in.txt"
    "mappings/tax/article/samples/02.out.json"
    "mappings/tax/article/samples/03.in.txt"
    "mappings/tax/article/samples/03.out.json"
};

/// Unpacks the project into a folder and makes the folders its departments drop their files in.
///
/// A file that is there and says the same is left alone; what somebody changed is written over: the city is ours.
pub fn unpack(root: &Path) -> io::Result<()> {
    for (name, bytes) in FILES {
        let path = root.join(name);
        if fs::read(&path).is_ok_and(|there| there == *bytes) {
            continue;
        }
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(path, bytes)?;
    }
    for department in Department::ALL.into_iter().filter(|department| department.drops_files()) {
        fs::create_dir_all(root.join("inbox").join(department.word()))?;
    }
    Ok(())
}

/// Tells the project where the applications of its departments listen this time.
pub fn connect(root: &Path, office: SocketAddr) -> io::Result<()> {
    ["planning", "streets"].into_iter().try_for_each(|name| {
        let source = root.join(format!("config/sources/{name}.toml"));
        let text = fs::read_to_string(&source)?;
        fs::write(source, text.replace(NOWHERE, &office.to_string()))
    })
}

/// Lets social aid publish: its source reads this queue of the visitor's broker instead of files.
pub fn publish(root: &Path, broker: &Address, queue: &str) -> io::Result<()> {
    let text = |text: &str| toml::Value::from(text).to_string();
    let source = include_str!("aid-amqp.toml")
        .replace("ADDRESS", &text(&broker.to_string()))
        .replace("VHOST", &text(broker.vhost()))
        .replace("USER", &text(broker.user()))
        .replace("QUEUE", &text(queue));
    fs::write(root.join("config/sources/aid.toml"), source)?;
    let secret = root.join("secrets/broker");
    fs::create_dir_all(root.join("secrets"))?;
    fs::write(&secret, broker.password())?;
    // only the hub may read it, or `check` warns
    fs::set_permissions(secret, fs::Permissions::from_mode(0o600))
}

/// What stands in the project instead of an address that is known only when it runs.
const NOWHERE: &str = "127.0.0.1:7070";

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::BTreeSet;
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn every_file_of_the_city_is_compiled_in() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/demo/city");
        let mut there = BTreeSet::new();
        let mut folders = vec![PathBuf::new()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(root.join(&folder)).unwrap() {
                let entry = entry.unwrap();
                let path = folder.join(entry.file_name());
                match entry.file_type().unwrap().is_dir() {
                    true => folders.push(path),
                    false => drop(there.insert(path.to_str().unwrap().to_owned())),
                }
            }
        }
        assert_eq!(there, FILES.iter().map(|(path, _)| (*path).to_owned()).collect());
    }
}
