//! What the model does to the call itself: hang up, put on hold, put through, press keys.

use std::time::Duration;

use super::caller::put_on_wire;
use super::on_hold::HeldBy;
use super::output::Event;
use super::playback::Source;
use super::recording::PausedBy;
use super::{Phase, Session, ending};
use crate::audio::{Payload, dtmf};
use crate::calls::Ending;
use crate::ids::ToolCallId;
use crate::redact::Pii;
use crate::time::{CallTime, Samples};
use crate::tools::call_control::{CallControl, HangUpReason};
use crate::tools::{ToolError, ToolErrorKind};

impl Session {
    pub(super) fn on_call_control(&mut self, now: CallTime, call: &ToolCallId, control: CallControl) {
        match control {
            CallControl::HangUp { reason } => self.on_hang_up_call(now, call, reason),
            _ if self.phase != Phase::Talking => {
                let error = ToolError::new(ToolErrorKind::Unavailable, "the caller is not on the line right now");
                self.on_tool_outcome(now, call, Err(error));
            }
            CallControl::Hold { length } => self.on_hold_call(now, call, length),
            CallControl::Transfer { to, why } => self.on_transfer_call(now, call, &to, why),
            CallControl::SendDtmf { digits } => self.on_send_dtmf_call(now, call, &digits),
            CallControl::PauseRecording => self.on_pause_recording_call(now, call),
            CallControl::ResumeRecording => self.on_resume_recording_call(now, call),
        }
    }

    /// The agent hangs up. If it has said nothing in this breath, it is asked for a goodbye first.
    fn on_hang_up_call(&mut self, now: CallTime, call: &ToolCallId, reason: Option<HangUpReason>) {
        self.give_output(now, call, Ok(Pii::new(r#"{"ok":true}"#.to_owned())));
        if let Phase::Closing(_) = self.phase {
            return;
        }
        self.note(Event::HangUpAsked { reason });
        let spoken = self.responses.is_audible() || !(self.playback.is_silent(now) || self.hold.sounds());
        self.close(now, Ending::AgentHungUp, (!spoken).then_some(ending::SAY_GOODBYE));
    }

    /// It asks for no words: the next ones are said when the caller is back.
    fn on_hold_call(&mut self, now: CallTime, call: &ToolCallId, length: Duration) {
        self.give_output(now, call, Ok(Pii::new(r#"{"ok":true,"state":"the caller hears music"}"#.to_owned())));
        self.put_on_hold(now, HeldBy::Agent, length);
    }

    /// The pause begins before the model is told that it has.
    fn on_pause_recording_call(&mut self, now: CallTime, call: &ToolCallId) {
        let outcome = match self.pause_recording(now, PausedBy::Agent) {
            true => Ok(Pii::new(r#"{"ok":true,"state":"nothing is recorded"}"#.to_owned())),
            false => Err(ToolError::new(ToolErrorKind::Unavailable, "the recording of this call may not be paused")),
        };
        self.on_tool_outcome(now, call, outcome);
    }

    fn on_resume_recording_call(&mut self, now: CallTime, call: &ToolCallId) {
        let outcome = match self.resume_own_recording(now) {
            true => Ok(Pii::new(r#"{"ok":true,"state":"the call is recorded"}"#.to_owned())),
            false => Err(ToolError::new(ToolErrorKind::Unavailable, "an operator has paused the recording")),
        };
        self.on_tool_outcome(now, call, outcome);
    }

    /// Behind what was said before, and before what is said next.
    fn on_send_dtmf_call(&mut self, now: CallTime, call: &ToolCallId, digits: &Pii<String>) {
        self.end_music(now);
        let sound = dtmf::encode(digits.reveal(), &dtmf::TIMING);
        let lasts_ms = Samples(sound.len() as u64).as_millis();
        let Self { playback, out, stream, .. } = self;
        let Some(stream) = stream else { return };
        playback.push(&Source::HoldMusic, Payload::encode(&sound), now, |send| put_on_wire(out, stream, send));
        playback.finish(|send| put_on_wire(out, stream, send));
        let keys = digits.reveal().chars().filter(|digit| !digit.eq_ignore_ascii_case(&'w')).count();
        self.note(Event::DtmfSent { count: u32::try_from(keys).unwrap_or(u32::MAX), lasts_ms });
        self.on_tool_outcome(now, call, Ok(Pii::new(format!(r#"{{"ok":true,"lasts_ms":{lasts_ms}}}"#))));
    }
}
