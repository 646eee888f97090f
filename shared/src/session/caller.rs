//! The caller's stream: it comes, it goes, and what it carries is put in order and made whole.

use std::time::Duration;

use super::line::{STALL, silence};
use super::link::millis;
use super::output::{DropReason, Event, Output, ToCaller};
use super::playback::Send;
use super::resequence::{Arrival, Resequencer};
use super::{Phase, Session, Timer};
use crate::audio::Payload;
use crate::audio::recording::{RecordOp, Track};
use crate::calls::{CallStatus, Ending};
use crate::ids::StreamSid;
use crate::model::ModelCommand;
use crate::time::{CallTime, Samples};
use crate::twilio::media::{Media, Start, StreamEvent, StreamMessage};

impl Session {
    pub(super) fn on_attached(&mut self, now: CallTime, stream: StreamSid) {
        if let Some(doomed) = self.doom() {
            return self.end(now, doomed);
        }
        if self.is_present() {
            self.lose_stream(now);
        }
        self.stream = Some(stream.detached());
        self.order = Resequencer::default();
        self.line.restart();
        self.watched.restart();
        let same = self.is_of_former(&stream);
        self.recognise(now, &stream);
        self.timers.disarm(&Timer::Attach);
        self.note(Event::CallerAttached { stream: stream.detached() });
        if let Phase::Waiting { .. } = self.phase {
            self.phase = Phase::Talking;
            self.emit(Output::Status(CallStatus::InProgress));
        }
        self.attached_at.get_or_insert(now);
        self.watch_cost(now);
        self.rearm_silence(now);
        self.back_from_transfer(now, same);
        self.open_conversation(now);
    }

    pub(super) fn on_detached(&mut self, now: CallTime, stream: &StreamSid) {
        if self.stream.as_ref() != Some(stream) {
            return;
        }
        if let Phase::Closing(ending) = self.phase {
            self.lose_stream(now);
            self.note(Event::CallerDetached);
            return self.end(now, ending);
        }
        self.gone_from_stream(now);
    }

    /// The stream is gone and what it had buffered with it; the model is told how much of its words was heard.
    pub(super) fn lose_stream(&mut self, now: CallTime) {
        self.stream = None;
        self.spending.stream_went(now);
        self.interrupt_playback(now);
        if self.responses.interrupt() {
            self.cancel_response();
        }
        self.line.speaking = false;
        self.turn.left_alone();
        self.timers.disarm(&Timer::Gap);
        self.timers.disarm(&Timer::Silence);
    }

    pub(super) fn on_stream_message(&mut self, now: CallTime, message: StreamMessage) {
        if self.stream.as_ref() != Some(&message.stream) {
            return self.drop_frame(DropReason::WrongStream);
        }
        match self.order.arrive(message.sequence, message.event) {
            Arrival::InOrder(event) => {
                self.carry(now, event);
                self.carry_waiting(now);
            }
            Arrival::Waits { full: false } if self.plan.reorder_ms > 0 => {
                if !self.timers.is_armed(&Timer::Gap) {
                    self.timers.arm(Timer::Gap, now + Duration::from_millis(self.plan.reorder_ms));
                }
            }
            Arrival::Waits { .. } => self.give_up_gap(now),
            Arrival::Duplicate => self.drop_frame(DropReason::Duplicate),
            Arrival::Late => self.drop_frame(DropReason::Late),
        }
    }

    pub(super) fn give_up_gap(&mut self, now: CallTime) {
        let lost = self.order.give_up_gap();
        if lost > 0 {
            let event = self.tallies.lost(lost);
            event.into_iter().for_each(|event| self.note(event));
        }
        self.carry_waiting(now);
    }

    fn carry_waiting(&mut self, now: CallTime) {
        if !self.order.is_waiting() {
            if self.plan.reorder_ms > 0 {
                self.timers.disarm(&Timer::Gap);
            }
            return;
        }
        while let Some(event) = self.order.next() {
            self.carry(now, event);
        }
        self.timers.disarm(&Timer::Gap);
        if self.order.is_waiting() {
            self.timers.arm(Timer::Gap, now + Duration::from_millis(self.plan.reorder_ms));
        }
    }

    /// A message whose turn has come.
    fn carry(&mut self, now: CallTime, event: StreamEvent) {
        match event {
            StreamEvent::Media(media) => self.on_media(now, media),
            StreamEvent::Mark { name } => self.on_mark(now, &name),
            StreamEvent::Start(start) => self.on_start(&start),
            StreamEvent::Dtmf { digit } => self.on_dtmf(now, digit),
            StreamEvent::Stop if self.is_departing() => self.gone_from_stream(now),
            StreamEvent::Stop => self.end(now, Ending::CallerHungUp),
        }
    }

    fn on_start(&mut self, start: &Start) {
        if std::mem::replace(&mut self.line.started, true) {
            return self.note(Event::Unexpected { what: "a second start".to_owned() });
        }
        if start.call != self.plan.sid {
            self.note(Event::Unexpected { what: "a stream of another call".to_owned() });
        }
    }

    fn on_media(&mut self, now: CallTime, media: Media) {
        let length = media.payload.samples();
        let stamp = Samples::from_millis(media.timestamp_ms);
        let missing = self.line.frame(stamp, length, now);
        self.watched.frame(media.timestamp_ms, now);
        if !missing.is_zero() {
            self.fill_silence(missing);
        }
        let (at, payload) = (self.line.place(stamp, now), media.payload.clone());
        self.emit(Output::Record(RecordOp::Audio { track: Track::Caller, at, payload }));
        self.hear(media.payload);
    }

    /// Caller audio goes to the model, or waits for one, or is spared it while the last words are being said: the
    /// model would interrupt itself.
    fn hear(&mut self, payload: Payload) {
        if let Phase::Closing(_) | Phase::Parting = self.phase {
            return;
        }
        let bound = Samples::from_millis(millis(self.plan.agent.limits.preroll));
        let dropped = self.earshot.keep(&payload, bound, self.link.is_ready());
        if self.link.is_ready() {
            return self.tell_model(ModelCommand::AppendAudio(payload));
        }
        if !dropped.is_zero() {
            let event = self.tallies.preroll(dropped);
            event.into_iter().for_each(|event| self.note(event));
        }
    }

    fn fill_silence(&mut self, length: Samples) {
        silence(length).for_each(|payload| self.hear(payload));
        let event = self.tallies.filled(length);
        event.into_iter().for_each(|event| self.note(event));
    }

    /// The caller spoke and the frames stopped: without silence the model would wait for the end of the turn forever.
    pub(super) fn on_stall(&mut self, now: CallTime) {
        if !self.line.speaking {
            return;
        }
        let quiet = now.since(self.line.last_frame_at);
        if quiet < STALL {
            return self.timers.arm(Timer::Stall, self.line.last_frame_at + STALL);
        }
        if !self.line.is_filled() {
            let fill = self.line.fill_stall();
            self.fill_silence(fill);
        }
        self.timers.arm(Timer::Stall, now + STALL);
    }

    fn on_mark(&mut self, now: CallTime, name: &str) {
        let Ok(mark) = name.parse() else {
            return self.note(Event::Unexpected { what: "a mark that is not ours".to_owned() });
        };
        self.measure_mark(now, mark);
        let Self { playback, out, stream, .. } = self;
        let Some(stream) = stream else { return };
        playback.played(mark, now, |send| put_on_wire(out, stream, send));
    }

    fn drop_frame(&mut self, reason: DropReason) {
        let event = self.tallies.dropped(reason);
        event.into_iter().for_each(|event| self.note(event));
    }
}

/// What playback sends becomes two outputs: the audio on its way to the caller, and in the recording where it sounds.
pub(super) fn put_on_wire(out: &mut std::collections::VecDeque<Output>, stream: &StreamSid, send: Send) {
    let stream = stream.clone();
    match send {
        Send::Media { payload, at } => {
            let record = RecordOp::Audio { track: Track::Agent, at, payload: payload.clone() };
            out.push_back(Output::Caller(ToCaller::Media { stream, payload }));
            out.push_back(Output::Record(record));
        }
        Send::Mark(mark) => out.push_back(Output::Caller(ToCaller::Mark { stream, mark })),
    }
}
