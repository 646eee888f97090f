//! A call from ringing to its end: fetch TwiML, follow it verb by verb, report what became of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::Client;
use shared::audio::wav::Wav;
use shared::redact::Secret;
use url::Url;

use super::exchange::{Exchange, Order, Orders};
use super::faults::Faults;
use super::form::{Form, Identity, Poster};
use super::interview::{Interview, Questions};
use super::person::Person;
use super::probe::Probe;
use super::report::{CallReport, Ended, StreamEnd, StreamReport, Wait, Warning};
use super::stream::Session;
use super::timeline::{Script, Timeline};
use super::twiml::{self, Verb, resolve_url};
use crate::cloud::LOCAL_ACCOUNT_SID;

/// A call that redirects without end is ended, as Twilio does.
const MOST_DOCUMENTS: u32 = 50;
/// Twilio waits this long for TwiML.
const WEBHOOK_TIMEOUT: Duration = Duration::from_secs(15);

/// Everything a call needs.
#[derive(Debug, Clone)]
pub struct Config {
    /// The number's voice webhook.
    pub webhook: Url,
    /// The number's status callback; the webhook's `/call/status` unless told otherwise.
    pub status_callback: Option<Url>,
    pub account_sid: String,
    pub auth_token: Secret,
    pub from: String,
    pub to: String,
    /// `CA` and 32 hex digits; a fresh one by itself.
    pub call_sid: String,
    pub script: Arc<Script>,
    /// Instead of following a script the caller asks these.
    pub questions: Option<Arc<Questions>>,
    pub faults: Faults,
    /// Keep what was heard in the report.
    pub keep_audio: bool,
    /// Send [probes](super::probe) where there would be silence.
    pub probe: bool,
    /// Where others can be reached, and by whose REST API the call can be told what to do.
    pub exchange: Option<Exchange>,
}

impl Config {
    /// A call to this webhook, signed with this token.
    pub fn new(webhook: Url, auth_token: Secret) -> Self {
        Self {
            status_callback: webhook.join("/call/status").ok(),
            webhook,
            account_sid: LOCAL_ACCOUNT_SID.to_owned(),
            auth_token,
            from: "+15005550006".to_owned(),
            to: "+15005550001".to_owned(),
            call_sid: fresh_sid("CA"),
            script: Arc::new(Script::pharmacy()),
            questions: None,
            faults: Faults::default(),
            keep_audio: false,
            probe: false,
            exchange: None,
        }
    }
}

/// A prefix and 32 random hex digits.
pub(super) fn fresh_sid(prefix: &str) -> String {
    format!("{prefix}{:032x}", fastrand::u128(..))
}

pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// One simulated phone call.
#[derive(Debug)]
pub struct Caller {
    pub(super) config: Config,
    pub(super) identity: Identity,
    pub(super) poster: Poster,
    person: Person,
    probe: Option<Probe>,
    streams: Vec<StreamReport>,
    said: Vec<String>,
    pub(super) waits: Vec<Wait>,
    pub(super) warnings: Vec<Warning>,
    documents: u32,
    /// When the first stream was opened.
    streamed_at: Option<Instant>,
}

/// What a document's verbs lead to.
pub(super) enum Next {
    /// With what is told besides the usual.
    Fetch(Url, Form),
    Instead(Vec<Verb>),
    End(Ended),
}

impl Caller {
    pub fn new(config: Config) -> Self {
        // A client without a TLS backend is the only thing that fails here, and plain HTTP does without.
        let client = Client::builder().timeout(WEBHOOK_TIMEOUT).build().unwrap_or_default();
        Self::with_client(config, client)
    }

    /// Shares connections with other callers.
    pub fn with_client(config: Config, client: Client) -> Self {
        Self {
            identity: Identity {
                account: config.account_sid.clone(),
                call: config.call_sid.clone(),
                from: config.from.clone(),
                to: config.to.clone(),
                direction: "inbound",
            },
            poster: Poster::new(client, config.auth_token.clone()),
            person: match &config.questions {
                Some(questions) => Person::Asking(Box::new(Interview::new(Arc::clone(questions), Instant::now()))),
                None => Person::Scripted(Timeline::new(Arc::clone(&config.script))),
            },
            probe: config.probe.then(Probe::default),
            streams: Vec::new(),
            said: Vec::new(),
            waits: Vec::new(),
            warnings: Vec::new(),
            documents: 0,
            streamed_at: None,
            config,
        }
    }

    /// Calls, and returns when the call is over and everybody has been told.
    pub async fn run(mut self) -> CallReport {
        let answered = Instant::now();
        let exchange = self.config.exchange.clone();
        let mut orders = exchange.as_ref().map_or_else(Orders::default, |exchange| exchange.begin(&self.identity));
        let ended = self.follow(&mut orders).await;
        let lasted = answered.elapsed();
        if let Some(exchange) = exchange {
            exchange.end(&self.identity, "completed");
        }
        self.tell_end(lasted).await;
        CallReport {
            sid: self.identity.call,
            ended,
            script_played: self.person.is_done(),
            lasted_ms: millis(lasted),
            waited_ms: millis(self.streamed_at.map_or(lasted, |at| at.duration_since(answered))),
            streams: self.streams,
            said: self.said,
            waits: self.waits,
            documents: self.documents,
            warnings: self.warnings,
            longest_silence_ms: self.person.longest_silence_ms(),
            probe: self.probe.map(Probe::report),
            interview: match self.person {
                Person::Asking(interview) => Some(interview.report()),
                Person::Scripted(_) => None,
            },
        }
    }

    async fn follow(&mut self, orders: &mut Orders) -> Ended {
        let mut url = self.config.webhook.clone();
        let mut next = Next::Fetch(url.clone(), Form::new());
        loop {
            next = match next {
                Next::Fetch(..) if self.documents >= MOST_DOCUMENTS => {
                    return Ended::Failed(format!("{MOST_DOCUMENTS} documents, and no end"));
                }
                Next::Fetch(to, more) => {
                    url = to;
                    let status = if self.documents == 0 { "ringing" } else { "in-progress" };
                    let form = self.identity.form(status, &[]).into_iter().chain(more).collect();
                    match self.fetch(&url, &form).await {
                        Ok(verbs) => self.execute(verbs, &url, orders).await,
                        Err(why) => return Ended::Failed(why),
                    }
                }
                Next::Instead(verbs) => self.execute(verbs, &url, orders).await,
                Next::End(ended) => return ended,
            };
        }
    }

    pub(super) async fn fetch(&mut self, url: &Url, form: &Form) -> Result<Vec<Verb>, String> {
        self.documents += 1;
        let body = self.poster.post(url, form).await.map_err(|error| error.to_string())?;
        twiml::read(&body, &mut self.warnings).map_err(|error| format!("{url} answered no TwiML: {error}"))
    }

    async fn execute(&mut self, verbs: Vec<Verb>, document: &Url, orders: &mut Orders) -> Next {
        for verb in verbs {
            let next = match verb {
                Verb::Stream(stream) => self.stream(stream, orders).await.map(Next::End),
                Verb::Dial(dial) => self.dial(dial, document, orders).await,
                verb => tokio::select! {
                    biased;
                    () = orders.arrive() => None,
                    next = self.carry_out(verb, document) => next,
                },
            };
            match (next, orders.take()) {
                (Some(next), _) => return next,
                (None, Some(Order::Do(verbs))) => return Next::Instead(verbs),
                (None, Some(Order::HangUp)) => return Next::End(Ended::ServerHungUp),
                (None, None) => {}
            }
        }
        Next::End(Ended::ServerHungUp)
    }

    /// What is of one step. `None`: the next verb is due.
    async fn carry_out(&mut self, verb: Verb, document: &Url) -> Option<Next> {
        match verb {
            Verb::Say(text) => self.said.push(text),
            Verb::Play(address) => self.play(&address, document).await,
            Verb::Pause(length) => tokio::time::sleep(length).await,
            Verb::Hangup => return Some(Next::End(Ended::ServerHungUp)),
            Verb::Redirect(address) => {
                return Some(match resolve_url(&address, document) {
                    Ok(url) => Next::Fetch(url, Form::new()),
                    Err(error) => Next::End(Ended::Failed(format!("<Redirect> to `{address}`: {error}"))),
                });
            }
            Verb::Gather(gather) => {
                // This caller presses keys on streams only.
                self.said.push(gather.say);
                tokio::time::sleep(gather.timeout).await;
            }
            Verb::Stream(_) | Verb::Dial(_) => {}
        }
        None
    }

    /// What cannot be played is passed over, with a warning, as Twilio does.
    async fn play(&mut self, address: &str, document: &Url) {
        let Some(length) = self.lasts(address, document).await else { return };
        let from = Instant::now();
        tokio::time::sleep(length).await;
        self.person.was_played(from, Instant::now());
    }

    /// How long a file plays; it is fetched for that.
    pub(super) async fn lasts(&mut self, address: &str, document: &Url) -> Option<Duration> {
        let file = match resolve_url(address, document) {
            Ok(url) => self.poster.get(&url).await.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        let length = file.and_then(|file| Wav::read(&file).map(|wav| wav.lasts()).map_err(|error| error.to_string()));
        let warn = |why| Warning { code: 11_200, what: format!("<Play> of `{address}`: {why}") };
        length.map_err(|why| self.warnings.push(warn(why))).ok()
    }

    /// Holds a media stream. `None`: the server or a fault closed it, and the next verb is due.
    async fn stream(&mut self, stream: twiml::Stream, orders: &mut Orders) -> Option<Ended> {
        self.streamed_at.get_or_insert_with(Instant::now);
        let breaks_after = self.config.faults.breaks_after.filter(|_| self.streams.is_empty());
        let session = Session {
            identity: &self.identity,
            poster: &self.poster,
            faults: Faults { breaks_after, ..self.config.faults },
            keep_audio: self.config.keep_audio,
            person: &mut self.person,
            probe: self.probe.as_mut(),
            warnings: &mut self.warnings,
            orders,
        };
        // Boxed, because a call lives long in little memory otherwise.
        let (report, ended) = Box::pin(session.hold(stream)).await;
        self.streams.push(report);
        ended
    }

    async fn tell_end(&mut self, lasted: Duration) {
        let Some(url) = self.config.status_callback.clone() else { return };
        let seconds = lasted.as_secs().to_string();
        let more = [
            ("CallDuration", seconds.as_str()),
            ("Duration", "1"),
            ("SequenceNumber", "0"),
            ("CallbackSource", "call-progress-events"),
        ];
        let form = self.identity.form("completed", &more);
        if let Err(error) = self.poster.post(&url, &form).await {
            // 15003: a warning from the webhook of a call's progress.
            self.warnings.push(Warning { code: 15_003, what: error.to_string() });
        }
    }

    /// The end of a stream in the report's words, if it is the end of the call.
    pub(super) fn ended_by(end: &StreamEnd, gave_up: Option<String>) -> Option<Ended> {
        match (end, gave_up) {
            (_, Some(why)) => Some(Ended::CallerGaveUp(why)),
            (StreamEnd::CallerHungUp, None) => Some(Ended::CallerHungUp),
            (StreamEnd::ServerClosed | StreamEnd::Redirected | StreamEnd::Broke | StreamEnd::Refused(_), None) => None,
        }
    }
}
