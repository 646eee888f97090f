use std::collections::BTreeSet;
use std::path::Path;

use tokio::sync::watch;

use super::super::random;
use super::*;

/// A store that a test can take away.
#[derive(Debug, Default)]
struct Shelf {
    away: watch::Sender<bool>,
    seen: watch::Sender<Vec<String>>,
}

impl Shelf {
    fn take(&self, what: String) -> PortResult<()> {
        if *self.away.borrow() {
            return Err(PortError::Unavailable("no connection".to_owned()));
        }
        self.seen.send_modify(|seen| seen.push(what));
        Ok(())
    }

    fn seen(&self) -> Vec<String> {
        self.seen.borrow().clone()
    }
}

impl Recordings for Shelf {
    async fn put_segment(&self, of: &Recorded, number: u32, fence: u64, stereo: Vec<u8>) -> PortResult<()> {
        self.take(format!("{} {number}.{fence} {}", of.call, stereo.len()))
    }
    async fn finish_recording(&self, of: &Recorded) -> PortResult<()> {
        self.take(format!("{} finished", of.call))
    }
    async fn recording(&self, _sid: &CallSid) -> PortResult<Option<Vec<u8>>> {
        Ok(None)
    }
}

fn of(call: &str) -> Recorded {
    Recorded { call: call.into(), retention_days: 30 }
}

struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        Self(std::env::temp_dir().join(format!("spool-test-{}", random::name())))
    }

    fn files(&self) -> BTreeSet<String> {
        let Ok(files) = std::fs::read_dir(&self.0) else { return BTreeSet::new() };
        files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _not_there = std::fs::remove_dir_all(&self.0);
        let _not_there = std::fs::remove_file(&self.0);
    }
}

fn spool(folder: &Path, most_bytes: u64) -> (Arc<Spool<Shelf>>, Arc<Shelf>) {
    let shelf = Arc::new(Shelf::default());
    let settings = SpoolSettings { folder: folder.to_owned(), most_bytes };
    (Arc::new(Spool::new(Arc::clone(&shelf), settings, Arc::new(Metrics::new()))), shelf)
}

fn lost_ms(spool: &Spool<Shelf>) -> u64 {
    spool.metrics.recorder_lost_ms.get_or_create(&label("spool")).get()
}

async fn put(spool: &Spool<Shelf>, call: &str, number: u32) {
    spool.put_segment(&of(call), number, 1, vec![0xFF; 1_600]).await.unwrap();
}

async fn stored(spool: &Arc<Spool<Shelf>>) {
    let stop = CancellationToken::new();
    let running = tokio::spawn(Arc::clone(spool).run(stop.clone()));
    tokio::time::timeout(Duration::from_secs(20), spool.emptied()).await.unwrap();
    stop.cancel();
    running.await.unwrap();
}

#[tokio::test]
async fn while_the_store_is_there_nothing_touches_the_disk() {
    let folder = Folder::new();
    let (spool, shelf) = spool(&folder.0, 1 << 20);
    put(&spool, "CA1", 0).await;
    spool.finish_recording(&of("CA1")).await.unwrap();
    assert_eq!(shelf.seen(), ["CA1 0.1 1600", "CA1 finished"]);
    assert!(!folder.0.exists());
}

#[tokio::test]
async fn what_the_store_does_not_take_is_stored_in_order_when_it_is_back_and_the_calls_are_over() {
    let folder = Folder::new();
    let (spool, shelf) = spool(&folder.0, 1 << 20);
    put(&spool, "CA1", 0).await;
    shelf.away.send_replace(true);
    put(&spool, "CA1", 1).await;
    put(&spool, "CA2", 0).await;
    assert_eq!(folder.files(), ["CA1.000001.000001.ulaw", "CA2.000000.000001.ulaw"].map(str::to_owned).into());
    shelf.away.send_replace(false);
    // The store is back, but an earlier segment of this call still waits.
    put(&spool, "CA1", 2).await;
    spool.finish_recording(&of("CA1")).await.unwrap();
    assert_eq!(shelf.seen(), ["CA1 0.1 1600"]);
    stored(&spool).await;
    let expected = ["CA1 0.1 1600", "CA1 1.1 1600", "CA2 0.1 1600", "CA1 2.1 1600", "CA1 finished"];
    assert_eq!(shelf.seen(), expected);
    assert_eq!((folder.files().len(), lost_ms(&spool)), (0, 0));
}

#[tokio::test]
async fn a_store_that_comes_back_later_is_asked_until_then() {
    let folder = Folder::new();
    let (spool, shelf) = spool(&folder.0, 1 << 20);
    shelf.away.send_replace(true);
    put(&spool, "CA1", 0).await;
    let stop = CancellationToken::new();
    let running = tokio::spawn(Arc::clone(&spool).run(stop.clone()));
    assert!(tokio::time::timeout(Duration::from_millis(200), spool.emptied()).await.is_err());
    shelf.away.send_replace(false);
    tokio::time::timeout(Duration::from_secs(10), spool.emptied()).await.unwrap();
    assert_eq!(shelf.seen(), ["CA1 0.1 1600"]);
    stop.cancel();
    running.await.unwrap();
}

#[tokio::test]
async fn a_recording_that_cannot_be_joined_now_is_joined_later() {
    let folder = Folder::new();
    let (spool, shelf) = spool(&folder.0, 1 << 20);
    shelf.away.send_replace(true);
    spool.finish_recording(&of("CA1")).await.unwrap();
    shelf.away.send_replace(false);
    stored(&spool).await;
    assert_eq!(shelf.seen(), ["CA1 finished"]);
}

#[tokio::test]
async fn beyond_the_bound_the_oldest_is_dropped_and_counted() {
    let folder = Folder::new();
    let (spool, shelf) = spool(&folder.0, 2 * 1_600);
    shelf.away.send_replace(true);
    for number in 0..5 {
        put(&spool, "CA1", number).await;
    }
    assert_eq!(folder.files().len(), 2);
    assert_eq!(lost_ms(&spool), 300);
    shelf.away.send_replace(false);
    stored(&spool).await;
    assert_eq!(shelf.seen(), ["CA1 3.1 1600", "CA1 4.1 1600"]);
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_costs_sound_and_is_no_fault() {
    let folder = Folder::new();
    // A file stands where the folder should be: nobody can write there, root neither.
    std::fs::write(&folder.0, "in the way").unwrap();
    let (spool, shelf) = spool(&folder.0, 1 << 20);
    shelf.away.send_replace(true);
    put(&spool, "CA1", 0).await;
    put(&spool, "CA1", 1).await;
    assert_eq!(lost_ms(&spool), 200);
    shelf.away.send_replace(false);
    put(&spool, "CA1", 2).await;
    assert_eq!(shelf.seen(), ["CA1 2.1 1600"], "the call's recording goes on");
}

#[tokio::test]
async fn what_still_waits_when_the_process_goes_is_counted_and_removed() {
    let folder = Folder::new();
    let (spool, shelf) = spool(&folder.0, 1 << 20);
    shelf.away.send_replace(true);
    put(&spool, "CA1", 0).await;
    spool.give_up().await;
    assert_eq!((lost_ms(&spool), folder.0.exists()), (100, false));
}
