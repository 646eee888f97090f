//! What callers leave for people, in memory.

use shared::ids::{CallSid, ToolCallId};
use shared::messages::{Callback, CallbackState, Message};
use shared::ports::{Mailbox, OpenMailbox, PortError, PortResult};

use super::World;

impl Mailbox for World {
    async fn keep_message(&self, message: &Message) -> PortResult<()> {
        self.write()?.messages.push(message.clone());
        Ok(())
    }

    async fn keep_callback(&self, callback: &Callback) -> PortResult<()> {
        self.write()?.callbacks.push(callback.clone());
        Ok(())
    }
}

impl OpenMailbox for World {
    async fn messages(&self, limit: u32) -> PortResult<Vec<Message>> {
        Ok(self.read()?.messages.iter().rev().take(limit as usize).cloned().collect())
    }

    async fn messages_of(&self, sid: &CallSid) -> PortResult<Vec<Message>> {
        Ok(self.read()?.messages.iter().filter(|message| message.call == *sid).cloned().collect())
    }

    async fn callbacks(&self, limit: u32) -> PortResult<Vec<Callback>> {
        Ok(self.read()?.callbacks.iter().take(limit as usize).cloned().collect())
    }

    async fn cancel_callback(&self, sid: &CallSid, id: &ToolCallId) -> PortResult<()> {
        let mut state = self.write()?;
        let callback = state.callbacks.iter_mut().find(|callback| callback.call == *sid && callback.id == *id);
        callback.ok_or(PortError::Gone)?.state = CallbackState::Cancelled;
        Ok(())
    }
}
