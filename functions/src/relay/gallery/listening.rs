//! What sounds in a call, for those who listen: laid out in time as the recorder does it, so that they hear what was heard
//! and not what was sent and taken back; a little later, so that what comes late is still in its place.

use shared::audio::Payload;
use shared::audio::mulaw::SILENCE;
use shared::audio::recording::{RecordOp, Timeline};
use shared::ids::CallSid;
use shared::live::LiveEntry;
use shared::redact::Pii;
use shared::session::Speaker;
use shared::time::Samples;

use crate::relay::clock::CallClock;

/// What the carrier's frames may come late by, and be put in order.
const BEHIND: Samples = Samples::from_millis(300);

#[derive(Debug)]
pub(super) struct Ear {
    clock: CallClock,
    timeline: Timeline,
}

impl Ear {
    pub(super) fn new(clock: CallClock) -> Self {
        Self { timeline: Timeline::starting_at(Samples::from(clock.now()) - BEHIND), clock }
    }

    pub(super) fn hear(&mut self, op: &RecordOp) {
        self.timeline.apply(op);
    }

    /// Both sides since this was asked last, but for silence.
    pub(super) fn heard(&mut self, call: &CallSid) -> impl Iterator<Item = LiveEntry> + use<> {
        let from = self.timeline.taken();
        let stereo = self.timeline.take_until(Samples::from(self.clock.now()) - BEHIND);
        let call = call.clone();
        [(Speaker::Caller, 0), (Speaker::Agent, 1)].into_iter().filter_map(move |(side, offset)| {
            let track: Vec<u8> = stereo.iter().copied().skip(offset).step_by(2).collect();
            let sounds = track.iter().any(|sample| *sample != SILENCE);
            let mulaw = Pii::new(Payload::encode(&track).as_base64().to_owned());
            sounds.then(|| LiveEntry::Audio { call: call.clone(), from, side, mulaw })
        })
    }
}
