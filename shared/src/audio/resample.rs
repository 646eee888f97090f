//! Another sampling rate for a file. Never for a live call: that is 8 kHz from end to end.
//!
//! A windowed sinc: each output sample weighs the input around it, with the band limited to what both rates can carry.

use std::f64::consts::PI;

/// Zero crossings of the sinc on either side: enough that speech and music lose nothing one hears on a telephone.
const CROSSINGS: f64 = 16.0;
/// Of the band that both rates carry, so much is kept; the rest is the filter's slope.
const KEPT: f64 = 0.94;

/// The same sound at the rate `to`. Rates of zero give nothing.
pub fn resample(samples: &[i16], from: u32, to: u32) -> Vec<i16> {
    if from == to {
        return samples.to_vec();
    }
    if from == 0 || to == 0 {
        return Vec::new();
    }
    let (ratio, length) = (f64::from(from) / f64::from(to), output_length(samples.len(), from, to));
    let cutoff = KEPT * (f64::from(to) / f64::from(from)).min(1.0);
    (0..length).map(|index| sample_at(samples, index as f64 * ratio, cutoff)).collect()
}

fn output_length(length: usize, from: u32, to: u32) -> usize {
    let length = (length as u128 * u128::from(to)).div_ceil(u128::from(from));
    usize::try_from(length).unwrap_or(usize::MAX)
}

/// The value between samples at `position`, of frequencies below `cutoff` times half the input's rate.
fn sample_at(samples: &[i16], position: f64, cutoff: f64) -> i16 {
    let reach = CROSSINGS / cutoff;
    let first = (position - reach).ceil().max(0.0) as usize;
    let last = ((position + reach).floor() as usize).min(samples.len().saturating_sub(1));
    let mut value = 0.0;
    let mut weights = 0.0;
    for index in first..=last {
        let distance = index as f64 - position;
        let weight = sinc(distance * cutoff) * window(distance / reach);
        value += weight * f64::from(samples.get(index).copied().unwrap_or_default());
        weights += weight;
    }
    // Near the ends part of the window is missing; dividing by all of it lets the sound begin and end as it does.
    let whole = if weights * cutoff > 0.5 { weights } else { 1.0 / cutoff };
    (value / whole).round() as i16
}

fn sinc(x: f64) -> f64 {
    if x.abs() < 1e-9 { 1.0 } else { (PI * x).sin() / (PI * x) }
}

/// Hann's.
fn window(x: f64) -> f64 {
    0.5 + 0.5 * (PI * x).cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(hertz: f64, rate: u32, length: usize) -> Vec<i16> {
        (0..length).map(|n| (10_000.0 * (2.0 * PI * hertz * n as f64 / f64::from(rate)).sin()).round() as i16).collect()
    }

    /// RMS of the difference, away from the ends.
    fn difference(left: &[i16], right: &[i16]) -> f64 {
        let inner = 100..left.len().min(right.len()) - 100;
        let squares: f64 = inner.clone().map(|n| f64::from(left[n] - right[n]).powi(2)).sum();
        (squares / inner.len() as f64).sqrt()
    }

    #[test]
    fn a_tone_is_the_same_tone_at_another_rate() {
        for rate in [8_000, 11_025, 16_000, 22_050, 24_000, 44_100, 48_000] {
            for hertz in [300.0, 1_000.0, 3_000.0] {
                let there = resample(&tone(hertz, rate, rate as usize), rate, 8_000);
                assert_eq!(there.len(), 8_000);
                assert!(difference(&there, &tone(hertz, 8_000, 8_000)) < 60.0, "{hertz} Hz from {rate} Hz");
            }
        }
    }

    #[test]
    fn a_tone_survives_the_way_up() {
        let up = resample(&tone(1_000.0, 8_000, 8_000), 8_000, 24_000);
        assert!(difference(&up, &tone(1_000.0, 24_000, 24_000)) < 60.0);
    }

    #[test]
    fn what_the_lower_rate_cannot_carry_is_gone_and_not_folded_back() {
        let high = resample(&tone(6_000.0, 48_000, 48_000), 48_000, 8_000);
        assert!(difference(&high, &vec![0; 8_000]) < 60.0);
    }

    #[test]
    fn loud_noise_does_not_wrap_around() {
        let square: Vec<i16> = (0..4_800).map(|n| if n / 24 % 2 == 0 { i16::MAX } else { i16::MIN }).collect();
        let down = resample(&square, 48_000, 8_000);
        let high = down.iter().skip(50).step_by(8).zip(square.iter().skip(300).step_by(48));
        assert!(high.into_iter().all(|(down, square)| down.signum() == square.signum() || down.abs() < 20_000));
    }

    #[test]
    fn nothing_and_almost_nothing_are_borne() {
        assert!(resample(&[], 44_100, 8_000).is_empty());
        assert_eq!(resample(&[5], 44_100, 8_000).len(), 1);
        assert!(resample(&[1, 2, 3], 0, 8_000).is_empty() && resample(&[1, 2, 3], 8_000, 0).is_empty());
    }

    #[test]
    fn a_level_stays_what_it_is_up_to_the_ends() {
        let flat = resample(&[1_000; 4_800], 48_000, 8_000);
        assert!(flat.iter().all(|&sample| (sample - 1_000).abs() <= 10), "{flat:?}");
    }
}
