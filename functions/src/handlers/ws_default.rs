//! A caller's frames, one invocation each, in any order and spread over several processes.
//!
//! Whatever happens, the answer is 200: API Gateway would otherwise put an error frame of its own into Twilio's
//! socket. A connection is bound to its call by the token in its `start`; the binding is kept in memory, so a frame
//! costs one request to the relay and no lookup. Frames that overtake their `start` wait for the binding, for no more
//! than a second. A relay that does not take a call's frames loses the call to another, and it is a frame that brings it
//! there: what to ask whom is said by `shared::ownership`.

mod bindings;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use aws_lambda_events::apigw::ApiGatewayProxyResponse;
use serde_json::value::RawValue;
use shared::calls::{Binding, Connection, Lease, Relay};
use shared::ids::{CallSid, ConnectionId, StreamSid};
use shared::ownership::{Ask, Journey, Lost, Moment, Outcome, STORE_PATIENCE, Suspects, TAKE_OVER_PATIENCE};
use shared::ports::{Clock, Connections, Frame, PortError, PortResult, ReadCall, ReadHistory, RelayFrames, Tokens};
use shared::redact::Secret;
use shared::twilio::media::{self, Message, Start, StreamEvent};

use self::bindings::{Bindings, Bound};
use super::tally::Tally;
use super::ws_event::{WsEvent, answer};

/// Between looks at the store for a binding that another process is about to write: 970 ms in all.
const WAITS_MS: [u64; 6] = [20, 50, 100, 200, 300, 300];
/// A `start` that has not come by then went with the process that had it: Twilio sends none again.
const START_PATIENCE_MS: u64 = 3_000;

#[derive(Debug)]
pub struct WsDefault<S, R, C> {
    store: S,
    relays: R,
    clock: C,
    bindings: Bindings,
    /// The relays when they were last looked up, for when they cannot be.
    seen: Mutex<Vec<Relay>>,
    /// Relays that have let this process wait.
    suspects: Mutex<Suspects>,
    since: Instant,
    tally: Tally,
}

/// Relays that are asked to close a socket, one after another.
const CLOSERS: usize = 2;

/// Why a stream is not let in. Its socket is closed by a relay (this function stands in a network without a way out), and Twilio goes on to `<Redirect>`.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("`start` has no token")]
    NoToken,
    #[error("the token is unknown, expired or used")]
    BadToken,
    #[error("the token is another call's")]
    OtherCall,
    #[error("the call is over or unknown")]
    NoCall,
    #[error("the call was given to no relay")]
    NoRelay,
    #[error("its `start` was lost")]
    LostStart,
    #[error("the store")]
    Store(#[from] PortError),
}

/// What became of waiting for another process's binding.
#[derive(Debug)]
enum Awaited {
    Bound(Binding),
    LostStart,
    Nothing,
}

impl<S, R, C> WsDefault<S, R, C>
where
    S: Tokens + ReadCall + ReadHistory + Connections,
    R: RelayFrames,
    C: Clock,
{
    pub fn new(store: S, relays: R, clock: C) -> Self {
        Self {
            store,
            relays,
            clock,
            bindings: Bindings::default(),
            seen: Mutex::default(),
            suspects: Mutex::default(),
            since: Instant::now(),
            tally: Tally::default(),
        }
    }

    pub async fn handle(&self, event: &RawValue) -> ApiGatewayProxyResponse {
        match WsEvent::read(event) {
            Some(event) => self.frame(&event).await,
            None => self.note("event_unreadable", &ConnectionId::default()),
        }
        answer(200)
    }

    async fn frame(&self, event: &WsEvent) {
        if let Some(bound) = self.bindings.get(&event.connection) {
            return self.deliver(event, bound).await;
        }
        match media::parse(&event.text) {
            Ok(Message::Connected) => {}
            Ok(Message::Stream(message)) => match message.event {
                StreamEvent::Start(start) => self.begin(event, message.stream.detached(), &start).await,
                _ if self.bindings.is_given_up(&event.connection) => self.note("frame_unbound", &event.connection),
                _ => self.follow(event).await,
            },
            Err(_) => self.note("frame_garbled", &event.connection),
        }
    }

    /// The first frame of a stream. All others wait for what is done here.
    async fn begin(&self, event: &WsEvent, stream: StreamSid, start: &Start) {
        match self.bind(&event.connection, stream, start).await {
            Ok(Some((binding, fence))) => {
                tracing::info!(code = "stream_bound", call = %binding.call, relay = %binding.relay);
                let bound = Bound::new(binding, Some(fence));
                self.bindings.insert(&event.connection, &bound);
                self.deliver(event, bound).await;
                self.remember_relays().await;
            }
            Ok(None) => self.note("second_start", &event.connection),
            Err(refusal) => self.refuse(&event.connection, &refusal).await,
        }
    }

    /// `None` if the connection was bound before: this is its second `start`.
    async fn bind(
        &self,
        id: &ConnectionId,
        stream: StreamSid,
        start: &Start,
    ) -> Result<Option<(Binding, u64)>, Refusal> {
        let token = start.parameters.get("token").ok_or(Refusal::NoToken)?;
        let call = match self.store.redeem_token(&Secret::new(token.reveal())).await {
            Ok(call) if call == start.call => call,
            Ok(_) => return Err(Refusal::OtherCall),
            Err(PortError::Gone) if self.is_bound(id).await? => return Ok(None),
            Err(PortError::Gone) => return Err(Refusal::BadToken),
            Err(error) => return Err(error.into()),
        };
        let Lease { relay, address, fence } = self.lease_of(&call).await?;
        let binding = Binding { call, stream, relay, address };
        self.store.bind_connection(id, &binding).await?;
        Ok(Some((binding, fence)))
    }

    async fn lease_of(&self, sid: &CallSid) -> Result<Lease, Refusal> {
        let call = self.store.call(sid).await?.filter(|call| call.status.ended().is_none()).ok_or(Refusal::NoCall)?;
        call.lease.ok_or(Refusal::NoRelay)
    }

    async fn relays_alive(&self) -> PortResult<Vec<Relay>> {
        let (mut relays, now) = (self.store.relays().await?, self.clock.unix_ms());
        relays.retain(|relay| relay.alive(now));
        self.seen().clone_from(&relays);
        Ok(relays)
    }

    /// For a time in which the store cannot be asked.
    async fn remember_relays(&self) {
        if self.seen().is_empty()
            && let Err(error) = self.relays_alive().await
        {
            tracing::warn!(code = "store_failed", %error);
        }
    }

    fn seen(&self) -> MutexGuard<'_, Vec<Relay>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn is_bound(&self, id: &ConnectionId) -> PortResult<bool> {
        Ok(self.store.connection(id).await?.is_some_and(|connection| connection.binding.is_some()))
    }

    /// A later frame in a process that has not seen its `start`.
    async fn follow(&self, event: &WsEvent) {
        match self.await_binding(&event.connection).await {
            Ok(Awaited::Bound(binding)) => {
                let bound = Bound::new(binding, None);
                self.bindings.insert(&event.connection, &bound);
                self.deliver(event, bound).await;
            }
            Ok(Awaited::LostStart) => {
                self.bindings.give_up(&event.connection);
                self.refuse(&event.connection, &Refusal::LostStart).await;
            }
            Ok(Awaited::Nothing) => self.note("frame_unbound", &event.connection),
            Err(error) => {
                tracing::warn!(code = "store_failed", connection = %event.connection, %error);
            }
        }
    }

    async fn await_binding(&self, id: &ConnectionId) -> PortResult<Awaited> {
        let mut waits = WAITS_MS.into_iter().map(Duration::from_millis);
        loop {
            match self.store.connection(id).await? {
                // Closed and forgotten already, or never let in.
                None => return Ok(Awaited::Nothing),
                Some(Connection { binding: Some(binding), .. }) => return Ok(Awaited::Bound(binding)),
                Some(Connection { opened_at_ms, .. })
                    if self.clock.unix_ms().saturating_sub(opened_at_ms) >= START_PATIENCE_MS =>
                {
                    return Ok(Awaited::LostStart);
                }
                Some(Connection { binding: None, .. }) => {}
            }
            match waits.next() {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return Ok(Awaited::Nothing),
            }
        }
    }

    /// To the relay that has the call, wherever it is by now; or with the call to another, if that one is gone.
    async fn deliver(&self, event: &WsEvent, bound: Bound) {
        if bound.is_over() {
            return;
        }
        let Bound { call, stream, mut route } = bound;
        let before = route.clone();
        let mut journey = Journey::begin(&route, &self.suspects(), self.now());
        loop {
            let frame = |sole, lost| Frame {
                connection: &event.connection,
                call: &call,
                stream: &stream,
                text: &event.text,
                sole,
                lost,
            };
            let outcome = match journey.ask().clone() {
                Ask::Done => break,
                Ask::Drop => break self.drop_frame(&call),
                Ask::Deliver { to, patience } => {
                    let frame = frame(journey.sole(&to.holder.relay), None);
                    self.relays.deliver(&frame, &to.holder, patience).await
                }
                Ask::LookUp { after } => {
                    tokio::time::sleep(after).await;
                    self.look_up(&call).await
                }
                Ask::TakeOver(lost) => {
                    let relays = self.relays_alive().await.unwrap_or_else(|_| self.seen().clone());
                    let successor = journey.successor(&relays, &self.suspects(), self.now(), self.clock.unix_ms());
                    self.ask_for_take_over(&call, successor, &lost, |relay| frame(journey.sole(relay), Some(&lost)))
                        .await
                }
            };
            journey.report(&mut route, &mut self.suspects(), self.now(), outcome);
        }
        if route != before {
            self.bindings.learn(&event.connection, &route);
        }
    }

    async fn ask_for_take_over<'a>(
        &self,
        call: &CallSid,
        successor: Option<Relay>,
        lost: &Lost,
        frame: impl FnOnce(&shared::ids::RelayId) -> Frame<'a>,
    ) -> Outcome {
        let Some(successor) = successor else {
            tracing::error!(code = "no_successor", %call, lost = %lost.lease.relay);
            return Outcome::Nobody;
        };
        let outcome = self.relays.deliver(&frame(&successor.id), &successor.holder(), TAKE_OVER_PATIENCE).await;
        let (from, to) = (&lost.lease.relay, &successor.id);
        tracing::warn!(code = "call_lost", %call, %from, %to, dead = lost.dead, ?outcome);
        outcome
    }

    async fn look_up(&self, sid: &CallSid) -> Outcome {
        match tokio::time::timeout(STORE_PATIENCE, self.store.call(sid)).await {
            Ok(Ok(Some(call))) if call.status.ended().is_none() => match call.lease {
                Some(lease) => Outcome::Found(lease),
                None => Outcome::NoCall,
            },
            Ok(Ok(_)) => Outcome::NoCall,
            Ok(Err(_)) | Err(_) => Outcome::Unavailable,
        }
    }

    fn drop_frame(&self, call: &CallSid) {
        if let Some(count) = self.tally.count("frame_dropped") {
            tracing::warn!(code = "frame_dropped", count, %call);
        }
    }

    fn suspects(&self) -> MutexGuard<'_, Suspects> {
        self.suspects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Moment {
        Moment(u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    async fn refuse(&self, id: &ConnectionId, refusal: &Refusal) {
        let cause = std::error::Error::source(refusal).map(tracing::field::display);
        tracing::warn!(code = "stream_refused", connection = %id, reason = %refusal, cause);
        let relays = self.relays_alive().await.unwrap_or_else(|_| self.seen().clone());
        for relay in relays.iter().take(CLOSERS) {
            match self.relays.close_socket(id, relay).await {
                Ok(()) | Err(PortError::Gone) => return,
                Err(error) => tracing::warn!(code = "relay_does_not_close", relay = %relay.id, %error),
            }
        }
        tracing::error!(code = "stream_not_closed", connection = %id);
    }

    fn note(&self, code: &'static str, id: &ConnectionId) {
        if let Some(count) = self.tally.count(code) {
            tracing::warn!(code, count, connection = %id);
        }
    }
}

#[cfg(test)]
mod tests;
