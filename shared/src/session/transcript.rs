//! Who said what, in the order in which it was said. A line gets its number when it begins; its words come later.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::output::{Interruption, Line, Speaker};
use crate::ids::ItemId;
use crate::redact::Pii;
use crate::time::CallTime;

/// How many lines are kept, for late words and for a session that must be told what was said.
const REMEMBERED: usize = 200;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Transcript {
    lines: VecDeque<Line>,
    next_number: u32,
}

impl Transcript {
    pub(super) fn continuing(history: Vec<Line>) -> Self {
        let next_number = history.iter().map(|line| line.number).max().unwrap_or(0);
        let mut transcript = Self { lines: history.into(), next_number };
        transcript.forget_old();
        transcript
    }

    /// An utterance begins. Saying so twice does no harm.
    pub(super) fn begin(&mut self, speaker: Speaker, item: &ItemId, at: CallTime) {
        if self.find(item).is_some() {
            return;
        }
        self.next_number += 1;
        let item = item.detached();
        self.lines.push_back(Line { number: self.next_number, at, speaker, item, text: None, interrupted: None });
        self.forget_old();
    }

    /// More of what is being said.
    pub(super) fn append(&mut self, item: &ItemId, more: &str) {
        if let Some(line) = self.find(item) {
            let text = line.text.take().map(Pii::into_revealed).unwrap_or_default();
            line.text = Some(Pii::new(text + more));
        }
    }

    /// The words are known.
    pub(super) fn settle(&mut self, item: &ItemId, text: Option<Pii<String>>) -> Option<Line> {
        let line = self.find(item)?;
        line.text = text;
        Some(line.clone())
    }

    pub(super) fn interrupt(&mut self, item: &ItemId, interruption: Interruption) -> Option<Line> {
        let line = self.find(item)?;
        line.interrupted = Some(interruption);
        Some(line.clone())
    }

    /// What a fresh session must be told: every line with words, the agent's as far as they were heard.
    pub(super) fn told(&self) -> impl Iterator<Item = (Speaker, Pii<String>)> + '_ {
        self.lines.iter().filter_map(|line| Some((line.speaker, heard(line)?)))
    }

    fn find(&mut self, item: &ItemId) -> Option<&mut Line> {
        self.lines.iter_mut().rev().find(|line| line.item == *item)
    }

    fn forget_old(&mut self) {
        while self.lines.len() > REMEMBERED {
            self.lines.pop_front();
        }
    }
}

/// The words that were heard, by proportion: the model gives no times for its words.
fn heard(line: &Line) -> Option<Pii<String>> {
    let text = line.text.as_ref()?.reveal();
    let Some(Interruption { heard_ms, sent_ms }) = line.interrupted else { return Some(Pii::new(text.clone())) };
    let words: Vec<&str> = text.split_whitespace().collect();
    let share = words.len() as u64 * heard_ms / sent_ms.max(1);
    let heard =
        words.get(..usize::try_from(share).unwrap_or(usize::MAX).min(words.len())).unwrap_or_default().join(" ");
    (!heard.is_empty()).then(|| Pii::new(heard + " …"))
}
