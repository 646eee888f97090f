//! The world as a test sees it: a store, a gateway, tools and a carrier in memory, and a relay between them. State
//! lives in `watch` channels, so that a test waits for what it expects and never for time to pass.

mod store;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use functions::adapters::relay_frames::FramePosts;
use functions::relay::calls::{CallHandle, Claim};
use functions::relay::spool::SpoolSettings;
use functions::relay::{Doors, ModelSettings, Ports, Relay, Settings, SignHandshake, SocketLimits};
use http::{HeaderName, HeaderValue};
use shared::agent::Agent;
use shared::calls::{Bearer, Call, CallStatus, Channel, MediaPath, Recorded, StreamPass};
use shared::ids::{CallSid, ConnectionId, MusicId, RelayId};
use shared::limits::Gate;
use shared::ports::*;
use shared::redact::Secret;
use shared::tools::{ToolOutcome, ToolRequest};
use shared::twilio::rest::NewCall;
use shared::twilio::twiml;
use tokio::sync::{Semaphore, watch};
use url::Url;

pub use self::store::{Store, holder};

pub const AUTH_TOKEN: &str = "an-auth-token-nobody-may-see";
pub const MODEL_KEY: &str = "sk-a-key-nobody-may-see";
pub const LEG: &str = "CA0000000000000000000000000000001e";
pub const SECOND_LEG: &str = "CA00000000000000000000000000000003";
pub const CALLER_NUMBER: &str = "+15550001234";
const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until `ready` says so of what is watched; panics with what it saw if that takes too long.
pub async fn until<T: Debug, R>(watched: &watch::Sender<T>, mut ready: impl FnMut(&T) -> Option<R>) -> R {
    let mut receiver = watched.subscribe();
    let waited = tokio::time::timeout(PATIENCE, async {
        loop {
            if let Some(found) = ready(&receiver.borrow_and_update()) {
                return found;
            }
            receiver.changed().await.unwrap();
        }
    })
    .await;
    waited.unwrap_or_else(|_| panic!("never came to be; there is {:#?}", *watched.borrow()))
}

/// What a webhook's token is good for.
pub fn pass(call: &CallSid) -> StreamPass {
    StreamPass { call: call.clone(), bearer: Bearer::Carrier, valid_until_ms: u64::MAX }
}

/// Bounds a wait on a socket.
pub async fn soon<F: Future>(what: F) -> F::Output {
    tokio::time::timeout(PATIENCE, what).await.expect("in time")
}

#[derive(Debug)]
pub struct World;

impl Doors for World {
    type Store = Store;
    type Peers = FramePosts;
    type Callers = Gateway;
    type Watchers = Gateway;
    type Tools = Tools;
    type Recordings = Shelf;
    type Music = Records;
    type Telephony = Carrier;
    type Signer = Pen;
    type Clock = WallClock;
}

/// `@connections`, with a gate that a test can shut and faults that it can order.
#[derive(Debug)]
pub struct Gateway {
    pub seen: watch::Sender<Posts>,
    pub gate: Semaphore,
    pub faults: Mutex<VecDeque<PortError>>,
    pub gone: Mutex<BTreeSet<ConnectionId>>,
}

#[derive(Debug, Default)]
pub struct Posts {
    pub posts: Vec<(ConnectionId, String)>,
    pub waiting: usize,
    pub in_flight: BTreeMap<ConnectionId, usize>,
    pub most_in_flight: usize,
    pub closed: Vec<ConnectionId>,
}

impl Default for Gateway {
    fn default() -> Self {
        Self {
            seen: watch::Sender::default(),
            gate: Semaphore::new(Semaphore::MAX_PERMITS),
            faults: Mutex::default(),
            gone: Mutex::default(),
        }
    }
}

impl Gateway {
    pub fn shut(&self) {
        self.gate.forget_permits(Semaphore::MAX_PERMITS);
    }

    pub fn open(&self) {
        self.gate.add_permits(Semaphore::MAX_PERMITS);
    }

    pub fn messages(&self, connection: &str) -> Vec<serde_json::Value> {
        let seen = self.seen.borrow();
        let of = seen.posts.iter().filter(|(to, _)| to.as_str() == connection);
        of.map(|(_, text)| serde_json::from_str(text).unwrap()).collect()
    }
}

impl CallerSocket for Gateway {
    async fn post(&self, id: &ConnectionId, text: &str) -> PortResult<()> {
        self.seen.send_modify(|seen| {
            let now = seen.in_flight.entry(id.clone()).or_default();
            *now += 1;
            seen.most_in_flight = seen.most_in_flight.max(*now);
            seen.waiting += 1;
        });
        drop(self.gate.acquire().await.unwrap());
        let fault = self.faults.lock().unwrap().pop_front();
        let gone = self.gone.lock().unwrap().contains(id).then_some(PortError::Gone);
        self.seen.send_modify(|seen| {
            *seen.in_flight.get_mut(id).unwrap() -= 1;
            seen.waiting -= 1;
            if fault.is_none() && gone.is_none() {
                seen.posts.push((id.clone(), text.to_owned()));
            }
        });
        fault.or(gone).map_or(Ok(()), Err)
    }

    async fn close(&self, id: &ConnectionId) -> PortResult<()> {
        self.seen.send_modify(|seen| seen.closed.push(id.clone()));
        Ok(())
    }
}

impl WatcherSocket for Gateway {
    async fn tell(&self, id: &ConnectionId, text: &str) -> PortResult<()> {
        self.post(id, text).await
    }

    async fn dismiss(&self, id: &ConnectionId) -> PortResult<()> {
        self.close(id).await
    }
}

#[derive(Debug, Default)]
pub struct Tools {
    pub asked: watch::Sender<Vec<ToolRequest>>,
}

impl RunTools for Tools {
    async fn run(&self, request: &ToolRequest) -> ToolOutcome {
        self.asked.send_modify(|asked| asked.push(request.clone()));
        Ok(r#"{"temperature":21}"#.into())
    }
}

#[derive(Debug, Default)]
pub struct Shelf {
    pub kept: watch::Sender<Kept>,
}

#[derive(Debug, Default)]
pub struct Kept {
    /// By number and fence.
    pub segments: BTreeMap<(CallSid, u32, u64), Vec<u8>>,
    pub finished: BTreeSet<CallSid>,
}

impl Recordings for Shelf {
    async fn put_segment(&self, of: &Recorded, number: u32, fence: u64, stereo: Vec<u8>) -> PortResult<()> {
        self.kept.send_modify(|kept| _ = kept.segments.insert((of.call.clone(), number, fence), stereo));
        Ok(())
    }
    async fn finish_recording(&self, of: &Recorded) -> PortResult<()> {
        self.kept.send_modify(|kept| _ = kept.finished.insert(of.call.clone()));
        Ok(())
    }
    async fn recording(&self, _sid: &CallSid) -> PortResult<Option<Vec<u8>>> {
        Ok(None)
    }
}

/// Hold music that was uploaded. It is not given out before the gate is open.
#[derive(Debug)]
pub struct Records {
    pub music: Mutex<BTreeMap<MusicId, Vec<u8>>>,
    pub gate: Semaphore,
}

impl Default for Records {
    fn default() -> Self {
        Self { music: Mutex::default(), gate: Semaphore::new(Semaphore::MAX_PERMITS) }
    }
}

impl ReadMusic for Records {
    async fn music(&self, id: &MusicId, _known: Option<&str>) -> PortResult<FoundMusic> {
        drop(self.gate.acquire().await.unwrap());
        let mulaw = self.music.lock().unwrap().get(id).cloned().ok_or(PortError::Gone)?;
        Ok(FoundMusic::Other { tag: "1".to_owned(), mulaw: mulaw.into() })
    }
}

#[derive(Debug)]
pub struct Carrier {
    pub hung_up: watch::Sender<Vec<CallSid>>,
    pub instructed: watch::Sender<Vec<(CallSid, String)>>,
    /// Whom it was told to call.
    pub called: watch::Sender<Vec<NewCall>>,
    /// What it says to the next requests, instead of doing what it is told.
    pub faults: Mutex<VecDeque<PortError>>,
    /// It does not say that it has called somebody before there is one of these.
    pub calls: Semaphore,
}

impl Default for Carrier {
    fn default() -> Self {
        Self {
            hung_up: watch::Sender::default(),
            instructed: watch::Sender::default(),
            called: watch::Sender::default(),
            faults: Mutex::default(),
            calls: Semaphore::new(Semaphore::MAX_PERMITS),
        }
    }
}

impl Telephony for Carrier {
    async fn hang_up(&self, sid: &CallSid) -> PortResult<()> {
        self.hung_up.send_modify(|hung_up| hung_up.push(sid.clone()));
        Ok(())
    }

    async fn instruct(&self, sid: &CallSid, twiml: &twiml::Response) -> PortResult<()> {
        self.fault()?;
        self.instructed.send_modify(|instructed| instructed.push((sid.clone(), twiml.to_string())));
        Ok(())
    }

    async fn call(&self, call: &NewCall) -> PortResult<CallSid> {
        self.fault()?;
        self.called.send_modify(|called| called.push(call.clone()));
        self.calls.acquire().await.unwrap().forget();
        Ok(if self.called.borrow().len() == 1 { LEG } else { SECOND_LEG }.into())
    }
}

impl Carrier {
    fn fault(&self) -> PortResult<()> {
        self.faults.lock().unwrap().pop_front().map_or(Ok(()), Err)
    }
}

#[derive(Debug)]
pub struct Pen;

impl SignHandshake for Pen {
    async fn sign(
        &self,
        _url: &Url,
        _headers: &[(&'static str, String)],
    ) -> PortResult<Vec<(HeaderName, HeaderValue)>> {
        Ok(vec![(http::header::AUTHORIZATION, HeaderValue::from_static("signed"))])
    }
}

#[derive(Debug)]
pub struct WallClock;

impl Clock for WallClock {
    fn unix_ms(&self) -> u64 {
        u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
    }
}

/// A relay at work, and everything around it.
#[derive(Debug)]
pub struct House {
    pub relay: Relay<World>,
    pub store: Arc<Store>,
    pub gateway: Arc<Gateway>,
    /// The consoles'.
    pub consoles: Arc<Gateway>,
    pub tools: Arc<Tools>,
    pub shelf: Arc<Shelf>,
    pub records: Arc<Records>,
    pub carrier: Arc<Carrier>,
}

pub fn settings(model: &Url) -> Settings {
    Settings {
        private_listen: ([127, 0, 0, 1], 0).into(),
        public_listen: ([127, 0, 0, 1], 0).into(),
        address: None,
        ecs_metadata: None,
        ecs_agent: None,
        emf: None,
        public_url: Some(Url::parse("https://voice.example.com/").unwrap()),
        resume_url: Some(Url::parse("https://voice.example.com/twiml/resume").unwrap()),
        silent_for: Duration::from_secs(15),
        public_wss_url: Url::parse("wss://voice.example.com/call").unwrap(),
        signing_token: Some(Secret::new(AUTH_TOKEN)),
        gate: Gate::default(),
        behind_proxy: false,
        sockets: SocketLimits::default(),
        control_url: None,
        model: ModelSettings {
            endpoint: model.clone(),
            key: Secret::new(MODEL_KEY),
            handshake_timeout: Duration::from_millis(300),
            ping_every: Duration::from_secs(5),
        },
        drain: Duration::from_secs(20),
        most_calls: 200,
        cores: None,
        spool: SpoolSettings { folder: std::env::temp_dir().join("unused"), most_bytes: 0 },
    }
}

impl House {
    pub async fn new(model: &Url) -> Self {
        Self::with(settings(model)).await
    }

    pub async fn with(settings: Settings) -> Self {
        Self::in_world(settings, Self::world()).await
    }

    /// Another relay in the same world.
    pub async fn beside(&self, settings: Settings) -> Self {
        let ports = Ports::<World> {
            store: Arc::clone(&self.store),
            callers: Arc::clone(&self.gateway),
            watchers: Arc::clone(&self.consoles),
            tools: Arc::clone(&self.tools),
            recordings: Arc::clone(&self.shelf),
            music: Arc::clone(&self.records),
            telephony: Some(Arc::clone(&self.carrier)),
            ..Self::world()
        };
        Self::in_world(settings, ports).await
    }

    fn world() -> Ports<World> {
        Ports::<World> {
            store: Arc::default(),
            peers: Arc::new(FramePosts::new().unwrap()),
            callers: Arc::default(),
            watchers: Arc::default(),
            tools: Arc::default(),
            recordings: Arc::default(),
            music: Arc::default(),
            telephony: Some(Arc::default()),
            signer: Arc::new(Pen),
            clock: Arc::new(WallClock),
        }
    }

    async fn in_world(settings: Settings, ports: Ports<World>) -> Self {
        let relay = Relay::start(settings, ports.clone()).await.unwrap();
        let Ports {
            store,
            callers: gateway,
            watchers: consoles,
            tools,
            recordings: shelf,
            music: records,
            telephony,
            ..
        } = ports;
        Self { relay, store, gateway, consoles, tools, shelf, records, carrier: telephony.unwrap() }
    }

    pub fn id(&self) -> RelayId {
        self.relay.calls.common().me.relay.clone()
    }

    /// A webhook has come: the call is in the store, leased to this relay, with a token.
    pub async fn webhook(&self, sid: &str, path: MediaPath) -> Call {
        let call = self.call(sid, path);
        self.expect(&call).await;
        call
    }

    async fn expect(&self, call: &Call) {
        self.store.open_call(call).await.unwrap();
        let token = Secret::new(format!("token-{}", call.sid));
        self.store.issue_token(&token, &pass(&call.sid)).await.unwrap();
    }

    pub fn call(&self, sid: &str, path: MediaPath) -> Call {
        let mut agent = Agent::default();
        agent.limits.redial_after = Duration::from_millis(20);
        agent.limits.attach = Duration::from_secs(3);
        Call {
            sid: sid.into(),
            from: CALLER_NUMBER.into(),
            to: "+15559990000".into(),
            agent,
            media_path: path,
            channel: Channel::Telephone,
            status: CallStatus::Ringing,
            began_at_ms: WallClock.unix_ms(),
            lease: Some(self.relay.calls.common().me.lease(1)),
            streams: 0,
            review: None,
        }
    }

    /// The webhook, and the command that follows it.
    pub async fn prepared(&self, sid: &str, path: MediaPath) -> CallHandle {
        self.prepare(self.call(sid, path)).await
    }

    pub async fn prepare(&self, call: Call) -> CallHandle {
        self.expect(&call).await;
        let (sid, claim) = (call.sid.clone(), Claim::Announced(Box::new(call)));
        self.relay.calls.find_or_open(&sid, claim).await.unwrap()
    }

    pub fn frames_url(&self, connection: &str) -> Url {
        let mut url = Url::parse(&format!("http://{}", self.relay.listening.private)).unwrap();
        url.path_segments_mut().unwrap().extend(["frames", connection]);
        url
    }

    pub async fn metric(&self, line: &str) -> u64 {
        let url = format!("http://{}/metrics", self.relay.listening.private);
        let text = reqwest::get(url).await.unwrap().text().await.unwrap();
        let value = text.lines().find_map(|found| found.strip_prefix("voicebridge_relay_")?.strip_prefix(line));
        value.map_or(0, |value| value.trim().parse::<f64>().unwrap() as u64)
    }
}
