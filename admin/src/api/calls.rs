//! Calls under way: how many one caller has, and which of their answers lie unread.
//!
//! A call counts until its answer was taken to the end, so that a caller who reads nothing has used up what it may have.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use muster_common::identity::{AgentId, OperatorId};
use muster_mtls::{Given, Peer};
use parking_lot::Mutex;
use tonic::Status;
use tonic::body::Body;

use super::caller::Caller;

/// Of an agent, over all its connections: uplinks, a renewal, a doctor's.
const AGENT_CALLS_MAX: usize = 16;
/// Of an operator, over all connections: commands side by side, and watches.
const OPERATOR_CALLS_MAX: usize = 64;

/// The calls of everybody who has a name. Strangers have few connections, and few calls on each.
#[derive(Clone, Default)]
pub struct Calls(Arc<Mutex<HashMap<Whose, usize>>>);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Whose {
    Agent(AgentId),
    Operator(OperatorId),
}

/// A call under way. Dropped, it is over.
pub(super) struct Place {
    whose: Whose,
    calls: Calls,
}

impl Calls {
    /// Counts a call; `None` for a stranger's.
    ///
    /// # Errors
    /// The caller has too many.
    pub(super) fn begin(&self, caller: &Caller) -> Result<Option<Place>, Status> {
        let (whose, max) = match caller {
            Caller::Agent(agent) => (Whose::Agent(agent.agent), AGENT_CALLS_MAX),
            Caller::Operator(operator) => {
                (Whose::Operator(operator.name().clone()), OPERATOR_CALLS_MAX)
            }
            Caller::Stranger(_) => return Ok(None),
        };
        let mut all = self.0.lock();
        let count = all.entry(whose.clone()).or_default();
        if *count >= max {
            metrics::counter!("muster_calls_refused_total").increment(1);
            return Err(Status::resource_exhausted(format!(
                "{max} calls are under way, and no more are allowed; end some, or read their answers"
            )));
        }
        *count += 1;
        Ok(Some(Place {
            whose,
            calls: self.clone(),
        }))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut all = self.calls.0.lock();
        if let Some(count) = all.get_mut(&self.whose) {
            *count -= 1;
            if *count == 0 {
                all.remove(&self.whose);
            }
        }
    }
}

/// An answer that knows whether its reader takes it. A part of it is only asked for when there is room for it; until then,
/// what was given before lies unread, or the whole answer.
pub(super) struct Answer {
    body: Body,
    peer: Peer,
    lying: Option<Given>,
    _place: Option<Place>,
}

impl Answer {
    pub(super) fn of(body: Body, peer: Peer, place: Option<Place>) -> Body {
        Body::new(Self {
            body,
            lying: Some(peer.given()),
            peer,
            _place: place,
        })
    }
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        self.lying = None;
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if matches!(&polled, Poll::Ready(Some(Ok(frame))) if frame.is_data()) {
            self.lying = Some(self.peer.given());
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
