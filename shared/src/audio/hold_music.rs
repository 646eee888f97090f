//! What the caller hears while a tool works: a slow arpeggio, plucked softly, that goes on and on without a seam.
//!
//! Synthesised once, so that there is no file to ship, to license or to lose; quiet, because it is heard in an ear.

use std::f64::consts::TAU;
use std::sync::LazyLock;

use super::{Payload, mulaw};
use crate::time::Samples;

/// Eight seconds and a little: whole base64 groups, and whole notes.
pub const LENGTH: Samples = Samples(NOTE * NOTES.len() as u64);

/// Audio from `offset` on, which may be anywhere: the piece goes on without end. It is cut between groups of three
/// samples, so pieces join as text; both arguments are rounded down to such a group, and `length` to the whole piece.
/// So whoever goes on at `offset` plus what was given leaves nothing out.
pub fn piece(offset: Samples, length: Samples) -> Payload {
    TWICE.part(Samples(offset.0 % LENGTH.0), length.min(LENGTH))
}

/// The piece and the piece again, so that what lies across its end is one slice too.
static TWICE: LazyLock<Payload> = LazyLock::new(|| Payload::encode(&mulaw::encode_all(&synthesise()).repeat(2)));

/// Half a second between notes, in whole groups of three samples.
const NOTE: u64 = 4_002;

/// C major seventh, A minor seventh, F major seventh, G sixth, each rising and falling back by one. In semitones over A.
const NOTES: [i32; 16] = [3, 7, 10, 14, 0, 3, 7, 10, -4, 3, 8, 12, -2, 5, 9, 14];

/// Root mean square: −26 dB of full scale.
const LEVEL: f64 = 1_642.0;

fn synthesise() -> Vec<i16> {
    let mut sum = vec![0.0; LENGTH.0 as usize];
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

    fn once() -> Vec<u8> {
        piece(Samples::ZERO, LENGTH).decode()
    }

    fn all() -> Vec<i16> {
        mulaw::decode_all(&once())
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
        let (mut heard, mut text, mut offset) = (Vec::new(), String::new(), Samples::ZERO);
        while offset < LENGTH + LENGTH {
            let piece = piece(offset, Samples(1_000));
            assert_eq!(piece.samples(), Samples(999));
            piece.decode_into(&mut heard);
            text.push_str(piece.as_base64());
            offset += piece.samples();
        }
        let whole = once().repeat(3);
        assert_eq!(heard, whole[..heard.len()]);
        assert_eq!(Payload::parse(text.into()).unwrap().decode(), heard);
    }

    #[test]
    fn a_piece_is_cut_from_the_whole_without_a_copy() {
        let text = TWICE.as_base64().as_bytes().as_ptr_range();
        for offset in [12_345, LENGTH.0 - 3, u64::MAX] {
            let piece = piece(Samples(offset), Samples(160));
            assert!(text.contains(&piece.as_base64().as_ptr()));
            assert_eq!(piece.samples(), Samples(159));
        }
        assert!(piece(Samples::ZERO, Samples(2)).is_empty());
        assert_eq!(piece(Samples(5), Samples(u64::MAX)).samples(), LENGTH);
    }

    #[test]
    fn the_piece_lasts_about_eight_seconds() {
        assert_eq!(TWICE.samples(), LENGTH + LENGTH);
        assert_eq!(LENGTH.as_millis(), 8_004);
        assert!(LENGTH.0.is_multiple_of(3));
    }
}
