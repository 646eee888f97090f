//! A world in memory for the handlers' tests: every door, and what went through it.

mod agents;
mod console;
mod mailbox;
mod music;
mod phone_numbers;
mod recordings;
mod requests;
mod tools;
mod watching;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use shared::agent::{Agent, Saved};
use shared::calls::{
    Bearer, Binding, Call, CallStatus, Channel, Claimed, Connection, Ending, Holder, Lease, Relay, StreamPass, Waiting,
};
use shared::config::TestCallConfig;
use shared::console::Act;
use shared::control::Control;
use shared::hold_music::MusicFile;
use shared::ids::{AgentId, CallSid, ConferenceSid, ConnectionId, MusicId, RelayId, ToolCallId};
use shared::limits::{CallLimits, Window};
use shared::messages::{Callback, Message};
use shared::ownership::{Lost, Outcome};
use shared::page::{Cursor, Page};
use shared::ports::{
    CarrierAccount, Clock, Conferences, Connections, CountRates, Fetch, FoundRecording, Frame, LookAtTokens,
    Placements, PortError, PortResult, Random, ReadCall, ReadHistory, ReferenceData, RelayControl, RelayFrames, Relays,
    Tokens, ToolLedger, WaitingLine, WriteCall,
};
use shared::redact::Secret;
use shared::session::{Event, Journal, Line};
use shared::time::{CallTime, Samples};
use shared::tools::{ToolOutcome, ToolRequest};
use shared::twilio::setup;

pub(super) use self::music::UPLOAD;
pub(super) use self::requests::{CONNECT, CONNECTION, DISCONNECT, Http, MESSAGE, frame, media, start, ws_event};
pub(super) use self::tools::CRM_KEY;

pub(super) const CALL: &str = "CA00000000000000000000000000000001";
pub(super) const STREAM: &str = "MZ00000000000000000000000000000001";
pub(super) const CALLER: &str = "+15551234567";
pub(super) const CALLED: &str = "+15557654321";
pub(super) const AUTH_TOKEN: &str = "auth-token-of-the-account";
pub(super) const PUBLIC_URL: &str = "https://voice.example.com";
pub(super) const PUBLIC_WSS_URL: &str = "wss://calls.example.com/call";
/// Where requests come from that say nothing else.
pub(super) const STRANGER: &str = "203.0.113.66";
pub(super) const NOW_MS: u64 = 1_795_000_000_000;

/// Clones share what they know.
#[derive(Debug, Clone, Default)]
pub(super) struct World(Arc<Mutex<State>>);

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) calls: BTreeMap<CallSid, Call>,
    pub(super) journals: BTreeMap<CallSid, Journal>,
    /// By their text; `None` once redeemed.
    pub(super) tokens: BTreeMap<String, Option<StreamPass>>,
    pub(super) connections: BTreeMap<ConnectionId, Connection>,
    pub(super) relays: Vec<Relay>,
    pub(super) controls: BTreeMap<ConnectionId, RelayId>,
    pub(super) transcript: Vec<Line>,
    pub(super) events: Vec<(CallTime, Event)>,
    pub(super) recording: Option<FoundRecording>,
    /// What becomes the recording once it is joined.
    pub(super) unjoined: Option<FoundRecording>,
    pub(super) music: BTreeMap<MusicId, (MusicFile, Vec<u8>)>,
    /// What somebody has put where they were told to.
    pub(super) uploaded: Option<Vec<u8>>,
    pub(super) outcomes: BTreeMap<ToolCallId, Option<ToolOutcome>>,
    pub(super) asked_for_outcome: u32,
    /// Commands to relays.
    pub(super) sent: Vec<(RelayId, Control)>,
    /// Frames to relays.
    pub(super) delivered: Vec<Delivered>,
    /// What relays say to frames; all others take them.
    pub(super) outcomes_at: BTreeMap<RelayId, Outcome>,
    pub(super) told_closed: Vec<ConnectionId>,
    /// Sockets that a relay was asked to close.
    pub(super) closed: Vec<ConnectionId>,
    /// What Twilio says of the account; `None`: none is configured.
    pub(super) account: Option<PortResult<setup::Account>>,
    /// Who is in each conference that there is.
    pub(super) rooms: BTreeMap<ConferenceSid, Vec<CallSid>>,
    /// Relays that are listed and do not answer.
    pub(super) deaf: Vec<RelayId>,
    /// Looks at a connection until another process has bound it.
    pub(super) bound_after: Option<(u32, Binding)>,
    pub(super) looks: u32,
    pub(super) fetched: u32,
    pub(super) tools: tools::Tools,
    /// What was counted, of whom, and when. None of the `writes`: it is no word of anybody's.
    pub(super) rates: BTreeMap<(&'static str, String, Window), u32>,
    pub(super) writes: u32,
    pub(super) broken: bool,
    /// The table does not answer at all.
    pub(super) hangs: bool,
    /// Since the beginning of the test.
    pub(super) passed_ms: u64,
    /// Each version of each agent; and which counts.
    pub(super) agents: BTreeMap<AgentId, Vec<Saved>>,
    pub(super) counting: BTreeMap<AgentId, u32>,
    pub(super) numbers: BTreeMap<String, AgentId>,
    /// Callers who wait, and until when they are believed to.
    pub(super) line: BTreeMap<Waiting, u64>,
    pub(super) messages: Vec<Message>,
    pub(super) callbacks: Vec<Callback>,
    pub(super) erased_recordings: Vec<CallSid>,
    /// None of the `writes` either: they are about those.
    pub(super) acts: Vec<Act>,
    pub(super) watching: watching::Watching,
    pub(super) phones: phone_numbers::Phones,
}

/// A frame, as a relay got it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Delivered {
    pub(super) text: String,
    pub(super) to: RelayId,
    pub(super) sole: bool,
    pub(super) lost: Option<Lost>,
}

impl World {
    /// With one relay that is alive.
    pub(super) fn new() -> Self {
        let world = Self::default();
        world.state().relays.push(relay("relay-1", 0));
        world
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    fn read(&self) -> PortResult<MutexGuard<'_, State>> {
        let state = self.state();
        if state.broken { Err(PortError::Unavailable("the table is on fire".to_owned())) } else { Ok(state) }
    }

    fn write(&self) -> PortResult<MutexGuard<'_, State>> {
        let mut state = self.read()?;
        state.writes += 1;
        Ok(state)
    }

    pub(super) fn with_call(self, status: CallStatus) -> Self {
        self.state().calls.insert(CALL.into(), call(status));
        self
    }

    pub(super) fn with_token(self, token: &str, expires_at_ms: u64) -> Self {
        self.with_pass(token, Bearer::Carrier, expires_at_ms)
    }

    pub(super) fn with_pass(self, token: &str, bearer: Bearer, valid_until_ms: u64) -> Self {
        let pass = StreamPass { call: CALL.into(), bearer, valid_until_ms };
        self.state().tokens.insert(token.to_owned(), Some(pass));
        self
    }

    pub(super) fn with_connection(self, id: &str) -> Self {
        let connection = Connection { id: id.into(), opened_at_ms: NOW_MS, binding: None };
        self.state().connections.insert(id.into(), connection);
        self
    }
}

impl State {
    fn now_ms(&self) -> u64 {
        NOW_MS + self.passed_ms
    }

    fn held(&mut self, sid: &CallSid, lease: &Lease) -> PortResult<&mut Call> {
        let call = self.calls.get_mut(sid).ok_or(PortError::Gone)?;
        if call.lease.as_ref() == Some(lease) { Ok(call) } else { Err(anothers()) }
    }
}

fn anothers() -> PortError {
    PortError::Conflict("another relay has the call".to_owned())
}

pub(super) fn relay(id: &str, calls: u32) -> Relay {
    Relay {
        id: id.into(),
        address: "http://10.0.1.17:8081".parse().unwrap(),
        control: Some("Control=".into()),
        calls,
        opened: 0,
        most_calls: 500,
        draining: false,
        cpu: 0.1,
        cores: 2.0,
        event_loop_lag_ms: 0.5,
        heartbeat_at_ms: NOW_MS,
    }
}

pub(super) fn test_calls() -> TestCallConfig {
    TestCallConfig {
        public_wss_url: PUBLIC_WSS_URL.parse().unwrap(),
        limits: CallLimits::default(),
        agent: Agent::default(),
    }
}

pub(super) fn call(status: CallStatus) -> Call {
    Call {
        sid: CALL.into(),
        from: CALLER.into(),
        to: CALLED.into(),
        agent: Agent::default(),
        media_path: shared::calls::MediaPath::Gateway,
        channel: Channel::Telephone,
        status,
        began_at_ms: NOW_MS,
        lease: Some(relay("relay-1", 0).holder().lease(1)),
        streams: 1,
        review: None,
    }
}

pub(super) fn binding() -> Binding {
    Binding { call: CALL.into(), stream: STREAM.into(), relay: "relay-1".into(), address: relay("relay-1", 0).address }
}

impl Clock for World {
    fn unix_ms(&self) -> u64 {
        self.state().now_ms()
    }
}

impl Random for World {
    fn token(&self) -> PortResult<Secret> {
        Ok(Secret::new(format!("token-{}", self.state().tokens.len() + 1)))
    }
}

impl ReadCall for World {
    async fn call(&self, sid: &CallSid) -> PortResult<Option<Call>> {
        Ok(self.read()?.calls.get(sid).cloned())
    }

    async fn lease(&self, sid: &CallSid) -> PortResult<Option<Lease>> {
        Ok(self.read()?.calls.get(sid).and_then(|call| call.lease.clone()))
    }
}

impl WriteCall for World {
    async fn open_call(&self, call: &Call) -> PortResult<()> {
        let mut state = self.write()?;
        if state.calls.contains_key(&call.sid) {
            return Err(PortError::Conflict("the call exists".to_owned()));
        }
        state.calls.insert(call.sid.clone(), call.clone());
        Ok(())
    }

    async fn claim(&self, sid: &CallSid, by: &Holder, held: Option<u64>) -> PortResult<Claimed> {
        let mut state = self.write()?;
        let call = state.calls.get_mut(sid).ok_or(PortError::Gone)?;
        let lease = by.lease(held.unwrap_or_default() + 1);
        if call.lease.as_ref().map(|lease| lease.fence) != held && call.lease.as_ref() != Some(&lease) {
            return Err(anothers());
        }
        call.lease = Some(lease.clone());
        Ok(Claimed { lease, journal: state.journals.get(sid).cloned() })
    }

    async fn hand_over(&self, sid: &CallSid, lease: &Lease, to: &Holder, journal: &Journal) -> PortResult<Lease> {
        let mut state = self.write()?;
        let next = to.lease(lease.fence + 1);
        state.held(sid, lease)?.lease = Some(next.clone());
        state.journals.insert(sid.clone(), journal.clone());
        Ok(next)
    }

    async fn write_journal(&self, sid: &CallSid, lease: &Lease, journal: &Journal) -> PortResult<()> {
        let mut state = self.write()?;
        state.held(sid, lease)?;
        state.journals.insert(sid.clone(), journal.clone());
        Ok(())
    }

    async fn set_status(&self, sid: &CallSid, status: CallStatus, lease: &Lease) -> PortResult<()> {
        let mut state = self.write()?;
        let call = state.held(sid, lease)?;
        if call.status.ended().is_none() {
            call.status = status;
        }
        Ok(())
    }

    async fn set_agent(&self, sid: &CallSid, agent: &Agent, lease: &Lease) -> PortResult<()> {
        self.write()?.held(sid, lease)?.agent = agent.clone();
        Ok(())
    }

    async fn end_call(&self, sid: &CallSid, ending: Ending) -> PortResult<()> {
        let mut state = self.write()?;
        let call = state.calls.get_mut(sid).ok_or(PortError::Gone)?;
        if call.status.ended().is_none() {
            call.status = CallStatus::Ended(ending);
        }
        Ok(())
    }

    async fn count_stream(&self, sid: &CallSid) -> PortResult<u32> {
        let mut state = self.write()?;
        let call = state.calls.get_mut(sid).ok_or(PortError::Gone)?;
        call.streams += 1;
        Ok(call.streams)
    }
}

impl ReadHistory for World {
    async fn recent_calls(&self, limit: u32, after: Option<&Cursor>) -> PortResult<Page<Call>> {
        let state = self.read()?;
        let older = |call: &&Call| after.is_none_or(|after| call.sid.as_str() < after.key());
        let calls: Vec<Call> = state.calls.values().rev().filter(older).cloned().collect();
        Ok(page(calls, limit, |call| call.sid.to_string()))
    }

    async fn transcript(&self, _sid: &CallSid) -> PortResult<Vec<Line>> {
        Ok(self.read()?.transcript.clone())
    }

    async fn events(&self, _sid: &CallSid) -> PortResult<Vec<(CallTime, Event)>> {
        Ok(self.read()?.events.clone())
    }

    async fn caller_audio(&self, _sid: &CallSid, _from: Samples) -> PortResult<Vec<(Samples, Bytes)>> {
        self.read().map(|_| Vec::new())
    }

    async fn relays(&self) -> PortResult<Vec<Relay>> {
        if self.state().hangs {
            std::future::pending::<()>().await;
        }
        Ok(self.read()?.relays.clone())
    }
}

impl Tokens for World {
    async fn issue_token(&self, token: &Secret, pass: &StreamPass) -> PortResult<()> {
        self.write()?.tokens.insert(token.reveal().to_owned(), Some(pass.clone()));
        Ok(())
    }

    async fn redeem_token(&self, token: &Secret) -> PortResult<CallSid> {
        let mut state = self.write()?;
        let kept = state.tokens.get_mut(token.reveal()).and_then(Option::take);
        kept.filter(|pass| pass.valid_until_ms > NOW_MS).map(|pass| pass.call).ok_or(PortError::Gone)
    }
}

impl LookAtTokens for World {
    async fn stream_pass(&self, token: &Secret) -> PortResult<Option<StreamPass>> {
        let kept = self.read()?.tokens.get(token.reveal()).cloned().flatten();
        Ok(kept.filter(|pass| pass.valid_until_ms > NOW_MS))
    }
}

/// The first of a list.
pub(super) fn page<T>(mut items: Vec<T>, limit: u32, key: impl Fn(&T) -> String) -> Page<T> {
    let more = items.len() > limit as usize;
    items.truncate(limit as usize);
    let next = items.last().filter(|_| more).map(|last| Cursor::behind(key(last)));
    Page { items, next }
}

impl CountRates for World {
    async fn count_rate(&self, what: &'static str, whom: &str, window: Window) -> PortResult<u32> {
        let mut state = self.read()?;
        let count = state.rates.entry((what, whom.to_owned(), window)).or_default();
        *count += 1;
        Ok(*count)
    }
}

impl Connections for World {
    async fn connection_opened(&self, connection: &Connection) -> PortResult<()> {
        self.write()?.connections.insert(connection.id.clone(), connection.clone());
        Ok(())
    }

    async fn connection(&self, id: &ConnectionId) -> PortResult<Option<Connection>> {
        let mut state = self.read()?;
        state.looks += 1;
        if let Some((_, binding)) = state.bound_after.clone().filter(|(looks, _)| *looks < state.looks) {
            return Ok(Some(Connection { id: id.clone(), opened_at_ms: NOW_MS, binding: Some(binding) }));
        }
        Ok(state.connections.get(id).cloned())
    }

    async fn bind_connection(&self, id: &ConnectionId, binding: &Binding) -> PortResult<()> {
        self.write()?.connections.get_mut(id).ok_or(PortError::Gone)?.binding = Some(binding.clone());
        Ok(())
    }

    async fn connection_closed(&self, id: &ConnectionId) -> PortResult<Option<Binding>> {
        Ok(self.write()?.connections.remove(id).and_then(|connection| connection.binding))
    }
}

impl Relays for World {
    async fn register(&self, relay: &Relay) -> PortResult<()> {
        self.write()?.relays.push(relay.clone());
        Ok(())
    }

    async fn deregister(&self, id: &RelayId) -> PortResult<()> {
        self.write()?.relays.retain(|relay| relay.id != *id);
        Ok(())
    }

    async fn control_opened(&self, id: &RelayId, connection: &ConnectionId) -> PortResult<()> {
        self.write()?.controls.insert(connection.clone(), id.clone());
        Ok(())
    }

    async fn control_closed(&self, connection: &ConnectionId) -> PortResult<()> {
        self.write()?.controls.remove(connection);
        Ok(())
    }
}

impl Placements for World {
    async fn note_placed(&self, relay: &RelayId) -> PortResult<()> {
        let mut state = self.read()?;
        state.relays.iter_mut().filter(|listed| listed.id == *relay).for_each(|listed| listed.opened += 1);
        Ok(())
    }
}

impl WaitingLine for World {
    async fn stand_in_line(&self, waiting: &Waiting, until_ms: u64) -> PortResult<()> {
        self.write()?.line.insert(waiting.clone(), until_ms);
        Ok(())
    }

    async fn leave_line(&self, waiting: &Waiting) -> PortResult<()> {
        self.write()?.line.remove(waiting);
        Ok(())
    }

    async fn line(&self) -> PortResult<Vec<Waiting>> {
        let state = self.read()?;
        let now = state.now_ms();
        Ok(state.line.iter().filter(|(_, until)| **until > now).map(|(waiting, _)| waiting.clone()).collect())
    }
}

impl RelayControl for World {
    async fn send(&self, relay: &Relay, command: &Control) -> PortResult<()> {
        let mut state = self.read()?;
        relay.control.as_ref().filter(|_| !state.deaf.contains(&relay.id)).ok_or(PortError::Gone)?;
        state.sent.push((relay.id.clone(), command.clone()));
        Ok(())
    }
}

impl RelayFrames for World {
    async fn deliver(&self, frame: &Frame<'_>, to: &Holder, _patience: Duration) -> Outcome {
        let mut state = self.state();
        let (text, sole, lost) = (frame.text.to_owned(), frame.sole, frame.lost.cloned());
        state.delivered.push(Delivered { text, to: to.relay.clone(), sole, lost });
        state.outcomes_at.get(&to.relay).cloned().unwrap_or(Outcome::Taken { fence: 1 })
    }

    async fn closed(&self, id: &ConnectionId, _relay: &url::Url) -> PortResult<()> {
        self.state().told_closed.push(id.clone());
        Ok(())
    }

    async fn close_socket(&self, id: &ConnectionId, relay: &Relay) -> PortResult<()> {
        let mut state = self.state();
        if state.deaf.contains(&relay.id) {
            return Err(PortError::Unavailable("the relay cannot be reached".to_owned()));
        }
        state.closed.push(id.clone());
        Ok(())
    }
}

impl Conferences for World {
    async fn inside(&self, conference: &ConferenceSid) -> PortResult<Vec<CallSid>> {
        self.state().rooms.get(conference).cloned().ok_or(PortError::Gone)
    }

    async fn end_conference(&self, conference: &ConferenceSid) -> PortResult<()> {
        self.state().rooms.remove(conference).map(drop).ok_or(PortError::Gone)
    }
}

impl CarrierAccount for World {
    async fn account(&self) -> PortResult<setup::Account> {
        self.state().account.clone().unwrap_or(Err(PortError::Gone))
    }
}

impl ToolLedger for World {
    async fn begin(&self, request: &ToolRequest) -> PortResult<Option<ToolOutcome>> {
        let mut state = self.write()?;
        match state.outcomes.get(&request.call) {
            Some(None) => return Err(PortError::Conflict("this tool call is being carried out".to_owned())),
            Some(earlier) => return Ok(earlier.clone()),
            None => {}
        }
        state.outcomes.insert(request.call.clone(), None);
        Ok(None)
    }

    async fn outcome(&self, request: &ToolRequest) -> PortResult<Option<ToolOutcome>> {
        let mut state = self.read()?;
        state.asked_for_outcome += 1;
        Ok(state.outcomes.get(&request.call).cloned().flatten())
    }

    async fn finish(&self, request: &ToolRequest, outcome: &ToolOutcome) -> PortResult<()> {
        self.write()?.outcomes.insert(request.call.clone(), Some(outcome.clone()));
        Ok(())
    }
}

impl ReferenceData for World {
    async fn item(&self, kind: &str, id: &str) -> PortResult<Option<Value>> {
        drop(self.read()?);
        let seed = shared::tools::seed().into_iter();
        Ok(seed.filter(|(of, name, _)| *of == kind && name == id).map(|(_, _, item)| item).next())
    }

    async fn items(&self, kind: &str) -> PortResult<Vec<Value>> {
        drop(self.read()?);
        Ok(shared::tools::seed().into_iter().filter(|(of, _, _)| *of == kind).map(|(_, _, item)| item).collect())
    }
}

impl Fetch for World {
    async fn get_json(&self, _url: &url::Url) -> PortResult<Value> {
        self.state().fetched += 1;
        Err(PortError::Unavailable("no weather today".to_owned()))
    }
}
