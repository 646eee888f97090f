//! Carries out the plan: looks who has which call, breaks what the plan says, and notes when and whom it met.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use functions::adapters::dynamo::Store;
use futures_util::future::join_all;
use shared::ids::{CallSid, RelayId};
use shared::ports::{ReadCall as _, ReadHistory as _};
use tokio::task::JoinSet;

use super::calls::Active;
use super::house::House;
use super::plan::{Fault, Planned};
use super::verdict::Hit;
use crate::cloud::TABLE;

/// A relay may take so long to come back before a fault is given up.
const LONGEST_WAIT: Duration = Duration::from_secs(20);
/// And it may be so long until somebody speaks with the model.
const LONGEST_LULL: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(100);
/// After a relay was replaced, before the next one is told to go.
const SETTLE: Duration = Duration::from_secs(4);

/// What was done, and what was not.
#[derive(Debug, Default)]
pub(super) struct Done {
    pub(super) hits: Vec<Hit>,
    pub(super) skipped: Vec<String>,
}

#[derive(Debug)]
pub(super) struct Breaker<'a> {
    house: &'a House,
    store: Store,
    active: Active,
    relays: usize,
    frozen_until: BTreeMap<usize, Instant>,
    thaws: JoinSet<()>,
    done: Done,
}

impl<'a> Breaker<'a> {
    pub(super) fn new(house: &'a House, active: Active, relays: usize) -> Self {
        let store = Store::new(house.cloud.calm_dynamodb(), TABLE);
        let (frozen_until, thaws) = (BTreeMap::new(), JoinSet::new());
        Self { house, store, active, relays, frozen_until, thaws, done: Done::default() }
    }

    /// From the first fault to the last.
    pub(super) async fn carry_out(mut self, plan: &[Planned], began: Instant) -> Done {
        for planned in plan {
            tokio::time::sleep_until((began + planned.at).into()).await;
            if let Err(why) = self.happen(planned.fault).await {
                self.done.skipped.push(format!("{}: {why}", planned.fault));
            }
        }
        self.thaws.join_all().await;
        if let Some(weather) = self.house.cloud.weather() {
            weather.dynamodb.clear();
            weather.s3.clear();
        }
        self.done
    }

    async fn happen(&mut self, fault: Fault) -> Result<(), String> {
        let cloud = &self.house.cloud;
        match fault {
            Fault::Kill { relay } => {
                self.spare_the_last(relay).await?;
                self.signal(fault, relay, "KILL").await?;
            }
            Fault::Freeze { relay, length } => {
                self.spare_the_last(relay).await?;
                self.freeze(fault, relay, length).await?;
            }
            Fault::Roll { relay } => self.roll(relay).await?,
            Fault::EndProcess { function, pick } => {
                let pids = cloud.functions().get(function).map(|function| function.pids()).unwrap_or_default();
                let pid = chosen(&pids, pick).ok_or("it has no process")?;
                self.met(fault, None);
                self.house.cloud.kill_process(pid).await.map_err(|error| error.to_string())?;
            }
            Fault::DropModel { pick } => {
                let session = self.session(pick).await.ok_or("no session is open")?;
                self.met(fault, None);
                self.house.model.drop_session(session);
            }
            Fault::StallModel { pick, length } => {
                let session = self.session(pick).await.ok_or("no session is open")?;
                self.met(fault, None);
                self.house.model.stall_session(session, length);
            }
            Fault::DynamoDb { trouble, length } => {
                cloud.weather().ok_or("there is no weather")?.dynamodb.bring(trouble, length);
                self.met(fault, None);
            }
            Fault::S3 { trouble, length } => {
                cloud.weather().ok_or("there is no weather")?.s3.bring(trouble, length);
                self.met(fault, None);
            }
            Fault::Jump { relay, seconds } => {
                // What cannot be had here is said once, and is not a plan that failed.
                if self.house.set_clock(relay, seconds) {
                    self.met(fault, Some(Vec::new()));
                }
            }
        }
        Ok(())
    }

    /// One of the sessions that are open; there may be none for a moment.
    async fn session(&self, pick: u64) -> Option<u32> {
        let patience = Instant::now() + LONGEST_LULL;
        loop {
            let session = chosen(&self.house.model.open(), pick);
            if session.is_some() || Instant::now() >= patience {
                return session;
            }
            tokio::time::sleep(POLL).await;
        }
    }

    fn met(&mut self, fault: Fault, calls: Option<Vec<String>>) {
        self.done.hits.push(Hit { at: Instant::now(), fault, calls });
    }

    async fn signal(&mut self, fault: Fault, relay: usize, name: &str) -> Result<(), String> {
        let calls = self.calls_of(relay).await;
        // Before the signal: then a gap is rather too long than too short.
        self.met(fault, Some(calls));
        self.house.cloud.signal_relay(relay, name).await.map_err(|error| error.to_string())
    }

    async fn freeze(&mut self, fault: Fault, relay: usize, length: Duration) -> Result<(), String> {
        let pid = self.house.cloud.relay_pid(relay).ok_or("it is gone")?;
        self.signal(fault, relay, "STOP").await?;
        let until = Instant::now() + length;
        self.frozen_until.insert(relay, until);
        self.thaws.spawn(async move {
            tokio::time::sleep_until(until.into()).await;
            if let Err(error) = crate::cloud::signal(pid, "CONT").await {
                tracing::error!(pid, %error, "a relay stays frozen");
            }
        });
        Ok(())
    }

    /// Waits until another relay than this one is well, and this one is there.
    async fn spare_the_last(&self, relay: usize) -> Result<(), String> {
        let patience = Instant::now() + LONGEST_WAIT;
        while !self.is_well(relay) || !(0..self.relays).any(|other| other != relay && self.is_well(other)) {
            if Instant::now() >= patience {
                return Err("it would have been the last one".to_owned());
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    fn is_well(&self, relay: usize) -> bool {
        let thawed = self.frozen_until.get(&relay).is_none_or(|until| Instant::now() >= *until);
        thawed && self.house.cloud.relay_pid(relay).is_some()
    }

    /// A relay is told to go; each of its calls is met when it changes hands. Returns when another one is there.
    async fn roll(&mut self, relay: usize) -> Result<(), String> {
        let cloud = &self.house.cloud;
        let before = cloud.relay_pid(relay).ok_or("it is not there")?;
        let (id, _) =
            self.holders().await.into_iter().find(|(_, slot)| *slot == relay).ok_or("it is not registered")?;
        let mut mine = self.calls_of(relay).await;
        cloud.signal_relay(relay, "TERM").await.map_err(|error| error.to_string())?;
        let mut looked = Instant::now();
        let patience = looked + LONGEST_WAIT * 3;
        while !mine.is_empty() || cloud.relay_pid(relay).is_none_or(|pid| pid == before) {
            if Instant::now() >= patience {
                return Err("it was not replaced in time".to_owned());
            }
            tokio::time::sleep(POLL).await;
            let gone = cloud.relay_pid(relay) != Some(before);
            let (mut kept, active) = (Vec::new(), self.active.sids());
            for sid in mine {
                if self.holder(&sid).await.as_ref() == Some(&id) && !gone {
                    kept.push(sid);
                } else if active.contains(&sid) {
                    self.done.hits.push(Hit { at: looked, fault: Fault::Roll { relay }, calls: Some(vec![sid]) });
                }
            }
            mine = kept;
            looked = Instant::now();
        }
        tokio::time::sleep(SETTLE).await;
        Ok(())
    }

    /// The calls that a relay has a lease for.
    async fn calls_of(&self, relay: usize) -> Vec<String> {
        let holders = self.holders().await;
        let sids = self.active.sids();
        let held = join_all(sids.iter().map(|sid| self.holder(sid))).await;
        let mine =
            sids.into_iter().zip(held).filter(|(_, id)| id.as_ref().and_then(|id| holders.get(id)) == Some(&relay));
        mine.map(|(sid, _)| sid).collect()
    }

    async fn holder(&self, sid: &str) -> Option<RelayId> {
        Some(self.store.lease(&CallSid::from(sid)).await.ok()??.relay)
    }

    /// Which process goes by which id: they register their addresses.
    async fn holders(&self) -> BTreeMap<RelayId, usize> {
        let relays = self.store.relays().await.unwrap_or_default();
        let slot = |address: &str| {
            (0..self.relays).find(|slot| self.house.cloud.relay_url(*slot).is_some_and(|url| url == address))
        };
        relays
            .into_iter()
            .filter_map(|relay| Some((relay.id, slot(relay.address.as_str().trim_end_matches('/'))?)))
            .collect()
    }
}

fn chosen<T: Copy>(from: &[T], pick: u64) -> Option<T> {
    let place = pick.checked_rem(from.len() as u64)?;
    from.get(usize::try_from(place).ok()?).copied()
}
