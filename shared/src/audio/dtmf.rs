//! Dual tones: what a telephone sends when a key is pressed (ITU-T Q.23), so that the agent can use another's menu.

use std::f64::consts::TAU;

use super::mulaw;
use crate::time::Samples;

/// How long a key is held, how long none is, and what a `w` stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    pub tone: Samples,
    pub gap: Samples,
    pub wait: Samples,
}

/// Well above the 40 ms and 40 ms that Q.24 lets a receiver ask for.
pub const TIMING: Timing =
    Timing { tone: Samples::from_millis(100), gap: Samples::from_millis(100), wait: Samples::from_millis(500) };

/// The low tone is the row's, the high one the column's.
const ROWS: [f64; 4] = [697.0, 770.0, 852.0, 941.0];
const COLUMNS: [f64; 4] = [1_209.0, 1_336.0, 1_477.0, 1_633.0];
const KEYS: [&str; 4] = ["123A", "456B", "789C", "*0#D"];

/// Of full scale: about −13 dB and −11 dB. A line loses more of the high tone, so it is sent louder.
const LOW: f64 = 7_300.0;
const HIGH: f64 = 9_200.0;
/// A tone swells and fades for so long, or it would click.
const RAMP: f64 = 16.0;
const RATE: f64 = 8_000.0;

/// The two tones of a key.
pub fn tones(key: char) -> Option<(f64, f64)> {
    let find = |(row, keys): (usize, &&str)| keys.find(key.to_ascii_uppercase()).map(|column| (row, column));
    let (row, column) = KEYS.iter().enumerate().find_map(find)?;
    Some((*ROWS.get(row)?, *COLUMNS.get(column)?))
}

/// µ-law: each key's tones and a gap after them; `w` is a pause, anything else is nothing.
pub fn encode(digits: &str, timing: &Timing) -> Vec<u8> {
    let mut sound = Vec::new();
    for digit in digits.chars() {
        if digit.eq_ignore_ascii_case(&'w') {
            sound.extend(silence(timing.wait));
        } else if let Some(pair) = tones(digit) {
            sound.extend((0..timing.tone.0).map(|n| mulaw::encode(sample(pair, n, timing.tone.0))));
            sound.extend(silence(timing.gap));
        }
    }
    sound
}

fn silence(length: Samples) -> impl Iterator<Item = u8> {
    (0..length.0).map(|_| mulaw::SILENCE)
}

#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "no tone lasts for days")]
fn sample((low, high): (f64, f64), n: u64, length: u64) -> i16 {
    let edge = (n.min(length - 1 - n) as f64 / RAMP).min(1.0);
    let angle = TAU * n as f64 / RATE;
    (edge * (LOW * (low * angle).sin() + HIGH * (high * angle).sin())) as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How much of a frequency is in a piece, by Goertzel's recurrence: what a receiver does.
    fn goertzel(samples: &[i16], hertz: f64) -> f64 {
        let factor = 2.0 * (TAU * hertz / RATE).cos();
        let (mut last, mut before) = (0.0, 0.0);
        for &sample in samples {
            (last, before) = (f64::from(sample) + factor * last - before, last);
        }
        (last * last + before * before - factor * last * before).sqrt() * 2.0 / samples.len() as f64
    }

    /// The key that a receiver makes out of a piece.
    fn heard(piece: &[u8]) -> Option<char> {
        let samples = mulaw::decode_all(piece);
        let loudest = |tones: [f64; 4]| {
            let levels = tones.map(|hertz| goertzel(&samples, hertz));
            let best = (0..4).max_by(|a, b| levels[*a].total_cmp(&levels[*b])).unwrap();
            let others = (0..4).filter(|at| *at != best).map(|at| levels[at]).fold(0.0, f64::max);
            (levels[best] > 2_000.0 && others < levels[best] / 8.0).then_some((best, levels[best]))
        };
        let ((row, low), (column, high)) = (loudest(ROWS)?, loudest(COLUMNS)?);
        assert!((0.0..4.0).contains(&(20.0 * (high / low).log10())), "the high tone is a little louder");
        KEYS[row].chars().nth(column)
    }

    #[test]
    fn a_receiver_hears_every_key_and_the_gap_after_it() {
        let keys = "1234567890*#ABCD";
        let sound = encode(keys, &TIMING);
        assert_eq!(sound.len(), keys.len() * 1_600);
        for (piece, key) in sound.chunks(1_600).zip(keys.chars()) {
            // Any 40 ms of the tone are enough.
            for from in [0, 200, 480] {
                assert_eq!(heard(&piece[from..from + 320]), Some(key));
            }
            assert!(piece[800..].iter().all(|&byte| byte == mulaw::SILENCE));
        }
    }

    #[test]
    fn a_w_is_half_a_second_and_small_letters_are_keys_too() {
        assert!(encode("wW", &TIMING).iter().all(|&byte| byte == mulaw::SILENCE));
        assert_eq!(encode("wW", &TIMING).len(), 8_000);
        assert_eq!(encode("a", &TIMING), encode("A", &TIMING));
        assert!(encode("xÄ 7", &TIMING).len() == 1_600 && encode("", &TIMING).is_empty());
    }

    #[test]
    fn tones_do_not_clip_and_begin_and_end_softly() {
        let samples = mulaw::decode_all(&encode("D", &TIMING)[..800]);
        let loudest = samples.iter().map(|sample| sample.unsigned_abs()).max().unwrap();
        assert!((12_000..20_000).contains(&loudest), "{loudest}");
        assert!(samples[0] == 0 && samples[799].unsigned_abs() < 200);
    }

    #[test]
    fn how_long_a_key_is_held_can_be_chosen() {
        let slow = Timing { tone: Samples::from_millis(250), gap: Samples::from_millis(50), wait: Samples::ZERO };
        assert_eq!(encode("1w2", &slow).len(), 2 * 2_400);
        let none = Timing { tone: Samples::ZERO, ..slow };
        assert_eq!(encode("1", &none).len(), 400);
    }
}
