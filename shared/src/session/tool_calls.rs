//! Tool calls: from the model's finished item to the output it is given.

use super::link::millis;
use super::output::{Event, Output};
use super::responses::{Reason, Wish};
use super::tools::{Admission, Pending, output_of};
use super::{Phase, Session, Timer};
use crate::ids::ToolCallId;
use crate::model::{ModelCommand, ToolUse};
use crate::redact::Pii;
use crate::time::CallTime;
use crate::tools::{ToolError, ToolErrorKind, ToolOutcome, ToolRequest, call_control, messages};

impl Session {
    pub(super) fn on_tool_call(&mut self, now: CallTime, call: &ToolCallId, name: String, arguments: Pii<String>) {
        let admission = self.tools.admit(call, &name, arguments.reveal(), &self.plan.tools, &self.plan.agent.limits);
        if admission == Admission::Seen {
            return;
        }
        self.note(Event::ToolStarted { call: call.detached(), name: name.clone() });
        let own = self.plan.agent.own_tool(&name).cloned().map(Box::new);
        let control = call_control::read(&name, arguments.reveal());
        let closing = matches!(self.phase, Phase::Closing(_) | Phase::Parting) && name != call_control::HANG_UP;
        let withheld = self.keeping.withholds_agent();
        let pending = Pending { name, since: now, arguments, session: self.link.session(), own, withheld };
        let request = pending.request(&self.plan.sid, call, &self.plan.agent.id);
        self.show_tool(call, &pending, None);
        self.tools.started(call, pending);
        match (admission, control) {
            (Admission::Refuse(error), _) | (_, Some(Err(error))) => self.on_tool_outcome(now, call, Err(error)),
            _ if closing => {
                let error = ToolError::new(ToolErrorKind::Cancelled, "the caller is leaving; nothing more can be done");
                self.on_tool_outcome(now, call, Err(error));
            }
            (_, Some(Ok(control))) => self.on_call_control(now, call, control),
            (_, None) => self.run_tool(now, request),
        }
    }

    fn run_tool(&mut self, now: CallTime, request: ToolRequest) {
        self.timers.arm(Timer::Tool(request.call.clone()), now + self.plan.agent.limits.tool);
        self.meter.bridged();
        self.meter.tools(now, true);
        // A successor that does not know of it would have it carried out twice.
        self.write_journal(now);
        self.emit(Output::RunTool(request));
    }

    /// The model is told, and is to speak of it unless its last words are being said.
    pub(super) fn on_tool_outcome(&mut self, now: CallTime, call: &ToolCallId, outcome: ToolOutcome) {
        if self.give_output(now, call, outcome) && !matches!(self.phase, Phase::Closing(_) | Phase::Parting) {
            self.responses.want(Wish { reason: Reason::ToolResults, instructions: None, tools: self.tool_use() });
        }
    }

    /// The model is told. False if nobody waited for it any more.
    pub(super) fn give_output(&mut self, now: CallTime, call: &ToolCallId, outcome: ToolOutcome) -> bool {
        let Some(asked) = self.tools.finished(call) else {
            self.note(Event::ToolLate { call: call.detached() });
            return false;
        };
        self.timers.disarm(&Timer::Tool(call.clone()));
        self.meter.tools(now, self.tools.is_pending());
        let (output, error) = output_of(outcome, &self.plan.agent.limits, asked.own.as_deref());
        let (call, took_ms) = (call.detached(), millis(now.since(asked.since)));
        let name = asked.name.clone();
        self.note(Event::ToolFinished { call: call.clone(), name: name.clone(), took_ms, error });
        if error.is_none() {
            self.note_what_was_left(&call, &name);
        }
        self.show_tool(&call, &asked, Some(&output));
        let own = asked.session == self.link.session();
        self.tools.keep(&call, asked, output.clone());
        if self.link.is_ready() {
            let note = || ModelCommand::Note { text: note_of(&name, &output) };
            let command = if own { ModelCommand::ToolOutput { call, output } } else { note() };
            self.tell_model(command);
        }
        true
    }

    /// Something that somebody has to look after is written down: whoever watches wants to know.
    fn note_what_was_left(&mut self, call: &ToolCallId, name: &str) {
        match name {
            messages::TAKE_MESSAGE => self.note(Event::MessageTaken { call: call.clone() }),
            messages::SCHEDULE_CALLBACK => self.note(Event::CallbackScheduled { call: call.clone() }),
            _ => {}
        }
    }

    pub(super) fn on_tool_late(&mut self, now: CallTime, call: &ToolCallId) {
        if self.on_remote_tool_late(now, call) {
            return;
        }
        self.emit(Output::CancelTool(call.clone()));
        let error = ToolError::new(ToolErrorKind::TimedOut, "the tool took too long");
        self.on_tool_outcome(now, call, Err(error));
    }

    pub(super) fn cancel_tools(&mut self) {
        self.forget_remote_tools();
        for (call, _) in self.tools.take_pending() {
            self.timers.disarm(&Timer::Tool(call.clone()));
            self.emit(Output::CancelTool(call));
        }
    }

    /// Once the breaker has tripped, responses may talk and no more.
    pub(super) fn tool_use(&self) -> ToolUse {
        if self.tools.is_tripped(&self.plan.agent.limits) { ToolUse::Forbidden } else { ToolUse::Allowed }
    }
}

/// How a session is told of a call that another one made.
pub(super) fn note_of(name: &str, output: &Pii<String>) -> Pii<String> {
    Pii::new(format!("The tool {name} that you called before answered: {}", output.reveal()))
}
