//! What a relay counts and measures, as Prometheus reads it. Labels come from closed sets, or are made to.

use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, text::encode};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use shared::calls::{Ending, MediaPath};
use shared::session::{DropReason, Event};
use shared::tools::ToolErrorKind;

#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    pub calls: Gauge,
    pub calls_opened: Counter,
    pub calls_ended: Counts,
    pub transfers: Counts,
    pub driver_panics: Counter,
    pub take_overs: Counter,
    pub frames_received: Counts,
    pub frames_sent: Counts,
    pub frames_dropped: Counts,
    pub frame_faults: Counts,
    pub frames_lost: Counter,
    pub silence_filled_ms: Counter,
    pub preroll_dropped_ms: Counter,
    pub audio_dropped_ms: Counter,
    pub barge_ins: Counter,
    pub streams_refused: Counts,
    pub posts: Counter,
    pub post_errors: Counts,
    pub model_dials: Counter,
    pub model_frames: Counter,
    pub model_faults: Counts,
    pub model_errors: Counts,
    pub model_losses: Counts,
    pub model_renewals: Counts,
    pub tool_calls: Family<ToolLabels, Counter>,
    pub tool_seconds: Histogram,
    pub tools_late: Counter,
    pub barge_in_seconds: Histogram,
    added_to_model: Histogram,
    added_to_caller: Histogram,
    pub greeting_seconds: Histogram,
    pub answer_seconds: Histogram,
    turn_first_audio_seconds: Histogram,
    turn_answer_seconds: Histogram,
    turn_barge_in_seconds: Histogram,
    mark_late_seconds: Histogram,
    spend_warnings: Counter,
    pub watchers: Gauge,
    pub watchers_dropped: Counts,
    pub watch_posts: Counter,
    pub watch_post_errors: Counts,
    pub watch_dropped: Counts,
    pub pulses_missed: Counter,
    pub chronicle_lag_seconds: Histogram,
    pub chronicle_dropped: Counter,
    pub chronicle_errors: Counts,
    pub recorder_lost_ms: Counts,
    pub event_loop_lag_seconds: Gauge<f64, std::sync::atomic::AtomicU64>,
    pub cpu_share: Gauge<f64, std::sync::atomic::AtomicU64>,
    pub memory_bytes: Gauge,
}

/// A counter for each value of one label.
pub type Counts = Family<Label, Counter>;

/// Every family has one label with one name: what distinguishes its members.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Label {
    pub kind: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ToolLabels {
    pub name: String,
    pub outcome: &'static str,
}

pub fn label(kind: &str) -> Label {
    Label { kind: kind.to_owned() }
}

/// A label from outside: a vendor's word if it looks like a code, `other` if not.
pub fn code_label(code: &str) -> Label {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'.';
    label(if !code.is_empty() && code.len() <= 48 && code.bytes().all(plain) { code } else { "other" })
}

impl Metrics {
    pub fn new() -> Self {
        let mut metrics = Self::unregistered();
        let mut registry = Registry::with_prefix("voicebridge_relay");
        metrics.register_traffic(&mut registry);
        metrics.register_call(&mut registry);
        metrics.register_turns(&mut registry);
        metrics.register_watching(&mut registry);
        metrics.register_upkeep(&mut registry);
        metrics.registry = registry;
        metrics
    }

    pub fn text(&self) -> String {
        let mut text = String::new();
        if let Err(error) = encode(&mut text, &self.registry) {
            tracing::error!(%error, "metrics could not be written");
        }
        text
    }

    pub fn added(&self, direction: Direction, took: Duration) {
        let histogram = match direction {
            Direction::ToModel => &self.added_to_model,
            Direction::ToCaller => &self.added_to_caller,
        };
        histogram.observe(took.as_secs_f64());
    }

    fn tool_finished(&self, name: &str, took_ms: u64, error: Option<ToolErrorKind>, tools: &[String]) {
        let name = if tools.iter().any(|tool| tool == name) { name } else { "unknown" };
        let labels = ToolLabels { name: name.to_owned(), outcome: outcome_name(error) };
        self.tool_calls.get_or_create(&labels).inc();
        self.tool_seconds.observe(seconds(took_ms));
    }

    fn unregistered() -> Self {
        Self {
            registry: Registry::default(),
            calls: Gauge::default(),
            calls_opened: Counter::default(),
            calls_ended: Counts::default(),
            transfers: Counts::default(),
            driver_panics: Counter::default(),
            take_overs: Counter::default(),
            frames_received: Counts::default(),
            frames_sent: Counts::default(),
            frames_dropped: Counts::default(),
            frame_faults: Counts::default(),
            frames_lost: Counter::default(),
            silence_filled_ms: Counter::default(),
            preroll_dropped_ms: Counter::default(),
            audio_dropped_ms: Counter::default(),
            barge_ins: Counter::default(),
            streams_refused: Counts::default(),
            posts: Counter::default(),
            post_errors: Counts::default(),
            model_dials: Counter::default(),
            model_frames: Counter::default(),
            model_faults: Counts::default(),
            model_errors: Counts::default(),
            model_losses: Counts::default(),
            model_renewals: Counts::default(),
            tool_calls: Family::default(),
            tool_seconds: Histogram::new(LONG),
            tools_late: Counter::default(),
            barge_in_seconds: Histogram::new(SHORT),
            added_to_model: Histogram::new(SHORT),
            added_to_caller: Histogram::new(SHORT),
            greeting_seconds: Histogram::new(LONG),
            answer_seconds: Histogram::new(LONG),
            turn_first_audio_seconds: Histogram::new(LONG),
            turn_answer_seconds: Histogram::new(LONG),
            turn_barge_in_seconds: Histogram::new(LONG),
            mark_late_seconds: Histogram::new(LONG),
            spend_warnings: Counter::default(),
            watchers: Gauge::default(),
            watchers_dropped: Counts::default(),
            watch_posts: Counter::default(),
            watch_post_errors: Counts::default(),
            watch_dropped: Counts::default(),
            pulses_missed: Counter::default(),
            chronicle_lag_seconds: Histogram::new(LONG),
            chronicle_dropped: Counter::default(),
            chronicle_errors: Counts::default(),
            recorder_lost_ms: Counts::default(),
            event_loop_lag_seconds: Gauge::default(),
            cpu_share: Gauge::default(),
            memory_bytes: Gauge::default(),
        }
    }

    fn register_traffic(&self, to: &mut Registry) {
        to.register("frames_received", "Stream messages from callers, by path", self.frames_received.clone());
        to.register("frames_sent", "Stream messages to callers, by path", self.frames_sent.clone());
        to.register("frames_dropped", "Messages thrown away, by reason", self.frames_dropped.clone());
        to.register("frame_faults", "Messages that were not understood, by fault", self.frame_faults.clone());
        to.register("frames_lost", "Caller frames that never came", self.frames_lost.clone());
        to.register("silence_filled_ms", "Silence put in place of lost frames", self.silence_filled_ms.clone());
        to.register(
            "preroll_dropped_ms",
            "Caller audio given up before the model was there",
            self.preroll_dropped_ms.clone(),
        );
        to.register("audio_dropped_ms", "Model audio that nobody was to hear", self.audio_dropped_ms.clone());
        to.register("barge_ins", "Times the caller spoke into the agent's words", self.barge_ins.clone());
        to.register("streams_refused", "Streams that were not let in, by reason", self.streams_refused.clone());
        to.register("posts", "Messages posted through the gateway", self.posts.clone());
        to.register("post_errors", "Posts that failed, by error", self.post_errors.clone());
        to.register(
            "added_to_model_seconds",
            "From a caller's frame in to the model's out",
            self.added_to_model.clone(),
        );
        to.register(
            "added_to_caller_seconds",
            "From a model's frame in to the caller's out",
            self.added_to_caller.clone(),
        );
        to.register("barge_in_seconds", "From speech_started to clear on the wire", self.barge_in_seconds.clone());
    }

    fn register_call(&self, to: &mut Registry) {
        to.register("calls", "Calls held now", self.calls.clone());
        to.register("calls_opened", "Calls taken", self.calls_opened.clone());
        to.register("transfers", "Transfers, by what came of them", self.transfers.clone());
        to.register("calls_ended", "Calls ended, by ending", self.calls_ended.clone());
        to.register("take_overs", "Calls that were another relay's", self.take_overs.clone());
        to.register("driver_panics", "Calls that a bug tore from their driver", self.driver_panics.clone());
        to.register("model_dials", "Sockets to the model that were asked for", self.model_dials.clone());
        to.register("model_frames", "Frames from the model", self.model_frames.clone());
        to.register("model_faults", "Frames from the model that were no use, by fault", self.model_faults.clone());
        to.register("model_errors", "Error events of the model, by code", self.model_errors.clone());
        to.register("model_losses", "Sockets to the model that were lost, by cause", self.model_losses.clone());
        to.register("model_renewals", "Sessions replaced before their end, by how", self.model_renewals.clone());
        to.register("tool_calls", "Tool calls, by name and outcome", self.tool_calls.clone());
        to.register("tool_seconds", "How long tools took", self.tool_seconds.clone());
        to.register("tools_late", "Outcomes that nobody waited for any more", self.tools_late.clone());
        to.register("greeting_seconds", "From start to the first frame of the greeting", self.greeting_seconds.clone());
        to.register("answer_seconds", "From the end of speech to the answer", self.answer_seconds.clone());
    }

    fn register_turns(&self, to: &mut Registry) {
        to.register(
            "turn_first_audio_seconds",
            "From the end of speech to the first sound, music included",
            self.turn_first_audio_seconds.clone(),
        );
        to.register(
            "turn_answer_seconds",
            "From the end of speech to the answer, tools included",
            self.turn_answer_seconds.clone(),
        );
        to.register(
            "turn_barge_in_seconds",
            "From the first sound of speech to the end of what it interrupts",
            self.turn_barge_in_seconds.clone(),
        );
        to.register(
            "mark_late_seconds",
            "How late the slowest mark of a turn came back",
            self.mark_late_seconds.clone(),
        );
        to.register("spend_warnings", "Calls that were told to come to an end", self.spend_warnings.clone());
    }

    fn turn(&self, turn: [Option<u64>; 4]) {
        let into = [
            &self.turn_first_audio_seconds,
            &self.turn_answer_seconds,
            &self.mark_late_seconds,
            &self.turn_barge_in_seconds,
        ];
        for (histogram, ms) in into.into_iter().zip(turn) {
            ms.into_iter().for_each(|ms| histogram.observe(seconds(ms)));
        }
    }

    fn register_watching(&self, to: &mut Registry) {
        to.register("watchers", "Consoles that watch", self.watchers.clone());
        to.register("watchers_dropped", "Consoles that were given up, by why", self.watchers_dropped.clone());
        to.register("watch_posts", "Messages posted to consoles", self.watch_posts.clone());
        to.register("watch_post_errors", "Posts to consoles that failed, by error", self.watch_post_errors.clone());
        to.register("watch_dropped", "Things that no console was told, by why", self.watch_dropped.clone());
    }

    fn register_upkeep(&self, to: &mut Registry) {
        to.register("pulses_missed", "Signs of life that the store did not take", self.pulses_missed.clone());
        to.register("chronicle_lag_seconds", "From happening to written down", self.chronicle_lag_seconds.clone());
        to.register("chronicle_dropped", "Entries that were not written down", self.chronicle_dropped.clone());
        to.register("chronicle_errors", "Writes that failed, by error", self.chronicle_errors.clone());
        to.register(
            "recorder_lost_ms",
            "Sound that is in no recording, by where it was lost",
            self.recorder_lost_ms.clone(),
        );
        to.register("event_loop_lag_seconds", "How late timers fire", self.event_loop_lag_seconds.clone());
        to.register("cpu_share", "Share of one core", self.cpu_share.clone());
        to.register("memory_bytes", "Resident memory", self.memory_bytes.clone());
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

/// Turns a call's events into numbers. The heart's counts run over the whole call; the relay's over all calls, so
/// what a call has told before is taken off.
#[derive(Debug, Default)]
pub struct Told {
    lost: u64,
    duplicate: u64,
    late: u64,
    wrong_stream: u64,
    silence_ms: u64,
    preroll_ms: u64,
    audio_ms: u64,
}

impl Told {
    /// `tools` are the agent's: the model may invent others, and names are labels.
    pub fn note(&mut self, event: &Event, metrics: &Metrics, tools: &[String]) {
        match event {
            Event::ModelDialled { .. } => _ = metrics.model_dials.inc(),
            Event::ModelLost { code, .. } => _ = metrics.model_losses.get_or_create(&code_label(code)).inc(),
            Event::ModelRenewed { quiet, .. } => {
                let how = if *quiet { "quiet" } else { "last_moment" };
                metrics.model_renewals.get_or_create(&label(how)).inc();
            }
            Event::RenewalFailed { .. } => _ = metrics.model_renewals.get_or_create(&label("failed")).inc(),
            Event::ModelError { code } | Event::ResponseRejected { code } => {
                metrics.model_errors.get_or_create(&code_label(code)).inc();
            }
            Event::ModelUnknown { .. } => _ = metrics.model_faults.get_or_create(&label("unknown_event")).inc(),
            Event::Greeted { after_ms } => metrics.greeting_seconds.observe(seconds(*after_ms)),
            Event::Answered { after_ms } => metrics.answer_seconds.observe(seconds(*after_ms)),
            Event::Turn { first_audio_ms, answer_ms, mark_ms, barge_in_ms, .. } => {
                metrics.turn([*first_audio_ms, *answer_ms, *mark_ms, *barge_in_ms]);
            }
            Event::SpendWarning => _ = metrics.spend_warnings.inc(),
            Event::ToolFinished { name, took_ms, error, .. } => metrics.tool_finished(name, *took_ms, *error, tools),
            Event::ToolLate { .. } => _ = metrics.tools_late.inc(),
            Event::FramesLost { count } => _ = metrics.frames_lost.inc_by(news(&mut self.lost, *count)),
            Event::FramesDropped { reason, count } => self.frames_dropped(*reason, *count, metrics),
            Event::SilenceFilled { ms } => _ = metrics.silence_filled_ms.inc_by(news(&mut self.silence_ms, *ms)),
            Event::PrerollDropped { ms } => _ = metrics.preroll_dropped_ms.inc_by(news(&mut self.preroll_ms, *ms)),
            Event::AudioDropped { ms } => _ = metrics.audio_dropped_ms.inc_by(news(&mut self.audio_ms, *ms)),
            Event::Unexpected { .. } => _ = metrics.frame_faults.get_or_create(&label("unexpected")).inc(),
            Event::BargeIn { .. } => _ = metrics.barge_ins.inc(),
            Event::TransferFailed { why, .. } => _ = metrics.transfers.get_or_create(&label(why.name())).inc(),
            Event::Transferred { .. } => _ = metrics.transfers.get_or_create(&label("through")).inc(),
            Event::Ended { ending, .. } => _ = metrics.calls_ended.get_or_create(&label(ending_name(*ending))).inc(),
            Event::Resumed { .. }
            | Event::CallerAttached { .. }
            | Event::CallerDetached
            | Event::Cost(_)
            | Event::ModelReady { .. }
            | Event::AgentChanged { .. }
            | Event::AgentRefused { .. }
            | Event::ResponseDone { .. }
            | Event::ToolStarted { .. }
            | Event::HoldStarted
            | Event::HoldStopped
            | Event::Dtmf { .. }
            | Event::Digits { .. }
            | Event::DtmfSent { .. }
            | Event::Whispered
            | Event::SayAsked { .. }
            | Event::Said { .. }
            | Event::OnHold { .. }
            | Event::OffHold { .. }
            | Event::RecordingPaused { .. }
            | Event::RecordingResumed { .. }
            | Event::HangUpAsked { .. }
            | Event::TransferAsked { .. }
            | Event::TransferAnswer { .. }
            | Event::MessageTaken { .. }
            | Event::CallbackScheduled { .. } => {}
        }
    }

    fn frames_dropped(&mut self, reason: DropReason, count: u64, metrics: &Metrics) {
        let told = match reason {
            DropReason::Duplicate => &mut self.duplicate,
            DropReason::Late => &mut self.late,
            DropReason::WrongStream => &mut self.wrong_stream,
        };
        metrics.frames_dropped.get_or_create(&label(drop_name(reason))).inc_by(news(told, count));
    }
}

fn news(told: &mut u64, total: u64) -> u64 {
    total.saturating_sub(std::mem::replace(told, total))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    ToModel,
    ToCaller,
}

pub fn path_name(path: MediaPath) -> &'static str {
    match path {
        MediaPath::Gateway => "gateway",
        MediaPath::Direct => "direct",
    }
}

/// 50 µs to 1 s: what the relay itself may add.
const SHORT: [f64; 14] =
    [0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.5, 1.0];
/// 10 ms to 30 s: what people wait for.
const LONG: [f64; 12] = [0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.5, 5.0, 10.0, 30.0];

fn seconds(ms: u64) -> f64 {
    Duration::from_millis(ms).as_secs_f64()
}

fn drop_name(reason: DropReason) -> &'static str {
    match reason {
        DropReason::Duplicate => "duplicate",
        DropReason::Late => "late",
        DropReason::WrongStream => "wrong_stream",
    }
}

fn ending_name(ending: Ending) -> &'static str {
    match ending {
        Ending::CallerHungUp => "caller_hung_up",
        Ending::AgentHungUp => "agent_hung_up",
        Ending::OperatorHungUp => "operator_hung_up",
        Ending::Abandoned => "abandoned",
        Ending::CallerSilent => "caller_silent",
        Ending::LongestCall => "longest_call",
        Ending::SpendLimit => "spend_limit",
        Ending::Transferred => "transferred",
        Ending::ModelUnavailable => "model_unavailable",
    }
}

fn outcome_name(error: Option<ToolErrorKind>) -> &'static str {
    match error {
        None => "ok",
        Some(ToolErrorKind::UnknownTool) => "unknown_tool",
        Some(ToolErrorKind::InvalidArguments) => "invalid_arguments",
        Some(ToolErrorKind::NotFound) => "not_found",
        Some(ToolErrorKind::Unavailable) => "unavailable",
        Some(ToolErrorKind::TimedOut) => "timed_out",
        Some(ToolErrorKind::TooLarge) => "too_large",
        Some(ToolErrorKind::TooMany) => "too_many",
        Some(ToolErrorKind::Cancelled) => "cancelled",
        Some(ToolErrorKind::Internal) => "internal",
    }
}
