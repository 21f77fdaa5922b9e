//! Published messages that wait to be taken.
//!
//! The link is read eagerly, because a master throws away what a slow subscriber leaves lying and because heartbeats
//! come in between. So the bound is here: beyond it the newest messages are thrown away and counted.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;

use super::{Error, SubEvent};

pub(super) struct Queue {
    state: Mutex<State>,
    wake: Notify,
    most_messages: usize,
    most_bytes: usize,
}

#[derive(Default)]
struct State {
    events: VecDeque<SubEvent>,
    messages: usize,
    bytes: usize,
    lost: u64,
}

impl Queue {
    pub(super) fn new(most_messages: usize, most_bytes: usize) -> Queue {
        Queue { state: Mutex::default(), wake: Notify::new(), most_messages, most_bytes }
    }

    pub(super) fn message(&self, message: Bytes) {
        let mut state = self.lock();
        // One message may be larger than the bound, or it would never arrive.
        let full = state.messages >= self.most_messages
            || (state.messages > 0 && state.bytes + message.len() > self.most_bytes);
        if full {
            state.lost += 1;
        } else {
            state.messages += 1;
            state.bytes += message.len();
            state.events.push_back(SubEvent::Message(message));
        }
        drop(state);
        self.wake.notify_one();
    }

    pub(super) fn connected(&self) {
        self.lock().events.push_back(SubEvent::Connected);
        self.wake.notify_one();
    }

    pub(super) fn disconnected(&self, why: Error) {
        let mut state = self.lock();
        // A link that flaps while nobody looks must not fill the queue: a whole round trip without a message
        // in between is told once.
        let flapped = matches!(state.events.back(), Some(SubEvent::Connected))
            && state
                .events
                .len()
                .checked_sub(2)
                .is_some_and(|i| matches!(state.events[i], SubEvent::Disconnected(_)));
        if flapped {
            state.events.pop_back();
        } else {
            state.events.push_back(SubEvent::Disconnected(why));
        }
        drop(state);
        self.wake.notify_one();
    }

    /// The oldest event, or the number of lost messages as soon as there are some. Cancel-safe.
    pub(super) async fn next(&self) -> SubEvent {
        loop {
            if let Some(event) = self.take() {
                return event;
            }
            self.wake.notified().await;
        }
    }

    fn take(&self) -> Option<SubEvent> {
        let mut state = self.lock();
        if state.lost > 0 {
            return Some(SubEvent::Overflow(std::mem::take(&mut state.lost)));
        }
        let event = state.events.pop_front()?;
        if let SubEvent::Message(message) = &event {
            state.messages -= 1;
            state.bytes -= message.len();
        }
        Some(event)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing between lock and unlock can panic halfway through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(queue: &Queue) -> Vec<SubEvent> {
        std::iter::from_fn(|| queue.take()).collect()
    }

    fn message(n: usize) -> SubEvent {
        SubEvent::Message(Bytes::from(vec![b'x'; n]))
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let queue = Queue::new(2, 100);
        for n in [1, 2, 3, 4] {
            queue.message(Bytes::from(vec![b'x'; n]));
        }
        assert_eq!(drain(&queue), [SubEvent::Overflow(2), message(1), message(2)]);
        queue.message(Bytes::from(vec![b'x'; 500]));
        queue.message(Bytes::from_static(b"x"));
        assert_eq!(drain(&queue), [SubEvent::Overflow(1), message(500)]);
        queue.message(Bytes::from_static(b"x"));
        assert_eq!(drain(&queue), [message(1)]);
    }

    #[test]
    fn a_flapping_link_is_told_once() {
        let queue = Queue::new(2, 100);
        queue.connected();
        for _ in 0..1000 {
            queue.disconnected(Error::Timeout);
            queue.connected();
        }
        assert_eq!(
            drain(&queue),
            [SubEvent::Connected, SubEvent::Disconnected(Error::Timeout), SubEvent::Connected]
        );
    }

    #[tokio::test]
    async fn waiting_is_woken_and_a_cancelled_wait_loses_nothing() {
        let queue = std::sync::Arc::new(Queue::new(10, 100));
        let short = std::time::Duration::from_millis(5);
        assert!(tokio::time::timeout(short, queue.next()).await.is_err());
        let other = queue.clone();
        let waiting = tokio::spawn(async move { other.next().await });
        tokio::task::yield_now().await;
        queue.connected();
        assert_eq!(waiting.await.unwrap(), SubEvent::Connected);
    }
}
