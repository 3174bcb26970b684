//! Checks: a peer that is slow, cut off, unwell or unwilling costs time, never records, and is never bullied.

use std::time::Duration;

use guichet_sdk::{FaultKind, Limit, Plan, Retry};

use super::{Check, Harness, Need, PEACE, ROOMY, Trouble, Verdict, at_most, ensure, seen, source, unexpected};
use crate::{Fault as Bytes, Hub, Proxy};

pub(crate) const CHECKS: &[Check] = &[
    Check {
        name: "an answer cut at any byte loses and doubles nothing",
        needs: &[Need::Pull, Need::Proxy],
        run: |harness| Box::pin(broken_off(harness, Bytes::Cut)),
    },
    Check {
        name: "a connection reset at any byte loses and doubles nothing",
        needs: &[Need::Pull, Need::Proxy],
        run: |harness| Box::pin(broken_off(harness, Bytes::Reset)),
    },
    Check {
        name: "a peer that drips is a time-out, not a hang",
        needs: &[Need::Pull, Need::Proxy],
        run: |harness| Box::pin(slow(harness, Bytes::Drip(1))),
    },
    Check {
        name: "a peer that never answers is a time-out, not a hang",
        needs: &[Need::Pull, Need::Proxy],
        run: |harness| Box::pin(slow(harness, Bytes::BlackHole)),
    },
    Check {
        name: "a peer with latency loses and doubles nothing",
        needs: &[Need::Pull, Need::Proxy],
        run: |harness| Box::pin(late(harness)),
    },
    Check {
        name: "a failing peer is a fault to retry, and nothing is lost when it recovers",
        needs: &[Need::Pull, Need::Failing],
        run: |harness| Box::pin(failing(harness)),
    },
    Check {
        name: "a peer that asks for peace gets it",
        needs: &[Need::Pull, Need::Throttles],
        run: |harness| Box::pin(throttled(harness)),
    },
    Check {
        name: "refused credentials stop after three tries",
        needs: &[Need::Pull, Need::Refuses],
        run: |harness| Box::pin(refused(harness)),
    },
    Check {
        name: "a record asked for again has the same digest",
        needs: &[Need::Pull, Need::Replays],
        run: |harness| Box::pin(same_digest(harness)),
    },
    Check {
        name: "the smallest limit still moves on",
        needs: &[Need::Pull],
        run: |harness| Box::pin(smallest(harness)),
    },
    Check {
        name: "a dropped connection leaves no task behind",
        needs: &[Need::Pull],
        run: |harness| Box::pin(no_task(harness)),
    },
];

/// Longer than the time-outs of any plan under test.
const LONG: Duration = Duration::from_secs(30);
/// More faults in a row than any check causes.
const MOST_FAULTS: usize = 50;

/// Drains, taking faults as a flow does: by opening again at the committed cursor.
async fn insist(hub: &mut Hub, harness: &dyn Harness) -> Verdict {
    for _ in 0..MOST_FAULTS {
        match until_fault(hub, &*harness.plan()).await {
            Ok(()) => return Ok(()),
            Err(fault) => {
                ensure(fault.retry != Retry::Never, || format!("gives up on a passing failure: {fault}"))?;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
    Err(format!("not through after {MOST_FAULTS} faults"))
}

/// A connector may find out when it opens, or when it is asked.
async fn until_fault(hub: &mut Hub, plan: &dyn Plan) -> Result<(), guichet_sdk::Fault> {
    let Some(mut source) = hub.open(plan).await?.source else { return Ok(()) };
    while !hub.step(&mut *source, at_most(4)).await? {}
    Ok(())
}

fn proxy(harness: &dyn Harness) -> Result<&Proxy, String> {
    harness.proxy().ok_or_else(|| "there is no proxy".to_owned())
}

async fn broken_off(harness: &mut dyn Harness, fault: fn(u64) -> Bytes) -> Verdict {
    // the first bytes one by one, then wider and wider
    for at in [0, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377, 610, 987] {
        harness.reset().await;
        harness.offer(0..10).await;
        proxy(harness)?.schedule([fault(at)]);
        let mut hub = Hub::default();
        tokio::time::timeout(LONG, insist(&mut hub, harness))
            .await
            .unwrap_or_else(|_| Err("hangs".to_owned()))
            .map_err(|reason| format!("cut after {at} bytes: {reason}"))?;
        seen::through(harness, &hub.records, 10).map_err(|reason| format!("cut after {at} bytes: {reason}"))?;
        ensure(hub.broken.is_empty(), || format!("cut after {at} bytes: half a record was taken for one"))?;
    }
    Ok(())
}

async fn slow(harness: &mut dyn Harness, fault: Bytes) -> Verdict {
    harness.offer(0..10).await;
    proxy(harness)?.set(fault);
    let mut hub = Hub::default();
    let answered = tokio::time::timeout(LONG, async {
        let connection = hub.open(&*harness.plan()).await?;
        let source = connection.source.map(|mut source| async move { source.next(None, ROOMY).await.map(|_| ()) });
        match source {
            Some(asked) => asked.await,
            None => Ok(()),
        }
    })
    .await;
    match answered {
        Err(_) => return Err("hangs on a slow peer".to_owned()),
        Ok(Ok(())) => return Err("reads from a peer that hardly answers".to_owned()),
        Ok(Err(fault)) => ensure(fault.retry != Retry::Never, || format!("gives up on a slow peer: {fault}"))?,
    }
    proxy(harness)?.set(Bytes::None);
    proxy(harness)?.drop_all();
    insist(&mut hub, harness).await?;
    seen::through(harness, &hub.records, 10)
}

async fn late(harness: &mut dyn Harness) -> Verdict {
    harness.offer(0..10).await;
    proxy(harness)?.set(Bytes::Latency(Duration::from_millis(30)));
    let mut hub = Hub::default();
    insist(&mut hub, harness).await?;
    seen::exactly(&hub.records, 10)
}

async fn failing(harness: &mut dyn Harness) -> Verdict {
    harness.offer(0..10).await;
    let mut hub = Hub::default();
    let mut source = source(&hub, harness).await?;
    hub.step(&mut *source, at_most(4)).await.map_err(unexpected)?;
    harness.trouble(Trouble::Failing).await;
    // what was fetched before may still be given
    let mut told = false;
    for _ in 0..10 {
        match hub.step(&mut *source, at_most(4)).await {
            Ok(caught_up) => {
                ensure(!caught_up || hub.records.len() == 10, || "caught up with a failing peer".to_owned())?
            }
            Err(fault) => {
                ensure(matches!(fault.retry, Retry::After(_)), || format!("gives up on a failing peer: {fault}"))?;
                told = true;
                break;
            }
        }
    }
    ensure(told, || "nobody is told that the peer fails".to_owned())?;
    harness.trouble(Trouble::None).await;
    insist(&mut hub, harness).await?;
    seen::through(harness, &hub.records, 10)
}

async fn throttled(harness: &mut dyn Harness) -> Verdict {
    harness.offer(0..10).await;
    harness.trouble(Trouble::Throttling).await;
    let hub = Hub::default();
    let mut source = source(&hub, harness).await?;
    match source.next(None, ROOMY).await {
        Ok(_) => Err("reads from a peer that wants peace".to_owned()),
        Err(fault) => ensure(fault.kind == FaultKind::Throttled && fault.retry == Retry::After(Some(PEACE)), || {
            format!("a peer that asks for {PEACE:?} of peace is {:?}, {:?}", fault.kind, fault.retry)
        }),
    }
}

async fn refused(harness: &mut dyn Harness) -> Verdict {
    harness.offer(0..10).await;
    harness.trouble(Trouble::Refusing).await;
    // one plan, opened again after each fault, as a flow does
    let (plan, hub) = (harness.plan(), Hub::default());
    let mut last = None;
    for _ in 0..8 {
        let asked = match hub.open(&*plan).await {
            Err(fault) => Err(fault),
            Ok(connection) => match connection.source {
                Some(mut source) => source.next(None, ROOMY).await.map(|_| ()),
                None => Ok(()),
            },
        };
        match asked {
            Ok(()) => return Err("reads although its credentials are refused".to_owned()),
            Err(fault) => {
                ensure(fault.kind == FaultKind::Unauthorized, || format!("refused credentials are {:?}", fault.kind))?;
                last = Some(fault.retry);
            }
        }
    }
    let tries = harness.refused().await;
    ensure(tries == 3, || format!("{tries} tries with refused credentials: the account could be locked"))?;
    ensure(last == Some(Retry::Never), || format!("after three tries the retry class is {last:?}"))
}

async fn same_digest(harness: &mut dyn Harness) -> Verdict {
    harness.offer(0..10).await;
    let mut digests = Vec::new();
    for limit in [at_most(3), ROOMY] {
        let mut hub = Hub::default();
        let mut source = source(&hub, harness).await?;
        let mut caught_up = false;
        while !caught_up {
            let batch = source.next(hub.cursor.as_ref(), limit).await.map_err(unexpected)?;
            caught_up = batch.caught_up;
            hub.commit(batch);
        }
        seen::exactly(&hub.records, 10)?;
        digests.push(hub.records.iter().map(guichet_sdk::Record::digest).collect::<Vec<_>>());
    }
    ensure(digests[0] == digests[1], || "the same records have other digests when read again".to_owned())
}

async fn smallest(harness: &mut dyn Harness) -> Verdict {
    harness.offer(0..5).await;
    let mut hub = Hub::default();
    let mut source = source(&hub, harness).await?;
    hub.drain(&mut *source, Limit { records: 1, bytes: 1 }).await?;
    seen::exactly(&hub.records, 5)
}

async fn no_task(harness: &mut dyn Harness) -> Verdict {
    harness.offer(0..10).await;
    let mut hub = Hub::default();
    let alive = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = alive();
    let mut source = source(&hub, harness).await?;
    hub.step(&mut *source, at_most(4)).await.map_err(unexpected)?;
    drop(source);
    for _ in 0..250 {
        if alive() <= before {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Err(format!("{} tasks are left of a dropped connection", alive() - before))
}
