//! Finding calls by what was said in them, with whom, and how they ended: what a call is found by, and what is looked for.
//!
//! Words are looked for whole, in any case of letters, and in any order. Scripts without spaces are cut into pairs of letters.

use std::collections::BTreeSet;

use crate::calls::{Call, Ending};
use crate::ids::AgentId;
use crate::redact::Pii;
use crate::session::{Line, NOT_RECORDED};

/// What a call is found by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Term {
    Word(Pii<String>),
    Agent(AgentId),
    Ending(Ending),
    /// Of either side. Every call is found by these, from its beginning on.
    Number(Pii<String>),
}

/// What somebody looks for: calls that all of it is true of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Search {
    pub terms: BTreeSet<Term>,
    /// Unix milliseconds of a call's beginning; both are included.
    pub from_ms: Option<u64>,
    pub to_ms: Option<u64>,
}

impl Search {
    /// The words that are looked for.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.terms.iter().filter_map(|term| match term {
            Term::Word(word) => Some(word.reveal().as_str()),
            Term::Agent(_) | Term::Ending(_) | Term::Number(_) => None,
        })
    }

    /// The lines in which any of the words was said.
    pub fn matching(&self, lines: Vec<Line>) -> Vec<Line> {
        let wanted: BTreeSet<&str> = self.words().collect();
        let said = |line: &Line| words(spoken(line)).iter().any(|word| wanted.contains(word.as_str()));
        lines.into_iter().filter(said).collect()
    }
}

/// Of one call: its longest transcripts have words that nobody finds it by.
const MOST_WORDS: usize = 1_000;
/// In letters. One letter is no word; what is longer is none either.
const WORD: core::ops::RangeInclusive<usize> = 2..=40;

/// What a call is found by once it is over, but for its numbers.
pub fn terms_of(call: &Call, ending: Ending, lines: &[Line]) -> Vec<Term> {
    let said: BTreeSet<String> = lines.iter().flat_map(|line| words(spoken(line))).collect();
    let words = said.into_iter().take(MOST_WORDS).map(|word| Term::Word(word.into()));
    words.chain([Term::Agent(call.agent.id.clone()), Term::Ending(ending)]).collect()
}

fn spoken(line: &Line) -> &str {
    line.text.as_ref().map(|text| text.reveal().as_str()).filter(|text| *text != NOT_RECORDED).unwrap_or_default()
}

/// The words of a text.
pub fn words(text: &str) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    for run in text.split(|letter: char| !letter.is_alphanumeric()) {
        // İ has a mark beside its small letter, which is no letter.
        let small = run.chars().flat_map(char::to_lowercase);
        let letters: Vec<char> = small.filter(|letter| letter.is_alphanumeric()).collect();
        if letters.iter().any(|letter| is_unspaced(*letter)) {
            words.extend(letters.windows(2).map(String::from_iter));
        } else if WORD.contains(&letters.len()) {
            words.insert(letters.into_iter().collect());
        }
    }
    words
}

/// Of a script that puts no spaces between words: Han, Hiragana, Katakana, Thai, Lao, Khmer, Myanmar.
fn is_unspaced(letter: char) -> bool {
    matches!(letter, '\u{0e00}'..='\u{0eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::ItemId;
    use crate::session::Speaker;
    use crate::time::CallTime;

    fn line(number: u32, text: &str) -> Line {
        Line {
            number,
            at: CallTime(u64::from(number) * 1000),
            speaker: Speaker::Caller,
            item: ItemId::from("item"),
            text: Some(text.into()),
            interrupted: None,
            made_out_to: None,
        }
    }

    fn of(text: &str) -> Vec<String> {
        words(text).into_iter().collect()
    }

    #[test]
    fn words_are_runs_of_letters_and_digits_whatever_their_case() {
        assert_eq!(
            of("Is the PIZZA ready? It's order 4711 — a Grün-Weiß one."),
            ["4711", "grün", "is", "it", "one", "order", "pizza", "ready", "the", "weiß"]
        );
        assert_eq!(of("İstanbul"), ["istanbul"]);
        assert_eq!(of(""), [""; 0]);
    }

    #[test]
    fn scripts_without_spaces_are_found_by_pairs_of_letters() {
        assert_eq!(of("処方箋 ok"), ["ok", "処方", "方箋"]);
    }

    #[test]
    fn what_is_looked_for_is_shown_where_it_was_said() {
        let terms = words("pizza ready").into_iter().map(|word| Term::Word(word.into())).collect();
        let search = Search { terms, ..Search::default() };
        let lines = vec![line(1, "Hello"), line(2, "Is my Pizza there?"), line(3, "Nearly ready.")];
        let found: Vec<u32> = search.matching(lines).iter().map(|line| line.number).collect();
        assert_eq!(found, [2, 3]);
    }

    #[test]
    fn what_was_not_to_be_kept_is_not_found() {
        assert!(words(spoken(&line(1, NOT_RECORDED))).is_empty());
    }
}
