//! Who said what, in the order in which it was said. A line gets its number when it begins; its words come later.

use std::collections::{BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

use super::output::{Interruption, Line, Speaker};
use super::recording::{NOT_RECORDED, withheld};
use crate::ids::ItemId;
use crate::redact::Pii;
use crate::time::{CallTime, Samples};

/// How many lines are kept, for late words and for a session that must be told what was said.
const REMEMBERED: usize = 200;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Transcript {
    lines: VecDeque<Line>,
    last_number: u32,
    /// Those whose words are still coming.
    unsettled: BTreeSet<u32>,
    /// Those that are kept without their words, and whether those that begin now are among them.
    withheld: BTreeSet<u32>,
    withholds: bool,
    /// Of these, the agent's.
    withholds_agent: bool,
    /// What the caller says while it is being made out, to be shown: the line has no words before all are known.
    #[serde(default)]
    hearing: Option<(ItemId, Pii<String>)>,
}

impl Transcript {
    /// `last_number`: the highest that was given out, whatever became of its line.
    pub(super) fn continuing(lines: Vec<Line>, last_number: u32) -> Self {
        let last_number = lines.iter().map(|line| line.number).max().unwrap_or(0).max(last_number);
        let mut transcript = Self { lines: lines.into(), last_number, ..Self::default() };
        transcript.forget_old();
        transcript
    }

    /// A line that was begun elsewhere, unless it is here, and settled, already.
    pub(super) fn adopt(&mut self, line: Line) -> bool {
        if self.find(&line.item).is_some() {
            return false;
        }
        let behind = self.lines.partition_point(|present| present.number < line.number);
        self.lines.insert(behind, line);
        true
    }

    pub(super) fn last_number(&self) -> u32 {
        self.last_number
    }

    /// As they may be written down.
    pub(super) fn unsettled(&self) -> impl Iterator<Item = Line> + '_ {
        let unsettled = self.lines.iter().filter(|line| self.unsettled.contains(&line.number));
        unsettled.map(|line| self.as_kept(line.clone()))
    }

    /// From here on, or no longer. What is being said belongs to what comes.
    pub(super) fn withhold(&mut self, withholds: bool) {
        self.withholds = withholds;
        if withholds {
            self.withheld.extend(&self.unsettled);
        }
    }

    /// From here on only what the agent says, or no longer.
    pub(super) fn withhold_agent(&mut self, withholds: bool) {
        self.withholds_agent = withholds;
    }

    /// As it may be written down.
    pub(super) fn as_kept(&self, line: Line) -> Line {
        if self.withheld.contains(&line.number) { withheld(line) } else { line }
    }

    /// The agent's last words, unless they are for nobody to keep.
    pub(super) fn last_said(&self) -> Option<&Pii<String>> {
        let said = |line: &&Line| line.speaker == Speaker::Agent && line.text.is_some();
        let last = self.lines.iter().rev().find(said).filter(|line| !self.withheld.contains(&line.number));
        last?.text.as_ref().filter(|text| text.reveal() != NOT_RECORDED)
    }

    /// The caller had the last word, of what they and the agent said.
    pub(super) fn awaits_answer(&self) -> bool {
        let said = |line: &&Line| line.text.is_some() && line.speaker != Speaker::Operator;
        self.lines.iter().rfind(said).is_some_and(|line| line.speaker == Speaker::Caller)
    }

    /// An utterance begins. Saying so twice does no harm.
    pub(super) fn begin(&mut self, speaker: Speaker, item: &ItemId, at: CallTime) {
        if self.find(item).is_some() {
            return;
        }
        self.last_number = self.last_number.saturating_add(1);
        let (item, number) = (item.detached(), self.last_number);
        self.lines.push_back(Line { number, at, speaker, item, text: None, interrupted: None, made_out_to: None });
        self.unsettled.insert(number);
        if self.withholds || (self.withholds_agent && speaker == Speaker::Agent) {
            self.withheld.insert(number);
        }
        self.forget_old();
    }

    /// More of what is being said.
    pub(super) fn append(&mut self, item: &ItemId, more: &str) {
        if let Some(line) = self.find(item) {
            let text = line.text.take().map(Pii::into_revealed).unwrap_or_default();
            line.text = Some(Pii::new(text + more));
        }
    }

    /// A line that is being spoken, as it may be shown.
    pub(super) fn so_far(&mut self, item: &ItemId) -> Option<Line> {
        let line = self.find(item)?.clone();
        self.unsettled.contains(&line.number).then(|| self.as_kept(line))
    }

    /// The same of the caller's, with more of its words.
    pub(super) fn heard_so_far(&mut self, item: &ItemId, more: &str) -> Option<Line> {
        let line = self.find(item)?.clone();
        if !self.unsettled.contains(&line.number) {
            return None;
        }
        let before = self.hearing.take().filter(|(of, _)| of == item);
        let words = before.map(|(_, words)| words.into_revealed()).unwrap_or_default() + more;
        self.hearing = Some((item.detached(), Pii::new(words.clone())));
        Some(self.as_kept(Line { text: Some(Pii::new(words)), ..line }))
    }

    /// Every line of which some words have been said, and not all.
    pub(super) fn being_said(&self) -> impl Iterator<Item = Line> + '_ {
        let words = |line: &Line| match &self.hearing {
            Some((item, words)) if *item == line.item => Some(words.clone()),
            _ => line.text.clone(),
        };
        let begun = self.lines.iter().filter(|line| self.unsettled.contains(&line.number));
        begun.filter_map(move |line| Some(self.as_kept(Line { text: Some(words(line)?), ..line.clone() })))
    }

    /// The words are known.
    pub(super) fn settle(
        &mut self,
        item: &ItemId,
        text: Option<Pii<String>>,
        made_out_to: Option<Samples>,
    ) -> Option<Line> {
        let line = self.find(item)?;
        line.text = text;
        line.made_out_to = made_out_to;
        let line = line.clone();
        self.unsettled.remove(&line.number);
        Some(line)
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
            let forgotten = self.lines.pop_front().map(|line| line.number);
            if let Some(number) = forgotten {
                self.unsettled.remove(&number);
                self.withheld.remove(&number);
            }
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
