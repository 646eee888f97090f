//! Hold music as people know it: which piece an agent plays, and what is known of a piece that was uploaded.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::ids::{MusicId, UploadId};
use crate::time::Samples;

/// Of one piece: ten minutes, after which it begins again.
pub const LONGEST: Samples = Samples::from_millis(10 * 60 * 1_000);
/// Of the files that are kept: whoever has more does not find them again.
pub const MOST_FILES: usize = 100;
/// Hex digits of a file's name.
const DIGITS: usize = 24;
const LONGEST_TITLE: usize = 100;

/// Which piece an agent plays. Written as one word: `built-in`, `none`, or the id of an uploaded file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub enum HoldMusic {
    #[default]
    BuiltIn,
    /// The caller hears nothing.
    None,
    /// An uploaded file. Once it is deleted the built-in piece plays.
    File(MusicId),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("hold music is `built-in`, `none`, or the id of a file ({DIGITS} hex digits)")]
pub struct BadChoice;

impl HoldMusic {
    pub fn is_built_in(&self) -> bool {
        *self == Self::BuiltIn
    }

    pub fn file(&self) -> Option<&MusicId> {
        match self {
            Self::File(id) => Some(id),
            Self::BuiltIn | Self::None => None,
        }
    }
}

impl FromStr for HoldMusic {
    type Err = BadChoice;

    fn from_str(word: &str) -> Result<Self, BadChoice> {
        match word {
            "built-in" => Ok(Self::BuiltIn),
            "none" => Ok(Self::None),
            id => file_id(id).map(Self::File).ok_or(BadChoice),
        }
    }
}

impl TryFrom<String> for HoldMusic {
    type Error = BadChoice;

    fn try_from(word: String) -> Result<Self, BadChoice> {
        word.parse()
    }
}

impl fmt::Display for HoldMusic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BuiltIn => "built-in",
            Self::None => "none",
            Self::File(id) => id.as_str(),
        })
    }
}

impl From<HoldMusic> for String {
    fn from(choice: HoldMusic) -> Self {
        choice.to_string()
    }
}

/// What stands beside an uploaded piece.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MusicFile {
    pub id: MusicId,
    pub title: String,
    pub length_ms: u64,
    pub uploaded_at_ms: u64,
    pub source: MusicSource,
    /// Of the file as it came, by EBU R 128.
    pub loudness_lufs: f64,
    /// What was added to it.
    pub gain_db: f64,
}

/// The file that was uploaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MusicSource {
    /// `wav`, `mp3`, `flac` or `ogg`.
    pub format: String,
    pub rate: u32,
    pub channels: u32,
    pub bytes: u64,
}

/// The name of a piece of µ-law.
pub fn id_of(mulaw: &[u8]) -> MusicId {
    let digest = Sha256::digest(mulaw);
    let hex: String = digest.iter().take(DIGITS / 2).map(|byte| format!("{byte:02x}")).collect();
    MusicId::new(hex)
}

/// A name, if it looks like one of ours: it becomes a part of a key in S3.
pub fn file_id(text: &str) -> Option<MusicId> {
    let fits = text.len() == DIGITS && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    fits.then(|| MusicId::from(text))
}

/// An upload's name, if it looks like one of ours.
pub fn upload_id(text: &str) -> Option<UploadId> {
    let fits =
        (16..=64).contains(&text.len()) && text.bytes().all(|it| it.is_ascii_alphanumeric() || b"-_".contains(&it));
    fits.then(|| UploadId::from(text))
}

/// What people may call a file, in one line; `None`: nothing that can be read.
pub fn title(text: &str) -> Option<String> {
    let words: Vec<&str> = text.split(|it: char| it.is_whitespace() || it.is_control()).collect();
    let line = words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    let short: String = line.chars().take(LONGEST_TITLE).collect();
    Some(short.trim_end().to_owned()).filter(|title| !title.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_is_one_word() {
        let id = id_of(b"what it sounds like");
        for choice in [HoldMusic::BuiltIn, HoldMusic::None, HoldMusic::File(id.clone())] {
            let text = serde_json::to_string(&choice).unwrap();
            assert_eq!(text, format!("\"{choice}\""));
            assert_eq!(serde_json::from_str::<HoldMusic>(&text).unwrap(), choice);
        }
        assert_eq!((id.as_str().len(), HoldMusic::File(id.clone()).file()), (24, Some(&id)));
    }

    #[test]
    fn what_is_no_choice_is_refused_with_the_choices() {
        for word in ["", "builtin", "../recordings/CA1", &"g".repeat(24), &"A".repeat(24), &"0".repeat(25)] {
            let error = word.parse::<HoldMusic>().unwrap_err();
            assert!(error.to_string().contains("`built-in`, `none`"), "{word}");
            assert_eq!(file_id(word), None);
        }
    }

    #[test]
    fn an_upload_is_named_by_a_token_and_by_nothing_that_leads_elsewhere() {
        assert!(upload_id("Zm9vYmFyYmF6cXV4-_").is_some());
        for text in ["", "short", "../../recordings/CA1", "a/b/c/d/e/f/g/h/i/j", &"a".repeat(65)] {
            assert_eq!(upload_id(text), None, "{text}");
        }
    }

    #[test]
    fn the_same_sound_has_the_same_name_and_another_has_another() {
        assert_eq!(id_of(b"one"), id_of(b"one"));
        assert_ne!(id_of(b"one"), id_of(b"two"));
    }

    #[test]
    fn a_title_is_one_line_of_bounded_length() {
        assert_eq!(title(" Four\tSeasons \n\u{0}(Spring) ").as_deref(), Some("Four Seasons (Spring)"));
        assert_eq!(title(&"ä".repeat(300)).map(|it| it.chars().count()), Some(100));
        assert_eq!((title(""), title(" \r\n")), (None, None));
    }
}
