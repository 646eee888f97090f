//! What a caller listens to while they wait: how long at a time nothing was to be heard when it was the agent's turn, or a
//! tool's. Judged by what the carrier played.

use std::collections::BTreeSet;

use super::carrier::Carrier;
use crate::ids::ToolCallId;
use crate::model::ModelEvent;
use crate::session::{Event, Input, Output, ToCaller};
use crate::time::{CallTime, Samples};
use crate::tools::call_control::HANG_UP;

#[derive(Debug, Default)]
pub struct DeadAir {
    present: bool,
    speaks: bool,
    /// The caller has spoken, or a tool has answered, and the agent has not.
    owed: bool,
    pending: BTreeSet<ToolCallId>,
    /// A tool was called at all.
    has_tool: bool,
    waits_since: Option<CallTime>,
    waits: Vec<(CallTime, CallTime)>,
    heard: Vec<(Samples, Samples)>,
}

impl DeadAir {
    pub fn input(&mut self, now: CallTime, input: &Input) {
        match input {
            Input::CallerAttached { .. } => self.present = true,
            Input::CallerDetached { .. } | Input::CallEnded => self.present = false,
            // Parked or put through: what they hear there is the carrier's.
            Input::Carried { outcome: Ok(None), .. } => self.present = false,
            Input::Model(_, ModelEvent::SpeechStarted { .. }) => self.speaks = true,
            Input::Model(_, ModelEvent::SpeechStopped { .. } | ModelEvent::Committed { .. }) => {
                self.speaks = false;
                self.owed = true;
            }
            Input::ModelDisconnected { .. } => self.speaks = false,
            _ => {}
        }
        self.look(now);
    }

    /// `of`: what it came of.
    pub fn output(&mut self, now: CallTime, of: &Input, output: &Output) {
        match output {
            // It owes no answer: the last words were said.
            Output::Event(Event::ToolStarted { name, .. }) if name == HANG_UP => {}
            Output::Event(Event::ToolStarted { call, .. }) => {
                self.has_tool = true;
                self.pending.insert(call.clone());
            }
            Output::Event(Event::ToolFinished { call, .. }) => {
                self.owed = self.owed || self.pending.remove(call);
            }
            Output::Caller(ToCaller::Media { .. }) if matches!(of, Input::Model(_, ModelEvent::Audio { .. })) => {
                self.owed = false;
            }
            Output::Event(Event::CallerDetached) | Output::HangUp(_) => self.present = false,
            _ => {}
        }
        self.look(now);
    }

    /// A stream is at its end, or the conversation.
    pub fn listen_to(&mut self, carrier: &mut Carrier, now: CallTime) {
        carrier.cut(now);
        self.heard.extend(carrier.played.iter().map(|(at, sound)| (Samples::from(*at), sound.samples())));
        carrier.played.clear();
    }

    /// The longest time without a sound while something was waited for, and when it began; if a tool was called at all.
    pub fn longest(mut self, end: CallTime) -> Option<(CallTime, Samples)> {
        self.present = false;
        self.look(end);
        self.heard.sort();
        let gaps = self.waits.iter().flat_map(|(from, to)| self.gaps((*from).into(), (*to).into()));
        gaps.max_by_key(|(_, length)| *length).filter(|_| self.has_tool)
    }

    fn gaps(&self, from: Samples, to: Samples) -> Vec<(CallTime, Samples)> {
        let (mut gaps, mut silent_from) = (Vec::new(), from);
        let sounds = self.heard.iter().map(|&(at, length)| (at, at + length));
        for (at, end) in sounds.chain([(to, to)]) {
            let until = at.min(to);
            gaps.push((CallTime(silent_from.as_millis()), until - silent_from));
            silent_from = silent_from.max(end);
        }
        gaps
    }

    fn look(&mut self, now: CallTime) {
        let waits = self.present && !self.speaks && (self.owed || !self.pending.is_empty());
        match (self.waits_since, waits) {
            (None, true) => self.waits_since = Some(now),
            (Some(since), false) => {
                self.waits_since = None;
                self.waits.push((since, now));
            }
            _ => {}
        }
    }
}
