//! How many calls there were and how they went, out of what is kept with each at its end.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::calls::{Call, Ending};
use crate::money::Usd;
use crate::session::Event;

/// Of more turns than these the others are left out: a review stays small.
const MOST_ANSWERS: usize = 200;
const HOUR_MS: u64 = 60 * 60 * 1000;
const DAY_MS: u64 = 24 * HOUR_MS;
/// A longer time is told by days.
const LONGEST_BY_HOURS_MS: u64 = 3 * DAY_MS;

/// How a call went, as it was at its end.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Review {
    pub lasted_ms: u64,
    pub turns: u32,
    /// How often the caller spoke into an answer.
    pub interruptions: u32,
    pub tools: u32,
    pub tools_failed: u32,
    /// The model was lost, or refused something.
    pub errors: u32,
    /// From the end of the caller's speech to the answer, turn by turn.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answers_ms: Vec<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Usd>,
}

impl Review {
    pub fn of<'a>(events: impl IntoIterator<Item = &'a Event>) -> Self {
        let mut review = Self::default();
        for event in events {
            review.add(event);
        }
        review
    }

    fn add(&mut self, event: &Event) {
        let more = |count: &mut u32| *count = count.saturating_add(1);
        match event {
            Event::Turn { answer_ms, .. } => {
                more(&mut self.turns);
                self.answers_ms.extend(answer_ms.filter(|_| self.answers_ms.len() < MOST_ANSWERS));
            }
            Event::BargeIn { .. } => more(&mut self.interruptions),
            Event::ToolFinished { error, .. } => {
                more(&mut self.tools);
                if error.is_some() {
                    more(&mut self.tools_failed);
                }
            }
            Event::ModelLost { .. } | Event::ModelError { .. } => more(&mut self.errors),
            Event::Cost(cost) => self.cost = Some(cost.total),
            Event::Ended { after_ms, .. } => self.lasted_ms = *after_ms,
            _ => {}
        }
    }
}

/// Of all calls that began within a time. Those that still run, and those whose relay did not live to review them, are
/// counted among `calls` and `endings`, and in nothing else.
#[derive(Debug, Clone, PartialEq, Default, Serialize, JsonSchema)]
pub struct Insights {
    pub calls: u32,
    pub running: u32,
    /// How many ended how.
    pub endings: BTreeMap<Ending, u32>,
    /// Hours or days, in order; none is left out.
    pub over_time: Vec<Bucket>,
    pub lasted_ms: Option<Percentiles>,
    pub answer_ms: Option<Percentiles>,
    pub turns: u64,
    pub interruptions: u64,
    pub tools: u64,
    pub tools_failed: u64,
    pub errors: u64,
    pub cost: Usd,
}

/// An hour or a day of UTC.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct Bucket {
    /// Unix milliseconds.
    pub from_ms: u64,
    pub lasts_ms: u64,
    pub calls: u32,
    pub cost: Usd,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Percentiles {
    pub count: usize,
    pub p50: u64,
    pub p95: u64,
    pub max: u64,
}

impl Insights {
    /// From a moment on, to another that is not included.
    pub fn of<'a>(calls: impl IntoIterator<Item = &'a Call>, from_ms: u64, to_ms: u64) -> Self {
        let mut insights = Self { over_time: buckets(from_ms, to_ms), ..Self::default() };
        let (mut lasted, mut answers) = (Vec::new(), Vec::new());
        let within = |call: &&Call| (from_ms..to_ms).contains(&call.began_at_ms);
        for call in calls.into_iter().filter(within) {
            insights.count(call);
            if let Some(review) = &call.review {
                insights.add(call.began_at_ms, review);
                lasted.push(review.lasted_ms);
                answers.extend(&review.answers_ms);
            }
        }
        insights.lasted_ms = percentiles(lasted);
        insights.answer_ms = percentiles(answers);
        insights
    }

    fn count(&mut self, call: &Call) {
        self.calls = self.calls.saturating_add(1);
        match call.status.ended() {
            Some(ending) => *self.endings.entry(ending).or_default() += 1,
            None => self.running = self.running.saturating_add(1),
        }
        if let Some(bucket) = self.bucket(call.began_at_ms) {
            bucket.calls = bucket.calls.saturating_add(1);
        }
    }

    fn add(&mut self, began_at_ms: u64, review: &Review) {
        let cost = review.cost.unwrap_or_default();
        self.turns += u64::from(review.turns);
        self.interruptions += u64::from(review.interruptions);
        self.tools += u64::from(review.tools);
        self.tools_failed += u64::from(review.tools_failed);
        self.errors += u64::from(review.errors);
        self.cost += cost;
        if let Some(bucket) = self.bucket(began_at_ms) {
            bucket.cost += cost;
        }
    }

    fn bucket(&mut self, at_ms: u64) -> Option<&mut Bucket> {
        self.over_time.iter_mut().find(|bucket| (bucket.from_ms..bucket.from_ms + bucket.lasts_ms).contains(&at_ms))
    }
}

/// As many as there are hours or days.
fn buckets(from_ms: u64, to_ms: u64) -> Vec<Bucket> {
    let lasts_ms = if to_ms.saturating_sub(from_ms) > LONGEST_BY_HOURS_MS { DAY_MS } else { HOUR_MS };
    let numbers = from_ms / lasts_ms..to_ms.div_ceil(lasts_ms);
    numbers.map(|number| Bucket { from_ms: number * lasts_ms, lasts_ms, ..Bucket::default() }).collect()
}

fn percentiles(mut figures: Vec<u64>) -> Option<Percentiles> {
    figures.sort_unstable();
    let last = figures.len().checked_sub(1)?;
    let at = |share: usize| figures.get(last * share / 100).copied();
    Some(Percentiles { count: figures.len(), p50: at(50)?, p95: at(95)?, max: at(100)? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calls::{CallStatus, MediaPath};
    use crate::money::Cost;
    use crate::tools::ToolErrorKind;

    const MIDNIGHT_MS: u64 = 1_794_960_000_000;

    fn call(began_at_ms: u64, review: Option<Review>) -> Call {
        let ended = |_: &Review| CallStatus::Ended(Ending::CallerHungUp);
        Call {
            sid: "CA1".into(),
            from: "+15551234567".into(),
            to: "+15557654321".into(),
            agent: Default::default(),
            media_path: MediaPath::Direct,
            status: review.as_ref().map_or(CallStatus::InProgress, ended),
            began_at_ms,
            lease: None,
            streams: 1,
            review,
        }
    }

    fn turn(answer_ms: Option<u64>) -> Event {
        Event::Turn { number: 1, first_audio_ms: None, answer_ms, tool_ms: 0, mark_ms: None, barge_in_ms: None }
    }

    fn tool(error: Option<ToolErrorKind>) -> Event {
        Event::ToolFinished { call: "call_1".into(), name: "get_weather".to_owned(), took_ms: 5, error }
    }

    #[test]
    fn a_review_counts_what_happened() {
        let cost = Cost { total: Usd::from_billionths(250_000_000), ..Cost::default() };
        let events = [
            turn(Some(300)),
            turn(None),
            tool(None),
            tool(Some(ToolErrorKind::TimedOut)),
            Event::BargeIn { item: "item".into(), heard_ms: 1, sent_ms: 2 },
            Event::ModelError { code: "x".to_owned() },
            Event::Cost(cost),
            Event::Ended { ending: Ending::CallerHungUp, after_ms: 61_000 },
        ];
        let expected = Review {
            lasted_ms: 61_000,
            turns: 2,
            interruptions: 1,
            tools: 2,
            tools_failed: 1,
            errors: 1,
            answers_ms: vec![300],
            cost: Some(cost.total),
        };
        assert_eq!(Review::of(&events), expected);
    }

    #[test]
    fn a_call_of_many_turns_has_a_small_review() {
        let events = vec![turn(Some(1)); 1_000];
        let review = Review::of(&events);
        assert_eq!((review.turns, review.answers_ms.len()), (1_000, MOST_ANSWERS));
    }

    #[test]
    fn calls_are_counted_by_the_hour_and_what_is_not_within_is_left_out() {
        let review = |lasted_ms| Review { lasted_ms, answers_ms: vec![lasted_ms / 100], ..Review::default() };
        let calls = [
            call(MIDNIGHT_MS - 1, None),
            call(MIDNIGHT_MS, Some(review(10_000))),
            call(MIDNIGHT_MS + HOUR_MS, Some(review(30_000))),
            call(MIDNIGHT_MS + HOUR_MS + 1, None),
            call(MIDNIGHT_MS + 3 * HOUR_MS, None),
        ];
        let insights = Insights::of(&calls, MIDNIGHT_MS, MIDNIGHT_MS + 3 * HOUR_MS);
        let by_hour: Vec<u32> = insights.over_time.iter().map(|bucket| bucket.calls).collect();
        assert_eq!((insights.calls, insights.running, by_hour), (3, 1, vec![1, 2, 0]));
        assert_eq!(insights.endings, [(Ending::CallerHungUp, 2)].into());
        assert_eq!(insights.lasted_ms, Some(Percentiles { count: 2, p50: 10_000, p95: 10_000, max: 30_000 }));
        assert_eq!(insights.answer_ms.map(|answer| answer.max), Some(300));
    }

    #[test]
    fn a_longer_time_is_told_by_days() {
        let insights = Insights::of(&[call(MIDNIGHT_MS + 5, None)], MIDNIGHT_MS, MIDNIGHT_MS + 7 * DAY_MS);
        assert_eq!((insights.over_time.len(), insights.over_time[0].calls), (7, 1));
    }
}
