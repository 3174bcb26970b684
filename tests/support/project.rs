//! Scratch projects: the repository's own sources and mappings in a temporary folder, with an inbox to drop files into.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::{copy_folder, root};

/// Key of the test client: staff, every service, ops.
pub const KEY: &str = "test-key-of-a-scratch-project";

/// A project in a temporary folder.
pub struct Project {
    pub folder: tempfile::TempDir,
}

impl Project {
    /// The repository's `config` and `mappings`, with a client for tests; `edit` may change any file of it.
    pub fn new() -> Project {
        let folder = tempfile::tempdir().unwrap();
        copy_folder(&root().join("config"), &folder.path().join("config"));
        copy_folder(&root().join("mappings"), &folder.path().join("mappings"));
        let project = Project { folder };
        for source in std::fs::read_dir(project.path("config/sources")).unwrap() {
            let name = format!("config/sources/{}", source.unwrap().file_name().to_str().unwrap());
            // Files are written whole before the flow runs: nothing to wait for.
            project.edit(&name, "[source.settings]", "[source.settings]\nsettle = \"0s\"");
        }
        let scopes = "services = [\"*\"]\nconfidentiality = 9\naudience = \"staff\"\nops = true";
        project.write("config/guichet.toml", &client("test", KEY, scopes));
        project
    }

    /// A path inside the project.
    pub fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// Writes a file of the project.
    pub fn write(&self, path: &str, text: &str) {
        std::fs::create_dir_all(self.path(path).parent().unwrap()).unwrap();
        std::fs::write(self.path(path), text).unwrap();
    }

    /// Changes a text in a file of the project; the text must be there.
    pub fn edit(&self, path: &str, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.path(path)).unwrap();
        assert!(text.contains(from), "`{from}` is not in {path}");
        self.write(path, &text.replace(from, to));
    }

    /// Puts a copy of a file into an inbox, under a name of its own, old enough to count as settled.
    pub fn drop_file(&self, file: &Path, inbox: &str, name: &str) {
        self.drop_bytes(&std::fs::read(file).unwrap(), inbox, name);
    }

    /// Puts bytes into an inbox.
    pub fn drop_bytes(&self, bytes: &[u8], inbox: &str, name: &str) {
        let folder = self.path("inbox").join(inbox);
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join(name);
        std::fs::write(&file, bytes).unwrap();
        let settled = std::time::SystemTime::now() - std::time::Duration::from_secs(60);
        std::fs::File::options().write(true).open(&file).unwrap().set_modified(settled).unwrap();
    }

    /// The store's address.
    pub fn store(&self) -> String {
        format!("sqlite:{}", self.path("hub.db").display())
    }

    /// A `guichet` command on this project and store.
    pub fn guichet(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_guichet"));
        command.args(words).arg("--project").arg(self.folder.path()).env("NO_COLOR", "1");
        if matches!(
            words.first(),
            Some(&("serve" | "run" | "cases" | "commands" | "quarantine" | "changes" | "subscriptions"))
        ) {
            command.arg("--store").arg(self.store());
        }
        command
    }

    /// Runs a flow until it has caught up.
    pub fn run(&self, flow: &str) -> Output {
        self.guichet(&["run", flow, "--json"]).output().unwrap()
    }

    /// Runs a flow that must end with this exit code; its summary.
    pub fn run_to(&self, flow: &str, code: i32) -> serde_json::Value {
        let output = self.run(flow);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert_eq!(output.status.code(), Some(code), "{}{}", text(&output.stdout), text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

/// The table of a client.
pub fn client(name: &str, key: &str, scopes: &str) -> String {
    format!("[clients.{name}]\nkey_sha256 = \"{}\"\n{scopes}\n", sha256(key))
}

/// SHA-256 in hexadecimal.
pub fn sha256(text: &str) -> String {
    use sha2::Digest as _;
    sha2::Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}
