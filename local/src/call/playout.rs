//! The carrier's side of playback: what it was sent is played in real time, and marks come back when they are reached.
//!
//! Pure: time is a position on the stream's own clock, told by whoever calls. The rules are Twilio's: audio of any size
//! is queued and played in order; a mark returns when the audio before it has been played, at once if there is none;
//! `clear` throws the queue away and returns every mark in it; ten minutes is all that is kept.

use std::collections::VecDeque;

use bytes::Bytes;
use shared::time::Samples;

/// More than this is not buffered: error 31931.
pub const LONGEST_BUFFER: Samples = Samples::from_millis(10 * 60 * 1_000);

/// What comes of playing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// This was heard from `at` on.
    Heard { at: Samples, sound: Bytes },
    /// This mark goes back to the server.
    Mark { name: String },
    /// This much did not fit the buffer.
    Discarded { length: Samples },
}

#[derive(Debug)]
enum Entry {
    Sound(Bytes),
    Mark(String),
}

/// A queue that is being played.
#[derive(Debug, Default)]
pub struct Playout {
    queue: VecDeque<Entry>,
    buffered: Samples,
    /// Everything before this has been played, or was silence.
    at: Samples,
    events: VecDeque<Event>,
}

impl Playout {
    pub fn media(&mut self, now: Samples, sound: Bytes) {
        self.advance(now);
        let length = samples(&sound);
        if self.buffered + length > LONGEST_BUFFER {
            self.events.push_back(Event::Discarded { length });
        } else if !length.is_zero() {
            self.buffered += length;
            self.queue.push_back(Entry::Sound(sound));
        }
    }

    pub fn mark(&mut self, now: Samples, name: String) {
        self.advance(now);
        if self.queue.is_empty() {
            self.events.push_back(Event::Mark { name });
        } else {
            self.queue.push_back(Entry::Mark(name));
        }
    }

    /// Returns how much was thrown away.
    pub fn clear(&mut self, now: Samples) -> Samples {
        self.advance(now);
        let marks = self.queue.drain(..).filter_map(|entry| match entry {
            Entry::Mark(name) => Some(Event::Mark { name }),
            Entry::Sound(_) => None,
        });
        self.events.extend(marks);
        std::mem::take(&mut self.buffered)
    }

    /// Plays up to now.
    pub fn advance(&mut self, now: Samples) {
        while let Some(entry) = self.queue.pop_front() {
            match entry {
                Entry::Mark(name) => self.events.push_back(Event::Mark { name }),
                Entry::Sound(sound) => {
                    if let Some(rest) = self.play(now, sound) {
                        self.queue.push_front(Entry::Sound(rest));
                        return;
                    }
                }
            }
        }
        self.at = self.at.max(now);
    }

    /// Plays as much of it as there has been time for; returns the rest.
    fn play(&mut self, now: Samples, mut sound: Bytes) -> Option<Bytes> {
        let time = usize::try_from((now - self.at).0).unwrap_or(usize::MAX);
        let rest = sound.split_off(time.min(sound.len()));
        if !sound.is_empty() {
            let (at, length) = (self.at, samples(&sound));
            self.at += length;
            self.buffered = self.buffered - length;
            self.events.push_back(Event::Heard { at, sound });
        }
        (!rest.is_empty()).then_some(rest)
    }

    /// What happened, one at a time.
    pub fn poll(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// What waits to be played.
    pub fn buffered(&self) -> Samples {
        self.buffered
    }
}

fn samples(sound: &Bytes) -> Samples {
    Samples(sound.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Samples {
        Samples::from_millis(ms)
    }

    fn sound(ms: usize) -> Bytes {
        Bytes::from(vec![0x55; ms * 8])
    }

    /// What was heard (from, how long) and the marks, in order.
    fn happened(playout: &mut Playout) -> Vec<String> {
        std::iter::from_fn(|| playout.poll())
            .map(|event| match event {
                Event::Heard { at, sound } => format!("{}+{}", at.as_millis(), sound.len() / 8),
                Event::Mark { name } => name,
                Event::Discarded { length } => format!("discarded {}", length.as_millis()),
            })
            .collect()
    }

    #[test]
    fn a_mark_comes_back_when_the_audio_before_it_was_played() {
        let mut playout = Playout::default();
        playout.media(ms(100), sound(60));
        playout.mark(ms(100), "a".to_owned());
        playout.media(ms(110), sound(40));
        playout.mark(ms(110), "b".to_owned());
        playout.advance(ms(159));
        assert_eq!(happened(&mut playout), ["100+10", "110+49"]);
        playout.advance(ms(160));
        assert_eq!(happened(&mut playout), ["159+1", "a"]);
        playout.advance(ms(500));
        assert_eq!(happened(&mut playout), ["160+40", "b"]);
    }

    #[test]
    fn a_mark_with_nothing_before_it_comes_back_at_once() {
        let mut playout = Playout::default();
        playout.mark(ms(5), "now".to_owned());
        assert_eq!(happened(&mut playout), ["now"]);
        playout.media(ms(10), sound(20));
        playout.mark(ms(31), "also now".to_owned());
        assert_eq!(happened(&mut playout), ["10+20", "also now"]);
    }

    #[test]
    fn a_clear_silences_and_returns_every_mark() {
        let mut playout = Playout::default();
        playout.media(ms(0), sound(1_000));
        playout.mark(ms(0), "a".to_owned());
        playout.media(ms(0), sound(1_000));
        playout.mark(ms(0), "b".to_owned());
        assert_eq!(playout.clear(ms(300)), ms(1_700));
        assert_eq!(happened(&mut playout), ["0+300", "a", "b"]);
        playout.advance(ms(5_000));
        assert_eq!(happened(&mut playout), [""; 0]);
    }

    #[test]
    fn after_a_pause_playback_begins_when_the_audio_arrives() {
        let mut playout = Playout::default();
        playout.media(ms(0), sound(20));
        playout.media(ms(500), sound(20));
        playout.advance(ms(1_000));
        assert_eq!(happened(&mut playout), ["0+20", "500+20"]);
    }

    #[test]
    fn audio_that_was_sent_ahead_is_played_without_a_gap() {
        let mut playout = Playout::default();
        for _ in 0..10 {
            playout.media(ms(0), sound(20));
        }
        assert_eq!(playout.buffered(), ms(200));
        for now in (20..=200).step_by(20) {
            playout.advance(ms(now));
        }
        let expected: Vec<String> = (0..10).map(|number| format!("{}+20", number * 20)).collect();
        assert_eq!((happened(&mut playout), playout.buffered()), (expected, ms(0)));
    }

    #[test]
    fn more_than_ten_minutes_is_discarded() {
        let mut playout = Playout::default();
        playout.media(ms(0), sound(599_000));
        playout.media(ms(0), sound(2_000));
        playout.media(ms(0), sound(1_000));
        assert_eq!(happened(&mut playout), ["discarded 2000"]);
        assert_eq!(playout.buffered(), LONGEST_BUFFER);
    }
}
