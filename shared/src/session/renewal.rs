//! One session of the model's after another: the vendor ends each after a while, without a warning.
//!
//! Some minutes before that a second session is dialled and configured beside the first. It hears nothing and says
//! nothing until nobody speaks and nothing is owed; then it is told the conversation and goes on with it, and the first is
//! closed. If there is no such moment, it takes over at the last one, as it would from a session that was lost.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::link::{Leg, State, millis};
use super::output::{Event, Output};
use super::{ModelLoss, Phase, Session, Timer};
use crate::ids::SocketNumber;
use crate::model::{ModelEvent, Severity};
use crate::time::CallTime;

/// Between the first attempt and the last moment: some quiet will come of itself.
const LEEWAY: Duration = Duration::from_secs(4 * 60);
/// From the last moment to the vendor's end.
const MARGIN: Duration = Duration::from_secs(60);
/// Between two attempts, at most. The session in use goes on meanwhile.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// While the agent is being changed; and for what changes next.
const SETTLING: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Renewal {
    pub(super) next: Option<Leg>,
    /// Attempts in a row that came to nothing.
    attempts: u32,
    /// Of the session in use: from then on it is replaced whatever is going on.
    at_latest: Option<CallTime>,
    /// Another session would be refused like the last one.
    hopeless: bool,
}

impl Renewal {
    pub(super) fn is_next(&self, socket: SocketNumber) -> bool {
        self.next.as_ref().is_some_and(|leg| leg.is(socket))
    }

    pub(super) fn take_next(&mut self) -> Option<Leg> {
        self.next.take()
    }

    fn is_ready(&self) -> bool {
        self.next.as_ref().is_some_and(|leg| leg.state == State::Ready)
    }
}

/// How old a session becomes before another is dialled, and before it must go. `None`: as old as the call.
fn ages(chosen: Option<Duration>, longest: Option<Duration>) -> Option<(Duration, Duration)> {
    // A vendor whose sessions are short is not given minutes that it does not have.
    let margin = |longest: Duration| MARGIN.min(longest / 8);
    let last = longest.map(|longest| longest - margin(longest));
    let by_vendor = longest.map(|longest| longest - margin(longest) - LEEWAY.min(longest / 4));
    let begin = chosen.into_iter().chain(by_vendor).min()?;
    let at_latest = last.into_iter().chain([begin + LEEWAY]).min()?;
    Some((begin, at_latest))
}

impl Session {
    /// The session in use is new.
    pub(super) fn arm_renewal(&mut self, now: CallTime) {
        self.link.renewal = Renewal::default();
        let chosen = self.plan.agent.limits.renew_after;
        let Some((begin, at_latest)) = ages(chosen, self.plan.capabilities.longest_session) else { return };
        let since = self.link.in_use().dialled_at;
        self.link.renewal.at_latest = Some(since + at_latest);
        self.timers.arm(Timer::Renewal, now.max(since + begin));
    }

    pub(super) fn on_renewal_due(&mut self, now: CallTime) {
        if let Some(at_latest) = self.link.renewal.at_latest.filter(|at| *at > now) {
            self.timers.arm(Timer::Renewal, at_latest);
        }
        self.dial_next(now);
    }

    pub(super) fn dial_next(&mut self, now: CallTime) {
        let renewal = &self.link.renewal;
        let wanted = self.may_renew() && self.link.is_ready() && renewal.next.is_none() && !renewal.hopeless;
        if !wanted {
            return;
        }
        if self.change.is_pending() {
            return self.timers.arm(Timer::Redial, now + SETTLING);
        }
        let attempt = renewal.attempts;
        let leg = self.link.dialling(now);
        self.open_socket(now, &leg, attempt);
        self.link.renewal.next = Some(leg);
    }

    /// Another agent answers from here on. A session that was made for the one before is of no use, and where that one was
    /// refused, this one may not be.
    pub(super) fn renew_otherwise(&mut self, now: CallTime) {
        if !self.link.is_ready() {
            return;
        }
        let hopeless = std::mem::take(&mut self.link.renewal.hopeless);
        let next = self.link.renewal.take_next();
        if let Some(next) = &next {
            self.timers.disarm(&Timer::ModelReady);
            self.emit(Output::CloseModel(next.socket));
        }
        if hopeless || next.is_some() {
            self.timers.arm(Timer::Redial, now + SETTLING);
        }
    }

    /// Who is about to go needs no other session.
    fn may_renew(&self) -> bool {
        !self.leaving && matches!(self.phase, Phase::Talking | Phase::Waiting { doomed: None })
    }

    /// The session that is to take over gets ready, or does not. It hears nobody, so that there is nothing else to say.
    pub(super) fn on_next_model(&mut self, now: CallTime, event: ModelEvent) {
        let Some(next) = &mut self.link.renewal.next else { return };
        match event {
            ModelEvent::Ready if next.state == State::Configuring => {
                next.state = State::Ready;
                let after_ms = millis(now.since(next.dialled_at));
                self.timers.disarm(&Timer::ModelReady);
                self.note(Event::ModelReady { after_ms });
            }
            ModelEvent::Error(error) => {
                let refused = next.refuses(error.event.as_ref());
                let severity = if refused { Severity::Fatal } else { error.severity };
                self.note(Event::ModelError { code: error.code.clone() });
                if matches!(severity, Severity::Fatal | Severity::SessionOver) {
                    self.drop_next(now, &ModelLoss { code: error.code, severity });
                }
            }
            ModelEvent::Unknown { kind } => self.note(Event::ModelUnknown { kind }),
            _ => {}
        }
    }

    pub(super) fn drop_next(&mut self, now: CallTime, cause: &ModelLoss) {
        let Some(next) = &self.link.renewal.next else { return };
        self.emit(Output::CloseModel(next.socket));
        self.lose_next(now, cause);
    }

    /// The session in use goes on; another attempt is made while it lasts.
    pub(super) fn lose_next(&mut self, now: CallTime, cause: &ModelLoss) {
        self.timers.disarm(&Timer::ModelReady);
        let fatal = cause.severity == Severity::Fatal;
        self.note(Event::RenewalFailed { code: cause.code.clone(), fatal });
        let wait = self.pause_before(self.link.renewal.attempts).min(LONGEST_WAIT);
        let renewal = &mut self.link.renewal;
        renewal.next = None;
        renewal.hopeless = fatal;
        renewal.attempts = renewal.attempts.saturating_add(1);
        if !fatal {
            self.timers.arm(Timer::Redial, now + wait);
        }
    }

    /// The next session takes over as soon as nobody would notice, and at the latest before the vendor ends this one.
    pub(super) fn watch_renewal(&mut self, now: CallTime) {
        if !self.link.renewal.is_ready() || !self.may_renew() {
            return;
        }
        let quiet = self.is_quiet(now);
        if quiet || self.link.renewal.at_latest.is_some_and(|at| at <= now) {
            self.renew(now, quiet);
        }
    }

    fn renew(&mut self, now: CallTime, quiet: bool) {
        let Some(next) = self.link.renewal.take_next() else { return };
        let former = self.link.in_use();
        let (socket, after_ms) = (former.socket, millis(now.since(former.dialled_at)));
        self.emit(Output::CloseModel(socket));
        self.forget_session();
        self.link.use_leg(next);
        self.note(Event::ModelRenewed { after_ms, quiet });
        self.begin_session(now);
    }

    /// The session in use was lost while the next one was on its way: that one is the replacement, ready or not.
    pub(super) fn fall_back_on(&mut self, now: CallTime, next: Leg) {
        let ready = next.state == State::Ready;
        self.link.use_leg(next);
        if ready {
            self.begin_session(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: u64 = 60;

    fn minutes(chosen: Option<u64>, longest: Option<u64>) -> Option<(u64, u64)> {
        let duration = |minutes: u64| Duration::from_secs(minutes * MINUTE);
        let ages = ages(chosen.map(duration), longest.map(duration))?;
        Some((ages.0.as_secs() / MINUTE, ages.1.as_secs() / MINUTE))
    }

    #[test]
    fn an_hour_is_left_five_minutes_early() {
        assert_eq!(minutes(None, Some(60)), Some((55, 59)));
    }

    #[test]
    fn an_agent_may_have_it_sooner_but_not_later() {
        assert_eq!(minutes(Some(20), Some(60)), Some((20, 24)));
        assert_eq!(minutes(Some(90), Some(60)), Some((55, 59)));
    }

    #[test]
    fn a_vendor_without_a_limit_is_left_only_if_the_agent_says_so() {
        assert_eq!(minutes(None, None), None);
        assert_eq!(minutes(Some(20), None), Some((20, 24)));
    }

    #[test]
    fn a_short_session_keeps_most_of_its_time() {
        assert_eq!(minutes(None, Some(8)), Some((5, 7)));
    }
}
