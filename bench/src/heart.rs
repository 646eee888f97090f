//! What a frame costs in the heart: parsing it, deciding, and writing what goes out, each way. Time is the best of
//! several rounds; allocations are counted, not timed.

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::{Duration, Instant};

use bytestring::ByteString;
use shared::agent::Agent;
use shared::audio::Payload;
use shared::model::{self, Backend, ModelEvent};
use shared::session::{Input, Output, Plan, Session, ToCaller};
use shared::time::{CallTime, Samples};
use shared::twilio::media;

const FRAMES: u32 = 20_000;
const ROUNDS: usize = 9;

/// One row of the table.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) what: &'static str,
    pub(crate) per_frame: Duration,
    pub(crate) allocations_per_frame: f64,
}

pub(crate) fn measure() -> Vec<Row> {
    vec![
        row("heart, caller → model", decide_inbound),
        row("heart, model → caller", decide_outbound),
        row("with codecs, caller → model", carry_inbound),
        row("with codecs, model → caller", carry_outbound),
    ]
}

fn row(what: &'static str, frames: fn(&mut Bench) -> u32) -> Row {
    let mut bench = Bench::new();
    frames(&mut bench);
    let mut best = Duration::MAX;
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        let count = frames(&mut bench);
        best = best.min(begun.elapsed() / count);
    }
    let mut count = 0;
    let counted = allocation_counter::measure(|| count = frames(&mut bench));
    Row { what, per_frame: best, allocations_per_frame: counted.count_total as f64 / f64::from(count) }
}

/// A call in the middle: greeted, configured, caller there.
struct Bench {
    session: Session,
    now: CallTime,
    sequence: u64,
    frames: Vec<ByteString>,
    deltas: Vec<ByteString>,
    text: String,
}

impl Bench {
    fn new() -> Self {
        let agent = Agent::default();
        let dialect = model::dialect(agent.backend);
        let mut session = Session::open(
            Plan {
                sid: "CA00000000000000000000000000000001".into(),
                tools: Vec::new(),
                capabilities: dialect.capabilities(),
                mark_every: Samples::from_millis(200),
                reorder_ms: 0,
                history: Vec::new(),
                agent,
            },
            CallTime::ZERO,
        );
        for input in [
            Input::ModelConnected,
            Input::Model(ModelEvent::Ready),
            Input::CallerAttached { stream: "MZ00000000000000000000000000000001".into() },
            Input::Model(ModelEvent::ResponseStarted { response: "resp_1".into() }),
        ] {
            session.handle(CallTime::ZERO, input);
            while session.poll().is_some() {}
        }
        let frames = (1..=u64::from(FRAMES)).map(frame).collect();
        let deltas = vec![delta(); FRAMES as usize];
        Self { session, now: CallTime::ZERO, sequence: 0, frames, deltas, text: String::with_capacity(4_096) }
    }

    fn tick(&mut self) -> CallTime {
        self.now = CallTime(self.now.0 + 20);
        self.now
    }

    /// The stream begins anew, so that the same frames fit again.
    fn restart(&mut self) {
        self.session.handle(self.now, Input::CallerAttached { stream: "MZ00000000000000000000000000000001".into() });
        self.session.handle(self.now, Input::Model(ModelEvent::ResponseStarted { response: "resp_1".into() }));
        while self.session.poll().is_some() {}
        self.sequence = 0;
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

fn decide_inbound(bench: &mut Bench) -> u32 {
    bench.restart();
    let messages: Vec<_> = bench.frames.iter().filter_map(|text| media::parse(text).ok()).collect();
    let mut count = 0;
    for message in messages {
        let media::Message::Stream(message) = message else { continue };
        let now = bench.tick();
        bench.session.handle(now, Input::Caller(message));
        while let Some(output) = bench.session.poll() {
            black_box(&output);
        }
        count += 1;
    }
    count
}

fn decide_outbound(bench: &mut Bench) -> u32 {
    bench.restart();
    let dialect = model::dialect(Backend::OpenaiRealtime);
    let events: Vec<_> = bench.deltas.iter().filter_map(|text| dialect.decode(text).ok()).collect();
    let mut count = 0;
    for event in events {
        let now = bench.tick();
        bench.session.handle(now, Input::Model(event));
        count += 1;
        echo_marks(bench, now);
    }
    count
}

/// The carrier plays at once: what is measured is the ledger at work, not a queue that grows.
fn echo_marks(bench: &mut Bench, now: CallTime) {
    let mut echoed = None;
    while let Some(output) = bench.session.poll() {
        if let Output::Caller(ToCaller::Mark { mark, .. }) = &output {
            echoed = Some(*mark);
        }
        black_box(&output);
    }
    if let Some(mark) = echoed {
        bench.sequence += 1;
        bench.text.clear();
        let _infallible = write!(bench.text, "{mark}");
        bench.session.handle(now, Input::Caller(mark_message(bench)));
    }
}

fn mark_message(bench: &Bench) -> media::StreamMessage {
    media::StreamMessage {
        stream: "MZ00000000000000000000000000000001".into(),
        sequence: bench.sequence,
        event: media::StreamEvent::Mark { name: ByteString::from(bench.text.as_str()) },
    }
}

fn carry_inbound(bench: &mut Bench) -> u32 {
    bench.restart();
    let dialect = model::dialect(Backend::OpenaiRealtime);
    let mut text = std::mem::take(&mut bench.text);
    let frames = std::mem::take(&mut bench.frames);
    for frame in &frames {
        let Ok(media::Message::Stream(message)) = media::parse(frame) else { continue };
        let now = bench.tick();
        bench.session.handle(now, Input::Caller(message));
        while let Some(output) = bench.session.poll() {
            if let Output::Model(command) = &output {
                dialect.encode(command, &mut text);
                black_box(&text);
            }
        }
    }
    (bench.text, bench.frames) = (text, frames);
    FRAMES
}

fn carry_outbound(bench: &mut Bench) -> u32 {
    bench.restart();
    let dialect = model::dialect(Backend::OpenaiRealtime);
    let mut text = String::with_capacity(4_096);
    let deltas = std::mem::take(&mut bench.deltas);
    for delta in &deltas {
        let Ok(event) = dialect.decode(delta) else { continue };
        let now = bench.tick();
        bench.session.handle(now, Input::Model(event));
        let mut echoed = None;
        while let Some(output) = bench.session.poll() {
            match &output {
                Output::Caller(ToCaller::Media { stream, payload }) => media::write_media(&mut text, stream, payload),
                Output::Caller(ToCaller::Mark { stream, mark }) => {
                    media::write_mark(&mut text, stream, mark);
                    echoed = Some(*mark);
                }
                _ => {}
            }
            black_box(&text);
        }
        if let Some(mark) = echoed {
            bench.sequence += 1;
            bench.text.clear();
            let _infallible = write!(bench.text, "{mark}");
            bench.session.handle(now, Input::Caller(mark_message(bench)));
        }
    }
    bench.deltas = deltas;
    FRAMES
}
