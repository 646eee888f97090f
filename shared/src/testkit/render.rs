//! Outputs as one line each, for scenario files.

use crate::agent::Agent;
use crate::audio::recording::{RecordOp, Track};
use crate::ids::SocketNumber;
use crate::model::{ModelCommand, SessionConfig, ToolUse};
use crate::session::{Event, Line, LineQuality, Output, ToCaller, ToolWords};
use crate::time::Samples;
use crate::transfer::Ask;

/// The word by which a scenario hides this kind of output, and its line. `alone`: one socket to the model is open, so that
/// it needs no number.
pub fn render(output: &Output, alone: bool) -> (&'static str, String) {
    let model = |socket: &SocketNumber| if alone { "model".to_owned() } else { format!("model {socket}") };
    match output {
        Output::Caller(ToCaller::Media { payload, .. }) => {
            ("media", format!("caller media {} ms", payload.samples().as_millis()))
        }
        Output::Caller(ToCaller::Mark { mark, .. }) => ("mark", format!("caller mark {mark}")),
        Output::Caller(ToCaller::Clear { .. }) => ("clear", "caller clear".to_owned()),
        Output::Model(socket, command) => {
            let (kind, line) = command_line(command);
            (kind, format!("{} {line}", model(socket)))
        }
        Output::DialModel(socket) => ("dial", format!("dial {}", model(socket))),
        Output::CloseModel(socket) => ("dial", format!("close {}", model(socket))),
        Output::RunTool(request) => {
            let own = if request.own.is_some() { " (its own)" } else { "" };
            ("tool", format!("run tool {} {} {}{own}", request.call, request.name, request.arguments.reveal()))
        }
        Output::CancelTool(call) => ("tool", format!("cancel tool {call}")),
        Output::Carrier(errand) => ("carrier", format!("carrier {}: {}", errand.number, ask_line(&errand.ask))),
        Output::Record(op) => ("record", record_line(op)),
        Output::Transcript(line) => ("transcript", transcript_line(line)),
        Output::Speaking(line) => ("speaking", transcript_line(line).replacen("transcript", "speaking", 1)),
        Output::Quality(quality) => ("quality", quality_line(quality)),
        Output::ToolWords(words) => ("speaking", tool_words_line(words)),
        Output::Event(event @ Event::Cost(_)) => ("cost", format!("event {}", event_line(event))),
        Output::Event(event @ Event::Turn { .. }) => ("turn", format!("event {}", event_line(event))),
        Output::Event(event) => ("event", format!("event {}", event_line(event))),
        Output::Status(status) => ("status", format!("status {}", json(status))),
        Output::HangUp(ending) => ("end", format!("hang up {}", json(ending))),
        Output::Agent(agent) => ("status", format!("agent {} version {}", agent.id, agent.version)),
        Output::Journal(_) => ("journal", "journal".to_owned()),
        Output::KeepSpeech { from, mulaw } => {
            let (from, to) = (from.as_millis(), (*from + Samples(mulaw.len() as u64)).as_millis());
            ("keep", format!("keep speech {from} to {to} ms"))
        }
        Output::CountSpent(amount) => ("cost", format!("count spent {}", json(amount))),
        Output::LetGo(_) => ("end", "let go".to_owned()),
    }
}

fn command_line(command: &ModelCommand) -> (&'static str, String) {
    match command {
        ModelCommand::AppendAudio(payload) => ("append", format!("append {} ms", payload.samples().as_millis())),
        ModelCommand::Configure(config) => ("model", format!("configure {}", config_line(config))),
        ModelCommand::Reconfigure(config) => ("model", format!("reconfigure {}", config_line(config))),
        ModelCommand::CreateResponse { event, instructions, tools } => {
            let forbidden = if *tools == ToolUse::Forbidden { " without tools" } else { "" };
            let how = instructions.as_ref().map(|text| format!(": {}", own_words(text.reveal()))).unwrap_or_default();
            ("model", format!("respond {event}{forbidden}{how}"))
        }
        ModelCommand::CancelResponse => ("model", "cancel".to_owned()),
        ModelCommand::Truncate { item, heard_ms, .. } => ("model", format!("truncate {item} at {heard_ms} ms")),
        ModelCommand::ToolOutput { call, output } => {
            ("model", format!("tool output {call} {}", beginning(output.reveal())))
        }
        ModelCommand::Note { text } => ("model", format!("note: {}", beginning(text.reveal()))),
        ModelCommand::Remember { speaker, text } => ("model", format!("remember {}: {}", json(speaker), text.reveal())),
    }
}

fn ask_line(ask: &Ask) -> String {
    match ask {
        Ask::Dial { to, ring_s } => format!("dial {} for {ring_s} s", to.reveal()),
        Ask::Park => "park the caller".to_owned(),
        Ask::Call { to, ring_s, briefing, several } => {
            let among = if *several { ", one of several" } else { "" };
            format!("call {} for {ring_s} s{among}: {}", to.reveal(), briefing.reveal())
        }
        Ask::HangUp { leg } => format!("hang up {leg}"),
        Ask::BringBack => "bring the caller back".to_owned(),
    }
}

/// Instructions are shown where they are not as always.
fn config_line(config: &SessionConfig) -> String {
    let tools = format!("({} tools)", config.tools.len());
    if *config.instructions.reveal() == Agent::default().instructions {
        return tools;
    }
    format!("{tools}: {:?}", config.instructions.reveal())
}

fn record_line(op: &RecordOp) -> String {
    match op {
        RecordOp::Audio { track, at, payload } => {
            format!("record {} {} ms at {}", side(*track), payload.samples().as_millis(), at.as_millis())
        }
        RecordOp::Cut { track, at } => format!("record cut {} at {}", side(*track), at.as_millis()),
        RecordOp::Finish { at } => format!("record finish at {}", at.as_millis()),
    }
}

fn transcript_line(line: &Line) -> String {
    let text = line.text.as_ref().map_or("(not made out)".to_owned(), |text| format!("{:?}", text.reveal()));
    let cut = line.interrupted.map(|cut| format!(" cut at {} of {} ms", cut.heard_ms, cut.sent_ms)).unwrap_or_default();
    format!("transcript {} @{} {}: {text}{cut}", line.number, line.at.as_millis(), json(&line.speaker))
}

fn quality_line(LineQuality { jitter_ms, late, lost, mark_ms }: &LineQuality) -> String {
    let mark = mark_ms.map_or("no mark".to_owned(), |ms| format!("marks {ms} ms"));
    format!("quality jitter {jitter_ms} ms, {late} late, {lost} lost, {mark}")
}

fn tool_words_line(ToolWords { id, name, arguments, output }: &ToolWords) -> String {
    let answer = output.as_ref().map_or("…", |output| output.reveal());
    format!("show tool {id} {name} {} → {answer}", arguments.reveal())
}

/// `{"event":"barge_in","heard_ms":40}` → `barge_in heard_ms=40`
fn event_line(event: &Event) -> String {
    let value = serde_json::to_value(event).unwrap();
    let fields = value.as_object().unwrap();
    let name = fields["event"].as_str().unwrap();
    let rest = fields.iter().filter(|(key, value)| *key != "event" && !value.is_null());
    rest.fold(name.to_owned(), |line, (key, value)| format!("{line} {key}={}", bare(value)))
}

fn json(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value).unwrap() {
        serde_json::Value::Object(fields) => fields.values().map(bare).collect::<Vec<_>>().join(" "),
        other => bare(&other),
    }
}

fn bare(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The agent's instructions come first in every response of ours; a scenario shows what was added, and that they are there.
fn own_words(text: &str) -> String {
    let (agent, how) = text.split_once("\n\nNow: ").expect("instructions that keep the agent's");
    assert!(!agent.is_empty());
    beginning(how)
}

fn beginning(text: &str) -> String {
    let short: String = text.chars().take(60).collect();
    if short.len() < text.len() { short + "…" } else { short }
}

fn side(track: Track) -> &'static str {
    match track {
        Track::Caller => "caller",
        Track::Agent => "agent",
    }
}
