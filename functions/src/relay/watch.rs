//! Looks after the calls of relays that have fallen silent without a frame to tell: on the direct path the caller's socket
//! ends in the relay that hangs, and stays open. Such a relay is deposed, its calls are called back by their carrier (which
//! leaves the stream and asks `/twiml/resume`, where another relay takes them), and it is taken off the list.
//!
//! On the gateway path each of a call's frames tells, long before this does.
//!
//! Whether a heartbeat stands still is seen, not computed from what it says: no clock is trusted, not even one's own.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use shared::calls::MediaPath;
use shared::ids::{CallSid, RelayId};
use shared::ports::{
    Holdings as _, PortResult, Pulses as _, ReadCall as _, ReadHistory as _, Relays as _, Telephony as _,
};
use shared::twilio::twiml;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::calls::{Calls, Common};
use super::doors::Doors;

/// Of the time after which a relay counts as silent.
const LOOKS: u32 = 3;

/// `resume` is where the carrier asks what to do with a call that has lost its stream.
pub async fn run<D: Doors>(calls: Arc<Calls<D>>, resume: Url, silent_for: Duration, stop: CancellationToken) {
    let common = calls.common();
    let mut beats = Beats::default();
    let mut looks = tokio::time::interval(silent_for / LOOKS);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while stop.run_until_cancelled(looks.tick()).await.is_some() {
        if let Err(error) = look(common, &mut beats, &resume, silent_for).await {
            tracing::debug!(%error, "relays are not looked after just now");
        }
    }
}

async fn look<D: Doors>(common: &Common<D>, beats: &mut Beats, resume: &Url, silent_for: Duration) -> PortResult<()> {
    let relays = common.ports.store.relays().await?;
    beats.feel(relays.iter().map(|relay| (&relay.id, relay.heartbeat_at_ms)), Instant::now());
    // A relay that was stopped in an orderly way has taken itself off.
    for relay in relays.iter().map(|relay| &relay.id).filter(|id| **id != common.me.relay) {
        if beats.since(relay).is_some_and(|since| since.elapsed() >= silent_for) {
            bury(common, relay, resume).await?;
        }
    }
    Ok(())
}

/// The last heartbeat of each relay, and when it was seen first.
#[derive(Debug, Default)]
struct Beats(HashMap<RelayId, (u64, Instant)>);

impl Beats {
    fn feel<'a>(&mut self, relays: impl IntoIterator<Item = (&'a RelayId, u64)>, now: Instant) {
        let known = std::mem::take(&mut self.0);
        let since =
            |relay, beat| known.get(relay).filter(|(before, _)| *before == beat).map_or(now, |(_, since)| *since);
        self.0 = relays.into_iter().map(|(relay, beat)| (relay.clone(), (beat, since(relay, beat)))).collect();
    }

    /// When its last heartbeat was seen first.
    fn since(&self, relay: &RelayId) -> Option<Instant> {
        self.0.get(relay).map(|(_, since)| *since)
    }
}

/// Several relays may do this at the same time; each step may be done twice.
async fn bury<D: Doors>(common: &Common<D>, relay: &RelayId, resume: &Url) -> PortResult<()> {
    let store = &common.ports.store;
    if store.depose(relay).await? {
        tracing::error!(code = "relay_lost", %relay);
    }
    for sid in store.held_by(relay).await? {
        call_back(common, relay, &sid, resume).await?;
        store.forget_held(relay, &sid).await?;
    }
    store.deregister(relay).await
}

async fn call_back<D: Doors>(common: &Common<D>, relay: &RelayId, sid: &CallSid, resume: &Url) -> PortResult<()> {
    let Some(call) = common.ports.store.call(sid).await? else { return Ok(()) };
    let still_its = call.status.ended().is_none() && call.lease.is_some_and(|lease| lease.relay == *relay);
    let (true, MediaPath::Direct, Some(telephony)) = (still_its, call.media_path, &common.ports.telephony) else {
        return Ok(());
    };
    tracing::warn!(code = "call_called_back", call = %sid, %relay);
    telephony.instruct(sid, &twiml::Response::new().redirect(resume.as_str())).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relay_lives_while_its_heartbeat_changes_whatever_time_it_names() {
        let (mut beats, begun) = (Beats::default(), Instant::now());
        let at = |seconds| begun + Duration::from_secs(seconds);
        let [alive, hung, new] = ["alive", "hung", "new"].map(RelayId::from);
        beats.feel([(&alive, 90_000), (&hung, 5)], at(0));
        beats.feel([(&alive, 4), (&hung, 5)], at(5));
        beats.feel([(&alive, 90_000), (&hung, 5), (&new, 1)], at(10));
        assert_eq!([&alive, &hung, &new].map(|relay| beats.since(relay)), [Some(at(10)), Some(at(0)), Some(at(10))]);
        beats.feel([(&new, 1)], at(15));
        assert_eq!(beats.since(&hung), None, "who left the list is forgotten");
    }
}
