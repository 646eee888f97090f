//! From a file to one channel at the telephone's rate, packet by packet: what is in memory is the file and the result,
//! whatever the file says of itself.

use std::io::Cursor;
use std::time::Instant;

use shared::hold_music::LONGEST;
use symphonia::core::codecs::audio::{AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error;
use symphonia::core::formats::{FormatOptions, FormatReader, TrackType};
use symphonia::core::io::{MediaSourceStream, MediaSourceStreamOptions};
use symphonia::default::formats::{FlacReader, MpaReader, OggReader, WavReader};

use super::resample::Resampler;
use super::{Format, ImportError, RATE, Sound};

const MOST_CHANNELS: usize = 8;
const RATES: std::ops::RangeInclusive<u32> = 4_000..=192_000;
/// Packets that cannot be decoded; a file with more of them is no file of this format.
const MOST_FAULTS: u32 = 50;
/// A packet of Vorbis may have as few as 32 samples, and of nonsense none.
const MOST_PACKETS: u32 = 4_000_000;

pub(super) fn decode(format: Format, file: Vec<u8>, start: usize, deadline: Instant) -> Result<Sound, ImportError> {
    let broken = ImportError::Broken(format);
    let mut reader = open(format, file, start).map_err(|error| named(&error, broken))?;
    let track = reader.default_track(TrackType::Audio).ok_or(broken)?;
    let (id, parameters) = (track.id, track.codec_params.as_ref().and_then(|it| it.audio()).ok_or(broken)?);
    let decoders = symphonia::default::get_codecs();
    let mut decoder = decoders
        .make_audio_decoder(parameters, &AudioDecoderOptions::default())
        .map_err(|error| named(&error, broken))?;
    let mut hearing = Hearing { format, deadline, sink: None, faults: 0, interleaved: Vec::new() };
    for _ in 0..MOST_PACKETS {
        match reader.next_packet() {
            Ok(Some(packet)) if packet.track_id == id => hearing.take(decoder.as_mut(), &packet)?,
            Ok(Some(_)) => hearing.look_at_the_clock()?,
            // A file that was cut short, or whose writer lied about its length, is read as far as it goes.
            Ok(None) | Err(Error::IoError(_) | Error::ResetRequired) => return hearing.finish(),
            Err(_) => hearing.fault()?,
        }
    }
    Err(ImportError::TooSlow)
}

fn open(format: Format, file: Vec<u8>, start: usize) -> Result<Box<dyn FormatReader>, Error> {
    let mut file = file;
    file.drain(..start);
    let source = MediaSourceStream::new(Box::new(Cursor::new(file)), MediaSourceStreamOptions::default());
    let options = FormatOptions::default();
    Ok(match format {
        Format::Wav => Box::new(WavReader::try_new(source, options)?),
        Format::Mp3 => Box::new(MpaReader::try_new(source, options)?),
        Format::Flac => Box::new(FlacReader::try_new(source, options)?),
        Format::Ogg => Box::new(OggReader::try_new(source, options)?),
    })
}

fn named(error: &Error, otherwise: ImportError) -> ImportError {
    if matches!(error, Error::Unsupported(_)) { ImportError::Codec } else { otherwise }
}

/// What has been heard of the file so far.
struct Hearing {
    format: Format,
    deadline: Instant,
    /// Known with the first sound.
    sink: Option<Sink>,
    faults: u32,
    interleaved: Vec<f32>,
}

struct Sink {
    rate: u32,
    channels: usize,
    resampler: Resampler,
}

impl Hearing {
    fn take(
        &mut self,
        decoder: &mut dyn AudioDecoder,
        packet: &symphonia::core::packet::Packet,
    ) -> Result<(), ImportError> {
        self.look_at_the_clock()?;
        let Ok(sound) = decoder.decode(packet) else { return self.fault() };
        let (rate, channels) = (sound.spec().rate(), sound.spec().channels().count());
        sound.copy_to_vec_interleaved(&mut self.interleaved);
        let sink = match &mut self.sink {
            Some(sink) if (sink.rate, sink.channels) == (rate, channels) => sink,
            // One file, two rates: nobody can tell which is meant.
            Some(_) => return Err(ImportError::Broken(self.format)),
            None => self.sink.insert(Sink::new(rate, channels, self.format)?),
        };
        sink.take(&self.interleaved)
    }

    fn look_at_the_clock(&self) -> Result<(), ImportError> {
        if Instant::now() < self.deadline { Ok(()) } else { Err(ImportError::TooSlow) }
    }

    fn fault(&mut self) -> Result<(), ImportError> {
        self.faults += 1;
        if self.faults <= MOST_FAULTS { Ok(()) } else { Err(ImportError::Broken(self.format)) }
    }

    fn finish(self) -> Result<Sound, ImportError> {
        let Sink { rate, channels, resampler } = self.sink.ok_or(ImportError::Broken(self.format))?;
        let mono = resampler.finish().ok_or(ImportError::Broken(self.format))?;
        Ok(Sound { format: self.format, rate, channels, mono })
    }
}

impl Sink {
    fn new(rate: u32, channels: usize, format: Format) -> Result<Self, ImportError> {
        match channels {
            _ if !RATES.contains(&rate) => Err(ImportError::Rate(rate)),
            0 => Err(ImportError::Broken(format)),
            1..=MOST_CHANNELS => {
                let resampler = Resampler::new(rate, RATE).ok_or(ImportError::Broken(format))?;
                Ok(Self { rate, channels, resampler })
            }
            _ => Err(ImportError::Channels(channels)),
        }
    }

    /// The mean of all channels. What is no number is silence, and what is too loud is as loud as can be.
    fn take(&mut self, interleaved: &[f32]) -> Result<(), ImportError> {
        let share = 1.0 / self.channels as f32;
        let mono = interleaved.chunks_exact(self.channels).map(|frame| {
            let sum: f32 = frame.iter().map(|it| if it.is_finite() { it.clamp(-1.0, 1.0) } else { 0.0 }).sum();
            sum * share
        });
        let most = LONGEST.0 / u64::from(RATE) * u64::from(self.rate);
        self.resampler.take(mono).ok_or(ImportError::Broken(Format::Wav))?;
        if self.resampler.taken() > most { Err(ImportError::TooLong) } else { Ok(()) }
    }
}
