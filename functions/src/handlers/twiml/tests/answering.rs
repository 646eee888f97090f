//! Whose number was called, and whether somebody is there.

use std::time::Duration;

use serde_json::json;
use shared::agent::Overflow;
use shared::ids::AgentId;

use super::*;

fn agent(id: &str) -> Agent {
    Agent { id: id.into(), ..Agent::default() }
}

async fn calls(world: &World) -> String {
    ask(world, Http::post("/twiml").form(&INCOMING).signed()).await.1
}

async fn answered_by(world: World) -> (AgentId, u32) {
    assert!(calls(&world).await.contains("<Stream"));
    let state = world.state();
    let agent = &state.calls[&CallSid::from(CALL)].agent;
    (agent.id.clone(), agent.version)
}

/// [`NOW_MS`] is a Wednesday, 11:06 in London.
fn with_hours(spans: &[&str]) -> Agent {
    let hours =
        json!({ "weekly": { "wednesday": spans, "monday": ["01:00-02:00"] }, "closed": "{{agent_name}} schläft." });
    Agent { hours: serde_json::from_value(hours).unwrap(), language: Some("de-DE".to_owned()), ..agent("night") }
}

#[tokio::test]
async fn the_number_that_was_called_chooses_the_agent_and_the_call_keeps_its_version() {
    let world = World::new().with_agent(agent("night")).with_agent(agent("night")).with_number(CALLED, "night");
    assert_eq!(answered_by(world).await, ("night".into(), 2));
}

#[tokio::test]
async fn a_number_of_nobodys_is_answered_by_the_default() {
    assert_eq!(answered_by(World::new().with_agent(agent("night"))).await, ("default".into(), 0), "the build's own");
    let stored = World::new().with_agent(agent("default")).with_number("+15550000000", "night");
    assert_eq!(answered_by(stored).await, ("default".into(), 1));
    let dangling = World::new().with_agent(agent("default")).with_number(CALLED, "gone");
    assert_eq!(answered_by(dangling).await, ("default".into(), 1));
}

#[tokio::test]
async fn a_caller_who_comes_outside_the_hours_hears_so_in_the_agents_language() {
    let world = World::new().with_agent(with_hours(&["08:00-11:00"])).with_number(CALLED, "night");
    let heard = calls(&world).await;
    assert!(heard.contains("<Say language=\"de-DE\">Receptionist schläft.</Say><Hangup/>"), "{heard}");
    assert!(world.state().calls.is_empty() && world.state().sent.is_empty());
    let world = World::new().with_agent(with_hours(&["08:00-12:00"])).with_number(CALLED, "night");
    assert_eq!(answered_by(world).await.0.as_str(), "night");
}

#[tokio::test]
async fn a_call_that_was_let_in_before_closing_time_stays_in() {
    let closed = with_hours(&["08:00-11:00"]);
    let world = World::new().with_agent(closed).with_number(CALLED, "night").with_call(CallStatus::InProgress);
    assert!(calls(&world).await.contains("<Stream"));
}

#[tokio::test]
async fn what_is_said_to_a_caller_for_whom_nobody_is_there_is_in_the_agents_words() {
    let world = World::new().with_agent(Agent {
        language: Some("de-DE".to_owned()),
        overflow: Overflow { wait: Duration::ZERO, say: "Gerade nicht.".to_owned(), ..Overflow::default() },
        ..agent("default")
    });
    world.state().relays.clear();
    assert!(calls(&world).await.contains("<Say language=\"de-DE\">Gerade nicht.</Say>"));
}
