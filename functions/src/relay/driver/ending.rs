//! The end of a call: write down how it ended, hang up if that is still ours to do, close what is open.

use std::time::Duration;

use shared::calls::{CallStatus, Ending, Holder, Lease, MediaPath};
use shared::ids::CallSid;
use shared::insights::Review;
use shared::ownership::{HandOver, HandOverHeard, HandOverStep};
use shared::ports::{
    IndexCalls, Peers as _, Placements as _, PortError, PortResult, ReadCall, ReadHistory, Recordings, Telephony,
    WriteCall,
};
use shared::search::terms_of;
use shared::session::Journal;

use super::links::Links;
use super::{Driver, End};
use crate::relay::calls::{Calls, Common};
use crate::relay::doors::Doors;
use crate::relay::recorder::Recorder;

/// For each step of the farewell. Together they stay within what a SIGTERM leaves.
const STEP: Duration = Duration::from_secs(3);
const STATUS_RETRIES: u32 = 3;

/// Whether the call was still this relay's to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Ours,
    Anothers,
}

impl<D: Doors> Driver<D> {
    pub(super) async fn finish(mut self) {
        self.close_down();
        match self.end.take() {
            Some(End::HungUp(ending)) => self.hang_up(ending).await,
            Some(End::LetGo(journal)) => self.let_go(journal).await,
            None => self.leave().await,
            Some(End::Fenced) => give_way(&self.sid, self.links, &self.calls, self.recorder).await,
        }
    }

    /// Nothing more is heard, and nothing more is run.
    fn close_down(&mut self) {
        self.models.close_all();
        self.tools.cancel_all();
    }

    async fn hang_up(mut self, ending: Ending) {
        self.scribe.finish(STEP).await;
        let standing = end_in_store(self.common.ports.store.as_ref(), &self.sid, ending, &self.lease).await;
        if standing == Standing::Anothers {
            return give_way(&self.sid, self.links, &self.calls, self.recorder).await;
        }
        self.showing.status(CallStatus::Ended(ending));
        let telephony = self.common.telephony_of(self.channel).filter(|_| carrier_must_be_told(ending));
        let telephony = telephony.map(AsRef::as_ref);
        let errands = self.errands.finish(STEP, ending == Ending::Transferred);
        tokio::join!(tell_carrier(telephony, &self.sid), self.links.close(), errands);
        self.calls.ended(&self.sid);
        self.purse.finish(STEP).await;
        let indexed = index(self.common.ports.store.as_ref(), &self.sid, ending);
        let recorded = async {
            if let Some(recorder) = self.recorder {
                recorder.finish().await;
            }
        };
        tokio::join!(indexed, recorded);
        tracing::info!(call = %self.sid, ?ending, "call over");
    }

    /// The call stays. Where the caller's socket is the gateway's, another relay goes on with it at once.
    async fn let_go(self, journal: Box<Journal>) {
        let successor = match self.path {
            MediaPath::Gateway => self.common.successor(STEP).await,
            MediaPath::Direct => None,
        };
        match successor {
            Some(to) => self.pass_on(&to, &journal).await,
            None => {
                self.scribe.journal(journal);
                self.leave().await;
            }
        }
    }

    async fn pass_on(self, to: &Holder, journal: &Journal) {
        let Self { sid, lease, common, calls, mut links, mut purse, scribe, recorder, .. } = self;
        tokio::join!(links.retire(), purse.finish(STEP));
        scribe.finish(STEP).await;
        // From here on there is no going back: what the store has been asked to do cannot be recalled.
        common.office.give_up(&sid, lease.fence);
        let mut hand_over = HandOver::default();
        loop {
            let heard = match hand_over.step() {
                HandOverStep::Write => {
                    let write = common.ports.store.hand_over(&sid, &lease, to, journal);
                    match tokio::time::timeout(STEP / STATUS_RETRIES, write).await {
                        Ok(Ok(lease)) => HandOverHeard::Written(lease),
                        Ok(Err(PortError::Conflict(_) | PortError::Gone)) => HandOverHeard::Conflict,
                        Ok(Err(_)) | Err(_) => HandOverHeard::Unavailable,
                    }
                }
                HandOverStep::Tell(lease) => {
                    if let Err(error) = common.ports.peers.give(&sid, lease).await {
                        tracing::warn!(call = %sid, to = %to.relay, %error, "the successor was not told");
                    }
                    HandOverHeard::Told
                }
                HandOverStep::Over => break,
            };
            hand_over.heard(heard);
        }
        calls.forget(&sid);
        note_placed(&common, to).await;
        tracing::info!(call = %sid, to = %to.relay, "call handed over");
        stop(recorder).await;
    }

    /// The call stays, and is picked up elsewhere: the closed stream makes the carrier ask where.
    async fn leave(mut self) {
        self.scribe.finish(STEP).await;
        self.calls.forget(&self.sid);
        tokio::join!(self.links.close(), self.purse.finish(STEP));
        stop(self.recorder).await;
        tracing::info!(call = %self.sid, "call let go");
    }
}

/// So that not all of them go to the same one.
async fn note_placed<D: Doors>(common: &Common<D>, to: &Holder) {
    let noted = tokio::time::timeout(STEP, common.ports.store.note_placed(&to.relay)).await;
    if !matches!(noted, Ok(Ok(()))) {
        tracing::debug!(to = %to.relay, "the relay's count was not corrected");
    }
}

/// Another relay holds the call already.
async fn give_way<D: Doors>(
    sid: &CallSid,
    mut links: Links,
    calls: &Calls<D>,
    recorder: Option<Recorder<D::Recordings>>,
) {
    links.give_way().await;
    calls.forget(sid);
    stop(recorder).await;
    tracing::info!(call = %sid, "call given up to another relay");
}

/// The recording goes on elsewhere.
async fn stop<R: Recordings + 'static>(recorder: Option<Recorder<R>>) {
    if let Some(recorder) = recorder {
        recorder.pause().await;
    }
}

/// So that it is found by what was said, and counted. What is written of it is complete by now, whoever wrote it.
async fn index<S: ReadCall + ReadHistory + IndexCalls>(store: &S, sid: &CallSid, ending: Ending) {
    let work = async {
        let (call, lines, events) = tokio::join!(store.call(sid), store.transcript(sid), store.events(sid));
        store.review_call(sid, &Review::of(events?.iter().map(|(_, event)| event))).await?;
        match call? {
            Some(call) => store.index_call(&call, &terms_of(&call, ending, &lines?)).await,
            None => PortResult::Ok(()),
        }
    };
    match tokio::time::timeout(STEP, work).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(code = "call_not_indexed", call = %sid, %error),
        Err(_) => tracing::warn!(code = "call_not_indexed", call = %sid, "the store takes too long"),
    }
}

async fn end_in_store<W: WriteCall>(store: &W, sid: &CallSid, ending: Ending, lease: &Lease) -> Standing {
    for _ in 0..STATUS_RETRIES {
        let write = store.set_status(sid, CallStatus::Ended(ending), lease);
        match tokio::time::timeout(STEP / STATUS_RETRIES, write).await {
            Ok(Ok(())) => return Standing::Ours,
            Ok(Err(PortError::Conflict(_))) => return Standing::Anothers,
            Ok(Err(error)) => tracing::warn!(call = %sid, %error, "the end of the call was not written down"),
            Err(_) => tracing::warn!(call = %sid, "the store takes too long"),
        }
    }
    // Nobody said that the call is another's, and a caller must not be left in silence.
    Standing::Ours
}

/// Closing the stream makes the carrier ask `/twiml/resume`, which hangs up too. Asking the carrier directly is
/// quicker; it is left alone where the call is over already and where `/twiml/resume` has something to say first.
fn carrier_must_be_told(ending: Ending) -> bool {
    match ending {
        Ending::CallerHungUp | Ending::Transferred | Ending::ModelUnavailable => false,
        Ending::AgentHungUp
        | Ending::OperatorHungUp
        | Ending::Abandoned
        | Ending::CallerSilent
        | Ending::LongestCall
        | Ending::SpendLimit => true,
    }
}

async fn tell_carrier<T: Telephony>(telephony: Option<&T>, sid: &CallSid) {
    let Some(telephony) = telephony else { return };
    match tokio::time::timeout(STEP, telephony.hang_up(sid)).await {
        Ok(Ok(()) | Err(PortError::Gone)) => {}
        Ok(Err(error)) => tracing::warn!(call = %sid, %error, "the carrier did not hang up; closing the stream does"),
        Err(_) => tracing::warn!(call = %sid, "the carrier did not answer; closing the stream hangs up"),
    }
}
