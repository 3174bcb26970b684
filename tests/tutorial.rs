//! The tutorial, typed as it is written: in an empty folder, in one shell, with the built binary; every answer compared.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use support::page::{What, blocks, create, differs};
use support::root;

/// The longest a command may take; far longer than any does.
const DEADLINE: Duration = Duration::from_secs(60);
/// What the shell says after each command.
const MARK: &str = "== that was it ==";

/// Nothing longer is "in 10 minutes".
const MOST_COMMANDS: usize = 12;

#[test]
fn the_tutorial_is_true() {
    let page = std::fs::read_to_string(root().join("TUTORIAL.md")).unwrap();
    // what is typed is what stands there, but for the ports: another process of this machine may have them
    let page = [("8080", free_port()), ("8081", free_port())]
        .into_iter()
        .fold(page, |page, (written, free)| page.replace(written, &free.to_string()));
    let mut shell = Shell::start();
    let mut screen = String::new();
    let (mut typed, mut compared) = (0, 0);
    for block in blocks(&page) {
        match &block.what {
            What::File { name, encoding } => create(shell.folder.path(), name, encoding.as_deref(), &block.text),
            What::Commands => {
                screen = block.text.lines().map(|line| shell.type_in(line)).collect();
                typed += block.text.lines().count();
            }
            What::Answer { json } => {
                let told = differs(&block.text, *json, &screen);
                assert_eq!(told, None, "TUTORIAL.md:{}: {}", block.line, told.as_deref().unwrap_or_default());
                compared += 1;
            }
            What::Nothing => {}
        }
    }
    assert!(compared >= 10 && typed >= 15, "{typed} commands were typed, {compared} answers compared");
}

#[test]
fn the_first_source_takes_few_commands() {
    let page = std::fs::read_to_string(root().join("TUTORIAL.md")).unwrap();
    let first = page.split("\n## ").nth(1).unwrap();
    let commands: usize =
        blocks(first).iter().filter(|block| block.what == What::Commands).map(|block| block.text.lines().count()).sum();
    assert!((1..=MOST_COMMANDS).contains(&commands), "{commands} commands");
}

/// A port nobody listens on.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// An interactive shell in an empty folder, with this build's `guichet` on its path.
struct Shell {
    folder: tempfile::TempDir,
    _bin: tempfile::TempDir,
    shell: Child,
    keys: ChildStdin,
    screen: Receiver<String>,
}

impl Shell {
    fn start() -> Shell {
        let (folder, bin) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_guichet"), bin.path().join("guichet")).unwrap();
        let path = format!("{}:{}", bin.path().display(), std::env::var("PATH").unwrap());
        let mut shell = Command::new("bash")
            .args(["--norc", "-c", "exec 2>&1; while IFS= read -r line; do eval \"$line\"; echo; echo \"$MARK\"; done"])
            .current_dir(folder.path())
            .env_clear()
            .env("PATH", path)
            .env("HOME", folder.path())
            .env("NO_COLOR", "1")
            .env("MARK", MARK)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (keys, out) = (shell.stdin.take().unwrap(), shell.stdout.take().unwrap());
        let (told, screen) = sync_channel(10_000);
        std::thread::spawn(move || {
            BufReader::new(out).lines().map_while(Result::ok).try_for_each(|line| told.send(line))
        });
        Shell { folder, _bin: bin, shell, keys, screen }
    }

    /// Types a line; what the screen shows until the command has ended.
    fn type_in(&mut self, line: &str) -> String {
        writeln!(self.keys, "{line}").unwrap();
        let mut shown = String::new();
        loop {
            match self.screen.recv_timeout(DEADLINE) {
                Ok(line) if line == MARK => return shown.strip_suffix('\n').map(str::to_owned).unwrap_or(shown),
                // what the shell says of its jobs is not what a command answers
                Ok(told) if told.starts_with('[') && told.contains("]  ") => {}
                Ok(told) => {
                    shown.push_str(&told);
                    shown.push('\n');
                }
                Err(error) => panic!("`{line}` did not end: {error}; so far:\n{shown}{}", log(self.folder.path())),
            }
        }
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        // the jobs of a shell whose test failed half-way
        let _ = writeln!(self.keys, "kill $(jobs -p) 2>/dev/null; exit");
        let _ = self.shell.wait();
    }
}

fn log(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("hub.log")).unwrap_or_default()
}
