//! Tools that are running for a call, each in a task that can be called off.

use std::collections::BTreeMap;
use std::sync::Arc;

use shared::ids::ToolCallId;
use shared::ports::RunTools;
use shared::tools::{ToolOutcome, ToolRequest};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

/// Outcomes that wait for the driver. A tool whose outcome finds no place waits; nothing is lost.
const QUEUE: usize = 32;

#[derive(Debug)]
pub(super) struct Tools {
    pub outcomes: mpsc::Receiver<(ToolCallId, ToolOutcome)>,
    sender: mpsc::Sender<(ToolCallId, ToolOutcome)>,
    running: BTreeMap<ToolCallId, AbortOnDropHandle<()>>,
}

impl Tools {
    pub(super) fn new() -> Self {
        let (sender, outcomes) = mpsc::channel(QUEUE);
        Self { outcomes, sender, running: BTreeMap::new() }
    }

    /// Not before `known`: a successor that did not know of it might ask for it once more.
    pub(super) fn run<T: RunTools + 'static>(
        &mut self,
        known: impl Future<Output = ()> + Send + 'static,
        tools: Arc<T>,
        request: ToolRequest,
    ) {
        let call = request.call.clone();
        let sender = self.sender.clone();
        let task = tokio::spawn(async move {
            known.await;
            let outcome = tools.run(&request).await;
            // Fails only when the call is over.
            let _over = sender.send((request.call, outcome)).await;
        });
        self.running.insert(call, AbortOnDropHandle::new(task));
    }

    /// Calls it off. An outcome that is on its way already still arrives, and the session knows that it is late.
    pub(super) fn cancel(&mut self, call: &ToolCallId) {
        self.running.remove(call);
    }

    pub(super) fn forget(&mut self, call: &ToolCallId) {
        self.running.remove(call);
    }

    pub(super) fn cancel_all(&mut self) {
        self.running.clear();
    }
}
