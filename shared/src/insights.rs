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

/// Of all calls that began within a time.
#[derive(Debug, Clone, PartialEq, Default, Serialize, JsonSchema)]
pub struct Insights {
    pub running: u32,
    /// How many ended how.
    pub endings: BTreeMap<Ending, u32>,
    /// Hours or days, in order; none is left out.
    pub over_time: Vec<Bucket>,
    #[serde(flatten)]
    pub figures: Figures,
}

/// An hour or a day of them. The first begins with the time that is asked for: whoever wants days of a place begins at its midnight.
#[derive(Debug, Clone, PartialEq, Default, Serialize, JsonSchema)]
pub struct Bucket {
    /// Unix milliseconds.
    pub from_ms: u64,
    pub lasts_ms: u64,
    #[serde(flatten)]
    pub figures: Figures,
}

/// How a number of calls went. Those that still run, and those whose relay did not live to review them, are counted among
/// `calls`, and in nothing else.
#[derive(Debug, Clone, PartialEq, Default, Serialize, JsonSchema)]
pub struct Figures {
    pub calls: u32,
    pub lasted_ms: Option<Percentiles>,
    pub answer_ms: Option<Percentiles>,
    pub turns: u64,
    pub interruptions: u64,
    pub tools: u64,
    pub tools_failed: u64,
    pub errors: u64,
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
        let within = |call: &&Call| (from_ms..to_ms).contains(&call.began_at_ms);
        let calls: Vec<&Call> = calls.into_iter().filter(within).collect();
        let mut insights =
            Self { over_time: buckets(&calls, from_ms, to_ms), figures: Figures::of(&calls), ..Self::default() };
        for call in calls {
            match call.status.ended() {
                Some(ending) => *insights.endings.entry(ending).or_default() += 1,
                None => insights.running = insights.running.saturating_add(1),
            }
        }
        insights
    }
}

impl Figures {
    fn of(calls: &[&Call]) -> Self {
        let mut figures = Self { calls: u32::try_from(calls.len()).unwrap_or(u32::MAX), ..Self::default() };
        let reviews = || calls.iter().filter_map(|call| call.review.as_ref());
        for review in reviews() {
            figures.turns += u64::from(review.turns);
            figures.interruptions += u64::from(review.interruptions);
            figures.tools += u64::from(review.tools);
            figures.tools_failed += u64::from(review.tools_failed);
            figures.errors += u64::from(review.errors);
            figures.cost += review.cost.unwrap_or_default();
        }
        figures.lasted_ms = percentiles(reviews().map(|review| review.lasted_ms).collect());
        figures.answer_ms = percentiles(reviews().flat_map(|review| &review.answers_ms).copied().collect());
        figures
    }
}

/// As many as there are hours or days.
fn buckets(calls: &[&Call], from_ms: u64, to_ms: u64) -> Vec<Bucket> {
    let lasts_ms = if to_ms.saturating_sub(from_ms) > LONGEST_BY_HOURS_MS { DAY_MS } else { HOUR_MS };
    let number = |call: &Call| call.began_at_ms.saturating_sub(from_ms) / lasts_ms;
    let bucket = |wanted: u64| {
        let of: Vec<&Call> = calls.iter().copied().filter(|call| number(call) == wanted).collect();
        Bucket { from_ms: from_ms + wanted * lasts_ms, lasts_ms, figures: Figures::of(&of) }
    };
    (0..to_ms.saturating_sub(from_ms).div_ceil(lasts_ms)).map(bucket).collect()
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
            channel: Default::default(),
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
        let by_hour: Vec<u32> = insights.over_time.iter().map(|bucket| bucket.figures.calls).collect();
        assert_eq!((insights.figures.calls, insights.running, by_hour), (3, 1, vec![1, 2, 0]));
        assert_eq!(insights.endings, [(Ending::CallerHungUp, 2)].into());
        assert_eq!(insights.figures.lasted_ms, Some(Percentiles { count: 2, p50: 10_000, p95: 10_000, max: 30_000 }));
        let longest_answers = insights.over_time.iter().map(|bucket| bucket.figures.answer_ms.map(|answer| answer.max));
        assert_eq!(longest_answers.collect::<Vec<_>>(), [Some(100), Some(300), None]);
    }

    #[test]
    fn a_longer_time_is_told_by_days() {
        let insights = Insights::of(&[call(MIDNIGHT_MS + 5, None)], MIDNIGHT_MS, MIDNIGHT_MS + 7 * DAY_MS);
        assert_eq!((insights.over_time.len(), insights.over_time[0].figures.calls), (7, 1));
    }

    #[test]
    fn days_begin_when_the_time_asked_for_does() {
        let midnight_of_a_place = MIDNIGHT_MS - 9 * HOUR_MS;
        let calls = [call(MIDNIGHT_MS - 1, None), call(MIDNIGHT_MS + 1, None)];
        let insights = Insights::of(&calls, midnight_of_a_place, midnight_of_a_place + 6 * DAY_MS + HOUR_MS);
        let days = insights.over_time.iter().map(|bucket| (bucket.from_ms, bucket.figures.calls));
        assert_eq!(days.clone().next(), Some((midnight_of_a_place, 2)));
        assert_eq!(days.count(), 7, "the last is not a whole one");
    }
}
