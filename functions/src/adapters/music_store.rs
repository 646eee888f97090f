//! Hold music in S3: the sound as a µ-law WAV, which anything plays, and beside it what is known of it. Files that are too
//! large for a request lie in a place of their own until they are made into one; what is forgotten there goes by itself.

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use futures_util::future::try_join_all;
use shared::audio::wav;
use shared::hold_music::{MOST_FILES, MusicFile};
use shared::ids::{MusicId, UploadId};
use shared::ports::{
    FoundMusic, FoundRecording, KeepMusic, MusicUpload, PortError, PortResult, Random as _, ReadMusic, Uploaded,
};

use super::random::SystemRandom;
use super::sdk::port_error;

const FILES: &str = "hold-music/files/";
const LINKS_STAY: Duration = Duration::from_secs(15 * 60);

#[derive(Debug, Clone)]
pub struct MusicStore {
    client: Client,
    bucket: String,
}

impl MusicStore {
    pub fn new(client: Client, bucket: impl Into<String>) -> Self {
        Self { client, bucket: bucket.into() }
    }

    /// [`PortError::Gone`] if it is not there. With its tag; without a body if that is `known`.
    async fn get(&self, key: &str, known: Option<&str>) -> PortResult<(String, Option<Bytes>)> {
        let request = self.client.get_object().bucket(&self.bucket).key(key);
        let object = match request.set_if_none_match(known.map(str::to_owned)).send().await {
            Ok(object) => object,
            Err(error) if error.raw_response().is_some_and(|raw| raw.status().as_u16() == 304) => {
                return Ok((known.unwrap_or_default().to_owned(), None));
            }
            Err(error) if error.as_service_error().is_some_and(|cause| cause.is_no_such_key()) => {
                return Err(PortError::Gone);
            }
            Err(error) => return Err(port_error("get music", &error)),
        };
        let tag = object.e_tag.clone().unwrap_or_default();
        if known == Some(tag.as_str()) {
            return Ok((tag, None));
        }
        let body = object.body.collect().await;
        let body = body.map_err(|_| PortError::Unavailable("get music: the body broke off".to_owned()))?;
        Ok((tag, Some(body.into_bytes())))
    }

    async fn put(&self, key: &str, kind: &str, body: Vec<u8>) -> PortResult<()> {
        let request = self.client.put_object().bucket(&self.bucket).key(key).content_type(kind);
        let answer = request.body(ByteStream::from(body)).send().await;
        answer.map(drop).map_err(|error| port_error("put music", &error))
    }

    async fn remove(&self, key: &str) -> PortResult<()> {
        let answer = self.client.delete_object().bucket(&self.bucket).key(key).send().await;
        answer.map(drop).map_err(|error| port_error("delete music", &error))
    }

    /// [`PortError::Gone`] if it is not there.
    async fn size(&self, key: &str) -> PortResult<u64> {
        match self.client.head_object().bucket(&self.bucket).key(key).send().await {
            Ok(head) => Ok(head.content_length.and_then(|bytes| bytes.try_into().ok()).unwrap_or_default()),
            Err(error) if error.as_service_error().is_some_and(|cause| cause.is_not_found()) => Err(PortError::Gone),
            Err(error) => Err(port_error("look for music", &error)),
        }
    }

    /// `None`: deleted since it was listed.
    async fn file(&self, key: &str) -> PortResult<Option<MusicFile>> {
        match self.get(key, None).await {
            Ok((_, body)) => {
                let file = serde_json::from_slice(&body.unwrap_or_default());
                file.map(Some).map_err(|error| PortError::Corrupt(format!("{key}: {error}")))
            }
            Err(PortError::Gone) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl ReadMusic for MusicStore {
    async fn music(&self, id: &MusicId, known: Option<&str>) -> PortResult<FoundMusic> {
        let (tag, file) = self.get(&sound_key(id), known).await?;
        let Some(file) = file else { return Ok(FoundMusic::Same) };
        if file.len() < wav::HEADER_BYTES || !file.starts_with(b"RIFF") {
            return Err(PortError::Corrupt(format!("{id} is no WAV file")));
        }
        Ok(FoundMusic::Other { tag, mulaw: file.slice(wav::HEADER_BYTES..) })
    }
}

impl KeepMusic for MusicStore {
    async fn music_files(&self) -> PortResult<Vec<MusicFile>> {
        let most = i32::try_from(MOST_FILES).unwrap_or(i32::MAX);
        let request = self.client.list_objects_v2().bucket(&self.bucket).prefix(FILES).max_keys(most);
        let page = request.send().await.map_err(|error| port_error("list music", &error))?;
        let keys: Vec<String> = page.contents.unwrap_or_default().into_iter().filter_map(|object| object.key).collect();
        let files = try_join_all(keys.iter().map(|key| self.file(key))).await?;
        Ok(files.into_iter().flatten().collect())
    }

    async fn put_music(&self, file: &MusicFile, mulaw: Vec<u8>) -> PortResult<()> {
        let about = serde_json::to_vec(file).map_err(|error| PortError::Corrupt(error.to_string()))?;
        self.put(&sound_key(&file.id), "audio/wav", wav::mulaw_file(1, &mulaw)).await?;
        self.put(&file_key(&file.id), "application/json", about).await
    }

    async fn delete_music(&self, id: &MusicId) -> PortResult<()> {
        self.size(&file_key(id)).await?;
        self.remove(&file_key(id)).await?;
        self.remove(&sound_key(id)).await
    }

    async fn listen(&self, id: &MusicId, at_most: u64) -> PortResult<FoundRecording> {
        let key = sound_key(id);
        if self.size(&key).await? <= at_most {
            let (_, body) = self.get(&key, None).await?;
            return Ok(FoundRecording::Whole(body.unwrap_or_default().to_vec()));
        }
        let terms = PresigningConfig::expires_in(LINKS_STAY).map_err(|_| no_link())?;
        let link = self.client.get_object().bucket(&self.bucket).key(key).presigned(terms).await;
        let link = link.map_err(|error| port_error("sign link", &error))?;
        Ok(FoundRecording::At(link.uri().parse().map_err(|_| no_link())?))
    }

    async fn open_upload(&self, bytes: u64) -> PortResult<MusicUpload> {
        let id = UploadId::from(SystemRandom.token()?.reveal());
        let terms = PresigningConfig::expires_in(LINKS_STAY).map_err(|_| no_link())?;
        let length = i64::try_from(bytes).map_err(|_| no_link())?;
        // The length is signed with the rest: S3 takes no more and no less.
        let request = self.client.put_object().bucket(&self.bucket).key(upload_key(&id)).content_length(length);
        let link = request.presigned(terms).await.map_err(|error| port_error("sign link", &error))?;
        Ok(MusicUpload { id, url: link.uri().parse().map_err(|_| no_link())?, expires_in: LINKS_STAY })
    }

    async fn take_upload(&self, id: &UploadId, at_most: u64) -> PortResult<Uploaded> {
        let key = upload_key(id);
        let found = if self.size(&key).await? > at_most {
            Uploaded::TooLarge
        } else {
            let (_, body) = self.get(&key, None).await?;
            Uploaded::File(body.unwrap_or_default().to_vec())
        };
        self.remove(&key).await?;
        Ok(found)
    }
}

fn no_link() -> PortError {
    PortError::Corrupt("a link to hold music".to_owned())
}

fn file_key(id: &MusicId) -> String {
    format!("hold-music/files/{id}.json")
}

fn sound_key(id: &MusicId) -> String {
    format!("hold-music/sound/{id}.wav")
}

fn upload_key(id: &UploadId) -> String {
    format!("hold-music/uploads/{id}")
}
