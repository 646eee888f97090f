//! One response: what is sent of it and when, and what is left to say when it is cut short.
//!
//! A response is planned whole when it begins, as beats on a time line; a cancellation throws the remaining beats
//! away and closes what is open.

use std::collections::VecDeque;
use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};

use super::script::{Act, Script};

/// A beat's events, and what the session must remember of it.
#[derive(Debug)]
pub(super) enum Played {
    Events(Vec<Value>),
    /// An item now exists in the conversation.
    ItemBegan {
        events: Vec<Value>,
        item: Value,
    },
    ItemEnded {
        events: Vec<Value>,
        item: Value,
    },
    /// Audio of an item was sent.
    Sounded {
        event: Value,
        item: String,
        bytes: usize,
    },
    Finished(End),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    Completed,
    Cancelled { reason: &'static str },
    Failed { code: String },
}

#[derive(Debug)]
enum Beat {
    Begin(usize),
    Words(usize, String),
    Sound(usize, Range<usize>),
    Arguments(usize, String),
    End(usize),
    Finish(End),
}

#[derive(Debug)]
struct Item {
    id: String,
    call: String,
    act: Act,
    began: bool,
    ended: bool,
    /// What was sent of its text or its arguments so far.
    sent: String,
    bytes: usize,
}

#[derive(Debug)]
pub(super) struct Reply {
    id: String,
    items: Vec<Item>,
    beats: VecDeque<(u64, Beat)>,
}

impl Reply {
    /// Plans a response to be sent from `now` on. `name` makes ids of kinds: `item_…`, `call_…`.
    pub(super) fn plan(
        id: String,
        acts: &[Act],
        script: &Script,
        now_ms: u64,
        dice: &mut Dice,
        name: &mut dyn FnMut(&str) -> String,
    ) -> Self {
        let items = acts.iter().filter(|act| !matches!(act, Act::Fail { .. }));
        let items: Vec<Item> = items
            .map(|act| Item {
                id: name("item"),
                call: name("call"),
                act: act.clone(),
                began: false,
                ended: false,
                sent: String::new(),
                bytes: 0,
            })
            .collect();
        let mut plan =
            Plan { at_us: (now_ms + millis(script.think)) * 1_000, pace: script.pace, beats: VecDeque::new() };
        items.iter().enumerate().for_each(|(index, item)| plan.item(index, &item.act, script, dice));
        plan.finish(acts.iter().find_map(|act| match act {
            Act::Fail { code } => Some(End::Failed { code: code.clone() }),
            Act::Say { .. } | Act::Call { .. } => None,
        }));
        Self { id, items, beats: plan.beats }
    }

    /// A response that says one thing and never ends: the echo.
    pub(super) fn open(id: String, item: String) -> Self {
        let act = Act::Say { text: String::new(), sound: Bytes::new() };
        let item =
            Item { id: item, call: String::new(), act, began: false, ended: false, sent: String::new(), bytes: 0 };
        Self { id, items: vec![item], beats: VecDeque::from([(0, Beat::Begin(0))]) }
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn next_at(&self) -> Option<u64> {
        self.beats.front().map(|(at, _)| *at)
    }

    pub(super) fn play(&mut self, now_ms: u64) -> Option<Played> {
        if self.next_at()? > now_ms {
            return None;
        }
        let (_, beat) = self.beats.pop_front()?;
        Some(match beat {
            Beat::Begin(index) => self.begin(index),
            Beat::Words(index, words) => self.piece(index, &words, "response.output_audio_transcript.delta"),
            Beat::Arguments(index, piece) => self.piece(index, &piece, "response.function_call_arguments.delta"),
            Beat::Sound(index, range) => self.sound(index, range),
            Beat::End(index) => self.end(index, "completed"),
            Beat::Finish(end) => Played::Finished(end),
        })
    }

    /// Throws away what was not sent and closes the item that is open.
    pub(super) fn cut(&mut self) -> Option<Played> {
        self.beats.clear();
        let open = self.items.iter().position(|item| item.began && !item.ended)?;
        Some(self.end(open, "incomplete"))
    }

    /// The items as they stand, for `response.done`.
    pub(super) fn output(&self) -> Vec<Value> {
        let begun = self.items.iter().filter(|item| item.began);
        begun.map(|item| item.value(if item.ended && item.whole() { "completed" } else { "incomplete" })).collect()
    }

    /// Bytes of audio and of text that were sent.
    pub(super) fn sent(&self) -> (usize, usize) {
        self.items.iter().fold((0, 0), |(bytes, letters), item| (bytes + item.bytes, letters + item.sent.len()))
    }

    fn begin(&mut self, index: usize) -> Played {
        let Some(item) = self.items.get_mut(index) else { return Played::Events(Vec::new()) };
        item.began = true;
        let value = item.value("in_progress");
        let mut events = vec![
            json!({"type": "response.output_item.added", "response_id": self.id, "output_index": index, "item": value}),
        ];
        if matches!(item.act, Act::Say { .. }) {
            let part = json!({"type": "audio", "transcript": ""});
            events.push(self.of_part(index, "response.content_part.added", &[("part", part)]));
        }
        Played::ItemBegan { events, item: value }
    }

    fn piece(&mut self, index: usize, piece: &str, kind: &str) -> Played {
        if let Some(item) = self.items.get_mut(index) {
            item.sent.push_str(piece);
        }
        Played::Events(vec![self.of_part(index, kind, &[("delta", piece.into())])])
    }

    fn sound(&mut self, index: usize, range: Range<usize>) -> Played {
        let bytes = range.len();
        let Some(Item { act: Act::Say { sound, .. }, id, bytes: sent, .. }) = self.items.get_mut(index) else {
            return Played::Events(Vec::new());
        };
        *sent += bytes;
        let (delta, item) = (encode(sound, range), id.clone());
        let event = self.of_part(index, "response.output_audio.delta", &[("delta", delta.into())]);
        Played::Sounded { event, item, bytes }
    }

    fn end(&mut self, index: usize, status: &str) -> Played {
        let Some(item) = self.items.get_mut(index) else { return Played::Events(Vec::new()) };
        item.ended = true;
        let (value, sent) = (item.value(status), Value::from(item.sent.clone()));
        let mut events = match &item.act {
            Act::Call { name, .. } => {
                let fields = [("name", name.as_str().into()), ("arguments", sent)];
                vec![self.of_part(index, "response.function_call_arguments.done", &fields)]
            }
            Act::Say { .. } | Act::Fail { .. } => {
                let part = json!({"type": "audio", "transcript": sent});
                vec![
                    self.of_part(index, "response.output_audio.done", &[]),
                    self.of_part(index, "response.output_audio_transcript.done", &[("transcript", sent)]),
                    self.of_part(index, "response.content_part.done", &[("part", part)]),
                ]
            }
        };
        events.push(
            json!({"type": "response.output_item.done", "response_id": self.id, "output_index": index, "item": value}),
        );
        Played::ItemEnded { events, item: value }
    }

    /// An event about an item's content: text and audio name the part, arguments name the call.
    fn of_part(&self, index: usize, kind: &str, fields: &[(&str, Value)]) -> Value {
        let item = self.items.get(index);
        let id = item.map_or("", |item| item.id.as_str());
        let mut event = json!({"type": kind, "response_id": self.id, "item_id": id, "output_index": index});
        match item {
            Some(Item { act: Act::Call { .. }, call, .. }) => event["call_id"] = call.as_str().into(),
            _ => event["content_index"] = 0.into(),
        }
        fields.iter().for_each(|(name, value)| event[*name] = value.clone());
        event
    }
}

impl Item {
    fn whole(&self) -> bool {
        match &self.act {
            Act::Say { sound, .. } => self.bytes == sound.len(),
            Act::Call { arguments, .. } => self.sent == *arguments,
            Act::Fail { .. } => false,
        }
    }

    fn value(&self, status: &str) -> Value {
        match &self.act {
            Act::Call { name, .. } => json!({
                "id": self.id, "object": "realtime.item", "type": "function_call", "status": status, "name": name,
                "call_id": self.call, "arguments": self.sent,
            }),
            Act::Say { .. } | Act::Fail { .. } => {
                let part = json!({"type": "output_audio", "transcript": self.sent});
                let content = if status == "in_progress" { json!([]) } else { json!([part]) };
                json!({
                    "id": self.id, "object": "realtime.item", "type": "message", "status": status, "role": "assistant",
                    "content": content,
                })
            }
        }
    }
}

/// Lays beats out in time.
struct Plan {
    at_us: u64,
    pace: f64,
    beats: VecDeque<(u64, Beat)>,
}

impl Plan {
    fn push(&mut self, beat: Beat) {
        self.beats.push_back((self.at_us / 1_000, beat));
    }

    fn item(&mut self, index: usize, act: &Act, script: &Script, dice: &mut Dice) {
        self.push(Beat::Begin(index));
        match act {
            Act::Say { text, sound } => self.speech(index, text, sound.len(), script, dice),
            Act::Call { arguments, .. } => {
                let middle = (0..=arguments.len() / 2).rev().find(|&at| arguments.is_char_boundary(at)).unwrap_or(0);
                let (first, second) = arguments.split_at(middle);
                [first, second].into_iter().for_each(|piece| self.push(Beat::Arguments(index, piece.to_owned())));
            }
            Act::Fail { .. } => {}
        }
        self.push(Beat::End(index));
    }

    /// Text runs ahead of its sound: two words with every delta of audio, the rest when it ends.
    fn speech(&mut self, index: usize, text: &str, length: usize, script: &Script, dice: &mut Dice) {
        let mut words = text.split_inclusive(' ').collect::<VecDeque<_>>();
        let mut from = 0;
        while from < length {
            let to = length.min(from + dice.within(&script.deltas));
            let ahead: String = words.drain(..words.len().min(2)).collect();
            if !ahead.is_empty() {
                self.push(Beat::Words(index, ahead));
            }
            self.push(Beat::Sound(index, from..to));
            self.spend(to - from);
            from = to;
        }
        if !words.is_empty() {
            self.push(Beat::Words(index, words.into_iter().collect()));
        }
    }

    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "microseconds of a few minutes"
    )]
    fn spend(&mut self, bytes: usize) {
        if self.pace > 0.0 {
            self.at_us += (bytes as f64 * 125.0 / self.pace) as u64;
        }
    }

    fn finish(&mut self, failure: Option<End>) {
        self.push(Beat::Finish(failure.unwrap_or(End::Completed)));
    }
}

/// Chance with a seed.
#[derive(Debug)]
pub(super) struct Dice(fastrand::Rng);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed))
    }

    fn within(&mut self, range: &std::ops::RangeInclusive<usize>) -> usize {
        self.0.usize(range.clone())
    }

    pub(super) fn one_in(&mut self, chances: u32) -> bool {
        self.0.u32(0..chances) == 0
    }
}

fn encode(sound: &Bytes, range: Range<usize>) -> String {
    STANDARD.encode(sound.get(range).unwrap_or_default())
}

pub(super) fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
