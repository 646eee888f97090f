//! One media stream: a socket, a frame every 20 ms, and the carrier's playback.
//!
//! One task and one interval. Each tick plays what is due, returns marks, lets the person on the line react and sends
//! their frame; what the server sends is taken as it comes.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use sha2::{Digest as _, Sha256};
use shared::time::Samples;
use shared::twilio::signature::HEADER;
use tokio::net::TcpStream;
use tokio::time::MissedTickBehavior;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error as SocketError, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use url::Url;

use super::dial::{Caller, fresh_sid};
use super::exchange::Orders;
use super::faults::{Faults, Network};
use super::form::{Identity, Poster};
use super::person::Person;
use super::playout::{Event, Playout};
use super::probe::Probe;
use super::report::{BargeIn, Clear, Ended, Heard, StreamEnd, StreamReport, Warning};
use super::timeline::Act;
use super::twiml;
use super::wire::{CONNECTED, Line, Received, Writer, read};
use crate::cloud::dates;

const TICK: Duration = Duration::from_millis(20);
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// What a stream borrows from its call.
pub(super) struct Session<'a> {
    pub(super) identity: &'a Identity,
    pub(super) poster: &'a Poster,
    pub(super) faults: Faults,
    pub(super) keep_audio: bool,
    pub(super) person: &'a mut Person,
    pub(super) probe: Option<&'a mut Probe>,
    pub(super) warnings: &'a mut Vec<Warning>,
    pub(super) orders: &'a mut Orders,
}

impl Session<'_> {
    /// Opens the stream, holds it to its end, and tells the status callback of both.
    pub(super) async fn hold(self, stream: twiml::Stream) -> (StreamReport, Option<Ended>) {
        let sid = fresh_sid("MZ");
        let (identity, poster) = (self.identity, self.poster);
        let socket = match open(&stream.url, poster).await {
            Ok(socket) => socket,
            Err(why) => {
                self.warnings.push(Warning { code: 31_920, what: why.clone() });
                let callback = Callback { identity, poster, stream: &stream, sid: &sid };
                self.warnings.extend(callback.tell("stream-error").await);
                return (empty_report(sid, StreamEnd::Refused(why)), None);
            }
        };
        let callback = Callback { identity, poster, stream: &stream, sid: &sid };
        let line = Line { account: identity.account.clone(), call: identity.call.clone(), stream: sid.clone() };
        let mut live = Live::new(socket, line, self);
        // The callback must not hold up the audio.
        let (started, (end, gave_up)) = tokio::join!(callback.tell("stream-started"), live.run(&stream));
        let (report, warnings) = live.finish(end.clone());
        warnings.extend(started);
        warnings.extend(callback.tell("stream-stopped").await);
        (report, Caller::ended_by(&end, gave_up))
    }
}

/// The stream's status callback.
struct Callback<'a> {
    identity: &'a Identity,
    poster: &'a Poster,
    stream: &'a twiml::Stream,
    sid: &'a str,
}

impl Callback<'_> {
    async fn tell(&self, event: &str) -> Option<Warning> {
        let address = self.stream.status_callback.as_ref()?;
        let Ok(url) = Url::parse(address) else {
            return Some(Warning { code: 31_920, what: format!("`{address}` is no absolute address") });
        };
        let name = self.stream.name.as_deref().unwrap_or(self.sid);
        let form = self.identity.stream_form(self.sid, name, event, &dates::iso_time(dates::unix_ms()));
        let error = self.poster.post(&url, &form).await.err()?;
        Some(Warning { code: 15_003, what: error.to_string() })
    }
}

async fn open(address: &str, poster: &Poster) -> Result<Socket, String> {
    let url = Url::parse(address).map_err(|error| format!("`{address}`: {error}"))?;
    let loopback = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    if url.scheme() != "wss" && !(url.scheme() == "ws" && loopback) {
        return Err(format!("`{address}` is not wss (31922)"));
    }
    let mut request = address.into_client_request().map_err(|error| error.to_string())?;
    let signature = poster.sign(address, &Vec::new()).parse().map_err(|_| "the signature is no header".to_owned())?;
    request.headers_mut().insert(HEADER, signature);
    request.headers_mut().insert("user-agent", http::HeaderValue::from_static("Twilio.TmeWs/1.0"));
    match tokio::time::timeout(HANDSHAKE_TIMEOUT, Box::pin(connect_async(request))).await {
        Ok(Ok((socket, _))) => Ok(socket),
        Ok(Err(SocketError::Http(response))) => Err(format!("the handshake was answered with {}", response.status())),
        Ok(Err(error)) => Err(format!("the handshake failed: {error}")),
        Err(_) => Err("the handshake was not answered (31901)".to_owned()),
    }
}

/// A stream that is open.
struct Live<'a> {
    socket: Socket,
    writer: Writer,
    playout: Playout,
    network: Network,
    faults: Faults,
    person: &'a mut Person,
    probe: Option<&'a mut Probe>,
    warnings: &'a mut Vec<Warning>,
    orders: &'a mut Orders,
    keep_audio: bool,
    report: StreamReport,
    received: Sha256,
    since: Instant,
    /// What was heard since the last tick.
    ear: Vec<u8>,
    /// A message that is not Twilio's language is reported once a stream.
    complained: bool,
}

/// Why a stream ends, seen from inside.
enum Leave {
    HangUp,
    GiveUp(String),
    Break,
    /// The REST API has something else for the caller.
    Redirected,
    Gone,
}

impl<'a> Live<'a> {
    fn new(socket: Socket, line: Line, session: Session<'a>) -> Self {
        let report = empty_report(line.stream.clone(), StreamEnd::ServerClosed);
        Self {
            socket,
            writer: Writer::new(line),
            playout: Playout::default(),
            network: Network::new(session.faults),
            faults: session.faults,
            person: session.person,
            probe: session.probe,
            warnings: session.warnings,
            orders: session.orders,
            keep_audio: session.keep_audio,
            report,
            received: Sha256::new(),
            since: Instant::now(),
            ear: Vec::new(),
            complained: false,
        }
    }

    fn finish(mut self, end: StreamEnd) -> (StreamReport, &'a mut Vec<Warning>) {
        self.report.end = end;
        self.report.received_sha256 = self.received.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        (self.report, self.warnings)
    }

    async fn run(&mut self, stream: &twiml::Stream) -> (StreamEnd, Option<String>) {
        let start = self.writer.start(&stream.parameters);
        let begun = self.socket.feed(Message::text(CONNECTED)).await.is_ok();
        if !begun || self.socket.send(Message::text(start)).await.is_err() {
            return (StreamEnd::ServerClosed, None);
        }
        self.since = Instant::now();
        self.person.connected(self.since);
        match self.converse().await {
            Leave::Gone => (StreamEnd::ServerClosed, None),
            Leave::Break => (StreamEnd::Broke, None),
            Leave::Redirected => {
                self.hang_up().await;
                (StreamEnd::Redirected, None)
            }
            Leave::HangUp => {
                self.hang_up().await;
                (StreamEnd::CallerHungUp, None)
            }
            Leave::GiveUp(why) => {
                self.hang_up().await;
                (StreamEnd::CallerHungUp, Some(why))
            }
        }
    }

    async fn converse(&mut self) -> Leave {
        let mut clock = tokio::time::interval(TICK);
        // The schedule is absolute: what was missed is sent at once.
        clock.set_missed_tick_behavior(MissedTickBehavior::Burst);
        loop {
            let left = tokio::select! {
                biased;
                () = self.orders.arrive() => Some(Leave::Redirected),
                message = self.socket.next() => self.take(message).await,
                _ = clock.tick() => self.tick().await,
            };
            match left {
                Some(Leave::Gone) => {
                    self.hear_the_rest().await;
                    return Leave::Gone;
                }
                Some(leave) => return leave,
                None => {}
            }
        }
    }

    /// A server that takes no more frames may have said something before it left.
    async fn hear_the_rest(&mut self) {
        let rest = async {
            while let Some(Ok(message)) = self.socket.next().await {
                if let Message::Text(text) = message {
                    self.read(&text);
                }
            }
        };
        let _still_open = tokio::time::timeout(CLOSE_TIMEOUT, rest).await;
    }

    fn now(&self) -> Samples {
        Samples(u64::try_from(self.since.elapsed().as_micros() / 125).unwrap_or(u64::MAX))
    }

    async fn take(&mut self, message: Option<Result<Message, SocketError>>) -> Option<Leave> {
        match message {
            Some(Ok(Message::Text(text))) => self.read(&text),
            Some(Ok(Message::Binary(_))) => self.complain(31_950, "a binary message".to_owned()),
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
            Some(Ok(Message::Close(_)) | Err(_)) | None => return Some(Leave::Gone),
        }
        self.happen().await
    }

    fn read(&mut self, text: &str) {
        self.report.messages += 1;
        let now = self.now();
        match read(text, &self.report.sid) {
            Ok(Received::Media(sound)) => self.media(now, sound),
            Ok(Received::Mark(name)) => self.playout.mark(now, name),
            Ok(Received::Clear) => self.clear(now),
            Err(what) => self.complain(31_951, what),
        }
    }

    fn media(&mut self, now: Samples, sound: Bytes) {
        self.report.first_audio_ms.get_or_insert(now.as_millis());
        self.report.received_bytes += sound.len() as u64;
        self.received.update(&sound);
        if let Some(probe) = &mut self.probe {
            probe.receive(&sound, Instant::now());
        }
        self.person.sent_sound(Instant::now());
        self.playout.media(now, sound);
    }

    fn clear(&mut self, now: Samples) {
        let dropped = self.playout.clear(now);
        self.report.clears.push(Clear { at_ms: now.as_millis(), dropped_ms: dropped.as_millis() });
        if let Some(barge_in) = self.report.barge_ins.last_mut() {
            barge_in.cleared_after_ms.get_or_insert(now.as_millis().saturating_sub(barge_in.at_ms));
        }
    }

    fn complain(&mut self, code: u32, what: String) {
        if !std::mem::replace(&mut self.complained, true) {
            self.warnings.push(Warning { code, what });
        }
    }

    /// Does what playing has led to.
    async fn happen(&mut self) -> Option<Leave> {
        let mut marks = false;
        while let Some(event) = self.playout.poll() {
            match event {
                Event::Heard { at, sound } => {
                    self.ear.extend_from_slice(&sound);
                    if self.keep_audio {
                        self.report.heard.push(Heard { at_ms: at.as_millis(), sound });
                    }
                }
                Event::Mark { name } => {
                    marks = true;
                    self.report.marks_returned += 1;
                    let mark = self.writer.mark(&name);
                    if self.socket.feed(Message::text(mark)).await.is_err() {
                        return Some(Leave::Gone);
                    }
                }
                Event::Discarded { length } => {
                    let what = format!("{} ms of audio did not fit the buffer", length.as_millis());
                    self.warnings.push(Warning { code: 31_931, what });
                }
            }
        }
        if marks && self.socket.flush().await.is_err() { Some(Leave::Gone) } else { None }
    }

    async fn tick(&mut self) -> Option<Leave> {
        let now = self.now();
        self.playout.advance(now);
        if let Some(leave) = self.happen().await {
            return Some(leave);
        }
        if self.faults.breaks_after.is_some_and(|after| self.since.elapsed() >= after) {
            return Some(Leave::Break);
        }
        let heard = std::mem::take(&mut self.ear);
        for act in self.person.tick(&heard, Instant::now()) {
            match act {
                Act::Speak => self.speak(now),
                Act::HangUp => return Some(Leave::HangUp),
                Act::GiveUp(why) => return Some(Leave::GiveUp(why)),
                Act::Press(digit) => {
                    let dtmf = self.writer.dtmf(digit);
                    if self.socket.feed(Message::text(dtmf)).await.is_err() {
                        return Some(Leave::Gone);
                    }
                }
            }
        }
        self.send_frame().await
    }

    fn speak(&mut self, now: Samples) {
        if !self.playout.buffered().is_zero() {
            self.report.barge_ins.push(BargeIn { at_ms: now.as_millis(), cleared_after_ms: None });
        }
    }

    async fn send_frame(&mut self) -> Option<Leave> {
        let frame = match &mut self.probe {
            Some(probe) if self.person.pausing() => probe.frame(Instant::now()),
            _ => self.person.frame(),
        };
        let timestamp_ms = self.report.frames_sent * 20;
        self.report.frames_sent += 1;
        let text = self.writer.media(timestamp_ms, &frame);
        for text in self.network.carry(text) {
            if self.socket.feed(Message::text(text)).await.is_err() {
                return Some(Leave::Gone);
            }
        }
        self.socket.flush().await.err().map(|_| Leave::Gone)
    }

    /// `stop`, then the socket is closed. A caller who is `abrupt` is just gone.
    async fn hang_up(&mut self) {
        if self.faults.abrupt {
            return;
        }
        for text in self.network.drain() {
            let _gone = self.socket.feed(Message::text(text)).await;
        }
        let stop = self.writer.stop();
        let _gone = self.socket.send(Message::text(stop)).await;
        let _gone = self.socket.close(None).await;
        let drained = async { while let Some(Ok(_)) = self.socket.next().await {} };
        let _late = tokio::time::timeout(CLOSE_TIMEOUT, drained).await;
    }
}

fn empty_report(sid: String, end: StreamEnd) -> StreamReport {
    StreamReport {
        sid,
        end,
        frames_sent: 0,
        messages: 0,
        received_bytes: 0,
        received_sha256: String::new(),
        first_audio_ms: None,
        marks_returned: 0,
        clears: Vec::new(),
        barge_ins: Vec::new(),
        heard: Vec::new(),
    }
}
