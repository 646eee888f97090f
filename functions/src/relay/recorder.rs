//! Keeps the call: both sides, five seconds at a time, each stored while the next one sounds. While the store
//! is away they wait on disk; what is lost in the end is counted, and costs neither memory nor frames.

use std::sync::Arc;
use std::time::Duration;

use shared::audio::recording::{FURTHEST_BACK, RecordOp, Timeline};
use shared::calls::Recorded;
use shared::ports::Recordings;
use shared::time::{CallTime, Samples};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::clock::CallClock;
use super::metrics::{Counts, Metrics, label};
use super::spool::Spool;

/// What a crash costs.
const SEGMENT: Samples = Samples::from_millis(5_000);
/// From the end of a segment to its taking: what may still be laid there, and half a second to bring it here.
const SLACK: Duration = Duration::from_millis(FURTHEST_BACK.as_millis() + 500);
/// Twenty seconds of both sides' frames.
const OPS: usize = 2048;
/// A minute of sound that waits for the store: about a megabyte.
const SEGMENTS: usize = 12;
/// For the last segments to be stored, and again for the joining of all.
const FINISH: Duration = Duration::from_secs(20);

/// The driver's side.
#[derive(Debug)]
pub struct Recorder<R> {
    ops: mpsc::Sender<RecordOp>,
    tape: JoinHandle<()>,
    storing: JoinHandle<()>,
    storage: Storage<R>,
}

#[derive(Debug)]
struct Segment {
    number: u32,
    stereo: Vec<u8>,
}

impl<R: Recordings + 'static> Recorder<R> {
    /// Begins with the segment that is running: a call that was another relay's has its earlier ones in the store, and
    /// of this one the other's part, which the fence keeps apart from ours.
    pub fn start(of: Recorded, fence: u64, clock: CallClock, recordings: Arc<Spool<R>>, metrics: Arc<Metrics>) -> Self {
        let (ops, queue) = mpsc::channel(OPS);
        let (segments, to_store) = mpsc::channel(SEGMENTS);
        let lost = metrics.recorder_lost_ms.clone();
        let storage = Storage { of, fence, recordings, lost: lost.clone() };
        let tape = Tape::new(clock, queue, segments, lost);
        Self { ops, tape: tokio::spawn(tape.run()), storing: tokio::spawn(storage.clone().run(to_store)), storage }
    }

    pub fn record(&self, op: RecordOp) {
        if let Err(refused) = self.ops.try_send(op)
            && let RecordOp::Audio { payload, .. } = refused.into_inner()
        {
            count(&self.storage.lost, "queue", payload.samples());
        }
    }

    /// The call is over: stores the rest and joins it all.
    pub async fn finish(self) {
        let storage = self.storage.clone();
        self.pause().await;
        match tokio::time::timeout(FINISH, storage.finish()).await {
            Ok(true) => {}
            Ok(false) | Err(_) => tracing::warn!(call = %storage.of.call, "the recording is left in segments"),
        }
    }

    /// The call goes on elsewhere: stores the rest and leaves it at that.
    pub async fn pause(self) {
        drop(self.ops);
        let mut storing = self.storing;
        if tokio::time::timeout(FINISH, &mut storing).await.is_err() {
            storing.abort();
            self.tape.abort();
            tracing::warn!(call = %self.storage.of.call, "the end of the recording is lost");
        }
    }
}

/// Lays audio out in time and cuts it into segments, numbered by where they lie in the call.
struct Tape {
    clock: CallClock,
    timeline: Timeline,
    next: u32,
    ops: mpsc::Receiver<RecordOp>,
    segments: mpsc::Sender<Segment>,
    lost: Counts,
}

impl Tape {
    fn new(clock: CallClock, ops: mpsc::Receiver<RecordOp>, segments: mpsc::Sender<Segment>, lost: Counts) -> Self {
        let next = u32::try_from(Samples::from(clock.now()).0 / SEGMENT.0).unwrap_or(u32::MAX);
        Self { clock, timeline: Timeline::starting_at(start_of(next)), next, ops, segments, lost }
    }

    async fn run(mut self) {
        let mut arrived = Vec::with_capacity(64);
        loop {
            let due = self.clock.instant(CallTime(start_of(self.next + 1).as_millis()) + SLACK);
            tokio::select! {
                taken = self.ops.recv_many(&mut arrived, 256) => {
                    if taken == 0 {
                        break;
                    }
                    arrived.drain(..).for_each(|op| self.timeline.apply(&op));
                }
                () = tokio::time::sleep_until(due.into()) => self.cut(),
            }
        }
        self.finish().await;
    }

    fn cut(&mut self) {
        let stereo = self.timeline.take_until(start_of(self.next + 1));
        let segment = Segment { number: self.next, stereo };
        self.next += 1;
        if self.segments.try_send(segment).is_err() {
            count(&self.lost, "segment", SEGMENT);
        }
    }

    /// What is left, in as many segments as it takes. Nobody waits for frames any more, so this may wait for the store. Whether
    /// what lies ahead is ever heard is not known here: a successor may clear it, or the call be over before.
    async fn finish(mut self) {
        self.timeline.apply(&RecordOp::Finish { at: self.clock.now().into() });
        let segment_bytes = usize::try_from(SEGMENT.0).unwrap_or(usize::MAX).saturating_mul(2);
        let mut rest = self.timeline.finish();
        while !rest.is_empty() {
            let tail = rest.split_off(segment_bytes.min(rest.len()));
            let segment = Segment { number: self.next, stereo: std::mem::replace(&mut rest, tail) };
            self.next += 1;
            if self.segments.send(segment).await.is_err() {
                return;
            }
            if rest.is_empty() {
                rest = self.timeline.finish();
            }
        }
        let dropped = self.timeline.dropped();
        count(&self.lost, "late", dropped.late);
        count(&self.lost, "ahead", dropped.ahead);
    }
}

/// Puts segments where they stay.
#[derive(Debug)]
struct Storage<R> {
    of: Recorded,
    fence: u64,
    recordings: Arc<Spool<R>>,
    lost: Counts,
}

impl<R> Clone for Storage<R> {
    fn clone(&self) -> Self {
        Self {
            of: self.of.clone(),
            fence: self.fence,
            recordings: Arc::clone(&self.recordings),
            lost: self.lost.clone(),
        }
    }
}

impl<R: Recordings + 'static> Storage<R> {
    async fn run(self, mut segments: mpsc::Receiver<Segment>) {
        while let Some(Segment { number, stereo }) = segments.recv().await {
            let length = Samples(stereo.len() as u64 / 2);
            if let Err(error) = self.recordings.put_segment(&self.of, number, self.fence, stereo).await {
                tracing::warn!(call = %self.of.call, %error, "the recording is not stored");
                count(&self.lost, "store", length);
            }
        }
    }

    async fn finish(&self) -> bool {
        let finished = self.recordings.finish_recording(&self.of).await;
        if let Err(error) = &finished {
            tracing::warn!(call = %self.of.call, %error, "the recording is not joined");
        }
        finished.is_ok()
    }
}

fn start_of(number: u32) -> Samples {
    Samples(u64::from(number) * SEGMENT.0)
}

fn count(lost: &Counts, kind: &str, length: Samples) {
    if !length.is_zero() {
        lost.get_or_create(&label(kind)).inc_by(length.as_millis());
    }
}
