//! Reads secrets from where their references point. Refuses nothing but absence: a secret others can read is a warning.

use std::fs;
use std::path::{Path, PathBuf};

use guichet_sdk::{Issue, Place, Secret, SecretRef};

use super::codes;
use super::environment::Environment;

/// The places of secrets: the project's folder and the environment.
#[derive(Debug, Clone, Copy)]
pub struct Secrets<'a> {
    /// Folder against which files are read.
    pub root: &'a Path,
    /// Environment.
    pub environment: &'a Environment,
}

impl Secrets<'_> {
    /// The secret, and a warning when others can read it.
    pub fn read(&self, reference: &SecretRef) -> Result<(Secret, Option<Issue>), Issue> {
        match reference {
            SecretRef::Env(name) => match self.environment.get(name) {
                Some(value) if !value.is_empty() => Ok((Secret::new(value), None)),
                Some(_) => Err(absent(format!("the environment variable `{name}` is empty"))),
                None => Err(absent(format!("the environment variable `{name}` is not set"))),
            },
            SecretRef::File(path) => self.file(path),
        }
    }

    fn file(&self, path: &PathBuf) -> Result<(Secret, Option<Issue>), Issue> {
        let shown = path.display();
        let full = self.root.join(path);
        let text = fs::read_to_string(&full)
            .map_err(|error| absent(format!("the secret file `{shown}` cannot be read: {}", error.kind())))?;
        let secret = Secret::new(&text);
        if secret.expose().is_empty() {
            return Err(absent(format!("the secret file `{shown}` is empty")));
        }
        let warning = open_to_others(&full).then(|| {
            Issue::warning(codes::OPEN_SECRET, format!("others can read the secret file `{shown}`"))
                .at(Place::file(shown.to_string()))
                .hint(format!("run `chmod 600 {shown}`"))
        });
        Ok((secret, warning))
    }
}

fn absent(message: String) -> Issue {
    Issue::error(codes::NO_SECRET, message).hint("put the secret there, or point the reference elsewhere")
}

#[cfg(unix)]
fn open_to_others(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).is_ok_and(|meta| meta.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn open_to_others(_: &Path) -> bool {
    false
}
