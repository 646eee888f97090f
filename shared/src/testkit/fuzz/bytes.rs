//! Bytes as decisions: whatever they are, they are some; and when there are no more, all is zero.

use crate::audio::Payload;

pub(super) struct Bytes<'a>(pub(super) &'a [u8]);

impl Bytes<'_> {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    pub(super) fn flag(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    /// Mostly small, and sometimes anything.
    pub(super) fn number(&mut self) -> u64 {
        match self.byte() {
            small @ 0..=0xEF => small.into(),
            0xF0..=0xF7 => u64::from(self.byte()) << 8 | u64::from(self.byte()),
            _ => (0..8).fold(0, |number, _| number << 8 | u64::from(self.byte())),
        }
    }

    /// What should come next, or somewhat before or after it, or anything.
    pub(super) fn near(&mut self, expected: u64) -> u64 {
        match self.byte() {
            ahead @ 0..=0x7F => expected.wrapping_add(ahead.into()),
            behind @ 0x80..=0xEF => expected.wrapping_sub(u64::from(behind - 0x7F)),
            _ => self.number(),
        }
    }

    /// One of a few names, so that they meet again.
    pub(super) fn name(&mut self, prefix: &str) -> String {
        format!("{prefix}{}", self.byte() % 5)
    }

    /// Up to half a second.
    pub(super) fn payload(&mut self) -> Payload {
        let (length, sound) = (usize::from(self.byte()) * 16, self.byte());
        Payload::encode(&vec![sound; length])
    }

    pub(super) fn milliseconds(&mut self) -> u64 {
        match self.byte() {
            short @ 0..=199 => short.into(),
            middle @ 200..=249 => u64::from(middle - 199) * 100,
            long => u64::from(long - 249) * 10_000,
        }
    }
}
