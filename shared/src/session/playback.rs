//! The ledger of what was sent to the caller and how much of it was heard.
//!
//! The carrier buffers what we send and plays it at its own pace. A mark behind a stretch of audio comes back when
//! the stretch has been played; between two marks the clock says the rest, never beyond the next mark and never
//! beyond what was sent. A `clear` throws the carrier's buffer away and sends all marks back at once: they belong to
//! a dead generation and count for nothing.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::output::Mark;
use crate::audio::Payload;
use crate::ids::ItemId;
use crate::time::{CallTime, Samples};

/// The most that may wait at the carrier. Twilio throws away what exceeds ten minutes (31931), and a successor
/// should not find more there than it can bear.
const LONGEST_LEAD: Samples = Samples::from_millis(60_000);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Playback {
    mark_every: Samples,
    generation: u32,
    next_mark: u64,
    /// Positions below count from the generation's first sample.
    sent: Samples,
    marked: Samples,
    marks: VecDeque<(u64, Samples)>,
    stretches: VecDeque<Stretch>,
    /// At this time, playing was at this position.
    known: (CallTime, Samples),
    /// When, on the call's clock, all that was sent will have been played.
    ends_at: Samples,
    /// What waits here because enough waits at the carrier.
    backlog: VecDeque<(Source, Payload)>,
    /// Until then the carrier may hold audio that is not in this ledger: a former relay sent it and did not live to say so.
    unknown_until: CallTime,
    /// What was sent before the present relay had the call.
    #[serde(default)]
    of_former: Samples,
    /// When each mark should come back, were the carrier no distance away.
    #[serde(default, skip_serializing_if = "VecDeque::is_empty")]
    due: VecDeque<(u64, CallTime)>,
}

/// The numbers that a former relay may have used after its last journal.
const UNKNOWN_MARKS: u64 = 10_000;

/// Whose audio it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Source {
    /// `session`: which of the model's sessions said it; another one knows nothing of it.
    Item { item: ItemId, content_index: u32, session: u32 },
    /// Of our own: music, or tones. Nobody is told how much of it was heard.
    HoldMusic,
}

/// Audio of one source without a break.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Stretch {
    source: Source,
    from: Samples,
    to: Samples,
    /// Audio of the same item that was sent before, in another stretch.
    before: Samples,
}

/// What to put on the wire.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Send {
    /// `at`: when it will sound, on the call's clock.
    Media {
        payload: Payload,
        at: Samples,
    },
    Mark(Mark),
}

/// An item that was cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cut {
    pub(super) item: ItemId,
    pub(super) content_index: u32,
    pub(super) session: u32,
    pub(super) heard: Samples,
    pub(super) sent: Samples,
}

impl Playback {
    pub(super) fn new(mark_every: Samples) -> Self {
        Self {
            mark_every,
            generation: 0,
            next_mark: 0,
            sent: Samples::ZERO,
            marked: Samples::ZERO,
            marks: VecDeque::new(),
            stretches: VecDeque::new(),
            known: (CallTime::ZERO, Samples::ZERO),
            ends_at: Samples::ZERO,
            backlog: VecDeque::new(),
            unknown_until: CallTime::ZERO,
            of_former: Samples::ZERO,
            due: VecDeque::new(),
        }
    }

    /// The ledger as a successor may rely on it.
    pub(super) fn sent_only(&self) -> Self {
        Self { backlog: VecDeque::new(), due: VecDeque::new(), ..self.clone() }
    }

    /// Something that was said has not been sent.
    pub(super) fn keeps_back(&self) -> bool {
        !self.backlog.is_empty()
    }

    /// Goes on with another relay's ledger, which may have been written some time before that relay's end.
    pub(super) fn resume(&mut self, now: CallTime) {
        self.next_mark = self.next_mark.saturating_add(UNKNOWN_MARKS);
        self.unknown_until = now + LONGEST_LEAD.duration();
        self.of_former = self.sent;
    }

    pub(super) fn forget_unknown(&mut self) {
        self.unknown_until = CallTime::ZERO;
    }

    /// What sounds last is music that a former relay sent.
    pub(super) fn ends_with_formers_music(&self, now: CallTime) -> bool {
        let unheard = self.stretches.back().filter(|stretch| stretch.to > self.position(now));
        unheard.is_some_and(|stretch| stretch.source == Source::HoldMusic && stretch.to <= self.of_former)
    }

    /// Whether a `clear` might throw anything away.
    pub(super) fn may_sound(&self, now: CallTime) -> bool {
        !self.is_silent(now) || now < self.unknown_until
    }

    pub(super) fn sent_of_item(&self, of: &ItemId) -> Samples {
        let is_of = |stretch: &&Stretch| matches!(&stretch.source, Source::Item { item, .. } if item == of);
        let last = self.stretches.iter().rev().find(is_of);
        last.map_or(Samples::ZERO, |stretch| stretch.before + (stretch.to - stretch.from))
    }

    /// Sends audio, or keeps it back while the carrier has enough.
    pub(super) fn push(&mut self, source: &Source, payload: Payload, now: CallTime, mut send: impl FnMut(Send)) {
        if self.backlog.is_empty() && self.lead(now) < LONGEST_LEAD {
            self.send(source, &payload, now, &mut send);
        } else {
            self.backlog.push_back((source.clone(), payload));
        }
    }

    /// Marks the end of what was sent, so that its playing can be waited for.
    pub(super) fn finish(&mut self, mut send: impl FnMut(Send)) {
        if self.backlog.is_empty() {
            self.mark(&mut send);
        }
    }

    /// How late a mark comes back. Of those that were sent by another relay it is not known.
    pub(super) fn lateness(&mut self, mark: Mark, now: CallTime) -> Option<Duration> {
        if mark.generation != self.generation {
            return None;
        }
        let mut late = None;
        while let Some((number, due)) = self.due.pop_front_if(|(number, _)| *number <= mark.number) {
            late = (number == mark.number).then(|| now.since(due));
        }
        late
    }

    /// A mark came back. Returns whether it said anything.
    pub(super) fn played(&mut self, mark: Mark, now: CallTime, mut send: impl FnMut(Send)) -> bool {
        if mark.generation != self.generation || self.marks.front().is_none_or(|&(first, _)| mark.number < first) {
            return false;
        }
        while let Some((_, position)) = self.marks.pop_front_if(|(number, _)| *number <= mark.number) {
            self.known = (now, position);
        }
        self.forget_played();
        self.release(now, &mut send);
        true
    }

    /// The carrier's buffer is thrown away, by our `clear` or with its stream. Returns what had not been heard out.
    pub(super) fn cut(&mut self, now: CallTime) -> Vec<Cut> {
        let cuts = self.unheard(now);
        let generation = self.generation.saturating_add(1);
        *self = Self { generation, next_mark: self.next_mark, ..Self::new(self.mark_every) };
        self.known = (now, Samples::ZERO);
        self.ends_at = now.into();
        cuts
    }

    /// Nothing is left to be heard.
    pub(super) fn is_silent(&self, now: CallTime) -> bool {
        self.backlog.is_empty() && self.position(now) >= self.sent
    }

    /// Everything has been played and said so: what a goodbye waits for.
    pub(super) fn is_played_out(&self) -> bool {
        self.backlog.is_empty() && self.marks.is_empty() && self.marked == self.sent
    }

    /// When the last of it will have sounded, as far as the clock can tell.
    pub(super) fn ends_at(&self) -> CallTime {
        CallTime(self.ends_at.0.div_ceil(crate::time::SAMPLES_PER_MS))
    }

    /// When all that there is so far will have sounded, what is kept back included.
    pub(super) fn is_sent_by(&self) -> Samples {
        self.backlog.iter().fold(self.ends_at, |end, (_, payload)| end + payload.samples())
    }

    fn send(&mut self, source: &Source, payload: &Payload, now: CallTime, send: &mut impl FnMut(Send)) {
        if self.position(now) >= self.sent {
            self.known = (now, self.sent);
        }
        if payload.samples() > self.mark_every {
            for piece in payload.pieces(self.mark_every) {
                self.send_piece(source, piece, now, send);
                self.mark(send);
            }
        } else {
            self.send_piece(source, payload.clone(), now, send);
            if self.sent - self.marked >= self.mark_every {
                self.mark(send);
            }
        }
    }

    fn send_piece(&mut self, source: &Source, payload: Payload, now: CallTime, send: &mut impl FnMut(Send)) {
        let length = payload.samples();
        let at = self.ends_at.max(now.into());
        self.ends_at = at + length;
        self.extend(source, length);
        send(Send::Media { payload, at });
    }

    fn extend(&mut self, source: &Source, length: Samples) {
        let from = self.sent;
        self.sent += length;
        match self.stretches.back_mut() {
            Some(last) if last.source == *source => last.to = self.sent,
            _ => {
                let before = self.sent_of(source);
                self.stretches.push_back(Stretch { source: source.detached(), from, to: self.sent, before });
            }
        }
    }

    fn sent_of(&self, source: &Source) -> Samples {
        let last = self.stretches.iter().rev().find(|stretch| stretch.source == *source);
        last.map_or(Samples::ZERO, |stretch| stretch.before + (stretch.to - stretch.from))
    }

    fn mark(&mut self, send: &mut impl FnMut(Send)) {
        if self.marked == self.sent {
            return;
        }
        self.marked = self.sent;
        self.marks.push_back((self.next_mark, self.sent));
        self.due.push_back((self.next_mark, self.ends_at()));
        send(Send::Mark(Mark { generation: self.generation, number: self.next_mark }));
        self.next_mark = self.next_mark.saturating_add(1);
    }

    /// What was sent and has not been heard.
    pub(super) fn lead(&self, now: CallTime) -> Samples {
        self.sent - self.position(now)
    }

    /// How far playing has come: what marks have said, and the clock since, up to the next mark.
    fn position(&self, now: CallTime) -> Samples {
        let (at, position) = self.known;
        let by_clock = position + Samples::from_millis(u64::try_from(now.since(at).as_millis()).unwrap_or(u64::MAX));
        let next_mark = self.marks.front().map_or(self.sent, |&(_, position)| position);
        by_clock.min(next_mark)
    }

    /// Keeps the last stretch: its item may go on, and its length is part of what was sent.
    fn forget_played(&mut self) {
        let (_, position) = self.known;
        while self.stretches.len() > 1 && self.stretches.front().is_some_and(|stretch| stretch.to <= position) {
            self.stretches.pop_front();
        }
    }

    fn release(&mut self, now: CallTime, send: &mut impl FnMut(Send)) {
        while self.lead(now) < LONGEST_LEAD {
            let Some((source, payload)) = self.backlog.pop_front() else { return };
            self.send(&source, &payload, now, send);
            if self.backlog.is_empty() {
                self.mark(send);
            }
        }
    }

    fn unheard(&self, now: CallTime) -> Vec<Cut> {
        let position = self.position(now);
        let mut cuts: Vec<Cut> = Vec::new();
        for stretch in self.stretches.iter().filter(|stretch| stretch.to > position) {
            let heard = stretch.before + (position.max(stretch.from) - stretch.from);
            Self::add_cut(&mut cuts, &stretch.source, heard, stretch.before + (stretch.to - stretch.from));
        }
        for (source, _) in &self.backlog {
            let sent = self.sent_of(source);
            Self::add_cut(&mut cuts, source, sent, sent);
        }
        cuts
    }

    /// One cut an item, at the earliest place at which it was not heard.
    fn add_cut(cuts: &mut Vec<Cut>, source: &Source, heard: Samples, sent: Samples) {
        let Source::Item { item, content_index, session } = source else { return };
        match cuts.iter_mut().find(|cut| cut.item == *item && cut.content_index == *content_index) {
            Some(cut) => cut.sent = cut.sent.max(sent),
            None => {
                let (item, content_index, session) = (item.clone(), *content_index, *session);
                cuts.push(Cut { item, content_index, session, heard, sent });
            }
        }
    }
}

impl Source {
    fn detached(&self) -> Self {
        match self {
            Self::Item { item, content_index, session } => {
                Self::Item { item: item.detached(), content_index: *content_index, session: *session }
            }
            Self::HoldMusic => Self::HoldMusic,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Samples = Samples::from_millis(200);

    fn source(name: &str) -> Source {
        Source::Item { item: name.into(), content_index: 0, session: 1 }
    }

    fn audio(ms: u64) -> Payload {
        Payload::encode(&vec![0x55; usize::try_from(Samples::from_millis(ms).0).unwrap()])
    }

    fn sending(playback: &mut Playback, name: &str, ms: u64, now: u64) -> Vec<Mark> {
        let mut marks = Vec::new();
        playback.push(&source(name), audio(ms), CallTime(now), |send| {
            if let Send::Mark(mark) = send {
                marks.push(mark);
            }
        });
        marks
    }

    fn heard(playback: &mut Playback, now: u64) -> Vec<(String, u64, u64)> {
        let cuts = playback.cut(CallTime(now));
        cuts.into_iter().map(|cut| (cut.item.to_string(), cut.heard.as_millis(), cut.sent.as_millis())).collect()
    }

    #[test]
    fn the_clock_speaks_between_marks_but_not_past_the_next() {
        let mut playback = Playback::new(INTERVAL);
        let marks = sending(&mut playback, "a", 600, 1_000);
        assert_eq!(marks.len(), 3);
        assert!(playback.played(marks[0], CallTime(1_250), |_| ()));
        assert_eq!(playback.clone().unheard(CallTime(1_300))[0].heard.as_millis(), 250);
        assert_eq!(playback.unheard(CallTime(5_000))[0].heard.as_millis(), 400);
    }

    #[test]
    fn an_item_behind_another_was_not_heard_at_all() {
        let mut playback = Playback::new(INTERVAL);
        sending(&mut playback, "a", 600, 0);
        sending(&mut playback, "b", 400, 0);
        assert_eq!(heard(&mut playback, 100), [("a".into(), 100, 600), ("b".into(), 0, 400)]);
    }

    #[test]
    fn what_was_played_out_is_not_cut() {
        let mut playback = Playback::new(INTERVAL);
        for mark in sending(&mut playback, "a", 400, 0) {
            playback.played(mark, CallTime(450), |_| ());
        }
        playback.finish(|_| ());
        assert_eq!(heard(&mut playback, 500), []);
    }

    #[test]
    fn marks_of_a_dead_generation_count_for_nothing() {
        let mut playback = Playback::new(INTERVAL);
        let flushed = sending(&mut playback, "a", 600, 0);
        playback.cut(CallTime(50));
        sending(&mut playback, "b", 600, 60);
        assert!(flushed.into_iter().all(|mark| !playback.played(mark, CallTime(70), |_| ())));
        assert_eq!(heard(&mut playback, 70), [("b".into(), 10, 600)]);
    }

    #[test]
    fn more_than_a_minute_is_kept_back_and_follows_as_it_is_played() {
        let mut playback = Playback::new(Samples::from_millis(1_000));
        let mut sent = Samples::ZERO;
        let mut marks = VecDeque::new();
        for _ in 0..100 {
            playback.push(&source("a"), audio(1_000), CallTime(0), |send| match send {
                Send::Media { payload, .. } => sent += payload.samples(),
                Send::Mark(mark) => marks.push_back(mark),
            });
        }
        assert_eq!(sent.as_millis(), 60_000);
        for second in 1..=100 {
            let mark = marks.pop_front().unwrap();
            playback.played(mark, CallTime(second * 1_000), |send| match send {
                Send::Media { payload, .. } => sent += payload.samples(),
                Send::Mark(mark) => marks.push_back(mark),
            });
        }
        assert_eq!((sent.as_millis(), playback.is_played_out()), (100_000, true));
    }

    #[test]
    fn an_item_that_music_interrupted_is_cut_where_it_was_left() {
        let mut playback = Playback::new(INTERVAL);
        sending(&mut playback, "a", 200, 0);
        playback.push(&Source::HoldMusic, audio(200), CallTime(0), |_| ());
        sending(&mut playback, "a", 200, 0);
        assert_eq!(heard(&mut playback, 100), [("a".into(), 100, 400)]);
    }
}
