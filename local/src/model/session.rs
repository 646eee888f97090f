//! One Realtime session as the server sees it: what it is told, what it answers, and when. No socket, no clock.
//!
//! `handle(frame, now)` takes a client's event; `poll(now)` yields what is to be sent by now; `next_at` says when
//! there will be more.

mod hearing;
mod memory;
mod responding;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use shared::audio::Payload;
use shared::time::Samples;

use super::contract;
use super::conversation::Conversation;
use super::record::Record;
use super::reply::{Dice, Played, Reply, millis};
use super::script::{FaultKind, Script};
use super::settings::Settings;
use super::shape::Refusal;
use super::vad::Vad;
use crate::hum::Ear;
use memory::Memory;

/// Something for the socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sent {
    Frame(String),
    Close {
        code: u16,
        reason: String,
    },
    /// The connection goes without a word.
    Drop,
}

/// What the next response answers.
#[derive(Debug)]
enum Stimulus {
    Nothing,
    Utterance(usize),
    Results(Vec<String>),
    /// The keys that the caller has pressed.
    Pressed(String),
}

#[derive(Debug)]
pub(super) struct Session {
    script: Arc<Script>,
    number: u32,
    opened_ms: u64,
    names: u64,
    dice: Dice,
    outbox: VecDeque<Sent>,
    later: BTreeMap<(u64, u64), Value>,
    settings: Settings,
    vad: Option<Vad>,
    position: Samples,
    uncommitted: Samples,
    /// The item that the speech being heard will become.
    turn: Option<String>,
    utterances: usize,
    stimulus: Stimulus,
    conversation: Conversation,
    reply: Option<Reply>,
    /// A turn ended while a response was active.
    owed: bool,
    spoke: bool,
    ear: Ear,
    memory: Memory,
    stalls_for: Option<Duration>,
    stalled_until_ms: u64,
    dropped: bool,
    record: Record,
    over: bool,
}

impl Session {
    pub(super) fn open(script: Arc<Script>, number: u32, model: &str, now_ms: u64, unix_s: u64) -> Self {
        let id = format!("sess_{number:08x}");
        let settings = Settings::new(&id, model, unix_s + script.session.as_secs());
        let mut record = Record::default();
        record.keep_audio = script.keep_audio;
        record.report.number = number;
        model.clone_into(&mut record.report.model);
        let mut session = Self {
            dice: Dice::new(script.seed.wrapping_add(u64::from(number))),
            number,
            opened_ms: now_ms,
            names: 0,
            outbox: VecDeque::new(),
            later: BTreeMap::new(),
            settings,
            vad: None,
            position: Samples::ZERO,
            uncommitted: Samples::ZERO,
            turn: None,
            utterances: 0,
            stimulus: Stimulus::Nothing,
            conversation: Conversation::default(),
            reply: None,
            owed: false,
            spoke: false,
            ear: Ear::default(),
            memory: Memory::default(),
            stalls_for: None,
            stalled_until_ms: 0,
            dropped: false,
            record,
            over: false,
            script,
        };
        session.listen();
        session.send(json!({"type": "session.created", "session": session.settings.session()}));
        let conversation = json!({"id": session.conversation_id(), "object": "realtime.conversation"});
        session.send(json!({"type": "conversation.created", "conversation": conversation}));
        session
    }

    /// The client spoke a dialect that is gone.
    pub(super) fn refuse_beta(&mut self) {
        let message = "The Realtime Beta API is no longer supported. Please use the GA API.".to_owned();
        self.outbox.clear();
        self.refuse(&Refusal { code: "beta_api_shape_disabled", message: message.clone(), param: None }, &Value::Null);
        self.outbox.push_back(Sent::Close { code: 4000, reason: message });
    }

    pub(super) fn record(&mut self) -> &mut Record {
        &mut self.record
    }

    /// The connection goes at once, without a word.
    pub(super) fn drop_now(&mut self) {
        self.dropped = true;
    }

    /// Nothing is sent for so long, from the next look on; what is due meanwhile comes after it.
    pub(super) fn stall(&mut self, length: Duration) {
        self.stalls_for = Some(length);
    }

    pub(super) fn is_over(&self) -> bool {
        self.over || self.record.report.closed
    }

    pub(super) fn handle(&mut self, frame: &str, now_ms: u64) {
        let Ok(event) = serde_json::from_str::<Value>(frame) else {
            let message = "The event is not valid JSON.".to_owned();
            return self.refuse(&Refusal { code: "invalid_json", message, param: None }, &Value::Null);
        };
        self.record.received(event["type"].as_str().unwrap_or("(no type)"));
        let done = contract::check(&event).and_then(|()| self.obey(&event, now_ms));
        if let Err(refusal) = done {
            self.refuse(&refusal, &event["event_id"]);
        }
    }

    /// What is to be sent by now, one at a time.
    pub(super) fn poll(&mut self, now_ms: u64) -> Option<Sent> {
        if let Some(length) = self.stalls_for.take() {
            self.stalled_until_ms = now_ms + millis(length);
        }
        if self.over || now_ms < self.stalled_until_ms {
            return None;
        }
        if self.dropped {
            self.over = true;
            return Some(Sent::Drop);
        }
        if let Some(kind) = self.fault_by(now_ms) {
            self.over = true;
            return match kind {
                FaultKind::Drop => Some(Sent::Drop),
                FaultKind::Close(code) => Some(Sent::Close { code, reason: "a fault of the script's".to_owned() }),
                _ => None,
            };
        }
        self.expire(now_ms);
        while self.outbox.is_empty() && self.advance(now_ms) {}
        let sent = self.outbox.pop_front();
        self.over = matches!(sent, Some(Sent::Close { .. }));
        sent
    }

    /// When [`poll`](Self::poll) will have more.
    pub(super) fn next_at(&self) -> Option<u64> {
        if self.over {
            return None;
        }
        if !self.outbox.is_empty() || self.dropped {
            return Some(self.stalled_until_ms);
        }
        let later = self.later.keys().next().map(|(at, _)| *at);
        let reply = self.reply.as_ref().and_then(Reply::next_at);
        let expiry = Some(self.opened_ms.saturating_add(millis(self.script.session)));
        let fault = self.ending_faults().map(|(at, _)| at).min();
        let next = [later, reply, expiry, fault].into_iter().flatten().min();
        next.map(|at| at.max(self.stalled_until_ms))
    }

    fn ending_faults(&self) -> impl Iterator<Item = (u64, FaultKind)> + '_ {
        let faults = self.script.faults_of(self.number);
        let ending =
            faults.filter(|fault| matches!(fault.kind, FaultKind::Stall | FaultKind::Drop | FaultKind::Close(_)));
        ending.map(|fault| (self.opened_ms + millis(fault.after), fault.kind))
    }

    fn fault_by(&self, now_ms: u64) -> Option<FaultKind> {
        self.ending_faults().find(|(at, _)| *at <= now_ms).map(|(_, kind)| kind)
    }

    fn garbage_by(&self, now_ms: u64) -> bool {
        let mut faults = self.script.faults_of(self.number);
        faults.any(|fault| fault.kind == FaultKind::Garbage && self.opened_ms + millis(fault.after) <= now_ms)
    }

    fn expire(&mut self, now_ms: u64) {
        let already = self.outbox.iter().any(|sent| matches!(sent, Sent::Close { .. }));
        if already || now_ms < self.opened_ms.saturating_add(millis(self.script.session)) {
            return;
        }
        let minutes = self.script.session.as_secs() / 60;
        let message = format!("Your session hit the maximum duration of {minutes} minutes.");
        self.refuse(&Refusal { code: "session_expired", message: message.clone(), param: None }, &Value::Null);
        self.outbox.push_back(Sent::Close { code: 1001, reason: message });
    }

    /// Takes one step of what is due; false if nothing is.
    fn advance(&mut self, now_ms: u64) -> bool {
        if let Some(entry) = self.later.first_entry().filter(|entry| entry.key().0 <= now_ms) {
            let event = entry.remove();
            self.send(event);
            return true;
        }
        let Some(played) = self.reply.as_mut().and_then(|reply| reply.play(now_ms)) else { return false };
        if self.garbage_by(now_ms) && self.dice.one_in(4) {
            self.outbox.push_back(Sent::Frame("]this is no JSON[".to_owned()));
            self.send(json!({"type": "response.hallucinated", "unheard_of": {"a": [1, 2, 3]}}));
        }
        self.play(played, now_ms);
        true
    }

    fn play(&mut self, played: Played, now_ms: u64) {
        match played {
            Played::Events(events) => events.into_iter().for_each(|event| self.send(event)),
            Played::ItemBegan { events, item } => {
                let (first, rest) = events.split_first().map_or((None, &[][..]), |(first, rest)| (Some(first), rest));
                first.into_iter().for_each(|event| self.send(event.clone()));
                self.send_item("conversation.item.added", item);
                rest.iter().for_each(|event| self.send(event.clone()));
            }
            Played::ItemEnded { events, item } => {
                events.into_iter().for_each(|event| self.send(event));
                self.memory.said(&item);
                self.send_item("conversation.item.done", item);
            }
            Played::Sounded { event, item, bytes } => {
                self.spoke = true;
                self.conversation.sounded(&item, bytes);
                if let Some(Ok(payload)) = event["delta"].as_str().map(|delta| Payload::parse(delta.into())) {
                    self.record.sent(&payload.decode());
                }
                self.send(event);
            }
            Played::Finished(end) => self.finish(&end, now_ms),
        }
    }

    fn obey(&mut self, event: &Value, now_ms: u64) -> Result<(), Refusal> {
        let text = |name: &str| event[name].as_str().unwrap_or_default();
        match text("type") {
            "session.update" => self.update(&event["session"]),
            "input_audio_buffer.append" => self.append(text("audio"), now_ms),
            "input_audio_buffer.commit" => self.commit_by_hand(now_ms),
            "input_audio_buffer.clear" => {
                self.uncommitted = Samples::ZERO;
                self.turn = None;
                self.ear.take();
                self.listen();
                self.send(json!({"type": "input_audio_buffer.cleared"}));
                Ok(())
            }
            "conversation.item.create" => self.create_item(&event["item"]),
            "conversation.item.truncate" => self.truncate(text("item_id"), event),
            "conversation.item.retrieve" => {
                let item = self.conversation.retrieve(text("item_id"))?.clone();
                self.send(json!({"type": "conversation.item.retrieved", "item": item}));
                Ok(())
            }
            "conversation.item.delete" => {
                self.conversation.delete(text("item_id"))?;
                self.send(json!({"type": "conversation.item.deleted", "item_id": text("item_id")}));
                Ok(())
            }
            "response.create" => self.create_response(&event["response"], now_ms),
            "response.cancel" => self.cancel_response(now_ms),
            other => Err(refused("invalid_value", format!("'{other}' is not supported over WebSocket."), "type")),
        }
    }

    fn update(&mut self, update: &Value) -> Result<(), Refusal> {
        self.settings.update(update, self.spoke)?;
        if !update["audio"]["input"]["turn_detection"].is_null() || self.settings.hearing().is_none() {
            self.listen();
        }
        self.record.report.configured = Some(update.clone());
        self.send(json!({"type": "session.updated", "session": self.settings.session()}));
        Ok(())
    }

    fn create_item(&mut self, given: &Value) -> Result<(), Refusal> {
        self.conversation.check_new(given)?;
        let mut item = given.clone();
        if item["id"].is_null() {
            item["id"] = self.name("item").into();
        }
        item["object"] = "realtime.item".into();
        item["status"] = "completed".into();
        if self.script.recognise {
            self.memory.told(&item, &self.script);
        } else if item["role"] == "user" {
            self.stimulus = Stimulus::Utterance(self.utterances);
            self.utterances += 1;
        }
        if item["role"] == "system" {
            self.take_note(item["content"][0]["text"].as_str().unwrap_or_default());
        }
        if item["type"] == "function_call_output" {
            self.take_result(&item);
        }
        self.send_item("conversation.item.added", item.clone());
        self.send_item("conversation.item.done", item);
        Ok(())
    }

    fn take_note(&mut self, note: &str) {
        self.record.report.notes.push(note.to_owned());
        let keys = note.strip_prefix("The caller pressed ").and_then(|rest| rest.strip_suffix(" on the keypad."));
        if let Some(keys) = keys {
            self.stimulus = Stimulus::Pressed(keys.to_owned());
        }
    }

    fn take_result(&mut self, item: &Value) {
        let (call, output) =
            (item["call_id"].as_str().unwrap_or_default(), item["output"].as_str().unwrap_or_default());
        self.record.report.outputs.push((call.to_owned(), output.to_owned()));
        let tool = self.conversation.tool_of(call).unwrap_or_default().to_owned();
        self.memory.knows(&tool);
        match &mut self.stimulus {
            Stimulus::Results(tools) => tools.push(tool),
            other => *other = Stimulus::Results(vec![tool]),
        }
    }

    fn truncate(&mut self, item: &str, event: &Value) -> Result<(), Refusal> {
        let asked = event["audio_end_ms"].as_u64();
        let asked =
            asked.ok_or_else(|| refused("invalid_value", "Expected a value >= 0.".to_owned(), "audio_end_ms"))?;
        if event["content_index"] != 0 {
            return Err(refused("invalid_value", "The item has one part only.".to_owned(), "content_index"));
        }
        self.conversation.truncate(item, asked)?;
        self.memory.cut(item);
        self.record.report.truncations.push((item.to_owned(), asked));
        self.send(
            json!({"type": "conversation.item.truncated", "item_id": item, "content_index": 0, "audio_end_ms": asked}),
        );
        Ok(())
    }

    fn conversation_id(&self) -> String {
        format!("conv_{:08x}", self.number)
    }

    fn name(&mut self, kind: &str) -> String {
        self.names += 1;
        format!("{kind}_{:x}_{:x}", self.number, self.names)
    }

    fn send_item(&mut self, kind: &str, item: Value) {
        let previous = self.conversation.put(&item);
        self.send(json!({"type": kind, "previous_item_id": previous, "item": item}));
    }

    fn refuse(&mut self, refusal: &Refusal, event_id: &Value) {
        let Refusal { code, message, param } = refusal;
        self.record.report.errors.push(if code.is_empty() { message.clone() } else { (*code).to_owned() });
        let code = (!code.is_empty()).then_some(code);
        let error = json!({
            "type": "invalid_request_error", "code": code, "message": message, "param": param, "event_id": event_id,
        });
        self.send(json!({"type": "error", "error": error}));
    }

    fn at(&mut self, at_ms: u64, event: Value) {
        self.names += 1;
        self.later.insert((at_ms, self.names), event);
    }

    fn send(&mut self, mut event: Value) {
        event["event_id"] = self.name("event").into();
        self.outbox.push_back(Sent::Frame(event.to_string()));
    }
}

fn refused(code: &'static str, message: String, param: &str) -> Refusal {
    Refusal { code, message, param: Some(param.to_owned()) }
}
