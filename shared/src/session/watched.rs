//! What is shown to whoever watches, and kept by nobody: words while they are being spoken, and how good the line is.
//!
//! Watching changes nothing else: a call that is watched says, asks for and writes down what it would have anyway.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Session;
use super::output::{Line, LineQuality, Output, ToolWords};
use super::tools::Pending;
use crate::ids::{ItemId, ToolCallId};
use crate::redact::Pii;
use crate::time::CallTime;

/// Of what a tool is asked or answers, in characters.
const LONGEST_SHOWN: usize = 4_000;
const QUALITY_EVERY: Duration = Duration::from_secs(1);
/// One frame's weight is one sixteenth, as in RFC 3550.
const JITTER_WEIGHT: u64 = 16;

/// What is measured while somebody watches.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Watched {
    on: bool,
    told_at: CallTime,
    /// The last frame: when it came, and what its stamp says.
    last: Option<(CallTime, u64)>,
    jitter_us: u64,
    /// How late the slowest mark came back since this was told last.
    mark_ms: Option<u64>,
}

impl Watched {
    /// A frame of the caller's; stamps are the carrier's, in milliseconds of its stream.
    pub(super) fn frame(&mut self, stamp_ms: u64, now: CallTime) {
        if !self.on {
            return;
        }
        if let Some((came_at, stamped)) = self.last.replace((now, stamp_ms)) {
            let (came, sent) = (now.0.saturating_sub(came_at.0), stamp_ms.saturating_sub(stamped));
            let uneven_us = came.abs_diff(sent).saturating_mul(1_000);
            self.jitter_us =
                (self.jitter_us.saturating_mul(JITTER_WEIGHT - 1)).saturating_add(uneven_us) / JITTER_WEIGHT;
        }
    }

    pub(super) fn marked(&mut self, late_ms: u64) {
        if self.on {
            self.mark_ms = self.mark_ms.max(Some(late_ms));
        }
    }

    /// Another stream begins: its stamps start anew.
    pub(super) fn restart(&mut self) {
        self.last = None;
    }
}

impl Session {
    pub(super) fn on_watched(&mut self, now: CallTime, on: bool) {
        if self.watched.on != on {
            self.watched = Watched { on, told_at: now, ..Watched::default() };
        }
        // Also to whoever comes later than others.
        if on {
            let begun: Vec<Line> = self.transcript.being_said().collect();
            begun.into_iter().for_each(|line| self.emit(Output::Speaking(line)));
            let running: Vec<_> =
                self.tools.pending().filter_map(|(id, asked)| self.tool_words(id, asked, None)).collect();
            running.into_iter().for_each(|words| self.emit(Output::ToolWords(words)));
        }
    }

    /// A tool is called, or has answered.
    pub(super) fn show_tool(&mut self, call: &ToolCallId, asked: &Pending, output: Option<&Pii<String>>) {
        if let Some(words) = self.tool_words(call, asked, output) {
            self.emit(Output::ToolWords(words));
        }
    }

    /// `None`: nobody watches, or it is for nobody to see.
    fn tool_words(&self, call: &ToolCallId, asked: &Pending, output: Option<&Pii<String>>) -> Option<ToolWords> {
        let shown = self.watched.on && !asked.withheld && !self.keeping.withholds_agent();
        shown.then(|| ToolWords {
            id: call.detached(),
            name: asked.name.clone(),
            arguments: cut(&asked.arguments),
            output: output.map(cut),
        })
    }

    /// The agent's words so far.
    pub(super) fn show_so_far(&mut self, item: &ItemId) {
        let line = if self.watched.on { self.transcript.so_far(item) } else { None };
        line.into_iter().for_each(|line| self.emit(Output::Speaking(line)));
    }

    /// The caller's words so far. What is written down are those that the model is sure of in the end.
    pub(super) fn on_caller_says(&mut self, item: &ItemId, more: &str) {
        let line = self.transcript.heard_so_far(item, more).filter(|_| self.watched.on);
        line.into_iter().for_each(|line| self.emit(Output::Speaking(line)));
    }

    pub(super) fn watch_quality(&mut self, now: CallTime) {
        if !self.watched.on || !self.is_present() || now.since(self.watched.told_at) < QUALITY_EVERY {
            return;
        }
        self.watched.told_at = now;
        let (late, lost) = self.tallies.late_and_lost();
        let (jitter_ms, mark_ms) = (self.watched.jitter_us / 1_000, self.watched.mark_ms.take());
        self.emit(Output::Quality(LineQuality { jitter_ms, late, lost, mark_ms }));
    }
}

fn cut(text: &Pii<String>) -> Pii<String> {
    let text = text.reveal();
    let end = text.char_indices().nth(LONGEST_SHOWN).map(|(at, _)| at);
    Pii::new(end.map_or_else(|| text.clone(), |end| format!("{}…", &text[..end])))
}
