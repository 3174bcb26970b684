//! Checks a whole project: the hub, the catalogue, the mappings, the sources, and what they owe each other.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use guichet_sdk::{Claim, Issue, Registry};

use super::checked::{FlowConfig, Hub, Project, SourceConfig};
use super::checker::Checker;
use super::commands::Carriers;
use super::environment::Environment;
use super::file::File;
use super::layers::Layers;
use super::mappings::Mappings;
use super::report::Report;
use super::secret::Secrets;
use super::source::World;
use super::written::{HubFile, ServiceFile, SourceFile};
use super::{DEFAULTS, codes, hub, read_text, service, source, unreadable};
use crate::model::{FlowName, Service};

/// A project ready to run, or the report of everything that is wrong with it.
pub fn load(root: &Path, registry: &Registry, environment: &Environment) -> Result<Project, Report> {
    match check(root, registry, environment) {
        (Some(project), _) => Ok(project),
        (None, report) => Err(report),
    }
}

/// Checks a project; there is one as long as no error was found. Warnings are in the report either way.
pub fn check(root: &Path, registry: &Registry, environment: &Environment) -> (Option<Project>, Report) {
    let mut report = Report::default();
    if !root.join("config").is_dir() {
        let message = format!("there is no project in `{}`: it has no folder `config`", root.display());
        let hint = "name the project's folder with `--project DIR`";
        report.push(Issue::error(codes::NO_PROJECT, message).hint(hint));
        return (None, report);
    }
    let project = parts(root, registry, environment, &mut report);
    let project = project.filter(|_| report.errors() == 0);
    (project, report.sorted())
}

fn parts(root: &Path, registry: &Registry, environment: &Environment, report: &mut Report) -> Option<Project> {
    let service_files = files(root, "config/services", report);
    let hub_files = hub_files(root, report);
    let (hub_file, hub) = hub_of(&hub_files, root, environment, &service_files, report);
    let languages = hub_file.as_ref().map_or_else(Vec::new, |file| file.wording.languages.clone());
    let mappings = Mappings::load(root, report);
    // without the defaults of flows no flow can be checked; the defaults are compiled in, so they are there
    let defaults = &hub_file.as_ref()?.flows;
    let secrets = Secrets { root, environment };
    let world = World { secrets, registry, mappings: &mappings, defaults, languages: &languages };
    let (sources, flows) = sources(&world, report);
    let services = services(service_files, &languages, &Carriers { root, flows: &flows }, report);
    mappings.services(&services, report);
    let hub = hub?;
    // a flow that was refused is not there, and would be missed here for the wrong reason
    if report.errors() == 0 {
        let layers = layers(&hub_files, environment);
        hub::push_scopes(&hub, &flows, &mut Checker { layers: &layers, report });
    }
    Some(Project { root: root.to_owned(), hub, sources, flows, services })
}

/// The defaults, and what the project says.
fn hub_files(root: &Path, report: &mut Report) -> Vec<File> {
    let name = "config/guichet.toml";
    let defaults = parsed("the compiled-in defaults", DEFAULTS, report);
    let own = root.join(name).exists().then(|| read_text(root, name, report)).flatten();
    let own = own.and_then(|text| parsed(name, &text, report));
    defaults.into_iter().chain(own).collect()
}

fn layers<'a>(files: &'a [File], environment: &'a Environment) -> Layers<'a> {
    Layers::of(&files.iter().collect::<Vec<_>>()).and(environment)
}

fn hub_of(
    files: &[File],
    root: &Path,
    environment: &Environment,
    services: &[(String, File)],
    report: &mut Report,
) -> (Option<HubFile>, Option<Hub>) {
    let mut layers = layers(files, environment);
    let file: Option<HubFile> = layers.read(report);
    let mut to = Checker { layers: &layers, report };
    let hub = file.as_ref().and_then(|file| hub::check(file, &Secrets { root, environment }, &mut to));
    if let Some(hub) = &hub {
        let codes: Vec<&str> = services.iter().map(|(code, _)| code.as_str()).collect();
        hub::scopes(hub, &codes, &mut to);
    }
    (file, hub)
}

fn services(
    files: Vec<(String, File)>,
    languages: &[String],
    carriers: &Carriers<'_>,
    report: &mut Report,
) -> BTreeMap<String, Service> {
    let mut services = BTreeMap::new();
    for (code, file) in files {
        let mut layers = Layers::of(&[&file]);
        let Some(written) = layers.read::<ServiceFile>(report) else { continue };
        let mut to = Checker { layers: &layers, report };
        services.extend(service::check(&code, written, languages, carriers, &mut to).map(|service| (code, service)));
    }
    services
}

fn sources(world: &World<'_>, report: &mut Report) -> (BTreeMap<String, SourceConfig>, Vec<FlowConfig>) {
    let (mut sources, mut flows, mut used) = (BTreeMap::new(), Vec::new(), Vec::new());
    let mut claimed = BTreeMap::new();
    for (name, file) in files(world.secrets.root, "config/sources", report) {
        let mut layers = Layers::of(&[&file]);
        let Some(written) = layers.read::<SourceFile>(report) else { continue };
        used.extend(written.flows.values().filter_map(|flow| flow.mapping.clone()));
        let mut to = Checker { layers: &layers, report };
        let (source, its_flows) = source::check(&name, &written, world, &mut to);
        its_flows.iter().for_each(|flow| claims(flow, &mut claimed, &mut to));
        sources.extend(source.map(|source| (name, source)));
        flows.extend(its_flows);
    }
    world.mappings.unused(&used, report);
    (sources, flows)
}

/// Two flows that want the same folder or queue would take each other's records.
fn claims(flow: &FlowConfig, claimed: &mut BTreeMap<Claim, FlowName>, to: &mut Checker<'_>) {
    for claim in flow.plan.claims() {
        let message = format!("takes `{}`", claim.0);
        if let Some(first) = claimed.insert(claim, flow.name.clone()) {
            let message = format!("the flow `{}` {message}, and so does `{first}`", flow.name);
            let hint = "give each flow its own folder, pattern or queue";
            to.error(&["flows", &flow.name.flow, "settings"], codes::CLAIMED, message, hint);
        }
    }
}

/// The TOML files of a folder by their names, those that are TOML.
fn files(root: &Path, folder: &str, report: &mut Report) -> Vec<(String, File)> {
    let entries = match fs::read_dir(root.join(folder)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Vec::new(),
        Err(error) => {
            report.push(unreadable(folder, &error));
            return Vec::new();
        }
    };
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<_> = names.filter_map(|name| name.strip_suffix(".toml").map(str::to_owned)).collect();
    names.sort();
    let file = |name: String| {
        let path = format!("{folder}/{name}.toml");
        let text = read_text(root, &path, report)?;
        Some((name, parsed(&path, &text, report)?))
    };
    names.into_iter().filter_map(file).collect()
}

fn parsed(name: &str, text: &str, report: &mut Report) -> Option<File> {
    File::parse(name, text).map_err(|issues| report.extend(issues)).ok()
}
