//! Records in: messages in the order of the queue, acknowledged after their commit, on the channel that brought them and
//! on no other. Cancel-safe: what arrived is held here, and connecting goes on beside.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use guichet_sdk::format::Cut;
use guichet_sdk::{Ack, Batch, Cursor, Fault, FaultKind, Issue, Limit, Place, Source};
use tokio_util::task::AbortOnDropHandle;

use crate::client::Link;
use crate::codes;
use crate::config::Intake;
use crate::receipt::{Settled, Slip};
use crate::station::{Consuming, Furniture, Station};
use crate::supervisor::Supervisor;
use crate::wire;

/// With everything handed over that the broker hands over unacknowledged, so long is waited for more.
const PATIENCE: Duration = Duration::from_secs(5);

/// A queue as records.
pub struct Messages {
    intake: Arc<Intake>,
    supervisor: Arc<Supervisor>,
    stand: Stand,
    /// What is to be told of since the last batch.
    notices: Vec<Issue>,
    /// A fault met where none can be given.
    pending: Option<Fault>,
    /// Records given; numbers them.
    given: u64,
}

enum Stand {
    Down,
    Raising(AbortOnDropHandle<Result<(Link, Furniture), Fault>>),
    Up(Box<Station>),
}

impl Messages {
    /// A source that consumes on this link.
    pub fn new(intake: Arc<Intake>, supervisor: Arc<Supervisor>, (link, furniture): (Link, Furniture)) -> Self {
        let stand = Stand::Up(Box::new(Station::new(link, furniture, intake.clone())));
        Messages { intake, supervisor, stand, notices: Vec::new(), pending: None, given: 0 }
    }

    /// The station, raised again where it was lost.
    async fn up(&mut self) -> Result<&mut Station, Fault> {
        if let Some(fault) = self.pending.take() {
            return Err(fault);
        }
        if let Stand::Down = self.stand {
            let (consuming, supervisor) = (Consuming(self.intake.clone()), self.supervisor.clone());
            let raising = tokio::spawn(async move { supervisor.again(&consuming).await });
            self.stand = Stand::Raising(AbortOnDropHandle::new(raising));
        }
        if let Stand::Raising(raising) = &mut self.stand {
            let raised = raising.await;
            self.stand = Stand::Down;
            let (link, furniture) = raised.map_err(|error| {
                Fault::new(FaultKind::Environment, codes::CLIENT, format!("connecting was stopped: {error}"))
            })??;
            tracing::info!(
                queue = &*self.intake.queue,
                broker = self.supervisor.line().peer().shown(),
                "connected again"
            );
            self.stand = Stand::Up(Box::new(Station::new(link, furniture, self.intake.clone())));
        }
        match &mut self.stand {
            Stand::Up(station) => Ok(station),
            Stand::Down | Stand::Raising(_) => Err(crate::judge::lost("it does not stand")),
        }
    }

    /// The station is lost with all that came on it and is not acknowledged: the broker delivers that again.
    fn lost(&mut self, fault: Fault) -> Result<(), Fault> {
        if let Stand::Up(station) = std::mem::replace(&mut self.stand, Stand::Down)
            && station.since.elapsed() > self.supervisor.line().peer().reconnect.longest.0
        {
            self.supervisor.well();
        }
        if self.supervisor.failed() {
            return Err(fault);
        }
        let mut notice = *fault.issue;
        notice.severity = guichet_sdk::Severity::Warning;
        self.notice(notice);
        Ok(())
    }

    fn notice(&mut self, mut notice: Issue) {
        if notice.place == Place::default() {
            notice.place = Place::file(&*self.intake.queue);
        }
        self.notices.push(notice);
    }

    /// One attempt at a batch; `None`: ask again.
    async fn batch(&mut self, limit: Limit) -> Result<Option<Batch>, Fault> {
        // half of what the broker hands over, so that a batch can be read while the one before commits
        let most = limit.records.clamp(1, usize::from(self.intake.prefetch).div_ceil(2));
        let prefetch = u64::from(self.intake.prefetch);
        let station = self.up().await?;
        if station.collect()? > 0 {
            return Ok(Some(self.give(most, limit.bytes)));
        }
        if station.book.outstanding() >= prefetch {
            // nothing comes before something is acknowledged
            let waited = tokio::time::timeout(PATIENCE, station.arrival()).await;
            return waited.map_or(Ok(Some(Batch::default())), |arrived| arrived.map(|()| None));
        }
        let drained = station.drained().await?;
        match (station.collect()?, drained) {
            (0, true) => Ok(Some(Batch { caught_up: true, ..Batch::default() })),
            // something is in the queue, and on its way; or on its way to another consumer
            (0, false) => match tokio::time::timeout(PATIENCE, station.arrival()).await {
                Ok(arrived) => arrived.map(|()| None),
                Err(_) => Ok(Some(Batch { caught_up: true, ..Batch::default() })),
            },
            (_, _) => Ok(Some(self.give(most, limit.bytes))),
        }
    }
}

impl Messages {
    /// A batch of what is held: whole messages, at most so many records and bytes. A last message may exceed both by its
    /// own.
    fn give(&mut self, records: usize, bytes: usize) -> Batch {
        let mut batch = Batch::default();
        let (mut size, mut last, mut again) = (0, None, 0);
        let Stand::Up(station) = &mut self.stand else { return batch };
        while batch.records.len() + batch.broken.len() < records && (last.is_none() || size < bytes) {
            let Some(taken) = station.take() else { break };
            (last, size) = (Some(taken.tag), size + taken.message.body.len());
            again += u64::from(taken.redelivered);
            for mut cut in wire::records(&taken.message, &self.intake.queue, &self.intake.bodies) {
                self.given += 1;
                let (Cut::Record(record) | Cut::Broken(record, _)) = &mut cut;
                record.origin.position = self.given;
                match cut {
                    Cut::Record(record) => batch.records.push(record),
                    Cut::Broken(record, issue) => batch.broken.push((record, issue)),
                }
            }
        }
        batch.receipt = last.map(|last| station.book.give(last));
        batch.redelivered = again;
        if again > 0 {
            self.notice(Issue::warning(codes::REDELIVERED, format!("{again} messages were delivered before")));
        }
        batch.notices = std::mem::take(&mut self.notices);
        batch
    }
}

#[async_trait]
impl Source for Messages {
    /// A queue has no cursor: what is not acknowledged comes again.
    async fn next(&mut self, _: Option<&Cursor>, limit: Limit) -> Result<Batch, Fault> {
        loop {
            match self.batch(limit).await {
                Ok(Some(batch)) => return Ok(batch),
                Ok(None) => {}
                // raising gave up, and says why
                Err(fault) if matches!(self.stand, Stand::Down) => return Err(fault),
                Err(fault) => self.lost(fault)?,
            }
        }
    }

    /// What cannot be told any more is delivered again, and recognised: no reason to stop.
    async fn acknowledge(&mut self, ack: Ack) -> Result<(), Fault> {
        let Some(slip) = Slip::read(&ack.receipt) else {
            let message = "the receipt was not written by this connector";
            return Err(Fault::new(FaultKind::Protocol, codes::RECEIPT, message));
        };
        let Stand::Up(station) = &mut self.stand else { return Ok(()) };
        match station.book.settle(slip) {
            Settled::Tell(up_to) => match station.tell(up_to).await {
                Ok(()) => self.supervisor.well(),
                Err(fault) => {
                    if let Err(fault) = self.lost(fault) {
                        self.pending = Some(fault);
                    }
                }
            },
            Settled::TooLate | Settled::Nothing => {}
        }
        Ok(())
    }

    async fn woken(&mut self) {
        let arrived = match self.up().await {
            Ok(station) => station.arrival().await,
            // the next look tells it
            Err(fault) => {
                self.pending = Some(fault);
                return;
            }
        };
        if let Err(fault) = arrived
            && let Err(fault) = self.lost(fault)
        {
            self.pending = Some(fault);
        }
    }
}
