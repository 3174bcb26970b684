//! `guichet demo`: the sample city. Unpacks its project, starts the hub as `serve` does, and lets simulated departments
//! drop files, answer requests and publish until the visitor leaves.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use guichet_sdk::settings::Period;
use guichet_sdk::{Code, Issue};
use serde_json::json;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::failure::Failure;
use super::screen::Screen;
use crate::app::{self, AppFault, Hub, interrupted};
use crate::demo::departments::Departments;
use crate::demo::journal::Applications;
use crate::demo::office::Office;
use crate::demo::post::{Address, Outbox, Post};
use crate::demo::visit::{Visit, VisitFault, civil_now, sum};
use crate::demo::{city, welcome};
use crate::flow::Board;
use crate::store::Store;

/// Run the sample city: five departments with old systems, the hub answers
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  guichet demo
  guichet demo --listen 127.0.0.1:9000 --data /tmp/city      keeps the city; the same command goes on with it
  guichet demo --once                                        reads the history, checks the counts, ends
  guichet demo --amqp amqp://guest:guest@localhost           social aid publishes to RabbitMQ instead of dropping files

Ctrl-C ends it; without `--data` nothing is left behind.")]
pub struct Demo {
    /// Address to listen on
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Keep the city in this folder, and go on with it the next time, instead of a temporary one
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// End once the history is read and its counts balance
    #[arg(long, conflicts_with = "during")]
    once: bool,
    /// End after so much city life, once its counts balance: `20s`
    #[arg(long = "for", value_name = "DURATION", value_parser = period)]
    during: Option<Period>,
    /// Let social aid publish to a queue of its own at this broker: `amqp://USER:PASSWORD@HOST:PORT/VHOST`. The queue
    /// goes when the visit ends
    #[arg(long, value_name = "URL", conflicts_with = "data")]
    amqp: Option<Address>,
}

fn period(text: &str) -> Result<Period, String> {
    Period::parse(text).ok_or_else(|| "write a number with its unit, as `20s`".to_owned())
}

impl Demo {
    pub async fn run(self, screen: Screen) -> Result<(), Failure> {
        let place = Place::of(self.data.as_deref()).map_err(|error| no_place(&error))?;
        city::unpack(place.path()).map_err(|error| no_place(&error))?;
        let Some(address) = &self.amqp else { return self.city(place.path(), None, screen).await };
        let post = Post::open(address).await.map_err(|error| no_broker(address, &error))?;
        let connected = city::publish(place.path(), address, &post.queue).map_err(|error| no_place(&error));
        let ended = match connected {
            Ok(()) => self.city(place.path(), Some(&post), screen).await,
            Err(failure) => Err(failure),
        };
        post.close().await;
        ended
    }

    /// The hub and its visitor, from the opening to the end.
    async fn city(&self, root: &Path, post: Option<&Post>, screen: Screen) -> Result<(), Failure> {
        let aid = post.map(|_| Outbox::default());
        let applications = Arc::new(Applications { aid, ..Applications::default() });
        let departments = Departments::open(root, applications.clone(), civil_now());
        let departments = departments.map_err(|error| no_place(&error))?;
        let office = Office::open(applications.clone()).await;
        let office = office.map_err(|error| AppFault::Listen("127.0.0.1:0".to_owned(), error))?;
        city::connect(root, office.address).map_err(|error| no_place(&error))?;
        let (project, report) = app::check(root);
        let mut project = project.ok_or(Failure::Project(report))?;
        project.hub.server.listen = self.listen;
        let hub = Hub::open(project, None)?;
        let (store, board) = (hub.store.clone(), hub.board.clone());
        let (tell, told) = oneshot::channel();
        let leave = CancellationToken::new();
        let serving = hub.serve(leave.cancelled(), |address| {
            // The visit may have ended before it began; then nobody wants to know.
            let _ = tell.send(address);
        });
        let visiting = async {
            // No address: the hub did not start, and says why itself.
            let visited = match told.await {
                Ok(address) => tokio::select! {
                    visited = self.visit(address, departments, store, board, screen) => visited,
                    failure = self.publishing(post, &applications, screen) => Err(failure),
                },
                Err(_) => Ok(()),
            };
            leave.cancel();
            visited
        };
        let (served, visited) = tokio::join!(serving, visiting);
        served?;
        visited
    }

    /// Social aid publishes what it puts down; ends only when the broker fails.
    async fn publishing(&self, post: Option<&Post>, applications: &Applications, screen: Screen) -> Failure {
        let (Some(address), Some(post), Some(outbox)) = (&self.amqp, post, &applications.aid) else {
            return std::future::pending().await;
        };
        if !screen.json {
            screen.out(&format!("  social aid publishes to the queue `{}` at {address}", post.queue));
        }
        match post.publish(outbox).await {
            Err(error) => no_broker(address, &error),
        }
    }

    /// The visit itself, until its end or until the visitor leaves.
    async fn visit(
        &self,
        address: SocketAddr,
        departments: Departments,
        store: Arc<dyn Store>,
        board: Arc<Board>,
        screen: Screen,
    ) -> Result<(), Failure> {
        let mut say = move |line: &str| {
            if !screen.json {
                screen.out(line);
            }
        };
        say("");
        say("  Ville-Exemple, an invented city: five departments, five old systems, one hub");
        say(&format!("  the hub answers on http://{address}, and reads years of history meanwhile"));
        let mut visit = Visit { store: store.clone(), board: board.clone(), departments, say: &mut say };
        let whole = async {
            visit.history().await?;
            if !self.once {
                let sights = welcome::Sights::find(&*store).await?;
                welcome::greeting(address, &sights).iter().for_each(|line| (visit.say)(line));
                visit.live(self.during.map(|period| period.0)).await?;
                visit.caught_up().await?;
            }
            visit.balance()
        };
        tokio::select! {
            ended = whole => ended.map_err(Failure::from)?,
            () = interrupted() => say_goodbye(self.data.as_deref(), screen),
        }
        if screen.json {
            screen.value(&json!({ "address": address.to_string(), "counts": sum(&board.all()) }));
        }
        Ok(())
    }
}

fn say_goodbye(data: Option<&Path>, screen: Screen) {
    if screen.json {
        return;
    }
    screen.out("");
    match data {
        Some(folder) => {
            screen.out(&format!("  the city waits in `{}`: the same command goes on with it", folder.display()))
        }
        None => screen.out("  the city is gone, nothing is left behind"),
    }
}

/// Where the city is kept.
enum Place {
    /// As long as the visit lasts.
    Temporary(tempfile::TempDir),
    /// Where the visitor says.
    Kept(PathBuf),
}

impl Place {
    fn of(data: Option<&Path>) -> std::io::Result<Self> {
        match data {
            Some(folder) => std::fs::create_dir_all(folder).map(|()| Place::Kept(folder.to_owned())),
            None => tempfile::Builder::new().prefix("guichet-demo-").tempdir().map(Place::Temporary),
        }
    }

    fn path(&self) -> &Path {
        match self {
            Place::Temporary(folder) => folder.path(),
            Place::Kept(folder) => folder,
        }
    }
}

fn no_place(error: &std::io::Error) -> Failure {
    let issue = Issue::error(Code("E270"), format!("the sample city cannot be kept there: {error}"));
    Failure::Environment(issue.hint("choose a folder where this user may write with `--data DIR`"))
}

fn no_broker(address: &Address, error: &lapin::Error) -> Failure {
    let message = format!("social aid cannot publish to the broker at {address}: {error}");
    let issue = Issue::error(Code("E387"), message);
    Failure::Environment(issue.hint("check that RabbitMQ runs there and takes this account, or leave `--amqp` out"))
}

impl From<VisitFault> for Failure {
    fn from(fault: VisitFault) -> Self {
        match fault {
            VisitFault::Departments(error) => no_place(&error),
            VisitFault::Store(fault) => fault.into(),
            VisitFault::Missing { .. } | VisitFault::Unbalanced(_) => {
                Failure::Runtime(Issue::error(Code("E271"), fault.to_string()))
            }
        }
    }
}
