//! `guichet explain`: the page of an error code, or why a case has the status it has.

use clap::Args;
use guichet_sdk::codes::{PAGES, page};
use guichet_sdk::settings::nearest;
use guichet_sdk::{Code, Issue};
use serde_json::{Value, json};

use super::failure::Failure;
use super::line::LineArgs;
use super::screen::{Screen, table};

/// Print the page of an error code, or why a case has its status
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  guichet explain E042
  guichet explain GU-7Q2K-9XMD-4
  guichet explain GU-7Q2K-9XMD-4 --url http://127.0.0.1:8080 --key demo-ops")]
pub struct Explain {
    /// Error code, or reference or id of a case
    #[arg(value_name = "CODE|CASE")]
    what: String,
    #[command(flatten)]
    line: LineArgs,
}

impl Explain {
    pub async fn run(self, screen: Screen) -> Result<(), Failure> {
        if is_code(&self.what) {
            return code(&self.what, screen);
        }
        let line = self.line.open(screen).await?;
        let mut path = String::from("/v1/cases/");
        path.extend(self.what.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-'));
        let explanation = line.get(&format!("{path}/explain")).await?;
        if screen.json {
            screen.value(&explanation);
        } else {
            case(&explanation, screen);
        }
        Ok(())
    }
}

fn is_code(what: &str) -> bool {
    matches!(what.as_bytes(), [b'E' | b'e', rest @ ..] if rest.len() == 3 && rest.iter().all(u8::is_ascii_digit))
}

fn code(what: &str, screen: Screen) -> Result<(), Failure> {
    let Some(page) = page(what) else {
        let issue = Issue::error(Code("E262"), format!("there is no error code `{what}`"));
        let near = nearest(what, PAGES.iter().map(|(code, _)| *code));
        return Err(Failure::Configuration(match near {
            Some(near) => issue.hint(format!("did you mean `{near}`?")),
            None => issue,
        }));
    };
    if screen.json {
        screen.value(&json!({ "code": what.to_uppercase(), "page": page }));
    } else {
        screen.out(page);
    }
    Ok(())
}

fn case(explanation: &Value, screen: Screen) {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    screen.out(&format!("{}: {}\n", text(&explanation["reference"]), text(&explanation["wording"])));
    let said = explanation["said"].as_array().into_iter().flatten().map(|said| {
        let record = &said["record"];
        let line = record["line"].as_u64().map(|line| format!(":{line}")).unwrap_or_default();
        vec![
            text(&said["canonical"]["effective_at"]),
            text(&said["source_status"]["code"]),
            text(&said["canonical"]["phase"]),
            text(&said["standing"]),
            format!("{}{line}", text(&record["name"])),
            text(&said["mapping"]),
            text(&said["because"]),
        ]
    });
    screen.out(&table(&["since", "source said", "phase", "standing", "record", "mapping", "because"], said));
    let held = explanation["held"].as_array().map(Vec::len).unwrap_or_default();
    if held > 0 {
        screen.note(&format!("{held} records about this case are held back: `guichet quarantine ls`"));
    }
}
