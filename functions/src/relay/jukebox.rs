//! Agents' own hold music, in memory: fetched when a call is opened, off the way of its audio, and shared by all calls. The
//! store is asked each time whether it is still there; if the store does not answer, what is known is played.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use shared::audio::hold_music::Piece;
use shared::ids::MusicId;
use shared::ports::{FoundMusic, PortError, PortResult, ReadMusic};
use shared::time::Samples;
use tokio::sync::Semaphore;

/// A call that has waited so long has the built-in piece.
const PATIENCE: Duration = Duration::from_secs(10);
/// An hour of music, 38 MB as it is sent. What was not played for longest goes first.
const MOST: Samples = Samples::from_millis(60 * 60 * 1_000);
/// Each may hold ten minutes twice while it reads.
const AT_ONCE: usize = 4;

#[derive(Debug)]
pub struct Jukebox<M> {
    store: Arc<M>,
    fetches: Semaphore,
    /// What was asked for last is last.
    shelf: Mutex<Vec<Kept>>,
}

#[derive(Debug, Clone)]
struct Kept {
    id: MusicId,
    tag: String,
    piece: Piece,
}

impl<M: ReadMusic> Jukebox<M> {
    pub fn new(store: Arc<M>) -> Self {
        Self { store, fetches: Semaphore::new(AT_ONCE), shelf: Mutex::default() }
    }

    /// `None`: the built-in piece has to do.
    pub async fn piece(&self, id: &MusicId) -> Option<Piece> {
        let known = self.known(id);
        let found = match tokio::time::timeout(PATIENCE, self.look(id, known.as_ref())).await {
            Ok(found) => found,
            Err(_) => Err(PortError::Unavailable("no answer in time".to_owned())),
        };
        match found {
            Ok(kept) => Some(self.keep(kept)),
            Err(PortError::Gone) => {
                tracing::warn!(code = "hold_music_gone", music = %id, "the built-in piece plays");
                self.shelf().retain(|kept| kept.id != *id);
                None
            }
            Err(error) => {
                tracing::warn!(code = "hold_music_unavailable", music = %id, %error);
                known.map(|kept| kept.piece)
            }
        }
    }

    async fn look(&self, id: &MusicId, known: Option<&Kept>) -> PortResult<Kept> {
        let _place = self.fetches.acquire().await;
        match (self.store.music(id, known.map(|kept| kept.tag.as_str())).await?, known) {
            (FoundMusic::Same, Some(known)) => Ok(known.clone()),
            (FoundMusic::Same, None) => Err(PortError::Corrupt("the same as nothing".to_owned())),
            (FoundMusic::Other { tag, mulaw }, _) => match Piece::new(&mulaw) {
                Some(piece) => Ok(Kept { id: id.detached(), tag, piece }),
                None => Err(PortError::Corrupt("less than a second of music".to_owned())),
            },
        }
    }

    fn known(&self, id: &MusicId) -> Option<Kept> {
        self.shelf().iter().find(|kept| kept.id == *id).cloned()
    }

    fn keep(&self, kept: Kept) -> Piece {
        let piece = kept.piece.clone();
        let mut shelf = self.shelf();
        shelf.retain(|other| other.id != kept.id);
        shelf.push(kept);
        while shelf.len() > 1 && shelf.iter().map(|kept| kept.piece.length().0).sum::<u64>() > MOST.0 {
            shelf.remove(0);
        }
        piece
    }

    fn shelf(&self) -> MutexGuard<'_, Vec<Kept>> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use bytes::Bytes;

    use super::*;

    #[derive(Debug, Default)]
    struct Store(Mutex<State>);

    #[derive(Debug, Default)]
    struct State {
        music: BTreeMap<String, Vec<u8>>,
        given: usize,
        broken: bool,
        hangs: bool,
    }

    impl ReadMusic for Store {
        async fn music(&self, id: &MusicId, known: Option<&str>) -> PortResult<FoundMusic> {
            if self.0.lock().unwrap().hangs {
                std::future::pending::<()>().await;
            }
            let mut state = self.0.lock().unwrap();
            if state.broken {
                return Err(PortError::Unavailable("S3 is on fire".to_owned()));
            }
            let mulaw = state.music.get(id.as_str()).cloned().ok_or(PortError::Gone)?;
            let tag = format!("\"{}\"", mulaw.len());
            if known == Some(tag.as_str()) {
                return Ok(FoundMusic::Same);
            }
            state.given += 1;
            Ok(FoundMusic::Other { tag, mulaw: Bytes::from(mulaw) })
        }
    }

    fn jukebox(music: &[(&str, u64)]) -> (Arc<Store>, Jukebox<Store>) {
        let store = Arc::new(Store::default());
        let sound = |ms: u64| vec![0x42; usize::try_from(Samples::from_millis(ms).0).unwrap()];
        store.0.lock().unwrap().music.extend(music.iter().map(|&(id, ms)| (id.to_owned(), sound(ms))));
        (Arc::clone(&store), Jukebox::new(store))
    }

    async fn length(jukebox: &Jukebox<Store>, id: &str) -> Option<u64> {
        Some(jukebox.piece(&id.into()).await?.length().as_millis())
    }

    #[tokio::test]
    async fn a_piece_is_fetched_once_for_all_calls_and_again_when_it_is_another() {
        let (store, jukebox) = jukebox(&[("a", 3_000)]);
        assert_eq!((length(&jukebox, "a").await, length(&jukebox, "a").await), (Some(3_000), Some(3_000)));
        assert_eq!(store.0.lock().unwrap().given, 1);
        store.0.lock().unwrap().music.insert("a".to_owned(), vec![0x42; 48_000]);
        assert_eq!(length(&jukebox, "a").await, Some(6_000));
        assert_eq!((store.0.lock().unwrap().given, jukebox.shelf().len()), (2, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_is_away_or_slow_costs_only_what_was_never_heard() {
        let (store, jukebox) = jukebox(&[("a", 3_000), ("b", 3_000)]);
        length(&jukebox, "a").await.unwrap();
        store.0.lock().unwrap().broken = true;
        assert_eq!((length(&jukebox, "a").await, length(&jukebox, "b").await), (Some(3_000), None));
        store.0.lock().unwrap().hangs = true;
        assert_eq!((length(&jukebox, "a").await, length(&jukebox, "b").await), (Some(3_000), None));
    }

    #[tokio::test]
    async fn what_was_deleted_is_forgotten() {
        let (store, jukebox) = jukebox(&[("a", 3_000)]);
        length(&jukebox, "a").await.unwrap();
        store.0.lock().unwrap().music.clear();
        assert_eq!(length(&jukebox, "a").await, None);
        store.0.lock().unwrap().broken = true;
        assert_eq!(length(&jukebox, "a").await, None);
    }

    #[tokio::test]
    async fn no_more_than_an_hour_is_kept_and_what_was_played_last_stays() {
        let minutes = 8 * 60 * 1_000;
        let names: Vec<String> = (0..9).map(|number| number.to_string()).collect();
        let music: Vec<(&str, u64)> = names.iter().map(|name| (name.as_str(), minutes)).collect();
        let (store, jukebox) = jukebox(&music);
        for name in ["0", "1", "2", "3", "4", "5", "6", "0", "7", "8"] {
            length(&jukebox, name).await.unwrap();
        }
        let kept: Vec<String> = jukebox.shelf().iter().map(|kept| kept.id.to_string()).collect();
        assert_eq!(kept, ["3", "4", "5", "6", "0", "7", "8"]);
        assert_eq!(store.0.lock().unwrap().given, 9);
    }

    #[tokio::test]
    async fn what_is_no_music_is_not_played() {
        let (_, jukebox) = jukebox(&[("a", 10)]);
        assert_eq!(length(&jukebox, "a").await, None);
    }
}
