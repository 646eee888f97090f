//! Entries on their way into a socket: packed into frames that cost and weigh no more than one message.

use std::collections::VecDeque;
use std::sync::Arc;

use super::{Cursor, LiveEntry};

/// API Gateway's frame, and the unit in which it bills.
pub const LONGEST_FRAME: usize = 32 * 1024;
/// A message of API Gateway's may have 128 KB, its envelope included; an entry that is longer cannot be told.
pub const LONGEST_ENTRY: usize = 120 * 1024;

const ENVELOPE: usize = 128;

/// Entries in JSON, in order.
#[derive(Debug, Default)]
pub struct Frames {
    waiting: VecDeque<Arc<str>>,
    bytes: usize,
}

impl Frames {
    /// `None`: it is too long to be told.
    pub fn json(entry: &LiveEntry) -> Option<Arc<str>> {
        let json = serde_json::to_string(entry).ok()?;
        (json.len() <= LONGEST_ENTRY).then(|| json.into())
    }

    pub fn push(&mut self, json: Arc<str>) {
        self.bytes += json.len() + 1;
        self.waiting.push_back(json);
    }

    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// As many of the first as fit.
    pub fn next(&mut self, cursor: Option<Cursor>) -> Option<String> {
        if self.is_empty() {
            return None;
        }
        let cursor = cursor.map(|cursor| format!(r#""cursor":"{cursor}","#)).unwrap_or_default();
        Some(self.fill(format!(r#"{{"type":"entries",{cursor}"entries":["#), "]}"))
    }

    /// The last of what was missed: all is told up to `cursor`, but for what was too much.
    pub fn last(&mut self, cursor: Cursor, truncated: bool) -> String {
        let head =
            format!(r#"{{"type":"entries","cursor":"{cursor}","replayed":true,"truncated":{truncated},"entries":["#);
        self.fill(head, "]}")
    }

    /// All that is left fits into one frame.
    pub fn is_last(&self) -> bool {
        self.bytes + ENVELOPE <= LONGEST_FRAME || self.waiting.len() <= 1
    }

    fn fill(&mut self, head: String, tail: &str) -> String {
        let mut frame = head;
        let mut first = true;
        while let Some(json) = self.waiting.pop_front_if(|json| first || frame.len() + json.len() + 3 <= LONGEST_FRAME)
        {
            self.bytes -= json.len() + 1;
            if !std::mem::take(&mut first) {
                frame.push(',');
            }
            frame.push_str(&json);
        }
        frame + tail
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(length: usize) -> Arc<str> {
        format!("\"{}\"", "x".repeat(length)).into()
    }

    fn read(frame: &str) -> serde_json::Value {
        serde_json::from_str(frame).unwrap()
    }

    #[test]
    fn a_frame_is_filled_and_not_overfilled() {
        let mut frames = Frames::default();
        (0..40).for_each(|_| frames.push(entry(2_000)));
        let mut counts = Vec::new();
        while let Some(frame) = frames.next(Some(Cursor(7))) {
            assert!(frame.len() <= LONGEST_FRAME, "{}", frame.len());
            let frame = read(&frame);
            assert_eq!((&frame["type"], &frame["cursor"]), (&"entries".into(), &"1.7".into()));
            counts.push(frame["entries"].as_array().unwrap().len());
        }
        assert_eq!(counts, [16, 16, 8]);
        assert_eq!(frames.bytes(), 0);
    }

    #[test]
    fn an_entry_that_is_longer_than_a_frame_goes_alone() {
        let mut frames = Frames::default();
        [100, 60_000, 100].into_iter().for_each(|length| frames.push(entry(length)));
        let lengths: Vec<_> = std::iter::from_fn(|| frames.next(None))
            .map(|frame| read(&frame)["entries"].as_array().unwrap().len())
            .collect();
        assert_eq!(lengths, [1, 1, 1]);
    }

    #[test]
    fn what_was_missed_ends_with_a_cursor_even_if_nothing_was() {
        let mut frames = Frames::default();
        assert!(frames.is_last());
        let frame = read(&frames.last(Cursor(36), true));
        assert_eq!(frame["cursor"], "1.10");
        assert_eq!(
            (&frame["replayed"], &frame["truncated"], &frame["entries"]),
            (&true.into(), &true.into(), &serde_json::json!([]))
        );
    }
}
