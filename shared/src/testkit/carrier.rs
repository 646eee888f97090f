//! The carrier's end of a stream, in virtual time: it buffers, plays at 8 kHz, and sends marks back when the audio
//! before them has been played, or all at once when it is told to clear.

use std::collections::VecDeque;

use crate::audio::Payload;
use crate::ids::StreamSid;
use crate::session::{Mark, ToCaller};
use crate::time::{CallTime, Samples};
use crate::twilio::media::{Media, StreamEvent, StreamMessage};

#[derive(Debug)]
pub struct Carrier {
    pub stream: StreamSid,
    /// How long a message takes, each way.
    one_way_ms: u64,
    next_sequence: u64,
    next_chunk: u64,
    next_stamp_ms: u64,
    buffer: VecDeque<Queued>,
    /// Echoes on their way to us.
    echoes: VecDeque<(CallTime, Mark)>,
    /// All that was really played, with the time at which it began.
    pub played: Vec<(CallTime, Payload)>,
    plays_until: Samples,
}

#[derive(Debug)]
enum Queued {
    Audio { starts: Samples, payload: Payload },
    Mark { due: Samples, mark: Mark },
}

impl Carrier {
    pub fn new(stream: &str, one_way_ms: u64) -> Self {
        Self {
            stream: stream.into(),
            one_way_ms,
            next_sequence: 1,
            next_chunk: 1,
            next_stamp_ms: 0,
            buffer: VecDeque::new(),
            echoes: VecDeque::new(),
            played: Vec::new(),
            plays_until: Samples::ZERO,
        }
    }

    /// A message of ours arrives after its way.
    pub fn receive(&mut self, sent_at: CallTime, message: &ToCaller) {
        let now = CallTime(sent_at.0 + self.one_way_ms);
        self.play_until(now);
        match message {
            ToCaller::Media { payload, .. } => {
                let starts = self.plays_until.max(now.into());
                self.plays_until = starts + payload.samples();
                self.buffer.push_back(Queued::Audio { starts, payload: payload.clone() });
            }
            ToCaller::Mark { mark, .. } => {
                let due = self.plays_until.max(now.into());
                self.buffer.push_back(Queued::Mark { due, mark: *mark });
            }
            ToCaller::Clear { .. } => self.clear(now),
        }
        self.play_until(now);
    }

    /// The next echo that reaches us, and when.
    pub fn next_echo_at(&self) -> Option<CallTime> {
        let buffered = self.buffer.iter().find_map(|queued| match queued {
            Queued::Mark { due, .. } => Some(CallTime(due.0.div_ceil(8) + self.one_way_ms)),
            Queued::Audio { .. } => None,
        });
        self.echoes.front().map(|(at, _)| *at).into_iter().chain(buffered).min()
    }

    /// Takes an echo that has reached us by now.
    pub fn take_echo(&mut self, now: CallTime) -> Option<Mark> {
        self.play_until(CallTime(now.0.saturating_sub(self.one_way_ms)));
        let (at, mark) = self.echoes.front().copied()?;
        (at <= now).then(|| {
            self.echoes.pop_front();
            mark
        })
    }

    pub fn message(&mut self, event: StreamEvent) -> StreamMessage {
        self.next_sequence += 1;
        StreamMessage { stream: self.stream.clone(), sequence: self.next_sequence - 1, event }
    }

    pub fn echo(&mut self, mark: Mark) -> StreamMessage {
        self.message(StreamEvent::Mark { name: mark.to_string().into() })
    }

    /// The next 20 ms of the caller.
    pub fn frame(&mut self, payload: Payload) -> StreamMessage {
        let (chunk, timestamp_ms) = (self.next_chunk, self.next_stamp_ms);
        self.next_chunk += 1;
        self.next_stamp_ms += payload.samples().as_millis();
        self.message(StreamEvent::Media(Media { chunk, timestamp_ms, payload }))
    }

    /// Time passes on the caller's side and no frame is sent, or they are lost with their numbers.
    pub fn skip(&mut self, ms: u64, frames: u64) {
        self.next_stamp_ms += ms;
        self.next_sequence += frames;
    }

    /// How much of this was really heard by `now`.
    pub fn heard_by(&mut self, now: CallTime, is_wanted: impl Fn(&Payload) -> bool) -> Samples {
        self.play_until(now);
        let now = Samples::from(now);
        let whole: u64 = self.played.iter().filter(|(_, p)| is_wanted(p)).map(|(_, p)| p.samples().0).sum();
        let partly: u64 = self
            .buffer
            .iter()
            .map(|queued| match queued {
                Queued::Audio { starts, payload } if is_wanted(payload) => (now - *starts).min(payload.samples()).0,
                _ => 0,
            })
            .sum();
        Samples(whole + partly)
    }

    /// No more is played, and nobody hears of it: the stream is gone.
    pub fn cut(&mut self, now: CallTime) {
        self.play_until(now);
        self.clear(now);
        self.echoes.clear();
    }

    /// What waits to be played, or is being played.
    pub fn buffered(&self) -> impl Iterator<Item = &Payload> {
        self.buffer.iter().filter_map(|queued| match queued {
            Queued::Audio { payload, .. } => Some(payload),
            Queued::Mark { .. } => None,
        })
    }

    fn clear(&mut self, now: CallTime) {
        for queued in std::mem::take(&mut self.buffer) {
            match queued {
                Queued::Mark { mark, .. } => self.echoes.push_back((CallTime(now.0 + self.one_way_ms), mark)),
                Queued::Audio { starts, payload } if starts < now.into() => {
                    let heard = payload.part(Samples::ZERO, Samples::from(now) - starts);
                    self.played.push((CallTime(starts.as_millis()), heard));
                }
                Queued::Audio { .. } => {}
            }
        }
        self.plays_until = now.into();
    }

    fn play_until(&mut self, now: CallTime) {
        let by = Samples::from(now);
        while let Some(front) = self.buffer.front() {
            match front {
                Queued::Audio { starts, payload } if *starts + payload.samples() <= by => {
                    self.played.push((CallTime(starts.as_millis()), payload.clone()));
                }
                Queued::Mark { due, mark } if *due <= by => {
                    self.echoes.push_back((CallTime(due.0.div_ceil(8) + self.one_way_ms), *mark));
                }
                _ => return,
            }
            self.buffer.pop_front();
        }
    }
}
