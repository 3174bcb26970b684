//! Checks `guichet.toml`: from as written to [`Hub`], with every bound enforced.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

use guichet_sdk::settings::{Size, nearest};
use sha2::{Digest as _, Sha256};

use super::checked::{Client, FlowConfig, FlowPattern, Hub, Scopes, Server, StoreConfig, TelemetryConfig};
use super::checker::Checker;
use super::codes;
use super::secret::Secrets;
use super::subscriptions;
use super::written::{ClientTable, HubFile, LogFormat, ServerTable, StoreTable, TelemetryTable};
use crate::model::Audience;

const KIB: u64 = 1024;

/// Checks the hub's own settings.
pub fn check(file: &HubFile, secrets: &Secrets<'_>, to: &mut Checker<'_>) -> Option<Hub> {
    let server = server(&file.server, to);
    let store = store(&file.store, secrets.root, to);
    let telemetry = telemetry(&file.telemetry, to);
    let clients: Vec<_> = file.clients.iter().filter_map(|(name, table)| client(name, table, secrets, to)).collect();
    same_keys(&clients, to);
    if file.wording.languages.is_empty() {
        to.error(&["wording", "languages"], codes::UNUSABLE, "no language is named", "write `languages = [\"en\"]`");
    }
    let subscriptions = subscriptions::check(&file.subscriptions, secrets, to);
    let languages = file.wording.languages.clone();
    Some(Hub { server: server?, store: store?, telemetry, clients, languages, subscriptions })
}

fn server(table: &ServerTable, to: &mut Checker<'_>) -> Option<Server> {
    let listen = table.listen.parse::<SocketAddr>();
    if listen.is_err() {
        let message = format!("`{}` is not an address to listen on", table.listen);
        to.error(
            &["server", "listen"],
            codes::UNUSABLE,
            message,
            "write address and port, as \"127.0.0.1:8080\" or \"[::]:8080\"",
        );
    }
    let wait = ("100ms", "1h");
    Some(Server {
        header_timeout: to.lasting(table.header_timeout, ("100ms", "10m"), &["server", "header_timeout"]),
        body_timeout: to.lasting(table.body_timeout, wait, &["server", "body_timeout"]),
        idle_timeout: to.lasting(table.idle_timeout, wait, &["server", "idle_timeout"]),
        handler_timeout: to.lasting(table.handler_timeout, wait, &["server", "handler_timeout"]),
        connections: to.within(table.connections, 1..=1_000_000, &["server", "connections"]),
        concurrency: to.within(table.concurrency, 1..=100_000, &["server", "concurrency"]),
        body_bytes: size(table.body, (KIB, 64 * KIB * KIB), &["server", "body"], to)?,
        uri_bytes: size(table.uri, (256, 64 * KIB), &["server", "uri"], to)?,
        headers: to.within(table.headers, 8..=1000, &["server", "headers"]),
        streams: to.within(table.streams, 0..=1_000_000, &["server", "streams"]),
        drain: to.lasting(table.drain, ("0s", "10m"), &["server", "drain"]),
        rate: table.rate,
        listen: listen.ok()?,
    })
}

/// A size that must lie within bounds.
pub fn size(value: Size, bounds: (u64, u64), path: &[&str], to: &mut Checker<'_>) -> Option<usize> {
    to.within(value, Size(bounds.0)..=Size(bounds.1), path);
    usize::try_from(value.0).ok()
}

fn store(table: &StoreTable, root: &Path, to: &mut Checker<'_>) -> Option<StoreConfig> {
    let path = table.url.strip_prefix("sqlite:").filter(|path| !path.is_empty());
    if path.is_none() {
        let message = format!("`{}` is not a store", table.url);
        to.error(&["store", "url"], codes::UNUSABLE, message, "write `url = \"sqlite:PATH\"`");
    }
    Some(StoreConfig {
        raw_retention: table
            .raw_retention
            .0
            .map(|period| to.lasting(period, ("1h", "36500d"), &["store", "raw_retention"])),
        group_records: to.within(table.group_records, 1..=100_000, &["store", "group_records"]),
        group_wait: to.lasting(table.group_wait, ("0s", "1s"), &["store", "group_wait"]),
        readers: to.within(table.readers, 1..=64, &["store", "readers"]),
        url: format!("sqlite:{}", root.join(path?).display()),
    })
}

fn telemetry(table: &TelemetryTable, to: &mut Checker<'_>) -> TelemetryConfig {
    if let Err(error) = table.filter.parse::<tracing_subscriber::EnvFilter>() {
        let message = format!("`filter` cannot be read: {error}");
        to.error(
            &["telemetry", "filter"],
            codes::UNUSABLE,
            message,
            "write levels, as \"info\" or \"info,guichet=debug\"",
        );
    }
    if table.otlp.as_ref().is_some_and(|url| !url.starts_with("http://") && !url.starts_with("https://")) {
        let hint = "write `otlp = \"http://host:4318\"`";
        to.error(&["telemetry", "otlp"], codes::UNUSABLE, "`otlp` is not an address of OTLP over HTTP", hint);
    }
    TelemetryConfig {
        json: match table.format {
            LogFormat::Json => true,
            LogFormat::Pretty => false,
        },
        filter: table.filter.clone(),
        otlp: table.otlp.clone(),
        sample: to.within(table.sample, 0.0..=1.0, &["telemetry", "sample"]),
        service_name: table.service_name.clone(),
    }
}

fn client(name: &str, table: &ClientTable, secrets: &Secrets<'_>, to: &mut Checker<'_>) -> Option<Client> {
    to.name(name, "client", &["clients", name]);
    let key = key(name, table, secrets, to);
    let push = pushes(name, table, to);
    let none = Vec::new();
    // a client that only pushes sees nothing
    let services = table.services.as_ref().or(table.push.is_some().then_some(&none));
    let services = to.required(services, &["clients", name, "services"], "services = [\"*\"]");
    let scopes = Scopes {
        services: services?.iter().all(|code| code != "*").then(|| services.cloned().unwrap_or_default()),
        confidentiality: table.confidentiality.unwrap_or(0),
        audience: table.audience.unwrap_or(Audience::Public),
        commands: table.commands.clone(),
        ops: table.ops,
        push: push?,
    };
    Some(Client { name: name.to_owned(), key: key?, scopes })
}

/// The flows a client may push to; `None` after an error.
fn pushes(name: &str, table: &ClientTable, to: &mut Checker<'_>) -> Option<Vec<FlowPattern>> {
    let mut patterns = Some(Vec::new());
    for text in table.push.iter().flatten() {
        let Some(pattern) = FlowPattern::parse(text) else {
            let hint = "write `SOURCE/FLOW`, as \"planning/permits\", or \"planning/*\" for every flow of a source";
            let message = format!("`{text}` names no flow");
            to.error(&["clients", name, "push"], codes::UNUSABLE, message, hint);
            patterns = None;
            continue;
        };
        patterns.iter_mut().for_each(|patterns| patterns.push(pattern.clone()));
    }
    patterns
}

fn key(name: &str, table: &ClientTable, secrets: &Secrets<'_>, to: &mut Checker<'_>) -> Option<[u8; 32]> {
    let path = ["clients", name, "key"];
    match (&table.key, &table.key_sha256) {
        (Some(_), Some(_)) => {
            let message = "`key` and `key_sha256` are both given";
            to.error(&["clients", name, "key_sha256"], codes::UNUSABLE, message, "keep one of them");
            None
        }
        (None, Some(text)) => {
            let digest = hex(text);
            if digest.is_none() {
                let hint = "write the output of `printf %s KEY | sha256sum`";
                let message = "`key_sha256` is not 64 hexadecimal digits";
                to.error(&["clients", name, "key_sha256"], codes::UNUSABLE, message, hint);
            }
            digest
        }
        (Some(reference), None) => match secrets.read(reference) {
            Ok((secret, warning)) => {
                to.report.extend(warning);
                Some(Sha256::digest(secret.expose().as_bytes()).into())
            }
            Err(issue) => {
                to.error(&path, issue.code, issue.message, issue.hint.unwrap_or_default());
                None
            }
        },
        (None, None) => to.required(None, &path, "key = { env = \"VARIABLE\" }"),
    }
}

fn hex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    let digits = text.as_bytes();
    if digits.len() != 64 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

fn same_keys(clients: &[Client], to: &mut Checker<'_>) {
    let mut seen = BTreeMap::new();
    for client in clients {
        if let Some(first) = seen.insert(client.key, &client.name) {
            let message = format!("clients `{first}` and `{}` have the same key", client.name);
            to.error(&["clients", &client.name], codes::SAME_KEY, message, "give each client its own key");
        }
    }
}

/// A client that may push to a flow that does not receive will only hear that there is no such flow.
pub fn push_scopes(hub: &Hub, flows: &[FlowConfig], to: &mut Checker<'_>) {
    let receiving: Vec<_> = flows.iter().filter(|flow| flow.receive.is_some()).map(|flow| &flow.name).collect();
    for client in &hub.clients {
        for pattern in client.scopes.push.iter().filter(|pattern| !receiving.iter().any(|name| pattern.matches(name))) {
            let said = format!("{}/{}", pattern.source, pattern.flow.as_deref().unwrap_or("*"));
            let message = format!("the client `{}` may push to `{said}`, and no such flow receives", client.name);
            let names: Vec<String> = receiving.iter().map(ToString::to_string).collect();
            let hint = match nearest(&said, names.iter().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "correct the name, or write `receive = {}` in `[flows.NAME]` of the source".to_owned(),
            };
            to.warning(&["clients", &client.name, "push"], codes::PUSH_SCOPE, message, hint);
        }
    }
}

/// A client whose scope names a service that does not exist sees less than somebody meant it to.
pub fn scopes(hub: &Hub, services: &[&str], to: &mut Checker<'_>) {
    for client in &hub.clients {
        let absent = |code: &&String| !services.contains(&code.as_str());
        for code in client.scopes.commands.keys().filter(|code| *code != "*").filter(absent) {
            let message =
                format!("the client `{}` may send commands to `{code}`, which is not in the catalogue", client.name);
            let hint = format!("create `config/services/{code}.toml`, or correct the code");
            to.warning(&["clients", &client.name, "commands", code], codes::NO_SERVICE, message, hint);
        }
        for code in client.scopes.services.iter().flatten().filter(absent) {
            let message =
                format!("the client `{}` may see the service `{code}`, which is not in the catalogue", client.name);
            let hint = match nearest(code, services.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("create `config/services/{code}.toml`, or correct the code"),
            };
            to.warning(&["clients", &client.name, "services"], codes::NO_SERVICE, message, hint);
        }
    }
}
