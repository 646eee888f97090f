//! Whether a call's frames all come here: the proof that nobody else is given the call, for when the store is silent.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::transit::Transit;
use super::{LATE, Moment};

/// A caller speaks 50 frames a second, also in silence.
const FRAME_MS: u64 = 20;
/// Frames that are remembered one by one: two and a half seconds, in which a late one may still come.
const REMEMBERED: u32 = u128::BITS;

/// How many of a call's frames have not come since the store last said that this relay is in office.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Continuity {
    /// From when on this stream's frames should come.
    since: Moment,
    newest: Option<u64>,
    newest_stamp_ms: u64,
    /// Bit `n`: the frame `n` before the newest has come.
    seen: u128,
    /// Frames that were forgotten before they came, and when the last of them was.
    lost: u32,
    lost_at: Moment,
    transit: Transit,
}

impl Continuity {
    /// Nothing has come yet, and nothing is missed.
    pub fn new(now: Moment) -> Self {
        Self {
            since: now,
            newest: None,
            newest_stamp_ms: 0,
            seen: u128::MAX,
            lost: 0,
            lost_at: Moment(0),
            transit: Transit::default(),
        }
    }

    /// A frame that no other relay can have. `stamp_ms` is the carrier's, of its audio; marks and digits have none.
    /// `in_office_at` is [`Standing::in_office_at`](super::Standing::in_office_at).
    pub fn arrived(&mut self, now: Moment, in_office_at: Option<Moment>, number: u64, stamp_ms: Option<u64>) {
        if let Some(stamp_ms) = stamp_ms {
            self.transit.arrived(now, stamp_ms);
            self.newest_stamp_ms = self.newest_stamp_ms.max(stamp_ms);
        }
        match self.newest {
            None => self.newest = Some(number),
            Some(newest) if number > newest => self.advance(now, in_office_at, number - newest, number),
            Some(newest) => {
                let bit = u32::try_from(newest - number).unwrap_or(u32::MAX);
                self.seen |= 1_u128.checked_shl(bit).unwrap_or(0);
            }
        }
    }

    fn advance(&mut self, now: Moment, in_office_at: Option<Moment>, by: u64, newest: u64) {
        let by = u32::try_from(by).unwrap_or(u32::MAX);
        let forgotten = if by < REMEMBERED {
            by - (self.seen >> (REMEMBERED - by)).count_ones()
        } else {
            self.seen.count_zeros().saturating_add(by - REMEMBERED)
        };
        self.lose(now, in_office_at, forgotten);
        self.seen = self.seen.checked_shl(by).unwrap_or(0) | 1;
        self.newest = Some(newest);
    }

    fn lose(&mut self, now: Moment, in_office_at: Option<Moment>, frames: u32) {
        if frames > 0 {
            self.lost = self.lost(in_office_at).saturating_add(frames);
            self.lost_at = now;
        }
    }

    /// Who was in office after a frame was lost need not mind that it was: only later ones can be a successor's.
    fn lost(&self, in_office_at: Option<Moment>) -> u32 {
        if in_office_at.is_some_and(|at| at >= self.lost_at) { 0 } else { self.lost }
    }

    /// Another stream of the same call, with numbers and stamps of its own. What was missed stays missed, for as long as
    /// it would have on the old one.
    pub fn stream_changed(&mut self, now: Moment, in_office_at: Option<Moment>) {
        let recent = self.missed(now, in_office_at) - self.lost(in_office_at);
        let forgotten_at = now + Duration::from_millis(FRAME_MS) * REMEMBERED;
        self.lose(forgotten_at, in_office_at, recent);
        *self = Self { lost: self.lost, lost_at: self.lost_at, ..Self::new(now) };
    }

    /// Frames that have been spoken and have not come here.
    pub fn missed(&self, now: Moment, in_office_at: Option<Moment>) -> u32 {
        self.lost(in_office_at).saturating_add(self.seen.count_zeros()).saturating_add(self.overdue(now))
    }

    /// Frames after the newest, by the time that has passed. Whoever was never given one misses all of them.
    fn overdue(&self, now: Moment) -> u32 {
        let spoken_at = self.transit.spoken_at(now, self.newest_stamp_ms).unwrap_or(self.since);
        let ms = now.since(spoken_at).saturating_sub(LATE).as_millis();
        u32::try_from(ms / u128::from(FRAME_MS)).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Frames `numbers`, each as it is spoken.
    fn heard(numbers: impl IntoIterator<Item = u64>) -> Continuity {
        let mut continuity = Continuity::new(Moment(0));
        for number in numbers {
            continuity.arrived(Moment(number * 20), None, number, Some(number * 20));
        }
        continuity
    }

    #[test]
    fn frames_that_all_come_leave_nothing_to_miss() {
        assert_eq!(heard(1..=200).missed(Moment(4_000), None), 0);
    }

    #[test]
    fn who_was_never_given_a_frame_misses_all_of_them() {
        let mut continuity = Continuity::new(Moment(1_000));
        assert_eq!(continuity.missed(Moment(1_200), None), 0);
        assert_eq!(continuity.missed(Moment(2_200), None), 50);
        // A mark has no stamp, and says nothing of the caller's audio.
        continuity.arrived(Moment(2_000), None, 3, None);
        assert_eq!(continuity.missed(Moment(2_200), None), 50);
    }

    #[test]
    fn order_does_not_matter() {
        let mut continuity = heard([1, 2, 5]);
        assert_eq!(continuity.missed(Moment(100), None), 2);
        continuity.arrived(Moment(110), None, 4, Some(80));
        continuity.arrived(Moment(110), None, 3, Some(60));
        assert_eq!(continuity.missed(Moment(110), None), 0);
    }

    #[test]
    fn silence_is_missed_by_the_clock() {
        let continuity = heard(1..=10);
        assert_eq!(continuity.missed(Moment(400), None), 0);
        assert_eq!(continuity.missed(Moment(400 + 240), None), 12);
    }

    #[test]
    fn frames_that_lay_in_a_queue_are_as_old_as_they_are() {
        let mut continuity = heard(1..=10);
        continuity.arrived(Moment(3_000), None, 11, Some(220));
        assert_eq!(continuity.missed(Moment(3_000), None), (3_000 - 220 - 200) / 20);
    }

    #[test]
    fn what_is_lost_is_forgotten_only_once_the_store_has_answered_after_it() {
        let continuity = heard((1..=50).chain(61..=300));
        let now = Moment(6_000);
        assert_eq!(continuity.missed(now, None), 10);
        assert_eq!(continuity.missed(now, Some(Moment(1_220))), 10, "they were not given up yet");
        assert_eq!(continuity.missed(now, Some(Moment(4_000))), 0);
    }

    #[test]
    fn a_leap_misses_all_between() {
        let mut continuity = heard(1..=10);
        continuity.arrived(Moment(20_220), None, 1_011, Some(20_220));
        assert_eq!(continuity.missed(Moment(20_220), None), 1_000);
    }

    #[test]
    fn another_stream_does_not_wash_clean() {
        let mut continuity = heard((1..=50).chain(61..=70));
        continuity.stream_changed(Moment(1_400), None);
        continuity.arrived(Moment(1_500), None, 1, Some(0));
        assert_eq!(continuity.missed(Moment(1_500), None), 10);
        assert_eq!(continuity.missed(Moment(1_500), Some(Moment(1_400))), 10);
        assert_eq!(continuity.missed(Moment(4_100), Some(Moment(4_000))), continuity.overdue(Moment(4_100)));
    }
}
