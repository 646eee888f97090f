//! How a call comes to run here: by its announcement, by a frame, by its caller's socket, or from a relay that lost it or
//! gave it away. `shared::ownership` says what to ask and when it may be spoken for; here it is asked.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use shared::calls::{Call, CallStatus, Claimed, Lease};
use shared::ids::CallSid;
use shared::ownership::{Arrival, Heard, Opening, STORE_PATIENCE, Step, TakeOver, TakeOverEnd};
use shared::ports::{
    Peers as _, PortError, PortResult, Pulses as _, ReadCall as _, ReadHistory as _, WriteCall as _, Yielding,
};
use shared::session::{Journal, Past, Succession};
use shared::time::Samples;
use tokio::sync::{Notify, mpsc, watch};

use super::calls::{CallHandle, Calls, Claim, FRAMES, FromCaller, NotTaken, Taken};
use super::doors::Doors;

/// One try to open a call, for all who wait for it.
#[derive(Debug)]
pub struct Attempt {
    /// Where its frames go, before and after.
    pub inbox: mpsc::Sender<FromCaller>,
    take_over: Mutex<Option<TakeOver>>,
    /// The time to wait has changed.
    sooner: Notify,
    progress: watch::Sender<Progress>,
}

#[derive(Debug, Clone, Default)]
pub enum Progress {
    #[default]
    Trying,
    /// Frames are kept: their holder's right to speak has to run out.
    Keeping,
    Open(CallHandle),
    Failed(NotTaken),
}

impl Attempt {
    pub(super) fn new() -> (Arc<Self>, mpsc::Receiver<FromCaller>) {
        let (inbox, frames) = mpsc::channel(FRAMES);
        let attempt =
            Self { inbox, take_over: Mutex::default(), sooner: Notify::new(), progress: watch::Sender::default() };
        (Arc::new(attempt), frames)
    }

    /// When it has come to an end.
    pub async fn opened(&self) -> Result<CallHandle, NotTaken> {
        match self.until(|progress| matches!(progress, Progress::Open(_) | Progress::Failed(_))).await {
            Progress::Open(handle) => Ok(handle),
            Progress::Failed(refusal) => Err(refusal),
            Progress::Trying | Progress::Keeping => Err(NotTaken::NotOurs),
        }
    }

    /// When it is known what to do with a frame.
    pub async fn settled(&self) -> Progress {
        self.until(|progress| !matches!(progress, Progress::Trying)).await
    }

    /// A frame that is kept: it may be the proof that is waited for.
    pub fn kept(&self, now: shared::ownership::Moment, frame: Arrival) {
        if self.with(|take_over| take_over.frame(now, frame)).flatten().is_some() {
            self.sooner.notify_one();
        }
    }

    async fn until(&self, done: impl FnMut(&Progress) -> bool) -> Progress {
        let mut progress = self.progress.subscribe();
        // Fails only if the attempt is gone, and we hold it.
        let settled = progress.wait_for(done).await;
        settled.map(|progress| progress.clone()).unwrap_or_default()
    }

    fn with<R>(&self, work: impl FnOnce(&mut TakeOver) -> R) -> Option<R> {
        self.lock().as_mut().map(work)
    }

    fn lock(&self) -> MutexGuard<'_, Option<TakeOver>> {
        self.take_over.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// From the first who asks for it to a call that runs, or to the reason why it does not.
pub(super) async fn run<D: Doors>(
    calls: Arc<Calls<D>>,
    sid: CallSid,
    claim: Claim,
    attempt: Arc<Attempt>,
    frames: mpsc::Receiver<FromCaller>,
) {
    calls.common().office.want();
    let opened = match acquire(&calls, &sid, claim, &attempt).await {
        Ok(taken) => calls.start(taken, attempt.inbox.clone(), frames),
        Err(refusal) => Err(refusal),
    };
    let progress = opened.map_or_else(
        |refusal| {
            tracing::info!(call = %sid, "a call is not opened here: {refusal}");
            calls.abandon(&sid);
            Progress::Failed(refusal)
        },
        Progress::Open,
    );
    attempt.progress.send_replace(progress);
}

async fn acquire<D: Doors>(
    calls: &Arc<Calls<D>>,
    sid: &CallSid,
    claim: Claim,
    attempt: &Attempt,
) -> Result<Taken, NotTaken> {
    let me = &calls.common().me.relay;
    let call = match &claim {
        Claim::Announced(call) => (**call).clone(),
        _ => look_up(calls, sid).await?,
    };
    if call.status.ended().is_some() {
        return Err(NotTaken::NotOurs);
    }
    let fence = call.lease.as_ref().map(|lease| lease.fence);
    let barred = fence.is_some_and(|fence| calls.common().office.has_given_up(sid, fence));
    let take_over = match (&claim, call.lease.clone()) {
        (Claim::Lost(lost), _) => TakeOver::begin(me.clone(), lost.lease.clone(), lost.dead),
        (Claim::Socket, Some(lease)) if lease.relay != *me => TakeOver::begin(me.clone(), lease, true),
        (_, lease) => match Opening::of(me, lease.as_ref(), barred) {
            Opening::Open { .. } if call.status == CallStatus::Ringing => {
                let lease = lease.ok_or(NotTaken::NotOurs)?;
                return Ok(Taken { call, lease, past: None });
            }
            Opening::Open { .. } | Opening::Claim { .. } => {
                TakeOver::begin(me.clone(), lease.ok_or(NotTaken::NotOurs)?, false)
            }
            Opening::NotMine => return Err(NotTaken::NotOurs),
        },
    };
    let succession = if claim == Claim::Given { Succession::HandedOver } else { Succession::TakenOver };
    let others = call.lease.as_ref().is_some_and(|lease| lease.relay != *me);
    let (lease, journal) = carry_out(calls, sid, attempt, take_over).await?;
    if others {
        calls.common().metrics.take_overs.inc();
    }
    if call.status == CallStatus::Ringing {
        return Ok(Taken { call, lease, past: None });
    }
    let (lease, journal) = match journal {
        Some(journal) => (lease, Some(journal)),
        None => claim_again(calls, sid, lease).await,
    };
    Ok(Taken { past: Some(past(calls, sid, succession, journal).await), call, lease })
}

/// The answer that would have brought the journal was lost, or there is none.
async fn claim_again<D: Doors>(calls: &Calls<D>, sid: &CallSid, lease: Lease) -> (Lease, Option<Journal>) {
    let common = calls.common();
    match in_time(common.ports.store.claim(sid, &common.me, Some(lease.fence))).await {
        Ok(Claimed { lease, journal }) => (lease, journal),
        Err(_) => (lease, None),
    }
}

async fn look_up<D: Doors>(calls: &Calls<D>, sid: &CallSid) -> Result<Call, NotTaken> {
    let call = in_time(calls.common().ports.store.call(sid)).await.map_err(NotTaken::Store)?;
    call.ok_or(NotTaken::NotOurs)
}

/// Asks what the machine wants asked, until it is over.
async fn carry_out<D: Doors>(
    calls: &Arc<Calls<D>>,
    sid: &CallSid,
    attempt: &Attempt,
    take_over: TakeOver,
) -> Result<(Lease, Option<Journal>), NotTaken> {
    let (common, mut journal) = (calls.common(), None);
    let mut step = take_over.step().clone();
    *attempt.lock() = Some(take_over);
    loop {
        let heard = match step {
            Step::Over(end) => return won(end).map(|lease| (lease, journal)),
            Step::AskToYield(lease) => heard_of(common.ports.peers.ask_to_yield(sid, &lease).await),
            Step::Check | Step::LookUp => match in_time(common.ports.store.lease(sid)).await {
                Ok(lease) => Heard::Found(lease),
                Err(_) => Heard::Unavailable,
            },
            Step::Depose(relay) => {
                tracing::warn!(code = "relay_silent", relay = %relay, call = %sid);
                match in_time(common.ports.store.depose(&relay)).await {
                    Ok(_) => Heard::Deposed,
                    Err(_) => Heard::Unavailable,
                }
            }
            Step::Keep { until } => {
                attempt.progress.send_replace(Progress::Keeping);
                let wait = until.since(common.office.now()).max(Duration::from_millis(1));
                tokio::select! {
                    () = tokio::time::sleep(wait) => Heard::TimePassed,
                    () = attempt.sooner.notified() => Heard::TimePassed,
                }
            }
            Step::Claim { held } => match in_time(common.ports.store.claim(sid, &common.me, Some(held))).await {
                Ok(Claimed { lease, journal: left }) => {
                    journal = left;
                    Heard::Granted(lease)
                }
                Err(PortError::Conflict(_)) => Heard::Conflict,
                Err(PortError::Gone) => return Err(NotTaken::NotOurs),
                Err(_) => Heard::Unavailable,
            },
        };
        let now = common.office.now();
        step = attempt
            .with(|take_over| {
                take_over.heard(now, heard);
                take_over.step().clone()
            })
            .unwrap_or(Step::Over(TakeOverEnd::Failed));
    }
}

fn heard_of(answer: Yielding) -> Heard {
    match answer {
        Yielding::Yielded => Heard::Yielded,
        Yielding::Busy => Heard::Busy,
        Yielding::Dead => Heard::Dead,
        Yielding::Silent => Heard::Silent,
    }
}

fn won(end: TakeOverEnd) -> Result<Lease, NotTaken> {
    match end {
        TakeOverEnd::Won(lease) => Ok(lease),
        TakeOverEnd::Busy => Err(NotTaken::HolderWorks),
        TakeOverEnd::Claimed => Err(NotTaken::Claimed),
        TakeOverEnd::Failed => Err(NotTaken::Unproven),
    }
}

/// What cannot be had is done without: the caller is there, and somebody has to answer.
async fn past<D: Doors>(calls: &Calls<D>, sid: &CallSid, succession: Succession, journal: Option<Journal>) -> Past {
    let store = &calls.common().ports.store;
    let understood = journal.as_ref().map_or(Samples::ZERO, Journal::understood);
    let (lines, speech) = tokio::join!(in_time(store.transcript(sid)), in_time(store.caller_audio(sid, understood)));
    let missed = |error: PortError| tracing::error!(code = "past_unknown", call = %sid, %error);
    Past {
        succession,
        journal,
        lines: lines.map_err(missed).unwrap_or_default(),
        speech: speech.map_err(missed).unwrap_or_default(),
    }
}

async fn in_time<T>(question: impl Future<Output = PortResult<T>>) -> PortResult<T> {
    match tokio::time::timeout(STORE_PATIENCE, question).await {
        Ok(answer) => answer,
        Err(_) => Err(PortError::Unavailable("no answer in time".to_owned())),
    }
}
