//! The relay: a long-lived process that holds, for each of its calls, a session between the caller's stream and the
//! model's socket.
//!
//! ```text
//! ws-default ─▶ server ─▶ ┌ driver ────────────┐ ─▶ caller_link ─▶ @connections, or the carrier's socket
//!     carrier ─▶ (frames) │  shared::Session   │ ─▶ model_socket ◀─▶ the model
//!     control ─▶ calls ─▶ └ one task per call ─┘ ─▶ recorder, chronicle, tools; gallery ─▶ who watches
//! ```
//!
//! **Architecture invariant:** calls share nothing but [`calls::Calls`], the table by which they are found, and its
//! lock is held for a look-up. Every queue has a bound and every wait a limit. The audio is never opened: what goes
//! in comes out, byte for byte. No vendor's SDK is named here; [`doors::Doors`] is what the world looks like.

pub mod address;
pub mod caller_link;
pub mod calls;
pub mod chronicle;
pub mod clock;
pub mod control;
pub mod doors;
pub mod drain;
pub mod driver;
mod ecs;
pub mod gallery;
pub mod inbound;
pub mod jukebox;
pub mod metrics;
pub mod model_socket;
pub mod office;
pub mod opening;
pub mod protection;
pub mod random;
pub mod recorder;
pub mod registry;
pub mod report;
pub mod scratch;
pub mod server;
pub mod settings;
pub mod spool;
pub mod stamped;
pub mod tls;
pub mod watch;

use std::sync::Arc;
use std::time::{Duration, Instant};

use shared::calls::Holder;
use shared::ids::RelayId;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use url::Url;

pub use doors::{Doors, Ports, SignHandshake};
pub use settings::{ModelSettings, Settings, SocketLimits};

use calls::{Calls, Common};
use gallery::Gallery;
use jukebox::Jukebox;
use metrics::Metrics;
use model_socket::Dialler;
use office::Office;
use server::{Bound, Listening, Server};
use spool::Spool;
use tls::Tls;

/// A relay at work.
#[derive(Debug)]
pub struct Relay<D: Doors> {
    pub calls: Arc<Calls<D>>,
    /// Where it is reached from inside.
    pub address: Url,
    pub listening: Listening,
    drain: Duration,
    /// Tells the registry that something changed that cannot wait for the next heartbeat.
    changed: Arc<Notify>,
    /// Stops listeners, heartbeat and control channel, after the calls.
    stop: CancellationToken,
    upkeep: Vec<JoinHandle<()>>,
}

/// Why a relay did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("TLS cannot be set up")]
    Tls(#[from] tls::TlsError),
    #[error("the listeners cannot be opened")]
    Listen(#[from] server::ListenError),
    #[error("nobody could find this relay")]
    Address(#[from] address::AddressError),
    /// A process that has been deposed holds nothing again; the one that is started in its place does.
    #[error("another relay was given this one's calls, because it did not answer")]
    Deposed,
}

/// The whole life of a relay process: until it is asked to go, and then until its calls are over; or until another relay
/// has been given its calls.
pub async fn run<D: Doors>(settings: Settings, ports: Ports<D>) -> Result<(), StartError> {
    let relay = Relay::start(settings, ports).await?;
    let deposed = relay.calls.common().office.deposed.clone();
    tokio::select! {
        asked = drain::asked_to_go() => {
            if let Err(error) = asked {
                tracing::error!(%error, "signals cannot be heard; draining at once");
            }
        }
        () = deposed.cancelled() => {}
    }
    relay.stop().await;
    if deposed.is_cancelled() { Err(StartError::Deposed) } else { Ok(()) }
}

fn hold_office<D: Doors>(calls: &Calls<D>, stop: CancellationToken) -> impl Future<Output = ()> + Send + use<D> {
    let Common { office, me, ports, metrics, .. } = calls.common().as_ref();
    Arc::clone(office).hold(me.relay.clone(), Arc::clone(&ports.store), Arc::clone(metrics), stop)
}

impl<D: Doors> Relay<D> {
    pub async fn start(settings: Settings, ports: Ports<D>) -> Result<Self, StartError> {
        let tls = Tls::reaching(settings.control_url.iter().chain([&settings.model.endpoint]))?;
        let metrics = Arc::new(Metrics::new());
        let dialler = Dialler::new(settings.model.clone(), tls.clone(), Arc::clone(&metrics));
        let bound = Bound::to(&settings).await?;
        let address = address::resolve(&settings, bound.private_address).await?;
        let me = Holder { relay: RelayId::from(random::name()), address: address.clone() };
        let office = Arc::new(Office::default());
        let cores = settings.cores.unwrap_or_else(registry::cores);
        let spool = Spool::new(Arc::clone(&ports.recordings), settings.spool.clone(), Arc::clone(&metrics));
        let spool = Arc::new(spool);
        let jukebox = Arc::new(Jukebox::new(Arc::clone(&ports.music)));
        let (most_calls, public_url) = (settings.most_calls, settings.public_url.clone());
        let spooling = Arc::clone(&spool);
        let (gallery, news) = Gallery::new(Arc::clone(&metrics));
        let common = Common {
            me,
            office,
            ports,
            metrics,
            dialler,
            spool: spooling,
            jukebox,
            gallery,
            most_calls,
            public_url,
            cores,
        };
        let calls = Calls::new(Arc::new(common));
        let stop = CancellationToken::new();
        let listening = Server::new(&settings, Arc::clone(&calls)).serve(bound, stop.clone());
        let changed = Arc::new(Notify::new());
        let registry = registry::run(Arc::clone(&calls), Arc::clone(&changed), stop.clone());
        let mut upkeep = vec![tokio::spawn(registry), tokio::spawn(hold_office(&calls, stop.clone()))];
        upkeep.push(tokio::spawn(spool.run(stop.clone())));
        upkeep.push(tokio::spawn(gallery::run(Arc::clone(calls.common()), news, stop.clone())));
        if let Some(resume) = settings.resume_url {
            upkeep.push(tokio::spawn(watch::run(Arc::clone(&calls), resume, settings.silent_for, stop.clone())));
        }
        if let Some(url) = settings.control_url {
            upkeep.push(tokio::spawn(control::run(Arc::clone(&calls), url, tls, stop.clone())));
        }
        if let Some(agent) = settings.ecs_agent {
            upkeep.push(tokio::spawn(protection::run(Arc::clone(&calls), agent, stop.clone())));
        }
        if let Some(emf) = settings.emf {
            upkeep.push(tokio::spawn(report::run(Arc::clone(&calls.common().metrics), emf, stop.clone())));
        }
        tracing::info!(relay = %calls.common().me.relay, %address, public = %listening.public, "relay at work");
        Ok(Self { calls, address, listening, drain: settings.drain, changed, stop, upkeep })
    }

    /// Drains, takes itself off the list, and closes its doors.
    pub async fn stop(self) {
        self.calls.begin_drain();
        self.changed.notify_one();
        let begun = Instant::now();
        drain::drain(&self.calls, self.drain).await;
        let spool = Arc::clone(&self.calls.common().spool);
        let rest = self.drain.saturating_sub(begun.elapsed());
        let emptied = tokio::time::timeout(rest, spool.emptied()).await.is_ok();
        self.stop.cancel();
        for task in self.upkeep {
            if let Err(error) = task.await {
                tracing::error!(%error, "a task of the relay's died");
            }
        }
        self.listening.stopped().await;
        if !emptied {
            spool.give_up().await;
        }
        tracing::info!("relay stopped");
    }
}
