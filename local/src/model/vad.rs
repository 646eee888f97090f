//! Hears when the caller begins and ceases to speak, by how loud it is. Positions are of all audio ever written.

use shared::time::Samples;

use crate::sound::loudness;

/// Audio is judged in windows of 20 ms.
const WINDOW: usize = 160;
/// Three loud windows in a row are speech and not a click.
const ONSET: u32 = 3;
/// At threshold 1 a window must be this loud (root mean square of 16-bit samples); at 0.5 half of it.
const FULL_THRESHOLD: f32 = 1_600.0;
/// Speech goes on while it is at least this share of the threshold.
const RELEASE: f32 = 0.5;

/// What `turn_detection` asks for, as far as hearing goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Hearing {
    pub(super) threshold: f32,
    pub(super) prefix_padding_ms: u64,
    pub(super) silence_duration_ms: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    /// With the padding before it.
    Started {
        at_ms: u64,
    },
    Stopped {
        at_ms: u64,
    },
}

#[derive(Debug)]
pub(super) struct Vad {
    hearing: Hearing,
    window: Vec<u8>,
    position: Samples,
    loud: u32,
    quiet: u64,
    speaking: bool,
}

impl Vad {
    pub(super) fn new(hearing: Hearing, position: Samples) -> Self {
        Self { hearing, window: Vec::with_capacity(WINDOW), position, loud: 0, quiet: 0, speaking: false }
    }

    pub(super) fn hear(&mut self, mulaw: &[u8]) -> Vec<Heard> {
        let mut heard = Vec::new();
        for &byte in mulaw {
            self.window.push(byte);
            self.position += Samples(1);
            if self.window.len() == WINDOW {
                heard.extend(self.judge());
                self.window.clear();
            }
        }
        heard
    }

    fn judge(&mut self) -> Option<Heard> {
        let threshold = self.hearing.threshold * FULL_THRESHOLD;
        let loudness = loudness(&self.window);
        if self.speaking {
            self.judge_speech(loudness < threshold * RELEASE)
        } else {
            self.judge_silence(loudness >= threshold)
        }
    }

    fn judge_silence(&mut self, loud: bool) -> Option<Heard> {
        self.loud = if loud { self.loud + 1 } else { 0 };
        if self.loud < ONSET {
            return None;
        }
        self.speaking = true;
        self.quiet = 0;
        let onset = self.position.as_millis().saturating_sub(u64::from(ONSET) * 20);
        Some(Heard::Started { at_ms: onset.saturating_sub(self.hearing.prefix_padding_ms) })
    }

    fn judge_speech(&mut self, quiet: bool) -> Option<Heard> {
        self.quiet = if quiet { self.quiet + 20 } else { 0 };
        if self.quiet < self.hearing.silence_duration_ms {
            return None;
        }
        self.speaking = false;
        self.loud = 0;
        Some(Heard::Stopped { at_ms: self.position.as_millis() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::script::murmur;

    const HEARING: Hearing = Hearing { threshold: 0.5, prefix_padding_ms: 300, silence_duration_ms: 500 };

    fn silence(ms: usize) -> Vec<u8> {
        vec![0xFF; ms * 8]
    }

    fn speech(ms: usize) -> Vec<u8> {
        crate::assets::Sounds::default().find("caller-prescription").unwrap()[..ms * 8].to_vec()
    }

    #[test]
    fn speech_starts_with_its_padding_and_stops_after_the_silence() {
        let mut vad = Vad::new(HEARING, Samples::ZERO);
        let heard = vad.hear(&[silence(1_000), speech(3_000), silence(2_000)].concat());
        let [Heard::Started { at_ms: started }, Heard::Stopped { at_ms: stopped }] = heard[..] else {
            panic!("{heard:?}")
        };
        assert!((680..=760).contains(&started), "{started}");
        assert!((4_300..=4_560).contains(&stopped), "{stopped}");
    }

    #[test]
    fn a_click_is_not_speech() {
        let mut vad = Vad::new(HEARING, Samples::ZERO);
        assert_eq!(vad.hear(&[silence(500), speech(3_000)[4_000..4_200].to_vec(), silence(500)].concat()), []);
    }

    #[test]
    fn the_padding_does_not_reach_before_the_beginning() {
        let mut vad = Vad::new(HEARING, Samples::ZERO);
        assert!(matches!(vad.hear(&speech(500))[..], [Heard::Started { at_ms: 0 }]));
    }

    #[test]
    fn a_high_threshold_does_not_hear_a_murmur() {
        let deaf = Hearing { threshold: 1.0, ..HEARING };
        let murmur = murmur("some text to hum along with");
        assert_eq!(Vad::new(deaf, Samples::ZERO).hear(&murmur), []);
        assert!(!Vad::new(Hearing { threshold: 0.1, ..HEARING }, Samples::ZERO).hear(&murmur).is_empty());
    }

    #[test]
    fn pieces_of_any_size_are_heard_alike() {
        let sound = [silence(300), speech(2_000), silence(900)].concat();
        let whole = Vad::new(HEARING, Samples::ZERO).hear(&sound);
        let mut vad = Vad::new(HEARING, Samples::ZERO);
        let pieces: Vec<Heard> = sound.chunks(77).flat_map(|piece| vad.hear(piece)).collect();
        assert_eq!(pieces, whole);
    }
}
