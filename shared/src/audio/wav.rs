//! WAV files: what people hand in (PCM or µ-law, mono or stereo, any rate), and the µ-law that recordings are kept in.

use std::time::Duration;

use super::mulaw;
use super::resample::resample;

/// The telephone's.
pub const RATE: u32 = 8_000;

/// Bytes of the header that [`mulaw_header`] writes.
pub const HEADER_BYTES: usize = 58;

const PCM: u16 = 1;
const MULAW: u16 = 7;
/// The real format stands further on.
const EXTENSIBLE: u16 = 0xFFFE;

/// Sound that was read from a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wav {
    pub rate: u32,
    /// 1 or 2.
    pub channels: u16,
    /// Interleaved.
    pub samples: Vec<i16>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WavError {
    #[error("not a WAV file")]
    NotWav,
    #[error("the WAV file has no `{0}` chunk")]
    Missing(&'static str),
    #[error("the WAV file's format {format} with {bits} bits is neither 16-bit PCM nor µ-law")]
    Format { format: u16, bits: u16 },
    #[error("the WAV file has {0} channels; one or two are understood")]
    Channels(u16),
    #[error("the WAV file's rate of {0} Hz is not between 4000 and 192000")]
    Rate(u32),
}

impl Wav {
    pub fn lasts(&self) -> Duration {
        let a_second = u64::from(self.rate) * u64::from(self.channels);
        Duration::from_millis((self.samples.len() as u64 * 1_000).checked_div(a_second).unwrap_or_default())
    }

    /// A file that was cut short, or whose writer never learned its length, is read as far as it goes.
    pub fn read(file: &[u8]) -> Result<Self, WavError> {
        let Some((riff, chunks)) = file.split_at_checked(12) else { return Err(WavError::NotWav) };
        if !riff.starts_with(b"RIFF") || !riff.ends_with(b"WAVE") {
            return Err(WavError::NotWav);
        }
        let format = chunk(chunks, b"fmt ").and_then(Format::read).ok_or(WavError::Missing("fmt "))?;
        let data = chunk(chunks, b"data").ok_or(WavError::Missing("data"))?;
        Ok(Self { rate: format.rate()?, channels: format.channels()?, samples: format.samples(data)? })
    }

    /// One channel: the mean of both where there are two.
    pub fn mono(&self) -> Vec<i16> {
        match self.channels {
            2 => self.samples.chunks_exact(2).map(|pair| mean(pair[0], pair[1])).collect(),
            _ => self.samples.clone(),
        }
    }

    /// As the telephone has it: one channel of µ-law at 8 kHz.
    pub fn to_mulaw(&self) -> Vec<u8> {
        mulaw::encode_all(&resample(&self.mono(), self.rate, RATE))
    }
}

/// The header of a µ-law WAV at 8 kHz. A length that is not known yet is written as the largest there is, which
/// players take for "until the end".
pub fn mulaw_header(channels: u16, data_bytes: Option<u64>) -> [u8; HEADER_BYTES] {
    let known = data_bytes.and_then(|bytes| u32::try_from(bytes).ok()).filter(|bytes| *bytes < u32::MAX - 64);
    let frames = known.map_or(u32::MAX, |bytes| bytes / u32::from(channels.max(1)));
    let riff = known.map_or(u32::MAX, |bytes| bytes + bytes % 2 + HEADER_BYTES as u32 - 8);
    let fields: [&[u8]; 16] = [
        b"RIFF",
        &riff.to_le_bytes(),
        b"WAVE",
        b"fmt ",
        &18_u32.to_le_bytes(),
        &MULAW.to_le_bytes(),
        &channels.to_le_bytes(),
        &RATE.to_le_bytes(),
        &(RATE * u32::from(channels)).to_le_bytes(),
        &channels.to_le_bytes(),
        &[8, 0, 0, 0],
        b"fact",
        &4_u32.to_le_bytes(),
        &frames.to_le_bytes(),
        b"data",
        &known.unwrap_or(u32::MAX).to_le_bytes(),
    ];
    let mut header = [0; HEADER_BYTES];
    for (place, byte) in header.iter_mut().zip(fields.concat()) {
        *place = byte;
    }
    header
}

/// A whole file of µ-law, interleaved if there are two channels.
pub fn mulaw_file(channels: u16, data: &[u8]) -> Vec<u8> {
    let mut file = mulaw_header(channels, Some(data.len() as u64)).to_vec();
    file.extend_from_slice(data);
    if data.len() % 2 == 1 {
        file.push(0);
    }
    file
}

struct Format {
    format: u16,
    channels: u16,
    rate: u32,
    bits: u16,
}

impl Format {
    fn read(chunk: &[u8]) -> Option<Self> {
        let format = match u16_at(chunk, 0)? {
            EXTENSIBLE => u16_at(chunk, 24)?,
            format => format,
        };
        Some(Self { format, channels: u16_at(chunk, 2)?, rate: u32_at(chunk, 4)?, bits: u16_at(chunk, 14)? })
    }

    fn rate(&self) -> Result<u32, WavError> {
        if (4_000..=192_000).contains(&self.rate) { Ok(self.rate) } else { Err(WavError::Rate(self.rate)) }
    }

    fn channels(&self) -> Result<u16, WavError> {
        if (1..=2).contains(&self.channels) { Ok(self.channels) } else { Err(WavError::Channels(self.channels)) }
    }

    fn samples(&self, data: &[u8]) -> Result<Vec<i16>, WavError> {
        let mut samples = match (self.format, self.bits) {
            (PCM, 16) => data.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect(),
            (MULAW, 8) => mulaw::decode_all(data),
            (format, bits) => return Err(WavError::Format { format, bits }),
        };
        samples.truncate(samples.len() / usize::from(self.channels) * usize::from(self.channels));
        Ok(samples)
    }
}

/// The first chunk of this name, or what is there of it.
fn chunk<'a>(mut chunks: &'a [u8], name: &[u8; 4]) -> Option<&'a [u8]> {
    while let Some((head, rest)) = chunks.split_at_checked(8) {
        let length = usize::try_from(u32_at(head, 4)?).unwrap_or(usize::MAX).min(rest.len());
        if head.starts_with(name) {
            return rest.get(..length);
        }
        chunks = rest.get(length + length % 2..)?;
    }
    None
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2)?.try_into().ok().map(u16::from_le_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes)
}

fn mean(left: i16, right: i16) -> i16 {
    left.midpoint(right)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A file with odd chunks in between, as editors write them.
    fn pcm(channels: u16, rate: u32, samples: &[i16]) -> Vec<u8> {
        let data: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        let format = [
            &PCM.to_le_bytes()[..],
            &channels.to_le_bytes(),
            &rate.to_le_bytes(),
            &(rate * 2 * u32::from(channels)).to_le_bytes(),
            &(2 * channels).to_le_bytes(),
            &16_u16.to_le_bytes(),
        ];
        let chunks = [(b"LIST", b"odd".to_vec()), (b"fmt ", format.concat()), (b"cue ", Vec::new()), (b"data", data)];
        let mut file = b"RIFF\0\0\0\0WAVE".to_vec();
        for (name, body) in chunks {
            file.extend_from_slice(name);
            file.extend_from_slice(&(body.len() as u32).to_le_bytes());
            file.extend_from_slice(&body);
            file.resize(file.len() + body.len() % 2, 0);
        }
        file
    }

    #[test]
    fn pcm_is_read_whatever_stands_between() {
        let wav = Wav::read(&pcm(2, 44_100, &[1, -1, 300, 500])).unwrap();
        assert_eq!(wav, Wav { rate: 44_100, channels: 2, samples: vec![1, -1, 300, 500] });
        assert_eq!(wav.mono(), [0, 400]);
    }

    #[test]
    fn what_is_written_is_read_again() {
        for channels in [1, 2] {
            let data = [0x00, 0x80, 0xFF, 0x12, 0x34, 0x56];
            let wav = Wav::read(&mulaw_file(channels, &data)).unwrap();
            assert_eq!((wav.rate, wav.channels), (8_000, channels));
            assert_eq!(mulaw::encode_all(&wav.samples), data);
        }
        assert_eq!(Wav::read(&mulaw_file(1, &[0x12; 161])).unwrap().to_mulaw(), [0x12; 161]);
    }

    #[test]
    fn the_header_says_what_players_expect() {
        let header = mulaw_header(2, Some(16_000));
        assert_eq!(u32_at(&header, 4), Some(16_000 + 50));
        assert_eq!((u16_at(&header, 20), u16_at(&header, 22), u32_at(&header, 24)), (Some(7), Some(2), Some(8_000)));
        assert_eq!((u32_at(&header, 28), u16_at(&header, 32), u16_at(&header, 34)), (Some(16_000), Some(2), Some(8)));
        assert_eq!((&header[38..42], u32_at(&header, 46)), (&b"fact"[..], Some(8_000)));
        assert_eq!((&header[50..54], u32_at(&header, 54)), (&b"data"[..], Some(16_000)));
        assert_eq!(mulaw_file(1, &[0xFF]).len(), HEADER_BYTES + 2);
    }

    #[test]
    fn a_length_that_nobody_knew_is_until_the_end() {
        for length in [None, Some(u64::MAX)] {
            let mut file = mulaw_header(2, length).to_vec();
            file.extend_from_slice(&[0x80; 320]);
            assert_eq!(Wav::read(&file).unwrap().samples, [32_124; 320]);
        }
    }

    #[test]
    fn an_extensible_file_is_read_by_its_real_format() {
        let mut file = pcm(1, 16_000, &[7, 8]);
        let at = file.windows(4).position(|bytes| bytes == b"fmt ").unwrap() + 8;
        file[at..at + 2].copy_from_slice(&EXTENSIBLE.to_le_bytes());
        file[at - 4..at].copy_from_slice(&40_u32.to_le_bytes());
        let guid = [&[22, 0, 16, 0, 4, 0, 0, 0][..], &PCM.to_le_bytes(), &[0; 14]].concat();
        file.splice(at + 16..at + 16, guid);
        assert_eq!(Wav::read(&file).unwrap().samples, [7, 8]);
    }

    #[test]
    fn what_is_not_understood_is_named() {
        let with = |at: usize, value: u16| {
            let mut file = mulaw_file(1, &[0xFF; 8]);
            file[at..at + 2].copy_from_slice(&value.to_le_bytes());
            Wav::read(&file)
        };
        assert_eq!(Wav::read(b"ID3 an mp3 with a long name"), Err(WavError::NotWav));
        assert_eq!(Wav::read(b"RIFF"), Err(WavError::NotWav));
        assert_eq!(Wav::read(b"RIFF\0\0\0\0WAVE"), Err(WavError::Missing("fmt ")));
        assert_eq!(Wav::read(&mulaw_header(1, None)[..50]), Err(WavError::Missing("data")));
        assert_eq!(with(20, 3), Err(WavError::Format { format: 3, bits: 8 }));
        assert_eq!(with(34, 16), Err(WavError::Format { format: 7, bits: 16 }));
        assert_eq!(with(22, 6), Err(WavError::Channels(6)));
        assert_eq!(with(22, 0), Err(WavError::Channels(0)));
        assert_eq!(with(24, 100), Err(WavError::Rate(100)));
    }

    #[test]
    fn a_file_of_any_rate_becomes_the_telephones() {
        let wav = Wav { rate: 48_000, channels: 2, samples: vec![4_000; 96_000] };
        let mulaw = wav.to_mulaw();
        assert_eq!(mulaw.len(), 8_000);
        assert_eq!(mulaw[4_000], mulaw::encode(4_000));
    }

    proptest! {
        #[test]
        fn nothing_that_is_handed_in_panics(
            at in 0..HEADER_BYTES + 4,
            bytes in proptest::collection::vec(any::<u8>(), 0..12),
            cut in 0..80_usize,
        ) {
            let mut file = mulaw_file(2, &[0x55; 20]);
            let end = (at + bytes.len()).min(file.len());
            file[at..end].copy_from_slice(&bytes[..end - at]);
            file.truncate(cut);
            if let Ok(wav) = Wav::read(&file) {
                prop_assert!(wav.samples.len() <= 20 && wav.mono().len() <= 20);
            }
        }
    }
}
