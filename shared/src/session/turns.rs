//! Who speaks. The model says when the caller begins and ends; what the caller had not heard by then is taken back.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::caller::put_on_wire;
use super::line::STALL;
use super::link::millis;
use super::on_hold::OffHold;
use super::output::{Event, Interruption, Output, Speaker, ToCaller};
use super::playback::{Cut, Source};
use super::responses::{Reason, Rejected, Wish};
use super::{ModelLoss, Phase, Session, Timer};
use crate::agent::Greeting;
use crate::audio::Payload;
use crate::audio::recording::{RecordOp, Track};
use crate::ids::{ItemId, ResponseId};
use crate::model::{ModelCommand, ModelError, ModelEvent, ResponseStatus, Severity, ToolUse, Usage};
use crate::redact::Pii;
use crate::time::CallTime;

/// A response that does not begin, or goes silent without an end, is given up after this.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
const FIRST_RETRY: Duration = Duration::from_secs(1);
pub(super) const WORD_FOR_WORD: &str = "Say the following, word for word, and nothing before or after it: ";
/// Failed responses in a row before the session itself is held to be broken.
const MOST_FAILURES: u32 = 3;

/// What the agent says when it can be heard again, if anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Back {
    #[default]
    Nothing,
    /// It was in the middle of a sentence.
    MidSentence,
    /// The caller has been alone for a while.
    Away,
}

/// What the conversation is at.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Turn {
    pub(super) greeted: bool,
    pub(super) back: Back,
    /// When the caller's last utterance ended, until it is answered.
    ended_at: Option<CallTime>,
    /// Nothing was heard of the agent yet.
    mute: bool,
    /// The caller has been asked whether they are still there.
    pub(super) checked: bool,
    /// The end of the last thing the caller said.
    pub(super) caller_spoke_at: CallTime,
}

impl Turn {
    pub(super) fn new() -> Self {
        Self { mute: true, ..Self::default() }
    }

    /// Another relay had this call, and left no more of it than its transcript; or not even that.
    pub(super) fn continuing(greeted: bool) -> Self {
        let mut turn = Self { greeted, mute: !greeted, ..Self::default() };
        turn.left_alone();
        turn
    }

    /// Who was not greeted yet does not hear that the agent is back.
    pub(super) fn left_alone(&mut self) {
        self.back = if self.greeted { Back::Away } else { Back::Nothing };
    }

    /// The model's session is gone.
    pub(super) fn forget(&mut self, broken_off: bool) {
        if broken_off && self.back == Back::Nothing {
            self.back = Back::MidSentence;
        }
        self.ended_at = None;
    }
}

impl Session {
    pub(super) fn on_model(&mut self, now: CallTime, event: ModelEvent) {
        match event {
            ModelEvent::Audio { response, item, content_index, payload } => {
                self.on_audio(now, &response, item, content_index, payload);
            }
            ModelEvent::Ready => self.on_model_ready(now),
            ModelEvent::SpeechStarted { item, at_ms } => self.on_speech_started(now, &item, at_ms),
            ModelEvent::SpeechStopped { item, at_ms } => {
                self.earshot.ends(&item, at_ms);
                self.on_speech_stopped(now);
            }
            ModelEvent::Committed { item } => self.on_committed(now, &item),
            ModelEvent::CallerSays { item, text } => self.on_caller_says(&item, text.reveal()),
            ModelEvent::CallerSaid { item, text } => {
                self.transcript.begin(Speaker::Caller, &item, now);
                let made_out_to = self.earshot.made_out(&item);
                let line = self.transcript.settle(&item, text, made_out_to);
                self.show(line);
            }
            ModelEvent::ResponseStarted { response } => self.on_response_started(now, &response),
            ModelEvent::AudioDone { .. } => self.mark_end(),
            ModelEvent::AgentSays { item, text } => {
                self.transcript.begin(Speaker::Agent, &item, now);
                self.transcript.append(&item, text.reveal());
                self.show_so_far(&item);
            }
            ModelEvent::AgentSaid { item, text } => {
                self.transcript.begin(Speaker::Agent, &item, now);
                let line = self.transcript.settle(&item, Some(text), None);
                self.show(line);
            }
            ModelEvent::ToolCall { call, name, arguments, .. } => self.on_tool_call(now, &call, name, arguments),
            ModelEvent::RemoteTool { item, stage } => self.on_remote_tool(now, &item, stage),
            ModelEvent::ResponseDone { response, status, usage } => {
                self.on_response_done(now, &response, status, usage)
            }
            ModelEvent::Error(error) => self.on_model_error(now, error),
            ModelEvent::Unknown { kind } => self.note(Event::ModelUnknown { kind }),
            ModelEvent::Created { .. } | ModelEvent::Noted => {}
        }
    }

    pub(super) fn greet(&mut self) {
        self.turn.greeted = true;
        let how = match &self.plan.agent.greeting {
            Greeting::Spoken(how) => how.clone(),
            Greeting::Words(words) => format!("{WORD_FOR_WORD}{words}"),
            Greeting::None => return,
        };
        let instructions = Some(how);
        self.responses.want(Wish { reason: Reason::Greeting, instructions, tools: ToolUse::Forbidden });
    }

    fn on_speech_started(&mut self, now: CallTime, item: &ItemId, at_ms: u64) {
        self.earshot.begins(item, at_ms);
        self.line.speaking = true;
        self.turn.checked = false;
        self.timers.arm(Timer::Stall, now + STALL);
        self.transcript.begin(Speaker::Caller, item, now);
        if let Phase::Closing(_) | Phase::Parting = self.phase {
            return;
        }
        self.tools.caller_spoke();
        self.come_back(now, OffHold::CallerSpoke);
        let cuts = self.interrupt_playback(now);
        self.close_turn(now);
        self.meter.begin((!cuts.is_empty()).then(|| self.earshot.utterance().as_millis()));
        for Cut { item, heard, sent, .. } in cuts {
            self.note(Event::BargeIn { item, heard_ms: heard.as_millis(), sent_ms: sent.as_millis() });
        }
        if self.responses.interrupt() && !self.plan.capabilities.interrupts_itself {
            self.cancel_response();
        }
    }

    /// Takes back what is at the carrier and tells the model what was heard of it.
    pub(super) fn interrupt_playback(&mut self, now: CallTime) -> Vec<Cut> {
        self.stop_music(now);
        if !self.playback.may_sound(now) {
            return Vec::new();
        }
        let cuts = self.playback.cut(now);
        self.clear_caller(now);
        cuts.iter().for_each(|cut| self.truncate(cut));
        cuts
    }

    pub(super) fn clear_caller(&mut self, now: CallTime) {
        if let Some(stream) = self.stream.clone() {
            self.emit(Output::Caller(ToCaller::Clear { stream }));
        }
        self.keeping.agent_falls_silent(now);
        self.emit(Output::Record(RecordOp::Cut { track: Track::Agent, at: now.into() }));
    }

    pub(super) fn truncate(&mut self, cut: &Cut) {
        let (heard_ms, sent_ms) = (cut.heard.as_millis(), cut.sent.as_millis());
        if self.plan.capabilities.truncates && self.link.is_ready() && cut.session == self.link.session() {
            let (item, content_index) = (cut.item.clone(), cut.content_index);
            self.tell_model(ModelCommand::Truncate { item, content_index, heard_ms });
        }
        let line = self.transcript.interrupt(&cut.item, Interruption { heard_ms, sent_ms });
        self.show(line);
    }

    fn on_speech_stopped(&mut self, now: CallTime) {
        self.line.speaking = false;
        self.timers.disarm(&Timer::Stall);
        self.turn.ended_at = Some(now);
        self.meter.ended(now);
        self.turn.caller_spoke_at = now;
    }

    fn on_committed(&mut self, now: CallTime, item: &ItemId) {
        self.line.speaking = false;
        self.transcript.begin(Speaker::Caller, item, now);
        if let Phase::Closing(_) | Phase::Parting = self.phase {
            return;
        }
        // Who was speaking already when they were put on hold.
        self.come_back(now, OffHold::CallerSpoke);
        self.responses.want(Wish { reason: Reason::Answer, instructions: None, tools: self.tool_use() });
    }

    /// Sends the one `response.create` that is due, if nothing stands against it.
    pub(super) fn ask_for_response(&mut self, now: CallTime) {
        let free = self.link.is_ready()
            && self.is_present()
            && !self.line.speaking
            && !self.keys.is_dialling()
            && !self.is_on_hold()
            && (!self.tools.is_pending() || self.responses.has_sayings())
            && !self.timers.is_armed(&Timer::Retry);
        if !free {
            return;
        }
        if let Some(mut command) = self.responses.ask(now) {
            self.keep_instructions(now, &mut command);
            self.tell_model(command);
            self.timers.arm(Timer::Response, now + LONGEST_PAUSE);
        }
    }

    /// The vendor takes a response's instructions instead of the session's, not beside them.
    fn keep_instructions(&self, now: CallTime, command: &mut ModelCommand) {
        if let ModelCommand::CreateResponse { instructions: Some(how), .. } = command {
            let (agent, facts, unix_ms) = (&self.plan.agent, &self.plan.facts, self.unix_ms(now));
            let (brief, own) = (agent.brief(facts, unix_ms), agent.say(how.reveal(), facts, unix_ms));
            *how = Pii::new(format!("{}\n\nNow: {}", brief.reveal(), own.reveal()));
        }
    }

    fn on_response_started(&mut self, now: CallTime, response: &ResponseId) {
        if self.responses.started(response, now) {
            self.cancel_response();
        }
        self.timers.arm(Timer::Response, now + LONGEST_PAUSE);
    }

    pub(super) fn cancel_response(&mut self) {
        if self.link.is_ready() {
            self.tell_model(ModelCommand::CancelResponse);
        }
    }

    fn on_audio(&mut self, now: CallTime, response: &ResponseId, item: ItemId, content_index: u32, payload: Payload) {
        let wanted = self.responses.audio(response, now);
        let (Some(first), true) = (wanted, self.is_present()) else {
            let event = self.tallies.audio(payload.samples());
            return event.into_iter().for_each(|event| self.note(event));
        };
        if first {
            self.on_first_audio(now);
        } else if self.hold.sounds() {
            // It has begun in a pause between two words.
            self.end_music(now);
        }
        let session = self.link.session();
        let Self { playback, out, stream, .. } = self;
        let Some(stream) = stream else { return };
        let source = Source::Item { item, content_index, session };
        playback.push(&source, payload, now, |send| put_on_wire(out, stream, send));
    }

    fn on_first_audio(&mut self, now: CallTime) {
        self.end_music(now);
        self.hold.bear_pauses();
        self.meter.speaks(now);
        self.on_saying_heard(now);
        if let Some(ended_at) = self.turn.ended_at.take() {
            self.note(Event::Answered { after_ms: millis(now.since(ended_at)) });
        }
        if std::mem::take(&mut self.turn.mute) {
            let after_ms = self.attached_at.map_or(0, |attached| millis(now.since(attached)));
            self.note(Event::Greeted { after_ms });
        }
    }

    pub(super) fn mark_end(&mut self) {
        let Self { playback, out, stream, .. } = self;
        let Some(stream) = stream else { return };
        playback.finish(|send| put_on_wire(out, stream, send));
    }

    fn on_response_done(&mut self, now: CallTime, response: &ResponseId, status: ResponseStatus, usage: Option<Usage>) {
        self.mark_end();
        let heard = self.responses.is_audible();
        self.spent += usage.unwrap_or_default();
        self.tools.close_round();
        let wish = self.responses.done(response);
        let says = wish.as_ref().is_some_and(|wish| wish.reason == Reason::Say);
        if self.responses.waits_since().is_none() {
            self.timers.disarm(&Timer::Response);
        }
        let word = match &status {
            ResponseStatus::Completed => "completed",
            ResponseStatus::Cancelled => "cancelled",
            ResponseStatus::Incomplete { .. } => "incomplete",
            ResponseStatus::Failed { .. } => "failed",
        };
        self.note(Event::ResponseDone { response: response.detached(), status: word.to_owned(), usage });
        match status {
            ResponseStatus::Completed => {
                self.link.proved();
                self.responses.succeeded();
                match heard {
                    // An operator's words answer nothing.
                    true if says => {}
                    true => {
                        self.earshot.answered();
                        self.tools.told();
                        self.keys.answered();
                    }
                    false if says => self.responses.give_up_saying(),
                    false => {}
                }
            }
            ResponseStatus::Failed { code, severity } => {
                let again = wish.filter(|_| !(says && heard));
                self.on_response_failed(now, again, code, severity);
            }
            ResponseStatus::Incomplete { .. } if says && !heard => self.responses.give_up_saying(),
            ResponseStatus::Cancelled | ResponseStatus::Incomplete { .. } => {}
        }
    }

    /// Once more after a pause; after some of these the session is held to be broken and another one dialled.
    fn on_response_failed(&mut self, now: CallTime, wish: Option<Wish>, code: String, severity: Severity) {
        self.note(Event::ModelError { code: code.clone() });
        let failures = self.responses.failed();
        let wish = match wish {
            // The call is not to be lost over an operator's words.
            Some(Wish { reason: Reason::Say, .. }) if failures > 1 => {
                self.responses.give_up_saying();
                None
            }
            wish => wish,
        };
        if severity == Severity::Fatal || failures >= MOST_FAILURES {
            let severity = if severity == Severity::Fatal { severity } else { Severity::SessionOver };
            wish.into_iter().for_each(|wish| self.responses.want(wish));
            return self.drop_model(now, &ModelLoss { code, severity });
        }
        if let Some(wish) = wish {
            self.responses.want(wish);
            self.timers.arm(Timer::Retry, now + FIRST_RETRY * 2_u32.saturating_pow(failures - 1));
        }
    }

    pub(super) fn on_response_late(&mut self, now: CallTime) {
        let Some(since) = self.responses.waits_since() else { return };
        // A tool that the vendor calls may take longer than a pause, and has a limit of its own.
        let since = if self.tools.is_remote() { now } else { since };
        if now.since(since) < LONGEST_PAUSE {
            return self.timers.arm(Timer::Response, since + LONGEST_PAUSE);
        }
        self.drop_model(now, &ModelLoss { code: "no_answer".to_owned(), severity: Severity::Retry });
    }

    fn on_model_error(&mut self, now: CallTime, error: ModelError) {
        let ModelError { code, event, severity, .. } = error;
        if let Some(Rejected { wish }) = event.as_ref().and_then(|event| self.responses.rejected(event, severity)) {
            self.note(Event::ResponseRejected { code: code.clone() });
            if severity != Severity::Busy {
                self.on_response_failed(now, wish, code, severity);
            }
            return;
        }
        self.note(Event::ModelError { code: code.clone() });
        let severity = match event.as_ref().is_some_and(|event| self.on_change_refused(now, event, &code)) {
            // Where it was part of the first words, there is no session; another one is told of the agent before.
            true if self.link.is_ready() => return,
            true => return self.drop_model(now, &ModelLoss { code, severity: Severity::Retry }),
            false => severity,
        };
        let refused = self.link.in_use().refuses(event.as_ref());
        if refused || severity == Severity::Fatal {
            return self.drop_model(now, &ModelLoss { code, severity: Severity::Fatal });
        }
        if severity == Severity::SessionOver {
            self.drop_model(now, &ModelLoss { code, severity });
        }
    }

    pub(super) fn show(&mut self, line: Option<super::output::Line>) {
        line.into_iter().for_each(|line| {
            let line = self.transcript.as_kept(line);
            self.emit(Output::Transcript(line));
        });
    }
}
