//! Checks: records arrive, whole, in order, within the limits of a batch.

use std::time::Duration;

use super::{Check, Harness, Need, ROOMY, Verdict, at_most, ensure, seen, source, unexpected};
use crate::Hub;

pub(crate) const CHECKS: &[Check] = &[
    Check { name: "opens, answers the probe and closes", needs: &[], run: |harness| Box::pin(opens(harness)) },
    Check { name: "claims what it needs for itself", needs: &[], run: |harness| Box::pin(claims(harness)) },
    Check { name: "an empty peer is caught up", needs: &[Need::Pull], run: |harness| Box::pin(empty(harness)) },
    Check { name: "every record once and in order", needs: &[Need::Pull], run: |harness| Box::pin(in_order(harness)) },
    Check { name: "several deliveries in a row", needs: &[Need::Pull], run: |harness| Box::pin(deliveries(harness)) },
    Check {
        name: "batches hold the limit of records",
        needs: &[Need::Pull],
        run: |harness| Box::pin(record_limit(harness)),
    },
    Check {
        name: "batches hold the limit of bytes",
        needs: &[Need::Pull],
        run: |harness| Box::pin(byte_limit(harness)),
    },
    Check {
        name: "records tell where they came from",
        needs: &[Need::Pull],
        run: |harness| Box::pin(origins(harness)),
    },
    Check {
        name: "progress never exceeds its total",
        needs: &[Need::Pull],
        run: |harness| Box::pin(progress(harness)),
    },
    Check {
        name: "wakes when something arrives",
        needs: &[Need::Pull, Need::Wakes],
        run: |harness| Box::pin(wakes(harness)),
    },
];

/// A wait that only a source that never wakes reaches.
const LONG: Duration = Duration::from_secs(60);

async fn opens(harness: &mut dyn Harness) -> Verdict {
    harness.offer(0..3).await;
    for _ in 0..3 {
        let connection = Hub::default().open(&*harness.plan()).await.map_err(unexpected)?;
        let facts = connection.probe.probe().await.map_err(unexpected)?;
        ensure(!facts.trim().is_empty() && !facts.contains('\n'), || {
            format!("the probe answers not one line: {facts:?}")
        })?;
    }
    let untouched = harness.powers().never_forgets || harness.held().await == 1;
    ensure(untouched, || "opening and probing took something from the peer".to_owned())
}

async fn claims(harness: &mut dyn Harness) -> Verdict {
    let claims = harness.plan().claims();
    ensure(!claims.is_empty(), || "two flows on the same peer would not be noticed: no claim".to_owned())?;
    ensure(claims == harness.plan().claims(), || "the same settings claim something else each time".to_owned())
}

async fn empty(harness: &mut dyn Harness) -> Verdict {
    let mut hub = Hub::default();
    let mut source = source(&hub, harness).await?;
    let caught_up = hub.step(&mut *source, ROOMY).await.map_err(unexpected)?;
    ensure(caught_up, || "not caught up with nothing to read".to_owned())?;
    ensure(hub.records.is_empty() && hub.broken.is_empty(), || "records out of nothing".to_owned())
}

async fn in_order(harness: &mut dyn Harness) -> Verdict {
    harness.offer(0..50).await;
    let mut hub = Hub::default();
    let mut source = source(&hub, harness).await?;
    hub.drain(&mut *source, ROOMY).await?;
    seen::exactly(&hub.records, 50)
}

async fn deliveries(harness: &mut dyn Harness) -> Verdict {
    let mut hub = Hub::default();
    let mut source = source(&hub, harness).await?;
    for first in [0, 10, 20] {
        harness.offer(first..first + 10).await;
        hub.drain(&mut *source, at_most(7)).await?;
    }
    seen::exactly(&hub.records, 30)?;
    ensure(harness.held().await == 0, || "the peer still holds what was committed".to_owned())
}

async fn record_limit(harness: &mut dyn Harness) -> Verdict {
    harness.offer(0..50).await;
    for most in [1, 7, 50] {
        let mut hub = Hub::default();
        let mut source = source(&hub, harness).await?;
        let batch = source.next(None, at_most(most)).await.map_err(unexpected)?;
        let (held, caught_up) = (batch.records.len() + batch.broken.len(), batch.caught_up);
        ensure(held <= most, || format!("{held} records in a batch of at most {most}"))?;
        ensure(held > 0, || "an empty batch although there are records".to_owned())?;
        hub.commit(batch);
        ensure(!caught_up || hub.records.len() == 50, || "caught up with records left".to_owned())?;
    }
    Ok(())
}

async fn byte_limit(harness: &mut dyn Harness) -> Verdict {
    harness.offer(0..50).await;
    let mut hub = Hub::default();
    let mut source = source(&hub, harness).await?;
    let limit = guichet_sdk::Limit { records: 50, bytes: 100 };
    let batch = source.next(None, limit).await.map_err(unexpected)?;
    let bytes: usize = batch.records.iter().map(|record| record.bytes.len()).sum();
    let last = batch.records.last().map_or(0, |record| record.bytes.len());
    ensure(bytes < 100 + last.max(1), || format!("{bytes} bytes in a batch of at most 100 and one record"))?;
    hub.commit(batch);
    hub.drain(&mut *source, limit).await?;
    seen::exactly(&hub.records, 50)
}

async fn origins(harness: &mut dyn Harness) -> Verdict {
    harness.offer(0..10).await;
    let mut hub = Hub::default();
    let mut source = source(&hub, harness).await?;
    hub.drain(&mut *source, at_most(3)).await?;
    ensure(hub.records.iter().all(|record| !record.origin.name.is_empty()), || {
        "a record without the name of its origin".to_owned()
    })?;
    let positions: Vec<_> = hub.records.iter().map(|record| record.origin.position).collect();
    ensure(positions.windows(2).all(|pair| pair[0] < pair[1]), || {
        format!("positions of one delivery do not rise: {positions:?}")
    })
}

async fn progress(harness: &mut dyn Harness) -> Verdict {
    harness.offer(0..50).await;
    let mut hub = Hub::default();
    let mut source = source(&hub, harness).await?;
    let mut before = 0;
    while hub.records.len() < 50 {
        let batch = source.next(hub.cursor.as_ref(), at_most(9)).await.map_err(unexpected)?;
        if let Some(progress) = &batch.progress {
            ensure(progress.total.is_none_or(|total| progress.done <= total), || {
                format!("{progress:?} exceeds its total")
            })?;
            ensure(progress.done >= before, || format!("{progress:?} goes back from {before}"))?;
            before = progress.done;
        }
        hub.commit(batch);
    }
    Ok(())
}

async fn wakes(harness: &mut dyn Harness) -> Verdict {
    let mut hub = Hub::default();
    let mut source = source(&hub, harness).await?;
    hub.drain(&mut *source, ROOMY).await?;
    harness.offer(0..5).await;
    tokio::time::timeout(LONG, async {
        while hub.records.len() < 5 {
            source.woken().await;
            hub.drain(&mut *source, ROOMY).await?;
        }
        Ok(())
    })
    .await
    .unwrap_or_else(|_| Err("it does not wake for records that arrived".to_owned()))
}
