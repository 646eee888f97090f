//! The relays: started, watched, replaced when they die, asked to drain when it is time to go.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use tokio::process::Child;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::options::{Peculiar, Program};
use super::processes::{self, Guard, ask_to_end};
use super::sigv4::AccessKey;

const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(20);
/// A relay that has run for so long was not broken from the beginning.
const SETTLED: Duration = Duration::from_secs(10);

/// It is not worth waiting for a relay that has died so often.
const MOST_TRIES: u32 = 3;

/// A relay does not come up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hopeless;

/// How to start a relay.
#[derive(Debug, Clone)]
pub(crate) struct RelaySpec {
    pub(crate) program: Program,
    pub(crate) env: BTreeMap<String, String>,
    /// Each relay signs with an id of its own.
    pub(crate) key: AccessKey,
    pub(crate) peculiar: BTreeMap<usize, Peculiar>,
    /// Instead of pauses that grow.
    pub(crate) restart_after: Option<Duration>,
    pub(crate) logs: PathBuf,
    /// From `SIGTERM` to `SIGKILL`.
    pub(crate) patience: Duration,
}

#[derive(Debug)]
pub(crate) struct Relays {
    slots: Vec<Arc<Slot>>,
    turn: AtomicUsize,
    stopping: CancellationToken,
    tasks: TaskTracker,
}

/// A place for one relay after the other.
#[derive(Debug, Default)]
struct Slot {
    up: Mutex<Option<Up>>,
    changed: Notify,
    starts: AtomicU32,
}

#[derive(Debug, Clone, Copy)]
struct Up {
    pid: u32,
    private: SocketAddr,
    public: SocketAddr,
    /// It was asked to end: the load balancer has taken it off its list.
    leaving: bool,
}

impl Relays {
    pub(crate) fn start(spec: RelaySpec, count: usize) -> Self {
        let (stopping, tasks) = (CancellationToken::new(), TaskTracker::new());
        let slots: Vec<Arc<Slot>> = (0..count).map(|_| Arc::default()).collect();
        for (number, slot) in slots.iter().enumerate() {
            tasks.spawn(keep_up(spec.clone(), number, Arc::clone(slot), stopping.clone()));
        }
        Self { slots, turn: AtomicUsize::new(0), stopping, tasks }
    }

    /// Waits until every slot has a relay that answers, unless one dies again and again.
    pub(crate) async fn all_up(&self) -> Result<(), Hopeless> {
        for slot in &self.slots {
            loop {
                let changed = slot.changed.notified();
                if slot.lock().is_some() {
                    break;
                }
                if slot.starts.load(Ordering::Relaxed) > MOST_TRIES {
                    return Err(Hopeless);
                }
                changed.await;
            }
        }
        Ok(())
    }

    /// Public listeners in turn, of those relays that are up.
    pub(crate) fn next_public(&self) -> Option<SocketAddr> {
        let up: Vec<SocketAddr> =
            self.slots.iter().filter_map(|slot| (*slot.lock()).filter(|up| !up.leaving)).map(|up| up.public).collect();
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        up.get(turn.checked_rem(up.len())?).copied()
    }

    /// Where a relay takes frames, if it is up.
    pub(crate) fn private(&self, number: usize) -> Option<SocketAddr> {
        Some((*self.slots.get(number)?.lock())?.private)
    }

    pub(crate) fn pid(&self, number: usize) -> Option<u32> {
        Some((*self.slots.get(number)?.lock())?.pid)
    }

    /// Takes a relay off the load balancer's list, as ECS does before it says SIGTERM.
    pub(crate) fn take_off_list(&self, number: usize) {
        if let Some(slot) = self.slots.get(number)
            && let Some(up) = slot.lock().as_mut()
        {
            up.leaving = true;
        }
    }

    /// How many relays this slot has seen.
    pub(crate) fn starts(&self, number: usize) -> u32 {
        self.slots.get(number).map_or(0, |slot| slot.starts.load(Ordering::Relaxed))
    }

    /// Asks all to end, without waiting for it.
    pub(crate) fn abandon(&self) {
        self.stopping.cancel();
    }

    pub(crate) async fn stop(&self) {
        self.abandon();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Slot {
    fn lock(&self) -> MutexGuard<'_, Option<Up>> {
        self.up.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, up: Option<Up>) {
        *self.lock() = up;
        self.changed.notify_waiters();
    }
}

async fn keep_up(spec: RelaySpec, number: usize, slot: Arc<Slot>, stopping: CancellationToken) {
    let mut pause = FIRST_PAUSE;
    while !stopping.is_cancelled() {
        let began = Instant::now();
        slot.starts.fetch_add(1, Ordering::Relaxed);
        if let Err(error) = one_life(&spec, number, &slot, &stopping).await {
            tracing::error!(relay = number, %error, "the relay does not start");
        }
        slot.set(None);
        pause = if began.elapsed() > SETTLED { FIRST_PAUSE } else { pause };
        let _ = stopping.run_until_cancelled(tokio::time::sleep(spec.restart_after.unwrap_or(pause))).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// From the start of a relay to its end, or to ours.
async fn one_life(spec: &RelaySpec, number: usize, slot: &Slot, stopping: &CancellationToken) -> io::Result<()> {
    let (private, public) = (free_port().await?, free_port().await?);
    let mut child = start(spec, number, slot.starts.load(Ordering::Relaxed), private, public)?;
    let Some(pid) = child.id() else { return Ok(()) };
    let guard = Guard::over(pid)?;
    tokio::select! {
        status = child.wait() => tracing::warn!(relay = number, status = %status?, "a relay ended"),
        () = announce(slot, Up { pid, private, public, leaving: false }) => {}
        () = stopping.cancelled() => ask_and_wait(&mut child, pid, spec.patience).await,
    }
    guard.dismiss().await;
    Ok(())
}

/// Reports the relay up as soon as it answers; does not end, so that the race goes on.
async fn announce(slot: &Slot, up: Up) {
    let health = format!("http://{}/health", up.private);
    // No proxy between us, whatever the environment says.
    let Ok(client) = reqwest::Client::builder().no_proxy().build() else { return };
    while !client.get(&health).send().await.is_ok_and(|answer| answer.status().is_success()) {
        tokio::time::sleep(POLL).await;
    }
    slot.set(Some(up));
    std::future::pending().await
}

async fn ask_and_wait(child: &mut Child, pid: u32, patience: Duration) {
    if let Err(error) = ask_to_end(pid).await {
        tracing::warn!(%error, "the relay cannot be asked to end");
    }
    if tokio::time::timeout(patience, child.wait()).await.is_err() {
        tracing::warn!(pid, "the relay did not drain in time");
        let _ = child.kill().await;
    }
}

fn start(spec: &RelaySpec, number: usize, life: u32, private: SocketAddr, public: SocketAddr) -> io::Result<Child> {
    let log = spec.logs.join(format!("relay-{number}.log"));
    let peculiar = spec.peculiar.get(&number).cloned().unwrap_or_default();
    let program = under(&spec.program, peculiar.under);
    processes::command(&program.path, &program.args, &spec.env, &log)?
        .env("AWS_ACCESS_KEY_ID", spec.key.of_relay(number, life))
        .envs(&peculiar.env)
        .env("RELAY_LISTEN", private.to_string())
        .env("RELAY_PUBLIC_LISTEN", public.to_string())
        .env("RELAY_ADDRESS", format!("http://{private}"))
        .spawn()
}

/// The relay as the last arguments of whatever runs it.
fn under(relay: &Program, runner: Option<Program>) -> Program {
    let Some(Program { path, mut args }) = runner else { return relay.clone() };
    args.push(relay.path.to_string_lossy().into_owned());
    args.extend(relay.args.iter().cloned());
    Program { path, args }
}

/// A port that nobody has just now. Somebody may take it before the relay does; then the relay is started again.
async fn free_port() -> io::Result<SocketAddr> {
    TcpListener::bind(("127.0.0.1", 0)).await?.local_addr()
}
