//! What a client may say: the GA shapes of every client event, field by field.
//!
//! One unknown field anywhere and the whole event is refused, as the real API does. A test holds these tables against
//! the JSON Schema of the vendor's own SDK.

use serde_json::Value;

use super::shape::{Field, Refusal, Shape, optional, required};
use Shape::{Anything, Either, Flag, Integer, List, Map, Number, Object, Tagged, Text, Word};

/// Checks one event whole.
pub(super) fn check(event: &Value) -> Result<(), Refusal> {
    if event.get("type").is_none() {
        let message = "The 'type' field is missing.".to_owned();
        return Err(Refusal { code: "invalid_event", message, param: None });
    }
    EVENT.check(event, "")
}

const EVENT: Shape = Tagged(
    "type",
    &[
        ("session.update", &event(&[TYPE, ID, required("session", SESSION)])),
        ("input_audio_buffer.append", &event(&[TYPE, ID, required("audio", Text)])),
        ("input_audio_buffer.commit", &event(&[TYPE, ID])),
        ("input_audio_buffer.clear", &event(&[TYPE, ID])),
        ("output_audio_buffer.clear", &event(&[TYPE, ID])),
        ("conversation.item.create", &event(&[TYPE, ID, optional("previous_item_id", Text), required("item", ITEM)])),
        ("conversation.item.delete", &event(&[TYPE, ID, required("item_id", Text)])),
        ("conversation.item.retrieve", &event(&[TYPE, ID, required("item_id", Text)])),
        (
            "conversation.item.truncate",
            &event(&[
                TYPE,
                ID,
                required("item_id", Text),
                required("content_index", Integer),
                required("audio_end_ms", Integer),
            ]),
        ),
        ("response.create", &event(&[TYPE, ID, optional("response", Object(RESPONSE))])),
        ("response.cancel", &event(&[TYPE, ID, optional("response_id", Text)])),
    ],
);

const fn event(fields: &'static [Field]) -> Shape {
    Object(fields)
}

const TYPE: Field = required("type", Text);
const ID: Field = optional("event_id", Text);

const SESSION: Shape = Tagged("type", &[("realtime", &Object(REALTIME)), ("transcription", &Object(TRANSCRIPTION))]);

const REALTIME: &[Field] = &[
    TYPE,
    optional("model", Text),
    optional("output_modalities", MODALITIES),
    optional("instructions", Text),
    optional("audio", Object(&[optional("input", Object(INPUT)), optional("output", Object(OUTPUT))])),
    optional("tools", List(&SESSION_TOOL)),
    optional("tool_choice", TOOL_CHOICE),
    optional("parallel_tool_calls", Flag),
    optional("reasoning", REASONING),
    optional("max_output_tokens", TOKENS),
    optional("truncation", TRUNCATION),
    optional("tracing", TRACING),
    optional("prompt", PROMPT),
    optional("include", INCLUDE),
];

const TRANSCRIPTION: &[Field] =
    &[TYPE, optional("audio", Object(&[optional("input", Object(INPUT))])), optional("include", INCLUDE)];

const INPUT: &[Field] = &[
    optional("format", FORMAT),
    optional(
        "noise_reduction",
        Object(&[optional("type", Word(&["near_field", "far_field"])), optional("strength", Number(0.0, 1.0))]),
    ),
    optional("transcription", Object(TRANSCRIBER)),
    optional(
        "turn_detection",
        Tagged("type", &[("server_vad", &Object(SERVER_VAD)), ("semantic_vad", &Object(SEMANTIC_VAD))]),
    ),
];

const TRANSCRIBER: &[Field] = &[
    optional("model", Text),
    optional("language", Text),
    optional("languages", List(&Text)),
    optional("keywords", List(&Text)),
    optional("prompt", Text),
    optional("delay", Word(EFFORTS)),
];

const SERVER_VAD: &[Field] = &[
    TYPE,
    optional("threshold", Number(0.0, 1.0)),
    optional("prefix_padding_ms", Integer),
    optional("silence_duration_ms", Integer),
    optional("idle_timeout_ms", Integer),
    optional("create_response", Flag),
    optional("interrupt_response", Flag),
];

const SEMANTIC_VAD: &[Field] = &[
    TYPE,
    optional("eagerness", Word(&["low", "medium", "high", "auto"])),
    optional("create_response", Flag),
    optional("interrupt_response", Flag),
];

const OUTPUT: &[Field] = &[optional("format", FORMAT), optional("voice", VOICE), optional("speed", Number(0.25, 1.5))];

const FORMAT: Shape = Tagged(
    "type",
    &[
        ("audio/pcm", &Object(&[TYPE, optional("rate", Number(24_000.0, 24_000.0))])),
        ("audio/pcmu", &Object(&[TYPE])),
        ("audio/pcma", &Object(&[TYPE])),
    ],
);

const VOICE: Shape = Either(&[Text, Object(&[required("id", Text)])]);
const MODALITIES: Shape = List(&Word(&["text", "audio"]));
const EFFORTS: &[&str] = &["minimal", "low", "medium", "high", "xhigh"];
const REASONING: Shape = Object(&[optional("effort", Word(EFFORTS))]);
const TOKENS: Shape = Either(&[Word(&["inf"]), Integer]);
const INCLUDE: Shape = List(&Word(&["item.input_audio_transcription.logprobs"]));
const PROMPT: Shape = Object(&[required("id", Text), optional("version", Text), optional("variables", Map(&Anything))]);

const TRUNCATION: Shape = Either(&[
    Word(&["auto", "disabled"]),
    Object(&[
        required("type", Word(&["retention_ratio"])),
        required("retention_ratio", Number(0.0, 1.0)),
        optional("token_limits", Object(&[optional("post_instructions", Integer)])),
    ]),
]);

const TRACING: Shape = Either(&[
    Word(&["auto"]),
    Object(&[optional("workflow_name", Text), optional("group_id", Text), optional("metadata", Anything)]),
]);

const TOOL_CHOICE: Shape = Either(&[
    Word(&["none", "auto", "required"]),
    Tagged(
        "type",
        &[
            ("function", &Object(&[TYPE, required("name", Text)])),
            ("mcp", &Object(&[TYPE, required("server_label", Text), optional("name", Text)])),
        ],
    ),
]);

const SESSION_TOOL: Shape = Tagged("type", &[("function", &Object(FUNCTION)), ("mcp", &Object(MCP))]);

/// No `strict`: the schema of the arguments may say what it likes, the tool may not.
const FUNCTION: &[Field] =
    &[TYPE, optional("name", Text), optional("description", Text), optional("parameters", Anything)];

const MCP: &[Field] = &[
    TYPE,
    required("server_label", Text),
    optional("server_url", Text),
    optional("connector_id", Text),
    optional("tunnel_id", Text),
    optional("authorization", Text),
    optional("headers", Map(&Text)),
    optional("allowed_tools", Either(&[List(&Text), Object(TOOL_FILTER)])),
    optional("require_approval", Either(&[Word(&["always", "never"]), Object(APPROVAL)])),
    optional("server_description", Text),
    optional("allowed_callers", List(&Word(&["direct", "programmatic"]))),
    optional("defer_loading", Flag),
];

const TOOL_FILTER: &[Field] = &[optional("tool_names", List(&Text)), optional("read_only", Flag)];
const APPROVAL: &[Field] = &[optional("always", Object(TOOL_FILTER)), optional("never", Object(TOOL_FILTER))];

const RESPONSE: &[Field] = &[
    optional("instructions", Text),
    optional("output_modalities", MODALITIES),
    optional("audio", Object(&[optional("output", Object(&[optional("format", FORMAT), optional("voice", VOICE)]))])),
    optional("tools", List(&SESSION_TOOL)),
    optional("tool_choice", TOOL_CHOICE),
    optional("max_output_tokens", TOKENS),
    optional("reasoning", REASONING),
    optional("parallel_tool_calls", Flag),
    optional("conversation", Text),
    optional("input", List(&INPUT_ITEM)),
    optional("metadata", Map(&Text)),
    optional("prompt", PROMPT),
];

const STATUS: Field = optional("status", Word(&["completed", "incomplete", "in_progress"]));
const OBJECT: Field = optional("object", Word(&["realtime.item"]));
const ROLE: Field = required("role", Text);
const ITEM_ID: Field = optional("id", Text);

const ITEM: Shape = Tagged("type", ITEMS);

const INPUT_ITEM: Shape = Tagged("type", INPUT_ITEMS);

const MESSAGE: Shape = Tagged(
    "role",
    &[
        ("system", &Object(&message(&SYSTEM_PART))),
        ("user", &Object(&message(&USER_PART))),
        ("assistant", &Object(&message(&ASSISTANT_PART))),
    ],
);

const fn message(part: &'static Shape) -> [Field; 6] {
    [TYPE, ROLE, ITEM_ID, OBJECT, STATUS, required("content", List(part))]
}

const SYSTEM_PART: Shape = Object(&[optional("type", Word(&["input_text"])), optional("text", Text)]);

const USER_PART: Shape = Object(&[
    optional("type", Word(&["input_text", "input_audio", "input_image"])),
    optional("text", Text),
    optional("audio", Text),
    optional("transcript", Text),
    optional("image_url", Text),
    optional("detail", Word(&["auto", "low", "high"])),
]);

const ASSISTANT_PART: Shape = Object(&[
    optional("type", Word(&["output_text", "output_audio"])),
    optional("text", Text),
    optional("audio", Text),
    optional("transcript", Text),
]);

const FUNCTION_CALL: Shape = Object(&[
    TYPE,
    ITEM_ID,
    OBJECT,
    STATUS,
    optional("call_id", Text),
    required("name", Text),
    required("arguments", Text),
]);

const FUNCTION_OUTPUT: Shape =
    Object(&[TYPE, ITEM_ID, OBJECT, STATUS, required("call_id", Text), required("output", Text)]);

const APPROVAL_RESPONSE: Shape = Object(&[
    TYPE,
    required("id", Text),
    required("approval_request_id", Text),
    required("approve", Flag),
    optional("reason", Text),
]);

const ITEMS: &[(&str, &Shape)] = &[
    ("message", &MESSAGE),
    ("function_call", &FUNCTION_CALL),
    ("function_call_output", &FUNCTION_OUTPUT),
    ("mcp_approval_response", &APPROVAL_RESPONSE),
];

const INPUT_ITEMS: &[(&str, &Shape)] = &[
    ("message", &MESSAGE),
    ("function_call", &FUNCTION_CALL),
    ("function_call_output", &FUNCTION_OUTPUT),
    ("mcp_approval_response", &APPROVAL_RESPONSE),
    ("item_reference", &Object(&[TYPE, required("id", Text)])),
];

#[cfg(test)]
mod tests;
