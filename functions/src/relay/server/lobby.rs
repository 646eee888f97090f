//! Sockets that have not shown yet that they are Twilio's. When there are too many the oldest has to go: Twilio shows
//! it within a moment, and whoever only sits there does not keep a caller out.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

#[derive(Debug)]
pub(super) struct Lobby {
    most: usize,
    visitors: Mutex<Visitors>,
}

#[derive(Debug, Default)]
struct Visitors {
    next: u64,
    /// In the order in which they came.
    here: BTreeMap<u64, CancellationToken>,
}

/// Is in the lobby until it is dropped.
#[derive(Debug)]
pub(super) struct Visitor {
    pub(super) peer: SocketAddr,
    /// There are too many.
    pub(super) asked_out: CancellationToken,
    number: u64,
    lobby: Arc<Lobby>,
}

impl Lobby {
    pub(super) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most: most.max(1), visitors: Mutex::default() })
    }

    pub(super) fn enter(self: &Arc<Self>, peer: SocketAddr) -> Arc<Visitor> {
        let asked_out = CancellationToken::new();
        let mut visitors = self.lock();
        let number = visitors.next;
        visitors.next += 1;
        visitors.here.insert(number, asked_out.clone());
        if visitors.here.len() > self.most
            && let Some((_, oldest)) = visitors.here.pop_first()
        {
            oldest.cancel();
        }
        drop(visitors);
        Arc::new(Visitor { peer, asked_out, number, lobby: Arc::clone(self) })
    }

    fn lock(&self) -> MutexGuard<'_, Visitors> {
        self.visitors.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Visitor {
    fn drop(&mut self) {
        self.lobby.lock().here.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn when_it_is_crowded_whoever_came_first_goes_and_nobody_who_has_left_counts() {
        let lobby = Lobby::new(2);
        let enter = || lobby.enter(([127, 0, 0, 1], 1).into());
        let (first, second) = (enter(), enter());
        drop(second);
        let third = enter();
        assert!(!first.asked_out.is_cancelled());
        let fourth = enter();
        let out = [&first, &third, &fourth].map(|visitor| visitor.asked_out.is_cancelled());
        assert_eq!(out, [true, false, false]);
        drop((first, third, fourth));
        assert!(lobby.lock().here.is_empty());
    }
}
