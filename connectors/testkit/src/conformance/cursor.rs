//! Checks: cursors lead back to exactly where they say, whatever is killed, dropped or not committed.

use futures_util::FutureExt as _;

use super::{Check, Harness, Need, ROOMY, Verdict, at_most, ensure, seen, source, unexpected};
use crate::Hub;

pub(crate) const CHECKS: &[Check] = &[
    Check {
        name: "resumes at the committed cursor after a kill at any batch",
        needs: &[Need::Pull, Need::Replays],
        run: |harness| Box::pin(resumes(harness)),
    },
    Check {
        name: "gives an uncommitted batch again after a reopen",
        needs: &[Need::Pull],
        run: |harness| Box::pin(uncommitted(harness)),
    },
    Check {
        name: "rewinds to an older cursor without a reopen",
        needs: &[Need::Pull, Need::Replays],
        run: |harness| Box::pin(rewinds(harness)),
    },
    Check {
        name: "a cursor that is not its own is survived",
        needs: &[Need::Pull],
        run: |harness| Box::pin(foreign(harness)),
    },
    Check {
        name: "a cancelled `next` loses nothing",
        needs: &[Need::Pull],
        run: |harness| Box::pin(cancelled(harness)),
    },
    Check {
        name: "a cancelled `woken` loses nothing",
        needs: &[Need::Pull, Need::Wakes],
        run: |harness| Box::pin(cancelled_woken(harness)),
    },
];

async fn resumes(harness: &mut dyn Harness) -> Verdict {
    for most in [1, 4, 30] {
        harness.reset().await;
        harness.offer(0..20).await;
        harness.offer(20..30).await;
        let mut hub = Hub::default();
        // a kill after every single batch, before its acknowledgement
        for _ in 0..200 {
            let mut source = source(&hub, harness).await?;
            let batch = source.next(hub.cursor.as_ref(), at_most(most)).await.map_err(unexpected)?;
            let caught_up = batch.caught_up;
            hub.commit(batch);
            if caught_up {
                break;
            }
        }
        seen::exactly(&hub.records, 30).map_err(|reason| format!("in batches of {most}: {reason}"))?;
    }
    Ok(())
}

async fn uncommitted(harness: &mut dyn Harness) -> Verdict {
    harness.offer(0..20).await;
    let mut hub = Hub::default();
    let mut lost = source(&hub, harness).await?;
    hub.step(&mut *lost, at_most(6)).await.map_err(unexpected)?;
    lost.next(hub.cursor.as_ref(), at_most(6)).await.map_err(unexpected)?;
    drop(lost);
    let mut source = source(&hub, harness).await?;
    hub.drain(&mut *source, at_most(6)).await?;
    seen::all(&hub.records, 20)?;
    ensure(harness.held().await == 0, || "the peer still holds what was committed".to_owned())
}

async fn rewinds(harness: &mut dyn Harness) -> Verdict {
    harness.offer(0..20).await;
    let mut hub = Hub::default();
    let mut source = source(&hub, harness).await?;
    hub.step(&mut *source, at_most(6)).await.map_err(unexpected)?;
    // two batches whose commit fails
    let first = source.next(hub.cursor.as_ref(), at_most(6)).await.map_err(unexpected)?;
    source.next(first.cursor.as_ref(), at_most(6)).await.map_err(unexpected)?;
    hub.drain(&mut *source, at_most(6)).await?;
    seen::exactly(&hub.records, 20)
}

async fn foreign(harness: &mut dyn Harness) -> Verdict {
    harness.offer(0..5).await;
    for text in ["", "not ours", "{}", r#"{"file":"../../etc/passwd","digest":null,"mark":null}"#] {
        let mut hub = Hub { cursor: Some(guichet_sdk::Cursor(text.to_owned())), ..Hub::default() };
        let mut source = source(&hub, harness).await?;
        match source.next(hub.cursor.as_ref(), ROOMY).await {
            Ok(mut batch) => {
                // one batch need not hold all there is; nothing is acknowledged, so that the next cursor finds it again
                while !batch.caught_up {
                    hub.commit(batch);
                    batch = source.next(hub.cursor.as_ref(), ROOMY).await.map_err(unexpected)?;
                }
                hub.commit(batch);
                seen::exactly(&hub.records, 5).map_err(|reason| format!("after cursor {text:?}: {reason}"))?;
            }
            Err(fault) => ensure(fault.retry == guichet_sdk::Retry::Never, || {
                format!("would try {text:?} again and again: {fault}")
            })?,
        }
    }
    Ok(())
}

async fn cancelled(harness: &mut dyn Harness) -> Verdict {
    harness.offer(0..30).await;
    let mut hub = Hub::default();
    let mut source = source(&hub, harness).await?;
    for turn in 0..200 {
        // polled once and dropped, before, while and after the batch is made
        for _ in 0..turn % 3 {
            if let Some(batch) = source.next(hub.cursor.as_ref(), at_most(4)).now_or_never() {
                let ack = hub.commit(batch.map_err(unexpected)?);
                acknowledge(&mut *source, ack).await?;
            }
            tokio::task::yield_now().await;
        }
        if hub.step(&mut *source, at_most(4)).await.map_err(unexpected)? {
            break;
        }
    }
    seen::exactly(&hub.records, 30)
}

async fn acknowledge(source: &mut dyn guichet_sdk::Source, ack: Option<guichet_sdk::Ack>) -> Verdict {
    match ack {
        Some(ack) => source.acknowledge(ack).await.map_err(unexpected),
        None => Ok(()),
    }
}

async fn cancelled_woken(harness: &mut dyn Harness) -> Verdict {
    let mut hub = Hub::default();
    let mut source = source(&hub, harness).await?;
    hub.drain(&mut *source, ROOMY).await?;
    // whether it wakes or not at once is its affair
    let _ = source.woken().now_or_never();
    harness.offer(0..5).await;
    let _ = source.woken().now_or_never();
    hub.drain(&mut *source, ROOMY).await?;
    seen::exactly(&hub.records, 5)
}
