//! The command line: one file per verb. Exit codes: 0 ok · 1 runtime · 2 configuration · 3 environment · 5 something was
//! quarantined (`run`).

mod cases;
mod changes;
mod check;
mod commands;
mod completions;
mod demo;
mod explain;
mod failure;
mod line;
mod project;
mod quarantine;
mod run;
mod schema;
mod screen;
mod serve;
mod subscriptions;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use guichet_sdk::{Code, Issue};

use failure::Failure;
use screen::Screen;

/// One window onto every back office of a public body.
#[derive(Debug, Parser)]
#[command(name = "guichet", version, max_term_width = 100, disable_help_subcommand = true, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
    /// Answer in JSON, for programs
    #[arg(long, global = true)]
    json: bool,
}

const EXIT_CODES: &str =
    "Exit codes: 0 ok, 1 runtime, 2 configuration, 3 environment, 5 something was quarantined (run)";

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run the hub: flows, API and metrics, until interrupted
    Serve(serve::Serve),
    /// Run the sample city: five departments with old systems, the hub answers
    Demo(demo::Demo),
    /// Check the configuration and the mappings; every problem at once
    Check(check::Check),
    /// Run the golden samples and tests beside the mappings
    Test(test::Test),
    /// Run one flow once, until it has caught up
    Run(run::Run),
    /// List cases
    Cases(cases::Cases),
    /// See, retry or dismiss what is held back
    #[command(subcommand)]
    Quarantine(quarantine::Quarantine),
    /// See, settle or send again what was asked of back offices
    #[command(subcommand)]
    Commands(commands::Commands),
    /// Show the change feed
    Changes(changes::Changes),
    /// See, test or replay what is told to subscriptions
    #[command(subcommand)]
    Subscriptions(subscriptions::Subscriptions),
    /// Print the page of an error code, or why a case has its status
    Explain(explain::Explain),
    /// Print the JSON Schema of a configuration file, for editors
    Schema(schema::Schema),
    /// Print shell completions
    Completions(completions::Completions),
}

/// Runs the command of this process.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let wrong = error.use_stderr();
            let _ = error.print();
            return ExitCode::from(if wrong { 2 } else { 0 });
        }
    };
    // The TLS provider of every client this process makes.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let screen = Screen { json: cli.json };
    match run(cli.verb, screen) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.tell(screen),
    }
}

fn run(verb: Verb, screen: Screen) -> Result<(), Failure> {
    match verb {
        Verb::Serve(serve) => block_on(serve.run(screen)),
        Verb::Demo(demo) => block_on(demo.run(screen)),
        Verb::Check(check) => check.run(screen),
        Verb::Test(test) => test.run(screen),
        Verb::Run(run) => block_on(run.run(screen)),
        Verb::Cases(cases) => block_on(cases.run(screen)),
        Verb::Quarantine(quarantine) => block_on(quarantine.run(screen)),
        Verb::Commands(commands) => block_on(commands.run(screen)),
        Verb::Changes(changes) => block_on(changes.run(screen)),
        Verb::Subscriptions(subscriptions) => block_on(subscriptions.run(screen)),
        Verb::Explain(explain) => block_on(explain.run(screen)),
        Verb::Schema(schema) => schema.run(screen),
        Verb::Completions(completions) => completions.run(),
    }
}

fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let failed = |error: std::io::Error| {
        Failure::Environment(Issue::error(
            Code("E255"),
            format!("the threads of the hub could not be started: {error}"),
        ))
    };
    runtime.map_err(failed)?.block_on(work)
}
