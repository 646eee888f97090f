//! Everything that is ready, before any of it is acted upon. The buffers live as long as the call.

use shared::ids::ToolCallId;
use shared::tools::ToolOutcome;
use shared::transfer::Carried;
use tokio::sync::mpsc;

use super::purse::Counted;
use super::sockets::{FromSocket, Sockets};
use super::tools::Tools;
use crate::relay::calls::{Command, FromCaller};

/// Of one kind at a time: a flood of one does not keep the others waiting for long.
pub(super) const BATCH: usize = 256;

#[derive(Debug, Default)]
pub(super) struct Ready {
    pub caller: Vec<FromCaller>,
    pub model: Vec<FromSocket>,
    pub tools: Vec<(ToolCallId, ToolOutcome)>,
    pub counted: Vec<Counted>,
    pub commands: Vec<Command>,
    pub carried: Vec<(u32, Carried)>,
    /// Somebody came to watch, or has left.
    pub demand: bool,
    pub shutdown: bool,
    pub shutdown_taken: bool,
}

impl Ready {
    /// Takes what else is there, without waiting.
    pub(super) fn top_up(
        &mut self,
        inbox: &mut mpsc::Receiver<FromCaller>,
        models: &mut Sockets,
        tools: &mut Tools,
        commands: &mut mpsc::Receiver<Command>,
    ) {
        take(inbox, &mut self.caller);
        models.top_up(&mut self.model);
        take(&mut tools.outcomes, &mut self.tools);
        take(commands, &mut self.commands);
    }

    pub(super) fn top_up_carried(&mut self, outcomes: &mut mpsc::Receiver<(u32, Carried)>) {
        take(outcomes, &mut self.carried);
    }
}

fn take<T>(from: &mut mpsc::Receiver<T>, into: &mut Vec<T>) {
    while into.len() < BATCH
        && let Ok(item) = from.try_recv()
    {
        into.push(item);
    }
}
