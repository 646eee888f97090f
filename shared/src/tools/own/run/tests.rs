use super::super::testing::{World, answer, booking, json_answer, lookup, redirect, tool, with};
use super::*;

fn order() -> Value {
    json!({ "order": "7" })
}

fn ok(outcome: ToolOutcome) -> Value {
    serde_json::from_str(outcome.unwrap().reveal()).unwrap()
}

/// The cause and the kind of a call that failed, on one answer.
fn failed(definition: &Value, answers: Vec<Result<HttpAnswer, HttpFault>>) -> (String, ToolErrorKind) {
    let (outcome, tally) = World::new(answers).run(&tool(definition), &order());
    (tally.cause.unwrap(), outcome.unwrap_err().kind)
}

fn once(definition: &Value, answer: Result<HttpAnswer, HttpFault>) -> (String, ToolErrorKind) {
    failed(&with(definition.clone(), "/target/retries", json!(0)), vec![answer])
}

#[test]
fn a_request_carries_its_key_and_its_secret_and_asks_for_nothing_compressed() {
    let world = World::new([json_answer(r#"{"state":"sent"}"#)]);
    let (outcome, tally) = world.run(&tool(&lookup()), &order());
    assert_eq!(ok(outcome), json!({ "state": "sent" }));
    let asked = world.asked().remove(0);
    let header = |name: &str| asked.headers.iter().find(|it| it.name == name).map(|it| it.value.reveal().to_owned());
    assert_eq!((asked.method, &asked.body), (Method::Get, &None));
    assert_eq!(header("authorization").as_deref(), Some("Bearer s3cret-key"));
    assert_eq!(header("accept-encoding").as_deref(), Some("identity"));
    assert_eq!(header("idempotency-key").unwrap().len(), 32);
    assert!(!format!("{asked:?}").contains("s3cret") && !format!("{asked:?}").contains("orders/7"), "{asked:?}");
    assert_eq!((tally.status, tally.attempts, tally.received_bytes, tally.cause), (Some(200), 1, 16, None));
}

#[test]
fn a_body_is_json_whatever_the_arguments_hold() {
    let world = World::new([answer(201, "application/json", b"")]);
    let arguments = json!({ "name": "\",\"admin\":true,\"x\":\"", "people": 4 });
    let (outcome, _) = world.run(&tool(&booking()), &arguments);
    assert_eq!(ok(outcome), json!({ "status": 201 }));
    let body: Value = serde_json::from_str(world.asked()[0].body.as_ref().unwrap().reveal()).unwrap();
    let name = arguments["name"].as_str().unwrap();
    assert_eq!(body, json!({ "guest": name, "party": [4], "text": format!("For {name}: ") }));
    let world = World::new([json_answer("{}")]);
    let _outcome = world.run(&tool(&with(booking(), "/target/body", json!("arguments"))), &arguments);
    assert_eq!(serde_json::from_str::<Value>(world.asked()[0].body.as_ref().unwrap().reveal()).unwrap(), arguments);
}

#[test]
fn nothing_is_sent_for_arguments_that_the_schema_does_not_know() {
    for wrong in [json!({}), json!({ "order": 7 }), json!({ "order": "7", "city": "Rome" }), json!([]), json!("7")] {
        let world = World::new([]);
        let (outcome, tally) = world.run(&tool(&lookup()), &wrong);
        assert_eq!(outcome.unwrap_err().kind, ToolErrorKind::InvalidArguments, "{wrong}");
        assert_eq!((tally.attempts, tally.cause.as_deref()), (0, Some("arguments")));
    }
}

#[test]
fn a_definition_that_was_never_judged_does_not_run() {
    for (pointer, wrong) in [
        ("/target/url", json!("http://169.254.169.254/latest/meta-data")),
        ("/target/method", json!("FETCH")),
        ("/target/headers", json!({ "Authorization": "Bearer abc" })),
    ] {
        let (outcome, tally) = World::new([]).run(&tool(&with(lookup(), pointer, wrong)), &order());
        assert_eq!((outcome.unwrap_err().kind, tally.cause.as_deref()), (ToolErrorKind::Internal, Some("definition")));
    }
}

#[test]
fn the_model_gets_the_part_that_was_asked_for() {
    let part = with(lookup(), "/target/pointer", json!("/data/0/state"));
    let (outcome, _) = World::new([json_answer(r#"{"data":[{"state":"sent"}]}"#)]).run(&tool(&part), &order());
    assert_eq!(ok(outcome), json!("sent"));
    assert_eq!(once(&part, json_answer(r#"{"data":[]}"#)), ("nothing_there".to_owned(), ToolErrorKind::NotFound));
    let (outcome, _) = World::new([answer(200, "text/plain", "Gruß".as_bytes())]).run(&tool(&lookup()), &order());
    assert_eq!(ok(outcome), json!({ "text": "Gruß" }));
}

#[test]
fn an_answer_that_is_no_data_is_told_as_such() {
    let long = format!("\"{}\"", "x".repeat(20_000));
    let packed = Ok(HttpAnswer { content_encoding: Some("gzip".to_owned()), status: 200, ..HttpAnswer::default() });
    for (answer, cause) in [
        (answer(200, "text/html; charset=utf-8", b"<html>"), "html"),
        (answer(200, "image/png", b"\x89PNG"), "content_type"),
        (answer(200, "text/plain; charset=iso-8859-1", b"Gru\xdf"), "content_type"),
        (answer(200, "text/plain", b"Gru\xdf"), "not_text"),
        (json_answer("{\"a\":\"\u{0}"), "not_json"),
        (answer(200, "application/json", b"\xff\xfe{}"), "not_json"),
        (json_answer(&"[".repeat(5_000)), "not_json"),
        (json_answer(&long), "answer_too_large"),
        (Err(HttpFault::TooLarge), "answer_too_large"),
        (packed, "compressed"),
        (answer(302, "text/plain", b""), "http_302"),
        (answer(404, "application/json", b"{}"), "http_404"),
        (answer(422, "application/json", b"{}"), "http_422"),
        (answer(500, "text/html", b"<html>"), "http_500"),
        (Err(HttpFault::Refused(Refusal::NotPublic)), "address_refused"),
        (Err(HttpFault::Unresolvable), "unresolvable"),
    ] {
        assert_eq!(once(&lookup(), answer).0, cause);
    }
}

#[test]
fn what_may_pass_is_tried_again_and_no_more_often_than_allowed() {
    let busy = || answer(503, "text/plain", b"");
    let world = World::new([busy(), Err(HttpFault::Unreachable), json_answer("{}")]);
    let (outcome, tally) = world.run(&tool(&lookup()), &order());
    assert_eq!((ok(outcome), tally.attempts, world.paused()), (json!({}), 3, 2));
    let world = World::new([busy(), busy(), busy()]);
    let (outcome, tally) = world.run(&tool(&lookup()), &order());
    assert_eq!((outcome.unwrap_err().kind, tally.attempts), (ToolErrorKind::Unavailable, 3));
    let keys = world
        .asked()
        .iter()
        .map(|it| it.headers.iter().find(|it| it.name == "idempotency-key").cloned())
        .collect::<Vec<_>>();
    assert!(keys.iter().all(|key| key.is_some() && *key == keys[0]), "one call, one key");
    let (_, tally) = World::new([answer(404, "text/plain", b"")]).run(&tool(&lookup()), &order());
    assert_eq!(tally.attempts, 1, "what will not pass is not tried again");
}

#[test]
fn what_must_not_happen_twice_is_sent_once_and_its_end_is_told_as_unknown() {
    let (outcome, tally) = World::new([Err(HttpFault::BrokenOff)]).run(&tool(&booking()), &json!({ "name": "A" }));
    assert_eq!((outcome.unwrap_err(), tally.attempts), (unknown_end(ToolErrorKind::Unavailable), 1));
    let (outcome, _) = World::new([Err(HttpFault::Unreachable)]).run(&tool(&booking()), &json!({ "name": "A" }));
    assert_eq!(outcome.unwrap_err().message, "The service cannot be reached.", "then nothing was sent");
}

#[test]
fn a_redirect_takes_no_secret_to_another_and_never_leads_into_the_clear() {
    let world =
        World::new([redirect(302, "/v2/orders/7"), redirect(307, "https://cdn.example.net/7"), json_answer("{}")]);
    let (outcome, tally) = world.run(&tool(&lookup()), &order());
    assert_eq!((ok(outcome), tally.redirects, tally.attempts), (json!({}), 2, 1));
    assert_eq!(world.urls()[1..], ["https://api.example.com/v2/orders/7", "https://cdn.example.net/7"]);
    let has_secret = |at: usize| world.asked()[at].headers.iter().any(|it| it.name == "authorization");
    assert_eq!([has_secret(0), has_secret(1), has_secret(2)], [true, true, false]);
    assert_eq!(once(&lookup(), redirect(302, "http://api.example.com/")).0, "redirect_downgrade");
    assert_eq!(once(&lookup(), redirect(302, "ftp://api.example.com/")).0, "redirect_downgrade");
    assert_eq!(once(&lookup(), redirect(302, "https://")).0, "redirect_unreadable");
    let round = vec![redirect(302, "/"), redirect(302, "/"), redirect(302, "/"), redirect(302, "/")];
    assert_eq!(failed(&lookup(), round).0, "too_many_redirects");
}

#[test]
fn what_was_done_is_looked_at_elsewhere_and_not_done_there() {
    let world = World::new([redirect(303, "https://elsewhere.example/done"), json_answer("{}")]);
    let (outcome, _) = world.run(&tool(&booking()), &json!({ "name": "A" }));
    let second = &world.asked()[1];
    assert_eq!((ok(outcome), second.method, &second.body), (json!({}), Method::Get, &None));
    assert!(second.headers.iter().all(|it| it.name != "content-type" && it.name != "x-api-key"));
    let (outcome, tally) =
        World::new([redirect(307, "https://elsewhere.example/")]).run(&tool(&booking()), &json!({ "name": "A" }));
    assert_eq!(
        (outcome.unwrap_err().kind, tally.cause.as_deref()),
        (ToolErrorKind::Unavailable, Some("redirect_elsewhere"))
    );
    let world = World::new([redirect(308, "/v2/bookings"), json_answer("{}")]);
    let _outcome = world.run(&tool(&booking()), &json!({ "name": "A" }));
    assert_eq!((world.asked()[1].method, world.asked()[1].body.is_some()), (Method::Post, true));
}

#[test]
fn a_secret_that_comes_back_is_taken_out() {
    let echo = r#"{"you sent s3cret-key":["Bearer s3cret-key",{"k":"s3cr\u0065t-key"}],"n":1}"#;
    let (outcome, _) = World::new([json_answer(echo)]).run(&tool(&lookup()), &order());
    let text = outcome.unwrap().into_revealed();
    assert!(!text.contains("s3cret") && text.contains("Bearer ‹secret›"), "{text}");
    let mut world = World::new([json_answer(r#"{"pin":4711,"order":7}"#)]);
    world.secrets[0].1.value = Secret::new("4711");
    assert_eq!(ok(world.run(&tool(&lookup()), &order()).0), json!({ "pin": "‹secret›", "order": 7 }));
}

#[test]
fn a_secret_is_for_its_hosts_and_must_be_there() {
    let cause = |name: &str, hosts: &[&str]| {
        let headers = json!({ "authorization": format!("{{{{secret:{name}}}}}") });
        let mut world = World::new([json_answer("{}")]);
        world.secrets[0].1.hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
        let (outcome, tally) = world.run(&tool(&with(lookup(), "/target/headers", headers)), &order());
        assert_eq!(outcome.is_ok(), tally.cause.is_none());
        (tally.cause, world.asked().len())
    };
    assert_eq!(cause("CRM_KEY", &["API.example.com"]), (None, 1));
    assert_eq!(cause("CRM_KEY", &["other.example"]), (Some("secret_elsewhere".to_owned()), 0));
    assert_eq!(cause("NOBODYS", &[]), (Some("secret_missing".to_owned()), 0));
    assert_eq!(cause("BROKEN", &[]), (Some("secrets".to_owned()), 0));
}

#[test]
fn a_function_is_told_which_call_it_is_and_answers_json() {
    let lambda = json!({ "type": "lambda", "arn": "arn:aws:lambda:eu-central-1:123456789012:function:orders" });
    let tool = tool(&with(lookup(), "/target", lambda));
    let mut world = World::new([]);
    world.function = Ok(r#"{"state":"sent"}"#);
    let (outcome, tally) = world.run(&tool, &order());
    assert_eq!(ok(outcome), json!({ "state": "sent" }));
    let event = json!({ "tool": "find_order", "arguments": { "order": "7" }, "call": "CA1", "tool_call": "call_1" });
    assert_eq!((world.event(), tally.received_bytes), (event, 16));
    for (answer, cause) in [(Ok("<html>"), "not_json"), (Err(ToolErrorKind::TimedOut), "lambda")] {
        let mut world = World::new([]);
        world.function = answer;
        assert_eq!(world.run(&tool, &order()).1.cause.as_deref(), Some(cause));
    }
}
