//! The sockets to the model, by the numbers that the session gave them: one as a rule, two while one session takes over
//! from another.

use std::collections::BTreeMap;
use std::task::{Context, Poll};
use std::time::Instant;

use shared::ids::SocketNumber;
use shared::model::{ModelCommand, Severity};
use shared::session::ModelLoss;
use tokio::sync::mpsc::error::TryRecvError;

use super::ready::BATCH;
use crate::relay::model_socket::{FromModel, ModelSocket, Slow};
use crate::relay::stamped::Stamped;

/// What a socket said, and which.
pub(super) type FromSocket = (SocketNumber, Stamped<FromModel>);

#[derive(Debug, Default)]
pub(super) struct Sockets(BTreeMap<SocketNumber, ModelSocket>);

impl Sockets {
    pub(super) fn open(&mut self, number: SocketNumber, socket: ModelSocket) {
        self.0.insert(number, socket);
    }

    pub(super) fn close(&mut self, number: SocketNumber) {
        self.0.remove(&number);
    }

    pub(super) fn close_all(&mut self) {
        self.0.clear();
    }

    /// `None`: there is no such socket any more.
    pub(super) fn send(&self, number: SocketNumber, at: Instant, command: ModelCommand) -> Option<Result<(), Slow>> {
        self.0.get(&number).map(|socket| socket.send(at, command))
    }

    /// Waits for the next messages of any of them; for ever, if there is none.
    pub(super) async fn receive(&mut self, into: &mut Vec<FromSocket>) {
        std::future::poll_fn(|context| self.poll(context, into)).await;
    }

    /// Takes what else is there, without waiting.
    pub(super) fn top_up(&mut self, into: &mut Vec<FromSocket>) {
        for (number, socket) in &mut self.0 {
            while into.len() < BATCH {
                match socket.events.try_recv() {
                    Ok(message) => into.push((*number, message)),
                    Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
                }
            }
        }
    }

    fn poll(&mut self, context: &mut Context<'_>, into: &mut Vec<FromSocket>) -> Poll<()> {
        let before = into.len();
        for (number, socket) in &mut self.0 {
            if let Poll::Ready(message) = socket.events.poll_recv(context) {
                into.push((*number, message.unwrap_or_else(task_died)));
            }
        }
        if into.len() > before { Poll::Ready(()) } else { Poll::Pending }
    }
}

/// A socket whose task died says nothing more, so that is said for it.
fn task_died() -> Stamped<FromModel> {
    Stamped::now(FromModel::Lost(ModelLoss { code: "task_died".to_owned(), severity: Severity::Retry }))
}
