//! What waits to be written to a caller: bounded, revocable by `clear`, and merged where messages cost money.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use shared::audio::Payload;
use shared::ids::StreamSid;
use shared::session::ToCaller;
use shared::time::Samples;
use shared::twilio::media;

use super::Parcel;
use crate::relay::metrics::{Metrics, label};

/// Base64 characters of audio in one message: with its frame it stays under 24 KB, and API Gateway bills 32 KB units.
const LONGEST_PAYLOAD: usize = 24_320;
/// Base64 characters that may wait: twelve minutes, more than Twilio itself would hold.
const MOST_WAITING: usize = 8 << 20;

#[derive(Debug)]
pub(super) struct Backlog {
    parcels: VecDeque<Parcel>,
    waiting: usize,
    metrics: Arc<Metrics>,
}

/// What is known of a message once it is text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Written {
    pub kind: Kind,
    /// The oldest cause in it.
    pub at: Instant,
    pub barge_in: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Media,
    Mark,
    Clear,
}

impl Backlog {
    pub(super) fn new(metrics: Arc<Metrics>) -> Self {
        Self { parcels: VecDeque::new(), waiting: 0, metrics }
    }

    /// A `clear` revokes all that has not been written, marks included: their generation is over.
    pub(super) fn push(&mut self, parcel: Parcel) {
        match &parcel.message {
            ToCaller::Clear { .. } => {
                self.parcels.clear();
                self.waiting = 0;
                self.parcels.push_back(parcel);
            }
            ToCaller::Mark { .. } => self.parcels.push_back(parcel),
            ToCaller::Media { stream, payload } => self.push_audio(&parcel, stream, payload),
        }
    }

    fn push_audio(&mut self, parcel: &Parcel, stream: &StreamSid, payload: &Payload) {
        for payload in payload.pieces(Samples(LONGEST_PAYLOAD as u64 / 4 * 3)) {
            if self.waiting + payload.as_base64().len() > MOST_WAITING {
                self.metrics.frames_dropped.get_or_create(&label("caller_backlog")).inc();
                return;
            }
            self.waiting += payload.as_base64().len();
            self.parcels.push_back(Parcel { message: ToCaller::Media { stream: stream.clone(), payload }, ..*parcel });
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.parcels.is_empty()
    }

    /// A `clear` has come: what was taken out before it is not wanted any more.
    pub(super) fn is_revoked(&self) -> bool {
        matches!(self.parcels.front(), Some(Parcel { message: ToCaller::Clear { .. }, .. }))
    }

    /// Writes the next message as it is.
    pub(super) fn write_next(&mut self, out: &mut String) -> Option<Written> {
        let parcel = self.pop()?;
        Some(write(&parcel, out))
    }

    /// Writes the next message, and with it as much of the audio behind it as may travel in one.
    pub(super) fn write_merged(&mut self, out: &mut String) -> Option<Written> {
        let mut parcel = self.pop()?;
        if let ToCaller::Media { stream, payload } = &mut parcel.message
            && let Some(merged) = self.merge(stream, payload)
        {
            *payload = merged;
        }
        Some(write(&parcel, out))
    }

    /// `first` and what follows it on the same stream: the same bytes, in one piece of base64. Padding stands in the way of
    /// joining the texts, so they are opened.
    fn merge(&mut self, stream: &StreamSid, first: &Payload) -> Option<Payload> {
        let mut mulaw = Vec::new();
        while let Some(Parcel { message: ToCaller::Media { stream: next_stream, payload }, .. }) = self.parcels.front()
            && next_stream == stream
            && mulaw.len().max(first.samples().0 as usize) + payload.samples().0 as usize <= LONGEST_PAYLOAD / 4 * 3
        {
            if mulaw.is_empty() {
                first.decode_into(&mut mulaw);
            }
            payload.decode_into(&mut mulaw);
            self.pop();
        }
        if mulaw.is_empty() { None } else { Some(Payload::encode(&mulaw)) }
    }

    fn pop(&mut self) -> Option<Parcel> {
        let parcel = self.parcels.pop_front()?;
        if let ToCaller::Media { payload, .. } = &parcel.message {
            self.waiting -= payload.as_base64().len();
        }
        Some(parcel)
    }
}

fn write(parcel: &Parcel, out: &mut String) -> Written {
    let kind = match &parcel.message {
        ToCaller::Media { stream, payload } => {
            media::write_media(out, stream, payload);
            Kind::Media
        }
        ToCaller::Mark { stream, mark } => {
            media::write_mark(out, stream, mark);
            Kind::Mark
        }
        ToCaller::Clear { stream } => {
            media::write_clear(out, stream);
            Kind::Clear
        }
    };
    Written { kind, at: parcel.at, barge_in: parcel.barge_in }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::session::Mark;

    fn backlog() -> Backlog {
        Backlog::new(Arc::new(Metrics::new()))
    }

    fn parcel(message: ToCaller) -> Parcel {
        Parcel { at: Instant::now(), barge_in: false, message }
    }

    fn audio(bytes: &[u8]) -> Parcel {
        parcel(ToCaller::Media { stream: "MZ1".into(), payload: Payload::encode(bytes) })
    }

    fn mark(number: u64) -> Parcel {
        parcel(ToCaller::Mark { stream: "MZ1".into(), mark: Mark { generation: 1, number } })
    }

    fn drain(backlog: &mut Backlog) -> Vec<String> {
        let mut out = String::new();
        std::iter::from_fn(|| backlog.write_merged(&mut out).map(|_| out.clone())).collect()
    }

    fn payloads(messages: &[String]) -> Vec<Vec<u8>> {
        let read = |text: &String| serde_json::from_str::<serde_json::Value>(text).unwrap();
        let decode = |value: &serde_json::Value| {
            Payload::parse(value["media"]["payload"].as_str().unwrap().into()).unwrap().decode()
        };
        messages.iter().map(read).filter(|value| value["event"] == "media").map(|value| decode(&value)).collect()
    }

    #[test]
    fn merged_audio_is_the_same_bytes_whatever_the_padding() {
        for lengths in [[160, 160, 160], [159, 160, 3], [3, 6, 9], [1, 1, 1], [0, 3, 0]] {
            let mut backlog = backlog();
            let bytes: Vec<u8> = (0..=255).cycle().take(lengths.iter().sum()).collect();
            let mut rest = bytes.as_slice();
            for length in lengths {
                let (part, tail) = rest.split_at(length);
                backlog.push(audio(part));
                rest = tail;
            }
            assert_eq!(payloads(&drain(&mut backlog)).concat(), bytes, "{lengths:?}");
        }
    }

    #[test]
    fn audio_that_waits_travels_in_one_message() {
        let mut backlog = backlog();
        for length in [159, 159, 160, 159] {
            backlog.push(audio(&vec![7; length]));
        }
        let lengths: Vec<usize> = payloads(&drain(&mut backlog)).iter().map(Vec::len).collect();
        assert_eq!(lengths, [637]);
    }

    #[test]
    fn no_message_is_longer_than_24_kb_and_none_is_lost() {
        let mut backlog = backlog();
        backlog.push(audio(&vec![1; 60_000]));
        (0..200).for_each(|_| backlog.push(audio(&[2; 159])));
        let messages = drain(&mut backlog);
        assert!(messages.iter().all(|text| text.len() <= 24 * 1024));
        assert_eq!(payloads(&messages).concat().len(), 60_000 + 200 * 159);
    }

    #[test]
    fn a_mark_keeps_its_place_between_the_audio() {
        let mut backlog = backlog();
        [audio(&[1; 3]), mark(1), audio(&[2; 3]), audio(&[3; 3]), mark(2)].into_iter().for_each(|p| backlog.push(p));
        let events: Vec<String> = drain(&mut backlog)
            .iter()
            .map(|text| serde_json::from_str::<serde_json::Value>(text).unwrap()["event"].to_string())
            .collect();
        assert_eq!(events, [r#""media""#, r#""mark""#, r#""media""#, r#""mark""#]);
    }

    #[test]
    fn a_clear_revokes_what_waits_and_is_written_itself() {
        let mut backlog = backlog();
        [audio(&[1; 3]), mark(1), parcel(ToCaller::Clear { stream: "MZ1".into() }), audio(&[2; 3])]
            .into_iter()
            .for_each(|p| backlog.push(p));
        assert!(backlog.is_revoked());
        let messages = drain(&mut backlog);
        assert!(messages[0].contains("clear"), "{messages:?}");
        assert_eq!(payloads(&messages), [[2; 3]]);
        assert_eq!(backlog.waiting, 0);
    }

    #[test]
    fn a_backlog_is_bounded() {
        let mut backlog = backlog();
        (0..600).for_each(|_| backlog.push(audio(&[1; 18_240])));
        assert!(backlog.waiting <= MOST_WAITING);
        assert!(backlog.metrics.frames_dropped.get_or_create(&label("caller_backlog")).get() > 0);
    }
}
