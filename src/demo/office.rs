//! The street-repairs system of the sample city: an application of its own that tells its journal over HTTP, page by page,
//! and now and then tells nobody anything. The hub asks it as it would any other.

use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Events of a page, at most.
const MOST: usize = 500;

/// What the street-repairs system knows, and whether it is up.
#[derive(Debug, Default)]
pub struct Journal(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    /// Events as JSON objects; the one at index `n` has the number `n + 1`.
    events: Vec<String>,
    down: bool,
}

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow)]
    evenements: Vec<&'a RawValue>,
}

impl Journal {
    /// Enters the events of a document, each under the next number.
    pub fn enter(&self, document: &[u8]) -> io::Result<()> {
        let Document { evenements } = serde_json::from_slice(document)?;
        let mut kept = self.kept();
        for event in evenements {
            let number = kept.events.len() + 1;
            let members = event.get().trim_start().trim_start_matches('{');
            kept.events.push(format!("{{\"numero\":{number},{members}"));
        }
        Ok(())
    }

    /// The system goes down for a while, or comes back.
    pub fn up(&self, up: bool) {
        self.kept().down = !up;
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A page of the events after a number; nothing while the system is down.
    fn page(&self, asked: &Asked) -> Option<String> {
        let kept = self.kept();
        if kept.down {
            return None;
        }
        let after = asked.apres.unwrap_or(0).min(kept.events.len());
        let asked_for = &kept.events[after..];
        let size = asked.taille.unwrap_or(MOST).clamp(1, MOST);
        let first = asked.page.unwrap_or(1).saturating_sub(1).saturating_mul(size).min(asked_for.len());
        let page = &asked_for[first..(first + size).min(asked_for.len())];
        let mut text = format!("{{\"systeme\":\"VoirieNet 2.4\",\"total\":{},\"evenements\":[", asked_for.len());
        for (at, event) in page.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            let _ = write!(text, "{comma}\n{event}");
        }
        text.push_str("\n]}\n");
        Some(text)
    }
}

/// Parameters of the list.
#[derive(Debug, Default, Deserialize)]
struct Asked {
    /// Only events with a higher number.
    apres: Option<usize>,
    /// Number of the page, from 1.
    page: Option<usize>,
    /// Events of a page.
    taille: Option<usize>,
}

/// The system, listening; dropping it ends it.
#[derive(Debug)]
pub struct Office {
    /// Where it listens.
    pub address: SocketAddr,
    serving: JoinHandle<io::Result<()>>,
}

impl Office {
    /// Listens on a port of its own, on this machine only.
    pub async fn open(journal: Arc<Journal>) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let router = Router::new().route("/voirienet/evenements", get(list)).with_state(journal);
        let serving = tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Office { address, serving })
    }
}

impl Drop for Office {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn list(State(journal): State<Arc<Journal>>, Query(asked): Query<Asked>) -> Response {
    match journal.page(&asked) {
        Some(page) => ([(header::CONTENT_TYPE, "application/json; charset=utf-8")], page).into_response(),
        // as such systems do: a page for eyes, whoever asks
        None => {
            (StatusCode::SERVICE_UNAVAILABLE, Html("<html><body>Maintenance en cours</body></html>")).into_response()
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn numbers(journal: &Journal, asked: &Asked) -> Vec<u64> {
        let page: Value = serde_json::from_str(&journal.page(asked).unwrap()).unwrap();
        page["evenements"].as_array().unwrap().iter().map(|event| event["numero"].as_u64().unwrap()).collect()
    }

    #[test]
    fn pages_follow_each_other_and_what_is_new_comes_last() {
        let journal = Journal::default();
        journal.enter(br#"{"evenements":[{"a":1},{"a":2},{"a":3}]}"#).unwrap();
        let page = |apres, page| Asked { apres, page: Some(page), taille: Some(2) };
        assert_eq!(numbers(&journal, &page(None, 1)), [1, 2]);
        assert_eq!(numbers(&journal, &page(None, 2)), [3]);
        assert!(numbers(&journal, &page(None, 3)).is_empty());
        journal.enter(br#"{"evenements":[{"a":4}]}"#).unwrap();
        assert_eq!(numbers(&journal, &page(Some(3), 1)), [4]);
        assert!(numbers(&journal, &page(Some(9), 1)).is_empty());
    }

    #[test]
    fn a_system_that_is_down_says_nothing_and_forgets_nothing() {
        let journal = Journal::default();
        journal.up(false);
        journal.enter(br#"{"evenements":[{"a":1}]}"#).unwrap();
        assert_eq!(journal.page(&Asked::default()), None);
        journal.up(true);
        assert_eq!(numbers(&journal, &Asked::default()), [1]);
    }
}
