//! `take_message` and `schedule_callback`: what the caller wants people to do. The model is told that it is written down
//! only once it is.

use serde_json::{Value, json};

use super::validate::{Arguments, invalid};
use super::{ToolError, ToolErrorKind, ToolOutcome, ToolRequest, ToolSpec};
use crate::messages::{Callback, CallbackState, Message};
use crate::ports::{Mailbox, PortError};
use crate::redact::Pii;
use crate::rfc3339;

pub const TAKE_MESSAGE: &str = "take_message";
pub const SCHEDULE_CALLBACK: &str = "schedule_callback";

const LONGEST_NAME: usize = 100;
const LONGEST_TEXT: usize = 2_000;
const LONGEST_NUMBER: usize = 40;
/// Nobody remembers further ahead what it was about.
const FURTHEST_MS: u64 = 366 * 24 * 60 * 60 * 1_000;

pub(super) fn specs() -> Vec<ToolSpec> {
    vec![take_message_spec(), schedule_callback_spec()]
}

/// Carries out one of the two; `None`: it is another tool. The same call may be carried out again: it leaves one record.
pub async fn run(request: &ToolRequest, mailbox: &impl Mailbox, now_ms: u64) -> Option<ToolOutcome> {
    let arguments = request.arguments.reveal().as_str();
    let answer = match request.name.as_str() {
        TAKE_MESSAGE => take_message(request, arguments, mailbox, now_ms).await,
        SCHEDULE_CALLBACK => schedule_callback(request, arguments, mailbox, now_ms).await,
        _ => return None,
    };
    Some(answer.map(|answer| Pii::new(answer.to_string())))
}

async fn take_message(
    request: &ToolRequest,
    arguments: &str,
    mailbox: &impl Mailbox,
    now_ms: u64,
) -> Result<Value, ToolError> {
    let arguments = Arguments::parse(arguments, &["name", "number", "text"])?;
    let message = Message {
        call: request.sid.clone(),
        id: request.call.clone(),
        taken_at_ms: now_ms,
        name: arguments.text("name", LONGEST_NAME)?.map(Pii::from),
        number: arguments.text("number", LONGEST_NUMBER)?.map(number).transpose()?,
        text: Pii::from(arguments.required_text("text", LONGEST_TEXT)?),
    };
    mailbox.keep_message(&message).await.map_err(|error| unkept(&error))?;
    Ok(json!({ "ok": true, "state": "the message is written down" }))
}

async fn schedule_callback(
    request: &ToolRequest,
    arguments: &str,
    mailbox: &impl Mailbox,
    now_ms: u64,
) -> Result<Value, ToolError> {
    let arguments = Arguments::parse(arguments, &["number", "when", "why"])?;
    let callback = Callback {
        call: request.sid.clone(),
        id: request.call.clone(),
        requested_at_ms: now_ms,
        due_at_ms: due(arguments.required_text("when", LONGEST_NUMBER)?, now_ms)?,
        number: number(arguments.required_text("number", LONGEST_NUMBER)?)?,
        why: Pii::from(arguments.required_text("why", LONGEST_TEXT)?),
        state: CallbackState::Requested,
    };
    mailbox.keep_callback(&callback).await.map_err(|error| unkept(&error))?;
    let due = rfc3339::format(callback.due_at_ms);
    Ok(json!({ "ok": true, "state": "the request is written down; a person will see it", "due": due }))
}

/// Digits with a plus before them, if there was one; blanks and what people put between digits are left out.
fn number(text: &str) -> Result<Pii<String>, ToolError> {
    let plain: String = text.chars().filter(|letter| !" -./()".contains(*letter)).collect();
    let digits = plain.strip_prefix('+').unwrap_or(&plain);
    let is_number = (3..=15).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit());
    if is_number { Ok(Pii::new(plain)) } else { Err(invalid("`number` must be a telephone number: 3 to 15 digits.")) }
}

/// A model does not always know what time it is; so it is told.
fn due(text: &str, now_ms: u64) -> Result<u64, ToolError> {
    let now = rfc3339::format(now_ms);
    let fault = |what: &str| Err(invalid(format!("`when` {what}; it is {now} now.")));
    match rfc3339::parse(text) {
        None => fault("must be a date and time with its zone, as in 2026-11-21T15:30:00+01:00"),
        Some(due_ms) if due_ms <= now_ms => fault("is past"),
        Some(due_ms) if due_ms > now_ms.saturating_add(FURTHEST_MS) => fault("is more than a year ahead"),
        Some(due_ms) => Ok(due_ms),
    }
}

fn unkept(error: &PortError) -> ToolError {
    let kind = match error {
        PortError::Corrupt(_) | PortError::Gone | PortError::Conflict(_) => ToolErrorKind::Internal,
        PortError::Throttled(_) | PortError::Unavailable(_) => ToolErrorKind::Unavailable,
    };
    ToolError::new(kind, "It could not be written down. Tell the caller so; it may work in a moment.")
}

fn take_message_spec() -> ToolSpec {
    ToolSpec {
        name: TAKE_MESSAGE.to_owned(),
        description: "Write down a message for the people you work for. Repeat it to the caller first.".to_owned(),
        parameters: json!({
            "type": "object",
            "properties": {
                "name": { "type": "string", "description": "Who leaves it." },
                "number": { "type": "string", "description": "Where they can be called, if they say so." },
                "text": { "type": "string", "description": "The message." },
            },
            "required": ["text"],
            "additionalProperties": false,
        }),
    }
}

fn schedule_callback_spec() -> ToolSpec {
    ToolSpec {
        name: SCHEDULE_CALLBACK.to_owned(),
        description:
            "Write down that the caller wants to be called back. Somebody will see the request; do not promise \
                      the call itself."
                .to_owned(),
        parameters: json!({
            "type": "object",
            "properties": {
                "number": { "type": "string", "description": "Which number to call." },
                "when": { "type": "string", "description": "RFC 3339 with its zone: 2026-11-21T15:30:00+01:00" },
                "why": { "type": "string", "description": "What it is about." },
            },
            "required": ["number", "when", "why"],
            "additionalProperties": false,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::block_on;
    use super::*;
    use crate::ports::PortResult;

    const NOW_MS: u64 = 1_795_000_000_000;

    /// Keeps what it is given, unless it is full.
    #[derive(Default)]
    struct Drawer {
        kept: std::sync::OnceLock<String>,
        full: bool,
    }

    impl Drawer {
        fn keep(&self, record: &impl serde::Serialize) -> PortResult<()> {
            if self.full {
                return Err(PortError::Unavailable("the table is on fire".to_owned()));
            }
            self.kept.set(serde_json::to_string(record).unwrap()).unwrap();
            Ok(())
        }
    }

    impl Mailbox for Drawer {
        async fn keep_message(&self, message: &Message) -> PortResult<()> {
            self.keep(message)
        }

        async fn keep_callback(&self, callback: &Callback) -> PortResult<()> {
            self.keep(callback)
        }
    }

    fn run_in(mailbox: &Drawer, name: &str, arguments: &str) -> Option<ToolOutcome> {
        let (sid, call) = ("CA1".into(), "call_1".into());
        let request = ToolRequest {
            sid,
            call,
            name: name.to_owned(),
            arguments: arguments.into(),
            agent: "default".into(),
            own: None,
        };
        block_on(run(&request, mailbox, NOW_MS))
    }

    fn message(name: &str, arguments: &str) -> String {
        let mailbox = Drawer::default();
        let error = run_in(&mailbox, name, arguments).unwrap().unwrap_err();
        assert_eq!((error.kind, mailbox.kept.get()), (ToolErrorKind::InvalidArguments, None));
        error.message
    }

    #[test]
    fn a_message_is_kept_with_its_call() {
        let mailbox = Drawer::default();
        let arguments = r#"{"name":"Ann","number":"+1 (555) 123-4567","text":"The parcel is here."}"#;
        let told = run_in(&mailbox, TAKE_MESSAGE, arguments).unwrap().unwrap();
        assert!(told.reveal().contains("written down"));
        let kept: Message = serde_json::from_str(mailbox.kept.get().unwrap()).unwrap();
        assert_eq!((kept.call, kept.id, kept.taken_at_ms), ("CA1".into(), "call_1".into(), NOW_MS));
        assert_eq!(kept.number.unwrap().reveal(), "+15551234567");
        assert_eq!(kept.text.reveal(), "The parcel is here.");
    }

    #[test]
    fn a_callback_is_kept_with_its_hour() {
        let mailbox = Drawer::default();
        let arguments = r#"{"number":"0171 2345","when":"2026-11-21T15:30:00+01:00","why":"the invoice"}"#;
        let told = run_in(&mailbox, SCHEDULE_CALLBACK, arguments).unwrap().unwrap();
        assert!(told.reveal().contains("2026-11-21T14:30:00Z"), "{}", told.reveal());
        let kept: Callback = serde_json::from_str(mailbox.kept.get().unwrap()).unwrap();
        assert_eq!((kept.due_at_ms, kept.state), (1_795_271_400_000, CallbackState::Requested));
    }

    #[test]
    fn a_fault_names_its_field_and_the_hour_it_is() {
        assert!(message(TAKE_MESSAGE, r#"{"name":"Ann"}"#).contains("`text` is missing"));
        assert!(message(TAKE_MESSAGE, r#"{"text":"x","number":"call me"}"#).contains("3 to 15 digits"));
        let at =
            |when: &str| message(SCHEDULE_CALLBACK, &json!({ "number": "110", "when": when, "why": "x" }).to_string());
        assert!(at("tomorrow at five").contains("it is 2026-11-18T11:06:40Z now"));
        assert!(at("2026-11-18T11:06:40Z").starts_with("`when` is past"));
        assert!(at("2028-01-01T00:00:00Z").contains("more than a year"));
    }

    #[test]
    fn what_could_not_be_kept_is_said_so() {
        let full = Drawer { full: true, ..Drawer::default() };
        let error = run_in(&full, TAKE_MESSAGE, r#"{"text":"x"}"#).unwrap().unwrap_err();
        assert_eq!(error.kind, ToolErrorKind::Unavailable);
        assert!(error.message.contains("could not be written down") && !error.message.contains("fire"));
    }

    #[test]
    fn other_tools_are_none_of_its_business() {
        assert!(run_in(&Drawer::default(), "get_weather", "{}").is_none());
        let names: Vec<String> = specs().into_iter().map(|spec| spec.name).collect();
        assert!(names.iter().all(|name| run_in(&Drawer::default(), name, "[]").is_some()));
    }
}
