//! Callers for whom there is no room yet.

use super::super::line::{LONGEST, STAYS_MS};
use super::limits::limited;
use super::*;

fn full(name: &str) -> Relay {
    Relay { event_loop_lag_ms: 400.0, ..relay(name, 3) }
}

fn busy_world() -> World {
    let world = World::new();
    world.state().relays = vec![full("relay-1")];
    world
}

fn caller(number: u32) -> String {
    format!("CA{number:032}")
}

/// Everybody from a number of their own: nobody calls too often.
async fn calls_in(world: &World, sid: &str) -> String {
    let from = format!("+1555{}", &sid[sid.len() - 7..]);
    let form = [("CallSid", sid), ("From", &*from), ("To", CALLED), ("CallStatus", "ringing")];
    ask(world, Http::post("/twiml").form(&form).signed()).await.1
}

/// Where the document leads next.
pub(super) fn way_back(document: &str) -> String {
    let way = document.split_once("<Redirect method=\"POST\">").unwrap().1.split_once("</Redirect>").unwrap().0;
    way.strip_prefix(PUBLIC_URL).unwrap().replace("&amp;", "&")
}

/// The music is over, and the caller comes back by the way that the last document said. Relays live on meanwhile.
async fn comes_back(world: &World, sid: &str, document: &str) -> String {
    let form = [("CallSid", sid), ("From", CALLER), ("To", CALLED), ("CallStatus", "in-progress")];
    {
        let mut state = world.state();
        state.passed_ms += 8_000;
        let now = NOW_MS + state.passed_ms;
        state.relays.iter_mut().for_each(|relay| relay.heartbeat_at_ms = now);
    }
    ask(world, Http::post(&way_back(document)).form(&form).signed()).await.1
}

#[tokio::test]
async fn a_caller_for_whom_there_is_no_room_waits_in_line_with_music() {
    let world = busy_world();
    assert_eq!(
        calls_in(&world, CALL).await,
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response><Say>You are number 1 in line. Please hold.</Say>\
             <Play>https://voice.example.com/hold-music/built-in</Play><Redirect method=\"POST\">\
             https://voice.example.com/twiml/line?since={NOW_MS}&amp;told=1</Redirect></Response>"
        )
    );
    let state = world.state();
    assert!(state.calls.is_empty() && state.sent.is_empty(), "nothing is opened for whoever only waits");
    assert_eq!(state.line.len(), 1);
}

#[tokio::test]
async fn the_first_in_line_gets_the_next_free_place_and_the_others_move_up() {
    let world = busy_world();
    let mut heard = Vec::new();
    for number in 1..=3 {
        world.state().passed_ms += 1;
        heard.push(calls_in(&world, &caller(number)).await);
        assert!(heard[number as usize - 1].contains(&format!("number {number} in line")));
    }
    world.state().relays[0] = Relay { most_calls: 4, ..relay("relay-1", 3) };
    // One place: the second in line does not get it although they ask first, nor does somebody new.
    heard[1] = comes_back(&world, &caller(2), &heard[1]).await;
    assert!(heard[1].contains("<Play>") && !heard[1].contains("<Say>"), "{}", heard[1]);
    assert!(calls_in(&world, &caller(9)).await.contains("number 4 in line"));
    assert!(comes_back(&world, &caller(1), &heard[0]).await.contains("<Stream"));
    heard[1] = comes_back(&world, &caller(2), &heard[1]).await;
    assert!(heard[1].contains("number 1 in line"), "{}", heard[1]);
    world.state().relays[0] = relay("relay-1", 0);
    assert!(comes_back(&world, &caller(2), &heard[1]).await.contains("<Stream"));
    assert_eq!(world.state().calls.len(), 2);
}

#[tokio::test]
async fn who_hangs_up_in_line_leaves_it_and_who_does_not_come_back_is_not_waited_for() {
    let world = busy_world();
    let first = calls_in(&world, &caller(1)).await;
    world.state().passed_ms += 1;
    let second = calls_in(&world, &caller(2)).await;
    assert!(first.contains("number 1") && second.contains("number 2"));
    let update = [("CallSid", &*caller(1)), ("CallStatus", "completed")];
    assert_eq!(ask(&world, Http::post("/call/status").form(&update).signed()).await.0, 204);
    let second = comes_back(&world, &caller(2), &second).await;
    assert!(second.contains("number 1 in line"), "{second}");
    world.state().passed_ms += STAYS_MS;
    world.state().relays[0].heartbeat_at_ms = NOW_MS + 2 * STAYS_MS;
    assert!(calls_in(&world, &caller(3)).await.contains("number 1 in line"));
}

#[tokio::test]
async fn who_has_waited_as_long_as_the_agent_allows_is_told_so_and_leaves() {
    let world = busy_world();
    let mut heard = calls_in(&world, CALL).await;
    let mut rounds = 0;
    while heard.contains("<Redirect") {
        heard = comes_back(&world, CALL, &heard).await;
        rounds += 1;
    }
    assert_eq!(heard, overflow_text());
    assert_eq!((rounds, world.state().line.len()), (38, 0), "five minutes");
}

#[tokio::test]
async fn a_line_that_is_too_long_is_not_made_longer() {
    let world = busy_world();
    for number in 0..LONGEST {
        assert!(calls_in(&world, &caller(number)).await.contains("<Play>"));
    }
    world.state().passed_ms += 1;
    assert_eq!(calls_in(&world, &caller(999)).await, overflow_text());
}

#[tokio::test]
async fn a_webhook_of_the_line_that_comes_twice_opens_one_call() {
    let world = busy_world();
    let heard = calls_in(&world, CALL).await;
    world.state().relays[0] = Relay { most_calls: 4, ..relay("relay-1", 3) };
    let first = comes_back(&world, CALL, &heard).await;
    // By now the place is taken, by this very call.
    let second = comes_back(&world, CALL, &heard).await;
    assert!(first.contains("token-1") && second.contains("token-2"), "{second}");
    let state = world.state();
    assert_eq!((state.calls.len(), state.line.len()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn while_the_store_is_away_who_waits_goes_on_waiting_and_not_for_ever() {
    for hangs in [false, true] {
        let world = busy_world();
        let heard = calls_in(&world, CALL).await;
        world.state().hangs = hangs;
        world.state().broken = !hangs;
        let mut again = comes_back(&world, CALL, &heard).await;
        assert!(again.contains("<Play>") && !again.contains("<Say>"), "{again}");
        assert_eq!(way_back(&again), way_back(&heard), "the place is kept");
        world.state().passed_ms += 5 * 60_000;
        again = comes_back(&world, CALL, &again).await;
        assert_eq!(again, overflow_text());
    }
}

#[tokio::test]
async fn the_first_in_line_waits_on_while_there_are_too_many_calls_at_once() {
    let world = busy_world();
    let heard = calls_in(&world, CALL).await;
    world.state().relays[0] = relay("relay-1", 3);
    let twiml = with(&world, limited(0, Some(3)));
    let form = [("CallSid", CALL), ("From", CALLER), ("To", CALLED), ("CallStatus", "in-progress")];
    let comes_back = || Http::post(&way_back(&heard)).form(&form).signed().event();
    assert!(read(twiml.handle(comes_back()).await).1.contains("<Play>"));
    world.state().relays[0].calls = 2;
    assert!(read(twiml.handle(comes_back()).await).1.contains("<Stream"));
}

#[tokio::test]
async fn the_line_is_for_twilio_alone() {
    let world = busy_world();
    let form = [("CallSid", CALL), ("From", CALLER), ("To", CALLED)];
    let signed = Http::post("/twiml/line?since=5&told=9").form(&form).signed().event();
    let signature = signed.headers["x-twilio-signature"].to_str().unwrap();
    let forged = Http::post("/twiml/line?since=1&told=9").form(&form).header("x-twilio-signature", signature);
    assert_eq!(ask(&world, forged).await.0, 403);
    assert_eq!(world.state().writes, 0);
}
