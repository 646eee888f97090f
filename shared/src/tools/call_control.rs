//! Tools that the heart itself carries out, because they act on the call and not on the world.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::validate::{Arguments, invalid};
use super::{ToolError, ToolSpec};
use crate::agent::{Agent, MOST_AT_ONCE, TransferKind, Whom};
use crate::audio::dtmf;
use crate::redact::Pii;

/// Ends the call, after the last words.
pub const HANG_UP: &str = "hang_up";
/// Music until the caller is back.
pub const HOLD: &str = "hold";
/// Nothing that is said is kept, until it is resumed.
pub const PAUSE_RECORDING: &str = "pause_recording";
pub const RESUME_RECORDING: &str = "resume_recording";
/// A person instead of the agent.
pub const TRANSFER: &str = "transfer";
/// Keys pressed by the agent.
pub const SEND_DTMF: &str = "send_dtmf";

const LONGEST_HOLD_S: u64 = 3_600;
const DEFAULT_HOLD_S: u64 = 60;
const LONGEST_TO: usize = 255;
const LONGEST_WHY: usize = 600;
const MOST_DIGITS: usize = 32;
const REASONS: [&str; 6] = ["done", "caller_asked", "wrong_number", "abuse", "no_answer", "other"];

/// What the model wants done with the call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallControl {
    HangUp {
        reason: Option<HangUpReason>,
    },
    Hold {
        length: Duration,
    },
    /// `why` is for the person who is called.
    Transfer {
        to: Whom,
        why: Pii<String>,
    },
    SendDtmf {
        digits: Pii<String>,
    },
    PauseRecording,
    ResumeRecording,
}

/// One of a few words, so that it can be counted and tells nothing about the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HangUpReason {
    Done,
    CallerAsked,
    WrongNumber,
    Abuse,
    NoAnswer,
    Other,
}

/// `None`: the tool is not one of these.
pub fn read(name: &str, arguments: &str) -> Option<Result<CallControl, ToolError>> {
    match name {
        HANG_UP => Some(Ok(CallControl::HangUp { reason: reason(arguments) })),
        HOLD => Some(hold(arguments)),
        TRANSFER => Some(transfer(arguments)),
        SEND_DTMF => Some(send_dtmf(arguments)),
        PAUSE_RECORDING => Some(Ok(CallControl::PauseRecording)),
        RESUME_RECORDING => Some(Ok(CallControl::ResumeRecording)),
        _ => None,
    }
}

/// The heart carries it out; nobody else knows it.
pub fn is_ours(name: &str) -> bool {
    matches!(name, HANG_UP | HOLD | TRANSFER | SEND_DTMF | PAUSE_RECORDING | RESUME_RECORDING)
}

/// A model that wants to hang up and cannot say why hangs up all the same.
fn reason(arguments: &str) -> Option<HangUpReason> {
    let word: Option<String> = serde_json::from_str::<serde_json::Value>(arguments)
        .ok()
        .and_then(|fields| fields.get("reason")?.as_str().map(str::to_owned));
    word.map(|word| serde_json::from_value(word.into()).unwrap_or(HangUpReason::Other))
}

fn hold(arguments: &str) -> Result<CallControl, ToolError> {
    let seconds = Arguments::parse(arguments, &["seconds"])?.whole("seconds", 1..=LONGEST_HOLD_S)?;
    Ok(CallControl::Hold { length: Duration::from_secs(seconds.unwrap_or(DEFAULT_HOLD_S)) })
}

fn transfer(arguments: &str) -> Result<CallControl, ToolError> {
    let arguments = Arguments::parse(arguments, &["to", "why"])?;
    let to = match &arguments.texts("to", LONGEST_TO)?[..] {
        [] => return Err(invalid("`to` is missing; send it as text.")),
        [name] => Whom::from(*name),
        names => Whom::Several(names.iter().map(|name| Pii::from(*name)).collect()),
    };
    let why = arguments.required_text("why", LONGEST_WHY)?.into();
    Ok(CallControl::Transfer { to, why })
}

fn send_dtmf(arguments: &str) -> Result<CallControl, ToolError> {
    let arguments = Arguments::parse(arguments, &["digits"])?;
    let digits = arguments.required_text("digits", MOST_DIGITS)?;
    let is_key = |digit: char| digit.eq_ignore_ascii_case(&'w') || dtmf::tones(digit).is_some();
    if !digits.chars().all(is_key) {
        return Err(invalid("`digits` may have 0 to 9, A to D, `*`, `#`, and `w` for a pause of half a second."));
    }
    Ok(CallControl::SendDtmf { digits: Pii::from(digits) })
}

pub(super) fn specs() -> Vec<ToolSpec> {
    vec![hang_up_spec(), hold_spec(), transfer_spec(), send_dtmf_spec(), pause_spec(), resume_spec()]
}

/// The names that an agent knows, and no others unless it may dial any number.
pub fn name_targets(tools: &mut [ToolSpec], agent: &Agent) {
    let Some(spec) = tools.iter_mut().find(|spec| spec.name == TRANSFER) else { return };
    let names: Vec<&str> = agent.transfer_targets.iter().map(|target| target.name.as_str()).collect();
    let warm = agent.transfer_targets.iter().filter(|target| target.kind == TransferKind::Warm);
    let warm: Vec<&str> = warm.map(|target| target.name.as_str()).collect();
    let to = &mut spec.parameters["properties"]["to"];
    if agent.transfer_to_any_number {
        to["description"] = format!("One of {names:?}, or a number in E.164.").into();
    } else {
        to["enum"] = names.into();
    }
    if warm.len() > 1 {
        let how = format!("Whom to: one; or several of {warm:?}, who then talk with the caller together.");
        let one = std::mem::take(to);
        *to = json!({ "type": "array", "minItems": 1, "maxItems": MOST_AT_ONCE, "description": how, "items": one });
    }
}

fn hang_up_spec() -> ToolSpec {
    ToolSpec {
        name: HANG_UP.to_owned(),
        description: "End the call. Say goodbye first; what you have said is played to its end before the line is \
                      closed."
            .to_owned(),
        parameters: json!({
            "type": "object",
            "properties": { "reason": { "type": "string", "enum": REASONS } },
            "additionalProperties": false,
        }),
    }
}

fn hold_spec() -> ToolSpec {
    ToolSpec {
        name: HOLD.to_owned(),
        description: "Put the caller on hold: they hear music until they speak, press a key, or the time is over. Say \
                      first that you do so and how they come back; then say nothing more."
            .to_owned(),
        parameters: json!({
            "type": "object",
            "properties": {
                "seconds": {
                    "type": "integer", "minimum": 1, "maximum": LONGEST_HOLD_S,
                    "description": "At most so long; 60 if not said.",
                },
            },
            "additionalProperties": false,
        }),
    }
}

fn transfer_spec() -> ToolSpec {
    ToolSpec {
        name: TRANSFER.to_owned(),
        description:
            "Put the caller through to a person. Say first that you do so; then say nothing more. If nobody takes \
                      the call, you are told why, and go on with the caller."
                .to_owned(),
        parameters: json!({
            "type": "object",
            "properties": {
                "to": { "type": "string", "description": "Whom to." },
                "why": {
                    "type": "string", "maxLength": LONGEST_WHY,
                    "description": "For the person who is called: who the caller is and what they want, in one or two \
                                    sentences.",
                },
            },
            "required": ["to", "why"],
            "additionalProperties": false,
        }),
    }
}

fn send_dtmf_spec() -> ToolSpec {
    ToolSpec {
        name: SEND_DTMF.to_owned(),
        description: "Press keys of the telephone, as for another company's menu. They sound after what you have said."
            .to_owned(),
        parameters: json!({
            "type": "object",
            "properties": {
                "digits": {
                    "type": "string", "pattern": "^[0-9A-Da-d*#wW]{1,32}$",
                    "description": "In order; `w` waits for half a second.",
                },
            },
            "required": ["digits"],
            "additionalProperties": false,
        }),
    }
}

fn pause_spec() -> ToolSpec {
    let description = "Stop recording the call and writing down what is said. Call it before the caller tells, or dials, the \
                       number of a card or anything else that must not be kept, and `resume_recording` as soon as that is done.";
    without_arguments(PAUSE_RECORDING, description)
}

fn resume_spec() -> ToolSpec {
    without_arguments(RESUME_RECORDING, "Record the call again, and write down what is said.")
}

fn without_arguments(name: &str, description: &str) -> ToolSpec {
    let parameters = json!({ "type": "object", "properties": {}, "additionalProperties": false });
    ToolSpec { name: name.to_owned(), description: description.to_owned(), parameters }
}

#[cfg(test)]
mod tests {
    use super::super::ToolErrorKind;
    use super::*;

    fn control(name: &str, arguments: &str) -> CallControl {
        read(name, arguments).unwrap().unwrap()
    }

    fn message(name: &str, arguments: &str) -> String {
        let error = read(name, arguments).unwrap().unwrap_err();
        assert_eq!(error.kind, ToolErrorKind::InvalidArguments);
        error.message
    }

    #[test]
    fn every_specified_tool_is_read_and_no_other() {
        for spec in specs() {
            assert!(is_ours(&spec.name) && read(&spec.name, "{}").is_some(), "{}", spec.name);
        }
        assert!(!is_ours("get_weather") && read("get_weather", "{}").is_none());
    }

    #[test]
    fn a_hang_up_is_never_refused_for_its_words() {
        for (arguments, reason) in [
            ("{}", None),
            (r#"{"reason":"wrong_number"}"#, Some(HangUpReason::WrongNumber)),
            (r#"{"reason":"the caller, Mrs Miller, was rude"}"#, Some(HangUpReason::Other)),
            (r#"{"reason":7,"why":"x"}"#, None),
        ] {
            assert_eq!(control(HANG_UP, arguments), CallControl::HangUp { reason }, "{arguments}");
        }
        for reason in REASONS {
            assert_eq!(
                control(HANG_UP, &format!(r#"{{"reason":"{reason}"}}"#)),
                CallControl::HangUp { reason: Some(serde_json::from_value(reason.into()).unwrap()) }
            );
        }
    }

    #[test]
    fn a_hold_lasts_a_minute_if_nothing_is_said() {
        assert_eq!(control(HOLD, "{}"), CallControl::Hold { length: Duration::from_secs(60) });
        assert_eq!(control(HOLD, r#"{"seconds":5}"#), CallControl::Hold { length: Duration::from_secs(5) });
        for arguments in [r#"{"seconds":0}"#, r#"{"seconds":3601}"#, r#"{"seconds":"5"}"#, r#"{"seconds":1.5}"#] {
            assert_eq!(message(HOLD, arguments), "`seconds` must be a whole number from 1 to 3600.");
        }
    }

    #[test]
    fn a_transfer_says_to_whom_and_why() {
        let wanted = CallControl::Transfer { to: "reception".into(), why: "A parcel.".into() };
        assert_eq!(control(TRANSFER, r#"{"to":" reception ","why":"A parcel."}"#), wanted);
        assert_eq!(control(TRANSFER, r#"{"to":["reception"],"why":"A parcel."}"#), wanted);
        let to = Whom::Several(vec!["doctor".into(), "nurse".into()]);
        let both = CallControl::Transfer { to, why: "A parcel.".into() };
        assert_eq!(control(TRANSFER, r#"{"to":["doctor"," nurse"],"why":"A parcel."}"#), both);
        for to in [r#"{"name":"x"}"#, "[7]", "[[]]"] {
            let text = format!(r#"{{"why":"x","to":{to}}}"#);
            assert!(message(TRANSFER, &text).contains("`to` must be text"), "{to}");
        }
        assert!(message(TRANSFER, r#"{"why":"x","to":[]}"#).contains("`to` is missing"));
        assert!(message(TRANSFER, r#"{"to":"reception"}"#).contains("`why` is missing"));
        assert!(message(TRANSFER, r#"{"why":"x","to":""}"#).contains("`to` is missing"));
        assert!(message(TRANSFER, &json!({ "to": "a", "why": "x".repeat(601) }).to_string()).contains("too long"));
    }

    #[test]
    fn the_model_is_told_whom_it_may_put_callers_through_to() {
        let desk = r#"{"transfer_targets":[{"name":"reception","to":"+15005550010"}]}"#;
        let mut agent: Agent = serde_json::from_str(desk).unwrap();
        let mut tools = specs();
        name_targets(&mut tools, &agent);
        let to = |tools: &[ToolSpec]| {
            tools.iter().find(|tool| tool.name == TRANSFER).unwrap().parameters["properties"]["to"].clone()
        };
        assert_eq!(to(&tools)["enum"], json!(["reception"]));
        agent.transfer_to_any_number = true;
        let mut tools = specs();
        name_targets(&mut tools, &agent);
        assert!(to(&tools)["enum"].is_null() && to(&tools)["description"].as_str().unwrap().contains("reception"));
        assert!(!to(&tools).to_string().contains("+1500"));
    }

    #[test]
    fn the_model_is_told_whom_it_may_call_together() {
        let agent = Agent { transfer_targets: crate::testkit::transfer_targets(), ..Agent::default() };
        let mut tools = specs();
        name_targets(&mut tools, &agent);
        let spec = tools.iter().find(|tool| tool.name == TRANSFER).unwrap();
        let to = &spec.parameters["properties"]["to"];
        assert_eq!((&to["type"], &to["maxItems"]), (&json!("array"), &json!(MOST_AT_ONCE)));
        assert_eq!(to["items"]["enum"], json!(["reception", "doctor", "nurse"]));
        assert!(to["description"].as_str().unwrap().contains(r#"["doctor", "nurse"]"#), "{to}");
    }

    #[test]
    fn only_keys_can_be_pressed() {
        let digits = Pii::from("12w#");
        assert_eq!(control(SEND_DTMF, r#"{"digits":" 12w# "}"#), CallControl::SendDtmf { digits });
        for arguments in [r#"{"digits":"1-2"}"#, r#"{"digits":"E"}"#] {
            assert!(message(SEND_DTMF, arguments).starts_with("`digits` may have"));
        }
        assert!(message(SEND_DTMF, "{}").contains("missing"));
        assert!(message(SEND_DTMF, &json!({ "digits": "1".repeat(33) }).to_string()).contains("too long"));
    }
}
