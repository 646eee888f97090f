//! Voices that can be told apart: each sentence is a hum of its own pitch, loud where it begins and soft where it ends.
//!
//! µ-law is carried byte for byte, so whoever listens can tell from a few swings which sentence is sounding, and whether
//! its beginning and its end were heard: lost, doubled and halved frames spoil the swings at their edges, and no others.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use bytes::Bytes;
use shared::audio::hold_music::Piece;
use shared::time::Samples;

/// So many sentences can be told apart.
pub const TONES: u8 = 32;
/// Half a swing of the highest pitch, in samples: 667 Hz. Each pitch below has one sample more.
const SHORTEST_RUN: usize = 6;
/// How long the beginning and the end of a sentence are.
const EDGE: Samples = Samples::from_millis(240);
/// So much of an edge is enough: the rest may have been lost on the way.
const ENOUGH: Samples = Samples::from_millis(100);
/// Less than this is nobody's voice.
const SHORTEST: Samples = Samples::from_millis(60);
/// A sentence shorter than this would be all edges.
const SHORTEST_HUM: Samples = Samples::from_millis(800);

/// Which part of a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    Opening,
    Body,
    Ending,
}

impl Part {
    /// One step of µ-law for the whole part, of the positive sign.
    const fn level(self) -> u8 {
        match self {
            Self::Opening => 0xB0,
            Self::Body => 0xB8,
            Self::Ending => 0xC0,
        }
    }

    fn of(byte: u8) -> Option<Self> {
        [Self::Opening, Self::Body, Self::Ending].into_iter().find(|part| part.level() == byte | 0x80)
    }
}

/// A sentence as a sound: 65 ms for each letter. Tones above [`TONES`] are not to be told from others.
pub fn hum(tone: u8, text: &str) -> Bytes {
    let run = SHORTEST_RUN + usize::from(tone);
    let length = Samples::from_millis(text.chars().count() as u64 * 65).max(SHORTEST_HUM);
    let (runs, edge) = (whole(length) / run, whole(EDGE) / run);
    let sound = (0..runs).flat_map(|number| {
        let part = match number {
            _ if number < edge => Part::Opening,
            _ if number >= runs - edge => Part::Ending,
            _ => Part::Body,
        };
        let sign = if number % 2 == 0 { 0xFF } else { 0x7F };
        std::iter::repeat_n(part.level() & sign, run)
    });
    sound.collect()
}

fn whole(length: Samples) -> usize {
    usize::try_from(length.0).unwrap_or(usize::MAX)
}

/// What was heard of each tone, in samples.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally(BTreeMap<(u8, Part), u64>);

/// A sentence that was heard, or a part of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heard {
    pub tone: u8,
    pub opened: bool,
    pub ended: bool,
}

impl Tally {
    /// The sentence that was heard most, if any was.
    pub fn heard(&self) -> Option<Heard> {
        let tone = self.most().filter(|tone| self.of(*tone) >= SHORTEST.0)?;
        let edge = |part| self.0.get(&(tone, part)).is_some_and(|&samples| samples >= ENOUGH.0);
        Some(Heard { tone, opened: edge(Part::Opening), ended: edge(Part::Ending) })
    }

    /// Which tone there is most of, however little.
    pub fn most(&self) -> Option<u8> {
        let mut tones: Vec<u8> = self.0.keys().map(|(tone, _)| *tone).collect();
        tones.dedup();
        tones.into_iter().max_by_key(|tone| self.of(*tone))
    }

    /// The tones, their parts, and how much there was of each.
    pub fn parts(&self) -> impl Iterator<Item = (u8, Part, Samples)> + '_ {
        self.0.iter().map(|(&(tone, part), &samples)| (tone, part, Samples(samples)))
    }

    fn of(&self, tone: u8) -> u64 {
        self.0.range((tone, Part::Opening)..=(tone, Part::Ending)).map(|(_, samples)| samples).sum()
    }
}

/// Listens. Sound comes in pieces of any length.
#[derive(Debug, Default)]
pub struct Ear {
    byte: u8,
    run: usize,
    /// The run before, if it may belong to a hum.
    before: Option<usize>,
    tally: Tally,
}

impl Ear {
    pub fn hear(&mut self, mulaw: &[u8]) {
        for &byte in mulaw {
            if byte == self.byte {
                self.run += 1;
            } else {
                self.close();
                (self.byte, self.run) = (byte, 1);
            }
        }
    }

    /// What was heard since this was asked last.
    pub fn take(&mut self) -> Tally {
        std::mem::take(&mut self.tally)
    }

    /// Two runs of one length make a swing; one alone may be the rest of another.
    fn close(&mut self) {
        let part = Part::of(self.byte);
        if let (Some(part), Some(tone)) = (part, tone_of(self.run))
            && self.before == Some(self.run)
        {
            *self.tally.0.entry((tone, part)).or_default() += self.run as u64;
        }
        self.before = part.map(|_| self.run);
    }
}

fn tone_of(run: usize) -> Option<u8> {
    let tone = u8::try_from(run.checked_sub(SHORTEST_RUN)?).ok()?;
    (tone < TONES).then_some(tone)
}

/// Whether this is the built-in hold music, wherever it was cut and however soft it is: when it comes and goes its signs
/// are the same. A hum has the signs of any music of its pitch, and two bytes.
pub fn is_music(mulaw: &[u8]) -> bool {
    let probes: Vec<u64> = mulaw.windows(PROBE).step_by(PROBE / 2).map(signs).collect();
    let known = probes.iter().filter(|probe| MUSIC.contains(probe)).count();
    let is_hum = mulaw.iter().collect::<BTreeSet<_>>().len() <= 6;
    !is_hum && known * 2 > probes.len()
}

const PROBE: usize = 48;

fn signs(mulaw: &[u8]) -> u64 {
    mulaw.iter().fold(0, |signs, byte| signs << 1 | u64::from(byte >> 7))
}

/// The signs of every stretch of the piece.
static MUSIC: LazyLock<BTreeSet<u64>> = LazyLock::new(|| {
    let piece = Piece::built_in();
    let mut sound: Vec<u8> = piece.parts(Samples::ZERO, piece.length()).flat_map(|part| part.decode()).collect();
    sound.extend_from_within(..PROBE);
    sound.windows(PROBE).map(signs).collect()
});

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "a sentence of some length";

    fn heard(sound: &[u8]) -> Option<Heard> {
        let mut ear = Ear::default();
        ear.hear(sound);
        ear.hear(&[0xFF; 160]);
        ear.take().heard()
    }

    fn whole(tone: u8) -> Option<Heard> {
        Some(Heard { tone, opened: true, ended: true })
    }

    #[test]
    fn every_tone_is_told_from_every_other() {
        for tone in 0..TONES {
            assert_eq!(heard(&hum(tone, TEXT)), whole(tone));
            let piece = &hum(tone, TEXT)[4_001..4_001 + 1_600];
            assert_eq!(heard(piece), Some(Heard { tone, opened: false, ended: false }), "200 ms of {tone}");
        }
    }

    #[test]
    fn a_sentence_without_its_beginning_or_end_is_known_and_known_to_be_cut() {
        for tone in 0..TONES {
            let sound = hum(tone, TEXT);
            let (first, second) = sound.split_at(sound.len() / 2 + 3);
            assert_eq!(heard(first), Some(Heard { tone, opened: true, ended: false }));
            assert_eq!(heard(second), Some(Heard { tone, opened: false, ended: true }));
            assert_eq!(heard(&sound[400..]), whole(tone), "a little is missing");
        }
    }

    #[test]
    fn lost_doubled_and_silenced_frames_do_no_harm() {
        let mut dice = fastrand::Rng::with_seed(3);
        for tone in 0..TONES {
            let sound = hum(tone, TEXT);
            let spoiled: Vec<u8> = sound
                .chunks(160)
                .flat_map(|frame| match dice.u32(0..10) {
                    0 => Vec::new(),
                    1 => [frame, frame].concat(),
                    2 => vec![0xFF; frame.len()],
                    _ => frame.to_vec(),
                })
                .collect();
            assert_eq!(heard(&spoiled).map(|heard| heard.tone), Some(tone));
        }
    }

    #[test]
    fn pieces_of_any_size_are_heard_alike() {
        let sound = hum(7, TEXT);
        let (mut one, mut many) = (Ear::default(), Ear::default());
        one.hear(&sound);
        sound.chunks(37).for_each(|piece| many.hear(piece));
        assert_eq!(one.take(), many.take());
    }

    #[test]
    fn music_is_music_wherever_it_is_cut_and_nothing_else_is() {
        for offset in [0, 12_345, 63_900] {
            let piece = Piece::built_in();
            let sound: Vec<u8> = piece.parts(Samples(offset), Samples(480)).flat_map(|part| part.decode()).collect();
            assert!(is_music(&sound[1..161]), "{offset}");
            assert_eq!(heard(&sound), None);
            let rising = piece.rising(Samples(offset), Samples(4_000)).decode();
            assert!(rising[800..].chunks_exact(160).all(is_music), "{offset}");
        }
        assert!((0..TONES).all(|tone| !is_music(&hum(tone, TEXT)[..160])));
        assert!(!is_music(&[0xFF; 160]) && !is_music(&[]));
        assert!(!is_music(&crate::assets::Sounds::default().find("agent-ready").unwrap()[8_000..8_160]));
    }
}
