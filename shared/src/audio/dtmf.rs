//! Dual tones: what a telephone sends when a key is pressed (ITU-T Q.23), so that the agent can use another's menu. And what
//! a receiver makes of them, for whoever checks a recording.

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

/// The key that a receiver makes out of a piece of at least 40 ms, if one is pressed all through it.
pub fn detect(samples: &[i16]) -> Option<char> {
    let (row, low) = loudest(samples, ROWS)?;
    let (column, high) = loudest(samples, COLUMNS)?;
    // Speech has such tones too, but not the two alone and about as loud as one another.
    let energy = samples.iter().map(|&sample| f64::from(sample).powi(2)).sum::<f64>() / samples.len().max(1) as f64;
    let pure = low * low / 2.0 + high * high / 2.0 > 0.8 * energy;
    let even = (0.4..2.5).contains(&(high / low));
    KEYS.get(row)?.chars().nth(column).filter(|_| pure && even)
}

/// Which of these tones is in a piece, and its amplitude; none if it is too soft, or not alone.
fn loudest(samples: &[i16], tones: [f64; 4]) -> Option<(usize, f64)> {
    const SOFTEST: f64 = 1_000.0;
    let levels = tones.map(|hertz| goertzel(samples, hertz));
    let (best, level) = levels.into_iter().enumerate().max_by(|a, b| a.1.total_cmp(&b.1))?;
    let others = levels.into_iter().enumerate().filter(|(at, _)| *at != best).map(|(_, level)| level);
    (level > SOFTEST && others.fold(0.0, f64::max) < level / 6.0).then_some((best, level))
}

/// The amplitude of a tone in a piece, by Goertzel's recurrence.
fn goertzel(samples: &[i16], hertz: f64) -> f64 {
    let factor = 2.0 * (TAU * hertz / RATE).cos();
    let (mut last, mut before) = (0.0, 0.0);
    for &sample in samples {
        (last, before) = (f64::from(sample) + factor * last - before, last);
    }
    (last * last + before * before - factor * last * before).max(0.0).sqrt() * 2.0 / samples.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::super::hold_music::Piece;
    use super::*;

    #[test]
    fn a_receiver_hears_every_key_and_the_gap_after_it() {
        let keys = "1234567890*#ABCD";
        let sound = encode(keys, &TIMING);
        assert_eq!(sound.len(), keys.len() * 1_600);
        for (piece, key) in sound.chunks(1_600).zip(keys.chars()) {
            // Any 40 ms of the tone are enough.
            for from in [0, 200, 480] {
                assert_eq!(detect(&mulaw::decode_all(&piece[from..from + 320])), Some(key));
            }
            assert!(piece[800..].iter().all(|&byte| byte == mulaw::SILENCE));
        }
    }

    #[test]
    fn the_high_tone_is_sent_a_little_louder() {
        for key in KEYS.concat().chars() {
            let samples = mulaw::decode_all(&encode(&key.to_string(), &TIMING)[..800]);
            let (low, high) = tones(key).unwrap();
            let twist = 20.0 * (goertzel(&samples, high) / goertzel(&samples, low)).log10();
            assert!((1.0..3.0).contains(&twist), "{key}: {twist}");
        }
    }

    #[test]
    fn music_silence_and_a_single_tone_are_no_keys() {
        let music = Piece::built_in().parts(Samples::ZERO, Samples(u64::MAX)).next().unwrap().decode();
        assert!(mulaw::decode_all(&music).chunks(320).all(|piece| detect(piece).is_none()));
        assert_eq!((detect(&[0; 320]), detect(&[])), (None, None));
        let single: Vec<i16> = (0..320).map(|n| sample((697.0, 697.0), n, 320)).collect();
        assert_eq!(detect(&single), None);
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
