//! Everything that is ready, before any of it is acted upon. The buffers live as long as the call.

use shared::ids::ToolCallId;
use shared::model::Severity;
use shared::session::ModelLoss;
use shared::tools::ToolOutcome;
use shared::transfer::Carried;
use tokio::sync::mpsc;

use super::tools::Tools;
use crate::relay::calls::{Command, FromCaller};
use crate::relay::model_socket::{FromModel, ModelSocket};
use crate::relay::stamped::Stamped;

/// Of one kind at a time: a flood of one does not keep the others waiting for long.
pub(super) const BATCH: usize = 256;

#[derive(Debug, Default)]
pub(super) struct Ready {
    pub caller: Vec<FromCaller>,
    pub model: Vec<Stamped<FromModel>>,
    pub tools: Vec<(ToolCallId, ToolOutcome)>,
    pub commands: Vec<Command>,
    pub carried: Vec<(u32, Carried)>,
    pub shutdown: bool,
    pub shutdown_taken: bool,
}

impl Ready {
    /// Takes what else is there, without waiting.
    pub(super) fn top_up(
        &mut self,
        inbox: &mut mpsc::Receiver<FromCaller>,
        model: Option<&mut ModelSocket>,
        tools: &mut Tools,
        commands: &mut mpsc::Receiver<Command>,
    ) {
        take(inbox, &mut self.caller);
        if let Some(model) = model {
            take(&mut model.events, &mut self.model);
        }
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

/// Waits for the model's next messages; for ever, if there is no model. A socket whose task died says nothing more,
/// so that is said for it.
pub(super) async fn model(socket: Option<&mut ModelSocket>, into: &mut Vec<Stamped<FromModel>>) {
    let Some(socket) = socket else { return std::future::pending().await };
    if socket.events.recv_many(into, BATCH).await == 0 {
        let lost = ModelLoss { code: "task_died".to_owned(), severity: Severity::Retry };
        into.push(Stamped::now(FromModel::Lost(lost)));
    }
}
