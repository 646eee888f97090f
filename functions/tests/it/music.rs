//! Hold music in S3.

use functions::adapters::music_store::MusicStore;
use shared::audio::wav;
use shared::hold_music::{MusicFile, MusicSource, id_of};
use shared::ports::{FoundMusic, FoundRecording, KeepMusic, PortError, ReadMusic, Uploaded};

use crate::world::{Bucket, bucket};

fn store(bucket: &Bucket) -> MusicStore {
    MusicStore::new(bucket.client.clone(), "recordings")
}

fn sound() -> Vec<u8> {
    (0..9_001_u32).map(|at| (at * 7) as u8).collect()
}

fn file() -> MusicFile {
    let source = MusicSource { format: "mp3".to_owned(), rate: 44_100, channels: 2, bytes: 30_000 };
    MusicFile {
        id: id_of(&sound()),
        title: "Spring".to_owned(),
        length_ms: 1_125,
        uploaded_at_ms: 1,
        source,
        loudness_lufs: -14.0,
        gain_db: -12.0,
    }
}

#[tokio::test]
async fn what_is_kept_is_played_byte_for_byte_and_only_once_when_it_is_the_same() {
    let bucket = bucket().await;
    let store = store(&bucket);
    store.put_music(&file(), sound()).await.unwrap();
    assert_eq!(store.music_files().await.unwrap(), [file()]);
    let found = store.music(&file().id, None).await.unwrap();
    let FoundMusic::Other { tag, mulaw } = found else { panic!("{found:?}") };
    assert!(mulaw.starts_with(&sound()) && !tag.is_empty());
    assert_eq!(store.music(&file().id, Some(&tag)).await.unwrap(), FoundMusic::Same);
    let FoundRecording::Whole(heard) = store.listen(&file().id, 1 << 20).await.unwrap() else { panic!("a link") };
    assert_eq!(heard, wav::mulaw_file(1, &sound()));
    let FoundRecording::At(link) = store.listen(&file().id, 100).await.unwrap() else { panic!("whole") };
    assert_eq!(reqwest::get(link).await.unwrap().bytes().await.unwrap(), heard);
}

#[tokio::test]
async fn what_is_deleted_is_gone() {
    let bucket = bucket().await;
    let store = store(&bucket);
    store.put_music(&file(), sound()).await.unwrap();
    store.delete_music(&file().id).await.unwrap();
    assert_eq!(store.music_files().await.unwrap(), []);
    assert_eq!(store.delete_music(&file().id).await, Err(PortError::Gone));
    assert_eq!(store.music(&file().id, Some("\"tag\"")).await, Err(PortError::Gone));
    assert_eq!(store.listen(&file().id, 1).await, Err(PortError::Gone));
}

#[tokio::test]
async fn an_upload_is_put_by_its_link_and_taken_once() {
    let bucket = bucket().await;
    let store = store(&bucket);
    let place = store.open_upload(5_000).await.unwrap();
    assert_eq!(store.take_upload(&place.id, 1 << 20).await, Err(PortError::Gone));
    let put = |length: usize| reqwest::Client::new().put(place.url.clone()).body(vec![7_u8; length]).send();
    assert!(!put(6_000).await.unwrap().status().is_success(), "its length is part of what was signed");
    assert!(put(5_000).await.unwrap().status().is_success());
    assert_eq!(store.take_upload(&place.id, 1 << 20).await, Ok(Uploaded::File(vec![7; 5_000])));
    assert_eq!(store.take_upload(&place.id, 1 << 20).await, Err(PortError::Gone));
    assert!(put(5_000).await.unwrap().status().is_success());
    assert_eq!(store.take_upload(&place.id, 4_999).await, Ok(Uploaded::TooLarge));
    assert_eq!(store.take_upload(&place.id, 4_999).await, Err(PortError::Gone));
}
