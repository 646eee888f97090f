//! How loud µ-law is. The only place of the workshop that opens audio; the bridge itself never does.

use shared::audio::mulaw;

/// Root mean square of the samples, as 16-bit amplitudes: 0 is silence, speech on a telephone is 1,000 to 10,000.
pub fn loudness(mulaw: &[u8]) -> f32 {
    if mulaw.is_empty() {
        return 0.0;
    }
    let energy: f32 = mulaw.iter().map(|&byte| f32::from(mulaw::decode(byte)).powi(2)).sum();
    #[allow(clippy::cast_precision_loss, reason = "a count of samples in a window")]
    let samples = mulaw.len() as f32;
    (energy / samples).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_nothing_and_the_loudest_byte_is_full_scale() {
        assert!(loudness(&[0xFF, 0x7F]).abs() < f32::EPSILON);
        assert!((loudness(&[0x00, 0x80]) - 32_124.0).abs() < 1.0);
        assert!(loudness(&[]).abs() < f32::EPSILON);
    }

    #[test]
    fn speech_is_louder_than_a_murmur() {
        let speech = crate::assets::Sounds::default().find("agent-ready").unwrap();
        let murmur = crate::model::script::murmur("a murmur");
        assert!(loudness(&speech) > loudness(&murmur) && loudness(&murmur) > 200.0);
    }
}
