//! Recordings in S3: a segment every few seconds while the call runs, one WAV when it is over.
//!
//! A segment within which the call went from one relay to another is in several parts, one for each holder's fence.
//! They are made one before all is joined.
//!
//! Joining is safe to repeat and to interrupt. Segments are removed only after the WAV is complete, the first one
//! first: a WAV beside segments that do not begin at 0 is therefore whole, and must not be made again from the rest.

mod erase;
mod fold;
mod join;

use std::time::{Duration, SystemTime};

use aws_sdk_s3::Client;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use shared::calls::Recorded;
use shared::ids::CallSid;
use shared::ports::{FoundRecording, LINKS_LAST, PortError, PortResult, ReadRecording, Recordings};

use super::sdk::port_error;

const SEGMENT: &str = "audio/basic";
/// A relay that has stored nothing more for so long does not live to join what it has stored.
const LEFT_ALONE: Duration = Duration::from_secs(30);
/// By which the bucket's rules know when an object goes (`infra/data.yaml`).
const RETENTION_TAG: &str = "retention-days";

#[derive(Debug, Clone)]
pub struct RecordingStore {
    client: Client,
    bucket: String,
}

/// A stretch of a recording that is not joined yet.
struct Segment {
    /// Which one, and by which holder: 0 before names said so.
    place: (u32, u64),
    /// `None`: nobody lived to store it.
    key: Option<String>,
    bytes: u64,
    stored_at: SystemTime,
    /// Of silence behind it, because what comes next comes later.
    pause: u64,
}

impl RecordingStore {
    pub fn new(client: Client, bucket: impl Into<String>) -> Self {
        Self { client, bucket: bucket.into() }
    }

    /// In order of number and fence.
    async fn segments(&self, sid: &CallSid) -> PortResult<Vec<Segment>> {
        let request = self.client.list_objects_v2().bucket(&self.bucket).prefix(format!("recordings/{sid}/"));
        let mut pages = request.into_paginator().send();
        let mut segments = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| port_error("list segments", &error))?;
            segments.extend(page.contents.unwrap_or_default().into_iter().filter_map(|object| {
                let bytes = u64::try_from(object.size.unwrap_or_default()).unwrap_or_default();
                let key = object.key?;
                let stored_at =
                    object.last_modified.and_then(|at| at.try_into().ok()).unwrap_or(SystemTime::UNIX_EPOCH);
                Some(Segment { place: place(&key)?, key: Some(key), bytes, stored_at, pause: 0 })
            }));
        }
        segments.sort_by_key(|segment| segment.place);
        Ok(segments)
    }

    /// How many bytes it has; `None`: it is not there.
    async fn size(&self, key: &str) -> PortResult<Option<u64>> {
        match self.client.head_object().bucket(&self.bucket).key(key).send().await {
            Ok(head) => Ok(Some(head.content_length.and_then(|bytes| bytes.try_into().ok()).unwrap_or_default())),
            Err(error) if error.as_service_error().is_some_and(|cause| cause.is_not_found()) => Ok(None),
            Err(error) => Err(port_error("look for recording", &error)),
        }
    }

    /// `file_name`: by which it is saved; without one it is played.
    async fn link(&self, key: &str, file_name: Option<&str>) -> PortResult<url::Url> {
        let terms = PresigningConfig::expires_in(LINKS_LAST).map_err(|_| no_link())?;
        let disposition = file_name.map(|name| format!("attachment; filename=\"{name}\""));
        let request = self.client.get_object().bucket(&self.bucket).key(key);
        let link = request.set_response_content_disposition(disposition).presigned(terms).await;
        link.map_err(|error| port_error("sign link", &error))?.uri().parse().map_err(|_| no_link())
    }

    async fn get(&self, key: &str) -> PortResult<Option<Vec<u8>>> {
        let object = match self.client.get_object().bucket(&self.bucket).key(key).send().await {
            Ok(object) => object,
            Err(error) if error.as_service_error().is_some_and(|cause| cause.is_no_such_key()) => return Ok(None),
            Err(error) => return Err(port_error("get object", &error)),
        };
        let body = object.body.collect().await;
        body.map(|bytes| Some(bytes.to_vec()))
            .map_err(|_| PortError::Unavailable("get object: the body broke off".to_owned()))
    }

    async fn put(&self, key: &str, kind: &str, days: u32, body: Vec<u8>) -> PortResult<()> {
        let request = self.client.put_object().bucket(&self.bucket).key(key).content_type(kind).tagging(tag(days));
        let answer = request.body(ByteStream::from(body)).send().await;
        answer.map(drop).map_err(|error| port_error("put object", &error))
    }

    async fn remove(&self, key: &str) -> PortResult<()> {
        let answer = self.client.delete_object().bucket(&self.bucket).key(key).send().await;
        answer.map(drop).map_err(|error| port_error("delete object", &error))
    }
}

impl Recordings for RecordingStore {
    async fn put_segment(&self, of: &Recorded, number: u32, fence: u64, stereo: Vec<u8>) -> PortResult<()> {
        self.put(&segment_key(&of.call, number, fence), SEGMENT, of.retention_days, stereo).await
    }

    async fn finish_recording(&self, of: &Recorded) -> PortResult<()> {
        let (sid, days) = (&of.call, of.retention_days);
        let segments = self.fold(self.segments(sid).await?, days).await?;
        let Some(first) = segments.first() else { return Ok(()) };
        let fresh = first.place.0 == 0 || self.size(&recording_key(sid)).await?.is_none();
        let segments = if fresh { in_time(segments) } else { segments };
        if fresh {
            self.join(&recording_key(sid), days, &segments).await?;
        }
        for key in segments.iter().filter_map(|segment| segment.key.as_ref()) {
            self.remove(key).await?;
        }
        Ok(())
    }

    async fn recording(&self, sid: &CallSid) -> PortResult<Option<Vec<u8>>> {
        self.get(&recording_key(sid)).await
    }
}

impl ReadRecording for RecordingStore {
    async fn read_recording(&self, sid: &CallSid, at_most: u64) -> PortResult<Option<FoundRecording>> {
        let key = recording_key(sid);
        match self.size(&key).await? {
            None => Ok(None),
            Some(bytes) if bytes > at_most => self.link(&key, None).await.map(FoundRecording::At).map(Some),
            Some(_) => Ok(self.get(&key).await?.map(FoundRecording::Whole)),
        }
    }

    async fn recording_url(&self, sid: &CallSid, file_name: &str) -> PortResult<Option<url::Url>> {
        let key = recording_key(sid);
        match self.size(&key).await? {
            Some(_) => self.link(&key, Some(file_name)).await.map(Some),
            None => Ok(None),
        }
    }

    async fn mend_recording(&self, of: &Recorded) -> PortResult<bool> {
        let segments = self.segments(&of.call).await?;
        let age = |segment: &Segment| segment.stored_at.elapsed().unwrap_or_default();
        match segments.iter().map(age).min() {
            Some(youngest) if youngest >= LEFT_ALONE => self.finish_recording(of).await.map(|()| true),
            Some(_) | None => Ok(false),
        }
    }
}

/// Each where it belongs in the call: what no holder lived to store is silence. All but the last are as long as the longest.
fn in_time(segments: Vec<Segment>) -> Vec<Segment> {
    let full = segments.iter().map(|segment| segment.bytes).max().unwrap_or_default();
    let mut whole: Vec<Segment> = Vec::with_capacity(segments.len());
    for segment in segments {
        if let Some(before) = whole.last_mut() {
            before.pause = full - before.bytes;
        }
        let missing = u32::try_from(whole.len()).unwrap_or(u32::MAX)..segment.place.0;
        whole.extend(missing.map(|number| Segment {
            place: (number, 0),
            key: None,
            bytes: 0,
            stored_at: SystemTime::UNIX_EPOCH,
            pause: full,
        }));
        whole.push(segment);
    }
    whole
}

fn tag(days: u32) -> String {
    format!("{RETENTION_TAG}={days}")
}

fn no_link() -> PortError {
    PortError::Corrupt("a link to a recording".to_owned())
}

fn segment_key(sid: &CallSid, number: u32, fence: u64) -> String {
    format!("recordings/{sid}/{number:06}.{fence:06}.ulaw")
}

/// The number and the fence in a segment's key.
fn place(key: &str) -> Option<(u32, u64)> {
    let name = key.rsplit('/').next()?.strip_suffix(".ulaw")?;
    let (number, fence) = name.split_once('.').unwrap_or((name, "0"));
    Some((number.parse().ok()?, fence.parse().ok()?))
}

fn recording_key(sid: &CallSid) -> String {
    format!("recordings/{sid}.wav")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segments_name_says_which_it_is_and_whose() {
        assert_eq!(place(&segment_key(&"CA1".into(), 12, 3)), Some((12, 3)));
        assert_eq!(place("recordings/CA1/000007.ulaw"), Some((7, 0)), "before names had fences");
        assert_eq!(place("recordings/CA1/notes.txt"), None);
    }
}
