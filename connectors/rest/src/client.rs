//! Asks the peer for pages and details.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::StreamExt as _;
use futures_util::stream;
use guichet_http::list::{Asks, At, BoxStream, Changed, Item, Loaded, Run, Standing, gone, only, without_id};
use guichet_http::{Client, Expect, Room, Rules, StatusCode};
use guichet_sdk::format::{Cut, Shape};
use guichet_sdk::{Fault, Issue};
use jiff::Timestamp;

use crate::config::{Details, Intake};
use crate::wire;

/// The peer of a flow.
pub struct Peer {
    pub intake: Arc<Intake>,
    client: Client,
}

impl Peer {
    /// Reads secrets and certificates; asks nothing yet.
    pub fn open(intake: Arc<Intake>, room: Arc<Room>) -> Result<Self, Fault> {
        let expect = if matches!(intake.format.shape, Shape::Xml { .. }) { Expect::Xml } else { Expect::Json };
        let judge = Arc::new(Rules::new(intake.http.answers.clone(), expect));
        let client = Client::open(&intake.http, &intake.base_url, &intake.base, room, judge)?;
        Ok(Peer { intake, client })
    }

    async fn detail(&self, details: &Details, item: &Item) -> Result<Result<Cut, Issue>, Fault> {
        let (Cut::Record(_), Some(id)) = (&item.cut, &item.id) else {
            return Ok(Ok(without_id(item)));
        };
        let Ok(call) = wire::detail_call(&self.intake, details, id) else { return Ok(Ok(without_id(item))) };
        let answer = self.client.send(call).await?;
        Ok(match answer.empty {
            true => Err(gone(item, &answer.about)),
            false => Ok(only(&details.format, &answer.about, &answer.body)),
        })
    }
}

#[async_trait]
impl Asks for Peer {
    fn since(&self) -> Option<&Changed> {
        self.intake.since.as_ref()
    }

    async fn page(&self, standing: &Standing) -> Result<Option<Loaded>, Fault> {
        let asked = Timestamp::now();
        let at = standing.run.as_ref().map_or_else(|| self.intake.paging.first(), |run| run.at.clone());
        let since = self.intake.since.as_ref().and_then(|since| since.value(standing));
        let mut call = wire::list_call(&self.intake, since.as_deref(), &at)?;
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

    fn details<'a>(&'a self, items: Vec<&'a Item>) -> Option<BoxStream<'a, Result<Result<Cut, Issue>, Fault>>> {
        let details = self.intake.detail.as_ref()?;
        let asked = stream::iter(items).map(move |item| self.detail(details, item));
        Some(asked.buffered(details.concurrency).boxed())
    }

    fn notices(&self) -> Vec<Issue> {
        self.client.notices()
    }
}
