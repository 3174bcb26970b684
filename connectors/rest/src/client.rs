//! Asks the peer for pages and details.

use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::stream;
use guichet_http::{Answer, Client, Expect, Room, Rules, StatusCode};
use guichet_sdk::format::{Cut, Shape};
use guichet_sdk::{Fault, Issue, Place};
use jiff::Timestamp;

use crate::codes;
use crate::config::{Details, Intake, Pages};
use crate::cursor::{At, Run, Standing, Version};
use crate::wire::{self, Item, Page};

/// The peer of a flow.
pub struct Peer {
    pub intake: Arc<Intake>,
    client: Client,
}

/// A page with what it takes to go on after it.
pub struct Loaded {
    pub run: Run,
    pub page: Page,
    /// What the list says of its version, where this is its first page.
    pub version: Option<Version>,
}

impl Peer {
    /// Reads secrets and certificates; asks nothing yet.
    pub fn open(intake: Arc<Intake>, room: Arc<Room>) -> Result<Self, Fault> {
        let expect = if matches!(intake.format.shape, Shape::Xml { .. }) { Expect::Xml } else { Expect::Json };
        let judge = Arc::new(Rules::new(intake.http.answers.clone(), expect));
        let client = Client::open(&intake.http, &intake.base_url, &intake.base, room, judge)?;
        Ok(Peer { intake, client })
    }

    /// The page where a flow stands; `None` when the list has not changed.
    pub async fn page(&self, standing: &Standing) -> Result<Option<Loaded>, Fault> {
        let asked = Timestamp::now();
        let at = standing.run.as_ref().map_or_else(|| self.first(), |run| run.at.clone());
        let mut call = wire::list_call(&self.intake, self.since(standing).as_deref(), &at)?;
        if matches!(at, At::Url(_)) {
            self.client.check_link(&call.url)?;
        }
        let known =
            standing.version.as_ref().filter(|known| standing.run.is_none() && known.of == wire::fingerprint(&call));
        if let Some(version) = known {
            wire::only_if_changed(&mut call, version);
        }
        let answer = self.client.send(call.clone()).await?;
        if answer.status == StatusCode::NOT_MODIFIED && known.is_some() {
            return Ok(None);
        }
        let run = standing.run.clone().unwrap_or_else(|| Run::new(answer.date().unwrap_or(asked), at));
        let page = wire::read_page(&self.intake, &answer, &run)?;
        let version = self.intake.conditional.then(|| wire::version(&call, &answer)).flatten();
        Ok(Some(Loaded { run, page, version }))
    }

    /// The records of these items, in their order; several are asked for at once. `None` for one that is gone.
    pub fn details<'a>(
        &'a self,
        details: &'a Details,
        items: impl Iterator<Item = &'a Item> + Send + 'a,
    ) -> impl futures_util::Stream<Item = Result<Result<Cut, Issue>, Fault>> + Send + 'a {
        stream::iter(items).map(move |item| self.detail(details, item)).buffered(details.concurrency)
    }

    async fn detail(&self, details: &Details, item: &Item) -> Result<Result<Cut, Issue>, Fault> {
        let listed = wire::bytes_of(&item.cut);
        let (Cut::Record(_), Some(id)) = (&item.cut, &item.id) else {
            return Ok(Ok(without_id(item)));
        };
        let Ok(call) = wire::detail_call(&self.intake, details, id) else { return Ok(Ok(without_id(item))) };
        let answer: Answer = self.client.send(call).await?;
        Ok(wire::read_detail(details, &answer).ok_or_else(|| {
            Issue::warning(codes::GONE, "a record of the list is gone when its detail is asked for")
                .at(Place::file(&*answer.about).at(listed.origin.line.max(1), listed.origin.column.max(1)))
                .hint("nothing to do if the peer deletes records; else check `detail.path`")
        }))
    }

    /// What the transport has to tell.
    pub fn notices(&self) -> Vec<Issue> {
        self.client.notices()
    }

    /// The value of `{since}`.
    fn since(&self, standing: &Standing) -> Option<String> {
        let changed = self.intake.since.as_ref()?;
        let known = standing.since.map(|seen| changed.counting.look_back(seen));
        known.or(changed.start).map(|moment| changed.counting.write(moment))
    }

    fn first(&self) -> At {
        match self.intake.paging {
            Pages::Number { first, .. } => At::Number(first),
            Pages::Offset { .. } => At::Offset(0),
            Pages::One | Pages::Cursor(_) | Pages::NextUrl(_) | Pages::Link => At::First,
        }
    }
}

/// A list item that leads nowhere, kept as it stands in the list.
fn without_id(item: &Item) -> Cut {
    match &item.cut {
        Cut::Broken(record, issue) => Cut::Broken(record.clone(), issue.clone()),
        Cut::Record(record) => {
            let place = Place::file(&*record.origin.name).at(record.origin.line, record.origin.column);
            let issue = Issue::error(codes::NO_ID, "the list item has no usable value at `detail.id`").at(place);
            Cut::Broken(record.clone(), issue.hint("correct `detail.id`: it is the path of the id in a list item"))
        }
    }
}
