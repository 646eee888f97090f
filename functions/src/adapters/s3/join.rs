//! Joining segments to one object, with no more than one part and one segment in memory.

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use shared::audio::mulaw::SILENCE;
use shared::audio::wav;
use shared::ports::{PortError, PortResult};

use super::super::sdk::port_error;
use super::{RecordingStore, Segment, tag};

/// S3 takes no smaller part, but for the last.
const PART_BYTES: usize = 5 * 1024 * 1024;

impl RecordingStore {
    pub(super) async fn join(&self, key: &str, days: u32, segments: &[Segment]) -> PortResult<()> {
        let bytes = segments.iter().map(|segment| segment.bytes + segment.pause).sum();
        let header = wav::mulaw_header(2, Some(bytes)).to_vec();
        if bytes < (PART_BYTES - header.len()) as u64 {
            return self.join_small(key, days, header, segments).await;
        }
        let upload = self.begin(key, days).await?;
        match self.join_parts(&upload, header, segments).await {
            Ok(parts) => self.complete(&upload, parts).await,
            Err(error) => {
                self.abandon(&upload).await;
                Err(error)
            }
        }
    }

    async fn join_small(&self, key: &str, days: u32, mut wav: Vec<u8>, segments: &[Segment]) -> PortResult<()> {
        for segment in segments {
            wav.extend(self.segment(segment).await?);
        }
        self.put(key, "audio/wav", days, wav).await
    }

    async fn join_parts(&self, to: &Upload, header: Vec<u8>, from: &[Segment]) -> PortResult<Vec<CompletedPart>> {
        let mut parts = Vec::new();
        let mut pending = header;
        for segment in from {
            pending.extend(self.segment(segment).await?);
            if pending.len() >= PART_BYTES {
                parts.push(self.part(to, parts.len() + 1, std::mem::take(&mut pending)).await?);
            }
        }
        if !pending.is_empty() {
            parts.push(self.part(to, parts.len() + 1, pending).await?);
        }
        Ok(parts)
    }

    /// Exactly what was listed: a header that names the length has been written already.
    pub(super) async fn segment(&self, segment: &Segment) -> PortResult<Vec<u8>> {
        let stored = match &segment.key {
            Some(key) => self.get(key).await?,
            None => Some(Vec::new()),
        };
        match stored {
            Some(mut bytes) if bytes.len() as u64 == segment.bytes => {
                let whole = bytes.len().saturating_add(usize::try_from(segment.pause).unwrap_or(usize::MAX));
                bytes.resize(whole, SILENCE);
                Ok(bytes)
            }
            _ => Err(PortError::Conflict("a segment changed while the recording was joined".to_owned())),
        }
    }

    async fn begin(&self, key: &str, days: u32) -> PortResult<Upload> {
        let request = self.client.create_multipart_upload().bucket(&self.bucket).key(key).content_type("audio/wav");
        let answer = request.tagging(tag(days)).send().await.map_err(|error| port_error("begin upload", &error))?;
        let id = answer.upload_id.ok_or_else(|| PortError::Corrupt("an upload without an id".to_owned()))?;
        Ok(Upload { key: key.to_owned(), id })
    }

    async fn part(&self, to: &Upload, number: usize, bytes: Vec<u8>) -> PortResult<CompletedPart> {
        let number = i32::try_from(number).unwrap_or(i32::MAX);
        let request = self.client.upload_part().bucket(&self.bucket).key(&to.key).upload_id(&to.id);
        let answer = request.part_number(number).body(ByteStream::from(bytes)).send().await;
        let answer = answer.map_err(|error| port_error("upload part", &error))?;
        Ok(CompletedPart::builder().part_number(number).set_e_tag(answer.e_tag).build())
    }

    async fn complete(&self, upload: &Upload, parts: Vec<CompletedPart>) -> PortResult<()> {
        let request = self.client.complete_multipart_upload().bucket(&self.bucket).key(&upload.key);
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let answer = request.upload_id(&upload.id).multipart_upload(parts).send().await;
        answer.map(drop).map_err(|error| port_error("complete upload", &error))
    }

    /// Parts that nobody completes are paid for. If this fails too, the bucket's lifecycle rule has them.
    async fn abandon(&self, upload: &Upload) {
        let request = self.client.abort_multipart_upload().bucket(&self.bucket).key(&upload.key);
        if let Err(error) = request.upload_id(&upload.id).send().await {
            tracing::warn!(code = "upload_not_abandoned", error = %port_error("abandon upload", &error));
        }
    }
}

struct Upload {
    key: String,
    id: String,
}
