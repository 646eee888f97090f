//! Recordings in S3: a segment every few seconds while the call runs, one WAV when it is over.
//!
//! A segment within which the call went from one relay to another is in several parts, one for each holder's fence.
//! They are made one before all is joined.
//!
//! Joining is safe to repeat and to interrupt. Segments are removed only after the WAV is complete, the first one
//! first: a WAV beside segments that do not begin at 0 is therefore whole, and must not be made again from the rest.

mod fold;
mod join;

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use shared::ids::CallSid;
use shared::ports::{FoundRecording, PortError, PortResult, ReadRecording, Recordings};

use super::sdk::port_error;

const SEGMENT: &str = "audio/basic";
const LINKS_STAY: Duration = Duration::from_secs(5 * 60);

#[derive(Debug, Clone)]
pub struct RecordingStore {
    client: Client,
    bucket: String,
}

/// A stretch of a recording that is not joined yet.
struct Segment {
    /// Which one, and by which holder: 0 before names said so.
    place: (u32, u64),
    key: String,
    bytes: u64,
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
                Some(Segment { place: place(&key)?, key, bytes })
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

    async fn link(&self, key: &str) -> PortResult<url::Url> {
        let terms = PresigningConfig::expires_in(LINKS_STAY).map_err(|_| no_link())?;
        let link = self.client.get_object().bucket(&self.bucket).key(key).presigned(terms).await;
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

    async fn put(&self, key: &str, kind: &str, body: Vec<u8>) -> PortResult<()> {
        let request = self.client.put_object().bucket(&self.bucket).key(key).content_type(kind);
        let answer = request.body(ByteStream::from(body)).send().await;
        answer.map(drop).map_err(|error| port_error("put object", &error))
    }

    async fn remove(&self, key: &str) -> PortResult<()> {
        let answer = self.client.delete_object().bucket(&self.bucket).key(key).send().await;
        answer.map(drop).map_err(|error| port_error("delete object", &error))
    }
}

impl Recordings for RecordingStore {
    async fn put_segment(&self, sid: &CallSid, number: u32, fence: u64, stereo: Vec<u8>) -> PortResult<()> {
        self.put(&segment_key(sid, number, fence), SEGMENT, stereo).await
    }

    async fn finish_recording(&self, sid: &CallSid) -> PortResult<()> {
        let segments = self.fold(self.segments(sid).await?).await?;
        let Some(first) = segments.first() else { return Ok(()) };
        if first.place.0 == 0 || self.size(&recording_key(sid)).await?.is_none() {
            self.join(&recording_key(sid), &segments).await?;
        }
        for segment in &segments {
            self.remove(&segment.key).await?;
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
            Some(bytes) if bytes > at_most => self.link(&key).await.map(FoundRecording::At).map(Some),
            Some(_) => Ok(self.get(&key).await?.map(FoundRecording::Whole)),
        }
    }
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
