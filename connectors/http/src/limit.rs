//! The longest a request and its answer may take, by the name of its setting.

use std::time::Duration;

use guichet_sdk::{Fault, FaultKind, Retry};

use crate::call::{Answer, Call};
use crate::codes;
use crate::stage::Stage;

/// A time-out with its name in `timeouts`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TimeLimit {
    pub name: &'static str,
    pub longest: Duration,
}

impl TimeLimit {
    /// Waits for something, no longer than this.
    pub(crate) async fn wait<T>(self, something: impl Future<Output = T>) -> Result<T, Fault> {
        tokio::time::timeout(self.longest, something).await.map_err(|_| self.struck())
    }

    /// The fault of this time-out.
    pub(crate) fn struck(self) -> Fault {
        let message = format!("no answer within `timeouts.{}` ({}s)", self.name, self.longest.as_secs_f64());
        Fault::new(FaultKind::Timeout, codes::TIMEOUT, message).retry(Retry::After(None))
    }
}

impl Stage for TimeLimit {
    async fn pass<F>(self, call: Call, next: impl FnOnce(Call) -> F + Send) -> Result<Answer, Fault>
    where
        F: Future<Output = Result<Answer, Fault>> + Send,
    {
        self.wait(next(call)).await?
    }
}
