//! What the call costs while it runs, and what happens when that is too much: first the model is told to come to an end,
//! then the call ends with a goodbye.
//!
//! A call's own limit it keeps itself. The day's is that of all the agent's calls, on all relays: each adds to one total and
//! is told what that makes. As long as nobody says, there is no limit.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::link::millis;
use super::output::{Event, Output};
use super::{Phase, Session, Timer, ending};
use crate::calls::Ending;
use crate::model::ModelCommand;
use crate::money::{Cost, Usd, Used};
use crate::redact::Pii;
use crate::time::CallTime;

/// Between two reports.
const EVERY: Duration = Duration::from_secs(60);
/// Of a limit, at which the model is told to come to an end.
const WARN_PERCENT: u64 = 80;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Spending {
    messages_in: u64,
    messages_out: u64,
    /// With streams that are gone, and since when there is one.
    stream_ms: u64,
    stream_since: Option<CallTime>,
    /// What of it is among the day's total.
    counted: Usd,
    /// The day's total, with this call's share as it was then.
    day: Option<DayTotal>,
    /// The model knows that the call is to end.
    warned: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct DayTotal {
    total: Usd,
    own: Usd,
}

impl Spending {
    pub(super) fn message_in(&mut self) {
        self.messages_in = self.messages_in.saturating_add(1);
    }

    pub(super) fn message_out(&mut self) {
        self.messages_out = self.messages_out.saturating_add(1);
    }

    pub(super) fn stream_came(&mut self, now: CallTime) {
        self.stream_went(now);
        self.stream_since = Some(now);
    }

    pub(super) fn stream_went(&mut self, now: CallTime) {
        self.stream_ms = self.streamed(now);
        self.stream_since = None;
    }

    pub(super) fn is_warned(&self) -> bool {
        self.warned
    }

    fn streamed(&self, now: CallTime) -> u64 {
        self.stream_ms.saturating_add(self.stream_since.map_or(0, |since| millis(now.since(since))))
    }
}

impl Session {
    pub(super) fn cost(&self, now: CallTime) -> Cost {
        self.plan.rates.cost(&Used {
            tokens: self.spent,
            call_ms: now.as_millis(),
            stream_ms: self.spending.streamed(now),
            messages_in: self.spending.messages_in,
            messages_out: self.spending.messages_out,
        })
    }

    /// The caller is there. What all calls of the day have cost is asked for at once if it matters.
    pub(super) fn watch_cost(&mut self, now: CallTime) {
        self.spending.stream_came(now);
        if self.plan.agent.limits.spend_day.is_some() {
            self.count_cost(now);
        }
        if !self.timers.is_armed(&Timer::Cost) {
            self.timers.arm(Timer::Cost, now + EVERY);
        }
    }

    pub(super) fn on_cost_due(&mut self, now: CallTime) {
        self.tell_cost(now);
        self.timers.arm(Timer::Cost, now + EVERY);
    }

    pub(super) fn tell_cost(&mut self, now: CallTime) {
        let cost = self.cost(now);
        self.note(Event::Cost(cost));
        self.count_cost(now);
    }

    fn count_cost(&mut self, now: CallTime) {
        let total = self.cost(now).total;
        let amount = total - self.spending.counted;
        self.spending.counted = total;
        self.emit(Output::CountSpent(amount));
    }

    pub(super) fn on_day_spent(&mut self, total: Usd) {
        self.spending.day = Some(DayTotal { total, own: self.spending.counted });
    }

    /// Nobody is cut off without a word: as long as there is no model to say it, the limit waits.
    pub(super) fn watch_spending(&mut self, now: CallTime) {
        let limits = &self.plan.agent.limits;
        let limited = limits.spend_call.is_some() || limits.spend_day.is_some();
        if !limited || self.phase != Phase::Talking || !self.link.is_ready() {
            return;
        }
        if self.has_spent(now, 100) {
            return self.close(now, Ending::SpendLimit, Some(ending::TIME_IS_UP));
        }
        if !self.spending.warned && self.has_spent(now, WARN_PERCENT) {
            self.spending.warned = true;
            self.note(Event::SpendWarning);
            self.tell_to_wrap_up();
        }
    }

    pub(super) fn tell_to_wrap_up(&mut self) {
        self.tell_model(ModelCommand::Note { text: Pii::new(WRAP_UP.to_owned()) });
    }

    /// So many hundredths of either limit.
    fn has_spent(&self, now: CallTime, percent: u64) -> bool {
        let limits = &self.plan.agent.limits;
        let own = self.cost(now).total;
        let day = self.spending.day.map(|day| day.total + (own - day.own));
        let reached = |spent: Option<Usd>, limit: Option<Usd>| {
            spent.zip(limit).is_some_and(|(spent, limit)| spent >= limit.percent(percent))
        };
        reached(Some(own), limits.spend_call) || reached(day, limits.spend_day)
    }
}

const WRAP_UP: &str = "The time for this call is nearly up. Bring it to an end in the next turn or two: settle what is open, \
    begin nothing new, and say goodbye. Do not mention this message.";
