//! The direct path: the carrier's WebSocket itself. Many messages are fed, then flushed at once.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, close_code};
use bytes::Bytes;
use futures_util::SinkExt as _;
use futures_util::stream::SplitSink;
use prometheus_client::metrics::counter::Counter;
use shared::calls::MediaPath;
use shared::ids::StreamSid;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::backlog::{Backlog, Kind, Written};
use super::{CallerLink, Feed, FeedState, LinkId, QUEUE};
use crate::relay::metrics::{Direction, Metrics, label, path_name};
use crate::relay::scratch::Scratch;

pub type DirectSink = SplitSink<WebSocket, Message>;

/// A carrier that takes nothing for this long is gone, whatever TCP says.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// Messages between two flushes: few enough that a `clear` need not wait for long.
const BATCH: usize = 64;
const FAREWELL: Duration = Duration::from_secs(1);

pub fn open(number: u64, stream: &StreamSid, sink: DirectSink, metrics: Arc<Metrics>, offence: Offence) -> CallerLink {
    let (queue, outgoing) = mpsc::channel(QUEUE);
    let writer = Writer {
        sink,
        feed: Feed::new(outgoing, Backlog::new(Arc::clone(&metrics))),
        scratch: Scratch::default(),
        batch: Vec::with_capacity(BATCH),
        sent: metrics.frames_sent.get_or_create_owned(&label(path_name(MediaPath::Direct))),
        metrics,
        offence,
    };
    CallerLink {
        id: LinkId::Direct(number),
        stream: stream.detached(),
        path: MediaPath::Direct,
        queue,
        task: tokio::spawn(writer.run()),
    }
}

/// Between the reader and the writer of one socket: the other side said what a carrier would not, and is to be told.
#[derive(Debug, Clone, Default)]
pub struct Offence {
    found: CancellationToken,
    told: CancellationToken,
}

impl Offence {
    /// Returns when the socket is closed.
    pub async fn tell(&self) {
        self.found.cancel();
        let _gone_first = tokio::time::timeout(FAREWELL, self.told.cancelled()).await;
    }
}

struct Writer {
    sink: DirectSink,
    feed: Feed,
    scratch: Scratch,
    batch: Vec<Written>,
    sent: Counter,
    metrics: Arc<Metrics>,
    offence: Offence,
}

/// Nothing more will be written: closed, or the socket takes nothing. Its reader learns the same and tells the driver.
struct Done;

impl Writer {
    async fn run(mut self) {
        let Offence { found, told } = self.offence.clone();
        let offended = found.run_until_cancelled(async { while self.step().await.is_ok() {} }).await.is_none();
        let _closed_already = tokio::time::timeout(FAREWELL, self.close(offended)).await;
        told.cancel();
    }

    async fn close(&mut self, offended: bool) -> Result<(), axum::Error> {
        if offended {
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
