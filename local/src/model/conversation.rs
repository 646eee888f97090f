//! The items of a conversation, as far as later events may refer to them.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use shared::time::Samples;

use super::shape::Refusal;

#[derive(Debug, Default)]
pub(super) struct Conversation {
    items: BTreeMap<String, Item>,
    last: Option<String>,
}

#[derive(Debug)]
struct Item {
    value: Value,
    previous: Option<String>,
    /// Audio that was sent of it: only what the agent said has any.
    sounded: Samples,
}

impl Conversation {
    pub(super) fn last(&self) -> Option<&str> {
        self.last.as_deref()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Adds an item that has an id, or replaces it. Returns the id of the one before it.
    pub(super) fn put(&mut self, value: &Value) -> Option<String> {
        let id = value["id"].as_str().unwrap_or_default();
        if let Some(known) = self.items.get_mut(id) {
            known.value = value.clone();
            return known.previous.clone();
        }
        let previous = self.last.replace(id.to_owned());
        let item = Item { value: value.clone(), previous: previous.clone(), sounded: Samples::ZERO };
        self.items.insert(id.to_owned(), item);
        previous
    }

    /// Checks what the client wants to add.
    pub(super) fn check_new(&self, item: &Value) -> Result<(), Refusal> {
        if let Some(id) = item["id"].as_str().filter(|id| self.items.contains_key(*id)) {
            let message = format!("Error adding item: an item with the id '{id}' already exists.");
            return Err(refused("item_create_duplicate_item_id", message, "item.id"));
        }
        let call = item["call_id"].as_str().unwrap_or_default();
        if item["type"] == "function_call_output" && self.tool_of(call).is_none() {
            let message = format!("Tool call ID '{call}' not found in conversation.");
            return Err(refused("invalid_tool_call_id", message, "item.call_id"));
        }
        Ok(())
    }

    /// The name of the tool that was called by this id.
    pub(super) fn tool_of(&self, call: &str) -> Option<&str> {
        let calls = self.items.values().map(|item| &item.value).filter(|item| item["type"] == "function_call");
        calls.filter(|item| item["call_id"] == call).find_map(|item| item["name"].as_str())
    }

    pub(super) fn sounded(&mut self, id: &str, bytes: usize) {
        if let Some(item) = self.items.get_mut(id) {
            item.sounded += Samples(bytes as u64);
        }
    }

    /// Shortens what was said to what was heard.
    pub(super) fn truncate(&mut self, id: &str, audio_end_ms: u64) -> Result<(), Refusal> {
        let missing = || missing("truncating", "truncate", id);
        let item = self.items.get_mut(id).ok_or_else(missing)?;
        if item.sounded.is_zero() {
            let message = "Only model output audio messages can be truncated".to_owned();
            return Err(Refusal { code: "", message, param: None });
        }
        let length = item.sounded.as_millis();
        if audio_end_ms > length {
            let message = format!("Audio content of {length}ms is already shorter than {audio_end_ms}ms");
            return Err(Refusal { code: "", message, param: None });
        }
        item.sounded = Samples::from_millis(audio_end_ms).max(Samples(1));
        item.value["content"] = json!([{"type": "output_audio"}]);
        Ok(())
    }

    pub(super) fn retrieve(&self, id: &str) -> Result<&Value, Refusal> {
        self.items.get(id).map(|item| &item.value).ok_or_else(|| missing("retrieving", "retrieve", id))
    }

    pub(super) fn delete(&mut self, id: &str) -> Result<(), Refusal> {
        self.items.remove(id).map(|_| ()).ok_or_else(|| missing("deleting", "delete", id))
    }
}

fn missing(doing: &str, verb: &str, id: &str) -> Refusal {
    let code = match verb {
        "truncate" => "item_truncate_invalid_item_id",
        "retrieve" => "item_retrieve_invalid_item_id",
        _ => "item_delete_invalid_item_id",
    };
    refused(code, format!("Error {doing} item: the item with id '{id}' does not exist."), "item_id")
}

fn refused(code: &'static str, message: String, param: &str) -> Refusal {
    Refusal { code, message, param: Some(param.to_owned()) }
}
