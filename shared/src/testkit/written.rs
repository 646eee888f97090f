//! What a relay has written down of a call: all that its successor knows.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::session::{Line, Output, Past, Succession};
use crate::time::Samples;

/// As it is stored: the journal is text, so that what does not read back is found out.
#[derive(Debug, Clone, Default)]
pub struct Written {
    pub journal: Option<String>,
    pub lines: BTreeMap<u32, Line>,
    pub speech: Vec<(Samples, Bytes)>,
}

impl Written {
    pub fn write(&mut self, output: &Output) {
        match output {
            Output::Journal(journal) | Output::LetGo(journal) => {
                self.journal = Some(serde_json::to_string(journal).unwrap());
            }
            Output::Transcript(line) => _ = self.lines.insert(line.number, line.clone()),
            Output::KeepSpeech { from, mulaw } => self.speech.push((*from, mulaw.clone())),
            _ => {}
        }
    }

    pub fn past(&self, succession: Succession) -> Past {
        let read = |text: &String| serde_json::from_str(text).expect("a journal reads back");
        Past {
            succession,
            journal: self.journal.as_ref().map(read),
            lines: self.lines.values().cloned().collect(),
            speech: self.speech.clone(),
        }
    }
}
