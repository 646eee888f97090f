//! An agent is how to answer: who speaks, how, with which tools, when, and within which limits.
//!
//! [`document`] reads what people write and names every fault, [`words`] fills in `{{variables}}`, [`hours`] knows when
//! somebody is there. A field that is added is not written while it is at its default: an earlier build refuses what it does
//! not know.

mod change;
pub mod document;
mod faults;
pub mod hours;
mod keypad;
mod recording;
mod saved;
mod transfer;
pub mod words;

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::hours::OpeningHours;
use self::words::VariableName;
pub use crate::hold_music::HoldMusic;
use crate::ids::AgentId;
use crate::model::Backend;
use crate::money::Usd;
use crate::tools::own::OwnTool;
pub use keypad::{KeyAction, Keypad};
pub use recording::{RETENTION_DAYS, Recording};
pub use transfer::{MOST_AT_ONCE, NoTarget, TransferKind, TransferTarget, Whom};

pub use self::faults::LARGEST;
pub use self::saved::{Entitled, Saved, is_number};

/// How to answer a call. Model and voice are names, not choices of ours: a new one needs no new build.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Agent {
    pub id: AgentId,
    /// Which of the stored ones this is, counted from 1 by the store; 0: none of them.
    #[serde(skip_serializing_if = "is_zero")]
    pub version: u32,
    /// For people.
    #[serde(skip_serializing_if = "is_default_name")]
    pub name: String,
    pub backend: Backend,
    pub model: String,
    pub voice: String,
    /// 0.25 to 1.5; 1 is the voice's own pace.
    pub speed: f32,
    /// May have `{{variables}}` in it, as the greeting may and what is said outside the hours.
    pub instructions: String,
    /// Constants of this agent's own, beside the call's ([`words::CALLS_OWN`]).
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<VariableName, String>,
    pub greeting: Greeting,
    /// BCP 47. What it speaks unless the caller wants otherwise, what the transcription expects, and in which voice Twilio
    /// says what it has to say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// IANA. For the date and time that the agent is told, and for its hours.
    #[serde(skip_serializing_if = "is_utc")]
    pub time_zone: String,
    /// When somebody answers; always, if there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hours: Option<OpeningHours>,
    pub turn_detection: TurnDetection,
    pub noise_reduction: Option<NoiseReduction>,
    pub transcription: Option<Transcription>,
    pub reasoning: Option<ReasoningEffort>,
    /// How the vendor may shorten a long conversation.
    pub truncation: Truncation,
    /// Names of the tools it may use, out of [`crate::tools::builtin`] and the call-control tools.
    pub tools: Vec<String>,
    /// Servers of tools that the model's vendor calls itself.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mcp_servers: Vec<McpServer>,
    /// Tools that are defined here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub own_tools: Vec<OwnTool>,
    pub limits: Limits,
    // Not written while they are the defaults: a relay of an earlier build refuses what it does not know.
    #[serde(skip_serializing_if = "is_default")]
    pub overflow: Overflow,
    /// What a caller is told for whom there is no agent: the model cannot be had, or no relay is there.
    #[serde(skip_serializing_if = "is_default_unavailable")]
    pub unavailable: String,
    /// What a caller hears while a tool works or the model is away.
    #[serde(skip_serializing_if = "HoldMusic::is_built_in")]
    pub hold_music: HoldMusic,
    #[serde(skip_serializing_if = "keypad::is_default")]
    pub keypad: Keypad,
    #[serde(skip_serializing_if = "recording::is_default")]
    pub recording: Recording,
    /// Whom callers may be put through to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub transfer_targets: Vec<TransferTarget>,
    /// And to any number that the model or an operator names.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub transfer_to_any_number: bool,
}

/// What a caller gets for whom there is no room: a place in line, and in the end a word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Overflow {
    /// How long a caller is kept in line; nothing: not at all.
    #[schemars(with = "u64")]
    #[serde(with = "millis")]
    pub wait: Duration,
    /// Said when a caller gets in line and each time that they move up. `{place}` is which they are, from 1.
    pub place: String,
    /// Said when the wait was too long, before hanging up.
    pub say: String,
}

impl Overflow {
    pub fn place(&self, place: u32) -> String {
        self.place.replace("{place}", &place.to_string())
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Greeting {
    /// The model opens, told how.
    Spoken(String),
    /// The model opens with these words and no others.
    Words(String),
    /// The caller opens.
    None,
}

/// A server that speaks the Model Context Protocol. The vendor connects to it: its address is on the open internet, and
/// whatever it needs to know of us is part of that address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct McpServer {
    /// By which the model tells servers apart.
    #[serde(default)]
    pub label: String,
    pub url: url::Url,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Those of its tools that may be called; all, if none is named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed_tools: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum TurnDetection {
    ServerVad {
        #[serde(default = "half")]
        threshold: f32,
        #[serde(default = "three_hundred")]
        prefix_padding_ms: u32,
        #[serde(default = "five_hundred")]
        silence_duration_ms: u32,
    },
    SemanticVad {
        #[serde(default)]
        eagerness: Eagerness,
    },
}

fn half() -> f32 {
    0.5
}

fn three_hundred() -> u32 {
    300
}

fn five_hundred() -> u32 {
    500
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Eagerness {
    Low,
    Medium,
    High,
    #[default]
    Auto,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NoiseReduction {
    NearField,
    FarField,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Transcription {
    pub model: String,
    /// ISO 639-1; the agent's own if not said, and the model guesses without either.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReasoningEffort {
    Minimal,
    Low,
    Medium,
    High,
    Xhigh,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Truncation {
    Auto,
    Disabled,
    /// Drop the oldest until this share of the window is left: fewer, larger cuts keep the cache warm.
    RetentionRatio(f32),
}

/// What a call may take. Every wait and every queue of the heart has its bound here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// The agent says goodbye after this long.
    #[schemars(with = "u64")]
    #[serde(with = "millis")]
    pub call: Duration,
    /// After this long without a word from either side the agent asks; after as long again it says goodbye.
    #[schemars(with = "u64")]
    #[serde(with = "millis")]
    pub silence: Duration,
    #[schemars(with = "u64")]
    #[serde(with = "millis")]
    pub tool: Duration,
    /// Bytes of a tool's arguments and of its output.
    pub tool_bytes: usize,
    /// Rounds of tool calls without a word of the caller's between them: the breaker against a loop.
    pub tool_rounds: u32,
    /// Tool calls of one call, all in all.
    pub tool_calls: u32,
    /// Dead air that is borne before hold music starts.
    #[schemars(with = "u64")]
    #[serde(with = "millis")]
    pub hold_after: Duration,
    /// How long the last words may take to play out.
    #[schemars(with = "u64")]
    #[serde(with = "millis")]
    pub goodbye: Duration,
    /// Caller audio kept while the model is not there to hear it.
    #[schemars(with = "u64")]
    #[serde(with = "millis")]
    pub preroll: Duration,
    /// How long the model may take from dialling to being ready (`WEBSOCKET_TIMEOUT`).
    #[schemars(with = "u64")]
    #[serde(with = "millis")]
    pub model_ready: Duration,
    /// Attempts to dial again in a row (`MAX_RECONNECT_ATTEMPTS`).
    pub redials: u32,
    /// Before the first redial; doubled for each further one (`RECONNECT_DELAY`).
    #[schemars(with = "u64")]
    #[serde(with = "millis")]
    pub redial_after: Duration,
    /// How old a session of the model's becomes before another takes its place; nothing: as old as the vendor lets it,
    /// less five minutes. A younger one has less to read again for each answer.
    #[schemars(with = "Option<u64>")]
    #[serde(with = "some_millis", skip_serializing_if = "Option::is_none")]
    pub renew_after: Option<Duration>,
    /// Dollars that a call may cost, and that the agent's calls of one day (UTC) may cost together; nothing: no limit. From
    /// four fifths on the model is told to come to an end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spend_call: Option<Usd>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spend_day: Option<Usd>,
    /// How long a call waits for its stream, at first and after it was lost.
    #[schemars(with = "u64")]
    #[serde(with = "millis")]
    pub attach: Duration,
    /// How long a caller is kept on hold at most, whoever put them there.
    #[schemars(with = "u64")]
    #[serde(with = "millis", skip_serializing_if = "is_longest_hold")]
    pub longest_hold: Duration,
}

impl Default for Agent {
    fn default() -> Self {
        Self {
            id: AgentId::from(DEFAULT_ID),
            version: 0,
            name: DEFAULT_NAME.to_owned(),
            backend: Backend::OpenaiRealtime,
            model: "gpt-realtime-2.1".to_owned(),
            voice: "marin".to_owned(),
            speed: 1.0,
            instructions: DEFAULT_INSTRUCTIONS.to_owned(),
            variables: BTreeMap::new(),
            greeting: Greeting::Spoken("Greet the caller in one short sentence and ask how you can help.".to_owned()),
            language: None,
            time_zone: UTC.to_owned(),
            hours: None,
            turn_detection: TurnDetection::ServerVad {
                threshold: half(),
                prefix_padding_ms: three_hundred(),
                silence_duration_ms: five_hundred(),
            },
            noise_reduction: Some(NoiseReduction::NearField),
            transcription: Some(Transcription { model: "gpt-live-transcribe".to_owned(), language: None }),
            reasoning: None,
            truncation: Truncation::RetentionRatio(0.8),
            tools: ["get_weather", "lookup_prescription", "lookup_menu", "hang_up"].map(str::to_owned).to_vec(),
            mcp_servers: Vec::new(),
            own_tools: Vec::new(),
            limits: Limits::default(),
            overflow: Overflow::default(),
            unavailable: DEFAULT_UNAVAILABLE.to_owned(),
            hold_music: HoldMusic::default(),
            keypad: Keypad::default(),
            recording: Recording::default(),
            transfer_targets: Vec::new(),
            transfer_to_any_number: false,
        }
    }
}

/// The one that answers numbers of which nobody has said who answers them.
pub const DEFAULT_ID: &str = "default";
const DEFAULT_NAME: &str = "Receptionist";
const UTC: &str = "UTC";

impl Agent {
    /// The tool of its own of this name.
    pub fn own_tool(&self, name: &str) -> Option<&OwnTool> {
        self.own_tools.iter().find(|tool| tool.name == name)
    }
}

const DEFAULT_INSTRUCTIONS: &str = "You are a friendly receptionist on the telephone. Keep answers to one or two short \
    sentences. Say what you are about to look up before you call a tool. Never invent what a tool did not tell you. \
    When the caller says goodbye, say goodbye and call hang_up.";

const DEFAULT_UNAVAILABLE: &str =
    "We are sorry, we cannot take your call right now. Please try again in a few minutes.";

impl Agent {
    /// The primary language, as a transcription wants it: `de` of `de-AT`.
    pub fn spoken(&self) -> Option<&str> {
        self.language.as_deref().and_then(|tag| tag.split('-').next())
    }
}

fn is_zero(version: &u32) -> bool {
    *version == 0
}

fn is_default_name(name: &str) -> bool {
    name == DEFAULT_NAME
}

fn is_utc(zone: &str) -> bool {
    zone == UTC
}

const LONGEST_HOLD: Duration = Duration::from_secs(10 * 60);

fn is_longest_hold(hold: &Duration) -> bool {
    *hold == LONGEST_HOLD
}

fn is_default(overflow: &Overflow) -> bool {
    *overflow == Overflow::default()
}

fn is_default_unavailable(text: &str) -> bool {
    text == DEFAULT_UNAVAILABLE
}

impl Default for Overflow {
    fn default() -> Self {
        Self {
            wait: Duration::from_secs(5 * 60),
            place: "You are number {place} in line. Please hold.".to_owned(),
            say: "We are sorry, nobody has become free. Please call again later. Goodbye.".to_owned(),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            call: Duration::from_secs(60 * 60),
            silence: Duration::from_secs(30),
            tool: Duration::from_secs(20),
            tool_bytes: 16 * 1024,
            tool_rounds: 8,
            tool_calls: 100,
            hold_after: Duration::from_millis(1_500),
            goodbye: Duration::from_secs(15),
            preroll: Duration::from_secs(5),
            model_ready: Duration::from_secs(30),
            redials: 3,
            redial_after: Duration::from_secs(2),
            renew_after: None,
            spend_call: None,
            spend_day: None,
            attach: Duration::from_secs(15),
            longest_hold: LONGEST_HOLD,
        }
    }
}

mod millis {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(value: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(u64::try_from(value.as_millis()).unwrap_or(u64::MAX))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}

mod some_millis {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(value: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => super::millis::serialize(value, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
        Ok(Option::<u64>::deserialize(deserializer)?.map(Duration::from_millis))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_as_always_is_not_written_so_that_an_earlier_build_can_read_it() {
        let written = serde_json::to_value(Agent::default()).unwrap();
        let fields: Vec<&str> = written.as_object().unwrap().keys().map(String::as_str).collect();
        let of_the_first_build = "backend greeting id instructions limits model noise_reduction reasoning speed tools \
                                  transcription truncation turn_detection voice";
        assert_eq!(fields.join(" "), of_the_first_build);
        assert!(written["limits"].get("longest_hold").is_none(), "{written}");
        let other = Agent {
            version: 3,
            name: "Night".to_owned(),
            language: Some("de-DE".to_owned()),
            time_zone: "Europe/Berlin".to_owned(),
            greeting: Greeting::Words("Guten Tag.".to_owned()),
            overflow: Overflow { wait: Duration::ZERO, ..Overflow::default() },
            unavailable: "Bitte rufen Sie morgen an.".to_owned(),
            hold_music: HoldMusic::None,
            keypad: Keypad { num_digits: 4, ..Keypad::default() },
            recording: Recording { retention_days: 7, may_pause: false, ..Recording::default() },
            limits: Limits { longest_hold: Duration::from_secs(30), ..Limits::default() },
            transfer_targets: crate::testkit::transfer_targets(),
            transfer_to_any_number: true,
            ..Agent::default()
        };
        let read: Agent = serde_json::from_value(serde_json::to_value(&other).unwrap()).unwrap();
        assert_eq!(read, other);
    }

    #[test]
    fn the_place_in_line_stands_in_the_agents_own_sentence() {
        let german = Overflow { place: "Platz {place}.".to_owned(), ..Overflow::default() };
        assert_eq!(german.place(3), "Platz 3.");
    }
}
