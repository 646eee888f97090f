//! What a session is told that knows nothing of the call yet: what was said, as far as it was heard, what tools have
//! answered, which of them still run, and what the caller dialled. Bounded by an estimate, the oldest given up first: the
//! vendor would otherwise drop it unseen, or refuse it.

use super::tool_calls::note_of;
use super::{Session, Speaker};
use crate::model::ModelCommand;
use crate::redact::Pii;

/// Of a message, beside its words.
const FRAME_TOKENS: u64 = 4;

impl Session {
    /// Tells the session in use.
    pub(super) fn recall(&mut self) {
        let notes = self.notes();
        let spent: u64 = notes.iter().map(|note| tokens(note.reveal())).sum();
        let room = self.plan.capabilities.recall_tokens.saturating_sub(spent);
        let (said, left_out) = newest_within(room, self.transcript.told().collect());
        if left_out {
            let text = Pii::new(BEGINNING_LEFT_OUT.to_owned());
            self.tell_model(ModelCommand::Note { text });
        }
        said.into_iter().for_each(|(speaker, text)| self.tell_model(ModelCommand::Remember { speaker, text }));
        notes.into_iter().for_each(|text| self.tell_model(ModelCommand::Note { text }));
        if self.spending.is_warned() {
            self.tell_to_wrap_up();
        }
    }

    fn notes(&self) -> Vec<Pii<String>> {
        let answered = self.tools.results().map(|(name, output)| note_of(name, output));
        let running = self.tools.running().map(|name| {
            Pii::new(format!("You have called the tool {name}, and it is still running. Its answer follows by itself."))
        });
        answered.chain(running).chain(self.keys.notes()).collect()
    }
}

const BEGINNING_LEFT_OUT: &str = "The conversation has been going on for a while; its beginning is left out here.";

/// The latest of it, and whether anything is missing. The very last is there however long it is.
fn newest_within(room: u64, mut said: Vec<(Speaker, Pii<String>)>) -> (Vec<(Speaker, Pii<String>)>, bool) {
    let mut left = room;
    let fits = |(_, text): &&(Speaker, Pii<String>)| {
        let needed = tokens(text.reveal());
        let fits = needed <= left;
        left = left.saturating_sub(needed);
        fits
    };
    let kept = said.iter().rev().take_while(fits).count().max(1).min(said.len());
    let missing = said.len() - kept;
    (said.split_off(missing), missing > 0)
}

/// About four letters of English a token; of other scripts a token a letter, which is more than it takes.
fn tokens(text: &str) -> u64 {
    let quarters: u64 = text.chars().map(|letter| if letter.is_ascii() { 1 } else { 4 }).sum();
    quarters.div_ceil(4) + FRAME_TOKENS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(room: u64, said: &[&str]) -> (Vec<String>, bool) {
        let said = said.iter().map(|text| (Speaker::Agent, Pii::from(*text))).collect();
        let (kept, missing) = newest_within(room, said);
        (kept.into_iter().map(|(_, text)| text.reveal().clone()).collect(), missing)
    }

    #[test]
    fn the_oldest_is_given_up_first() {
        let said = ["one one one one", "two two two two", "three"];
        assert_eq!(kept(100, &said), (said.map(str::to_owned).to_vec(), false));
        assert_eq!(kept(14, &said), (vec!["two two two two".to_owned(), "three".to_owned()], true));
    }

    #[test]
    fn nothing_that_is_older_is_told_past_a_gap() {
        let long = "a".repeat(400);
        assert_eq!(kept(50, &["short", &long, "last"]), (vec!["last".to_owned()], true));
    }

    #[test]
    fn the_last_word_is_told_however_long_it_is() {
        assert_eq!(kept(1, &["first", "the last of them"]), (vec!["the last of them".to_owned()], true));
        assert_eq!(kept(1, &[]), (Vec::new(), false));
    }

    #[test]
    fn a_letter_that_is_not_ascii_counts_as_a_token() {
        assert_eq!((tokens("four"), tokens("größer"), tokens("天気")), (5, 7, 6));
    }
}
