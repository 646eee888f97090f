use std::time::Duration;

use shared::audio::mulaw;

use super::*;

const WAV: &[u8] = include_bytes!("../tests/files/8k.wav");
const SOX: &[u8] = include_bytes!("../tests/files/8k.ulaw");
const MP3: &[u8] = include_bytes!("../tests/files/8k.mp3");
const FLAC: &[u8] = include_bytes!("../tests/files/44k-stereo.flac");
const OGG: &[u8] = include_bytes!("../tests/files/44k-stereo.ogg");
const LARGE_MP3: &[u8] = include_bytes!("../tests/files/44k-stereo.mp3");

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

fn read(file: &[u8]) -> Result<Import, ImportError> {
    import(file.to_vec(), soon())
}

/// As loud as it is in the file, which is what `sox` makes too.
fn plain(file: &[u8]) -> Vec<u8> {
    let sound = sound(file.to_vec(), soon()).unwrap();
    sound.mono.iter().map(|&sample| level::encode(sample.into())).collect()
}

/// Which interval of µ-law it is, from the loudest below nothing to the loudest above.
fn interval(code: u8) -> i32 {
    let magnitude = i32::from(!code & 0x7F);
    if code < 0x80 { -magnitude } else { magnitude }
}

/// Each code stands for sox's interval or the one beside it. Where a sample lies next to their border, sox rounds its 16
/// bits to the 14 that µ-law has, and we cut them off, as G.711 says; either is within half an interval of the sample.
fn assert_within_quantisation(ours: &[u8], sox: &[u8]) {
    let apart = ours.iter().zip(sox).map(|(&ours, &sox)| (interval(ours) - interval(sox)).abs());
    assert!(apart.clone().max() <= Some(1), "{:?}", apart.clone().max());
    let others = apart.filter(|&apart| apart > 0).count();
    assert!(others * 8 < ours.len(), "{others} of {} codes differ", ours.len());
}

/// The root of the mean square of the difference, of 16 bits, away from the ends; and of sox's sound itself.
fn difference(ours: &[u8], sox: &[u8]) -> (f64, f64) {
    let inner = 200..ours.len().min(sox.len()) - 200;
    let (ours, sox) = (mulaw::decode_all(&ours[inner.clone()]), mulaw::decode_all(&sox[inner]));
    let rms = |sum: f64| (sum / ours.len() as f64).sqrt();
    let apart = ours.iter().zip(&sox).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum();
    (rms(apart), rms(sox.iter().map(|it| f64::from(*it).powi(2)).sum()))
}

/// A decoder may leave out what the encoder put in front, and sox leaves it in: the shift with which both agree best.
fn best_shift<'a>(ours: &[u8], sox: &'a [u8]) -> &'a [u8] {
    let shifts = 0..sox.len().saturating_sub(ours.len()).max(1) + 1_200;
    let apart = |shift: &usize| difference(ours, &sox[*shift..]).0;
    let best = shifts.filter(|shift| sox.len() > shift + 4_000).min_by(|a, b| apart(a).total_cmp(&apart(b)));
    &sox[best.unwrap()..]
}

#[test]
fn a_wav_of_the_telephones_rate_is_what_sox_makes_of_it() {
    let ours = plain(WAV);
    assert_eq!(ours.len(), SOX.len());
    assert_within_quantisation(&ours, SOX);
    let samples: Vec<i16> = WAV[44..].chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
    let error = |codes: &[u8]| -> f64 {
        codes.iter().zip(&samples).map(|(&code, &it)| (f64::from(mulaw::decode(code)) - f64::from(it)).powi(2)).sum()
    };
    assert!(error(&ours) <= error(SOX), "further from the file than sox: {} and {}", error(&ours), error(SOX));
}

#[test]
fn a_wav_of_24_bits_of_a_law_or_of_mu_law_is_what_sox_makes_of_it() {
    assert_within_quantisation(&plain(include_bytes!("../tests/files/8k-24bit.wav")), SOX);
    assert_within_quantisation(&plain(include_bytes!("../tests/files/8k-mulaw.wav")), SOX);
    let alaw = include_bytes!("../tests/files/8k-alaw.ulaw");
    assert_within_quantisation(&plain(include_bytes!("../tests/files/8k-alaw.wav")), alaw);
}

#[test]
fn an_mp3_of_the_telephones_rate_is_what_sox_makes_of_it() {
    let ours = plain(MP3);
    let sox = best_shift(&ours, include_bytes!("../tests/files/8k-mp3.ulaw"));
    assert_within_quantisation(&ours, sox);
    assert!((16_000..=17_280).contains(&ours.len()), "{}", ours.len());
}

/// Two resamplers, and then two roundings to µ-law: each rounding alone is 38 dB below the sound, and both and all else
/// together are here no more than 30 dB below it. The files have nothing near 4 kHz, where filters have their own ideas.
#[test]
fn other_rates_are_what_sox_makes_of_them() {
    for (name, file, sox) in [
        ("flac", FLAC, include_bytes!("../tests/files/44k.ulaw").as_slice()),
        ("mp3", LARGE_MP3, include_bytes!("../tests/files/44k-mp3.ulaw")),
        ("ogg", OGG, include_bytes!("../tests/files/44k-ogg.ulaw")),
    ] {
        let ours = plain(file);
        let (apart, whole) = difference(&ours, best_shift(&ours, sox));
        assert!(apart * 31.6 < whole, "{name}: {apart:.1} of {whole:.1}");
        assert!(ours.len().abs_diff(16_000) <= 400, "{name}: {}", ours.len());
    }
}

#[test]
fn every_format_is_known_by_what_is_in_it_and_comes_out_equally_loud() {
    for (file, format, rate, channels) in
        [(WAV, "wav", 8_000, 1), (MP3, "mp3", 8_000, 1), (FLAC, "flac", 44_100, 2), (OGG, "ogg", 44_100, 2)]
    {
        let read = read(file).unwrap();
        let source = &read.source;
        assert_eq!((source.format.as_str(), source.rate, source.channels), (format, rate, channels));
        assert_eq!((source.bytes, read.mulaw.len() % 3), (file.len() as u64, 0));
        let sound: Vec<f32> = mulaw::decode_all(&read.mulaw).iter().map(|&it| f32::from(it) / 32_768.0).collect();
        let lufs = level::measure(&sound).unwrap().lufs;
        assert!((lufs - TARGET_LUFS).abs() < 0.3, "{format}: {lufs}");
        assert!((read.loudness_lufs + read.gain_db - TARGET_LUFS).abs() < 0.2, "{read:?}");
    }
}

/// 16-bit PCM.
fn wav(rate: u32, channels: u16, samples: impl Iterator<Item = i16>) -> Vec<u8> {
    let data: Vec<u8> = samples.flat_map(i16::to_le_bytes).collect();
    let mut file = b"RIFF".to_vec();
    file.extend((data.len() as u32 + 36).to_le_bytes());
    file.extend(b"WAVEfmt \x10\0\0\0\x01\0");
    file.extend(channels.to_le_bytes());
    file.extend(rate.to_le_bytes());
    file.extend((rate * 2 * u32::from(channels)).to_le_bytes());
    file.extend((2 * channels).to_le_bytes());
    file.extend(b"\x10\0data");
    file.extend((data.len() as u32).to_le_bytes());
    file.extend(data);
    file
}

fn tone(rate: u32, seconds: u32) -> impl Iterator<Item = i16> {
    (0..rate * seconds).map(move |at| {
        let angle = f64::from(at) / f64::from(rate) * 1_000.0 * std::f64::consts::TAU;
        (angle.sin() * 9_000.0) as i16
    })
}

#[test]
fn a_tone_of_any_rate_is_the_same_tone() {
    let there = plain(&wav(8_000, 1, tone(8_000, 2)));
    for rate in [11_025, 16_000, 22_050, 32_000, 44_100, 48_000, 96_000] {
        let ours = plain(&wav(rate, 1, tone(rate, 2)));
        let (apart, whole) = difference(&ours, &there);
        assert!(apart * 25.0 < whole && ours.len() == 16_000, "{rate}: {apart:.1} of {whole:.1}, {}", ours.len());
    }
}

#[test]
fn what_the_telephone_cannot_carry_is_gone() {
    let high = (0..96_000).map(|at| if at / 4 % 2 == 0 { 9_000 } else { -9_000 });
    let heard = mulaw::decode_all(&plain(&wav(48_000, 1, high)));
    assert!(heard[400..15_000].iter().all(|it| it.abs() < 32), "{:?}", heard[400..15_000].iter().max());
    // A rate that has nothing in common with the telephone's.
    assert_eq!(plain(&wav(44_101, 1, tone(44_101, 2))).len(), 16_000);
}

#[test]
fn what_is_no_audio_is_named() {
    let zip = [b"PK\x03\x04".as_slice(), &[7; 5_000]].concat();
    let tagged_zip = [b"ID3\x04\0\0\0\0\0\x02\0\0".as_slice(), &zip].concat();
    assert_eq!(read(&zip), Err(ImportError::Other("a ZIP archive")));
    assert_eq!(read(&tagged_zip), Err(ImportError::Other("a ZIP archive")));
    assert_eq!(read(b"<!doctype html>"), Err(ImportError::Other("a page of HTML or XML")));
    assert_eq!(read(b"\0\0\0\x20ftypM4A "), Err(ImportError::Other("an MPEG-4 file (M4A, AAC or video)")));
    assert_eq!(read(b"Dear Sir or Madam"), Err(ImportError::Unknown));
    assert_eq!(read(&[0; 100_000]), Err(ImportError::Unknown));
    assert_eq!(read(b""), Err(ImportError::Empty));
    assert_eq!(read(b"RIFF\0\0\0\0WAVE"), Err(ImportError::Broken(Format::Wav)));
    assert_eq!(read(b"ID3\x04\0\0\x7f\x7f\x7f\x7f"), Err(ImportError::Broken(Format::Mp3)));
}

#[test]
fn what_is_too_short_too_long_or_silent_is_refused() {
    assert_eq!(read(&wav(8_000, 1, tone(8_000, 1))), Err(ImportError::TooShort));
    assert_eq!(read(&wav(8_000, 1, std::iter::repeat_n(0, 20_000))), Err(ImportError::Silent));
    assert_eq!(read(&wav(8_000, 1, std::iter::repeat_n(5, 8_000 * 601))), Err(ImportError::TooLong));
    assert_eq!(read(&wav(2_000, 1, tone(2_000, 5))), Err(ImportError::Rate(2_000)));
    assert_eq!(import(WAV.to_vec(), Instant::now()), Err(ImportError::TooSlow));
}

/// A header that promises four gigabytes is no reason to set them aside.
#[test]
fn a_header_that_lies_about_its_length_is_read_as_far_as_the_file_goes() {
    let mut file = wav(8_000, 1, tone(8_000, 2));
    file[4..8].fill(0xFF);
    file[40..44].fill(0xFF);
    assert!(read(&file).unwrap().mulaw.len() >= 15_990);
    let half = &wav(8_000, 1, tone(8_000, 4))[..8_000 * 4];
    assert!((15_900..16_000).contains(&read(half).unwrap().mulaw.len()));
}

#[test]
fn what_comes_out_is_always_music_or_a_reason_whatever_is_broken() {
    let mut dice = fastrand::Rng::with_seed(16);
    for round in 0..ROUNDS {
        for whole in [WAV, MP3, FLAC, OGG] {
            let mut file = whole.to_vec();
            for _ in 0..dice.usize(1..40) {
                // The beginning decides most.
                let at = if dice.bool() { dice.usize(..200) } else { dice.usize(..file.len()) };
                file[at] = dice.u8(..);
            }
            if round % 4 == 0 {
                file.truncate(dice.usize(..file.len()));
            }
            if let Ok(read) = read(&file) {
                assert!(read.mulaw.len() >= 8_001 && read.mulaw.len() as u64 <= LONGEST.0 + 3_000);
                assert!(read.gain_db.is_finite() && read.loudness_lufs.is_finite());
            }
        }
    }
}

const ROUNDS: u32 = 60;

/// How loud a tone still is, to what it was, in dB.
fn kept_db(rate: u32, hertz: f64) -> f64 {
    let tone = (0..rate * 2).map(|at| {
        let angle = f64::from(at) / f64::from(rate) * hertz * std::f64::consts::TAU;
        (angle.sin() * 9_000.0) as i16
    });
    let heard = sound(wav(rate, 1, tone), soon()).unwrap().mono;
    let inner = &heard[400..heard.len() - 400];
    let power = inner.iter().map(|&it| f64::from(it).powi(2)).sum::<f64>() / inner.len() as f64;
    10.0 * (power / (9_000.0_f64 / 32_768.0).powi(2) * 2.0).log10()
}

#[test]
fn the_telephones_band_is_whole_and_nothing_is_folded_into_it() {
    for rate in [11_025, 16_000, 22_050, 44_100, 44_101, 48_000, 96_000, 192_000] {
        for hertz in [50.0, 300.0, 1_000.0, 3_400.0] {
            let kept = kept_db(rate, hertz);
            assert!(kept.abs() < 0.05, "{hertz} Hz of {rate}: {kept:.2} dB");
        }
        for hertz in [4_050.0, 4_600.0, 5_400.0] {
            let left = kept_db(rate, hertz);
            assert!(left < -60.0, "{hertz} Hz of {rate}: {left:.2} dB");
        }
    }
}
