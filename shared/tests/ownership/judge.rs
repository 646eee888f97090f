//! Watches who speaks.

use std::collections::{BTreeMap, BTreeSet};

use super::messages::{Frame, Process};

/// Between a verdict and the post it allows there is one step of a process. What took longer was stopped in between.
const STEP_MS: u64 = 40;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Post {
    pub(crate) at: u64,
    pub(crate) call: usize,
    pub(crate) relay: Process,
    pub(crate) fence: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Judge {
    pub(crate) posts: Vec<Post>,
    pub(crate) faults: Vec<String>,
    /// Posts whose process was stopped between verdict and post: one message for each stop.
    pub(crate) in_flight: BTreeMap<(Process, usize), u32>,
    /// Posts by a relay whose right had run out, on the proof of frames.
    pub(crate) without_store: u32,
    pub(crate) told_by_a_write: u32,
    taken: BTreeSet<(Process, usize, u32, u64)>,
    highest: BTreeMap<usize, (u64, Process)>,
}

impl Judge {
    pub(crate) fn begins(&mut self, post: Post, took_ms: u64, stops: u32) {
        if took_ms > STEP_MS {
            let count = self.in_flight.entry((post.relay, post.call)).or_default();
            *count += 1;
            if *count > stops {
                self.faults.push(format!("{post:?}: more posts in flight than stops"));
            }
            return;
        }
        self.posts.push(post);
        let highest = self.highest.entry(post.call).or_insert((post.fence, post.relay));
        if post.fence < highest.0 {
            self.faults.push(format!("{post:?} after {highest:?} had spoken"));
        }
        if post.fence == highest.0 && post.relay != highest.1 {
            self.faults.push(format!("{post:?} with the fence of {highest:?}"));
        }
        *highest = (*highest).max((post.fence, post.relay));
    }

    pub(crate) fn takes(&mut self, relay: Process, frame: &Frame) {
        self.taken.insert((relay, frame.call, frame.stream, frame.number));
    }

    pub(crate) fn has_taken(&self, relay: Process, frame: &Frame) -> bool {
        self.taken.contains(&(relay, frame.call, frame.stream, frame.number))
    }

    /// The longest time in which nobody began a post for this call.
    pub(crate) fn longest_silence(&self, call: usize, from: u64, until: u64) -> u64 {
        let begun = self.posts.iter().filter(|post| post.call == call && (from..until).contains(&post.at));
        let moments: Vec<u64> = [from].into_iter().chain(begun.map(|post| post.at)).chain([until]).collect();
        moments.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(0)
    }

    pub(crate) fn speakers(&self, call: usize, from: u64) -> Vec<Process> {
        let mut speakers: Vec<Process> =
            self.posts.iter().filter(|post| post.call == call && post.at >= from).map(|post| post.relay).collect();
        speakers.sort();
        speakers.dedup();
        speakers
    }
}
