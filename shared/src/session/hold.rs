//! No dead air: music while a tool runs or the model is away, and never under or over a word.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::caller::put_on_wire;
use super::output::{Event, Output};
use super::playback::Source;
use super::{Phase, Session, Timer};
use crate::audio::hold_music;
use crate::time::{CallTime, Samples};

/// A piece of music, and how long before its end the next one is sent.
const PIECE: Samples = Samples::from_millis(1_000);
const AHEAD: Duration = Duration::from_millis(300);
/// Between looks at audio that should have been played by now, of which the carrier has not said so.
const AT_ONCE: Duration = Duration::from_millis(20);
/// Whoever has heard music for this long does not expect silence after it.
const WAITED: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Hold {
    playing: bool,
    /// Where in the piece to go on, so that it does not begin anew each time.
    offset: Samples,
    /// Since when it has been playing.
    since: CallTime,
    /// No dead air is borne, because the caller may have been hearing nothing for a while.
    at_once: bool,
}

impl Hold {
    pub(super) fn begin_at_once(&mut self, at_once: bool) {
        self.at_once = at_once;
    }

    /// From now on a pause is a pause.
    pub(super) fn bear_pauses(&mut self) {
        self.at_once = false;
    }

    pub(super) fn is_playing(&self) -> bool {
        self.playing
    }

    pub(super) fn resume_at(&mut self, offset: Samples) {
        self.offset = offset;
    }

    pub(super) fn offset(&self) -> Samples {
        self.offset
    }
}

impl Session {
    /// Arms the timer when there is something to wait for and nothing to hear; stops what nobody waits for.
    pub(super) fn watch_dead_air(&mut self, now: CallTime) {
        self.look_whether_anything_is_owed();
        let waits = self.is_held_up();
        if self.hold.playing {
            if !waits && self.responses.is_idle() {
                self.end_music(now);
            }
        } else if !waits {
            self.timers.disarm(&Timer::Hold);
        } else if !self.timers.is_armed(&Timer::Hold) {
            self.await_dead_air(now);
        }
    }

    /// After a take-over music bridges the time to the first word; if there is to be none, to the model's return.
    fn look_whether_anything_is_owed(&mut self) {
        let owed = !self.responses.is_idle() || self.earshot.is_heard_again();
        if self.hold.at_once && self.link.is_ready() && !owed {
            self.hold.bear_pauses();
        }
    }

    fn await_dead_air(&mut self, now: CallTime) {
        let patience = if self.hold.at_once || self.is_on_hold() { AT_ONCE } else { self.plan.agent.limits.hold_after };
        let silent_from = self.playback.ends_at().max(now);
        self.timers.arm(Timer::Hold, silent_from + patience);
    }

    fn is_held_up(&self) -> bool {
        let is_ours = self.phase == Phase::Talking || self.phase == Phase::Parting && self.is_departing();
        is_ours
            && self.is_present()
            && !self.line.speaking
            && (self.is_departing()
                || self.tools.is_pending()
                || !self.link.is_ready()
                || self.hold.at_once
                || self.is_on_hold())
    }

    pub(super) fn on_hold_timer(&mut self, now: CallTime) {
        if !self.hold.playing {
            if !self.playback.is_silent(now) {
                return self.await_dead_air(now);
            }
            self.hold.playing = true;
            self.hold.since = now;
            self.note(Event::HoldStarted);
        }
        self.play_piece(now);
    }

    fn play_piece(&mut self, now: CallTime) {
        self.meter.sounds(now);
        let piece = hold_music::piece(self.hold.offset, PIECE);
        self.hold.offset += piece.samples();
        let Self { playback, out, stream, .. } = self;
        let Some(stream) = stream else { return };
        playback.push(&Source::HoldMusic, piece, now, |send| put_on_wire(out, stream, send));
        let ends_at = self.playback.ends_at();
        self.timers.arm(Timer::Hold, CallTime(ends_at.0.saturating_sub(AHEAD.as_millis() as u64)).max(now + AHEAD));
    }

    /// Music has sounded for so long that whoever waits wants to be told that it is over.
    pub(super) fn has_kept_waiting(&self, now: CallTime) -> bool {
        self.hold.playing && now.since(self.hold.since) >= WAITED
    }

    /// Something else is to be heard, or nobody waits any more: what is left of the music at the carrier is cleared.
    pub(super) fn end_music(&mut self, now: CallTime) {
        if !self.hold.playing {
            return;
        }
        self.stop_music();
        if !self.playback.is_silent(now) {
            self.playback.cut(now);
            self.clear_caller(now);
        }
    }

    /// Sends no more of it.
    pub(super) fn stop_music(&mut self) {
        self.timers.disarm(&Timer::Hold);
        if std::mem::take(&mut self.hold.playing) {
            self.emit(Output::Event(Event::HoldStopped));
        }
    }
}
