use shared::twilio::numbers::{CarrierError, Routing};

use super::*;

const SID: &str = "PN00000000000000000000000000000001";
const OLD: &str = "https://user:hidden@old.example.com/voice?key=hidden";

fn path(rest: &str) -> String {
    format!("/api/twilio/numbers/{SID}/{rest}")
}

fn number(sid: &str) -> Number {
    Number {
        sid: sid.into(),
        phone_number: "+15005550006".to_owned(),
        friendly_name: Some("Front desk".to_owned()),
        voice_url: Some(OLD.to_owned()),
        voice_method: Some("GET".to_owned()),
        ..Number::default()
    }
}

fn with_account(numbers: Vec<Number>) -> World {
    let world = World::new();
    let there = Account::There { status: "active".to_owned(), trial: false, numbers: numbers.clone() };
    world.state().account = Some(Ok(there));
    world.state().phones.numbers = numbers;
    world
}

fn leads_to(world: &World) -> Option<String> {
    world.state().phones.numbers[0].voice_url.clone()
}

fn detail(answer: &ApiGatewayV2httpResponse) -> String {
    let problem: Value = serde_json::from_str(&text(answer)).unwrap();
    problem["detail"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_number_is_pointed_here_and_put_back_and_both_are_written_down() {
    let world = with_account(vec![number(SID)]);
    let listed = json_of(&world, Http::get("/api/twilio/numbers")).await;
    let seen = &listed["numbers"][0];
    assert_eq!(
        (&seen["points"], &seen["voice"]["url"]),
        (&json!("elsewhere"), &json!("https://old.example.com/voice?…"))
    );
    assert!(!listed.to_string().contains("hidden"), "{listed}");
    let here = json_of(&world, Http::post(&path("point"))).await;
    assert_eq!(
        (&here["points"], &here["tells_us"], &here["undo"]["open"]),
        (&json!("here"), &json!(true), &json!(true))
    );
    assert_eq!(leads_to(&world).as_deref(), Some("https://voice.example.com/twiml"));
    let again = json_of(&world, Http::post(&path("point"))).await;
    assert_eq!((again, world.state().phones.set), (here, 1));
    let back = json_of(&world, Http::post(&path("undo"))).await;
    assert_eq!((&back["points"], &back["undo"]), (&json!("elsewhere"), &Value::Null));
    assert_eq!(leads_to(&world).as_deref(), Some(OLD));
    assert!(world.state().phones.pointed.is_empty());
    let acts: Vec<_> = world.state().acts.iter().map(|act| (act.act.clone(), act.on.clone(), act.status)).collect();
    let act = |name: &str| (name.to_owned(), Some(SID.to_owned()), 200);
    assert_eq!(acts, [act("number.point"), act("number.point"), act("number.undo")]);
}

#[tokio::test]
async fn what_somebody_changed_since_is_not_undone() {
    let world = with_account(vec![number(SID)]);
    let nothing = ask(&world, Http::post(&path("undo"))).await;
    assert_eq!(nothing.status_code, 409);
    assert!(detail(&nothing).contains("nothing to go back to"));
    json_of(&world, Http::post(&path("point"))).await;
    world.state().phones.numbers[0].voice_url = Some("https://third.example.com/".to_owned());
    let listed = json_of(&world, Http::get("/api/twilio/numbers")).await;
    assert_eq!(listed["numbers"][0]["undo"]["open"], json!(false));
    let refused = ask(&world, Http::post(&path("undo"))).await;
    assert_eq!(refused.status_code, 409);
    assert!(detail(&refused).contains("somebody has changed"));
    assert_eq!(leads_to(&world).as_deref(), Some("https://third.example.com/"));
}

/// Twilio carries it out, and its answer is lost: nothing of what was is.
#[tokio::test]
async fn an_answer_that_is_lost_loses_nothing() {
    let world = with_account(vec![number(SID)]);
    world.state().phones.broken_set = Some(CarrierError::NoAnswer("did not answer in time"));
    assert_eq!(ask(&world, Http::post(&path("point"))).await.status_code, 504);
    let listed = json_of(&world, Http::get("/api/twilio/numbers")).await;
    assert_eq!(
        (&listed["numbers"][0]["points"], &listed["numbers"][0]["undo"]["open"]),
        (&json!("here"), &json!(true))
    );
    world.state().phones.broken_set = Some(CarrierError::Down(503));
    assert_eq!(ask(&world, Http::post(&path("undo"))).await.status_code, 502);
    // It was put back all the same, and asking again finishes it.
    json_of(&world, Http::post(&path("undo"))).await;
    assert_eq!((leads_to(&world).as_deref(), world.state().phones.pointed.len()), (Some(OLD), 0));
}

#[tokio::test]
async fn a_number_that_something_else_answers_is_left_alone() {
    let world = with_account(vec![Number { trunk_sid: Some("TK1".to_owned()), ..number(SID) }]);
    let refused = ask(&world, Http::post(&path("point"))).await;
    assert_eq!((refused.status_code, world.state().phones.set), (409, 0));
    assert!(detail(&refused).contains("SIP trunk") && world.state().phones.pointed.is_empty());
}

#[tokio::test]
async fn each_no_of_twilios_is_told_with_its_mend() {
    let world = with_account(vec![number(SID)]);
    for (error, status, mend) in [
        (CarrierError::Credentials(401), 502, "TWILIO_AUTH_TOKEN"),
        (CarrierError::NotThere, 404, "released"),
        (CarrierError::TooMany, 503, "wait a minute"),
        (CarrierError::Refused { status: 400, code: 21_402 }, 502, "/errors/21402"),
        (CarrierError::Down(500), 502, "status.twilio.com"),
        (CarrierError::NoAnswer("cannot be reached"), 504, "look again"),
        (CarrierError::Unreadable(200), 502, "TWILIO_API_URL"),
    ] {
        world.state().phones.refusal = Some(error.clone());
        for request in [Http::get("/api/twilio/numbers"), Http::post(&path("point")), Http::post(&path("undo"))] {
            let answer = ask(&world, request).await;
            assert_eq!(answer.status_code, status, "{error:?}");
            assert!(detail(&answer).contains(mend), "{error:?}: {}", detail(&answer));
        }
    }
    world.state().phones.refusal = Some(CarrierError::TooMany);
    assert_eq!(ask(&world, Http::get("/api/twilio/numbers")).await.headers["retry-after"], "60");
}

#[tokio::test]
async fn an_account_with_many_numbers_is_read_page_by_page() {
    let sid = |index: usize| format!("PN{index:032}");
    let world = with_account((0..5).map(|index| number(&sid(index))).collect());
    let mut seen = Vec::new();
    let mut next = String::new();
    loop {
        let page = json_of(&world, Http::get(&format!("/api/twilio/numbers?limit=2{next}"))).await;
        seen.extend(page["numbers"].as_array().unwrap().iter().map(|it| it["sid"].as_str().unwrap().to_owned()));
        let Some(after) = page["next"].as_str() else { break };
        next = format!("&after={after}");
    }
    assert_eq!(seen, (0..5).map(sid).collect::<Vec<_>>());
    let forged = ask(&world, Http::get("/api/twilio/numbers?after=%3F")).await;
    assert_eq!(forged.status_code, 400);
}

#[tokio::test]
async fn without_an_account_there_are_no_numbers_and_it_is_said_so() {
    let world = World::new();
    let listed = json_of(&world, Http::get("/api/twilio/numbers")).await;
    assert_eq!((&listed["configured"], &listed["numbers"]), (&json!(false), &json!([])));
    let refused = ask(&world, Http::post(&path("point"))).await;
    assert_eq!(refused.status_code, 409);
    assert!(detail(&refused).contains("TWILIO_ACCOUNT_SID"));
}

#[tokio::test]
async fn what_is_kept_says_nothing_to_a_log() {
    let kept = Routing { voice_url: OLD.to_owned(), ..Routing::default() };
    assert!(!format!("{kept:?}").contains("hidden"));
}
