//! Batches of one uplink on their way to the disk, which must come to the store in their order.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use futures::future::{FutureExt as _, MaybeDone, maybe_done};

/// Futures that are polled from the first to the last, whichever was woken. Each waits for a place at the store in the
/// order of its first poll, and takes the place at a later one: polled as they are woken, two could change places.
pub(super) struct InFlight<F: Future>(VecDeque<MaybeDone<F>>);

impl<F: Future + Unpin> InFlight<F> {
    pub(super) const fn new() -> Self {
        Self(VecDeque::new())
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn push(&mut self, future: F) {
        self.0.push_back(maybe_done(future));
    }

    /// Works on all, and gives what the first one ends with; `None` if there is none. It can be dropped at any time.
    pub(super) async fn next(&mut self) -> Option<F::Output> {
        poll_fn(|context| {
            for future in &mut self.0 {
                let _ = future.poll_unpin(context);
            }
            let Some(first) = self.0.front_mut() else {
                return Poll::Ready(None);
            };
            let Some(output) = Pin::new(first).take_output() else {
                return Poll::Pending;
            };
            self.0.pop_front();
            Poll::Ready(Some(output))
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::task::{Context, Waker};

    use futures::future::BoxFuture;
    use tokio::sync::{mpsc, oneshot};

    use super::*;

    #[test]
    fn whoever_is_woken_the_first_is_polled_first() {
        let polled = RefCell::new(Vec::new());
        let wakers = RefCell::new(Vec::new());
        let mut in_flight = InFlight::new();
        for number in 0..3 {
            let (polled, wakers) = (&polled, &wakers);
            in_flight.push(Box::pin(poll_fn(move |context: &mut Context<'_>| {
                polled.borrow_mut().push(number);
                wakers.borrow_mut().push(context.waker().clone());
                Poll::<()>::Pending
            })));
        }
        let mut context = Context::from_waker(Waker::noop());
        let mut next = Box::pin(in_flight.next());
        assert!(next.poll_unpin(&mut context).is_pending());
        wakers.borrow_mut().pop().unwrap().wake();
        assert!(next.poll_unpin(&mut context).is_pending());
        assert_eq!(*polled.borrow(), [0, 1, 2, 0, 1, 2]);
    }

    #[tokio::test]
    async fn what_is_done_is_told_in_order_and_once() {
        let mut in_flight: InFlight<BoxFuture<'_, Option<u32>>> = InFlight::new();
        assert_eq!(in_flight.next().await, None);
        let (first, waits) = oneshot::channel();
        in_flight.push(Box::pin(async { waits.await.ok() }));
        in_flight.push(Box::pin(async { Some(2) }));
        assert!(in_flight.next().now_or_never().is_none());
        first.send(1).unwrap();
        assert_eq!(in_flight.next().await, Some(Some(1)));
        assert_eq!(in_flight.len(), 1);
        assert_eq!(in_flight.next().await, Some(Some(2)));
        assert!(in_flight.is_empty());
    }

    /// Many threads make room in a full queue, and what waits for it goes in by its numbers.
    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn a_full_queue_is_filled_in_order() {
        let (queue, mut taken) = mpsc::channel(1);
        let taker = tokio::spawn(async move {
            let mut last = 0;
            while let Some(number) = taken.recv().await {
                assert_eq!(number, last + 1);
                last = number;
            }
            last
        });
        let mut in_flight: InFlight<BoxFuture<'_, ()>> = InFlight::new();
        for number in 1..=20_000 {
            if in_flight.len() == 4 {
                in_flight.next().await;
            }
            let queue = queue.clone();
            in_flight.push(Box::pin(async move {
                queue.send(number).await.unwrap();
            }));
        }
        while in_flight.next().await.is_some() {}
        drop(queue);
        assert_eq!(taker.await.unwrap(), 20_000);
    }
}
