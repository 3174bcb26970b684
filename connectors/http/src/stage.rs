//! What one part of a room does to a request on its way, as a tower layer: one async function around the service within.

use std::pin::Pin;
use std::task::{Context, Poll};

use guichet_sdk::Fault;
use tower::{Layer, Service};

use crate::call::{Answer, Call};

/// A part of the way a request takes. It lets the request pass by calling `next`, once or not at all.
pub(crate) trait Stage: Clone + Send + 'static {
    /// Takes a request on its way.
    fn pass<F>(
        self,
        call: Call,
        next: impl FnOnce(Call) -> F + Send,
    ) -> impl Future<Output = Result<Answer, Fault>> + Send
    where
        F: Future<Output = Result<Answer, Fault>> + Send;
}

/// The layer of a stage.
#[derive(Clone)]
pub(crate) struct Around<T>(pub T);

/// A stage around a service.
#[derive(Clone)]
pub(crate) struct Staged<T, S> {
    stage: T,
    inner: S,
}

impl<T: Stage, S> Layer<S> for Around<T> {
    type Service = Staged<T, S>;

    fn layer(&self, inner: S) -> Self::Service {
        Staged { stage: self.0.clone(), inner }
    }
}

impl<T, S> Service<Call> for Staged<T, S>
where
    T: Stage,
    S: Service<Call, Response = Answer, Error = Fault, Future: Send> + Clone + Send + 'static,
{
    type Response = Answer;
    type Error = Fault;
    type Future = Pin<Box<dyn Future<Output = Result<Answer, Fault>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, call: Call) -> Self::Future {
        // the service that said it was ready is the one that must be called
        let ready = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, ready);
        let stage = self.stage.clone();
        Box::pin(async move { stage.pass(call, move |call| inner.call(call)).await })
    }
}
