//! An agent is how to answer: who speaks, how, with which tools, and within which limits.

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use crate::hold_music::HoldMusic;
use crate::ids::AgentId;
use crate::model::Backend;

/// How to answer a call. Model and voice are names, not choices of ours: a new one needs no new build.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Agent {
    pub id: AgentId,
    pub backend: Backend,
    pub model: String,
    pub voice: String,
    /// 0.25 to 1.5; 1 is the voice's own pace.
    pub speed: f32,
    pub instructions: String,
    pub greeting: Greeting,
    pub turn_detection: TurnDetection,
    pub noise_reduction: Option<NoiseReduction>,
    pub transcription: Option<Transcription>,
    pub reasoning: Option<ReasoningEffort>,
    /// How the vendor may shorten a long conversation.
    pub truncation: Truncation,
    /// Names of the tools it may use, out of [`crate::tools::builtin`] and the call-control tools.
    pub tools: Vec<String>,
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
}

/// What a caller gets for whom there is no room: a place in line, and in the end a word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Overflow {
    /// How long a caller is kept in line; nothing: not at all.
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

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Greeting {
    /// The model opens, told how.
    Spoken(String),
    /// The caller opens.
    None,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum TurnDetection {
    ServerVad { threshold: f32, prefix_padding_ms: u32, silence_duration_ms: u32 },
    SemanticVad { eagerness: Eagerness },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Eagerness {
    Low,
    Medium,
    High,
    Auto,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoiseReduction {
    NearField,
    FarField,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transcription {
    pub model: String,
    /// ISO 639-1; the model guesses without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReasoningEffort {
    Minimal,
    Low,
    Medium,
    High,
    Xhigh,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Truncation {
    Auto,
    Disabled,
    /// Drop the oldest until this share of the window is left: fewer, larger cuts keep the cache warm.
    RetentionRatio(f32),
}

/// What a call may take. Every wait and every queue of the heart has its bound here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// The agent says goodbye after this long.
    #[serde(with = "millis")]
    pub call: Duration,
    /// After this long without a word from either side the agent asks; after as long again it says goodbye.
    #[serde(with = "millis")]
    pub silence: Duration,
    #[serde(with = "millis")]
    pub tool: Duration,
    /// Bytes of a tool's arguments and of its output.
    pub tool_bytes: usize,
    /// Rounds of tool calls without a word of the caller's between them: the breaker against a loop.
    pub tool_rounds: u32,
    /// Tool calls of one call, all in all.
    pub tool_calls: u32,
    /// Dead air that is borne before hold music starts.
    #[serde(with = "millis")]
    pub hold_after: Duration,
    /// How long the last words may take to play out.
    #[serde(with = "millis")]
    pub goodbye: Duration,
    /// Caller audio kept while the model is not there to hear it.
    #[serde(with = "millis")]
    pub preroll: Duration,
    /// How long the model may take from dialling to being ready (`WEBSOCKET_TIMEOUT`).
    #[serde(with = "millis")]
    pub model_ready: Duration,
    /// Attempts to dial again in a row (`MAX_RECONNECT_ATTEMPTS`).
    pub redials: u32,
    /// Before the first redial; doubled for each further one (`RECONNECT_DELAY`).
    #[serde(with = "millis")]
    pub redial_after: Duration,
    /// How long a call waits for its stream, at first and after it was lost.
    #[serde(with = "millis")]
    pub attach: Duration,
}

impl Default for Agent {
    fn default() -> Self {
        Self {
            id: AgentId::from("default"),
            backend: Backend::OpenaiRealtime,
            model: "gpt-realtime-2.1".to_owned(),
            voice: "marin".to_owned(),
            speed: 1.0,
            instructions: DEFAULT_INSTRUCTIONS.to_owned(),
            greeting: Greeting::Spoken("Greet the caller in one short sentence and ask how you can help.".to_owned()),
            turn_detection: TurnDetection::ServerVad {
                threshold: 0.5,
                prefix_padding_ms: 300,
                silence_duration_ms: 500,
            },
            noise_reduction: Some(NoiseReduction::NearField),
            transcription: Some(Transcription { model: "gpt-live-transcribe".to_owned(), language: None }),
            reasoning: None,
            truncation: Truncation::RetentionRatio(0.8),
            tools: ["get_weather", "lookup_prescription", "lookup_menu", "hang_up"].map(str::to_owned).to_vec(),
            limits: Limits::default(),
            overflow: Overflow::default(),
            unavailable: DEFAULT_UNAVAILABLE.to_owned(),
            hold_music: HoldMusic::default(),
        }
    }
}

const DEFAULT_INSTRUCTIONS: &str = "You are a friendly receptionist on the telephone. Keep answers to one or two short \
    sentences. Say what you are about to look up before you call a tool. Never invent what a tool did not tell you. \
    When the caller says goodbye, say goodbye and call hang_up.";

const DEFAULT_UNAVAILABLE: &str =
    "We are sorry, we cannot take your call right now. Please try again in a few minutes.";

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
            attach: Duration::from_secs(15),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_as_always_is_not_written_so_that_an_earlier_build_can_read_it() {
        let written = serde_json::to_value(Agent::default()).unwrap();
        assert!(
            ["overflow", "unavailable", "hold_music"].iter().all(|field| written.get(field).is_none()),
            "{written}"
        );
        let other = Agent {
            overflow: Overflow { wait: Duration::ZERO, ..Overflow::default() },
            unavailable: "Bitte rufen Sie morgen an.".to_owned(),
            hold_music: HoldMusic::None,
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
