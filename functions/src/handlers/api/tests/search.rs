//! Looking for calls.

use shared::ids::ItemId;
use shared::session::{Line, Speaker};

use super::*;

fn said(world: &World, texts: &[&str]) {
    let line = |(number, text): (usize, &&str)| Line {
        number: number as u32 + 1,
        at: CallTime(1_000),
        speaker: Speaker::Caller,
        item: ItemId::from("item"),
        text: Some((*text).into()),
        interrupted: None,
        made_out_to: None,
    };
    world.state().transcript = texts.iter().enumerate().map(line).collect();
}

#[tokio::test]
async fn a_call_is_found_with_the_lines_in_which_the_words_were_said() {
    let world = World::new().with_call(CallStatus::Ended(Ending::CallerHungUp));
    said(&world, &["Hello", "A refill, please.", "Thank you"]);
    let found = json_of(&world, Http::get("/api/search?q=REFILL%20please&agent=default&ending=caller_hung_up")).await;
    assert_eq!((&found["found"][0]["call"]["sid"], &found["next"]), (&json!(CALL), &Value::Null));
    let lines = found["found"][0]["lines"].as_array().unwrap();
    assert_eq!(lines.iter().map(|line| &line["text"]).collect::<Vec<_>>(), ["A refill, please."]);
    for other in ["q=pizza", "q=refill&agent=night", "q=refill&to=2020-01-01T00:00:00Z", "number=%2B15550000000"] {
        let none = json_of(&world, Http::get(&format!("/api/search?{other}"))).await;
        assert_eq!(none["found"], json!([]), "{other}");
    }
}

#[tokio::test]
async fn insights_are_of_the_last_day_unless_another_time_is_asked_for() {
    let world = World::new().with_call(CallStatus::Ended(Ending::CallerHungUp));
    let today = json_of(&world, Http::get("/api/insights?to=2027-01-01T00:00:00Z&from=2026-11-01T00:00:00Z")).await;
    assert_eq!((&today["calls"], &today["truncated"]), (&json!(1), &json!(false)));
    assert_eq!(today["endings"], json!({ "caller_hung_up": 1 }));
    let last_day = json_of(&world, Http::get("/api/insights")).await;
    assert_eq!(last_day["to_ms"].as_u64().unwrap() - last_day["from_ms"].as_u64().unwrap(), 24 * 60 * 60 * 1000);
    for wrong in ["from=x", "from=2026-01-01T00:00:00Z", "from=2027-01-01T00:00:00Z"] {
        assert_eq!(ask(&world, Http::get(&format!("/api/insights?{wrong}"))).await.status_code, 400, "{wrong}");
    }
}

#[tokio::test]
async fn what_cannot_be_looked_for_is_said_so() {
    let world = World::new();
    for (query, why) in [
        ("", "say what to look for"),
        ("?q=a", "say what to look for"),
        ("?number=hello", "`number`"),
        ("?q=refill&ending=never", "`ending`"),
        ("?q=refill&from=yesterday", "`from`"),
        ("?q=refill&after=!", "`after`"),
    ] {
        let answer = ask(&world, Http::get(&format!("/api/search{query}"))).await;
        assert_eq!(answer.status_code, 400, "{query}");
        assert!(text(&answer).contains(why), "{query}: {}", text(&answer));
    }
}
