//! One call too many, and who is not Twilio.

use super::*;

pub(super) fn limited(of_a_caller: u32, at_once: Option<u32>) -> TwimlConfig {
    TwimlConfig { limits: CallLimits { of_a_caller: Rate::per_minute(of_a_caller), at_once }, ..config() }
}

/// A call of its own from the same number.
fn calling(number: u32, from: &str, status: &str) -> Http {
    let sid = format!("CA{number:032}");
    Http::post("/twiml").form(&[("CallSid", &sid), ("From", from), ("To", CALLED), ("CallStatus", status)]).signed()
}

fn unanswered() -> (i64, String) {
    (200, twiml::Response::new().reject().to_string())
}

#[tokio::test]
async fn a_caller_who_calls_too_often_is_busy_and_costs_nothing() {
    let world = World::new();
    let twiml = with(&world, limited(2, None));
    for number in 1..=2 {
        assert!(read(twiml.handle(calling(number, CALLER, "ringing").event()).await).1.contains("<Stream"));
    }
    assert_eq!(read(twiml.handle(calling(3, CALLER, "ringing").event()).await), unanswered());
    let (_, answered) = read(twiml.handle(calling(3, CALLER, "in-progress").event()).await);
    assert_eq!(answered, twiml::Response::new().say(BUSY).hangup().to_string());
    assert!(read(twiml.handle(calling(4, "+15550000000", "ringing").event()).await).1.contains("<Stream"));
    let state = world.state();
    assert_eq!((state.calls.len(), state.tokens.len(), state.sent.len()), (3, 3, 3));
}

#[tokio::test]
async fn a_webhook_that_comes_again_belongs_to_its_call_and_is_not_one_too_many() {
    let world = World::new();
    let twiml = with(&world, limited(1, Some(1)));
    for _ in 0..3 {
        assert!(read(twiml.handle(calling(1, CALLER, "ringing").event()).await).1.contains("<Stream"));
        world.state().relays[0].calls = 1;
    }
    let counts = |state: &State| (state.calls.len(), state.sent.len());
    assert_eq!(counts(&world.state()), (1, 1), "prepared once");
    assert_eq!(read(twiml.handle(calling(2, CALLER, "ringing").event()).await), unanswered());
}

#[tokio::test]
async fn callers_without_a_number_are_not_taken_for_one() {
    let world = World::new();
    let twiml = with(&world, limited(1, None));
    for (number, from) in (1..).zip(["anonymous", "+266696687", "anonymous", "+266696687", ""]) {
        assert!(read(twiml.handle(calling(number, from, "ringing").event()).await).1.contains("<Stream"), "{from}");
    }
    assert!(world.state().rates.is_empty());
}

#[tokio::test]
async fn above_the_calls_at_once_a_caller_is_busy() {
    let world = World::new();
    world.state().relays = vec![relay("relay-1", 2), relay("relay-2", 1), relay("relay-gone", 9)];
    world.state().relays[2].heartbeat_at_ms = NOW_MS - 60_000;
    for (most, taken) in [(4, true), (3, false)] {
        let twiml = with(&world, limited(0, Some(most)));
        let (_, body) = read(twiml.handle(calling(most, CALLER, "ringing").event()).await);
        assert_eq!(body.contains("<Stream"), taken, "{body}");
        assert_eq!(body == unanswered().1, !taken);
    }
    assert_eq!(world.state().calls.len(), 1);
}

#[tokio::test]
async fn an_address_that_is_refused_too_often_is_refused_at_once_and_its_signed_requests_are_not() {
    let world = World::new();
    let gate = Gate { strangers: Rate::per_minute(2), ..Gate::default() };
    let twiml = with(&world, TwimlConfig { gate, ..config() });
    let forged = || Http::post("/twiml").form(&INCOMING).header("x-twilio-signature", "Zm9yZ2Vk");
    let mut answers = Vec::new();
    for _ in 0..5 {
        answers.push(twiml.handle(forged().event()).await.status_code);
    }
    assert_eq!(answers, [403, 403, 429, 429, 429]);
    let counted: Vec<u32> = world.state().rates.values().copied().collect();
    assert_eq!(counted, [3], "what is known is not written again");
    assert_eq!(twiml.handle(forged().from("203.0.113.67").event()).await.status_code, 403);
    // Another process finds out with its first one.
    let gate = Gate { strangers: Rate::per_minute(2), ..Gate::default() };
    let another = with(&world, TwimlConfig { gate, ..config() });
    assert_eq!(another.handle(forged().event()).await.status_code, 429);
    // Twilio's addresses are all its customers': nobody locks out a caller.
    let signed = Http::post("/twiml").form(&INCOMING).signed();
    assert!(read(twiml.handle(signed.event()).await).1.contains("<Stream"));
}

#[tokio::test]
async fn a_store_that_does_not_count_limits_nobody() {
    let world = World::new();
    world.state().broken = true;
    let gate = Gate { strangers: Rate::per_minute(1), ..Gate::default() };
    let twiml = with(&world, TwimlConfig { gate, ..limited(1, None) });
    for _ in 0..3 {
        assert_eq!(twiml.handle(Http::post("/twiml").form(&INCOMING).event()).await.status_code, 403);
        assert!(read(twiml.handle(calling(1, CALLER, "ringing").event()).await).1.contains("<Play>"));
    }
}

#[tokio::test]
async fn with_a_list_of_addresses_others_are_refused_before_anything_else() {
    for (list, status) in [(STRANGER, 200), ("203.0.113.0/24", 200), ("198.51.100.0/24", 403)] {
        let world = World::new();
        let gate = Gate { allowed: list.parse().unwrap(), ..Gate::default() };
        let twiml = with(&world, TwimlConfig { gate, ..config() });
        let signed = Http::post("/twiml").form(&INCOMING).signed();
        assert_eq!(twiml.handle(signed.event()).await.status_code, status, "{list}");
        assert_eq!(twiml.handle(Http::get("/nowhere").event()).await.status_code == 403, status == 403);
        assert_eq!(world.state().rates.is_empty(), status == 403);
    }
}
