//! What a network does to the caller's frames: lost, doubled, swapped, late. With a seed, so that it happens again.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

/// Late frames are this many ticks late: 200 ms.
const LATE_TICKS: u64 = 10;

/// How often what goes wrong. Rates are shares of the media frames, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Faults {
    pub lost: f64,
    pub duplicated: f64,
    /// Sent after the next frame.
    pub reordered: f64,
    pub late: f64,
    pub seed: u64,
    /// Hangs up without `stop` and without a close frame.
    pub abrupt: bool,
    /// The first stream's socket breaks after this long; the call goes on with the next verb.
    pub breaks_after: Option<Duration>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no fault: lost=R, duplicated=R, reordered=R, late=R (R from 0 to 1), seed=N, abrupt, break=SECONDS")]
pub struct NoFault(String);

/// `lost=0.01,reordered=0.05,seed=7,abrupt`.
impl FromStr for Faults {
    type Err = NoFault;

    fn from_str(text: &str) -> Result<Self, NoFault> {
        let mut faults = Self::default();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            faults.set(part).ok_or_else(|| NoFault(part.to_owned()))?;
        }
        Ok(faults)
    }
}

impl Faults {
    fn set(&mut self, part: &str) -> Option<()> {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let rate = || value.parse().ok().filter(|rate| (0.0..=1.0).contains(rate));
        match name {
            "lost" => self.lost = rate()?,
            "duplicated" => self.duplicated = rate()?,
            "reordered" => self.reordered = rate()?,
            "late" => self.late = rate()?,
            "seed" => self.seed = value.parse().ok()?,
            "break" => self.breaks_after = Some(Duration::try_from_secs_f64(value.parse().ok()?).ok()?),
            "abrupt" if value.is_empty() => self.abrupt = true,
            _ => return None,
        }
        Some(())
    }
}

/// Frames on their way through a bad network.
#[derive(Debug)]
pub struct Network {
    faults: Faults,
    dice: fastrand::Rng,
    tick: u64,
    held: BTreeMap<(u64, u64), String>,
    frames: u64,
}

impl Network {
    pub fn new(faults: Faults) -> Self {
        Self { faults, dice: fastrand::Rng::with_seed(faults.seed), tick: 0, held: BTreeMap::new(), frames: 0 }
    }

    /// One frame goes in each tick; what comes out now, in the order in which it arrives.
    pub fn carry(&mut self, frame: String) -> Vec<String> {
        self.tick += 1;
        self.frames += 1;
        let mut out = Vec::with_capacity(1);
        let fate = self.dice.f64();
        let Faults { lost, duplicated, reordered, late, .. } = self.faults;
        if fate < lost {
        } else if fate < lost + duplicated {
            out.extend([frame.clone(), frame]);
        } else if fate < lost + duplicated + reordered {
            self.held.insert((self.tick + 1, self.frames), frame);
        } else if fate < lost + duplicated + reordered + late {
            self.held.insert((self.tick + LATE_TICKS, self.frames), frame);
        } else {
            out.push(frame);
        }
        out.extend(self.due());
        out
    }

    /// What is still on its way.
    pub fn drain(&mut self) -> Vec<String> {
        std::mem::take(&mut self.held).into_values().collect()
    }

    fn due(&mut self) -> Vec<String> {
        let later = self.held.split_off(&(self.tick + 1, 0));
        let mut due = std::mem::replace(&mut self.held, later);
        // What was held back in this very tick is not due in it.
        let fresh = due.split_off(&(self.tick + 1, 0));
        self.held.extend(fresh);
        due.into_values().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn carried(faults: &str, frames: u64) -> Vec<u64> {
        let mut network = Network::new(faults.parse().unwrap());
        let mut out: Vec<String> = (0..frames).flat_map(|frame| network.carry(frame.to_string())).collect();
        out.extend(network.drain());
        out.iter().map(|frame| frame.parse().unwrap()).collect()
    }

    #[test]
    fn a_good_network_changes_nothing() {
        assert_eq!(carried("", 100), (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn every_fault_does_what_it_says() {
        assert!((50..150).contains(&(1_000 - carried("lost=0.1", 1_000).len())));
        assert!((50..150).contains(&(carried("duplicated=0.1", 1_000).len() - 1_000)));
        for (faults, farthest) in [("reordered=0.2,seed=3", 2), ("late=0.05", LATE_TICKS + 1)] {
            let mut frames = carried(faults, 1_000);
            let lag = frames.iter().enumerate().map(|(at, &frame)| (at as u64).saturating_sub(frame)).max().unwrap();
            assert!((1..=farthest).contains(&lag), "{faults}: {lag}");
            frames.sort_unstable();
            assert_eq!(frames, (0..1_000).collect::<Vec<_>>(), "{faults}: nothing is lost");
        }
    }

    #[test]
    fn the_same_seed_does_the_same() {
        assert_eq!(carried("lost=0.3,late=0.1,seed=5", 200), carried("lost=0.3,late=0.1,seed=5", 200));
        assert_ne!(carried("lost=0.3,seed=5", 200), carried("lost=0.3,seed=6", 200));
    }

    #[test]
    fn what_is_no_fault_is_refused() {
        for text in ["lost=2", "lost", "abrupt=1", "slow=0.1", "break=-1"] {
            assert!(text.parse::<Faults>().is_err(), "{text}");
        }
        assert_eq!("break=2.5,abrupt".parse::<Faults>().unwrap().breaks_after, Some(Duration::from_millis(2_500)));
    }
}
