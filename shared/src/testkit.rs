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
pub mod vendor;
pub mod written;

use crate::agent::Agent;
use crate::agent::words::Facts;
use crate::ids::CallSid;
use crate::model::Capabilities;
use crate::session::{Input, Journal, Output, Plan, Session};
use crate::time::{CallTime, Samples};
use crate::tools::ToolSpec;
use crate::tools::own::OwnTool;

/// The call that scenarios are about: the default agent, a mark every 200 ms, 100 ms of patience for lost frames.
pub fn plan(agent: Agent) -> Plan {
    let own = agent.own_tools.iter().map(OwnTool::spec);
    let tools = agent.tools.iter().map(|name| tool(name)).chain(own).collect();
    let sid = CallSid::from("CA00000000000000000000000000000001");
    // A Monday, half past eight in the morning in London.
    let began_at_ms = 1_795_422_600_000;
    let facts = Facts { call: sid.clone(), from: "+15551234567".into(), to: "+15557654321".into(), began_at_ms };
    Plan {
        sid,
        agent,
        facts,
        tools,
        capabilities: Capabilities { interrupts_itself: true, truncates: true, longest_session: None },
        mark_every: Samples::from_millis(200),
        reorder_ms: 100,
    }
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
