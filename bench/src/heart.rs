//! What a frame costs in the heart: parsing it, deciding, and writing what goes out, each way. Time is the best of
//! several rounds; allocations are counted, not timed.

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::{Duration, Instant};

use bytestring::ByteString;
use shared::agent::Agent;
use shared::agent::words::Facts;
use shared::audio::Payload;
use shared::ids::{SocketNumber, StreamSid};
use shared::model::{self, Backend, ModelCommand, ModelEvent, ResponseStatus};
use shared::session::{Input, Mark, Output, Plan, Session, ToCaller};
use shared::time::{CallTime, Samples};
use shared::twilio::media;

const FRAMES: u32 = 20_000;
const ROUNDS: usize = 9;
const DAY: Duration = Duration::from_secs(86_400);
const STREAM: &str = "MZ00000000000000000000000000000001";

/// One row of the table.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) what: &'static str,
    pub(crate) per_frame: Duration,
    pub(crate) allocations_per_frame: f64,
}

pub(crate) fn measure() -> Vec<Row> {
    vec![
        row("heart, caller → model", Bench::listening, decide_inbound),
        row("heart, model → caller", Bench::speaking, decide_outbound),
        row("with codecs, caller → model", Bench::listening, carry_inbound),
        row("with codecs, model → caller", Bench::speaking, carry_outbound),
    ]
}

fn row(what: &'static str, begin: fn() -> Bench, pass: fn(&mut Bench) -> Round) -> Row {
    let round = |_| {
        let mut bench = begin();
        let round = pass(&mut bench);
        // What is dropped costs little, and would make a fine figure.
        assert_eq!(bench.passed, FRAMES, "{what}: every frame comes out");
        round
    };
    let rounds: Vec<Round> = (0..ROUNDS).map(round).collect();
    let best = rounds.iter().map(|round| round.took).min().unwrap_or_default();
    let most = rounds.iter().map(|round| round.allocations).max().unwrap_or_default();
    Row { what, per_frame: best / FRAMES, allocations_per_frame: most as f64 / f64::from(FRAMES) }
}

/// One pass over all frames.
struct Round {
    took: Duration,
    allocations: u64,
}

fn clocked(work: impl FnOnce()) -> Round {
    let mut took = Duration::ZERO;
    let counted = allocation_counter::measure(|| {
        let begun = Instant::now();
        work();
        took = begun.elapsed();
    });
    Round { took, allocations: counted.count_total }
}

/// A call in the middle: greeted, configured, caller there.
struct Bench {
    session: Session,
    now: CallTime,
    sequence: u64,
    /// Frames that came out at the other side.
    passed: u32,
    frames: Vec<ByteString>,
    deltas: Vec<ByteString>,
    text: String,
}

impl Bench {
    /// A response is under way.
    fn speaking() -> Self {
        let mut agent = Agent::default();
        // Nobody is let go for saying nothing while it is measured.
        agent.limits.silence = DAY;
        agent.limits.call = DAY;
        let dialect = model::dialect(agent.backend);
        let mut session = Session::open(
            Plan {
                facts: Facts::default(),
                sid: "CA00000000000000000000000000000001".into(),
                channel: Default::default(),
                tools: Vec::new(),
                capabilities: dialect.capabilities(),
                mark_every: Samples::from_millis(200),
                reorder_ms: 0,
                seed: 0,
                rates: Default::default(),
                agent,
            },
            CallTime::ZERO,
        );
        for input in [
            Input::ModelConnected(SocketNumber::FIRST),
            Input::Model(SocketNumber::FIRST, ModelEvent::Ready),
            Input::CallerAttached { stream: STREAM.into() },
            Input::Model(SocketNumber::FIRST, ModelEvent::ResponseStarted { response: "resp_1".into() }),
        ] {
            session.handle(CallTime::ZERO, input);
            while session.poll().is_some() {}
        }
        let frames = (1..=u64::from(FRAMES)).map(frame).collect();
        let deltas = vec![delta(); FRAMES as usize];
        Self {
            session,
            now: CallTime::ZERO,
            sequence: 0,
            passed: 0,
            frames,
            deltas,
            text: String::with_capacity(4_096),
        }
    }

    /// The agent has said what it had to say, and listens.
    fn listening() -> Self {
        let mut bench = Self::speaking();
        let (response, status) = ("resp_1".into(), ResponseStatus::Completed);
        bench.session.handle(
            CallTime::ZERO,
            Input::Model(SocketNumber::FIRST, ModelEvent::ResponseDone { response, status, usage: None }),
        );
        while bench.session.poll().is_some() {}
        bench
    }

    /// One input, 20 ms after the last, and what comes of it. The carrier plays at once and echoes each mark: what is
    /// measured is the ledger at work, not a queue that grows.
    fn take(&mut self, input: Input, mut each: impl FnMut(&Output, &mut String)) {
        self.now = CallTime(self.now.0 + 20);
        self.session.handle(self.now, input);
        let mut echo = None;
        while let Some(output) = self.session.poll() {
            each(&output, &mut self.text);
            match output {
                Output::Model(_, ModelCommand::AppendAudio(_)) | Output::Caller(ToCaller::Media { .. }) => {
                    self.passed += 1
                }
                Output::Caller(ToCaller::Mark { mark, .. }) => echo = Some(mark),
                _ => {}
            }
        }
        if let Some(mark) = echo {
            self.sequence += 1;
            let message = self.mark_message(mark);
            self.session.handle(self.now, Input::Caller(message));
        }
    }

    /// Its buffers would come with the frame, from the socket: they are not the heart's allocation.
    fn mark_message(&mut self, mark: Mark) -> media::StreamMessage {
        self.text.clear();
        let _infallible = write!(self.text, "{mark}");
        let (mut stream, mut name) = (StreamSid::default(), ByteString::default());
        allocation_counter::opt_out(|| (stream, name) = (STREAM.into(), self.text.as_str().into()));
        media::StreamMessage { stream, sequence: self.sequence, event: media::StreamEvent::Mark { name } }
    }
}

fn frame(sequence: u64) -> ByteString {
    let payload = Payload::encode(&[0x5a; 160]);
    let stamp = (sequence - 1) * 20;
    format!(
        r#"{{"event":"media","sequenceNumber":"{sequence}","media":{{"track":"inbound","chunk":"{sequence}","timestamp":"{stamp}","payload":"{}"}},"streamSid":"MZ00000000000000000000000000000001"}}"#,
        payload.as_base64()
    )
    .into()
}

fn delta() -> ByteString {
    let payload = Payload::encode(&[0x5a; 159]);
    format!(
        r#"{{"type":"response.output_audio.delta","event_id":"event_ABC","response_id":"resp_1","item_id":"item_1","output_index":0,"content_index":0,"delta":"{}","obfuscation":"xyz"}}"#,
        payload.as_base64()
    )
    .into()
}

fn decide_inbound(bench: &mut Bench) -> Round {
    let messages: Vec<_> = bench.frames.iter().filter_map(stream_message).collect();
    clocked(|| {
        for message in messages {
            bench.take(Input::Caller(message), |output, _| {
                black_box(output);
            });
        }
    })
}

fn decide_outbound(bench: &mut Bench) -> Round {
    let dialect = model::dialect(Backend::OpenaiRealtime);
    let events: Vec<_> = bench.deltas.iter().filter_map(|text| dialect.decode(text).ok()).collect();
    clocked(|| {
        for event in events {
            bench.take(Input::Model(SocketNumber::FIRST, event), |output, _| {
                black_box(output);
            });
        }
    })
}

fn carry_inbound(bench: &mut Bench) -> Round {
    let dialect = model::dialect(Backend::OpenaiRealtime);
    let frames = std::mem::take(&mut bench.frames);
    let round = clocked(|| {
        for message in frames.iter().filter_map(stream_message) {
            bench.take(Input::Caller(message), |output, text| {
                if let Output::Model(_, command) = output {
                    dialect.encode(command, text);
                    black_box(text);
                }
            });
        }
    });
    bench.frames = frames;
    round
}

fn carry_outbound(bench: &mut Bench) -> Round {
    let dialect = model::dialect(Backend::OpenaiRealtime);
    let deltas = std::mem::take(&mut bench.deltas);
    let round = clocked(|| {
        for event in deltas.iter().filter_map(|delta| dialect.decode(delta).ok()) {
            bench.take(Input::Model(SocketNumber::FIRST, event), |output, text| {
                match output {
                    Output::Caller(ToCaller::Media { stream, payload }) => media::write_media(text, stream, payload),
                    Output::Caller(ToCaller::Mark { stream, mark }) => media::write_mark(text, stream, mark),
                    _ => {}
                }
                black_box(text);
            });
        }
    });
    bench.deltas = deltas;
    round
}

fn stream_message(text: &ByteString) -> Option<media::StreamMessage> {
    match media::parse(text) {
        Ok(media::Message::Stream(message)) => Some(message),
        _ => None,
    }
}
