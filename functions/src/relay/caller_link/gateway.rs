//! The gateway path: each message is a POST to `@connections`. At most one is in flight, because two would race.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use shared::calls::MediaPath;
use shared::ids::{CallSid, ConnectionId, StreamSid};
use shared::ownership::Verdict;
use shared::ports::{CallerSocket, PortError};
use tokio::sync::mpsc;

use super::backlog::{Backlog, Kind, Written};
use super::{CallerLink, Feed, FeedState, LinkId, QUEUE};
use crate::relay::calls::FromCaller;
use crate::relay::metrics::{Direction, Metrics, label, path_name};
use crate::relay::office::{ASK_AGAIN, Permit};

const POST_TIMEOUT: Duration = Duration::from_secs(5);
const FIRST_RETRY: Duration = Duration::from_millis(50);
/// 50 ms, 100, 200, 400, 800: after a second and a half the audio is history.
const RETRIES: u32 = 5;

pub fn open<C: CallerSocket + 'static>(
    sid: &CallSid,
    connection: &ConnectionId,
    stream: &StreamSid,
    callers: Arc<C>,
    (driver, permit): (mpsc::Sender<FromCaller>, Permit),
    metrics: Arc<Metrics>,
) -> CallerLink {
    let (queue, outgoing) = mpsc::channel(QUEUE);
    let connection = connection.detached();
    let poster = Poster {
        sid: sid.clone(),
        connection: connection.clone(),
        callers,
        driver,
        permit,
        feed: Feed::new(outgoing, Backlog::new(Arc::clone(&metrics))),
        sent: metrics.frames_sent.get_or_create_owned(&label(path_name(MediaPath::Gateway))),
        metrics,
    };
    CallerLink {
        id: LinkId::Gateway(connection),
        stream: stream.detached(),
        path: MediaPath::Gateway,
        queue,
        task: tokio::spawn(poster.run()),
    }
}

struct Poster<C> {
    sid: CallSid,
    connection: ConnectionId,
    callers: Arc<C>,
    driver: mpsc::Sender<FromCaller>,
    permit: Permit,
    feed: Feed,
    sent: Counter,
    metrics: Arc<Metrics>,
}

impl<C: CallerSocket> Poster<C> {
    async fn run(mut self) {
        let mut text = String::new();
        loop {
            while let Some(written) = self.feed.backlog.write_merged(&mut text) {
                if self.deliver(&text, written).await.is_break() {
                    // The driver that does not listen any more has no use for the news.
                    let _ended = self.driver.send(FromCaller::Detached(LinkId::Gateway(self.connection))).await;
                    return;
                }
            }
            match self.feed.state {
                FeedState::Open => self.feed.absorb().await,
                FeedState::Closing => return self.close().await,
                FeedState::Orphaned => return,
            }
        }
    }

    /// Posts once, and again while the gateway asks for patience. Breaks if the connection is gone.
    async fn deliver(&mut self, text: &str, written: Written) -> ControlFlow<()> {
        let mut wait = FIRST_RETRY;
        for _ in 0..=RETRIES {
            if self.may_speak(written.kind).await.is_break() {
                break;
            }
            let error = match self.post(text).await {
                Ok(()) => {
                    self.delivered(written);
                    return ControlFlow::Continue(());
                }
                Err(error) => error,
            };
            self.metrics.post_errors.get_or_create(&label(error_name(&error))).inc();
            if error == PortError::Gone {
                return ControlFlow::Break(());
            }
            tracing::debug!(call = %self.sid, %error, "a post to the caller failed");
            if !worth_repeating(&error, written.kind) || self.pause(wait, written.kind).await.is_break() {
                break;
            }
            wait *= 2;
        }
        self.metrics.frames_dropped.get_or_create(&label("post_failed")).inc();
        ControlFlow::Continue(())
    }

    /// Waits until nobody else can be speaking to this caller. Breaks if somebody does, or if what was to be said has been
    /// revoked meanwhile.
    async fn may_speak(&mut self, kind: Kind) -> ControlFlow<()> {
        loop {
            match self.permit.verdict() {
                Verdict::Speak => return ControlFlow::Continue(()),
                Verdict::Never => {
                    self.permit.fenced.cancel();
                    return ControlFlow::Break(());
                }
                Verdict::Wait => self.pause(ASK_AGAIN, kind).await?,
            }
        }
    }

    async fn post(&mut self, text: &str) -> Result<(), PortError> {
        self.metrics.posts.inc();
        let post = tokio::time::timeout(POST_TIMEOUT, self.callers.post(&self.connection, text));
        match self.feed.absorb_during(post).await {
            Ok(result) => result,
            Err(_) => Err(PortError::Unavailable("no answer in time".to_owned())),
        }
    }

    /// Breaks if what was to be repeated has been revoked meanwhile.
    async fn pause(&mut self, wait: Duration, kind: Kind) -> ControlFlow<()> {
        self.feed.absorb_during(tokio::time::sleep(wait)).await;
        if kind != Kind::Clear && self.feed.backlog.is_revoked() {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    fn delivered(&self, written: Written) {
        self.sent.inc();
        self.metrics.added(Direction::ToCaller, written.at.elapsed());
        if written.kind == Kind::Clear && written.barge_in {
            self.metrics.barge_in_seconds.observe(written.at.elapsed().as_secs_f64());
        }
    }

    async fn close(self) {
        match self.callers.close(&self.connection).await {
            Ok(()) | Err(PortError::Gone) => {}
            Err(error) => tracing::warn!(call = %self.sid, %error, "the caller's connection could not be closed"),
        }
    }
}

/// Audio whose fate is unknown is not sent again: a stutter is worse than a gap. The rest may safely come twice.
fn worth_repeating(error: &PortError, kind: Kind) -> bool {
    match error {
        PortError::Throttled(_) => true,
        PortError::Unavailable(_) => kind != Kind::Media,
        PortError::Conflict(_) | PortError::Gone | PortError::Corrupt(_) => false,
    }
}

pub fn error_name(error: &PortError) -> &'static str {
    match error {
        PortError::Conflict(_) => "conflict",
        PortError::Gone => "gone",
        PortError::Throttled(_) => "throttled",
        PortError::Unavailable(_) => "unavailable",
        PortError::Corrupt(_) => "corrupt",
    }
}
