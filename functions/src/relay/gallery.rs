//! Where calls are shown: what they have to tell goes to every console that watches, in posts of a fifth of a second.
//!
//! Calls never wait here: what finds no room is dropped and counted, and a console that does not take what it is posted is
//! dropped itself (`shared::live::Audience` says when). Who watches stands in the store; it is read when somebody says that
//! it has changed, and every few seconds, because that may be lost. While nobody watches, calls tell nothing.

mod listening;
mod lookout;

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use shared::audio::recording::RecordOp;
use shared::ids::{CallSid, ConnectionId};
use shared::live::{Audience, Demand, Departure, LiveEntry, Posted, Watcher};
use shared::ports::{Clock as _, PortError, WatcherSocket as _};
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use self::listening::Ear;
use super::caller_link::error_name;
use super::calls::Common;
use super::clock::CallClock;
use super::doors::Doors;
use super::metrics::{Metrics, label};

/// Some seconds of what sixty calls have to tell.
const QUEUE: usize = 8_192;
const BATCH: usize = 512;
const EVERY: Duration = Duration::from_millis(200);
const POST_TIMEOUT: Duration = Duration::from_secs(4);

/// The drivers' side.
#[derive(Debug)]
pub struct Gallery {
    news: mpsc::Sender<News>,
    demand: watch::Sender<Arc<Demand>>,
    changed: Notify,
    metrics: Arc<Metrics>,
}

/// What a call tells.
#[derive(Debug)]
pub enum News {
    Entry(LiveEntry),
    /// For those who listen.
    Sound {
        call: CallSid,
        clock: CallClock,
        op: RecordOp,
    },
    /// There is nothing more to hear of it here.
    Over(CallSid),
}

impl Gallery {
    pub fn new(metrics: Arc<Metrics>) -> (Arc<Self>, mpsc::Receiver<News>) {
        let (news, receiver) = mpsc::channel(QUEUE);
        (Arc::new(Self { news, demand: watch::Sender::default(), changed: Notify::new(), metrics }), receiver)
    }

    /// What whoever watches wants of calls.
    pub fn demand(&self) -> watch::Receiver<Arc<Demand>> {
        self.demand.subscribe()
    }

    /// Never waits.
    pub fn tell(&self, news: News) {
        if self.news.try_send(news).is_err() {
            self.metrics.watch_dropped.get_or_create(&label("queue")).inc();
        }
    }

    /// The list of those who watch has changed.
    pub fn look(&self) {
        self.changed.notify_one();
    }
}

/// Shows until `stop`.
pub async fn run<D: Doors>(common: Arc<Common<D>>, mut news: mpsc::Receiver<News>, stop: CancellationToken) {
    let (lists, mut listed) = mpsc::channel(1);
    let lookout = tokio::spawn(lookout::run(Arc::clone(&common), lists, stop.clone()));
    let mut room = Room::new(common);
    let mut beat = tokio::time::interval(EVERY);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut arrived = Vec::with_capacity(BATCH);
    loop {
        let busy = !room.is_idle();
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            Some(watchers) = listed.recv() => room.seat(watchers),
            Some((id, how)) = room.posts.next() => room.posted(&id, how),
            _ = beat.tick(), if busy => room.flush(),
            _ = news.recv_many(&mut arrived, BATCH) => arrived.drain(..).for_each(|news| room.take_in(news)),
        }
    }
    lookout.abort();
}

type Post = Pin<Box<dyn Future<Output = (ConnectionId, Posted)> + Send>>;

struct Room<D: Doors> {
    common: Arc<Common<D>>,
    audience: Audience,
    ears: BTreeMap<CallSid, Ear>,
    posts: FuturesUnordered<Post>,
}

impl<D: Doors> Room<D> {
    fn new(common: Arc<Common<D>>) -> Self {
        Self { common, audience: Audience::default(), ears: BTreeMap::new(), posts: FuturesUnordered::new() }
    }

    fn is_idle(&self) -> bool {
        self.audience.is_idle() && self.ears.is_empty()
    }

    fn now_ms(&self) -> u64 {
        self.common.ports.clock.unix_ms()
    }

    fn seat(&mut self, watchers: Vec<Watcher>) {
        if let Some(demand) = self.audience.seat(watchers, self.now_ms()) {
            self.want(demand);
        }
    }

    fn want(&mut self, demand: Demand) {
        self.common.metrics.watchers.set(i64::try_from(self.audience.len()).unwrap_or(i64::MAX));
        self.ears.retain(|call, _| demand.listened(call));
        self.common.gallery.demand.send_if_modified(|wanted| {
            let changed = **wanted != demand;
            *wanted = Arc::new(demand);
            changed
        });
    }

    fn take_in(&mut self, news: News) {
        match news {
            News::Entry(entry) => self.audience.take_in(entry),
            News::Sound { call, clock, op } if self.audience.demand().listened(&call) => {
                self.ears.entry(call).or_insert_with(|| Ear::new(clock)).hear(&op);
            }
            News::Sound { .. } => {}
            News::Over(call) => _ = self.ears.remove(&call),
        }
    }

    fn flush(&mut self) {
        for (call, ear) in &mut self.ears {
            ear.heard(call).for_each(|entry| self.audience.take_in(entry));
        }
        let (too_long, slow) = self.audience.flush();
        self.common.metrics.watch_dropped.get_or_create(&label("too_long")).inc_by(too_long);
        slow.iter().for_each(|id| self.depart(id, Departure::Slow));
        for (id, frame) in self.audience.frames(self.now_ms()) {
            self.common.metrics.watch_posts.inc();
            self.posts.push(Box::pin(post(Arc::clone(&self.common), id, frame)));
        }
    }

    fn posted(&mut self, id: &ConnectionId, how: Posted) {
        if let Some(departure) = self.audience.posted(id, how, self.now_ms()) {
            self.depart(id, departure);
        }
    }

    /// The others' wishes count from here on.
    fn depart(&mut self, id: &ConnectionId, why: Departure) {
        let metrics = &self.common.metrics;
        match why {
            Departure::Gone => _ = metrics.watchers_dropped.get_or_create(&label("gone")).inc(),
            Departure::Slow => {
                metrics.watchers_dropped.get_or_create(&label("slow")).inc();
                tracing::warn!(code = "watcher_slow", connection = %id, "a console does not take what it is told");
                tokio::spawn(dismiss(Arc::clone(&self.common), id.clone()));
            }
        }
        self.want(self.audience.demand());
    }
}

async fn post<D: Doors>(common: Arc<Common<D>>, id: ConnectionId, frame: String) -> (ConnectionId, Posted) {
    let posted = tokio::time::timeout(POST_TIMEOUT, common.ports.watchers.tell(&id, &frame)).await;
    let error = match posted {
        Ok(Ok(())) => return (id, Posted::Taken),
        Ok(Err(error)) => error,
        Err(_) => PortError::Unavailable("no answer in time".to_owned()),
    };
    common.metrics.watch_post_errors.get_or_create(&label(error_name(&error))).inc();
    (id, if error == PortError::Gone { Posted::Gone } else { Posted::Refused })
}

/// A console that is dropped learns of it, and comes back with its cursor.
async fn dismiss<D: Doors>(common: Arc<Common<D>>, id: ConnectionId) {
    let dismissed = tokio::time::timeout(POST_TIMEOUT, common.ports.watchers.dismiss(&id)).await;
    if !matches!(dismissed, Ok(Ok(()) | Err(PortError::Gone))) {
        tracing::debug!(connection = %id, "a console's socket could not be closed");
    }
}
