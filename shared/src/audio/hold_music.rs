//! What the caller hears while a tool works: a [`Piece`] that somebody uploaded, or the one that is built in, a slow
//! arpeggio, plucked softly. Either goes on and on, from its end to its beginning.
//!
//! The built-in piece is synthesised once, so that there is no file to ship, to license or to lose; it is quiet, because it
//! is heard in an ear.

use std::f64::consts::TAU;
use std::fmt;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::{Payload, mulaw};
use crate::time::Samples;

/// What goes on for less is no music, and would be sent in crumbs.
pub const SHORTEST: Samples = Samples::from_millis(1_000);
/// How long music takes to come and to go where nobody is in a hurry.
pub const FADE: Samples = Samples::from_millis(500);

/// Music that begins again when it is over. Cloning counts a reference: a piece is there once, for however many calls.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Piece(Payload);

impl Piece {
    pub fn built_in() -> Self {
        BUILT_IN.clone()
    }

    /// Of raw µ-law, less a sample or two at the end: whole base64 groups, so that what is cut from it joins as text.
    /// `None`: shorter than [`SHORTEST`].
    pub fn new(mulaw: &[u8]) -> Option<Self> {
        let whole = mulaw.get(..mulaw.len() / 3 * 3).filter(|whole| whole.len() as u64 >= SHORTEST.0)?;
        Some(Self(Payload::encode(whole)))
    }

    pub fn length(&self) -> Samples {
        self.0.samples()
    }

    /// Audio from `offset` on, which may be anywhere: the piece goes on without end. It is cut between groups of three
    /// samples; both arguments are rounded down to such a group. So whoever goes on at `offset` plus what was given
    /// leaves nothing out. Slices of the piece, without a copy; one more where it begins again.
    pub fn parts(&self, offset: Samples, length: Samples) -> impl Iterator<Item = Payload> + use<'_> {
        let mut at = Samples(self.within(offset).0 / 3 * 3);
        let mut rest = Samples(length.0 / 3 * 3);
        std::iter::from_fn(move || {
            let part = self.0.part(at, rest);
            at = self.within(at + part.samples());
            rest = rest - part.samples();
            Some(part).filter(|part| !part.is_empty())
        })
    }

    /// The same as one copy that comes out of silence.
    pub fn rising(&self, offset: Samples, length: Samples) -> Payload {
        self.shaped(offset, length, |at, _| at)
    }

    /// The same as one copy that dies away into silence.
    pub fn falling(&self, offset: Samples, length: Samples) -> Payload {
        self.shaped(offset, length, |at, length| length - at)
    }

    /// `step` says how far from silence a sample is; full loudness is [`FADE`] away.
    fn shaped(&self, offset: Samples, length: Samples, step: impl Fn(u64, u64) -> u64) -> Payload {
        let mut sound = Vec::new();
        self.parts(offset, length).for_each(|part| part.decode_into(&mut sound));
        let length = sound.len() as u64;
        for (at, code) in (0..).zip(&mut sound) {
            let step = step(at, length);
            if step < FADE.0 {
                *code = mulaw::encode(softened(mulaw::decode(*code), step as f64 / FADE.0 as f64));
            }
        }
        Payload::encode(&sound)
    }

    fn within(&self, offset: Samples) -> Samples {
        Samples(offset.0.checked_rem(self.length().0).unwrap_or_default())
    }
}

impl Default for Piece {
    fn default() -> Self {
        Self::built_in()
    }
}

/// Minutes of base64 tell nobody anything.
impl fmt::Debug for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Piece({} ms)", self.length().as_millis())
    }
}

/// Slow at both ends of the way, so that neither is heard.
fn softened(sample: i16, way: f64) -> i16 {
    (f64::from(sample) * way * way * (3.0 - 2.0 * way)).round() as i16
}

static BUILT_IN: LazyLock<Piece> = LazyLock::new(|| Piece(Payload::encode(&mulaw::encode_all(&synthesise()))));

/// Half a second between notes, in whole groups of three samples.
const NOTE: u64 = 4_002;

/// C major seventh, A minor seventh, F major seventh, G sixth, each rising and falling back by one. In semitones over A.
const NOTES: [i32; 16] = [3, 7, 10, 14, 0, 3, 7, 10, -4, 3, 8, 12, -2, 5, 9, 14];

/// Root mean square: −26 dB of full scale.
const LEVEL: f64 = 1_642.0;

fn synthesise() -> Vec<i16> {
    let mut sum = vec![0.0; NOTE as usize * NOTES.len()];
    for (number, note) in NOTES.into_iter().enumerate() {
        pluck(&mut sum, number * NOTE as usize, 440.0 * (f64::from(note) / 12.0).exp2());
    }
    let scale = LEVEL / (sum.iter().map(|value| value * value).sum::<f64>() / sum.len() as f64).sqrt();
    sum.into_iter().map(|value| (value * scale).round() as i16).collect()
}

/// A string that is plucked at `start` and left to sound. What outlasts the piece is heard at its beginning, which is
/// why there is no seam.
fn pluck(sum: &mut [f64], start: usize, hertz: f64) {
    const OVERTONES: [(f64, f64, f64); 4] = [(1.0, 1.0, 1.0), (2.0, 0.35, 0.6), (3.0, 0.12, 0.4), (4.0, 0.05, 0.25)];
    let length = sum.len();
    for after in 0..2 * RATE as usize {
        let time = after as f64 / RATE;
        let attack = (time / 0.012).min(1.0);
        let release = ((2.0 - time) / 0.2).min(1.0);
        let sound: f64 = OVERTONES
            .iter()
            .filter(|(times, ..)| hertz * times < 3_400.0)
            .map(|(times, loud, lasts)| loud * (-time / (0.55 * lasts)).exp() * (TAU * hertz * times * time).sin())
            .sum();
        sum[(start + after) % length] += attack * release * sound;
    }
}

const RATE: f64 = 8_000.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(parts: impl Iterator<Item = Payload>) -> Vec<u8> {
        parts.flat_map(|part| part.decode()).collect()
    }

    fn all() -> Vec<i16> {
        let piece = Piece::built_in();
        mulaw::decode_all(&joined(piece.parts(Samples::ZERO, piece.length())))
    }

    fn rms(samples: &[i16]) -> f64 {
        (samples.iter().map(|&sample| f64::from(sample).powi(2)).sum::<f64>() / samples.len() as f64).sqrt()
    }

    #[test]
    fn the_piece_is_quiet_and_never_clips() {
        let samples = all();
        let decibels = 20.0 * (rms(&samples) / 32_768.0).log10();
        assert!((-26.5..-25.5).contains(&decibels), "{decibels}");
        let loudest = samples.iter().map(|sample| sample.unsigned_abs()).max().unwrap();
        assert!(loudest < 16_000, "{loudest}");
    }

    #[test]
    fn there_is_neither_a_seam_nor_a_hole() {
        let samples = all();
        let steps: Vec<i32> = (0..samples.len())
            .map(|n| (i32::from(samples[(n + 1) % samples.len()]) - i32::from(samples[n])).abs())
            .collect();
        let seam = steps[samples.len() - 1];
        assert!(seam <= *steps.iter().max().unwrap() / 2, "{seam}");
        for half_second in samples.chunks_exact(4_000) {
            assert!((400.0..4_000.0).contains(&rms(half_second)));
        }
    }

    #[test]
    fn pieces_join_to_the_whole_and_go_on_from_its_beginning() {
        let own: Vec<u8> = (0..=250).cycle().take(8_500).collect();
        for piece in [Piece::built_in(), Piece::new(&own).unwrap()] {
            let (mut heard, mut text, mut offset) = (Vec::new(), String::new(), Samples::ZERO);
            while offset < piece.length() + piece.length() {
                for part in piece.parts(offset, Samples(1_000)) {
                    offset += part.samples();
                    part.decode_into(&mut heard);
                    text.push_str(part.as_base64());
                }
                assert_eq!(offset.0 % 999, 0);
            }
            let whole = joined(piece.parts(Samples::ZERO, piece.length())).repeat(3);
            assert_eq!(heard, whole[..heard.len()]);
            assert_eq!(Payload::parse(text.into()).unwrap().decode(), heard);
        }
    }

    #[test]
    fn parts_are_cut_from_the_whole_without_a_copy() {
        let piece = Piece::built_in();
        let text = piece.0.as_base64().as_bytes().as_ptr_range();
        for (offset, count) in [(12_345, 1), (piece.length().0 - 3, 2), (u64::MAX, 1)] {
            let parts: Vec<_> = piece.parts(Samples(offset), Samples(160)).collect();
            assert!(parts.iter().all(|part| text.contains(&part.as_base64().as_ptr())));
            let length: u64 = parts.iter().map(|part| part.samples().0).sum();
            assert_eq!((parts.len(), length), (count, 159), "{offset}");
        }
        assert_eq!(piece.parts(Samples::ZERO, Samples(2)).count(), 0);
    }

    #[test]
    fn what_is_asked_for_may_be_longer_than_the_piece() {
        let piece = Piece::new(&[0x42; 8_001]).unwrap();
        assert_eq!(joined(piece.parts(Samples(5), Samples(30_000))), [0x42; 30_000]);
    }

    #[test]
    fn what_is_too_short_is_no_piece_and_a_rest_of_a_group_is_left_out() {
        assert_eq!(Piece::new(&[0x42; 8_000]), None);
        assert_eq!(Piece::new(&[0x42; 8_003]).unwrap().length(), Samples(8_001));
        assert_eq!(Piece::new(&[]), None);
    }

    #[test]
    fn music_comes_out_of_silence_and_dies_away_into_it() {
        let piece = Piece::new(&vec![mulaw::encode(8_000); 9_000]).unwrap();
        let length = Samples(8_001);
        let rising = mulaw::decode_all(&piece.rising(Samples(3), length).decode());
        let falling = mulaw::decode_all(&piece.falling(Samples(3), length).decode());
        assert_eq!((rising.len(), falling.len()), (8_001, 8_001));
        assert!(rising.is_sorted() && rising[0] == 0 && rising[4_000..].iter().all(|&it| it == rising[8_000]));
        assert!(falling.is_sorted_by(|a, b| a >= b) && falling[8_000].abs() < 8 && falling[..4_000] == rising[4_001..]);
        assert!((3_800..4_200).contains(&rising[2_000]), "{}", rising[2_000]);
    }

    #[test]
    fn a_piece_reads_back_and_does_not_print_itself() {
        let piece = Piece::new(&[0x42; 9_000]).unwrap();
        let text = serde_json::to_string(&piece).unwrap();
        assert_eq!(serde_json::from_str::<Piece>(&text).unwrap(), piece);
        assert_eq!(format!("{piece:?}"), "Piece(1125 ms)");
    }

    #[test]
    fn the_built_in_piece_lasts_about_eight_seconds() {
        assert_eq!(Piece::built_in().length().as_millis(), 8_004);
        assert!(Piece::built_in().length().0.is_multiple_of(3));
    }
}
