//! Recordings: fetched by a URL, paused, and erased with all that there is of a caller.

use serde_json::json;
use shared::calls::{Call, CallStatus, Ending};
use shared::ids::CallSid;
use shared::ports::FoundRecording;
use shared::session::{Event, OperatorCommand};
use shared::time::CallTime;

use super::super::super::testing::{CALL, CALLED, CALLER, Http, NOW_MS, PUBLIC_URL, World, call};
use super::{TOKEN, api, ask, asked, json_of, text};

fn of_call(rest: &str) -> String {
    format!("/api/calls/{CALL}/recording/{rest}")
}

fn erase(number: &str) -> Http {
    Http::new("DELETE", &format!("/api/callers/{number}"))
}

async fn erased(world: &World, number: &str) -> (i64, serde_json::Value) {
    let answer = ask(world, erase(number)).await;
    (answer.status_code, serde_json::from_str(&text(&answer)).unwrap())
}

/// So many calls of the caller's, which ended an hour ago.
fn world_with(calls: u32) -> World {
    let world = World::new();
    for number in 0..calls {
        let sid: CallSid = format!("CA{number:032}").into();
        let ended = CallStatus::Ended(Ending::CallerHungUp);
        let call = Call { sid: sid.clone(), began_at_ms: NOW_MS - 3_600_000, ..call(ended) };
        world.state().calls.insert(sid, call);
    }
    world
}

#[tokio::test]
async fn a_url_is_given_to_whoever_has_the_token_and_says_until_when() {
    let world = World::new().with_call(CallStatus::InProgress);
    assert_eq!(ask(&world, Http::get(&of_call("url"))).await.status_code, 404);
    world.state().recording = Some(FoundRecording::Whole(b"RIFF".to_vec()));
    let stranger = api(&world, PUBLIC_URL, Some(TOKEN)).handle(Http::get(&of_call("url")).event()).await;
    assert_eq!(stranger.status_code, 401);
    let link = json_of(&world, Http::get(&of_call("url"))).await;
    let name = link["file_name"].as_str().unwrap();
    assert!(name.starts_with("call-2026-11-") && name.ends_with(&format!("-{CALL}.wav")), "{name}");
    assert_eq!(link["url"], format!("https://bucket.example.com/it?as={name}"));
    assert_eq!(link["expires_at"], shared::rfc3339::format(NOW_MS + 300_000));
}

#[tokio::test]
async fn a_recording_that_its_relay_did_not_join_is_joined_for_its_url() {
    let world = World::new().with_call(CallStatus::Ended(Ending::CallerHungUp));
    world.state().unjoined = Some(FoundRecording::Whole(b"RIFF".to_vec()));
    assert_eq!(ask(&world, Http::get(&of_call("url"))).await.status_code, 200);
}

#[tokio::test]
async fn a_recording_is_paused_and_resumed_while_its_call_runs() {
    let world = World::new().with_call(CallStatus::InProgress);
    for (verb, command) in
        [("pause", asked(OperatorCommand::PauseRecording)), ("resume", asked(OperatorCommand::ResumeRecording))]
    {
        assert_eq!(ask(&world, Http::get(&of_call(verb))).await.status_code, 405);
        assert_eq!(ask(&world, Http::post(&of_call(verb))).await.status_code, 202);
        assert_eq!(world.state().sent.pop(), Some(("relay-1".into(), command)));
    }
    world.state().calls.get_mut(&CallSid::from(CALL)).unwrap().agent.recording.may_pause = false;
    assert_eq!(ask(&world, Http::post(&of_call("pause"))).await.status_code, 409);
    assert_eq!(world.state().sent, []);
    let over = World::new().with_call(CallStatus::Ended(Ending::CallerHungUp));
    assert_eq!(ask(&over, Http::post(&of_call("pause"))).await.status_code, 409);
}

#[tokio::test]
async fn everything_about_a_caller_goes_and_to_ask_again_does_no_harm() {
    let world = world_with(3);
    let stranger = api(&world, PUBLIC_URL, Some(TOKEN)).handle(erase(CALLER).event()).await;
    assert_eq!(stranger.status_code, 401);
    let nothing = json!({ "erased": 0, "running": [], "remaining": false });
    assert_eq!(erased(&world, "+15550009999").await, (200, nothing.clone()));
    assert_eq!(erased(&world, CALLER).await, (200, json!({ "erased": 3, "running": [], "remaining": false })));
    assert!(world.state().calls.is_empty());
    assert_eq!(world.state().erased_recordings.len(), 3);
    assert_eq!(erased(&world, CALLER).await, (200, nothing));
    for number in ["15551234567", "+1", "+1555%20", "me"] {
        assert_eq!(ask(&world, erase(number)).await.status_code, 404, "{number}");
    }
}

#[tokio::test]
async fn a_number_that_was_called_is_one_too() {
    let world = world_with(2);
    assert_eq!(erased(&world, &CALLED.replace('+', "%2B")).await.1["erased"], 2);
}

#[tokio::test]
async fn a_request_erases_some_and_the_next_goes_on() {
    let world = world_with(60);
    let mut answers = Vec::new();
    for _ in 0..3 {
        let (status, answer) = erased(&world, CALLER).await;
        answers.push((status, answer["erased"].as_u64().unwrap(), answer["remaining"].as_bool().unwrap()));
    }
    assert_eq!(answers, [(202, 25, true), (202, 25, true), (200, 10, false)]);
}

#[tokio::test]
async fn calls_that_run_keep_nobody_from_those_behind_them() {
    let world = world_with(90);
    for call in world.state().calls.values_mut().take(60) {
        call.status = CallStatus::InProgress;
    }
    let (status, answer) = erased(&world, CALLER).await;
    assert_eq!((status, &answer["erased"], &answer["remaining"]), (202, &json!(25), &json!(true)));
    let (status, answer) = erased(&world, CALLER).await;
    assert_eq!((status, &answer["erased"], &answer["remaining"]), (409, &json!(5), &json!(false)));
    assert_eq!(answer["running"].as_array().unwrap().len(), 60);
}

#[tokio::test]
async fn a_call_that_runs_or_has_just_ended_is_left_and_named() {
    let world = world_with(2).with_call(CallStatus::InProgress);
    assert_eq!(erased(&world, CALLER).await, (409, json!({ "erased": 1, "running": [CALL], "remaining": false })));
    let ended = CallStatus::Ended(Ending::CallerHungUp);
    world.state().calls.insert(CALL.into(), Call { began_at_ms: NOW_MS - 90_000, ..call(ended) });
    let said = Event::Ended { ending: Ending::CallerHungUp, after_ms: 80_000 };
    world.state().events = vec![(CallTime(80_000), said)];
    assert_eq!(erased(&world, CALLER).await.0, 409);
    world.state().passed_ms = 50_001;
    assert_eq!(erased(&world, CALLER).await, (200, json!({ "erased": 1, "running": [], "remaining": false })));
}

#[tokio::test]
async fn a_store_that_fails_leaves_what_it_takes_to_go_on() {
    let world = world_with(2);
    world.state().broken = true;
    assert_eq!(ask(&world, erase(CALLER)).await.status_code, 503);
    world.state().broken = false;
    assert_eq!(erased(&world, CALLER).await.1["erased"], 2);
}
