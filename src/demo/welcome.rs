//! What a visitor is greeted with: the address, the keys, and four requests worth making. Pure, but for the questions
//! to the store that find cases worth showing.

use std::net::SocketAddr;

use serde_json::Value;

use crate::model::{Phase, WaitingOn};
use crate::store::{CaseQuery, Store, StoreFault};

/// Public references of cases worth looking at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sights {
    /// A planning case that waits for documents of its applicant.
    pub suspended: Option<String>,
}

impl Sights {
    /// Looks for them.
    pub async fn find(store: &dyn Store) -> Result<Self, StoreFault> {
        let query = CaseQuery {
            source: Some("planning".to_owned()),
            phase: Some(Phase::CompletenessCheck),
            waiting_on: Some(WaitingOn::Applicant),
            limit: 1,
            ..CaseQuery::default()
        };
        let page = store.cases(&query).await?;
        let reference = |body: &str| serde_json::from_str::<Value>(body).ok()?["reference"].as_str().map(str::to_owned);
        Ok(Sights { suspended: page.cases.first().and_then(|case| reference(&case.body)) })
    }
}

/// The greeting.
pub fn greeting(address: SocketAddr, sights: &Sights) -> Vec<String> {
    let curl = |key: &str, path: &str| format!("    curl -s -H 'Authorization: Bearer {key}' 'http://{address}{path}'");
    let mut lines = vec![
        String::new(),
        format!("  the hub listens on http://{address} (its pages: http://{address}/docs)"),
        "  keys: `demo-front-office` reads what the parties of a case may read, `demo-ops` runs the hub".to_owned(),
        String::new(),
    ];
    if let Some(reference) = &sights.suspended {
        lines.push("  a building project that waits for its applicant, in French:".to_owned());
        lines.push(curl("demo-front-office", &format!("/v1/cases/{reference}?lang=fr")));
    }
    lines.extend([
        "  what waits for an applicant in every department, and which of them could be asked (`sources`):".to_owned(),
        curl("demo-front-office", "/v1/cases?waiting_on=applicant&limit=3"),
        "  which departments can be asked now (the street-repairs system goes down soon, and comes back):".to_owned(),
        curl("demo-front-office", "/v1/sources"),
        "  what the hub did not understand, and refuses to guess:".to_owned(),
        curl("demo-ops", "/ops/v1/quarantine"),
        String::new(),
    ]);
    lines
}
