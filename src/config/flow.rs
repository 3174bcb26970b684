//! Checks one flow: from as written to [`FlowConfig`], its settings planned by its connector.

use std::sync::Arc;

use guichet_sdk::settings::nearest;
use guichet_sdk::{ConnectorKind, Digest, FlowSettings, Issue, Plan};

use super::checked::{FlowConfig, Receive, Schedule, Threshold};
use super::checker::{Checker, owned};
use super::codes;
use super::commands;
use super::file::End;
use super::hub::size;
use super::mappings::{Found, Mappings};
use super::order;
use super::secret::{Secrets, references};
use super::written::{FlowDefaults, FlowTable, ScheduleTable, Settings, SourceTable, WordOr};
use crate::ledger::Contract;
use crate::model::FlowName;

/// What a flow is checked against.
pub struct Around<'a> {
    /// Where secrets are kept.
    pub secrets: Secrets<'a>,
    /// Its source, as written.
    pub source: &'a SourceTable,
    /// The connector kind of its source; `None` when it is not known (already reported).
    pub kind: Option<&'a Arc<dyn ConnectorKind>>,
    /// The mappings of the project.
    pub mappings: &'a Mappings,
    /// What a flow does where it does not say otherwise.
    pub defaults: &'a FlowDefaults,
}

/// Checks a flow; `None` after an error.
pub fn check(name: &FlowName, table: &FlowTable, around: &Around<'_>, to: &mut Checker<'_>) -> Option<FlowConfig> {
    let flow = &*name.flow;
    to.name(flow, "flow", &["flows", flow]);
    let found = mapping(flow, table, around.mappings, to);
    let plan = found.and_then(|found| plan(name, table, found, around, to));
    if let (Some(mapping), Some(plan)) = (found.and_then(|found| found.mapping.as_ref()), &plan) {
        commands::fit(flow, mapping, &plan.capability(), to);
    }
    let schedule = match &plan {
        Some(plan) if !plan.capability().pull => never_wakes(flow, table, to),
        Some(_) | None => schedule(flow, table, to),
    };
    let order = order::check(flow, table, to);
    if let (Some(mapping), Some(order)) = (found.and_then(|found| found.mapping.as_ref()), order) {
        order::against(mapping, order, flow, to);
    }
    let contract = contract(flow, table, around.defaults, schedule.as_ref(), to);
    let threshold = threshold(flow, table, around.defaults, to);
    let batch = batch(flow, table, around.defaults, to);
    let backoff = backoff(flow, table, around.defaults, to);
    let receives = table.receive.is_some() || plan.as_ref().is_some_and(receives);
    let receive = receive(flow, table, around.defaults, to);
    let (found, plan, schedule, order) = (found?, plan?, schedule?, order?);
    let ((batch_records, batch_bytes), (backoff, backoff_max)) = (batch?, backoff?);
    let (contract, threshold, receive) = (contract?, threshold?, receive?);
    let fingerprint = fingerprint(table, around, found);
    Some(FlowConfig {
        name: name.clone(),
        plan,
        mapping: found.mapping.clone()?,
        schedule,
        order,
        contract,
        threshold,
        epoch: around.source.epoch.unwrap_or(0),
        batch_records,
        batch_bytes,
        backoff,
        backoff_max,
        receive: receives.then_some(receive),
        fingerprint,
    })
}

fn mapping<'m>(flow: &str, table: &FlowTable, mappings: &'m Mappings, to: &mut Checker<'_>) -> Option<&'m Found> {
    let path = ["flows", flow, "mapping"];
    let folder = to.required(table.mapping.as_ref(), &path, "mapping = \"SOURCE/ENTITY\"")?;
    let found = mappings.0.get(folder);
    if found.is_none() {
        let hint = match nearest(folder, mappings.0.keys().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("create `mappings/{folder}/mapping.toml`"),
        };
        to.error(&path, codes::NO_MAPPING, format!("there is no `mappings/{folder}/mapping.toml`"), hint);
    }
    found
}

fn plan(
    name: &FlowName,
    table: &FlowTable,
    found: &Found,
    around: &Around<'_>,
    to: &mut Checker<'_>,
) -> Option<Arc<dyn Plan>> {
    let settings = FlowSettings {
        source: name.source.to_string(),
        flow: name.flow.to_string(),
        settings: serde_json::Value::Object(merged(&around.source.settings, &table.settings)),
        format: found.format.clone()?,
        base: around.secrets.root.to_owned(),
    };
    let kind = around.kind?;
    for (path, reference) in references(&kind.schema(), &settings.settings) {
        match around.secrets.read(&reference) {
            Ok((_, warning)) => to.report.extend(warning),
            Err(issue) => {
                let place = settings_place(&name.flow, Some(&path), table, to);
                to.report.push(issue.at(place));
            }
        }
    }
    match kind.plan(settings) {
        Ok(plan) => Some(plan),
        Err(issues) => {
            for issue in issues {
                let place = settings_place(&name.flow, issue.place.path.as_deref(), table, to);
                to.report.push(Issue { place, ..issue });
            }
            None
        }
    }
}

/// A path relative to the settings, where it is written: in the flow's own settings, or in those of its source.
fn settings_place(flow: &str, path: Option<&str>, table: &FlowTable, to: &Checker<'_>) -> guichet_sdk::Place {
    let parts: Vec<&str> = path.into_iter().flat_map(|path| path.split('.')).collect();
    let of_flow = [&["flows", flow, "settings"], parts.as_slice()].concat();
    let of_source = [&["source", "settings"], parts.as_slice()].concat();
    let shared = parts.first().is_some_and(|key| !table.settings.contains_key(*key));
    let at_source = to.layers.place(&owned(&of_source), End::Value);
    if shared && to.layers.has(&owned(&of_source)) { at_source } else { to.layers.place(&owned(&of_flow), End::Value) }
}

fn merged(source: &Settings, flow: &Settings) -> Settings {
    let mut settings = source.clone();
    settings.extend(flow.iter().map(|(key, value)| (key.clone(), value.clone())));
    settings
}

fn schedule(flow: &str, table: &FlowTable, to: &mut Checker<'_>) -> Option<Schedule> {
    let path = ["flows", flow, "schedule"];
    match to.required(table.schedule.as_ref(), &path, "schedule = { every = \"30s\" }")? {
        WordOr::Word(_) => Some(Schedule::OnDemand),
        WordOr::Table(ScheduleTable { every: Some(every), cron: None, tz: None }) => {
            let path = ["flows", flow, "schedule", "every"];
            Some(Schedule::Every(to.lasting(*every, ("100ms", "366d"), &path)))
        }
        WordOr::Table(ScheduleTable { every: None, cron: Some(cron), tz: Some(tz) }) => {
            let cron = expression(flow, cron, to);
            let zone = jiff::tz::TimeZone::get(tz);
            if zone.is_err() {
                let message = format!("`{tz}` is not a time zone");
                let path = ["flows", flow, "schedule", "tz"];
                to.error(&path, codes::SCHEDULE, message, "write an IANA name, as \"Europe/Paris\"");
            }
            Some(Schedule::Cron(Box::new(cron?), zone.ok()?))
        }
        WordOr::Table(ScheduleTable { every: None, cron: Some(_), tz: None }) => {
            to.required(None, &["flows", flow, "schedule", "tz"], "tz = \"Europe/Paris\"")
        }
        WordOr::Table(_) if to.refused(&path) => None,
        WordOr::Table(_) => {
            let hint =
                "write `{ every = \"30s\" }`, `{ cron = \"0 6 * * *\", tz = \"Europe/Paris\" }` or `\"on_demand\"`";
            to.error(&path, codes::SCHEDULE, "`schedule` needs either `every`, or `cron` with `tz`", hint);
            None
        }
    }
}

/// A flow that cannot be asked for records has nothing to wake for.
fn never_wakes(flow: &str, table: &FlowTable, to: &mut Checker<'_>) -> Option<Schedule> {
    match &table.schedule {
        None | Some(WordOr::Word(_)) => {}
        Some(WordOr::Table(_)) => {
            let message = "its records are pushed to the hub: there is nothing to ask for at a time";
            let hint = "leave `schedule` out; `freshness.max_age` says how long its source may be silent";
            to.error(&["flows", flow, "schedule"], codes::NEVER_WAKES, message, hint);
        }
    }
    Some(Schedule::OnDemand)
}

fn expression(flow: &str, text: &str, to: &mut Checker<'_>) -> Option<croner::Cron> {
    let parser = croner::parser::CronParser::builder().seconds(croner::parser::Seconds::Optional).build();
    match parser.parse(text) {
        Ok(cron) => Some(cron),
        Err(error) => {
            let message = format!("`{text}` is not a cron expression: {}", lower(&error.to_string()));
            let hint = "write minute, hour, day of month, month and day of week, as \"30 6 * * MON-FRI\"";
            to.error(&["flows", flow, "schedule", "cron"], codes::SCHEDULE, message, hint);
            None
        }
    }
}

fn lower(text: &str) -> String {
    let text = text.trim_end_matches('.');
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

fn contract(
    flow: &str,
    table: &FlowTable,
    defaults: &FlowDefaults,
    schedule: Option<&Schedule>,
    to: &mut Checker<'_>,
) -> Option<Contract> {
    let own = table.freshness.unwrap_or_default();
    let path = ["flows", flow, "freshness", "max_age"];
    let max_age = to.required(own.max_age.or(defaults.freshness.max_age), &path, "max_age = \"1d\"")?;
    let max_age = to.lasting(max_age, ("1s", "366d"), &path);
    if let Some(Schedule::Every(every)) = schedule
        && *every > max_age
    {
        let message =
            format!("the flow looks every {}, and calls what is older than {} stale", shown(*every), shown(max_age));
        to.warning(&path, codes::FRESHNESS, message, "let `max_age` be at least twice the pace of `schedule`");
    }
    Some(Contract { live: own.live.or(defaults.freshness.live)?, max_age: micros(max_age) })
}

fn threshold(flow: &str, table: &FlowTable, defaults: &FlowDefaults, to: &mut Checker<'_>) -> Option<Threshold> {
    let own = table.quarantine.unwrap_or_default();
    let share = own.share.or(defaults.quarantine.share)?;
    let share = to.within(share, 0.0..=1.0, &["flows", flow, "quarantine", "share"]);
    Some(Threshold { share, after: own.after.or(defaults.quarantine.after)? })
}

fn batch(flow: &str, table: &FlowTable, defaults: &FlowDefaults, to: &mut Checker<'_>) -> Option<(usize, usize)> {
    let own = table.batch.unwrap_or_default();
    let records = own.records.or(defaults.batch.records)?;
    let records = to.within(records, 1..=100_000, &["flows", flow, "batch", "records"]);
    let bytes = own.size.or(defaults.batch.size)?;
    Some((records, size(bytes, (1 << 10, 256 << 20), &["flows", flow, "batch", "size"], to)?))
}

fn backoff(
    flow: &str,
    table: &FlowTable,
    defaults: &FlowDefaults,
    to: &mut Checker<'_>,
) -> Option<(std::time::Duration, std::time::Duration)> {
    let own = table.backoff.unwrap_or_default();
    let (first, longest) = (own.first.or(defaults.backoff.first)?, own.longest.or(defaults.backoff.longest)?);
    let first = to.lasting(first, ("100ms", "1h"), &["flows", flow, "backoff", "first"]);
    let longest = to.lasting(longest, ("100ms", "1d"), &["flows", flow, "backoff", "longest"]);
    if first > longest {
        let path = ["flows", flow, "backoff", "first"];
        to.error(&path, codes::UNUSABLE, "`first` is longer than `longest`", "let the first wait be the shorter one");
    }
    Some((first, longest))
}

/// Whether a plan makes its flow receive without being told to: nothing else could bring it records.
fn receives(plan: &Arc<dyn Plan>) -> bool {
    let capability = plan.capability();
    (!capability.pull && capability.commands.is_empty()) || plan.receiver().is_some()
}

fn receive(flow: &str, table: &FlowTable, defaults: &FlowDefaults, to: &mut Checker<'_>) -> Option<Receive> {
    let (own, defaults) = (table.receive.unwrap_or_default(), defaults.receive);
    let path = |key| ["flows", flow, "receive", key];
    let ratio = to.within(own.ratio.or(defaults.ratio)?, 1..=10_000, &path("ratio"));
    Some(Receive {
        body: size(own.body.or(defaults.body)?, (1 << 10, 64 << 20), &path("body"), to)?,
        ratio: usize::try_from(ratio).ok()?,
        records: to.within(own.records.or(defaults.records)?, 1..=100_000, &path("records")),
        in_flight: to.within(own.in_flight.or(defaults.in_flight)?, 1..=1000, &path("in_flight")),
    })
}

/// Digest of everything that decides how the flow runs.
fn fingerprint(table: &FlowTable, around: &Around<'_>, found: &Found) -> Digest {
    let source = around.source;
    let said =
        format!("{:?} {:?} {:?} {table:?} {:?}", source.connector, source.epoch, source.settings, around.defaults);
    Digest::of(&[said.as_bytes(), &found.digest.0])
}

/// A duration in microseconds.
pub fn micros(period: std::time::Duration) -> i64 {
    i64::try_from(period.as_micros()).unwrap_or(i64::MAX)
}

/// A duration as it would be written.
fn shown(period: std::time::Duration) -> String {
    jiff::SignedDuration::try_from(period).map_or_else(|_| "very long".to_owned(), |period| format!("{period:#}"))
}
