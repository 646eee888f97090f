//! What the call has cost goes to the day's count, and what that makes comes back. One write at a time; what was not counted
//! is counted with the next. A store that cannot be asked holds nothing up.

use std::sync::Arc;
use std::time::Duration;

use shared::ids::AgentId;
use shared::money::{Day, Usd};
use shared::ports::{Clock, CountSpending};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(super) struct Purse<S, C> {
    agent: AgentId,
    store: Arc<S>,
    clock: Arc<C>,
    /// Not counted yet.
    owed: Usd,
    counting: Option<AbortOnDropHandle<()>>,
    sender: mpsc::Sender<Counted>,
    pub counted: mpsc::Receiver<Counted>,
}

/// What came of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counted {
    Total(Usd),
    Not(Usd),
}

impl<S: CountSpending + 'static, C: Clock> Purse<S, C> {
    pub(super) fn new(agent: AgentId, store: Arc<S>, clock: Arc<C>) -> Self {
        let (sender, counted) = mpsc::channel(1);
        Self { agent, store, clock, owed: Usd::ZERO, counting: None, sender, counted }
    }

    pub(super) fn count(&mut self, amount: Usd) {
        self.owed += amount;
        if self.counting.is_none() {
            self.write();
        }
    }

    /// The day's total, if it is known.
    pub(super) fn note(&mut self, counted: Counted) -> Option<Usd> {
        self.counting = None;
        match counted {
            Counted::Total(total) => Some(total),
            Counted::Not(amount) => {
                self.owed += amount;
                None
            }
        }
    }

    /// Counts what is left, within `limit`.
    pub(super) async fn finish(&mut self, limit: Duration) {
        let rest = async {
            if self.counting.is_some() {
                self.settle().await;
            }
            if self.owed > Usd::ZERO {
                self.write();
                self.settle().await;
            }
        };
        if tokio::time::timeout(limit, rest).await.is_err() || self.owed > Usd::ZERO {
            tracing::warn!(code = "spending_not_counted", agent = %self.agent, "a call is missing in the day's count");
        }
    }

    async fn settle(&mut self) {
        if let Some(counted) = self.counted.recv().await {
            self.note(counted);
        }
    }

    fn write(&mut self) {
        let amount = std::mem::take(&mut self.owed);
        let (store, agent, sender) = (Arc::clone(&self.store), self.agent.clone(), self.sender.clone());
        let day = Day::at(self.clock.unix_ms());
        self.counting = Some(AbortOnDropHandle::new(tokio::spawn(async move {
            let written = tokio::time::timeout(PATIENCE, store.count_spending(&agent, day, amount)).await;
            let counted = match written {
                Ok(Ok(total)) => Counted::Total(total),
                Ok(Err(error)) => {
                    tracing::debug!(%agent, %error, "the day's count does not answer");
                    Counted::Not(amount)
                }
                Err(_) => Counted::Not(amount),
            };
            // Fails only when the call is over.
            let _over = sender.send(counted).await;
        })));
    }
}
