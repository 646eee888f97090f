//! What a recognising session knows of its conversation: what it heard, what it said, and what it was told of both.
//!
//! A session that is opened in the middle of a call answers what is not answered yet, and calls no tool whose answer it
//! was told. It does so from its items alone, as a real model would.

use serde_json::Value;

use crate::hum::Heard;
use crate::model::script::{Act, Script, Turn};

/// Marks an utterance whose end is missing.
const CUT: &str = " …";

#[derive(Debug, Default)]
pub(super) struct Memory {
    entries: Vec<Entry>,
}

#[derive(Debug, PartialEq, Eq)]
enum Entry {
    /// By the caller. `None`: nothing that the script knows, or only a part of it.
    Asked(Option<usize>),
    /// By the agent, to its end.
    Said { item: String, text: String },
    /// A tool has answered.
    Knows(String),
}

impl Memory {
    /// The caller has spoken. Returns the words, as far as they can be made out.
    pub(super) fn heard(&mut self, heard: Option<Heard>, script: &Script) -> Option<String> {
        let turn = heard.and_then(|heard| script.turn_of(heard.tone));
        let whole = heard.is_some_and(|heard| heard.ended);
        self.entries.push(Entry::Asked(turn.filter(|_| whole)));
        let text = &script.turns.get(turn?)?.heard;
        Some(if whole { text.clone() } else { format!("{text}{CUT}") })
    }

    /// An item of the model's own is done.
    pub(super) fn said(&mut self, item: &Value) {
        let text = item["content"][0]["transcript"].as_str();
        if let Some(text) = text.filter(|_| item["status"] == "completed") {
            self.entries.push(Entry::Said { item: name(item), text: text.to_owned() });
        }
    }

    /// An item that the client added.
    pub(super) fn told(&mut self, item: &Value, script: &Script) {
        let text = item["content"][0]["text"].as_str().unwrap_or_default();
        match item["role"].as_str() {
            Some("user") => {
                let turn = script.turns.iter().position(|turn| turn.heard == text);
                self.entries.push(Entry::Asked(turn));
            }
            Some("assistant") => self.entries.push(Entry::Said { item: name(item), text: text.to_owned() }),
            Some(_) => script.results.keys().filter(|tool| text.contains(*tool)).for_each(|tool| self.knows(tool)),
            None => {}
        }
    }

    pub(super) fn knows(&mut self, tool: &str) {
        self.entries.push(Entry::Knows(tool.to_owned()));
    }

    /// Not all of it was heard.
    pub(super) fn cut(&mut self, item: &str) {
        self.entries.retain(|entry| !matches!(entry, Entry::Said { item: said, .. } if said == item));
    }

    /// What is to be said now.
    pub(super) fn reply<'a>(&self, script: &'a Script) -> &'a [Act] {
        let asked = self.entries.iter().rposition(|entry| matches!(entry, Entry::Asked(_)));
        let since = asked.and_then(|at| self.entries.get(at..)).unwrap_or(&self.entries);
        let spoken = since.iter().any(|entry| matches!(entry, Entry::Said { .. }));
        match since.first() {
            Some(Entry::Asked(Some(number))) => match script.turns.get(*number) {
                Some(turn) if !has_said(since, script.answer_of(turn)) => self.answer(turn, script),
                _ => &script.resumed,
            },
            Some(Entry::Asked(None)) if !spoken => &script.unclear,
            None => &script.greeting,
            Some(_) => &script.resumed,
        }
    }

    fn answer<'a>(&self, turn: &'a Turn, script: &'a Script) -> &'a [Act] {
        let known = turn.tool().filter(|tool| self.entries.contains(&Entry::Knows((*tool).to_owned())));
        known.and_then(|tool| script.results.get(tool)).unwrap_or(&turn.reply)
    }
}

fn has_said(entries: &[Entry], wanted: Option<&str>) -> bool {
    entries.iter().any(|entry| matches!(entry, Entry::Said { text, .. } if Some(text.as_str()) == wanted))
}

fn name(item: &Value) -> String {
    item["id"].as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SCRIPT: &str = "recognise\ngreeting\n  say \"Hello.\"\nresumed\n  say \"Back.\"\nunclear\n  say \"Pardon?\"\n\
        hear \"Open?\"\n  say \"Till six.\"\nhear \"Soup?\"\n  say \"I look.\"\n  call lookup_menu {}\n\
        result lookup_menu\n  say \"Tomato.\"";

    fn script() -> Script {
        SCRIPT.parse().unwrap()
    }

    fn said(memory: &Memory) -> String {
        let script = script();
        let words = memory.reply(&script).iter().map(|act| match act {
            Act::Say { text, .. } => text.clone(),
            Act::Call { name, .. } => name.clone(),
            Act::Fail { code } => code.clone(),
        });
        words.collect::<Vec<_>>().join(" ")
    }

    fn message(role: &str, text: &str) -> Value {
        json!({"id": "i", "type": "message", "role": role, "content": [{"text": text}]})
    }

    fn told(messages: &[(&str, &str)]) -> Memory {
        let mut memory = Memory::default();
        messages.iter().for_each(|(role, text)| memory.told(&message(role, text), &script()));
        memory
    }

    #[test]
    fn a_fresh_session_greets_and_answers_what_it_hears() {
        let (mut memory, script) = (Memory::default(), script());
        assert_eq!(said(&memory), "Hello.");
        let heard = |text, ended| Some(Heard { tone: script.tone(text).unwrap(), opened: true, ended });
        assert_eq!(memory.heard(heard("Soup?", true), &script).unwrap(), "Soup?");
        assert_eq!(said(&memory), "I look. lookup_menu");
        memory.knows("lookup_menu");
        assert_eq!(said(&memory), "Tomato.");
        assert_eq!(memory.heard(heard("Open?", false), &script).unwrap(), "Open? …");
        assert_eq!(said(&memory), "Pardon?");
        assert_eq!(memory.heard(None, &script), None);
        assert_eq!(said(&memory), "Pardon?");
    }

    #[test]
    fn a_session_that_was_told_answers_what_is_open() {
        assert_eq!(said(&told(&[("assistant", "Hello.")])), "Back.");
        assert_eq!(said(&told(&[("assistant", "Hello."), ("user", "Open?")])), "Till six.");
        assert_eq!(said(&told(&[("user", "Open?"), ("assistant", "Till …")])), "Till six.");
        assert_eq!(said(&told(&[("user", "Open?"), ("assistant", "Till six.")])), "Back.");
        assert_eq!(said(&told(&[("user", "Open? …")])), "Pardon?");
    }

    #[test]
    fn no_tool_is_called_whose_answer_was_told() {
        let note = ("system", "The tool lookup_menu that you called before answered: {}");
        assert_eq!(said(&told(&[("user", "Soup?"), ("assistant", "I look."), note])), "Tomato.");
        assert_eq!(said(&told(&[("user", "Soup?"), ("assistant", "I look.")])), "I look. lookup_menu");
        assert_eq!(said(&told(&[note, ("user", "Soup?")])), "Tomato.");
    }

    #[test]
    fn what_was_cut_is_said_again() {
        let (mut memory, script) = (told(&[("user", "Open?")]), script());
        let item = json!({"id": "own", "status": "completed", "content": [{"transcript": "Till six."}]});
        memory.said(&item);
        assert_eq!(said(&memory), "Back.");
        memory.cut("own");
        assert_eq!(said(&memory), "Till six.");
        memory.heard(Some(Heard { tone: script.tone("Open?").unwrap(), opened: false, ended: true }), &script);
        memory.said(&json!({"id": "half", "status": "incomplete", "content": [{"transcript": "Till"}]}));
        assert_eq!(said(&memory), "Till six.");
    }
}
