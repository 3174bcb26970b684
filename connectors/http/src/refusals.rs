//! Refused credentials as a stage of a request: after three in a row none is sent. The counting is the SDK's.

use std::sync::Arc;
use std::time::Instant;

use guichet_sdk::{Fault, Refusals};

use crate::call::{Answer, Call};
use crate::stage::Stage;

impl Stage for Arc<Refusals> {
    async fn pass<F>(self, call: Call, next: impl FnOnce(Call) -> F + Send) -> Result<Answer, Fault>
    where
        F: Future<Output = Result<Answer, Fault>> + Send,
    {
        self.admit()?;
        self.settle(next(call).await, Instant::now())
    }
}
