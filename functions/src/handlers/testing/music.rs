//! Hold music in memory.

use std::time::Duration;

use shared::audio::wav;
use shared::hold_music::MusicFile;
use shared::ids::{MusicId, UploadId};
use shared::ports::{FoundRecording, KeepMusic, MusicUpload, PortError, PortResult, Uploaded};

use super::World;

/// The only upload there is.
pub(in crate::handlers) const UPLOAD: &str = "upload-upload-upload";

impl KeepMusic for World {
    async fn music_files(&self) -> PortResult<Vec<MusicFile>> {
        Ok(self.read()?.music.values().map(|(file, _)| file.clone()).collect())
    }

    async fn put_music(&self, file: &MusicFile, mulaw: Vec<u8>) -> PortResult<()> {
        self.write()?.music.insert(file.id.clone(), (file.clone(), mulaw));
        Ok(())
    }

    async fn delete_music(&self, id: &MusicId) -> PortResult<()> {
        self.write()?.music.remove(id).map(drop).ok_or(PortError::Gone)
    }

    async fn listen(&self, id: &MusicId, at_most: u64) -> PortResult<FoundRecording> {
        let state = self.read()?;
        let (_, mulaw) = state.music.get(id).ok_or(PortError::Gone)?;
        if mulaw.len() as u64 > at_most {
            return Ok(FoundRecording::At("https://bucket.example.com/music.wav".parse().unwrap()));
        }
        Ok(FoundRecording::Whole(wav::mulaw_file(1, mulaw)))
    }

    async fn open_upload(&self, bytes: u64) -> PortResult<MusicUpload> {
        let url = format!("https://bucket.example.com/{UPLOAD}?bytes={bytes}").parse().unwrap();
        Ok(MusicUpload { id: UPLOAD.into(), url, expires_in: Duration::from_secs(900) })
    }

    async fn take_upload(&self, id: &UploadId, at_most: u64) -> PortResult<Uploaded> {
        let file = self.write()?.uploaded.take().filter(|_| id.as_str() == UPLOAD).ok_or(PortError::Gone)?;
        Ok(if file.len() as u64 > at_most { Uploaded::TooLarge } else { Uploaded::File(file) })
    }
}
