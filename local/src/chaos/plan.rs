//! What goes wrong, and when: drawn from a seed before anything begins, so that it can be printed and happen again.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::cloud::Trouble;

/// The first calls are through their greeting by then.
const FIRST: Duration = Duration::from_secs(6);
/// Between two relays that are killed or frozen.
pub const SPACING: Duration = Duration::from_secs(2);
/// A relay that was killed is there again by then, at the latest as far as the plan goes.
const RESTART: Duration = Duration::from_secs(5);
/// Times between the faults of a kind, on average.
const LAMBDA_EVERY: Duration = Duration::from_secs(12);
const MODEL_EVERY: Duration = Duration::from_secs(12);
const STORE_EVERY: Duration = Duration::from_secs(25);
const CLOCK_EVERY: Duration = Duration::from_secs(40);

/// Functions that may lose a process, the busiest more often.
const FUNCTIONS: [&str; 6] = ["ws-default", "ws-default", "ws-default", "tool-call", "twiml", "api"];

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `kill -9` a relay.
    Kill,
    /// SIGSTOP a relay, and SIGCONT.
    Stop,
    /// `kill -9` a process of a function.
    Lambda,
    /// A session with the model drops, or stalls.
    Model,
    /// DynamoDB and S3 fail, throttle, are slow.
    Store,
    /// Callers' frames arrive doubled and out of order.
    Frames,
    /// The wall clock of a relay jumps.
    Clock,
    /// A relay has next to no disk.
    Disk,
}

pub const ALL: [Kind; 8] =
    [Kind::Kill, Kind::Stop, Kind::Lambda, Kind::Model, Kind::Store, Kind::Frames, Kind::Clock, Kind::Disk];

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kill => "kill",
            Self::Stop => "stop",
            Self::Lambda => "lambda",
            Self::Model => "model",
            Self::Store => "store",
            Self::Frames => "frames",
            Self::Clock => "clock",
            Self::Disk => "disk",
        })
    }
}

/// `all`, `none`, or kinds with commas between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kinds(pub BTreeSet<Kind>);

impl Kinds {
    pub fn has(&self, kind: Kind) -> bool {
        self.0.contains(&kind)
    }
}

impl FromStr for Kinds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let kind = |word: &str| {
            let known = ALL.into_iter().find(|kind| kind.to_string() == word);
            known.ok_or_else(|| format!("`{word}` is no fault: all, none, or of {}", list(&ALL)))
        };
        match text {
            "all" => Ok(Self(ALL.into())),
            "none" | "" => Ok(Self(BTreeSet::new())),
            _ => text.split(',').map(|word| kind(word.trim())).collect::<Result<_, _>>().map(Self),
        }
    }
}

impl fmt::Display for Kinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds: Vec<Kind> = self.0.iter().copied().collect();
        f.write_str(&if kinds.is_empty() { "none".to_owned() } else { list(&kinds) })
    }
}

fn list(kinds: &[Kind]) -> String {
    kinds.iter().map(Kind::to_string).collect::<Vec<_>>().join(",")
}

/// One thing that goes wrong. Relays and functions are named; sessions are drawn when it is time, by `pick`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    Kill {
        relay: usize,
    },
    Freeze {
        relay: usize,
        length: Duration,
    },
    EndProcess {
        function: &'static str,
        pick: u64,
    },
    DropModel {
        pick: u64,
    },
    StallModel {
        pick: u64,
        length: Duration,
    },
    DynamoDb {
        trouble: Trouble,
        length: Duration,
    },
    S3 {
        trouble: Trouble,
        length: Duration,
    },
    Jump {
        relay: usize,
        seconds: i64,
    },
    /// SIGTERM, and the next one only when the replacement is up.
    Roll {
        relay: usize,
    },
}

impl Fault {
    /// The relay that it happens to.
    pub fn relay(&self) -> Option<usize> {
        match self {
            Self::Kill { relay } | Self::Freeze { relay, .. } | Self::Jump { relay, .. } | Self::Roll { relay } => {
                Some(*relay)
            }
            _ => None,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kill { relay } => write!(f, "kill -9 relay {relay}"),
            Self::Freeze { relay, length } => write!(f, "stop relay {relay} for {} ms", length.as_millis()),
            Self::EndProcess { function, .. } => write!(f, "kill -9 a process of {function}"),
            Self::DropModel { .. } => write!(f, "drop a session with the model"),
            Self::StallModel { length, .. } => {
                write!(f, "stall a session with the model for {} ms", length.as_millis())
            }
            Self::DynamoDb { trouble, length } => {
                write!(f, "DynamoDB {} for {} ms", name(*trouble), length.as_millis())
            }
            Self::S3 { trouble, length } => write!(f, "S3 {} for {} ms", name(*trouble), length.as_millis()),
            Self::Jump { relay, seconds } => write!(f, "the clock of relay {relay} jumps by {seconds} s"),
            Self::Roll { relay } => write!(f, "SIGTERM relay {relay}"),
        }
    }
}

fn name(trouble: Trouble) -> String {
    match trouble {
        Trouble::Throttled => "throttles".to_owned(),
        Trouble::Broken => "answers 500".to_owned(),
        Trouble::Slow(by) => format!("is slower by {} ms", by.as_millis()),
    }
}

/// A fault and its time, counted from the first call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Planned {
    pub at: Duration,
    pub fault: Fault,
}

/// What a plan is drawn from.
#[derive(Debug, Clone)]
pub struct Wanted {
    pub seed: u64,
    pub relays: usize,
    pub kills: usize,
    pub kinds: Kinds,
    /// How long calls will come.
    pub length: Duration,
}

/// Draws a plan. Each kind has dice of its own, so that leaving one out changes no other.
pub fn draw(wanted: &Wanted) -> Vec<Planned> {
    let mut plan = relays(wanted);
    let mut add = |kind: Kind, every: Duration, fault: fn(&mut fastrand::Rng, usize) -> Fault| {
        if wanted.kinds.has(kind) {
            plan.extend(others(wanted, kind, every, fault));
        }
    };
    add(Kind::Lambda, LAMBDA_EVERY, |dice, _| Fault::EndProcess {
        function: dice.choice(FUNCTIONS).unwrap_or("ws-default"),
        pick: dice.u64(..),
    });
    add(Kind::Model, MODEL_EVERY, |dice, number| match number % 2 {
        0 => Fault::DropModel { pick: dice.u64(..) },
        _ => Fault::StallModel { pick: dice.u64(..), length: millis(dice, 500..2_500) },
    });
    add(Kind::Store, STORE_EVERY, |dice, number| {
        let (trouble, length) = (trouble(dice), millis(dice, 500..5_000));
        if number % 2 == 0 { Fault::DynamoDb { trouble, length } } else { Fault::S3 { trouble, length } }
    });
    if wanted.relays > 0 {
        let mut jumps = Vec::new();
        if wanted.kinds.has(Kind::Clock) {
            jumps = others(wanted, Kind::Clock, CLOCK_EVERY, |dice, _| Fault::Jump {
                relay: dice.usize(..),
                seconds: i64::from(dice.i32(20..240)) * if dice.bool() { 1 } else { -1 },
            });
        }
        plan.extend(jumps.into_iter().map(|jump| within(jump, wanted.relays)));
    }
    plan.sort_by_key(|planned| planned.at);
    plan
}

/// One relay after the other, as soon as the one before is replaced.
pub fn roll(relays: usize) -> Vec<Planned> {
    (0..relays).map(|relay| Planned { at: FIRST * 2, fault: Fault::Roll { relay } }).collect()
}

fn within(planned: Planned, relays: usize) -> Planned {
    match planned.fault {
        Fault::Jump { relay, seconds } => Planned { fault: Fault::Jump { relay: relay % relays, seconds }, ..planned },
        _ => planned,
    }
}

/// Kills and freezes: never so many at once that no relay is left.
fn relays(wanted: &Wanted) -> Vec<Planned> {
    let mut dice = fastrand::Rng::with_seed(wanted.seed);
    let kills = if wanted.kinds.has(Kind::Kill) { wanted.kills } else { 0 };
    let stops = if wanted.kinds.has(Kind::Stop) { wanted.kills.div_ceil(2) } else { 0 };
    let count = u32::try_from(kills + stops).unwrap_or(u32::MAX);
    if count == 0 || wanted.relays < 2 {
        return Vec::new();
    }
    let mut deadly: Vec<bool> = (0..kills + stops).map(|number| number < kills).collect();
    dice.shuffle(&mut deadly);
    let every = (wanted.length.saturating_sub(FIRST) / count).max(SPACING);
    let mut away = vec![Duration::ZERO; wanted.relays];
    let mut plan = Vec::new();
    let mut at = FIRST;
    for (number, deadly) in (0..count).zip(deadly) {
        let slot = FIRST + every * number + dice_within(&mut dice, every - SPACING);
        at = if plan.is_empty() { slot } else { slot.max(at + SPACING) };
        let Some((relay, free_at)) = victim(&mut dice, &away, at) else { continue };
        at = free_at;
        let length = millis(&mut dice, 300..4_000);
        let fault = if deadly { Fault::Kill { relay } } else { Fault::Freeze { relay, length } };
        if let Some(away) = away.get_mut(relay) {
            *away = at + if deadly { RESTART } else { length + Duration::from_secs(1) };
        }
        plan.push(Planned { at, fault });
    }
    plan
}

/// A relay that is there, and is not the only one; and when that is so.
fn victim(dice: &mut fastrand::Rng, away: &[Duration], at: Duration) -> Option<(usize, Duration)> {
    let mut until: Vec<Duration> = away.to_vec();
    until.sort_unstable();
    // When two are there: the second of the earliest.
    let at = at.max(*until.get(1)?);
    let there: Vec<usize> =
        (0..away.len()).filter(|relay| away.get(*relay).is_some_and(|until| *until <= at)).collect();
    dice.choice(there).map(|relay| (relay, at))
}

fn others(wanted: &Wanted, kind: Kind, every: Duration, fault: fn(&mut fastrand::Rng, usize) -> Fault) -> Vec<Planned> {
    let mut dice = fastrand::Rng::with_seed(wanted.seed ^ (kind as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let room = wanted.length.saturating_sub(FIRST);
    let count = (room.as_secs() / every.as_secs()).max(2);
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let planned = |number| {
        let at = FIRST + dice_within(&mut dice, room);
        Planned { at, fault: fault(&mut dice, number) }
    };
    (0..count).map(planned).collect()
}

fn trouble(dice: &mut fastrand::Rng) -> Trouble {
    match dice.u32(0..3) {
        0 => Trouble::Throttled,
        1 => Trouble::Broken,
        _ => Trouble::Slow(millis(dice, 100..1_500)),
    }
}

fn millis(dice: &mut fastrand::Rng, range: std::ops::Range<u64>) -> Duration {
    Duration::from_millis(dice.u64(range))
}

fn dice_within(dice: &mut fastrand::Rng, length: Duration) -> Duration {
    let length = u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
    millis(dice, 0..length.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(seed: u64, relays: usize, kills: usize, kinds: &str, seconds: u64) -> Wanted {
        Wanted { seed, relays, kills, kinds: kinds.parse().unwrap(), length: Duration::from_secs(seconds) }
    }

    fn count(plan: &[Planned], wanted: fn(&Fault) -> bool) -> usize {
        plan.iter().filter(|planned| wanted(&planned.fault)).count()
    }

    #[test]
    fn the_same_seed_draws_the_same_plan_and_another_does_not() {
        let plan = draw(&wanted(7, 3, 30, "all", 250));
        assert_eq!(plan, draw(&wanted(7, 3, 30, "all", 250)));
        assert_ne!(plan, draw(&wanted(8, 3, 30, "all", 250)));
        assert!(plan.is_sorted_by_key(|planned| planned.at));
    }

    #[test]
    fn every_kind_that_is_wanted_happens_and_no_other() {
        let plan = draw(&wanted(1, 3, 30, "all", 250));
        assert_eq!(count(&plan, |fault| matches!(fault, Fault::Kill { .. })), 30);
        assert_eq!(count(&plan, |fault| matches!(fault, Fault::Freeze { .. })), 15);
        for present in [
            |fault: &Fault| matches!(fault, Fault::EndProcess { .. }),
            |fault: &Fault| matches!(fault, Fault::DropModel { .. }),
            |fault: &Fault| matches!(fault, Fault::StallModel { .. }),
            |fault: &Fault| matches!(fault, Fault::DynamoDb { .. }),
            |fault: &Fault| matches!(fault, Fault::S3 { .. }),
            |fault: &Fault| matches!(fault, Fault::Jump { .. }),
        ] {
            assert!(count(&plan, present) > 0);
        }
        let few = draw(&wanted(1, 3, 30, "model", 250));
        assert!(few.iter().all(|planned| matches!(planned.fault, Fault::DropModel { .. } | Fault::StallModel { .. })));
        assert!(few.iter().all(|planned| plan.contains(planned)), "leaving kinds out changes no other");
        assert_eq!(draw(&wanted(1, 3, 30, "none", 250)), []);
    }

    #[test]
    fn relays_go_one_at_a_time_and_never_the_last_one() {
        for seed in 0..200 {
            for (relays, seconds) in [(2, 100), (3, 60), (3, 250), (5, 300)] {
                let plan = draw(&wanted(seed, relays, 30, "kill,stop", seconds));
                let mut away = vec![Duration::ZERO; relays];
                let mut before: Option<Duration> = None;
                for Planned { at, fault } in &plan {
                    assert!(before.is_none_or(|before| *at - before >= SPACING), "{seed}: {plan:?}");
                    before = Some(*at);
                    let relay = fault.relay().unwrap();
                    assert!(away[relay] <= *at, "{seed}: it is away already");
                    away[relay] = *at + if let Fault::Freeze { length, .. } = fault { *length } else { RESTART };
                    assert!(away.iter().any(|until| until <= at), "{seed}: nobody is left at {at:?}");
                }
            }
        }
    }

    #[test]
    fn one_relay_alone_is_spared() {
        assert_eq!(draw(&wanted(1, 1, 30, "kill,stop", 100)), []);
    }

    #[test]
    fn a_plan_keeps_to_its_time() {
        let plan = draw(&wanted(3, 3, 30, "all", 250));
        assert!(plan.iter().all(|planned| planned.at >= FIRST && planned.at < Duration::from_secs(270)));
    }

    #[test]
    fn kinds_are_read_and_written() {
        assert_eq!("kill, model".parse::<Kinds>().unwrap().to_string(), "kill,model");
        assert_eq!("all".parse::<Kinds>().unwrap().0.len(), ALL.len());
        assert_eq!("none".parse::<Kinds>().unwrap().to_string(), "none");
        assert!("sabotage".parse::<Kinds>().is_err());
    }
}
