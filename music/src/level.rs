//! Every piece as loud as the built-in one, and as the voices between which it is heard.

use ebur128::{EbuR128, Mode};
use shared::audio::mulaw;

use super::{ImportError, RATE};

/// By EBU R 128: what is quiet for long does not make the rest too loud. The network's nominal level of speech is 26 dB
/// below full scale (ITU-T P.56), and music in an ear should not be louder than that.
pub const TARGET_LUFS: f64 = -26.0;
/// No peak is made larger than this, 1 dB below full scale; µ-law would cut it off.
const HIGHEST_PEAK: f64 = 0.89;
/// What is so soft that more were needed is noise.
const MOST_GAIN_DB: f64 = 30.0;

#[derive(Debug, Clone, Copy)]
pub(super) struct Level {
    pub(super) lufs: f64,
    gain: f64,
}

pub(super) fn measure(mono: &[f32]) -> Result<Level, ImportError> {
    let silent = ImportError::Silent;
    let mut meter = EbuR128::new(1, RATE, Mode::I | Mode::SAMPLE_PEAK).map_err(|_| silent)?;
    meter.add_frames_f32(mono).map_err(|_| silent)?;
    let lufs = meter.loudness_global().ok().filter(|lufs| lufs.is_finite()).ok_or(silent)?;
    let peak = meter.sample_peak(0).ok().filter(|peak| *peak > 0.0).ok_or(silent)?;
    let wanted = 10_f64.powf((TARGET_LUFS - lufs).min(MOST_GAIN_DB) / 20.0);
    Ok(Level { lufs, gain: wanted.min(HIGHEST_PEAK / peak) })
}

impl Level {
    pub(super) fn gain_db(self) -> f64 {
        20.0 * self.gain.log10()
    }

    pub(super) fn encode(self, mono: &[f32]) -> Vec<u8> {
        mono.iter().map(|&sample| encode(f64::from(sample) * self.gain)).collect()
    }
}

pub(super) fn encode(sample: f64) -> u8 {
    mulaw::encode((sample * 32_768.0).round().clamp(-32_768.0, 32_767.0) as i16)
}
