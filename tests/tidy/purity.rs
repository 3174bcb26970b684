//! The core is pure: no clock, no input or output, no async. Time, ids and randomness are arguments.

use crate::sources::sources;

const PURE: &[&str] = &[
    "src/model/",
    "src/mapping/",
    "src/ledger/",
    "connectors/sdk/src/format/",
    "connectors/http/src/list/page.rs",
    "connectors/http/src/list/paging.rs",
    "connectors/soap/src/answer.rs",
    "connectors/soap/src/body.rs",
    "connectors/soap/src/envelope.rs",
    "connectors/soap/src/fault.rs",
    "connectors/soap/src/parts.rs",
    "connectors/soap/src/rules.rs",
    "connectors/soap/src/security.rs",
];

const FORBIDDEN: &[&str] = &[
    "std::fs",
    "std::net",
    "std::env",
    "std::process",
    "SystemTime",
    "Instant",
    "tokio",
    "async fn",
    "async move",
    "Timestamp::now",
    "Zoned::now",
    "Uuid::now",
    "Uuid::new_v4",
    "reqwest",
    "rusqlite",
    "tracing::",
];

#[test]
fn the_core_is_pure() {
    let mut wrong = Vec::new();
    for source in sources() {
        let pure = PURE.iter().any(|folder| source.path.starts_with(folder)) || source.path.ends_with("/wire.rs");
        if !pure {
            continue;
        }
        let code = source.shipped();
        let found = FORBIDDEN.iter().filter(|word| code.contains(*word));
        wrong.extend(found.map(|word| format!("{}: `{word}`", source.path)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
