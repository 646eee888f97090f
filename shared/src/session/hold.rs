//! No dead air: music while a tool runs or its result waits for an answer, and while the model is away; never under or over
//! a word. It comes out of silence. Where a word is next it is gone at once, and else it dies away. It goes on where the
//! caller left it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::caller::put_on_wire;
use super::output::{Event, Output};
use super::playback::Source;
use super::{Phase, Session, Timer};
use crate::agent::HoldMusic;
use crate::audio::Payload;
use crate::audio::hold_music::{FADE, Piece};
use crate::ids::MusicId;
use crate::time::{CallTime, Samples};

/// How much is sent at a time, and how long before its end the next.
const STRETCH: Samples = Samples::from_millis(1_000);
const AHEAD: Duration = Duration::from_millis(300);
/// Between looks at audio that should have been played by now, of which the carrier has not said so.
const AT_ONCE: Duration = Duration::from_millis(20);
/// What a caller bears who has asked something, the model's thinking and the tool's beginning together: two seconds, less
/// the way.
const LONGEST_SILENCE: Duration = Duration::from_millis(1_900);
/// Whoever has heard music for this long does not expect silence after it.
const WAITED: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Hold {
    state: State,
    /// The file that is playing, or played last; `None`: the piece that is built in.
    piece: Option<Piece>,
    /// The file that came last. It plays from the next time on, if it is the agent's.
    own: Option<(MusicId, Piece)>,
    /// Where in the piece to go on, so that it does not begin anew each time.
    offset: Samples,
    /// Since when it has been playing.
    since: CallTime,
    /// No dead air is borne, because the caller may have been hearing nothing for a while.
    at_once: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum State {
    #[default]
    Silent,
    Playing,
    /// Its end has been sent.
    Fading,
}

impl Hold {
    pub(super) fn begin_at_once(&mut self, at_once: bool) {
        self.at_once = at_once;
    }

    /// From now on a pause is a pause.
    pub(super) fn bear_pauses(&mut self) {
        self.at_once = false;
    }

    pub(super) fn resume_at(&mut self, offset: Samples) {
        self.offset = offset;
    }

    pub(super) fn offset(&self) -> Samples {
        self.offset
    }

    /// The agent's own piece has come. What is playing is not broken off for it.
    pub(super) fn take_piece(&mut self, file: MusicId, piece: Piece) {
        self.own = Some((file, piece));
    }

    pub(super) fn sounds(&self) -> bool {
        self.state != State::Silent
    }

    fn begin(&mut self, now: CallTime, choice: &HoldMusic) {
        self.state = State::Playing;
        self.since = now;
        let own = self.own.as_ref().filter(|(file, _)| choice.file() == Some(file));
        self.piece = own.map(|(_, piece)| piece.clone());
    }

    fn piece(&self) -> Piece {
        self.piece.clone().unwrap_or_default()
    }
}

impl Session {
    /// Arms the timer when there is something to wait for and nothing to hear; stops what nobody waits for.
    pub(super) fn watch_dead_air(&mut self, now: CallTime) {
        self.look_whether_anything_is_owed();
        let waits = self.is_held_up();
        match self.hold.state {
            State::Playing if !waits && self.responses.is_idle() => self.fade_music(now),
            State::Playing | State::Fading => {}
            State::Silent if !waits => self.timers.disarm(&Timer::Hold),
            State::Silent if !self.timers.is_armed(&Timer::Hold) => self.await_dead_air(now),
            State::Silent => {}
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
        let borne = self.plan.agent.limits.hold_after;
        let patience = if self.hold.at_once || self.is_on_hold() { AT_ONCE } else { borne };
        let last_word = self.playback.ends_at();
        let mut due = last_word.max(now) + patience;
        if self.is_tool_at_work() {
            // The model may have thought for a while before it called the tool.
            due = due.min(last_word.max(self.turn.caller_spoke_at) + borne.max(LONGEST_SILENCE));
        }
        self.timers.arm(Timer::Hold, due.max(now + AT_ONCE));
    }

    /// To the caller a tool is at work until they hear what came of it.
    fn is_tool_at_work(&self) -> bool {
        self.tools.is_pending() || self.responses.owes_tool_results()
    }

    fn is_held_up(&self) -> bool {
        let is_ours = self.phase == Phase::Talking || self.phase == Phase::Parting && self.is_departing();
        self.plan.agent.hold_music != HoldMusic::None
            && is_ours
            && self.is_present()
            && !self.line.speaking
            && (self.is_departing()
                || self.is_tool_at_work()
                || !self.link.is_ready()
                || self.hold.at_once
                || self.is_on_hold())
    }

    pub(super) fn on_hold_timer(&mut self, now: CallTime) {
        match self.hold.state {
            State::Silent if !self.playback.is_silent(now) => self.await_dead_air(now),
            State::Silent => {
                self.hold.begin(now, &self.plan.agent.hold_music);
                self.note(Event::HoldStarted);
                let rising = self.hold.piece().rising(self.hold.offset, STRETCH);
                self.play(now, [rising]);
                self.play_on_before_the_end(now);
            }
            State::Playing => {
                let piece = self.hold.piece();
                self.play(now, piece.parts(self.hold.offset, STRETCH));
                self.play_on_before_the_end(now);
            }
            State::Fading => self.stop_music(now),
        }
    }

    fn play(&mut self, now: CallTime, music: impl IntoIterator<Item = Payload>) {
        self.meter.sounds(now);
        let Self { playback, out, stream, hold, .. } = self;
        let Some(stream) = stream else { return };
        for part in music {
            hold.offset += part.samples();
            playback.push(&Source::HoldMusic, part, now, |send| put_on_wire(out, stream, send));
        }
    }

    fn play_on_before_the_end(&mut self, now: CallTime) {
        let ends_at = self.playback.ends_at();
        self.timers.arm(Timer::Hold, CallTime(ends_at.0.saturating_sub(AHEAD.as_millis() as u64)).max(now + AHEAD));
    }

    /// Music has sounded for so long that whoever waits wants to be told that it is over.
    pub(super) fn has_kept_waiting(&self, now: CallTime) -> bool {
        self.hold.sounds() && now.since(self.hold.since) >= WAITED
    }

    /// Nobody waits any more, and nothing else is to be heard for now: it dies away.
    pub(super) fn fade_music(&mut self, now: CallTime) {
        if self.hold.state != State::Playing {
            return;
        }
        self.hold.state = State::Fading;
        let falling = self.hold.piece().falling(self.hold.offset, FADE);
        self.play(now, [falling]);
        self.mark_end();
        self.timers.arm(Timer::Hold, self.playback.ends_at());
    }

    /// Something else is to be heard now: what is left of the music at the carrier is cleared, a former relay's too.
    pub(super) fn end_music(&mut self, now: CallTime) {
        if !self.hold.sounds() && !self.playback.ends_with_formers_music(now) {
            return;
        }
        self.stop_music(now);
        if !self.playback.is_silent(now) {
            self.playback.cut(now);
            self.clear_caller(now);
        }
    }

    /// Sends no more of it. The next time it goes on with what was not heard of it.
    pub(super) fn stop_music(&mut self, now: CallTime) {
        self.timers.disarm(&Timer::Hold);
        if std::mem::take(&mut self.hold.state) != State::Silent {
            self.hold.offset = self.hold.offset - self.playback.lead(now);
            self.emit(Output::Event(Event::HoldStopped));
        }
    }
}
