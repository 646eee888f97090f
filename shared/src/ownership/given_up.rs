//! Calls that a relay has said it does not speak for.

use std::collections::{BTreeMap, VecDeque};

use crate::ids::CallSid;

/// What is being opened meanwhile is finished within seconds; this is a good deal more than that.
const REMEMBERED: usize = 4_096;

/// A relay that yields a call may be opening it at that moment, with a lease that it read or was told of before. Its word
/// would be broken then: whoever begins a tenure asks here first, in the same breath.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GivenUp {
    fences: BTreeMap<CallSid, u64>,
    order: VecDeque<CallSid>,
}

impl GivenUp {
    /// Before the answer goes out.
    pub fn note(&mut self, call: &CallSid, fence: u64) {
        if let Some(noted) = self.fences.get_mut(call) {
            *noted = fence.max(*noted);
            return;
        }
        self.fences.insert(call.detached(), fence);
        self.order.push_back(call.detached());
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.fences.remove(&oldest);
        }
    }

    /// Must not be spoken for with this fence, whatever the store says.
    pub fn bars(&self, call: &CallSid, fence: u64) -> bool {
        self.fences.get(call).is_some_and(|noted| fence <= *noted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_given_up_is_open_again_with_a_higher_fence_only() {
        let (mut given_up, call) = (GivenUp::default(), CallSid::from("CA1"));
        given_up.note(&call, 3);
        given_up.note(&call, 2);
        assert!(given_up.bars(&call, 3));
        assert!(!given_up.bars(&call, 4));
        assert!(!given_up.bars(&"CA2".into(), 1));
    }

    #[test]
    fn the_oldest_is_forgotten() {
        let mut given_up = GivenUp::default();
        for number in 0..=REMEMBERED {
            given_up.note(&CallSid::new(format!("CA{number}")), 1);
        }
        assert!(!given_up.bars(&"CA0".into(), 1));
        assert!(given_up.bars(&"CA1".into(), 1));
        assert_eq!(given_up.order.len(), REMEMBERED);
    }
}
