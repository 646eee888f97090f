//! A model's session that keeps the vendor's rules and takes its time: what it is told and what it tells travel through
//! queues, so that both sides act on stale knowledge, as they do in the world.

use std::collections::{BTreeMap, VecDeque};

use crate::audio::Payload;
use crate::ids::{ItemId, ResponseId, SocketNumber, ToolCallId};
use crate::model::{ModelCommand, ModelEvent, RemoteStage, ResponseStatus};
use crate::redact::Pii;
use crate::time::Samples;

#[derive(Debug, Default)]
pub struct Vendor {
    pub commands: VecDeque<ModelCommand>,
    pub events: VecDeque<ModelEvent>,
    active: Option<Active>,
    pub speaking: bool,
    names: u64,
    /// Audio that was generated, by item.
    pub generated: BTreeMap<ItemId, Samples>,
    /// What was done that the vendor would refuse.
    pub offences: Vec<String>,
    /// Turns of the caller that were closed, and responses that were begun since.
    pub unanswered: u32,
    /// It has been configured.
    pub ready: bool,
}

#[derive(Debug)]
struct Active {
    response: ResponseId,
    item: ItemId,
}

impl Vendor {
    /// Its names are no other session's.
    pub fn new(socket: SocketNumber) -> Self {
        Self { names: u64::from(socket.0) * 1_000_000, ..Self::default() }
    }

    /// Reads one command.
    pub fn read(&mut self) {
        match self.commands.pop_front() {
            Some(ModelCommand::Configure(_)) => {
                self.ready = true;
                self.events.push_back(ModelEvent::Ready);
            }
            Some(command) if !self.ready => self.offences.push(format!("before it was configured: {command:?}")),
            Some(ModelCommand::Reconfigure(_)) => {
                if self.active.is_some() {
                    self.offences.push("reconfigured within a turn".to_owned());
                }
                self.events.push_back(ModelEvent::Ready);
            }
            Some(ModelCommand::CreateResponse { .. }) => self.create(),
            Some(ModelCommand::CancelResponse) => self.finish(ResponseStatus::Cancelled),
            Some(ModelCommand::Truncate { item, heard_ms, .. }) => {
                let generated = self.generated.get(&item).copied().unwrap_or_default();
                if Samples::from_millis(heard_ms) > generated {
                    self.offences.push(format!("{item} truncated at {heard_ms} ms of {}", generated.as_millis()));
                }
            }
            _ => {}
        }
    }

    fn create(&mut self) {
        if self.active.is_some() {
            return self.offences.push("conversation_already_has_active_response".to_owned());
        }
        let (response, item) = (ResponseId::new(self.name("r")), ItemId::new(self.name("i")));
        self.events.push_back(ModelEvent::ResponseStarted { response: response.clone() });
        self.active = Some(Active { response, item });
        self.unanswered = 0;
    }

    /// The active response goes on with this much audio.
    pub fn speak(&mut self, length: Samples) {
        let Some(Active { response, item }) = &self.active else { return };
        let payload = Payload::encode(&vec![0x11; usize::try_from(length.0).unwrap_or_default()]);
        *self.generated.entry(item.clone()).or_default() += length;
        let (response, item) = (response.clone(), item.clone());
        self.events.push_back(ModelEvent::Audio { response, item, content_index: 0, payload });
    }

    pub fn call_tool(&mut self, tool: &str, arguments: &str) {
        let Some(response) = self.active.as_ref().map(|active| active.response.clone()) else { return };
        let call = ToolCallId::new(self.name("c"));
        let arguments = Pii::from(arguments);
        self.events.push_back(ModelEvent::ToolCall { response, call, name: tool.to_owned(), arguments });
    }

    /// The active response ends with a call that the vendor makes itself.
    pub fn call_remote_tool(&mut self) {
        if self.active.is_none() {
            return;
        }
        let item = ItemId::new(self.name("m"));
        let stages = [RemoteStage::Begun, RemoteStage::Done];
        self.events.extend(stages.map(|stage| ModelEvent::RemoteTool { item: item.clone(), stage }));
        self.finish(ResponseStatus::Completed);
    }

    pub fn finish(&mut self, status: ResponseStatus) {
        let Some(Active { response, item }) = self.active.take() else { return };
        self.events.push_back(ModelEvent::AudioDone { response: response.clone(), item });
        self.events.push_back(ModelEvent::ResponseDone { response, status, usage: None });
    }

    /// The caller begins to speak: the vendor cancels what it says itself.
    pub fn hear_speech(&mut self) {
        if std::mem::replace(&mut self.speaking, true) {
            return;
        }
        let item = self.name("u").into();
        self.events.push_back(ModelEvent::SpeechStarted { item, at_ms: 0 });
        self.finish(ResponseStatus::Cancelled);
    }

    pub fn hear_pause(&mut self) {
        if !std::mem::replace(&mut self.speaking, false) {
            return;
        }
        let item = ItemId::new(self.name("t"));
        self.events.push_back(ModelEvent::SpeechStopped { item: item.clone(), at_ms: 0 });
        self.events.push_back(ModelEvent::Committed { item });
        self.unanswered += 1;
    }

    pub fn is_idle(&self) -> bool {
        self.active.is_none() && self.commands.is_empty() && self.events.is_empty()
    }

    fn name(&mut self, kind: &str) -> String {
        self.names += 1;
        format!("{kind}{}", self.names)
    }
}
