//! A call at a glance, out of its events: how long its caller waited, and what it costs.

use schemars::JsonSchema;
use serde::Serialize;

use crate::money::Cost;
use crate::session::Event;

#[derive(Debug, Clone, PartialEq, Default, Serialize, JsonSchema)]
pub struct Summary {
    pub turns: u32,
    /// `None`: nobody has waited for it yet. Of an earlier build's call there is no answer time.
    pub first_audio_ms: Option<Spread>,
    pub answer_ms: Option<Spread>,
    pub tool_ms: Option<Spread>,
    pub mark_ms: Option<Spread>,
    pub barge_in_ms: Option<Spread>,
    /// As it was last told: at most a minute old while the call runs.
    pub cost: Option<Cost>,
}

/// Of several figures the middle one and the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Spread {
    pub count: usize,
    pub p50: u64,
    pub max: u64,
}

impl Summary {
    pub fn of<'a>(events: impl IntoIterator<Item = &'a Event>) -> Self {
        let mut summary = Self::default();
        let [mut first, mut answer, mut tool, mut mark, mut barge_in]: [Vec<u64>; 5] = Default::default();
        for event in events {
            match event {
                Event::Turn { first_audio_ms, answer_ms, tool_ms, mark_ms, barge_in_ms, .. } => {
                    summary.turns = summary.turns.saturating_add(1);
                    first.extend(first_audio_ms);
                    answer.extend(answer_ms);
                    tool.extend(Some(*tool_ms).filter(|ms| *ms > 0));
                    mark.extend(mark_ms);
                    barge_in.extend(barge_in_ms);
                }
                Event::Cost(cost) => summary.cost = Some(*cost),
                _ => {}
            }
        }
        summary.first_audio_ms = spread(first);
        summary.answer_ms = spread(answer);
        summary.tool_ms = spread(tool);
        summary.mark_ms = spread(mark);
        summary.barge_in_ms = spread(barge_in);
        summary
    }
}

fn spread(mut figures: Vec<u64>) -> Option<Spread> {
    figures.sort_unstable();
    let middle = figures.len().checked_sub(1)? / 2;
    Some(Spread { count: figures.len(), p50: *figures.get(middle)?, max: *figures.last()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(number: u32, answer_ms: Option<u64>, tool_ms: u64) -> Event {
        Event::Turn { number, first_audio_ms: Some(100), answer_ms, tool_ms, mark_ms: None, barge_in_ms: None }
    }

    #[test]
    fn a_call_is_its_turns_and_its_latest_cost() {
        let dear = Cost { total: crate::money::Usd::from_billionths(5), ..Cost::default() };
        let events = [
            turn(1, Some(900), 0),
            Event::Cost(Cost::default()),
            turn(2, Some(300), 4_000),
            turn(3, None, 0),
            Event::Cost(dear),
        ];
        let summary = Summary::of(&events);
        assert_eq!(summary.answer_ms, Some(Spread { count: 2, p50: 300, max: 900 }));
        assert_eq!(summary.first_audio_ms, Some(Spread { count: 3, p50: 100, max: 100 }));
        assert_eq!(summary.tool_ms, Some(Spread { count: 1, p50: 4_000, max: 4_000 }));
        assert_eq!((summary.turns, summary.mark_ms, summary.cost), (3, None, Some(dear)));
    }

    #[test]
    fn a_call_in_which_nothing_was_said_has_no_figures() {
        assert_eq!(Summary::of(&[Event::HoldStarted]), Summary::default());
    }
}
