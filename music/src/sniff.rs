//! What a file is, by what stands in it. Its name and the type that it was sent with are not asked.

use std::fmt;

use super::ImportError;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Wav,
    Mp3,
    Flac,
    Ogg,
}

impl Format {
    pub fn word(self) -> &'static str {
        match self {
            Self::Wav => "wav",
            Self::Mp3 => "mp3",
            Self::Flac => "flac",
            Self::Ogg => "ogg",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Wav => "a WAV file",
            Self::Mp3 => "an MP3 file",
            Self::Flac => "a FLAC file",
            Self::Ogg => "an Ogg file",
        })
    }
}

/// What people send by mistake, by how it begins.
const OTHERS: [(&[u8], &str); 10] = [
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"<", "a page of HTML or XML"),
    (b"FORM", "an AIFF file"),
    (b"\x30\x26\xb2\x75", "a Windows Media file"),
    (b"\x1aE\xdf\xa3", "a Matroska file"),
];
/// Tags in front of an MP3's first frame, and what stands between them and it: some writers leave zeros.
const MOST_TAGS: usize = 4;
const MOST_ZEROS: usize = 4_096;

/// What it is, and where that begins: behind the tags that may stand in front of it.
pub(super) fn format(file: &[u8]) -> Result<(Format, usize), ImportError> {
    let mut start = 0;
    for _ in 0..MOST_TAGS {
        let Some(length) = file.get(start..).and_then(tag) else { break };
        start += length;
    }
    let rest = file.get(start..).ok_or(ImportError::Broken(Format::Mp3))?;
    let tagged = start > 0;
    match rest {
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'A', b'V', b'E', ..] => Ok((Format::Wav, start)),
        [b'f', b'L', b'a', b'C', ..] => Ok((Format::Flac, start)),
        [b'O', b'g', b'g', b'S', ..] => Ok((Format::Ogg, start)),
        _ => match other(rest) {
            Some(what) => Err(ImportError::Other(what)),
            None => mp3(rest, tagged).map(|at| (Format::Mp3, start + at)),
        },
    }
}

/// The length of an ID3v2 tag.
fn tag(bytes: &[u8]) -> Option<usize> {
    let [b'I', b'D', b'3', _, _, flags, size @ ..] = bytes else { return None };
    let size = size.get(..4)?.iter().fold(0, |size, byte| size << 7 | usize::from(byte & 0x7F));
    let footer = if flags & 0x10 == 0 { 0 } else { 10 };
    Some(10 + size + footer)
}

fn other(bytes: &[u8]) -> Option<&'static str> {
    if bytes.get(4..8) == Some(b"ftyp") {
        return Some("an MPEG-4 file (M4A, AAC or video)");
    }
    OTHERS.iter().find(|(magic, _)| bytes.starts_with(magic)).map(|(_, what)| *what)
}

/// Where the first frame is: at once, or after zeros; and where it says, the next one, or the end.
fn mp3(bytes: &[u8], tagged: bool) -> Result<usize, ImportError> {
    let missing = if tagged { ImportError::Broken(Format::Mp3) } else { ImportError::Unknown };
    let at = bytes.iter().take(MOST_ZEROS).position(|&byte| byte != 0).ok_or(missing)?;
    let frame = bytes.get(at..).unwrap_or_default();
    let length = frame_length(frame).ok_or(missing)?;
    match frame.get(length..).unwrap_or_default() {
        [] => Ok(at),
        next if frame_length(next).is_some() || next.starts_with(b"TAG") => Ok(at),
        _ => Err(missing),
    }
}

/// Of an MPEG audio frame of layer III, by its header.
fn frame_length(bytes: &[u8]) -> Option<usize> {
    const KBPS: [[usize; 15]; 2] = [
        [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
        [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
    ];
    let [0xFF, second, third, _, ..] = *bytes else { return None };
    let (version, layer) = (second >> 3 & 3, second >> 1 & 3);
    if second < 0xE0 || version == 1 || layer != 1 {
        return None;
    }
    let full = usize::from(version == 3);
    let rate = [44_100, 48_000, 32_000].get(usize::from(third >> 2 & 3))? >> [2, 0, 1, 0][usize::from(version)];
    let kbps = *KBPS[full].get(usize::from(third >> 4))?;
    // Of the free format nobody knows the length.
    if kbps == 0 {
        return None;
    }
    Some(72 * (1 + full) * kbps * 1_000 / rate + usize::from(third >> 1 & 1))
}
