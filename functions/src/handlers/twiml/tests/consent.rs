//! The consent line: before anything of the caller is heard, and once.

use super::*;

const SAID: &str = r#"<Say language="de-DE">Wir zeichnen auf.</Say><Connect>"#;

fn world() -> World {
    let mut agent = Agent { language: Some("de-DE".to_owned()), ..Agent::default() };
    agent.recording.consent = Some("Wir zeichnen auf.".to_owned());
    World::new().with_agent(agent)
}

async fn told(world: &World, path: &str) -> bool {
    let (status, document) = ask(world, Http::post(path).form(&INCOMING).signed()).await;
    assert!(status == 200 && document.contains("<Stream"), "{document}");
    assert_eq!(document.contains(SAID), document.contains("<Say"), "{document}");
    document.contains(SAID)
}

#[tokio::test]
async fn a_caller_is_told_before_the_stream_begins_also_if_the_webhook_comes_twice() {
    let world = world();
    assert!(told(&world, "/twiml").await && told(&world, "/twiml").await);
}

#[tokio::test]
async fn a_caller_who_comes_back_is_not_told_again() {
    let world = world();
    assert!(told(&world, "/twiml").await);
    assert!(!told(&world, "/twiml/resume").await, "the stream did not open");
    let sid = CallSid::from(CALL);
    world.state().calls.get_mut(&sid).unwrap().status = CallStatus::InProgress;
    assert!(!told(&world, "/twiml/resume").await && !told(&world, "/twiml/line").await);
}

#[tokio::test]
async fn who_asks_for_no_consent_says_nothing() {
    let (_, document) = ask(&World::new(), Http::post("/twiml").form(&INCOMING).signed()).await;
    assert!(!document.contains("<Say"), "{document}");
}
