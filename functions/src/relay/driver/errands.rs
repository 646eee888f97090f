//! What the session wants the carrier to do, one thing after the other: who is brought back must not be sent away again by
//! what was asked for before.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use shared::ids::CallSid;
use shared::ports::{PortError, PortResult, Telephony};
use shared::redact::Pii;
use shared::transfer::documents::{Documents, What};
use shared::transfer::{Ask, Carried, Errand, NotCarried};
use shared::twilio::rest::NewCall;
use shared::twilio::twiml::Response;
use tokio::sync::mpsc;

/// Of one call, at the same time.
const QUEUE: usize = 16;

#[derive(Debug)]
pub(super) struct Errands<T> {
    pub outcomes: mpsc::Receiver<(u32, Carried)>,
    sender: mpsc::Sender<(u32, Carried)>,
    desk: Option<Arc<Desk<T>>>,
    /// There once there was something to do.
    clerk: Option<Clerk>,
}

/// What it takes to have something done.
#[derive(Debug)]
pub(super) struct Desk<T> {
    pub telephony: Arc<T>,
    pub documents: Documents,
    /// The number that was called: who is called by us sees it.
    pub called: Pii<String>,
}

#[derive(Debug)]
struct Clerk {
    queue: mpsc::Sender<Task>,
}

struct Task {
    known: BoxFuture<'static, ()>,
    errand: Errand,
}

impl<T: Telephony + 'static> Errands<T> {
    /// Without a desk everything is refused: there is no account, or nobody knows where Twilio reaches us.
    pub(super) fn new(desk: Option<Desk<T>>) -> Self {
        let (sender, outcomes) = mpsc::channel(QUEUE);
        Self { outcomes, sender, desk: desk.map(Arc::new), clerk: None }
    }

    /// Not before `known`: a successor that did not know of it might ask for it once more. Returns what came of it, if that
    /// is known at once.
    pub(super) fn run(
        &mut self,
        known: impl Future<Output = ()> + Send + 'static,
        errand: Errand,
    ) -> Option<(u32, Carried)> {
        let refused = (errand.number, Err(NotCarried::Refused));
        let Some(desk) = &self.desk else { return Some(refused) };
        let clerk = self.clerk.get_or_insert_with(|| {
            let (queue, tasks) = mpsc::channel(QUEUE);
            tokio::spawn(work(Arc::clone(desk), tasks, self.sender.clone()));
            Clerk { queue }
        });
        clerk.queue.try_send(Task { known: Box::pin(known), errand }).err().map(|_full| refused)
    }

    /// The call is over: what is left to do is done, within `limit`. Who turns out to have been called only now is not wanted
    /// any more, unless the caller is `through` to others.
    pub(super) async fn finish(self, limit: Duration, through: bool) {
        let Self { mut outcomes, sender, desk, clerk } = self;
        let (Some(Clerk { queue }), Some(desk)) = (clerk, desk) else { return };
        drop((queue, sender));
        let rest = async {
            // Until nobody is at work any more.
            while let Some((_, outcome)) = outcomes.recv().await {
                if let (Ok(Some(leg)), false) = (outcome, through) {
                    desk.carry_out(Errand { number: 0, ask: Ask::HangUp { leg } }).await.ok();
                }
            }
        };
        if tokio::time::timeout(limit, rest).await.is_err() {
            tracing::warn!("the carrier takes too long");
        }
    }
}

async fn work<T: Telephony>(desk: Arc<Desk<T>>, mut tasks: mpsc::Receiver<Task>, done: mpsc::Sender<(u32, Carried)>) {
    while let Some(Task { known, errand }) = tasks.recv().await {
        known.await;
        let number = errand.number;
        let outcome = desk.carry_out(errand).await;
        // Fails only when the call is over.
        let _over = done.send((number, outcome)).await;
    }
}

impl<T: Telephony> Desk<T> {
    async fn carry_out(&self, Errand { number, ask }: Errand) -> Carried {
        let carried = match ask {
            Ask::Dial { to, ring_s } => {
                self.instruct(&self.documents.dial(number, to, self.called.clone(), ring_s)).await
            }
            Ask::Park => self.instruct(&self.documents.park()).await,
            Ask::BringBack => self.instruct(&self.documents.back()).await,
            Ask::Call { to, ring_s, briefing, several } => {
                let twiml = self.documents.briefing(number, &briefing, several);
                self.call(number, to, ring_s, twiml).await.map(Some)
            }
            Ask::HangUp { leg } => self.telephony.hang_up(&leg).await.map(|()| None),
        };
        carried.map_err(|error| {
            tracing::warn!(code = "carrier_refused", call = %self.documents.call(), %error);
            not_carried(&error)
        })
    }

    async fn instruct(&self, document: &Response) -> PortResult<Option<CallSid>> {
        self.telephony.instruct(self.documents.call(), document).await.map(|()| None)
    }

    async fn call(&self, number: u32, to: Pii<String>, ring_s: u64, twiml: Response) -> PortResult<CallSid> {
        let call = NewCall {
            to,
            from: self.called.clone(),
            twiml,
            ring_s,
            status_callback: self.documents.url(What::Leg { errand: number }),
        };
        self.telephony.call(&call).await
    }
}

fn not_carried(error: &PortError) -> NotCarried {
    match error {
        PortError::Gone => NotCarried::CallOver,
        PortError::Conflict(_) | PortError::Throttled(_) => NotCarried::Refused,
        PortError::Unavailable(_) | PortError::Corrupt(_) => NotCarried::Unknown,
    }
}
