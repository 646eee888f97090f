//! Segments of recordings that the store does not take wait here, on disk and within a bound, and are stored in order once
//! it is back, also when their call is long over.
//!
//! Nothing here faults a call: a disk that is full or cannot be written costs sound, which is counted.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use shared::calls::Recorded;
use shared::ids::CallSid;
use shared::ports::{PortError, PortResult, Recordings};
use shared::time::Samples;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::metrics::{Metrics, label};

/// A store that takes longer for five seconds of sound is as good as away: the next ones wait behind.
const LONGEST_PUT: Duration = Duration::from_secs(10);
/// While the call's driver waits for it.
const LONGEST_FINISH_AT_ONCE: Duration = Duration::from_secs(15);
/// Joining a long recording copies it.
const LONGEST_FINISH: Duration = Duration::from_secs(90);
const FIRST_RETRY: Duration = Duration::from_millis(500);
const LONGEST_RETRY: Duration = Duration::from_secs(15);

/// Where segments wait, and how much of them may.
#[derive(Debug, Clone)]
pub struct SpoolSettings {
    /// Made when it is needed (`RECORDING_SPOOL`).
    pub folder: PathBuf,
    /// The oldest go when there is more (`RECORDING_SPOOL_MB`).
    pub most_bytes: u64,
}

/// A store for recordings that forgets nothing while the real one is away.
#[derive(Debug)]
pub struct Spool<R> {
    store: Arc<R>,
    settings: SpoolSettings,
    metrics: Arc<Metrics>,
    waiting: Mutex<Waiting>,
    /// Something waits.
    news: Notify,
    emptied: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    bytes: u64,
}

/// In the order in which the store is to see them.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Job {
    Put { of: Recorded, number: u32, fence: u64, bytes: u64 },
    Finish(Recorded),
}

impl Job {
    fn sid(&self) -> &CallSid {
        match self {
            Self::Put { of, .. } | Self::Finish(of) => &of.call,
        }
    }

    fn bytes(&self) -> u64 {
        match self {
            Self::Put { bytes, .. } => *bytes,
            Self::Finish(_) => 0,
        }
    }
}

impl<R: Recordings + 'static> Spool<R> {
    pub fn new(store: Arc<R>, settings: SpoolSettings, metrics: Arc<Metrics>) -> Self {
        let (waiting, news, emptied) = Default::default();
        Self { store, settings, metrics, waiting, news, emptied }
    }

    /// Of one call, while an earlier one of the same call waits, or while the store does not take it: on disk.
    pub async fn put_segment(&self, of: &Recorded, number: u32, fence: u64, stereo: Vec<u8>) -> PortResult<()> {
        let sid = &of.call;
        if !self.has(sid) {
            let put = self.store.put_segment(of, number, fence, stereo.clone());
            match tokio::time::timeout(LONGEST_PUT, put).await {
                Ok(Err(error @ (PortError::Throttled(_) | PortError::Unavailable(_)))) => {
                    tracing::debug!(call = %sid, %error, "a segment waits on disk");
                }
                Err(_) => tracing::debug!(call = %sid, "a segment that took too long waits on disk"),
                Ok(done) => return done,
            }
        }
        self.keep(of, number, fence, &stereo).await;
        Ok(())
    }

    /// After all segments of the call that wait.
    pub async fn finish_recording(&self, of: &Recorded) -> PortResult<()> {
        if !self.has(&of.call) {
            let finish = self.store.finish_recording(of);
            match tokio::time::timeout(LONGEST_FINISH_AT_ONCE, finish).await {
                Ok(Err(PortError::Throttled(_) | PortError::Unavailable(_))) | Err(_) => {}
                Ok(done) => return done,
            }
        }
        self.lock().jobs.push_back(Job::Finish(of.clone()));
        self.news.notify_one();
        Ok(())
    }

    /// Stores what waits, for as long as there are calls.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let mut pause = FIRST_RETRY;
        loop {
            let next = self.lock().jobs.front().cloned();
            let step = async {
                let Some(job) = next else {
                    self.news.notified().await;
                    return FIRST_RETRY;
                };
                if self.carry_out(&job).await {
                    self.done(&job).await;
                    return FIRST_RETRY;
                }
                tokio::time::sleep(pause).await;
                (pause * 2).min(LONGEST_RETRY)
            };
            tokio::select! {
                () = stop.cancelled() => return,
                next = step => pause = next,
            }
        }
    }

    /// Returns once nothing waits.
    pub async fn emptied(&self) {
        loop {
            let emptied = self.emptied.notified();
            if self.lock().jobs.is_empty() {
                return;
            }
            emptied.await;
        }
    }

    /// What still waits is lost with the process, and is counted so.
    pub async fn give_up(&self) {
        let jobs = std::mem::take(&mut *self.lock()).jobs;
        for job in &jobs {
            self.lose(job).await;
        }
        let _kept_by_others = tokio::fs::remove_dir(&self.settings.folder).await;
    }

    /// Whether it is done with: stored, or never to be.
    async fn carry_out(&self, job: &Job) -> bool {
        let done = match job {
            Job::Finish(of) => tokio::time::timeout(LONGEST_FINISH, self.store.finish_recording(of)).await,
            Job::Put { of, number, fence, bytes } => {
                let Ok(stereo) = tokio::fs::read(self.path(job)).await else {
                    self.count(*bytes);
                    return true;
                };
                tokio::time::timeout(LONGEST_PUT, self.store.put_segment(of, *number, *fence, stereo)).await
            }
        };
        match done {
            Ok(Ok(())) => true,
            Ok(Err(PortError::Throttled(_) | PortError::Unavailable(_))) | Err(_) => false,
            Ok(Err(error)) => {
                tracing::warn!(call = %job.sid(), %error, "the recording is not stored");
                self.count(job.bytes());
                true
            }
        }
    }

    async fn done(&self, job: &Job) {
        {
            let mut waiting = self.lock();
            // It may have been dropped meanwhile, to make room.
            if waiting.jobs.front() == Some(job) {
                waiting.jobs.pop_front();
                waiting.bytes -= job.bytes();
            }
        }
        self.remove(job).await;
        if self.lock().jobs.is_empty() {
            self.emptied.notify_waiters();
        }
    }

    async fn keep(&self, of: &Recorded, number: u32, fence: u64, stereo: &[u8]) {
        let job = Job::Put { of: of.clone(), number, fence, bytes: stereo.len() as u64 };
        if let Err(error) = self.write(&job, stereo).await {
            tracing::warn!(code = "spool_not_written", call = %of.call, %error);
            self.remove(&job).await;
            return self.count(job.bytes());
        }
        let dropped = self.lock().add(job, self.settings.most_bytes);
        for job in &dropped {
            self.lose(job).await;
        }
        self.news.notify_one();
    }

    async fn write(&self, job: &Job, stereo: &[u8]) -> std::io::Result<()> {
        tokio::fs::create_dir_all(&self.settings.folder).await?;
        tokio::fs::write(self.path(job), stereo).await
    }

    async fn lose(&self, job: &Job) {
        self.count(job.bytes());
        self.remove(job).await;
    }

    async fn remove(&self, job: &Job) {
        if let Job::Put { .. } = job {
            let _gone_already = tokio::fs::remove_file(self.path(job)).await;
        }
    }

    fn path(&self, job: &Job) -> PathBuf {
        match job {
            Job::Put { of, number, fence, .. } => {
                self.settings.folder.join(format!("{}.{number:06}.{fence:06}.ulaw", of.call))
            }
            Job::Finish(_) => self.settings.folder.clone(),
        }
    }

    fn has(&self, sid: &CallSid) -> bool {
        self.lock().jobs.iter().any(|job| job.sid() == sid)
    }

    fn count(&self, bytes: u64) {
        if bytes > 0 {
            self.metrics.recorder_lost_ms.get_or_create(&label("spool")).inc_by(Samples(bytes / 2).as_millis());
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    /// Returns the oldest, which had to go.
    fn add(&mut self, job: Job, most_bytes: u64) -> Vec<Job> {
        self.bytes += job.bytes();
        self.jobs.push_back(job);
        let mut dropped = Vec::new();
        while self.bytes > most_bytes
            && let Some(at) = self.jobs.iter().position(|job| job.bytes() > 0)
            && let Some(oldest) = self.jobs.remove(at)
        {
            self.bytes -= oldest.bytes();
            dropped.push(oldest);
        }
        dropped
    }
}

#[cfg(test)]
mod tests;
