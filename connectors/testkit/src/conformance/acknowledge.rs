//! Checks: nothing is acknowledged before its commit, and everything after it, however often it is said.

use super::{Check, Harness, Need, ROOMY, Verdict, at_most, ensure, seen, source, unexpected};
use crate::Hub;

pub(crate) const CHECKS: &[Check] = &[
    Check {
        name: "acknowledges nothing on its own",
        needs: &[Need::Pull, Need::Forgets],
        run: |harness| Box::pin(nothing_early(harness)),
    },
    Check {
        name: "acknowledges what is committed",
        needs: &[Need::Pull, Need::Forgets],
        run: |harness| Box::pin(committed(harness)),
    },
    Check { name: "acknowledging twice is harmless", needs: &[Need::Pull], run: |harness| Box::pin(twice(harness)) },
    Check {
        name: "acknowledging late, after later batches, is harmless",
        needs: &[Need::Pull],
        run: |harness| Box::pin(late(harness)),
    },
    Check {
        name: "a kill between commit and acknowledgement loses and doubles nothing",
        needs: &[Need::Pull, Need::Replays],
        run: |harness| Box::pin(killed(harness)),
    },
    Check {
        name: "a delivery whose records are all quarantined is acknowledged too",
        needs: &[Need::Pull],
        run: |harness| Box::pin(quarantined(harness)),
    },
    Check {
        name: "a delivery made twice is not read twice",
        needs: &[Need::Pull, Need::Recognises],
        run: |harness| Box::pin(redelivered(harness)),
    },
];

async fn nothing_early(harness: &mut dyn Harness) -> Verdict {
    harness.offer(0..10).await;
    let mut hub = Hub::default();
    let mut source = source(&hub, harness).await?;
    loop {
        let batch = source.next(hub.cursor.as_ref(), at_most(4)).await.map_err(unexpected)?;
        let caught_up = batch.caught_up;
        hub.commit(batch);
        if caught_up {
            break;
        }
    }
    drop(source);
    ensure(harness.held().await == 1, || "the peer lost a delivery that nobody acknowledged".to_owned())
}

async fn committed(harness: &mut dyn Harness) -> Verdict {
    harness.offer(0..10).await;
    let mut hub = Hub::default();
    let mut source = source(&hub, harness).await?;
    hub.drain(&mut *source, at_most(4)).await?;
    ensure(harness.held().await == 0, || "the peer still holds what was committed and acknowledged".to_owned())
}

async fn twice(harness: &mut dyn Harness) -> Verdict {
    harness.offer(0..10).await;
    let mut hub = Hub::default();
    let mut source = source(&hub, harness).await?;
    let mut acks = Vec::new();
    loop {
        let batch = source.next(hub.cursor.as_ref(), at_most(4)).await.map_err(unexpected)?;
        let caught_up = batch.caught_up;
        if let Some(ack) = hub.commit(batch) {
            source.acknowledge(ack.clone()).await.map_err(unexpected)?;
            source.acknowledge(ack.clone()).await.map_err(unexpected)?;
            acks.push(ack);
        }
        if caught_up {
            break;
        }
    }
    harness.offer(10..20).await;
    for ack in acks {
        source.acknowledge(ack).await.map_err(unexpected)?;
    }
    let there = harness.powers().never_forgets || harness.held().await == 1;
    ensure(there, || "an old acknowledgement took a new delivery".to_owned())?;
    hub.drain(&mut *source, at_most(4)).await?;
    seen::exactly(&hub.records, 20)
}

async fn late(harness: &mut dyn Harness) -> Verdict {
    harness.offer(0..10).await;
    let mut hub = Hub::default();
    let mut source = source(&hub, harness).await?;
    let mut acks = Vec::new();
    loop {
        let batch = source.next(hub.cursor.as_ref(), at_most(4)).await.map_err(unexpected)?;
        let caught_up = batch.caught_up;
        acks.extend(hub.commit(batch));
        if caught_up {
            break;
        }
    }
    for ack in acks {
        source.acknowledge(ack).await.map_err(unexpected)?;
    }
    seen::exactly(&hub.records, 10)?;
    ensure(harness.held().await == 0, || "the peer still holds what was committed and acknowledged".to_owned())
}

async fn killed(harness: &mut dyn Harness) -> Verdict {
    harness.offer(0..10).await;
    let mut hub = Hub::default();
    let mut lost = source(&hub, harness).await?;
    while hub.records.len() < 10 {
        let batch = lost.next(hub.cursor.as_ref(), ROOMY).await.map_err(unexpected)?;
        hub.commit(batch);
    }
    drop(lost);
    let mut source = source(&hub, harness).await?;
    hub.drain(&mut *source, ROOMY).await?;
    seen::exactly(&hub.records, 10)?;
    ensure(harness.held().await == 0, || "the restart does not make good what the kill left undone".to_owned())
}

async fn quarantined(harness: &mut dyn Harness) -> Verdict {
    harness.offer(0..10).await;
    let mut hub = Hub { quarantines: true, ..Hub::default() };
    let mut source = source(&hub, harness).await?;
    hub.drain(&mut *source, at_most(4)).await?;
    seen::exactly(&hub.records, 10)?;
    ensure(harness.held().await == 0, || {
        "quarantined records are kept here: the peer must not hold them any more".to_owned()
    })
}

async fn redelivered(harness: &mut dyn Harness) -> Verdict {
    let mut hub = Hub::default();
    let mut source = source(&hub, harness).await?;
    for _ in 0..2 {
        harness.offer(0..10).await;
        hub.drain(&mut *source, at_most(4)).await?;
    }
    seen::exactly(&hub.records, 10)?;
    ensure(!hub.notices.is_empty(), || "nobody is told of a delivery made twice".to_owned())?;
    ensure(harness.held().await == 0, || "the second delivery is still held".to_owned())
}
