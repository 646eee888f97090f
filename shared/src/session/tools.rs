//! Tool calls under way: several at once, each with its time limit, all within the agent's limits.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::agent::Limits;
use crate::ids::{AgentId, CallSid, ToolCallId};
use crate::redact::Pii;
use crate::time::CallTime;
use crate::tools::call_control;
use crate::tools::own::{OwnTool, unknown_end};
use crate::tools::{ToolError, ToolErrorKind, ToolOutcome, ToolRequest, ToolSpec};

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Toolbox {
    pending: BTreeMap<ToolCallId, Pending>,
    /// Every call that was ever seen: the same id is carried out once.
    seen: BTreeSet<ToolCallId>,
    /// Rounds since the caller last spoke.
    rounds: u32,
    round_open: bool,
    /// Results of which the caller has not heard yet: a session that comes before that must be told.
    fresh: BTreeMap<ToolCallId, Fresh>,
    /// Calls that the vendor makes itself, since when. They end with its session.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    remote: BTreeMap<ToolCallId, CallTime>,
    /// Those of which the last response told the caller. It may be lost with the stream before it was heard.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    spoken_of: BTreeMap<ToolCallId, Pending>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Pending {
    pub(super) name: String,
    pub(super) since: CallTime,
    pub(super) arguments: Pii<String>,
    /// Which of the model's sessions asked for it; another one knows nothing of it.
    pub(super) session: u32,
    /// Of a tool of the agent's own: what it was then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) own: Option<Box<OwnTool>>,
    /// What it was given is for nobody to keep.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) withheld: bool,
}

impl Pending {
    pub(super) fn request(&self, sid: &CallSid, call: &ToolCallId, agent: &AgentId) -> ToolRequest {
        ToolRequest {
            sid: sid.clone(),
            call: call.detached(),
            name: self.name.clone(),
            arguments: self.arguments.clone(),
            agent: agent.clone(),
            own: self.own.clone(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Fresh {
    asked: Pending,
    output: Pii<String>,
}

/// What to do about a call the model made.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Admission {
    Run,
    /// Answer it at once with this error.
    Refuse(ToolError),
    /// It was made before.
    Seen,
}

impl Toolbox {
    pub(super) fn admit(
        &mut self,
        call: &ToolCallId,
        name: &str,
        arguments: &str,
        specs: &[ToolSpec],
        limits: &Limits,
    ) -> Admission {
        if !self.seen.insert(call.detached()) {
            return Admission::Seen;
        }
        self.open_round();
        match self.fault(name, arguments, specs, limits) {
            Some(fault) => Admission::Refuse(fault),
            None => Admission::Run,
        }
    }

    fn open_round(&mut self) {
        if !std::mem::replace(&mut self.round_open, true) {
            self.rounds = self.rounds.saturating_add(1);
        }
    }

    /// The vendor calls a tool itself. Returns whether that is news.
    pub(super) fn begin_remote(&mut self, call: &ToolCallId, now: CallTime) -> bool {
        if !self.seen.insert(call.detached()) {
            return false;
        }
        self.open_round();
        self.remote.insert(call.detached(), now);
        true
    }

    /// Since when it was under way, if it was.
    pub(super) fn end_remote(&mut self, call: &ToolCallId) -> Option<CallTime> {
        self.remote.remove(call)
    }

    pub(super) fn is_remote_call(&self, call: &ToolCallId) -> bool {
        self.remote.contains_key(call)
    }

    pub(super) fn take_remote(&mut self) -> impl Iterator<Item = ToolCallId> + use<> {
        std::mem::take(&mut self.remote).into_keys()
    }

    pub(super) fn is_remote(&self) -> bool {
        !self.remote.is_empty()
    }

    fn fault(&self, name: &str, arguments: &str, specs: &[ToolSpec], limits: &Limits) -> Option<ToolError> {
        use ToolErrorKind::{InvalidArguments, TooLarge, TooMany, UnknownTool};
        let error = |kind, message: String| Some(ToolError::new(kind, message));
        // Whoever wants to end the call is not kept in it.
        if self.is_tripped(limits) && name != call_control::HANG_UP {
            return error(TooMany, "too many tool calls; answer the caller with what you have".to_owned());
        }
        if !specs.iter().any(|spec| spec.name == name) {
            return error(UnknownTool, "there is no tool of this name".to_owned());
        }
        if arguments.len() > limits.tool_bytes {
            return error(TooLarge, format!("arguments are limited to {} bytes", limits.tool_bytes));
        }
        match serde_json::from_str::<serde_json::Value>(arguments) {
            Ok(value) if value.is_object() => None,
            _ => error(InvalidArguments, "arguments must be a JSON object".to_owned()),
        }
    }

    /// The breaker: a model that calls tools and never talks to the caller is stopped.
    pub(super) fn is_tripped(&self, limits: &Limits) -> bool {
        self.rounds > limits.tool_rounds || self.seen.len() > limits.tool_calls as usize
    }

    pub(super) fn started(&mut self, call: &ToolCallId, pending: Pending) {
        self.pending.insert(call.detached(), pending);
    }

    pub(super) fn finished(&mut self, call: &ToolCallId) -> Option<Pending> {
        self.pending.remove(call)
    }

    /// All results are in: the next call begins another round.
    pub(super) fn close_round(&mut self) {
        self.round_open = false;
    }

    pub(super) fn caller_spoke(&mut self) {
        self.rounds = 0;
        self.round_open = false;
        self.spoken_of.clear();
    }

    /// A result came in.
    pub(super) fn keep(&mut self, call: &ToolCallId, asked: Pending, output: Pii<String>) {
        self.fresh.insert(call.detached(), Fresh { asked, output });
    }

    /// The caller has been told what came of them.
    pub(super) fn told(&mut self) {
        self.spoken_of = std::mem::take(&mut self.fresh).into_iter().map(|(call, fresh)| (call, fresh.asked)).collect();
    }

    /// What the caller was told did not reach them: a session that knows nothing of it needs the results again.
    pub(super) fn was_not_heard(&mut self) -> impl Iterator<Item = ToolCallId> + use<> {
        let calls: Vec<_> = self.spoken_of.keys().cloned().collect();
        self.pending.append(&mut self.spoken_of);
        calls.into_iter()
    }

    /// What a session that knows nothing of it must be told.
    pub(super) fn results(&self) -> impl Iterator<Item = (&str, &Pii<String>)> + '_ {
        self.fresh.values().map(|fresh| (fresh.asked.name.as_str(), &fresh.output))
    }

    pub(super) fn pending(&self) -> impl Iterator<Item = (&ToolCallId, &Pending)> + '_ {
        self.pending.iter()
    }

    /// By name, what is under way.
    pub(super) fn running(&self) -> impl Iterator<Item = &str> + '_ {
        self.pending.values().map(|pending| pending.name.as_str())
    }

    /// For a successor: what is under way, and what has come in and is not told. It need not carry results, which can be
    /// long: who asks again by the same id gets the same. That holds without the arguments, too, where these are not to be
    /// kept; only what had not begun is refused then.
    pub(super) fn unheard_of(&self) -> Self {
        let is_ours = |fresh: &Fresh| call_control::is_ours(&fresh.asked.name);
        let (ours, theirs): (BTreeMap<_, _>, _) = self.fresh.clone().into_iter().partition(|(_, fresh)| is_ours(fresh));
        let theirs: BTreeMap<_, _> = theirs;
        let mut copy = Self { fresh: ours, remote: BTreeMap::new(), ..self.clone() };
        copy.pending.extend(theirs.into_iter().map(|(call, fresh)| (call, fresh.asked)));
        let asked = copy.pending.values_mut().chain(copy.spoken_of.values_mut());
        asked.filter(|pending| pending.withheld).for_each(|pending| pending.arguments = Pii::default());
        copy
    }

    /// All that is pending.
    pub(super) fn calls(&self) -> impl Iterator<Item = ToolCallId> + use<> {
        let calls: Vec<_> = self.pending.keys().cloned().collect();
        calls.into_iter()
    }

    /// To be asked for again.
    pub(super) fn request(&self, sid: &CallSid, call: &ToolCallId, agent: &AgentId) -> Option<ToolRequest> {
        Some(self.pending.get(call)?.request(sid, call, agent))
    }

    /// They are a successor's now.
    pub(super) fn abandon(&mut self) {
        self.pending.clear();
    }

    pub(super) fn is_pending(&self) -> bool {
        !self.pending.is_empty() || self.is_remote()
    }

    pub(super) fn take_pending(&mut self) -> impl Iterator<Item = (ToolCallId, Pending)> + use<> {
        std::mem::take(&mut self.pending).into_iter()
    }
}

/// The outcome as the model gets it, within the size limit; a failure of a tool that has words for it, with these. What came to
/// no end and must not be done twice is not said to have failed: perhaps it has not.
pub(super) fn output_of(
    outcome: ToolOutcome,
    limits: &Limits,
    own: Option<&OwnTool>,
) -> (Pii<String>, Option<ToolErrorKind>) {
    let repeatable = own.is_none_or(OwnTool::is_idempotent);
    let outcome = outcome.map_err(|error| match error.kind {
        ToolErrorKind::TimedOut if !repeatable => unknown_end(error.kind),
        _ => error,
    });
    let outcome = outcome.and_then(|output| {
        if output.reveal().len() <= limits.tool_bytes {
            return Ok(output);
        }
        Err(ToolError::new(ToolErrorKind::TooLarge, format!("the result is longer than {} bytes", limits.tool_bytes)))
    });
    match outcome {
        Ok(output) => (output, None),
        Err(error) => (error.to_output_saying(own.and_then(|tool| tool.on_failure.as_deref())), Some(error.kind)),
    }
}
