//! Frames that can be told apart: for measuring how long a bridge takes, and whether it keeps every byte.
//!
//! Instead of silence the caller sends numbered frames whose bytes follow from their number. What comes back (from a
//! model that echoes) is found again wherever it lies in the received audio, checked byte for byte, and timed.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::timeline::FRAME;

/// Begins every probe. Two bytes that never stand together in the rest of a frame would be ideal; four are enough.
const MAGIC: [u8; 4] = [0x13, 0x57, 0x9B, 0xDF];

/// What became of the probes of one call.
#[derive(Debug, Clone, Default)]
pub struct ProbeReport {
    pub sent: u64,
    /// Came back whole.
    pub returned: u64,
    /// Came back after a later one had.
    pub out_of_order: u64,
    /// Never came back, though a later one did.
    pub skipped: u64,
    /// Bytes that came back and belonged to no whole probe.
    pub stray_bytes: u64,
    /// From sending a probe to having all of it back, in the order of their return.
    pub round_trips: Vec<Duration>,
}

/// Makes probes and recognises them.
#[derive(Debug, Default)]
pub struct Probe {
    sent: Vec<Instant>,
    tail: Vec<u8>,
    next: u64,
    report: ProbeReport,
}

impl Probe {
    /// The next frame, sent now.
    pub fn frame(&mut self, now: Instant) -> Bytes {
        let number = self.sent.len() as u64;
        self.sent.push(now);
        self.report.sent += 1;
        Bytes::from(content(number))
    }

    /// More audio has come back.
    pub fn receive(&mut self, sound: &[u8], now: Instant) {
        self.tail.extend_from_slice(sound);
        let mut from = 0;
        while let Some(window) = self.tail.get(from..from + FRAME) {
            match number_of(window) {
                Some(number) => {
                    from += FRAME;
                    self.report.returned += 1;
                    self.report.out_of_order += u64::from(number < self.next);
                    self.next = self.next.max(number + 1);
                    let sent = usize::try_from(number).ok().and_then(|number| self.sent.get(number));
                    self.report.round_trips.extend(sent.map(|&sent| now.duration_since(sent)));
                }
                None => {
                    from += 1;
                    self.report.stray_bytes += 1;
                }
            }
        }
        self.tail.drain(..from);
    }

    pub fn report(mut self) -> ProbeReport {
        self.report.stray_bytes += self.tail.len() as u64;
        self.report.skipped = self.next.saturating_sub(self.report.returned);
        self.report
    }
}

fn content(number: u64) -> Vec<u8> {
    let mut noise = fastrand::Rng::with_seed(number);
    let head = MAGIC.into_iter().chain(number.to_be_bytes());
    head.chain(std::iter::repeat_with(|| noise.u8(..))).take(FRAME).collect()
}

fn number_of(window: &[u8]) -> Option<u64> {
    let number = window.strip_prefix(&MAGIC)?.first_chunk().copied().map(u64::from_be_bytes)?;
    (window == content(number)).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probes_are_found_again_however_they_are_cut() {
        let (mut probe, now) = (Probe::default(), Instant::now());
        let sound: Vec<u8> =
            [vec![0xFF; 77]].into_iter().flatten().chain((0..20).flat_map(|_| probe.frame(now))).collect();
        sound.chunks(333).for_each(|piece| probe.receive(piece, now + Duration::from_millis(3)));
        let report = probe.report();
        assert_eq!((report.sent, report.returned, report.out_of_order, report.stray_bytes), (20, 20, 0, 77));
        assert!(report.round_trips.iter().all(|&trip| trip == Duration::from_millis(3)));
    }

    #[test]
    fn a_changed_byte_and_a_wrong_order_are_noticed() {
        let (mut probe, now) = (Probe::default(), Instant::now());
        let mut frames: Vec<Vec<u8>> = (0..4).map(|_| probe.frame(now).to_vec()).collect();
        frames[1][100] ^= 1;
        frames.swap(2, 3);
        frames.iter().for_each(|frame| probe.receive(frame, now));
        let report = probe.report();
        assert_eq!((report.returned, report.out_of_order, report.stray_bytes), (3, 1, 160));
    }
}
