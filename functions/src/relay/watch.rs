//! Looks after the calls of relays that have fallen silent without a frame to tell: on the direct path the caller's socket
//! ends in the relay that hangs, and stays open. Such a relay is deposed, its calls are called back by their carrier (which
//! leaves the stream and asks `/twiml/resume`, where another relay takes them), and it is taken off the list.
//!
//! On the gateway path each of a call's frames tells, long before this does.

use std::sync::Arc;
use std::time::Duration;

use shared::calls::{HEARTBEAT_EXPIRES_MS, MediaPath};
use shared::ids::{CallSid, RelayId};
use shared::ports::{
    Clock as _, Holdings as _, PortResult, Pulses as _, ReadCall as _, ReadHistory as _, Relays as _, Telephony as _,
};
use shared::twilio::twiml;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::calls::{Calls, Common};
use super::doors::Doors;

const LOOK_EVERY: Duration = Duration::from_secs(5);

/// `resume` is where the carrier asks what to do with a call that has lost its stream.
pub async fn run<D: Doors>(calls: Arc<Calls<D>>, resume: Url, stop: CancellationToken) {
    let mut looks = tokio::time::interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while stop.run_until_cancelled(looks.tick()).await.is_some() {
        if let Err(error) = look(calls.common(), &resume).await {
            tracing::debug!(%error, "relays are not looked after just now");
        }
    }
}

async fn look<D: Doors>(common: &Common<D>, resume: &Url) -> PortResult<()> {
    let now = common.ports.clock.unix_ms();
    for relay in common.ports.store.relays().await? {
        let silent_ms = now.saturating_sub(relay.heartbeat_at_ms);
        // A relay that was stopped in an orderly way has taken itself off.
        if relay.id != common.me.relay && silent_ms >= HEARTBEAT_EXPIRES_MS {
            bury(common, &relay.id, resume).await?;
        }
    }
    Ok(())
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
