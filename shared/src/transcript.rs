//! Puts together what several relays wrote of one call, one after the other. Whoever lost the call may have written a
//! line or two after its successor began.

use std::collections::BTreeMap;

use crate::ids::ItemId;
use crate::session::Line;

/// Lines by the fence under which each was written. Of one item the latest holder's word counts; lines of different
/// items that got the same number follow one another as their writers did.
pub fn merge(written: impl IntoIterator<Item = (u64, Line)>) -> Vec<Line> {
    let mut lines: Vec<(u64, Line)> = written.into_iter().collect();
    let mut latest = BTreeMap::<ItemId, u64>::new();
    for (fence, line) in &lines {
        let known = latest.entry(line.item.clone()).or_default();
        *known = (*known).max(*fence);
    }
    lines.retain(|(fence, line)| latest.get(&line.item) == Some(fence));
    lines.sort_by_key(|(fence, line)| (line.number, *fence));
    lines.into_iter().map(|(_, line)| line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Speaker;
    use crate::time::CallTime;

    fn line(fence: u64, number: u32, item: &str, text: &str) -> (u64, Line) {
        let (speaker, at) = (Speaker::Agent, CallTime::ZERO);
        (
            fence,
            Line {
                number,
                at,
                speaker,
                item: item.into(),
                text: Some(text.into()),
                interrupted: None,
                made_out_to: None,
            },
        )
    }

    fn texts(written: Vec<(u64, Line)>) -> Vec<String> {
        merge(written).into_iter().filter_map(|line| Some(line.text?.into_revealed())).collect()
    }

    #[test]
    fn of_one_item_the_latest_holders_word_counts() {
        let written = vec![line(2, 1, "a", "heard out"), line(1, 1, "a", "late"), line(0, 1, "a", "older still")];
        assert_eq!(texts(written), ["heard out"]);
        assert_eq!(texts(vec![line(1, 3, "a", "then"), line(2, 4, "a", "now")]), ["now"], "whatever its number");
    }

    #[test]
    fn different_items_under_one_number_are_both_there() {
        let written = vec![line(2, 7, "new", "after"), line(1, 8, "late", "last"), line(1, 7, "old", "before")];
        assert_eq!(texts(written), ["before", "after", "last"]);
    }

    #[test]
    fn lines_of_one_holder_are_left_alone() {
        let written = vec![line(1, 2, "same", "two"), line(1, 1, "same", "one")];
        assert_eq!(texts(written), ["one", "two"]);
    }
}
