//! Audio files as people have them, made into what a telephone plays: one channel of µ-law at 8 kHz, of even loudness.
//!
//! Pure, but heavy: decoders and a resampler that nobody needs who carries a call. So it is a crate of its own, and `api`
//! alone links it. A file comes from outside: it is bounded before it is read, sound by sound while it is read, and by a
//! deadline.

mod decode;
mod level;
mod resample;
mod sniff;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use shared::hold_music::{LONGEST, MusicSource};
use shared::time::Samples;

pub use level::TARGET_LUFS;
pub use sniff::Format;

/// Ten minutes of a compact disc, and some.
pub const LARGEST_FILE: u64 = 112 * 1024 * 1024;

/// What a telephone can do.
const RATE: u32 = 8_000;

/// A file that was understood.
#[derive(Clone, PartialEq)]
pub struct Import {
    /// Whole groups of three, as base64 has them.
    pub mulaw: Vec<u8>,
    pub source: MusicSource,
    /// Of the file, by EBU R 128, and what was added to it.
    pub loudness_lufs: f64,
    pub gain_db: f64,
}

/// Minutes of sound tell nobody anything.
impl fmt::Debug for Import {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { mulaw, source, loudness_lufs, gain_db } = self;
        write!(f, "Import({} samples of {source:?}, {loudness_lufs} LUFS and {gain_db} dB)", mulaw.len())
    }
}

/// Why a file is no hold music, in words for whoever uploaded it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    #[error("the file is empty")]
    Empty,
    #[error("the file is larger than {} MB", LARGEST_FILE >> 20)]
    TooLarge,
    #[error("this is {0}; WAV, MP3, FLAC and Ogg Vorbis are understood")]
    Other(&'static str),
    #[error("this is no audio file that is understood: WAV, MP3, FLAC or Ogg Vorbis")]
    Unknown,
    #[error("this looks like {0} and cannot be read as such")]
    Broken(Format),
    #[error("there is something else than Vorbis in the Ogg file, or an uncommon coding in the WAV file")]
    Codec,
    #[error("{0} Hz is no common rate: 4000 to 192000 is understood")]
    Rate(u32),
    #[error("{0} channels are too many: 8 are understood")]
    Channels(usize),
    #[error("it lasts less than a second")]
    TooShort,
    #[error("it lasts longer than {} minutes", LONGEST.as_millis() / 60_000)]
    TooLong,
    #[error("nothing is to be heard in it")]
    Silent,
    #[error("it takes too long to decode")]
    TooSlow,
}

/// Reads a file of any of the formats. It is given up at the `deadline`.
pub fn import(file: Vec<u8>, deadline: Instant) -> Result<Import, ImportError> {
    let bytes = file.len() as u64;
    let heard = sound(file, deadline)?;
    let level = level::measure(&heard.mono)?;
    let mut mulaw = level.encode(&heard.mono);
    mulaw.truncate(mulaw.len() / 3 * 3);
    let channels = u32::try_from(heard.channels).unwrap_or(u32::MAX);
    let source = MusicSource { format: heard.format.word().to_owned(), rate: heard.rate, channels, bytes };
    Ok(Import { mulaw, source, loudness_lufs: tenths(level.lufs), gain_db: tenths(level.gain_db()) })
}

/// As a telephone would play it, as loud as it is.
struct Sound {
    format: Format,
    rate: u32,
    channels: usize,
    /// At 8 kHz; full scale is 1.
    mono: Vec<f32>,
}

fn sound(file: Vec<u8>, deadline: Instant) -> Result<Sound, ImportError> {
    if file.is_empty() {
        return Err(ImportError::Empty);
    }
    if file.len() as u64 > LARGEST_FILE {
        return Err(ImportError::TooLarge);
    }
    let (format, start) = sniff::format(&file)?;
    // Numbers in a broken file overflow in more places of the decoders than anybody knows.
    let decoded = catch_unwind(AssertUnwindSafe(|| decode::decode(format, file, start, deadline)));
    let sound = decoded.unwrap_or(Err(ImportError::Broken(format)))?;
    if Samples(sound.mono.len() as u64) < shared::audio::hold_music::SHORTEST + Samples(3) {
        return Err(ImportError::TooShort);
    }
    Ok(sound)
}

fn tenths(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests;
