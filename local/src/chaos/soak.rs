//! Whether relays hold more and more: memory and file handles, sampled while calls come and go.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::machine::Holds;
use super::verdict::{Claim, Failure};

/// Between two samples.
pub(super) const EVERY: Duration = Duration::from_secs(1);
/// More than this is not flat: of the memory, on top of what an allocator keeps.
const GROWTH_PERCENT: u64 = 10;
const SLACK_BYTES: u64 = 8 << 20;
/// File handles come and go with calls.
const SLACK_FILES: usize = 12;
/// After a run with faults: what a relay may hold more than an idle one that has just begun.
const MOST_MORE_BYTES: u64 = 64 << 20;
const MOST_MORE_FILES: usize = 40;

/// What one process held, in time.
#[derive(Debug, Clone, Default)]
pub(super) struct Samples(BTreeMap<usize, Vec<(Instant, u32, Holds)>>);

/// Of a relay, the middle of the first third and of the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Course {
    pub(super) relay: usize,
    pub(super) first: Holds,
    pub(super) last: Holds,
}

impl Samples {
    /// A sample of each relay that is there.
    pub(super) fn take(&mut self, pids: impl Iterator<Item = (usize, u32)>) {
        for (relay, pid) in pids {
            if let Some(holds) = Holds::of(pid) {
                self.0.entry(relay).or_default().push((Instant::now(), pid, holds));
            }
        }
    }

    /// Of each relay's last process. The first tenth, in which everything is used for the first time, does not count.
    pub(super) fn courses(&self) -> Vec<Course> {
        self.0.iter().filter_map(|(relay, samples)| course(*relay, samples)).collect()
    }

    /// The first and the last sample of each relay, whichever process that was.
    pub(super) fn ends(&self) -> Vec<Course> {
        let end = |(relay, samples): (&usize, &Vec<(Instant, u32, Holds)>)| {
            Some(Course { relay: *relay, first: samples.first()?.2, last: samples.last()?.2 })
        };
        self.0.iter().filter_map(end).collect()
    }
}

fn course(relay: usize, samples: &[(Instant, u32, Holds)]) -> Option<Course> {
    let (_, pid, _) = samples.last()?;
    let holds: Vec<Holds> = samples.iter().filter(|(_, of, _)| of == pid).map(|(.., holds)| *holds).collect();
    let settled = holds.get(holds.len() / 10..)?;
    let third = settled.len().div_ceil(3);
    Some(Course { relay, first: middle(settled.get(..third)?), last: middle(settled.get(settled.len() - third..)?) })
}

fn middle(holds: &[Holds]) -> Holds {
    let median = |of: fn(&Holds) -> u64| {
        let mut values: Vec<u64> = holds.iter().map(of).collect();
        values.sort_unstable();
        values.get(values.len() / 2).copied().unwrap_or_default()
    };
    let files = median(|holds| holds.files as u64);
    Holds { memory_bytes: median(|holds| holds.memory_bytes), files: usize::try_from(files).unwrap_or(usize::MAX) }
}

/// While calls come and go, nothing grows.
pub(super) fn flat(courses: &[Course]) -> Vec<Failure> {
    let grows = |course: &&Course| {
        let most = course.first.memory_bytes + course.first.memory_bytes * GROWTH_PERCENT / 100 + SLACK_BYTES;
        course.last.memory_bytes > most || course.last.files > course.first.files + SLACK_FILES
    };
    courses.iter().filter(grows).map(failure).collect()
}

/// When all calls are over, nothing of them is left.
pub(super) fn given_back(ends: &[Course]) -> Vec<Failure> {
    let holds_on = |course: &&Course| {
        course.last.memory_bytes > course.first.memory_bytes + MOST_MORE_BYTES
            || course.last.files > course.first.files + MOST_MORE_FILES
    };
    ends.iter().filter(holds_on).map(failure).collect()
}

fn failure(course: &Course) -> Failure {
    Failure { claim: Claim::Memory, call: None, what: describe(course) }
}

pub(super) fn describe(course: &Course) -> String {
    let Course { relay, first, last } = course;
    let mib = |bytes: u64| bytes >> 20;
    format!(
        "relay {relay}: {} → {} MiB, {} → {} file handles",
        mib(first.memory_bytes),
        mib(last.memory_bytes),
        first.files,
        last.files
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(memory_mib: impl Iterator<Item = u64>, files: usize) -> Vec<(Instant, u32, Holds)> {
        memory_mib.map(|mib| (Instant::now(), 1, Holds { memory_bytes: mib << 20, files })).collect()
    }

    #[test]
    fn what_rises_and_falls_is_flat_and_what_grows_is_not() {
        let waves = course(0, &samples((0..300).map(|at| 50 + at % 7), 30)).unwrap();
        assert_eq!(flat(&[waves]), []);
        let leak = course(0, &samples((0..300).map(|at| 50 + at / 10), 30)).unwrap();
        assert_eq!(flat(&[leak]).len(), 1);
        let handles = Course { last: Holds { files: 60, ..waves.last }, ..waves };
        assert_eq!(flat(&[handles]).len(), 1);
    }

    #[test]
    fn the_beginning_does_not_count_and_another_process_neither() {
        let warm = samples((0..300).map(|at| if at < 20 { 20 } else { 60 }), 30);
        assert_eq!(flat(&[course(0, &warm).unwrap()]), []);
        let mut restarted = samples((0..100).map(|_| 10), 30);
        restarted.extend(samples((0..300).map(|_| 60), 30).into_iter().map(|(at, _, holds)| (at, 2, holds)));
        assert_eq!(flat(&[course(0, &restarted).unwrap()]), []);
    }

    #[test]
    fn what_is_held_after_the_calls_is_noticed() {
        let holds = |mib: u64, files| Holds { memory_bytes: mib << 20, files };
        let end = |last| Course { relay: 1, first: holds(30, 20), last };
        assert_eq!(given_back(&[end(holds(60, 30))]), []);
        assert_eq!(given_back(&[end(holds(120, 30)), end(holds(30, 100))]).len(), 2);
    }
}
