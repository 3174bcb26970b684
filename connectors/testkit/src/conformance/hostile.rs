//! Checks: bad content and bad connections stop nothing but themselves, and are told with their place.

use guichet_sdk::{Issue, Retry};

use super::{Check, Harness, Hostile, Need, ROOMY, Verdict, body, ensure, seen, source, unexpected};
use crate::Hub;

pub(crate) const CHECKS: &[Check] = &[
    Check {
        name: "an oversized record is located, the others arrive",
        needs: &[Need::Pull, Need::Oversized],
        run: |harness| Box::pin(hostile(harness, Hostile::Oversized)),
    },
    Check {
        name: "a lying encoding is located, the others arrive",
        needs: &[Need::Pull, Need::Lying],
        run: |harness| Box::pin(hostile(harness, Hostile::Lying)),
    },
    Check {
        name: "a torn delivery is located, what came before it arrives",
        needs: &[Need::Pull, Need::Torn],
        run: |harness| Box::pin(hostile(harness, Hostile::Torn)),
    },
    Check {
        name: "good deliveries after a bad one arrive",
        needs: &[Need::Pull, Need::Oversized],
        run: |harness| Box::pin(goes_on(harness)),
    },
    Check {
        name: "a peer that is away is a fault to retry, and nothing is lost",
        needs: &[Need::Pull, Need::Cut],
        run: |harness| Box::pin(away(harness)),
    },
];

async fn hostile(harness: &mut dyn Harness, what: Hostile) -> Verdict {
    harness.offer_hostile(what).await;
    let mut hub = Hub::default();
    let mut source = source(&hub, harness).await?;
    hub.drain(&mut *source, ROOMY).await?;
    seen::all(&hub.records, 2)?;
    let issues: Vec<_> = hub.broken.iter().map(|(_, issue)| issue).chain(&hub.notices).collect();
    ensure(!issues.is_empty(), || "nobody is told".to_owned())?;
    issues.into_iter().try_for_each(located)?;
    ensure(harness.held().await == 0, || "the bad delivery is still held: it would be read for ever".to_owned())
}

/// Says where, and shows nothing of what the record holds.
fn located(issue: &Issue) -> Verdict {
    ensure(issue.place.file.is_some() || issue.place.line.is_some(), || format!("an issue without a place: {issue}"))?;
    ensure(!issue.to_string().contains(&body(0)[..8]), || format!("an issue shows content: {issue}"))
}

async fn goes_on(harness: &mut dyn Harness) -> Verdict {
    harness.offer_hostile(Hostile::Oversized).await;
    harness.offer(2..12).await;
    let mut hub = Hub::default();
    let mut source = source(&hub, harness).await?;
    hub.drain(&mut *source, ROOMY).await?;
    seen::all(&hub.records, 12)
}

async fn away(harness: &mut dyn Harness) -> Verdict {
    harness.offer(0..10).await;
    let mut hub = Hub::default();
    let mut before = source(&hub, harness).await?;
    hub.step(&mut *before, super::at_most(4)).await.map_err(unexpected)?;
    harness.cut(true).await;
    // what was fetched before the cut may still be given
    for _ in 0..10 {
        match hub.step(&mut *before, super::at_most(4)).await {
            Ok(caught_up) => {
                ensure(!caught_up || hub.records.len() == 10, || "caught up with a peer that is away".to_owned())?
            }
            Err(fault) => {
                ensure(fault.retry != Retry::Never, || format!("gives up on a peer that is away: {fault}"))?;
                break;
            }
        }
    }
    // a connection that opens without asking must say so when it is asked
    let meanwhile = match hub.open(&*harness.plan()).await {
        Err(fault) => Some(fault),
        Ok(guichet_sdk::Connection { source: None, .. }) => None,
        Ok(guichet_sdk::Connection { source: Some(mut source), .. }) => source.next(None, ROOMY).await.err(),
    };
    ensure(meanwhile.is_some_and(|fault| fault.retry != Retry::Never), || {
        "reads although the peer is away, or gives up".to_owned()
    })?;
    harness.cut(false).await;
    hub.drain(&mut *before, ROOMY).await?;
    seen::through(harness, &hub.records, 10)
}
