//! Recordings, and the calls of a number, in memory.

use shared::calls::{Recorded, Trace};
use shared::ids::CallSid;
use shared::ports::{EraseCalls, EraseRecordings, FoundRecording, PortResult, ReadRecording};

use super::World;

impl ReadRecording for World {
    async fn mend_recording(&self, _of: &Recorded) -> PortResult<bool> {
        let mut state = self.state();
        let mended = state.unjoined.take();
        Ok(mended.map(|wav| state.recording = Some(wav)).is_some())
    }

    async fn read_recording(&self, _sid: &CallSid, _at_most: u64) -> PortResult<Option<FoundRecording>> {
        Ok(self.read()?.recording.clone())
    }

    async fn recording_url(&self, _sid: &CallSid, file_name: &str) -> PortResult<Option<url::Url>> {
        let there = self.read()?.recording.is_some();
        Ok(there.then(|| format!("https://bucket.example.com/it?as={file_name}").parse().unwrap()))
    }
}

impl EraseRecordings for World {
    async fn erase_recording(&self, sid: &CallSid) -> PortResult<()> {
        self.write()?.erased_recordings.push(sid.clone());
        Ok(())
    }
}

impl EraseCalls for World {
    async fn calls_of(&self, number: &str, after: Option<&Trace>, limit: u32) -> PortResult<Vec<Trace>> {
        let state = self.read()?;
        let of = state.calls.values().filter(|call| [&call.from, &call.to].iter().any(|it| it.reveal() == number));
        let trace = |call: &shared::calls::Call| Trace {
            call: call.sid.clone(),
            began_at_ms: call.began_at_ms,
            entries: Vec::new(),
        };
        let later = of.filter(|call| after.is_none_or(|last| call.sid > last.call));
        Ok(later.take(limit as usize).map(trace).collect())
    }

    async fn erase_call(&self, call: &Trace) -> PortResult<()> {
        self.write()?.calls.remove(&call.call);
        Ok(())
    }
}
