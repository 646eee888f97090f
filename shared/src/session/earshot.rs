//! What the caller has said and no model has understood yet: kept, so that a session that comes later hears it again.
//!
//! A model's session may be lost, or the relay that held it, while the caller speaks or before their words are made
//! out. Whoever comes next is given that audio again, from the beginning of the utterance; so nobody has to say
//! anything twice. Positions count the samples of the caller's audio, fillings included, over the whole call.

use std::collections::VecDeque;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::audio::Payload;
use crate::ids::ItemId;
use crate::time::Samples;

/// Less than this is no utterance.
const SHORTEST: Samples = Samples::from_millis(100);
/// A model needs some time to notice that somebody speaks: this much is kept of a caller who seems to be silent.
const LOOKBACK: Samples = Samples::from_millis(1_000);

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Earshot {
    kept: Ring,
    /// Where what is kept begins and ends.
    from: Samples,
    to: Samples,
    /// Everything before this was understood.
    understood: Samples,
    /// Where the model's present session began to hear; its own positions count from here.
    session_from: Samples,
    /// Utterances that have begun and are not made out.
    turns: VecDeque<Utterance>,
    /// Speech was under way when the last session was lost, and the next one has to make it out.
    again: bool,
    /// What the journal has of it.
    journalled: Samples,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Utterance {
    item: ItemId,
    from: Samples,
    /// `None` while it lasts.
    to: Option<Samples>,
}

impl Earshot {
    /// For a successor: where the call's audio was, what of it was understood, what was kept of the rest, and whether speech
    /// was under way.
    pub(super) fn resume(
        position: Samples,
        understood: Samples,
        mut pieces: Vec<(Samples, Bytes)>,
        owed: bool,
    ) -> Self {
        // A damaged journal may say otherwise.
        let understood = understood.min(position);
        pieces.retain(|(from, mulaw)| *from + Samples(mulaw.len() as u64) > understood);
        let again = owed && !pieces.is_empty();
        let mut earshot = Self { from: understood, to: understood, understood, again, ..Self::default() };
        for (from, mulaw) in pieces {
            let known = usize::try_from((earshot.to - from).0).unwrap_or(usize::MAX).min(mulaw.len());
            earshot.fill_up_to(from);
            earshot.push(&Payload::encode(mulaw.get(known..).unwrap_or_default()));
        }
        if earshot.kept.is_empty() {
            (earshot.from, earshot.to) = (position, position);
        }
        earshot.journalled = earshot.to;
        earshot
    }

    /// More of the caller. `live`: a model hears it as it comes. Otherwise all of it is kept, `bound` at most; returns
    /// how much was given up for that.
    pub(super) fn keep(&mut self, payload: &Payload, bound: Samples, live: bool) -> Samples {
        self.push(payload);
        if live {
            let needed = self.needed_from();
            self.kept.forget_until(&mut self.from, needed);
        }
        let before = self.from;
        self.kept.forget_until(&mut self.from, self.to - bound);
        if live { Samples::ZERO } else { self.from - before }
    }

    /// The model's session is ready: all that it has to hear, and from then on what comes.
    pub(super) fn give(&mut self) -> Vec<Payload> {
        self.kept.forget_until(&mut self.from, self.understood);
        self.session_from = self.from;
        self.kept.payloads()
    }

    /// The session is gone. What was under way will be heard by the next one. Returns whether there is such a thing.
    pub(super) fn lose_session(&mut self) -> bool {
        let unclear = self.needed_from().max(self.understood);
        self.kept.forget_until(&mut self.from, unclear);
        self.again |= self.turns.front().is_some_and(|turn| self.from <= turn.from && turn.from + SHORTEST <= self.to);
        self.turns.clear();
        self.again
    }

    pub(super) fn begins(&mut self, item: &ItemId, at_ms: u64) {
        let from = (self.session_from + Samples::from_millis(at_ms)).clamp(self.understood, self.to);
        self.turns.push_back(Utterance { item: item.detached(), from, to: None });
    }

    /// How much has been heard since the present utterance began.
    pub(super) fn utterance(&self) -> Samples {
        self.turns.back().map_or(Samples::ZERO, |turn| self.to - turn.from)
    }

    pub(super) fn ends(&mut self, item: &ItemId, at_ms: u64) {
        let to = (self.session_from + Samples::from_millis(at_ms)).min(self.to);
        if let Some(turn) = self.turns.iter_mut().find(|turn| turn.item == *item) {
            turn.to = Some(to);
        }
    }

    /// The words of this utterance are known, and whatever was said before it needs no further hearing. Returns where it
    /// ends, if it is one.
    pub(super) fn made_out(&mut self, item: &ItemId) -> Option<Samples> {
        let index = self.turns.iter().position(|turn| turn.item == *item)?;
        self.again = false;
        for turn in self.turns.drain(..=index) {
            self.understood = self.understood.max(turn.to.unwrap_or(turn.from));
        }
        Some(self.understood)
    }

    /// What was said to its end has been answered: it needs no further hearing, known words or not.
    pub(super) fn answered(&mut self) {
        while let Some(turn) = self.turns.pop_front_if(|turn| turn.to.is_some()) {
            self.again = false;
            self.understood = self.understood.max(turn.to.unwrap_or(turn.from));
        }
    }

    pub(super) fn position(&self) -> Samples {
        self.to
    }

    pub(super) fn understood(&self) -> Samples {
        self.understood
    }

    /// What a successor would need and the journal does not have. `live`: a model hears it as it comes, so that
    /// silence need not be kept.
    pub(super) fn unwritten(&mut self, live: bool) -> Option<(Samples, Vec<u8>)> {
        let wanted = match self.turns.front() {
            Some(turn) => turn.from,
            None if live => return None,
            None => self.from,
        };
        let from = self.journalled.max(wanted).max(self.from);
        if from >= self.to {
            return None;
        }
        let (from, mulaw) = self.kept.decoded(self.from, from);
        self.journalled = self.to;
        Some((from, mulaw))
    }

    /// What was heard so far is never written down.
    pub(super) fn withhold(&mut self) {
        self.journalled = self.to;
    }

    /// Whether somebody is speaking, or has spoken and is not made out.
    pub(super) fn is_owed(&self) -> bool {
        self.again || !self.turns.is_empty()
    }

    /// What an earlier session had not made out is being heard again.
    pub(super) fn is_heard_again(&self) -> bool {
        self.again
    }

    fn needed_from(&self) -> Samples {
        let recent = self.to - LOOKBACK;
        self.turns.front().map_or(recent, |turn| turn.from.min(recent))
    }

    fn push(&mut self, payload: &Payload) {
        self.to += payload.samples();
        self.kept.push(payload);
    }

    /// A hole in what was kept is heard as silence.
    fn fill_up_to(&mut self, from: Samples) {
        if self.kept.is_empty() {
            (self.from, self.to) = (self.to.max(from), self.to.max(from));
        }
        while self.to < from {
            let silence = Payload::silence(from - self.to);
            if silence.is_empty() {
                break;
            }
            self.push(&silence);
        }
    }
}

/// Base64 texts behind one another in one buffer, so that keeping a frame allocates nothing and holds on to nobody
/// else's.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Ring {
    #[serde(with = "as_text")]
    text: VecDeque<u8>,
    /// Characters and samples of each.
    pieces: VecDeque<(u32, u32)>,
}

impl Ring {
    fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    fn push(&mut self, payload: &Payload) {
        let text = payload.as_base64().as_bytes();
        let (Ok(chars), Ok(samples)) = (u32::try_from(text.len()), u32::try_from(payload.samples().0)) else { return };
        if samples > 0 {
            self.text.extend(text);
            self.pieces.push_back((chars, samples));
        }
    }

    /// Whole pieces only.
    fn forget_until(&mut self, from: &mut Samples, until: Samples) {
        while let Some((chars, samples)) =
            self.pieces.pop_front_if(|piece| *from + Samples(u64::from(piece.1)) <= until)
        {
            self.text.drain(..chars as usize);
            *from += Samples(u64::from(samples));
        }
    }

    fn payloads(&self) -> Vec<Payload> {
        let mut text = self.text.iter().copied();
        let piece = |&(chars, _): &(u32, u32)| String::from_utf8(text.by_ref().take(chars as usize).collect());
        self.pieces.iter().map(piece).filter_map(|text| Payload::parse(text.ok()?.into()).ok()).collect()
    }

    /// From the piece in which `wanted` lies: where that begins, and all from there on.
    fn decoded(&self, mut from: Samples, wanted: Samples) -> (Samples, Vec<u8>) {
        let mut mulaw = Vec::new();
        let mut begins = None;
        for payload in self.payloads() {
            let next = from + payload.samples();
            if next > wanted {
                begins.get_or_insert(from);
                payload.decode_into(&mut mulaw);
            }
            from = next;
        }
        (begins.unwrap_or(from), mulaw)
    }
}

/// Base64 is text, and shorter so.
mod as_text {
    use std::collections::VecDeque;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &VecDeque<u8>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&bytes.iter().map(|&byte| char::from(byte)).collect::<String>())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(de: D) -> Result<VecDeque<u8>, D::Error> {
        Ok(String::deserialize(de)?.into_bytes().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUND: Samples = Samples::from_millis(20_000);

    fn frame(number: u8) -> Payload {
        Payload::encode(&[number; 160])
    }

    /// A session is there from the beginning and hears so many frames.
    fn heard(frames: u8) -> Earshot {
        let mut earshot = Earshot::default();
        assert_eq!(earshot.give(), []);
        for number in 0..frames {
            assert_eq!(earshot.keep(&frame(number), BOUND, true), Samples::ZERO);
        }
        earshot
    }

    fn first(payloads: &[Payload]) -> Option<u8> {
        payloads.first().map(|payload| payload.decode()[0])
    }

    #[test]
    fn of_a_silent_caller_the_last_second_is_kept() {
        let mut earshot = heard(200);
        assert!(!earshot.lose_session());
        assert_eq!(first(&earshot.give()), Some(150));
    }

    #[test]
    fn an_utterance_is_kept_from_its_beginning_until_it_is_made_out() {
        let mut earshot = heard(100);
        earshot.begins(&"u1".into(), 1_200);
        (100..200).for_each(|number| _ = earshot.keep(&frame(number), BOUND, true));
        assert!(earshot.is_owed());
        let mut lost = earshot.clone();
        assert!(lost.lose_session());
        assert_eq!(first(&lost.give()), Some(60));
        earshot.ends(&"u1".into(), 3_000);
        earshot.made_out(&"u1".into());
        assert!(!earshot.is_owed());
        assert!(!earshot.lose_session());
        assert_eq!(first(&earshot.give()), Some(150));
    }

    #[test]
    fn positions_count_from_the_session_that_tells_them() {
        let mut earshot = heard(100);
        earshot.lose_session();
        (100..150).for_each(|number| _ = earshot.keep(&frame(number), BOUND, false));
        // The second session begins to hear at frame 50.
        assert_eq!(first(&earshot.give()), Some(50));
        earshot.begins(&"u2".into(), 400);
        let written = earshot.unwritten(true).unwrap();
        assert_eq!((written.0.as_millis(), written.1[0]), (1_400, 70));
        assert_eq!(earshot.unwritten(true), None);
    }

    #[test]
    fn without_a_session_all_is_kept_up_to_the_bound() {
        let mut earshot = heard(10);
        earshot.lose_session();
        let bound = Samples::from_millis(1_000);
        let lost: Samples =
            (10..100).fold(Samples::ZERO, |lost, number| lost + earshot.keep(&frame(number), bound, false));
        assert_eq!(lost.as_millis(), 1_000);
        assert_eq!(first(&earshot.give()), Some(50));
    }

    #[test]
    fn a_successor_hears_what_was_written_with_silence_for_what_was_not() {
        let piece = |from: u64, byte: u8| (Samples::from_millis(from), Bytes::from(vec![byte; 1_600]));
        let position = Samples::from_millis(9_000);
        let pieces = vec![piece(7_000, 1), piece(7_200, 2), piece(7_500, 3)];
        let mut earshot = Earshot::resume(position, Samples::from_millis(7_200), pieces, true);
        assert!(earshot.is_heard_again());
        let sound: Vec<u8> = earshot.give().iter().flat_map(Payload::decode).collect();
        assert_eq!((sound[0], sound[1_600 + 100], sound[2_400]), (2, 0xFF, 3));
        assert_eq!(sound.len(), 1_600 + 798 + 1_600, "silence comes in whole groups of three");
    }
}
