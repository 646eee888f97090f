//! A stretch of µ-law audio in the form in which it arrived: base64 text.
//!
//! Twilio and the model both speak base64 µ-law at 8 kHz, so the bridge never opens the audio it carries
//! (invariant: *what goes in comes out, byte for byte*). Cloning counts a reference.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytestring::ByteString;
use serde::{Deserialize, Deserializer, Serialize};

use crate::time::Samples;

/// 0xFF is silence in µ-law, and `/` is 0xFF's six bits: silence is a row of slashes.
const SILENCE_BASE64: &str = match std::str::from_utf8(&[b'/'; SILENCE_CHARS]) {
    Ok(text) => text,
    Err(_) => "",
};
const SILENCE_CHARS: usize = 3200;

/// Base64 text that has been checked: standard alphabet, padded, no blanks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Payload(ByteString);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("audio payload is not base64")]
pub struct BadPayload;

impl Payload {
    /// Checks without decoding; the text itself is kept.
    pub fn parse(text: ByteString) -> Result<Self, BadPayload> {
        if is_base64(text.as_bytes()) { Ok(Self(text)) } else { Err(BadPayload) }
    }

    pub fn encode(mulaw: &[u8]) -> Self {
        Self(STANDARD.encode(mulaw).into())
    }

    /// Silence of about this length: whole groups of three samples, at most 300 ms. Allocates nothing.
    pub fn silence(length: Samples) -> Self {
        let groups = usize::try_from(length.0 / 3).unwrap_or(usize::MAX).min(SILENCE_CHARS / 4);
        Self(ByteString::from_static(SILENCE_BASE64.get(..groups * 4).unwrap_or_default()))
    }

    pub fn as_base64(&self) -> &str {
        &self.0
    }

    pub fn samples(&self) -> Samples {
        let text = self.0.as_bytes();
        let padding = text.iter().rev().take(2).filter(|&&byte| byte == b'=').count();
        Samples((text.len() / 4 * 3 - padding) as u64)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Appends the µ-law bytes to `out`.
    pub fn decode_into(&self, out: &mut Vec<u8>) {
        // The check in `parse` covers the alphabet and the padding's place, not the padding's unused bits.
        let engine = base64::engine::GeneralPurpose::new(
            &base64::alphabet::STANDARD,
            base64::engine::GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
        );
        let _checked = engine.decode_vec(self.0.as_bytes(), out);
    }

    pub fn decode(&self) -> Vec<u8> {
        let mut mulaw = Vec::with_capacity(self.0.len() / 4 * 3);
        self.decode_into(&mut mulaw);
        mulaw
    }

    /// From `from` on, `length` of it at most, without copying. Both are rounded down to whole groups of three samples.
    pub fn part(&self, from: Samples, length: Samples) -> Self {
        let text: &str = &self.0;
        let chars = |samples: Samples| usize::try_from(samples.0 / 3).unwrap_or(usize::MAX).saturating_mul(4);
        let from = chars(from).min(text.len());
        let to = from.saturating_add(chars(length)).min(text.len());
        Self(self.0.slice_ref(text.get(from..to).unwrap_or_default()))
    }

    /// The same audio in equal pieces of about `longest`, cut between base64 groups, without copying.
    pub fn pieces(&self, longest: Samples) -> impl Iterator<Item = Self> + use<'_> {
        let text: &str = &self.0;
        let groups = text.len() / 4;
        let most = usize::try_from(longest.0.div_ceil(3)).unwrap_or(usize::MAX).max(1);
        let step = groups.div_ceil(groups.div_ceil(most).max(1)).max(1) * 4;
        let piece =
            move |from: usize| self.0.slice_ref(text.get(from..text.len().min(from + step)).unwrap_or_default());
        (0..text.len()).step_by(step).map(move |from| Self(piece(from)))
    }
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(ByteString::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

fn is_base64(text: &[u8]) -> bool {
    if !text.len().is_multiple_of(4) {
        return false;
    }
    let padding = text.iter().rev().take(2).take_while(|&&byte| byte == b'=').count();
    let (letters, _padding) = text.split_at(text.len() - padding);
    let (blocks, rest) = letters.as_chunks::<32>();
    // Without a way out in the middle of a block, a block is a few vector instructions.
    blocks.iter().all(|block| block.iter().fold(true, |all, &byte| all & is_letter(byte)))
        && rest.iter().all(|&byte| is_letter(byte))
}

const fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() | matches!(byte, b'+' | b'/')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(bytes: &[u8]) -> Payload {
        Payload::encode(bytes)
    }

    #[test]
    fn a_payload_knows_its_length_whatever_the_padding() {
        for length in 0..50_u8 {
            let bytes: Vec<u8> = (0..length).collect();
            assert_eq!(payload(&bytes).samples(), Samples(u64::from(length)));
            assert_eq!(payload(&bytes).decode(), bytes);
        }
    }

    #[test]
    fn what_is_not_base64_is_refused() {
        for text in ["a", "abc", "a=bc", "ab c", "====", "=abc", "abc\n", "äbc", "ab==ab=="] {
            assert_eq!(Payload::parse(text.into()), Err(BadPayload), "{text}");
        }
        assert!(Payload::parse("".into()).is_ok());
    }

    #[test]
    fn one_wrong_letter_is_found_wherever_it_stands() {
        let right = "AZaz09+/".repeat(9);
        for (at, wrong) in (0..right.len()).flat_map(|at| (0..0x80_u8).map(move |wrong| (at, wrong))) {
            let mut text = right.clone().into_bytes();
            text[at] = wrong;
            let text = String::from_utf8(text).unwrap();
            // The engine minds the unused bits before a padding; we do not.
            let is_base64 = STANDARD.decode(&text).is_ok() || text.ends_with('=');
            assert_eq!(Payload::parse(text.clone().into()).is_ok(), is_base64, "{text}");
        }
    }

    #[test]
    fn pieces_join_to_the_whole() {
        let bytes: Vec<u8> = (0..=255).cycle().take(5_000).collect();
        let whole = payload(&bytes);
        let pieces: Vec<Payload> = whole.pieces(Samples::from_millis(200)).collect();
        assert_eq!(pieces.iter().flat_map(Payload::decode).collect::<Vec<_>>(), bytes);
        let lengths: Vec<u64> = pieces.iter().map(|piece| piece.samples().0).collect();
        assert_eq!(lengths, [1251, 1251, 1251, 1247]);
    }

    #[test]
    fn a_part_is_cut_between_groups() {
        let whole = payload(&[0, 1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(whole.part(Samples(4), Samples(4)).decode(), [3, 4, 5]);
        assert_eq!(whole.part(Samples(3), Samples(u64::MAX)).decode(), [3, 4, 5, 6, 7]);
        assert!(whole.part(Samples(u64::MAX), Samples(9)).is_empty());
        assert!(whole.part(Samples(0), Samples(2)).is_empty());
    }

    #[test]
    fn silence_is_silent_and_bounded() {
        assert!(Payload::silence(Samples(160)).decode().iter().all(|&byte| byte == 0xFF));
        assert_eq!(Payload::silence(Samples(160)).samples(), Samples(159));
        assert_eq!(Payload::silence(Samples(1_000_000)).samples(), Samples(2_400));
    }

    #[test]
    fn padding_bits_that_some_encoders_leave_set_do_no_harm() {
        let loose = Payload::parse("//==".into()).unwrap();
        assert_eq!((loose.samples(), loose.decode()), (Samples(1), vec![0xFF]));
    }
}
