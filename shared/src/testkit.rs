//! For tests only: a carrier that plays in virtual time, a model that keeps the vendor's rules, and a reader of
//! scenario files. All as deterministic as what they test.

#![allow(
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that panics has failed"
)]

pub mod carrier;
pub mod dead_air;
pub mod fuzz;
pub mod render;
pub mod scenario;
pub mod sockets;
pub mod vendor;
pub mod written;

use crate::agent::words::Facts;
use crate::agent::{Agent, TransferKind, TransferTarget};
use crate::calls::{Channel, MediaPath};
use crate::ids::CallSid;
use crate::model::Capabilities;
use crate::money::price_list;
use crate::session::{Input, Journal, Output, Plan, Session};
use crate::time::{CallTime, Samples};
use crate::tools::ToolSpec;
use crate::tools::own::OwnTool;

/// The call that scenarios are about: the default agent, a mark every 200 ms, 100 ms of patience for lost frames.
pub fn plan(agent: Agent) -> Plan {
    let rates = price_list().rates(&agent.model, MediaPath::Gateway);
    let own = agent.own_tools.iter().map(OwnTool::spec);
    let tools = agent.tools.iter().map(|name| tool(name)).chain(own).collect();
    let sid = CallSid::from("CA00000000000000000000000000000001");
    // A Monday, half past eight in the morning in London.
    let began_at_ms = 1_795_422_600_000;
    let facts = Facts { call: sid.clone(), from: "+15551234567".into(), to: "+15557654321".into(), began_at_ms };
    Plan {
        sid,
        channel: Channel::Telephone,
        agent,
        facts,
        tools,
        capabilities: Capabilities {
            interrupts_itself: true,
            truncates: true,
            longest_session: None,
            recall_tokens: 8_000,
        },
        mark_every: Samples::from_millis(200),
        reorder_ms: 100,
        seed: 0,
        rates,
    }
}

/// Somebody whom callers are dialled through to, and two who are asked first.
pub fn transfer_targets() -> Vec<TransferTarget> {
    let target = |name: &str, to: &str, kind| TransferTarget {
        name: name.to_owned(),
        to: to.into(),
        kind,
        ring: std::time::Duration::from_secs(20),
        say: String::new(),
    };
    vec![
        target("reception", "+15005550010", TransferKind::Cold),
        target("doctor", "sip:doctor@example.com", TransferKind::Warm),
        target("nurse", "+15005550020", TransferKind::Warm),
    ]
}

/// What a call's journal looks like that was let go of at this time, before its caller came.
pub fn journal(at: CallTime) -> Journal {
    let mut session = Session::open(plan(Agent::default()), CallTime::ZERO);
    session.handle(at, Input::Shutdown);
    let journal = std::iter::from_fn(|| session.poll()).find_map(|output| match output {
        Output::LetGo(journal) => Some(*journal),
        _ => None,
    });
    journal.expect("a session that is told to go lets go")
}

/// A tool of an agent's own, which must not run twice.
pub fn own_tool() -> OwnTool {
    let definition = serde_json::json!({
        "name": "book_table",
        "description": "Books a table.",
        "parameters": { "type": "object", "properties": { "name": { "type": "string" } } },
        "target": {
            "type": "http",
            "method": "POST",
            "url": "https://api.example.com/bookings",
            "headers": { "authorization": "Bearer {{secret:CRM_KEY}}" },
            "body": "arguments",
        },
        "on_failure": "Say that tables are booked by mail today.",
    });
    serde_json::from_value(definition).unwrap()
}

fn tool(name: &str) -> ToolSpec {
    let parameters = serde_json::json!({ "type": "object" });
    ToolSpec { name: name.to_owned(), description: String::new(), parameters }
}
