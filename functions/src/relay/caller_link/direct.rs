//! The direct path: the carrier's WebSocket itself. Many messages are fed, then flushed at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, close_code};
use bytes::Bytes;
use futures_util::SinkExt as _;
use futures_util::stream::SplitSink;
use prometheus_client::metrics::counter::Counter;
use shared::calls::MediaPath;
use shared::ids::StreamSid;
use tokio::sync::mpsc;

use super::backlog::{Backlog, Kind, Written};
use super::{CallerLink, Feed, FeedState, LinkId, QUEUE};
use crate::relay::metrics::{Direction, Metrics, label, path_name};
use crate::relay::scratch::Scratch;

pub type DirectSink = SplitSink<WebSocket, Message>;

/// A carrier that takes nothing for this long is gone, whatever TCP says.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// Messages between two flushes: few enough that a `clear` need not wait for long.
const BATCH: usize = 64;

pub fn open(
    number: u64,
    stream: &StreamSid,
    sink: DirectSink,
    metrics: Arc<Metrics>,
    offended: Arc<AtomicBool>,
) -> CallerLink {
    let (queue, outgoing) = mpsc::channel(QUEUE);
    let writer = Writer {
        sink,
        feed: Feed::new(outgoing, Backlog::new(Arc::clone(&metrics))),
        scratch: Scratch::default(),
        batch: Vec::with_capacity(BATCH),
        sent: metrics.frames_sent.get_or_create_owned(&label(path_name(MediaPath::Direct))),
        metrics,
        offended,
    };
    CallerLink {
        id: LinkId::Direct(number),
        stream: stream.detached(),
        path: MediaPath::Direct,
        queue,
        task: tokio::spawn(writer.run()),
    }
}

struct Writer {
    sink: DirectSink,
    feed: Feed,
    scratch: Scratch,
    batch: Vec<Written>,
    sent: Counter,
    metrics: Arc<Metrics>,
    /// The other side said what a carrier would not, and is to be told.
    offended: Arc<AtomicBool>,
}

/// Nothing more will be written: closed, or the socket takes nothing. Its reader learns the same and tells the driver.
struct Done;

impl Writer {
    async fn run(mut self) {
        while self.step().await.is_ok() {}
        let _closed_already = tokio::time::timeout(Duration::from_secs(1), self.close()).await;
    }

    async fn close(&mut self) -> Result<(), axum::Error> {
        if self.offended.load(Ordering::Relaxed) {
            let frame = CloseFrame { code: close_code::POLICY, reason: "not a carrier's message".into() };
            self.sink.send(Message::Close(Some(frame))).await?;
        }
        self.sink.close().await
    }

    async fn step(&mut self) -> Result<(), Done> {
        if self.feed.backlog.is_empty() {
            if self.feed.state != FeedState::Open {
                return Err(Done);
            }
            self.feed.absorb().await;
        }
        self.write_batch().await
    }

    async fn write_batch(&mut self) -> Result<(), Done> {
        while self.batch.len() < BATCH {
            let mut written = None;
            let frame = self.scratch.frame(|out| written = self.feed.backlog.write_next(out));
            let Some(written) = written else { break };
            let message = Message::Text(text(frame)?);
            self.feed.absorb_during(in_time(self.sink.feed(message))).await?;
            self.batch.push(written);
        }
        if self.batch.is_empty() {
            return Ok(());
        }
        self.feed.absorb_during(in_time(self.sink.flush())).await?;
        self.measure();
        Ok(())
    }

    fn measure(&mut self) {
        self.sent.inc_by(self.batch.len() as u64);
        for written in self.batch.drain(..) {
            self.metrics.added(Direction::ToCaller, written.at.elapsed());
            if written.kind == Kind::Clear && written.barge_in {
                self.metrics.barge_in_seconds.observe(written.at.elapsed().as_secs_f64());
            }
        }
    }
}

async fn in_time(write: impl Future<Output = Result<(), axum::Error>>) -> Result<(), Done> {
    match tokio::time::timeout(WRITE_TIMEOUT, write).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(Done),
    }
}

fn text(frame: Bytes) -> Result<Utf8Bytes, Done> {
    Utf8Bytes::try_from(frame).map_err(|_| Done)
}
