//! A small project in a temporary folder, and commands run on it, told as a text without what changes from run to run.

use std::fs::File;
use std::path::PathBuf;
use std::process::Command;

/// A small project in a temporary folder.
pub struct Desk {
    folder: tempfile::TempDir,
}

const SOURCE: &str = r#"
[source]
title = { en = "Permits" }
connector = "files"

[source.settings]
folder = "inbox"
pattern = "*.csv"
settle = "0s"

[flows.all]
mapping = "permits"
schedule = { every = "1h" }
order = "version"
"#;

const MAPPING: &str = r#"
[mapping]
id = "permits"
version = "1"
model = "case/1"
valid_from = "2020-01-01"

[source]
format = "csv"
delimiter = ";"
tz = "Europe/Brussels"

[fields]
case.key = "number | trim"
case.service = "'permit'"
update.version = "version | integer"
status.source_code = "state"
status.phase = "state | code('states', 'phase')"

[tables.states]
rows = [
  { code = "DEP", phase = "received" },
  { code = "GRA", phase = "decided" },
]
"#;

impl Desk {
    pub fn new() -> Desk {
        let desk = Desk { folder: tempfile::tempdir().unwrap() };
        desk.write("config/sources/permits.toml", SOURCE);
        desk.write("config/services/permit.toml", "[service]\ntitle = { en = \"Permit\" }\nversion = \"1\"\n");
        desk.write("mappings/permits/mapping.toml", MAPPING);
        std::fs::create_dir_all(desk.path("inbox")).unwrap();
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file of the project.
    pub fn write(&self, name: &str, text: &str) {
        std::fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        std::fs::write(self.path(name), text).unwrap();
    }

    /// Changes a text in a file; the text must be there.
    pub fn edit(&self, name: &str, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.path(name)).unwrap();
        assert!(text.contains(from), "`{from}` is not in {name}");
        self.write(name, &text.replace(from, to));
    }

    /// Drops a file into the inbox.
    pub fn drop_file(&self, name: &str, text: &str) {
        self.write(&format!("inbox/{name}"), text);
    }

    /// Runs a command on this project.
    pub fn run(&self, words: &[&str]) -> String {
        self.told(Command::new(env!("CARGO_BIN_EXE_guichet")).args(words).current_dir(self.folder.path()))
    }

    /// Runs a command on another folder as project.
    pub fn run_in(&self, project: &str, words: &[&str]) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_guichet"));
        self.told(command.args(words).args(["--project", project]).current_dir(self.folder.path()))
    }

    /// Runs a command with a variable.
    pub fn run_with(&self, name: &str, value: &str, words: &[&str]) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_guichet"));
        let output = command.args(words).current_dir(self.folder.path()).env("NO_COLOR", "1").env(name, value).output();
        self.written(&output.unwrap())
    }

    fn told(&self, command: &mut Command) -> String {
        for name in ["CI", "GUICHET_PROJECT", "GUICHET_STORE", "GUICHET_URL", "GUICHET_KEY"] {
            command.env_remove(name);
        }
        self.written(&command.env("NO_COLOR", "1").output().unwrap())
    }

    fn written(&self, output: &std::process::Output) -> String {
        let text = |bytes: &[u8]| self.masked(&String::from_utf8_lossy(bytes));
        let code = output.status.code().unwrap();
        format!("exit code: {code}\n--- stdout\n{}\n--- stderr\n{}", text(&output.stdout), text(&output.stderr))
    }

    /// Without what changes from run to run.
    fn masked(&self, text: &str) -> String {
        let text = text.replace(&*self.folder.path().to_string_lossy(), "[project]");
        let process = format!("process {}", std::process::id());
        let today = jiff::Timestamp::now().to_string()[..8].to_owned();
        let lines = text.replace(&process, "process [id]");
        let lines = lines.lines().map(|line| match line.rsplit_once(": ") {
            Some((flow, speed)) if speed.ends_with("records/s") => format!("{flow}: [speed]"),
            _ => line.split(' ').map(|word| masked_word(word, &today)).collect::<Vec<_>>().join(" "),
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    /// The reference of a case.
    pub fn reference(&self, number: &str) -> String {
        let output = Command::new(env!("CARGO_BIN_EXE_guichet"))
            .args(["cases", "--json", "--reference", number])
            .current_dir(self.folder.path())
            .output();
        let page: serde_json::Value = serde_json::from_slice(&output.unwrap().stdout).unwrap();
        page["cases"][0]["reference"].as_str().unwrap().to_owned()
    }

    /// The first row that is held.
    pub fn held(&self) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_guichet"));
        let output = command.args(["quarantine", "ls", "--json"]).current_dir(self.folder.path()).output();
        let page: serde_json::Value = serde_json::from_slice(&output.unwrap().stdout).unwrap();
        page["held"][0]["row"].to_string()
    }

    /// Works on the store as another process would.
    pub fn lock_store(&self) -> File {
        self.write("data/guichet.db.lock", &format!("process {}", std::process::id()));
        let file = File::options().write(true).open(self.path("data/guichet.db.lock")).unwrap();
        file.try_lock().unwrap();
        file
    }
}

/// References come from the key of the store, times from the clock.
fn masked_word(word: &str, today: &str) -> String {
    let bare = word.trim_end_matches([':', ',']);
    let is_reference = bare.len() == 11
        && bare
            .bytes()
            .enumerate()
            .all(|(at, b)| if matches!(at, 4 | 9) { b == b'-' } else { b.is_ascii_alphanumeric() });
    if is_reference {
        return word.replace(bare, "[reference]");
    }
    if bare.starts_with(today) { word.replace(bare, "[now]") } else { word.to_owned() }
}
