//! Tools of the agent's servers, which the vendor calls itself. It ends the response with the call and begins none after
//! it: we wait, as for a tool of our own, and ask for the answer.

use super::link::millis;
use super::output::Event;
use super::responses::{Reason, Wish};
use super::{Phase, Session, Timer};
use crate::ids::{ItemId, ToolCallId};
use crate::model::{ModelCommand, RemoteStage};
use crate::redact::Pii;
use crate::time::CallTime;
use crate::tools::ToolErrorKind;

/// What such a tool is called in events: its own name is the server's business.
const NAME: &str = "mcp";

impl Session {
    pub(super) fn on_remote_tool(&mut self, now: CallTime, item: &ItemId, stage: RemoteStage) {
        let call = ToolCallId::new(item.detached().as_str().to_owned());
        match stage {
            RemoteStage::Begun => self.on_remote_tool_begun(now, call),
            RemoteStage::Done => self.on_remote_tool_over(now, &call, None),
            RemoteStage::Failed => self.on_remote_tool_over(now, &call, Some(ToolErrorKind::Unavailable)),
        }
    }

    fn on_remote_tool_begun(&mut self, now: CallTime, call: ToolCallId) {
        if matches!(self.phase, Phase::Closing(_) | Phase::Parting) || !self.tools.begin_remote(&call, now) {
            return;
        }
        self.note(Event::ToolStarted { call: call.clone(), name: NAME.to_owned() });
        self.timers.arm(Timer::Tool(call), now + self.plan.agent.limits.tool);
        self.meter.bridged();
        self.meter.tools(now, true);
    }

    fn on_remote_tool_over(&mut self, now: CallTime, call: &ToolCallId, error: Option<ToolErrorKind>) {
        let Some(since) = self.tools.end_remote(call) else { return };
        self.timers.disarm(&Timer::Tool(call.clone()));
        self.meter.tools(now, self.tools.is_pending());
        let took_ms = millis(now.since(since));
        self.note(Event::ToolFinished { call: call.clone(), name: NAME.to_owned(), took_ms, error });
        self.responses.want(Wish { reason: Reason::ToolResults, instructions: None, tools: self.tool_use() });
    }

    /// Nobody can call it off; but nobody waits for it any more either.
    pub(super) fn on_remote_tool_late(&mut self, now: CallTime, call: &ToolCallId) -> bool {
        if !self.tools.is_remote_call(call) {
            return false;
        }
        if self.link.is_ready() {
            let text = "The tool that you called last takes too long. Tell the caller so, and go on without it.";
            self.tell_model(ModelCommand::Note { text: Pii::from(text) });
        }
        self.on_remote_tool_over(now, call, Some(ToolErrorKind::TimedOut));
        true
    }

    pub(super) fn forget_remote_tools(&mut self) {
        for call in self.tools.take_remote() {
            self.timers.disarm(&Timer::Tool(call));
        }
    }
}
