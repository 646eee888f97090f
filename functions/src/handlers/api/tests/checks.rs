use shared::checks::Reached;
use shared::model::Availability;

use super::*;

fn looked(world: &World) -> u32 {
    world.state().phones.looks
}

#[tokio::test]
async fn everything_is_looked_at_and_what_is_wrong_has_its_mend() {
    let night =
        Agent { id: "night".into(), name: "Night".to_owned(), model: "gpt-gone".to_owned(), ..Agent::default() };
    let world = World::new().with_agent(night);
    world.state().phones.models.insert("gpt-gone".to_owned(), Availability::Missing);
    world.state().phones.reached = Some(Reached::Another(404));
    let found = json_of(&world, Http::get("/api/checks")).await;
    let checks = found["checks"].as_array().unwrap();
    let of = |item: &str| -> Vec<&str> {
        checks.iter().filter(|it| it["item"] == item).map(|it| it["state"].as_str().unwrap()).collect()
    };
    assert_eq!((found["state"].as_str(), of("public_url"), of("twilio")), (Some("fail"), vec!["fail"], vec!["warn"]));
    assert_eq!((of("model"), of("hold_music"), of("recordings")), (vec!["fail", "ok"], vec!["ok"], vec!["ok"]));
    assert!(checks.iter().all(|it| (it["state"] == "ok") == it["mend"].is_null()), "{checks:?}");
    let gone = checks.iter().find(|it| it["item"] == "model").unwrap();
    assert!(gone["what"].as_str().unwrap().contains("no gpt-gone for this key (Night)"), "{gone}");
    assert!(!found.to_string().contains("sk-1"));
}

#[tokio::test]
async fn a_page_that_is_reloaded_is_no_burst_at_vendors() {
    let world = World::new();
    let api = api(&world, PUBLIC_URL, Some(TOKEN));
    let asked = async || {
        let request = Http::get("/api/checks").header("authorization", &format!("Bearer {TOKEN}"));
        text(&api.handle(request.event()).await)
    };
    let first = asked().await;
    let once = looked(&world);
    assert!(once > 0);
    assert_eq!((asked().await, looked(&world)), (first, once));
    world.state().passed_ms += 60_000;
    asked().await;
    assert_eq!(looked(&world), once * 2);
}

#[tokio::test]
async fn who_cannot_sign_in_sees_nothing_of_it() {
    let world = World::new();
    let answer = api(&world, PUBLIC_URL, Some(TOKEN)).handle(Http::get("/api/checks").event()).await;
    assert_eq!((answer.status_code, looked(&world)), (401, 0));
}
