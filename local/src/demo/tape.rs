//! A call as lines of text: who said what, what was cut, which tools ran. Each thing is told once, when it is known.

use std::collections::{BTreeMap, BTreeSet};
use std::io::IsTerminal as _;

use shared::session::{Event, Line, Speaker};
use shared::time::CallTime;

use crate::api::Record;

/// A line that is still growing holds up what came after it for so many looks at most.
const MOST_LOOKS: u32 = 12;

/// Remembers what has been told.
#[derive(Debug)]
pub(super) struct Tape {
    colours: bool,
    lines_told: BTreeSet<u32>,
    events_told: BTreeSet<usize>,
    growing: BTreeMap<u32, Growing>,
}

/// The text of a line as it was last seen. It is told once it has stopped growing.
#[derive(Debug, Default)]
struct Growing {
    text: Option<String>,
    whole: bool,
    looks: u32,
}

/// What may be told next.
enum Entry<'a> {
    Line(&'a Line),
    Event(usize, &'a Event),
}

impl Tape {
    pub(super) fn new() -> Self {
        let colours = std::io::stdout().is_terminal();
        Self { colours, lines_told: BTreeSet::new(), events_told: BTreeSet::new(), growing: BTreeMap::new() }
    }

    /// What is new in this record, in order of time. At the end everything that is left is told.
    pub(super) fn take(&mut self, record: Option<&Record>, complete: bool) -> Vec<String> {
        let Some(record) = record else { return Vec::new() };
        record.transcript.iter().for_each(|line| self.look(line));
        let ready: Vec<_> =
            self.untold(record).into_iter().take_while(|(_, entry)| complete || self.is_ready(entry)).collect();
        ready.into_iter().filter_map(|(at, entry)| self.tell(at, &entry)).collect()
    }

    fn look(&mut self, line: &Line) {
        let text = line.text.as_ref().map(|text| text.reveal().clone());
        let growing = self.growing.entry(line.number).or_default();
        growing.whole = text.is_some() && text == growing.text;
        growing.looks += 1;
        growing.text = text;
    }

    fn untold<'a>(&self, record: &'a Record) -> Vec<(CallTime, Entry<'a>)> {
        let lines = record.transcript.iter().filter(|line| !self.lines_told.contains(&line.number));
        let events = record.events.iter().enumerate().filter(|(index, _)| !self.events_told.contains(index));
        let lines = lines.map(|line| (line.at, Entry::Line(line)));
        let events = events.map(|(index, timed)| (timed.at, Entry::Event(index, &timed.event)));
        let mut untold: Vec<_> = lines.chain(events).collect();
        untold.sort_by_key(|(at, _)| *at);
        untold
    }

    fn is_ready(&self, entry: &Entry<'_>) -> bool {
        let Entry::Line(line) = entry else { return true };
        self.growing.get(&line.number).is_some_and(|growing| growing.whole || growing.looks >= MOST_LOOKS)
    }

    fn tell(&mut self, at: CallTime, entry: &Entry<'_>) -> Option<String> {
        match entry {
            Entry::Line(line) => {
                self.lines_told.insert(line.number);
                let text = line.text.as_ref().map_or("(not made out)", |text| text.reveal());
                Some(self.line(at, line.speaker, text))
            }
            Entry::Event(index, event) => {
                self.events_told.insert(*index);
                self.event(at, event)
            }
        }
    }

    fn line(&self, at: CallTime, speaker: Speaker, text: &str) -> String {
        match speaker {
            Speaker::Caller => self.entry(at, "caller", "36", text),
            Speaker::Agent => self.entry(at, "agent", "32", text),
            Speaker::Operator => self.entry(at, "operator", "35", text),
        }
    }

    fn event(&self, at: CallTime, event: &Event) -> Option<String> {
        let (who, colour, text) = match event {
            Event::ModelReady { after_ms } => ("·", "90", format!("the model is ready after {after_ms} ms")),
            Event::Greeted { after_ms } => ("·", "90", format!("first word {after_ms} ms after the stream began")),
            Event::Answered { after_ms } => ("·", "90", format!("answered after {after_ms} ms")),
            Event::BargeIn { heard_ms, sent_ms, .. } => {
                let (heard, sent) = (seconds(*heard_ms), seconds(*sent_ms));
                ("⏸", "33", format!("the caller cuts in: {heard} heard of {sent} sent"))
            }
            Event::ToolStarted { name, .. } => ("tool", "35", format!("{name} …")),
            Event::ToolFinished { name, took_ms, error: None, .. } => {
                ("tool", "35", format!("{name} took {took_ms} ms"))
            }
            Event::ToolFinished { name, took_ms, error: Some(kind), .. } => {
                ("tool", "31", format!("{name} failed after {took_ms} ms: {kind:?}"))
            }
            Event::Digits { count, action: Some(action), .. } => ("keys", "36", format!("{count} pressed: {action}")),
            Event::DtmfSent { count, lasts_ms } => ("keys", "32", format!("the agent presses {count}, {lasts_ms} ms")),
            Event::OnHold { .. } => ("♪", "33", "on hold".to_owned()),
            Event::OffHold { why, after_ms } => ("♪", "33", format!("back after {}: {why:?}", seconds(*after_ms))),
            Event::TransferAsked { to, kind, .. } => ("☎", "33", format!("{kind:?} transfer to {to}").to_lowercase()),
            Event::TransferFailed { why, after_ms } => {
                ("☎", "33", format!("back after {}: {}", seconds(*after_ms), why.name()))
            }
            Event::TransferAnswer { to, why: None, .. } => ("☎", "33", format!("{to} takes the call")),
            Event::TransferAnswer { to, why: Some(why), .. } => ("☎", "33", format!("{to} does not: {}", why.name())),
            Event::Transferred { after_ms } => ("☎", "33", format!("put through after {}", seconds(*after_ms))),
            Event::HoldStarted => ("♪", "90", "hold music".to_owned()),
            Event::HoldStopped => ("♪", "90", "hold music ends".to_owned()),
            Event::ModelLost { code, .. } => ("!", "31", format!("the model is lost: {code}")),
            Event::ModelError { code } => ("!", "31", format!("the model complains: {code}")),
            Event::Ended { ending, .. } => ("·", "90", format!("ended: {ending:?}")),
            _ => return None,
        };
        Some(self.entry(at, who, colour, &text))
    }

    /// `  0:07.4  agent   Let me look that up for you.`
    fn entry(&self, at: CallTime, who: &str, colour: &str, text: &str) -> String {
        let (minutes, tenths) = (at.as_millis() / 60_000, at.as_millis() % 60_000 / 100);
        let time = format!("{minutes}:{:02}.{}", tenths / 10, tenths % 10);
        let text = wrapped(text);
        if self.colours {
            format!("  {time}  \x1b[{colour}m{who:7}\x1b[0m {text}")
        } else {
            format!("  {time}  {who:7} {text}")
        }
    }
}

fn seconds(ms: u64) -> String {
    format!("{}.{} s", ms / 1_000, ms % 1_000 / 100)
}

/// Long sentences are broken between words and continued under their beginning.
fn wrapped(text: &str) -> String {
    const WIDTH: usize = 90;
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last().map_or(0, |line| line.chars().count());
        if line > 0 && line + 1 + word.chars().count() > WIDTH {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines.join("\n                  ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn record(lines: &[(u32, u64, &str, Option<&str>)], events: serde_json::Value) -> Record {
        let transcript: Vec<_> = lines
            .iter()
            .map(|(number, at, speaker, text)| {
                json!({"number": number, "at": at, "speaker": speaker, "item": "i", "text": text, "interrupted": null})
            })
            .collect();
        let agent = shared::agent::Agent::default();
        let call = json!({"sid": "CA1", "from": "+1", "to": "+2", "agent": agent, "media_path": "gateway",
            "status": {"status": "in_progress"}, "began_at_ms": 0, "lease": null, "streams": 1});
        serde_json::from_value(json!({"call": call, "transcript": transcript, "events": events})).unwrap()
    }

    fn tape() -> Tape {
        Tape { colours: false, ..Tape::new() }
    }

    #[test]
    fn a_line_is_told_once_it_has_stopped_growing() {
        let mut tape = tape();
        assert_eq!(tape.take(Some(&record(&[(1, 1_200, "agent", Some("Thank"))], json!([]))), false), [""; 0]);
        let whole = record(&[(1, 1_200, "agent", Some("Thank you."))], json!([]));
        assert_eq!(tape.take(Some(&whole), false), [""; 0]);
        assert_eq!(tape.take(Some(&whole), false), ["  0:01.2  agent   Thank you."]);
        assert_eq!(tape.take(Some(&whole), true), [""; 0]);
    }

    #[test]
    fn what_came_later_waits_for_a_line_that_is_growing_but_not_for_ever() {
        let mut tape = tape();
        let events = json!([{"at": 2_000, "event": {"event": "hold_started"}}]);
        let unheard = record(&[(1, 1_200, "caller", None)], events);
        for _ in 1..MOST_LOOKS {
            assert_eq!(tape.take(Some(&unheard), false), [""; 0]);
        }
        assert_eq!(
            tape.take(Some(&unheard), false),
            ["  0:01.2  caller  (not made out)", "  0:02.0  ♪       hold music"]
        );
    }

    #[test]
    fn at_the_end_all_is_told_in_order_of_time() {
        let events = json!([
            {"at": 61_000, "event": {"event": "barge_in", "item": "i", "heard_ms": 4_210, "sent_ms": 14_000}},
            {"at": 62_000, "event": {"event": "frames_lost", "count": 3}},
        ]);
        let record = record(&[(2, 61_500, "caller", None), (1, 50_000, "agent", Some("Yes."))], events);
        assert_eq!(
            tape().take(Some(&record), true),
            [
                "  0:50.0  agent   Yes.",
                "  1:01.0  ⏸       the caller cuts in: 4.2 s heard of 14.0 s sent",
                "  1:01.5  caller  (not made out)"
            ]
        );
    }

    #[test]
    fn long_sentences_are_broken_between_words() {
        let text = wrapped(&"word ".repeat(40));
        assert!(text.lines().all(|line| line.trim_start().chars().count() <= 90));
        assert_eq!(text.split_whitespace().count(), 40);
    }
}
