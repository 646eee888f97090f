//! The table: its keys, how long things stay in it, and how a laptop gets one.
//!
//! | pk | sk | what | stays |
//! |---|---|---|---|
//! | `CALL#{sid}` | `META` | the call; `gsi1`: `CALLS` by beginning | as its agent says (30 days); those below, too |
//! | `CALL#{sid}` | `META#LEASE` | who holds it: relay, address, fence; and the journal | with the call |
//! | `CALL#{sid}` | `LINE#{number}#{fence}` | a line of the transcript, by its writer | with the call |
//! | `CALL#{sid}` | `EVENT#{at}#{fence}#{number}` | an event, in the order of the call's own time | with the call |
//! | `CALL#{sid}` | `AUDIO#{from}#{fence}` | what the caller said and nobody has understood yet | 1 hour |
//! | `CALL#{sid}` | `TOOL#{call}` | a tool call that was begun, and its outcome | 1 day |
//! | `CALL#{sid}` | `MESSAGE#{call}` | a message for people; `gsi1`: `MESSAGES` by when it was taken | with the call |
//! | `CALL#{sid}` | `CALLBACK#{call}` | a request to be called back; `gsi1`: `CALLBACKS` by when it is due | longer than the call by the time until then |
//! | `CALL#{sid}` | `AUDIT#{at}#{call}` | that a tool was called, and how it went | with the call |
//! | `CALL#{sid}` | `TERMS` | by what it is found | with the call |
//! | `TERM#{kind}#{value}` | `{began}#{sid}` | a call that is found by a word, its agent, or how it ended | with the call |
//! | `CALLER#{sha256}` | `{began}#{sid}` | a call from or to the number that this hides | as long as anything of the call |
//! | `CONN#{id}` | `META` | a WebSocket, a caller's or a relay's | 3 hours |
//! | `TOKEN#{sha256}` | `META` | a stream's ticket | as issued |
//! | `RATE#{what}#{sha256}` | `{minute}` | how often that happened of whoever this hides | that minute |
//! | `RELAY#{id}` | `META` | a relay; `gsi1`: `RELAYS` | 1 minute after its last heartbeat |
//! | `RELAY#{id}` | `PULSE` | its sign of life, or that it was deposed | 1 day |
//! | `RELAY#{id}` | `CALL#{sid}` | a call that it holds | 1 day |
//! | `LINE` | `{since}#{sid}` | a caller for whom there is no room yet | half a minute after it last asked |
//! | `WATCHERS` | `{connection}` | a console that watches, and what | 2 minutes and a half after it was last heard of |
//! | `AGENT#{id}` | `META` | which version of it counts, if any; `gsi1`: `AGENTS` | for good |
//! | `AGENT#{id}` | `VERSION#{number}` | a version, which is never changed | for good |
//! | `NUMBER#{number}` | `META` | which agent answers; `gsi1`: `NUMBERS` | for good |
//! | `POINTED` | `{sid}` | what a number of Twilio's was set to before it was pointed here | until it is undone |
//! | `ACTS` | `{at}#{hash}` | who did what by the console | 1 year |
//! | `DATA#{kind}` | `{id}` | what the lookup tools read | for good |

use std::fmt::Write as _;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::create_table::builders::CreateTableFluentBuilder;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
    ScalarAttributeType, TimeToLiveSpecification,
};
use sha2::{Digest as _, Sha256};
use shared::calls::{Waiting, caller_hash};
use shared::console::Act;
use shared::ids::{AgentId, CallSid, ConnectionId, RelayId, ToolCallId};
use shared::limits::Window;
use shared::money::Day;
use shared::ports::{PortError, PortResult};
use shared::redact::Secret;
use shared::search::Term;
use shared::time::{CallTime, Samples};

use super::super::sdk::port_error;

pub(super) const META: &str = "META";
/// Begins like the call's own, so that both are read together.
pub(super) const LEASE: &str = "META#LEASE";
pub(super) const PULSE: &str = "PULSE";
pub(super) const WAITING: &str = "LINE";
pub(super) const WATCHERS: &str = "WATCHERS";
pub(super) const INDEX: &str = "gsi1";
/// Epoch seconds. DynamoDB takes days to remove what has expired, so reads look at it too.
pub(super) const EXPIRES: &str = "expires_at";

pub(super) const CALLS_STAY: Duration = Duration::from_secs(30 * 24 * 60 * 60);
pub(super) const ACTS_STAY: Duration = Duration::from_secs(365 * 24 * 60 * 60);
pub(super) const AUDIO_STAYS: Duration = Duration::from_secs(60 * 60);
pub(super) const TOOLS_STAY: Duration = Duration::from_secs(24 * 60 * 60);
/// API Gateway closes a WebSocket after two hours.
pub(super) const CONNECTIONS_STAY: Duration = Duration::from_secs(3 * 60 * 60);
pub(super) const RELAYS_STAY: Duration = Duration::from_secs(60);
/// A little longer than relays believe in one that says nothing.
pub(super) const WATCHERS_STAY: Duration = Duration::from_secs(150);
/// Longer than any process that was given up goes on.
pub(super) const PULSES_STAY: Duration = Duration::from_secs(24 * 60 * 60);

pub(super) fn call_key(sid: &CallSid) -> String {
    format!("CALL#{sid}")
}

/// In the order of arrival.
pub(super) fn waiting_key(waiting: &Waiting) -> String {
    format!("{:014}#{}", waiting.since_ms, waiting.call)
}

pub(super) fn line_key(number: u32, fence: u64) -> String {
    format!("LINE#{number:06}#{fence:06}")
}

/// Under which fence a line was written: 0 before keys said so.
pub(super) fn line_fence(key: &str) -> u64 {
    key.splitn(3, '#').nth(2).and_then(|fence| fence.parse().ok()).unwrap_or(0)
}

pub(super) fn event_key(at_ms: u64, fence: u64, number: u64) -> String {
    format!("EVENT#{at_ms:010}#{fence:06}#{number:010}")
}

pub(super) const EVENT: &str = "EVENT#";

/// What the keys of all events from there on are not below.
pub(super) fn events_since(at: CallTime) -> String {
    format!("{EVENT}{:010}", at.as_millis())
}

/// Under which fence an event was written, and its number: the fence is 0 before keys said so.
pub(super) fn event_name(key: &str) -> (u64, u64) {
    let mut parts = key.split('#').skip(2).map(|part| part.parse().unwrap_or(0));
    match (parts.next(), parts.next()) {
        (Some(fence), Some(number)) => (fence, number),
        (Some(number), None) => (0, number),
        _ => (0, 0),
    }
}

pub(super) const AUDIO: &str = "AUDIO#";

pub(super) fn audio_key(from: Samples, fence: u64) -> String {
    format!("{}#{fence:06}", audio_from(from))
}

/// What the keys of all audio from there on are not below.
pub(super) fn audio_from(from: Samples) -> String {
    format!("{AUDIO}{:012}", from.0)
}

pub(super) fn tool_key(call: &ToolCallId) -> String {
    format!("TOOL#{call}")
}

pub(super) fn message_key(call: &ToolCallId) -> String {
    format!("MESSAGE#{call}")
}

pub(super) fn callback_key(call: &ToolCallId) -> String {
    format!("CALLBACK#{call}")
}

pub(super) const AUDIT: &str = "AUDIT#";

pub(super) fn audit_key(at_ms: u64, call: &ToolCallId) -> String {
    format!("{AUDIT}{at_ms:014}#{call}")
}

pub(super) const TERMS: &str = "TERMS";

/// Where the calls are named that this is true of. Of a number that is what the erasure of a caller reads, too.
pub(super) fn term_key(term: &Term) -> String {
    match term {
        Term::Word(word) => format!("TERM#WORD#{}", word.reveal()),
        Term::Agent(agent) => format!("TERM#AGENT#{agent}"),
        Term::Ending(ending) => format!("TERM#ENDING#{ending:?}"),
        Term::Number(number) => caller_key(number.reveal()),
    }
}

pub(super) const POINTED: &str = "POINTED";
pub(super) const ACTS: &str = "ACTS";

/// Two acts of the same moment are the same act, or told apart by who did what.
pub(super) fn act_key(act: &Act) -> String {
    let whose = act.name.reveal().as_str();
    let what = format!("{}#{:?}#{whose}", act.act, act.on);
    hidden(format!("{:014}#", act.at_ms), &what)
}

pub(super) fn connection_key(id: &ConnectionId) -> String {
    format!("CONN#{id}")
}

pub(super) fn token_key(token: &Secret) -> String {
    hidden("TOKEN#".to_owned(), token.reveal())
}

/// Under which the calls of a number are found.
pub(super) fn caller_key(number: &str) -> String {
    format!("CALLER#{}", caller_hash(number))
}

pub(super) fn trace_key(began_at_ms: u64, sid: &CallSid) -> String {
    format!("{began_at_ms:015}#{sid}")
}

pub(super) fn rate_key(what: &str, whom: &str) -> String {
    hidden(format!("RATE#{what}#"), whom)
}

pub(super) fn spent_key(agent: &AgentId) -> String {
    format!("SPENT#{agent}")
}

pub(super) fn day_key(day: Day) -> String {
    format!("{:08}", day.number())
}

pub(super) fn window_key(window: Window) -> String {
    format!("{:012}", window.number())
}

/// The key ends with the hash of what is not to be stored.
fn hidden(mut key: String, what: &str) -> String {
    for byte in Sha256::digest(what.as_bytes()) {
        let _infallible = write!(key, "{byte:02x}");
    }
    key
}

pub(super) fn relay_key(id: &RelayId) -> String {
    format!("RELAY#{id}")
}

pub(super) fn agent_key(id: &AgentId) -> String {
    format!("AGENT#{id}")
}

pub(super) const VERSIONS: &str = "VERSION#";

pub(super) fn version_key(version: u32) -> String {
    format!("{VERSIONS}{version:08}")
}

pub(super) fn number_key(number: &str) -> String {
    format!("NUMBER#{number}")
}

pub(super) fn data_key(kind: &str) -> String {
    format!("DATA#{kind}")
}

/// Creates the table if it is not there yet. In the cloud the template does this.
pub async fn ensure_table(client: &Client, table: &str) -> PortResult<()> {
    match create_table(client, table)?.send().await {
        Ok(_) => expire_items(client, table).await,
        Err(error) if error.as_service_error().is_some_and(|cause| cause.is_resource_in_use_exception()) => Ok(()),
        Err(error) => Err(port_error("create table", &error)),
    }
}

fn create_table(client: &Client, table: &str) -> PortResult<CreateTableFluentBuilder> {
    let index = GlobalSecondaryIndex::builder()
        .index_name(INDEX)
        .key_schema(key("gsi1pk", KeyType::Hash)?)
        .key_schema(key("gsi1sk", KeyType::Range)?)
        .projection(Projection::builder().projection_type(ProjectionType::All).build())
        .build()
        .map_err(|_| incomplete())?;
    let mut request = client
        .create_table()
        .table_name(table)
        .billing_mode(BillingMode::PayPerRequest)
        .key_schema(key("pk", KeyType::Hash)?)
        .key_schema(key("sk", KeyType::Range)?)
        .global_secondary_indexes(index);
    for name in ["pk", "sk", "gsi1pk", "gsi1sk"] {
        let definition = AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S);
        request = request.attribute_definitions(definition.build().map_err(|_| incomplete())?);
    }
    Ok(request)
}

fn key(name: &str, kind: KeyType) -> PortResult<KeySchemaElement> {
    KeySchemaElement::builder().attribute_name(name).key_type(kind).build().map_err(|_| incomplete())
}

async fn expire_items(client: &Client, table: &str) -> PortResult<()> {
    let ttl = TimeToLiveSpecification::builder().attribute_name(EXPIRES).enabled(true);
    let request = client.update_time_to_live().table_name(table);
    let request = request.time_to_live_specification(ttl.build().map_err(|_| incomplete())?);
    request.send().await.map(drop).map_err(|error| port_error("enable expiry", &error))
}

fn incomplete() -> PortError {
    PortError::Corrupt("the table's definition is incomplete".to_owned())
}
