mod answering;
mod consent;
mod limits;
mod line;
mod transfer;

use aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use aws_lambda_events::encodings::Body;
use shared::agent::Agent;
use shared::calls::{Bearer, CallStatus, MediaPath, StreamPass};
use shared::config::WebhookAuth;
use shared::limits::{CallLimits, Gate, Rate};

use super::super::reception::MOST_STREAMS;
use super::super::testing::{
    AUTH_TOKEN, CALL, CALLED, CALLER, Http, NOW_MS, PUBLIC_URL, PUBLIC_WSS_URL, STRANGER, STREAM, State, World, call,
    relay,
};
use super::*;

const INCOMING: [(&str, &str); 4] = [("CallSid", CALL), ("From", CALLER), ("To", CALLED), ("CallStatus", "ringing")];

fn twiml(world: &World) -> Twiml<World, World, World, World, World> {
    with_auth(world, WebhookAuth::Signed(Secret::new(AUTH_TOKEN)))
}

fn with_auth(world: &World, auth: WebhookAuth) -> Twiml<World, World, World, World, World> {
    with(world, TwimlConfig { auth, ..config() })
}

fn with(world: &World, config: TwimlConfig) -> Twiml<World, World, World, World, World> {
    Twiml::new(world.clone(), world.clone(), Some(world.clone()), world.clone(), world.clone(), config)
}

fn config() -> TwimlConfig {
    TwimlConfig {
        public_url: PUBLIC_URL.parse().unwrap(),
        public_wss_url: PUBLIC_WSS_URL.parse().unwrap(),
        auth: WebhookAuth::Signed(Secret::new(AUTH_TOKEN)),
        gate: Gate::default(),
        limits: CallLimits::default(),
        media_path: MediaPath::Gateway,
        table: "voicebridge".to_owned(),
        control_url: "https://control.example.com/control".parse().unwrap(),
        telephony: None,
        agent: Agent::default(),
    }
}

async fn ask(world: &World, request: Http) -> (i64, String) {
    read(twiml(world).handle(request.event()).await)
}

fn read(answer: ApiGatewayV2httpResponse) -> (i64, String) {
    let body = match answer.body {
        Some(Body::Text(text)) => text,
        Some(Body::Binary(_)) => panic!("text was expected"),
        _ => String::new(),
    };
    (answer.status_code, body)
}

fn overflow_text() -> String {
    let agent = Agent::default();
    Words::of(&agent.overflow.say, &agent).told().to_string()
}

fn apology_text() -> String {
    Words::unavailable(&Agent::default()).told().to_string()
}

#[tokio::test]
async fn a_call_is_opened_prepared_and_answered_with_a_stream() {
    let world = World::new();
    world.state().relays.push(relay("relay-0", 5));
    let (status, body) = ask(&world, Http::post("/twiml").form(&INCOMING).signed()).await;
    assert_eq!(status, 200);
    assert_eq!(
        body,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response><Connect>\
         <Stream url=\"wss://calls.example.com/call\" statusCallback=\"https://voice.example.com/stream/status\">\
         <Parameter name=\"token\" value=\"token-1\"/></Stream></Connect>\
         <Redirect method=\"POST\">https://voice.example.com/twiml/resume</Redirect></Response>"
    );
    let state = world.state();
    let call = &state.calls[&CallSid::from(CALL)];
    assert_eq!(call.lease, Some(relay("relay-1", 0).holder().lease(1)));
    assert_eq!((call.from.reveal().as_str(), call.began_at_ms, call.streams), (CALLER, NOW_MS, 1));
    let pass = StreamPass { call: CALL.into(), bearer: Bearer::Carrier, valid_until_ms: NOW_MS + 60_000 };
    assert_eq!(state.tokens["token-1"], Some(pass));
    assert_eq!(state.sent, [("relay-1".into(), Control::Prepare { call: Box::new(call.clone()) })]);
}

#[tokio::test]
async fn both_paths_and_both_methods_take_a_call() {
    let query = format!("CallSid={CALL}&From=%2B15551234567&To=%2B15557654321&CallerCity=K%C3%B6ln");
    for request in [
        Http::post("/incoming-call").form(&INCOMING),
        Http::post("/twiml?agent=night").form(&INCOMING),
        Http::get(&format!("/twiml?{query}")),
        Http::get(&format!("/incoming-call?{query}")),
    ] {
        let world = World::new();
        assert!(ask(&world, request.signed()).await.1.contains("<Stream"));
        assert_eq!(world.state().calls[&CallSid::from(CALL)].from.reveal(), CALLER);
    }
}

#[tokio::test]
async fn without_a_good_signature_nothing_is_written() {
    for request in [
        Http::post("/twiml").form(&INCOMING),
        Http::post("/twiml").form(&INCOMING).header("x-twilio-signature", "AAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        Http::post("/twiml").form(&INCOMING).signed().form(&[("CallSid", CALL), ("From", "+1900")]),
        Http::get(&format!("/twiml?CallSid={CALL}")),
        Http::post("/twiml/resume").form(&INCOMING),
        Http::post("/call/status").form(&[("CallSid", CALL), ("CallStatus", "completed")]),
        Http::post("/stream/status").form(&[("CallSid", CALL), ("StreamSid", STREAM), ("StreamEvent", "x")]),
        Http::post("/twiml").form(&INCOMING).signed().header("content-type", "application/json"),
    ] {
        let world = World::new().with_call(CallStatus::InProgress);
        let (status, body) = ask(&world, request).await;
        assert_eq!((status, body.contains("\"status\":403")), (403, true), "{body}");
        let state = world.state();
        assert_eq!((state.writes, state.sent.len()), (0, 0));
    }
}

#[tokio::test]
async fn a_signature_of_another_url_is_not_ours() {
    let world = World::new();
    let signed_for_resume = Http::post("/twiml/resume").form(&INCOMING).signed();
    let signature = signed_for_resume.event().headers["x-twilio-signature"].to_str().unwrap().to_owned();
    let request = Http::post("/twiml").form(&INCOMING).header("x-twilio-signature", &signature);
    assert_eq!(ask(&world, request).await.0, 403);
}

#[tokio::test]
async fn a_webhook_without_a_call_is_a_bad_request() {
    for form in [&[("From", CALLER)][..], &[("CallSid", "")], &[("CallSid", "CA123")]] {
        let world = World::new();
        let (status, body) = ask(&world, Http::post("/twiml").form(form).signed()).await;
        assert_eq!(status, 400, "{body}");
        assert!(body.contains("CallSid") && !body.contains(CALLER), "{body}");
        assert_eq!(world.state().writes, 0);
    }
}

#[tokio::test]
async fn a_body_that_is_not_base64_is_a_bad_request() {
    let mut event = Http::post("/twiml").form(&INCOMING).signed().event();
    event.body = Some("%%%".to_owned());
    assert_eq!(read(twiml(&World::new()).handle(event).await).0, 400);
}

#[tokio::test]
async fn a_body_is_read_by_its_flag() {
    let mut event = Http::post("/twiml").form(&INCOMING).signed().event();
    event.body = Some(
        "CallSid=CA00000000000000000000000000000001&From=%2B15551234567&To=%2B15557654321&CallStatus=ringing"
            .to_owned(),
    );
    event.is_base64_encoded = false;
    assert_eq!(read(twiml(&World::new()).handle(event).await).0, 200);
}

#[tokio::test]
async fn what_is_not_there_is_404_and_a_wrong_method_405() {
    let world = World::new();
    let (status, body) = ask(&world, Http::get("/nowhere")).await;
    assert_eq!((status, body.contains("\"status\":404")), (404, true));
    for (request, allow) in [
        (Http::new("DELETE", "/twiml"), "GET, POST"),
        (Http::get("/call/status"), "POST"),
        (Http::get("/stream/status"), "POST"),
        (Http::new("PUT", "/twiml/resume"), "GET, POST"),
    ] {
        let answer = twiml(&world).handle(request.event()).await;
        assert_eq!((answer.status_code, answer.headers["allow"].to_str().unwrap()), (405, allow));
        assert_eq!(answer.headers["content-type"], "application/problem+json");
    }
}

#[tokio::test]
async fn a_webhook_that_comes_twice_gets_a_fresh_token_for_the_same_call() {
    let world = World::new();
    let first = ask(&world, Http::post("/twiml").form(&INCOMING).signed()).await.1;
    let second = ask(&world, Http::post("/twiml").form(&INCOMING).signed()).await.1;
    assert!(first.contains("token-1") && second.contains("token-2"), "{second}");
    let state = world.state();
    assert_eq!((state.calls.len(), state.sent.len()), (1, 1), "prepared once");
}

#[tokio::test]
async fn without_a_relay_the_caller_waits_for_one() {
    let world = World::new();
    world.state().relays[0].heartbeat_at_ms = NOW_MS - 60_000;
    let (_, body) = ask(&world, Http::post("/twiml").form(&INCOMING).signed()).await;
    assert!(body.contains("<Play>") && body.contains("/twiml/line"), "{body}");
    assert!(world.state().calls.is_empty());
}

#[tokio::test]
async fn a_call_whose_last_relay_is_gone_waits_for_another() {
    let world = World::new().with_call(CallStatus::InProgress);
    world.state().relays.clear();
    let resume = Http::post("/twiml/resume").form(&[("CallSid", CALL), ("CallStatus", "in-progress")]).signed();
    let (_, heard) = ask(&world, resume).await;
    assert!(heard.contains("<Play>") && !heard.contains("<Say>"), "{heard}");
    world.state().relays.push(relay("relay-2", 0));
    let again = Http::post(&line::way_back(&heard)).form(&[("CallSid", CALL), ("CallStatus", "in-progress")]).signed();
    assert!(ask(&world, again).await.1.contains("<Stream"));
    assert_eq!(world.state().calls[&CallSid::from(CALL)].lease, Some(relay("relay-2", 0).holder().lease(2)));
}

#[tokio::test]
async fn calls_that_begin_within_one_heartbeat_go_to_different_relays() {
    let world = World::new();
    world.state().relays = ["relay-1", "relay-2", "relay-3"].map(|name| relay(name, 4)).to_vec();
    for number in 0..30 {
        let sid = format!("CA{number:032}");
        let form = [("CallSid", sid.as_str()), ("From", CALLER), ("To", CALLED)];
        assert!(ask(&world, Http::post("/twiml").form(&form).signed()).await.1.contains("<Stream"));
    }
    let opened: Vec<u32> = world.state().relays.iter().map(|relay| relay.opened).collect();
    assert!(opened.iter().all(|opened| (8..=12).contains(opened)), "{opened:?}");
    assert_eq!(opened.iter().sum::<u32>(), 30);
}

#[tokio::test]
async fn a_store_that_fails_is_waited_for_with_music() {
    for path in ["/twiml", "/twiml/resume"] {
        let world = World::new().with_call(CallStatus::InProgress);
        world.state().broken = true;
        let (_, heard) = ask(&world, Http::post(path).form(&INCOMING).signed()).await;
        assert!(heard.contains("<Play>") && !heard.contains("<Say>"), "{heard}");
        world.state().broken = false;
        let again = Http::post(&line::way_back(&heard)).form(&INCOMING).signed();
        assert!(ask(&world, again).await.1.contains("<Stream"));
        assert_eq!(world.state().calls.len(), 1);
    }
}

#[tokio::test]
async fn who_is_not_to_wait_hears_an_apology_while_the_store_is_away() {
    let world = World::new();
    world.state().broken = true;
    let mut config = config();
    config.agent.overflow.wait = std::time::Duration::ZERO;
    let answer = with(&world, config).handle(Http::post("/twiml").form(&INCOMING).signed().event()).await;
    assert_eq!(read(answer), (200, apology_text()));
}

#[tokio::test]
async fn a_relay_that_cannot_be_told_does_not_cost_the_call() {
    let world = World::new();
    world.state().relays[0].control = None;
    assert!(ask(&world, Http::post("/twiml").form(&INCOMING).signed()).await.1.contains("<Stream"));
}

#[tokio::test]
async fn a_call_that_is_over_is_hung_up_when_its_stream_has_ended() {
    for (ending, expected) in [
        (Ending::AgentHungUp, twiml::Response::new().hangup().to_string()),
        (Ending::CallerHungUp, twiml::Response::new().hangup().to_string()),
        (Ending::ModelUnavailable, apology_text()),
    ] {
        let world = World::new().with_call(CallStatus::Ended(ending));
        let resume = Http::post("/twiml/resume").form(&[("CallSid", CALL), ("CallStatus", "in-progress")]).signed();
        assert_eq!(ask(&world, resume).await, (200, expected));
    }
}

#[tokio::test]
async fn a_call_that_goes_on_gets_another_stream_as_often_as_it_needs_but_not_in_a_loop() {
    let world = World::new().with_call(CallStatus::InProgress);
    let resume = || Http::post("/twiml/resume").form(&[("CallSid", CALL), ("CallStatus", "in-progress")]).signed();
    for minute in 0..3 {
        for stream in 1..=MOST_STREAMS {
            let (_, body) = ask(&world, resume()).await;
            assert!(body.contains("<Stream") && body.contains("<Redirect"), "{minute}, {stream}: {body}");
        }
        assert_eq!(ask(&world, resume()).await, (200, apology_text()));
        let mut state = world.state();
        state.passed_ms += 60_000;
        let now = NOW_MS + state.passed_ms;
        state.relays.iter_mut().for_each(|relay| relay.heartbeat_at_ms = now);
    }
    assert_eq!(world.state().calls[&CallSid::from(CALL)].streams, 1 + 3 * (MOST_STREAMS + 1));
}

#[tokio::test]
async fn a_call_whose_relay_is_gone_moves_to_another() {
    let world = World::new().with_call(CallStatus::InProgress);
    world.state().relays = vec![relay("relay-2", 0)];
    let resume = Http::post("/twiml/resume").form(&[("CallSid", CALL)]).signed();
    assert!(ask(&world, resume).await.1.contains("<Stream"));
    let state = world.state();
    assert_eq!(state.calls[&CallSid::from(CALL)].lease, Some(relay("relay-2", 0).holder().lease(2)));
    assert!(matches!(&state.sent[..], [(relay, Control::Prepare { .. })] if relay.as_str() == "relay-2"));
}

#[tokio::test]
async fn a_call_whose_relay_is_about_to_go_moves_to_another_if_there_is_one() {
    let leaving = Relay { draining: true, ..relay("relay-1", 0) };
    for (relays, holder) in [(vec![leaving.clone(), relay("relay-2", 5)], "relay-2"), (vec![leaving], "relay-1")] {
        let world = World::new().with_call(CallStatus::InProgress);
        world.state().relays = relays;
        let resume = Http::post("/twiml/resume").form(&[("CallSid", CALL)]).signed();
        assert!(ask(&world, resume).await.1.contains("<Stream"));
        assert_eq!(world.state().calls[&CallSid::from(CALL)].lease.as_ref().unwrap().relay.as_str(), holder);
    }
}

#[tokio::test]
async fn a_call_nobody_knows_is_not_resumed() {
    let resume = Http::post("/twiml/resume").form(&[("CallSid", CALL)]).signed();
    assert_eq!(ask(&World::new(), resume).await, (200, apology_text()));
}

#[tokio::test]
async fn the_carriers_word_ends_a_call_and_the_relay_is_told() {
    for (word, ending) in [("completed", Ending::CallerHungUp), ("failed", Ending::Abandoned)] {
        let world = World::new().with_call(CallStatus::InProgress);
        let update = Http::post("/call/status").form(&[("CallSid", CALL), ("CallStatus", word)]).signed();
        assert_eq!(ask(&world, update).await, (204, String::new()));
        let state = world.state();
        assert_eq!(state.calls[&CallSid::from(CALL)].status, CallStatus::Ended(ending));
        assert_eq!(state.sent, [("relay-1".into(), Control::CallEnded { sid: CALL.into() })]);
    }
}

#[tokio::test]
async fn an_ending_that_is_known_stays() {
    let world = World::new().with_call(CallStatus::Ended(Ending::AgentHungUp));
    let update = Http::post("/call/status").form(&[("CallSid", CALL), ("CallStatus", "completed")]).signed();
    assert_eq!(ask(&world, update).await.0, 204);
    assert_eq!(world.state().calls[&CallSid::from(CALL)].status, CallStatus::Ended(Ending::AgentHungUp));
}

#[tokio::test]
async fn a_call_that_is_ringing_is_not_over() {
    let world = World::new().with_call(CallStatus::Ringing);
    let update = Http::post("/call/status").form(&[("CallSid", CALL), ("CallStatus", "in-progress")]).signed();
    assert_eq!(ask(&world, update).await.0, 204);
    assert_eq!((world.state().writes, call(CallStatus::Ringing).status), (0, CallStatus::Ringing));
}

#[tokio::test]
async fn a_streams_status_is_taken_note_of() {
    for event in ["stream-started", "stream-stopped", "stream-error", "stream-something"] {
        let form = [("CallSid", CALL), ("StreamSid", STREAM), ("StreamEvent", event), ("StreamError", "31921")];
        assert_eq!(ask(&World::new(), Http::post("/stream/status").form(&form).signed()).await.0, 204);
    }
    let form = [("CallSid", CALL), ("StreamEvent", "stream-started")];
    assert_eq!(ask(&World::new(), Http::post("/stream/status").form(&form).signed()).await.0, 400);
}

#[tokio::test]
async fn on_a_laptop_signatures_can_be_waived() {
    let world = World::new();
    let answer = with_auth(&world, WebhookAuth::Open).handle(Http::post("/twiml").form(&INCOMING).event()).await;
    assert!(read(answer).1.contains("<Stream"));
}

#[tokio::test]
async fn a_model_that_is_down_for_good_is_told_in_the_agents_own_words() {
    let world = World::new().with_call(CallStatus::Ended(Ending::ModelUnavailable));
    world.state().calls.get_mut(&CallSid::from(CALL)).unwrap().agent.unavailable = "Später bitte.".to_owned();
    let resume = Http::post("/twiml/resume").form(&[("CallSid", CALL), ("CallStatus", "in-progress")]).signed();
    assert_eq!(ask(&world, resume).await.1, Words::of("Später bitte.", &Agent::default()).told().to_string());
}
