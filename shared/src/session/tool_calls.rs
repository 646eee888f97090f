//! Tool calls: from the model's finished item to the output it is given.

use super::link::millis;
use super::output::{Event, Output};
use super::responses::{Reason, Wish};
use super::tools::{Admission, Pending, output_of};
use super::{Session, Timer, ending};
use crate::calls::Ending;
use crate::ids::ToolCallId;
use crate::model::{ModelCommand, ToolUse};
use crate::redact::Pii;
use crate::time::CallTime;
use crate::tools::call_control::HANG_UP;
use crate::tools::{ToolError, ToolErrorKind, ToolOutcome, ToolRequest};

impl Session {
    pub(super) fn on_tool_call(&mut self, now: CallTime, call: &ToolCallId, name: String, arguments: Pii<String>) {
        let admission = self.tools.admit(call, &name, arguments.reveal(), &self.plan.tools, &self.plan.agent.limits);
        if admission == Admission::Seen {
            return;
        }
        self.note(Event::ToolStarted { call: call.detached(), name: name.clone() });
        let (asked, session) = (arguments.clone(), self.link.session());
        self.tools.started(call, Pending { name: name.clone(), since: now, arguments: asked, session });
        match admission {
            Admission::Refuse(error) => self.on_tool_outcome(now, call, Err(error)),
            _ if name == HANG_UP => self.on_hang_up_call(now, call),
            _ => self.run_tool(now, call, name, arguments),
        }
    }

    fn run_tool(&mut self, now: CallTime, call: &ToolCallId, name: String, arguments: Pii<String>) {
        self.timers.arm(Timer::Tool(call.detached()), now + self.plan.agent.limits.tool);
        // A successor that does not know of it would have it carried out twice.
        self.write_journal(now);
        let sid = self.plan.sid.clone();
        self.emit(Output::RunTool(ToolRequest { sid, call: call.detached(), name, arguments }));
    }

    /// The agent hangs up. If it has said nothing in this breath, it is asked for a goodbye first.
    fn on_hang_up_call(&mut self, now: CallTime, call: &ToolCallId) {
        self.on_tool_outcome(now, call, Ok(Pii::new(r#"{"ok":true}"#.to_owned())));
        let spoken = self.responses.is_audible() || !(self.playback.is_silent(now) || self.hold.sounds());
        self.close(now, Ending::AgentHungUp, (!spoken).then_some(ending::SAY_GOODBYE));
    }

    pub(super) fn on_tool_outcome(&mut self, now: CallTime, call: &ToolCallId, outcome: ToolOutcome) {
        let Some(asked) = self.tools.finished(call) else {
            return self.note(Event::ToolLate { call: call.detached() });
        };
        self.timers.disarm(&Timer::Tool(call.clone()));
        let (output, error) = output_of(outcome, &self.plan.agent.limits);
        let (call, took_ms) = (call.detached(), millis(now.since(asked.since)));
        let name = asked.name.clone();
        self.note(Event::ToolFinished { call: call.clone(), name: name.clone(), took_ms, error });
        let own = asked.session == self.link.session();
        self.tools.keep(&call, asked, output.clone());
        self.responses.want(Wish { reason: Reason::ToolResults, instructions: None, tools: self.tool_use() });
        if !self.link.is_ready() {
            return;
        }
        let command = if own { ModelCommand::ToolOutput { call, output } } else { note_of(&name, &output) };
        self.emit(Output::Model(command));
    }

    pub(super) fn on_tool_late(&mut self, now: CallTime, call: &ToolCallId) {
        self.emit(Output::CancelTool(call.clone()));
        let error = ToolError::new(ToolErrorKind::TimedOut, "the tool took too long");
        self.on_tool_outcome(now, call, Err(error));
    }

    pub(super) fn cancel_tools(&mut self) {
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
pub(super) fn note_of(name: &str, output: &Pii<String>) -> ModelCommand {
    let text = format!("The tool {name} that you called before answered: {}", output.reveal());
    ModelCommand::Note { text: Pii::new(text) }
}
