//! What is wrong with an agent that can be read: all of it at once, each fault with its place and a sentence.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::words::{CALLS_OWN, Piece, pieces};
use super::{Agent, Greeting, TurnDetection, hours, recording};
use crate::fault::Fault;
use crate::model::{Offer, dialect};
use crate::money::Usd;
use crate::tools::address::Guard;
use crate::tools::own;

/// Bytes of an agent as JSON. It travels with each call: in the call's item, of which DynamoDB takes 400 KB, and in one
/// message to a relay, of which API Gateway takes 128 KB.
pub const LARGEST: usize = 64 * 1024;

const LONGEST_NAME: usize = 100;
const LONGEST_ID: usize = 64;
const LONGEST_VALUE: usize = 2_000;
/// What is said by Twilio, or asked of the model word for word.
const LONGEST_SENTENCE: usize = 2_000;
const MOST_SERVERS: usize = 16;

impl Agent {
    /// Everything that is wrong with it; nothing, if it can take a call.
    pub fn faults(&self, guard: &Guard) -> Vec<Fault> {
        let mut check = Check { agent: self, found: Vec::new() };
        check.identity();
        check.voice();
        check.words();
        check.listening();
        check.tools();
        check.own_tools(guard);
        check.keypad();
        check.recording();
        check.transfer();
        check.hours();
        check.limits();
        check.size();
        check.found
    }
}

struct Check<'a> {
    agent: &'a Agent,
    found: Vec<Fault>,
}

impl Check<'_> {
    fn fault(&mut self, pointer: impl Into<String>, detail: impl Into<String>) {
        self.found.push(Fault::new(pointer, detail));
    }

    fn ensure(&mut self, holds: bool, pointer: &str, detail: &str) {
        if !holds {
            self.fault(pointer, detail);
        }
    }

    fn identity(&mut self) {
        let Agent { id, name, .. } = self.agent;
        let is_id = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
        let fits = (1..=LONGEST_ID).contains(&id.as_str().len()) && id.as_str().bytes().all(is_id);
        self.ensure(fits, "/id", "an id has small letters, digits and hyphens, 64 at most");
        let length = name.trim().chars().count();
        self.ensure((1..=LONGEST_NAME).contains(&length), "/name", "a name has 1 to 100 characters");
    }

    fn voice(&mut self) {
        let Agent { backend, model, voice, speed, language, .. } = self.agent;
        let Offer { voices, own_voices, speeds } = dialect(*backend).offer();
        let is_word = |text: &str| !text.is_empty() && !text.contains(char::is_whitespace);
        self.ensure(is_word(model), "/model", "a model is named by one word");
        let is_own = own_voices.is_some_and(|prefix| voice.len() > prefix.len() && voice.starts_with(prefix));
        if !is_own && !voices.contains(&voice.as_str()) {
            let own = own_voices.map(|prefix| format!(", or one of your own by its id, {prefix}…")).unwrap_or_default();
            self.fault("/voice", format!("this backend has no such voice; it has {}{own}", voices.join(", ")));
        }
        if !speeds.contains(speed) {
            self.fault("/speed", format!("a speed is between {} and {}", speeds.start(), speeds.end()));
        }
        let fits = language.as_deref().is_none_or(is_language_tag);
        self.ensure(fits, "/language", "a language is written as de or de-AT (BCP 47)");
    }

    fn words(&mut self) {
        let agent = self.agent;
        self.text("/instructions", &agent.instructions, LARGEST);
        match &agent.greeting {
            Greeting::Spoken(how) => self.text("/greeting/spoken", how, LONGEST_SENTENCE),
            Greeting::Words(words) => self.text("/greeting/words", words, LONGEST_SENTENCE),
            Greeting::None => {}
        }
        self.sentence("/overflow/place", &agent.overflow.place);
        self.sentence("/overflow/say", &agent.overflow.say);
        self.sentence("/unavailable", &agent.unavailable);
        for (name, value) in &agent.variables {
            let pointer = format!("/variables/{}", name.as_str());
            if CALLS_OWN.contains(&name.as_str()) {
                self.fault(&pointer, "a call brings a variable of this name itself");
            }
            self.ensure(value.len() <= LONGEST_VALUE, &pointer, "a value has at most 2000 bytes");
        }
    }

    /// Words with variables in them.
    fn text(&mut self, pointer: &str, text: &str, longest: usize) {
        self.ensure(!text.trim().is_empty(), pointer, "there are no words here");
        if text.len() > longest {
            self.fault(pointer, format!("these are more than {longest} bytes"));
        }
        for piece in pieces(text) {
            match piece {
                Piece::Variable(name) if !self.agent.knows(name) => {
                    let known = CALLS_OWN.join(", ");
                    self.fault(pointer, format!("no variable is called {name:?}; a call brings {known}"));
                }
                Piece::Open(_) => self.fault(pointer, "a {{ is not closed by }}"),
                Piece::Text(_) | Piece::Variable(_) => {}
            }
        }
    }

    /// Words that Twilio says as they are.
    fn sentence(&mut self, pointer: &str, text: &str) {
        let fits = !text.trim().is_empty() && text.len() <= LONGEST_SENTENCE;
        self.ensure(fits, pointer, "a sentence has 1 to 2000 bytes");
        self.ensure(!text.contains("{{"), pointer, "there are no variables here");
    }

    fn listening(&mut self) {
        let Agent { turn_detection, transcription, truncation, .. } = self.agent;
        if let TurnDetection::ServerVad { threshold, prefix_padding_ms, silence_duration_ms } = turn_detection {
            self.ensure((0.0..=1.0).contains(threshold), "/turn_detection/threshold", "a threshold is between 0 and 1");
            let fits = *prefix_padding_ms <= 5_000;
            self.ensure(fits, "/turn_detection/prefix_padding_ms", "at most 5000 milliseconds");
            let fits = (50..=10_000).contains(silence_duration_ms);
            self.ensure(fits, "/turn_detection/silence_duration_ms", "50 to 10000 milliseconds");
        }
        if let Some(transcription) = transcription {
            let model = &transcription.model;
            let is_word = !model.is_empty() && !model.contains(char::is_whitespace);
            self.ensure(is_word, "/transcription/model", "a model is named by one word");
            let fits = transcription.language.as_deref().is_none_or(is_primary);
            self.ensure(fits, "/transcription/language", "a language is written as de (ISO 639)");
        }
        if let super::Truncation::RetentionRatio(ratio) = truncation {
            let fits = (0.0..=1.0).contains(ratio);
            self.ensure(fits, "/truncation/retention_ratio", "a ratio is between 0 and 1");
        }
    }

    fn tools(&mut self) {
        let Agent { tools, mcp_servers, .. } = self.agent;
        let all = crate::tools::all();
        let mut seen = BTreeSet::new();
        for (at, name) in tools.iter().enumerate() {
            if !all.iter().any(|spec| spec.name == *name) {
                let names: Vec<_> = all.iter().map(|spec| spec.name.as_str()).collect();
                self.fault(format!("/tools/{at}"), format!("there is no such tool; there are {}", names.join(", ")));
            } else if !seen.insert(name) {
                self.fault(format!("/tools/{at}"), "this tool is named before");
            }
        }
        let mut labels = BTreeSet::new();
        self.ensure(mcp_servers.len() <= MOST_SERVERS, "/mcp_servers", "at most 16 servers");
        for (at, server) in mcp_servers.iter().enumerate() {
            let is_label = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
            let fits = (1..=LONGEST_ID).contains(&server.label.len()) && server.label.bytes().all(is_label);
            let pointer = format!("/mcp_servers/{at}/label");
            self.ensure(fits, &pointer, "a label has letters, digits, hyphens and underscores, 64 at most");
            self.ensure(labels.insert(&server.label), &pointer, "another server has this label");
            let fits = server.url.scheme() == "https";
            self.ensure(fits, &format!("/mcp_servers/{at}/url"), "the model's vendor reaches it by https only");
        }
    }

    fn own_tools(&mut self, guard: &Guard) {
        let faults = own::faults(&self.agent.own_tools, &self.agent.limits, guard);
        self.found.extend(faults.into_iter().map(|fault| fault.within("/own_tools")));
    }

    fn keypad(&mut self) {
        self.found.extend(self.agent.keypad.faults().into_iter().map(|fault| fault.within("/keypad")));
    }

    fn recording(&mut self) {
        self.found.extend(recording::faults(self.agent).into_iter().map(|fault| fault.within("/recording")));
    }

    fn transfer(&mut self) {
        self.found.extend(self.agent.transfer_faults());
        for (at, target) in self.agent.transfer_targets.iter().enumerate().filter(|(_, target)| !target.say.is_empty())
        {
            self.text(&format!("/transfer_targets/{at}/say"), &target.say, LARGEST);
        }
    }

    fn hours(&mut self) {
        let agent = self.agent;
        let known = hours::zone(&agent.time_zone).is_some();
        self.ensure(known, "/time_zone", "there is no such time zone; one is written as Europe/Berlin (IANA)");
        let Some(hours) = &agent.hours else { return };
        self.text("/hours/closed", &hours.closed, LONGEST_SENTENCE);
        self.ensure(hours.days().any(|(_, spans)| !spans.is_empty()), "/hours", "somebody must be there some time");
        for (day, spans) in hours.days() {
            for (at, span) in spans.iter().enumerate() {
                if let Some(before) = spans[..at].iter().position(|other| other.overlaps(*span)) {
                    let pointer = format!("/hours/{day}/{at}");
                    self.fault(pointer, format!("these hours overlap number {} of this day", before + 1));
                }
            }
        }
    }

    fn limits(&mut self) {
        const MINUTE: u64 = 60_000;
        let limits = &self.agent.limits;
        let times: [(&str, Duration, RangeInclusive<u64>); 10] = [
            ("call", limits.call, 1_000..=12 * 60 * MINUTE),
            ("silence", limits.silence, 1_000..=60 * MINUTE),
            // The function that runs them has 30 s.
            ("tool", limits.tool, 100..=28_000),
            ("hold_after", limits.hold_after, 0..=MINUTE),
            ("longest_hold", limits.longest_hold, 1_000..=60 * MINUTE),
            ("goodbye", limits.goodbye, 1_000..=2 * MINUTE),
            ("preroll", limits.preroll, 0..=MINUTE),
            ("model_ready", limits.model_ready, 100..=MINUTE),
            ("redial_after", limits.redial_after, 100..=MINUTE),
            ("attach", limits.attach, 1_000..=5 * MINUTE),
        ];
        for (name, time, range) in times {
            let fits = range.contains(&millis(time));
            let detail = format!("{} to {} milliseconds", range.start(), range.end());
            self.ensure(fits, &format!("/limits/{name}"), &detail);
        }
        let bytes = u32::try_from(limits.tool_bytes).unwrap_or(u32::MAX);
        let counts = [
            ("tool_bytes", bytes, 256..=65_536),
            ("tool_rounds", limits.tool_rounds, 1..=100),
            ("tool_calls", limits.tool_calls, 1..=1_000),
            ("redials", limits.redials, 0..=20),
        ];
        for (name, count, range) in counts {
            let detail = format!("{} to {}", range.start(), range.end());
            self.ensure(range.contains(&count), &format!("/limits/{name}"), &detail);
        }
        let fits = limits.renew_after.is_none_or(|after| (MINUTE..=12 * 60 * MINUTE).contains(&millis(after)));
        self.ensure(fits, "/limits/renew_after", "60000 to 43200000 milliseconds");
        for (name, limit) in [("spend_call", limits.spend_call), ("spend_day", limits.spend_day)] {
            let fits = limit.is_none_or(|limit| limit > Usd::ZERO);
            self.ensure(fits, &format!("/limits/{name}"), "more than nothing, in dollars");
        }
        let fits = self.agent.overflow.wait <= Duration::from_secs(60 * 60);
        self.ensure(fits, "/overflow/wait", "0 to 3600000 milliseconds");
    }

    fn size(&mut self) {
        let bytes = serde_json::to_string(self.agent).map_or(usize::MAX, |json| json.len());
        if bytes > LARGEST {
            self.fault("", format!("an agent has at most {LARGEST} bytes; this one has {bytes}"));
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn is_primary(tag: &str) -> bool {
    (2..=3).contains(&tag.len()) && tag.bytes().all(|byte| byte.is_ascii_lowercase())
}

fn is_language_tag(tag: &str) -> bool {
    let mut parts = tag.split('-');
    let part = |part: &str| (2..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    parts.next().is_some_and(is_primary) && parts.all(part)
}

#[cfg(test)]
mod tests;
