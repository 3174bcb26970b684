//! A scratch project with one source, and the release binary run on it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::data::Kind;

/// A project in a temporary folder.
pub struct Project {
    pub folder: tempfile::TempDir,
}

const TABLE: &str = r#"
[tables.etat]
rows = [
  { code = "DEP", phase = "received" },
  { code = "COM", phase = "completeness_check", waiting_on = "applicant" },
  { code = "INS", phase = "in_progress" },
  { code = "AVI", phase = "in_progress", waiting_on = "third_party" },
  { code = "ACC", phase = "decided", outcome = "granted" },
  { code = "REF", phase = "decided", outcome = "refused" },
]
"#;

fn mapping(kind: Kind) -> String {
    let head = format!(
        "[mapping]\nid = \"bench-{}\"\nversion = \"1\"\nmodel = \"case/1\"\nvalid_from = \"2000-01-01\"\n",
        kind.word()
    );
    let body = match kind {
        Kind::Csv => include_str!("csv.toml"),
        Kind::Xml => include_str!("xml.toml"),
        Kind::Json => include_str!("json.toml"),
    };
    format!("{head}\n{body}\n{TABLE}")
}

impl Project {
    /// A project with the source `bench` and a flow per format; nothing in its inbox yet.
    pub fn new() -> Project {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let file = folder.path().join(path);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        };
        let mut source = String::from("[source]\nconnector = \"files\"\ntitle = { en = \"Bench\" }\n");
        for kind in [Kind::Csv, Kind::Xml, Kind::Json] {
            let word = kind.word();
            write(&format!("mappings/bench/{word}/mapping.toml"), &mapping(kind));
            std::fs::create_dir_all(folder.path().join("inbox").join(word)).unwrap();
            source.push_str(&format!(
                "\n[flows.{word}]\nmapping = \"bench/{word}\"\nschedule = {{ every = \"1h\" }}\norder = \"version\"\nfreshness = {{ max_age = \"2h\" }}\n[flows.{word}.settings]\nfolder = \"inbox/{word}\"\npattern = \"*\"\nsettle = \"0s\"\n"
            ));
        }
        write("config/sources/bench.toml", &source);
        for service in ["permis", "direct"] {
            let text = "[service]\ntitle = { en = \"Building permit\" }\nversion = \"1\"\n";
            write(&format!("config/services/{service}.toml"), text);
        }
        write(
            "config/guichet.toml",
            &format!(
                "[clients.bench]\nkey_sha256 = \"{}\"\nservices = [\"*\"]\nconfidentiality = 9\naudience = \"staff\"\nops = true\n",
                sha256(KEY)
            ),
        );
        Project { folder }
    }

    /// A file in the inbox of a format.
    pub fn inbox(&self, kind: Kind, name: &str) -> PathBuf {
        self.folder.path().join("inbox").join(kind.word()).join(name)
    }

    /// The database.
    pub fn database(&self) -> PathBuf {
        self.folder.path().join("hub.db")
    }

    /// Runs the flow of a format until it has caught up; wall time and the peak of resident memory in bytes.
    pub fn run(&self, kind: Kind) -> (Duration, u64) {
        self.run_flow(&format!("bench/{}", kind.word()))
    }

    /// Runs any flow.
    pub fn run_flow(&self, flow: &str) -> (Duration, u64) {
        let started = Instant::now();
        let mut child = self.guichet(&["run", flow, "--json"], self.log("out"));
        let mut peak = 0;
        let status = loop {
            peak = peak.max(peak_memory(child.id()));
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        let said = |name| std::fs::read_to_string(self.folder.path().join(name)).unwrap_or_default();
        assert!(status.success(), "`guichet run` ended with {status}\n{}{}", said("out"), said("err"));
        (started.elapsed(), peak)
    }

    /// `guichet serve` on a port.
    pub fn serve(&self, port: u16) -> Served {
        let listen = format!("127.0.0.1:{port}");
        let served = Served(self.guichet(&["serve", "--listen", &listen], Stdio::null()));
        let deadline = Instant::now() + Duration::from_secs(20);
        while std::net::TcpStream::connect(&listen).is_err() {
            assert!(Instant::now() < deadline, "`guichet serve` did not open {listen} within 20 s");
            std::thread::sleep(Duration::from_millis(20));
        }
        served
    }

    fn log(&self, name: &str) -> Stdio {
        std::fs::File::create(self.folder.path().join(name)).unwrap().into()
    }

    fn guichet(&self, words: &[&str], out: Stdio) -> Child {
        Command::new(env!("CARGO_BIN_EXE_guichet"))
            .args(words)
            .arg("--project")
            .arg(self.folder.path())
            .arg("--store")
            .arg(format!("sqlite:{}", self.database().display()))
            .stdout(out)
            .stderr(self.log("err"))
            .spawn()
            .unwrap()
    }
}

/// Key of the bench client.
pub const KEY: &str = "bench-key-of-a-throwaway-project";

/// A hub that is stopped when dropped.
pub struct Served(Child);

impl Served {
    /// Its process.
    pub fn id(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A port free a moment ago.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn sha256(text: &str) -> String {
    use sha2::Digest as _;
    sha2::Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `VmHWM` of a process, in bytes; 0 once it is gone.
fn peak_memory(pid: u32) -> u64 {
    let status = std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|rest| rest.trim().trim_end_matches(" kB").trim().parse::<u64>().ok()).unwrap_or(0) * 1024
}
