//! How a call comes to a relay and its stream to the call, whoever asks for it: Twilio's webhooks, or a page of the console.

use futures_util::future::join;
use shared::calls::{Bearer, Call, Ending, Relay, StreamPass};
use shared::control::Control;
use shared::ids::CallSid;
use shared::limits::{CallLimits, Window};
use shared::ports::{
    CountRates, Placements, PortResult, Random, ReadCall, RelayControl, Tokens, WaitingLine, WriteCall,
};
use shared::redact::Secret;

/// Whoever asked opens the stream at once; a token that is older was stolen.
const TOKEN_LIVES_MS: u64 = 60_000;
/// Streams of one call within a minute: the breaker against a loop of streams that close at once. A call that lives on
/// through many deaths of relays is none.
pub(super) const MOST_STREAMS: u32 = 20;

/// What taking a call in asks of the table.
pub(super) trait Desk: ReadCall + WriteCall + Tokens + CountRates + Placements + WaitingLine {}

impl<S: ReadCall + WriteCall + Tokens + CountRates + Placements + WaitingLine> Desk for S {}

#[derive(Debug)]
pub(super) struct Reception<'a, S, R> {
    pub(super) store: &'a S,
    pub(super) relays: &'a R,
    pub(super) now_ms: u64,
}

/// What becomes of a call that is there already.
#[derive(Debug)]
pub(super) enum Standing {
    /// A relay has it.
    Held(Box<Call>),
    /// None has, and none could.
    Stranded(Box<Call>),
    Over(Box<Call>, Ending),
    Unknown,
}

impl<S: Desk, R: RelayControl> Reception<'_, S, R> {
    /// By what relays said with their last heartbeats.
    pub(super) fn is_full(&self, limits: &CallLimits, relays: &[Relay]) -> bool {
        let alive = || relays.iter().filter(|relay| relay.alive(self.now_ms));
        let held = || alive().map(|relay| u64::from(relay.calls)).sum::<u64>();
        limits.at_once.is_some_and(|most| held() >= u64::from(most))
    }

    /// Counts this caller's calls. A store that cannot be asked limits nobody.
    pub(super) async fn calls_too_often(&self, limits: &CallLimits, caller: Option<&str>, call: &CallSid) -> bool {
        let rate = limits.of_a_caller;
        let Some(caller) = caller.filter(|_| rate.is_limited()) else { return false };
        match self.store.count_rate("CALLER", caller, Window::at(self.now_ms)).await {
            Ok(count) => rate.exceeded_by(count),
            Err(error) => {
                tracing::warn!(code = "rate_not_counted", %call, %error);
                false
            }
        }
    }

    /// A call that is there already: with the relay that has it, or with another if that one is gone or about to go.
    pub(super) async fn proceed(&self, sid: &CallSid, relays: &[Relay]) -> PortResult<Standing> {
        let Some(mut call) = self.store.call(sid).await?.map(Box::new) else {
            tracing::warn!(code = "call_unknown", call = %sid);
            return Ok(Standing::Unknown);
        };
        if let Some(ending) = call.status.ended() {
            return Ok(Standing::Over(call, ending));
        }
        let holds = |relay: &&Relay| call.lease.as_ref().is_some_and(|lease| lease.relay == relay.id);
        let holder = relays.iter().find(holds).filter(|relay| relay.alive(self.now_ms));
        match (holder, Relay::pick(relays, self.now_ms)) {
            (Some(holder), _) if !holder.draining => {}
            (_, Some(relay)) => {
                let held = call.lease.as_ref().map(|lease| lease.fence);
                call.lease = Some(self.store.claim(sid, &relay.holder(), held).await?.lease);
                tracing::warn!(code = "call_moved", call = %sid, relay = %relay.id);
                self.give(relay, &call).await;
            }
            // It is about to go, and there is no other.
            (Some(_), None) => {}
            (None, None) => {
                tracing::error!(code = "no_relay", call = %sid);
                return Ok(Standing::Stranded(call));
            }
        }
        Ok(Standing::Held(call))
    }

    /// Another stream of a call; whether it has had too many lately.
    pub(super) async fn counts_too_many_streams(&self, sid: &CallSid) -> PortResult<bool> {
        let lately = self.store.count_rate("STREAM", sid.as_str(), Window::at(self.now_ms));
        let (counted, lately) = join(self.store.count_stream(sid), lately).await;
        counted?;
        let too_many = lately? > MOST_STREAMS;
        if too_many {
            tracing::error!(code = "too_many_streams", call = %sid);
        }
        Ok(too_many)
    }

    /// Whoever chooses a relay next sees that this one has a call more, before its own heartbeat says so.
    pub(super) async fn give(&self, relay: &Relay, call: &Call) {
        let (noted, ()) = join(self.store.note_placed(&relay.id), self.prepare(relay, call)).await;
        if let Err(error) = noted {
            tracing::warn!(code = "placement_not_noted", call = %call.sid, relay = %relay.id, %error);
        }
    }

    /// Lets the relay dial the model while the stream is still being opened. If it does not hear of it, it will dial when
    /// the stream is there.
    async fn prepare(&self, relay: &Relay, call: &Call) {
        let command = Control::Prepare { call: Box::new(call.clone()) };
        if let Err(error) = self.relays.send(relay, &command).await {
            tracing::warn!(code = "relay_not_prepared", call = %call.sid, relay = %relay.id, %error);
        }
    }

    /// By which a stream is known to be this call's.
    pub(super) async fn issue(
        &self,
        random: &(impl Random + ?Sized),
        call: &CallSid,
        bearer: Bearer,
    ) -> PortResult<(Secret, StreamPass)> {
        let token = random.token()?;
        let pass = StreamPass { call: call.clone(), bearer, valid_until_ms: self.now_ms + TOKEN_LIVES_MS };
        self.store.issue_token(&token, &pass).await?;
        Ok((token, pass))
    }
}
