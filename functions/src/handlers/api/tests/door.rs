//! Who comes in, and what is written down of it.

use shared::console::{Pass, Role};
use shared::redact::Secret;

use super::*;

const HOUR_MS: u64 = 60 * 60 * 1000;
const OTHER_SITE: &str = "https://console.example.com";

fn keys() -> Keys {
    Keys::new(Some(Secret::new(TOKEN)), &PUBLIC_URL.parse().unwrap())
}

fn pass(role: Role) -> String {
    keys().sign(&Pass::grant(role, "Ada", 1, NOW_MS)).unwrap().reveal().to_owned()
}

async fn ask_with(world: &World, token: &str, request: Http) -> ApiGatewayV2httpResponse {
    let request = request.header("authorization", &format!("Bearer {token}"));
    api(world, PUBLIC_URL, Some(TOKEN)).handle(request.event()).await
}

fn body(answer: &ApiGatewayV2httpResponse) -> Value {
    serde_json::from_str(&text(answer)).unwrap()
}

#[tokio::test]
async fn who_signs_in_gets_a_session_and_can_renew_it() {
    let world = World::new();
    let answer = ask_with(&world, TOKEN, Http::post("/api/session")).await;
    assert_eq!(answer.status_code, 201);
    let session = body(&answer);
    assert_eq!((&session["role"], &session["open"]), (&json!("admin"), &json!(false)));
    let token = session["token"].as_str().unwrap();
    world.state().passed_ms = HOUR_MS - 1;
    let me = body(&ask_with(&world, token, Http::get("/api/session")).await);
    assert_eq!((&me["role"], &me["expires_at"]), (&session["role"], &session["expires_at"]));
    let renewed = body(&ask_with(&world, token, Http::post("/api/session")).await);
    world.state().passed_ms = HOUR_MS;
    assert_eq!(ask_with(&world, token, Http::get("/calls")).await.status_code, 401);
    let renewed = renewed["token"].as_str().unwrap();
    assert_eq!(ask_with(&world, renewed, Http::get("/calls")).await.status_code, 200);
}

#[tokio::test]
async fn on_the_machine_itself_everybody_is_in_without_a_token() {
    let world = World::new();
    for request in [Http::get("/api/session"), Http::post("/api/session")] {
        let me = body(&api(&world, "http://localhost:8787", None).handle(request.event()).await);
        assert_eq!(me, json!({ "role": "admin", "name": null, "expires_at": null, "open": true }));
    }
    let closed = api(&world, PUBLIC_URL, None).handle(Http::get("/api/session").event()).await;
    assert_eq!(closed.status_code, 403);
}

#[tokio::test]
async fn an_admin_gives_passes_and_says_what_is_wrong_with_those_that_cannot_be() {
    let world = World::new();
    let ask_for = |wanted: Value| ask_with(&world, TOKEN, Http::post("/api/passes").json(&wanted));
    let given = ask_for(json!({ "role": "operator", "name": "Ada", "days": 30 })).await;
    assert_eq!(given.status_code, 201);
    let token = body(&given)["token"].as_str().unwrap().to_owned();
    let me = body(&ask_with(&world, &token, Http::get("/api/session")).await);
    assert_eq!((&me["role"], &me["name"]), (&json!("operator"), &json!("Ada")));
    let faulty = ask_for(json!({ "role": "viewer", "name": " ", "days": 4000 })).await;
    let pointers: Vec<_> = body(&faulty)["errors"].as_array().unwrap().iter().map(|e| e["pointer"].clone()).collect();
    assert_eq!((faulty.status_code, pointers), (422, vec![json!("#/name"), json!("#/days")]));
    assert_eq!(ask_for(json!({ "role": "owner", "name": "Ada", "days": 1 })).await.status_code, 400);
    let of_an_operator = ask_with(&world, &token, Http::post("/api/passes")).await;
    assert_eq!(of_an_operator.status_code, 403);
}

#[tokio::test]
async fn a_viewer_looks_an_operator_acts_and_an_admin_configures() {
    let world = World::new().with_call(CallStatus::InProgress);
    let hang_up = || Http::post(&of_call("/hangup"));
    let erase = || Http::new("DELETE", "/api/callers/+15551234567");
    let expected = [(Role::Viewer, 200, 403, 403), (Role::Operator, 200, 202, 403), (Role::Admin, 200, 202, 409)];
    for (role, look, act, configure) in expected {
        let token = pass(role);
        assert_eq!(ask_with(&world, &token, Http::get("/calls")).await.status_code, look, "{role:?}");
        assert_eq!(ask_with(&world, &token, hang_up()).await.status_code, act, "{role:?}");
        assert_eq!(ask_with(&world, &token, erase()).await.status_code, configure, "{role:?}");
    }
    let refused = ask_with(&world, &pass(Role::Viewer), hang_up()).await;
    assert_eq!(body(&refused)["detail"], "this is for an operator, and you are a viewer");
}

#[tokio::test]
async fn what_changes_something_is_noted_with_who_did_it_and_what_only_looks_is_not() {
    let world = World::new().with_call(CallStatus::InProgress);
    let operator = pass(Role::Operator);
    ask_with(&world, &operator, Http::get("/calls")).await;
    ask_with(&world, &operator, Http::post(&of_call("/hangup"))).await;
    ask_with(&world, &operator, Http::new("DELETE", "/api/callers/+15551234567")).await;
    let acts = world.state().acts.clone();
    let told: Vec<_> = acts.iter().map(|act| (act.act.as_str(), act.status)).collect();
    assert_eq!(told, [("call.hang_up", 202), ("caller.erase", 403)]);
    assert_eq!(acts[0].on.as_deref(), Some(CALL));
    assert!(acts[0].name.reveal() == "Ada" && acts[0].role == Some(Role::Operator) && acts[0].at_ms == NOW_MS);
    assert!(!acts[1].on.as_deref().unwrap().contains("1555"), "{acts:?}");
}

#[tokio::test]
async fn the_audit_is_read_by_admins_page_by_page() {
    let world = World::new().with_call(CallStatus::InProgress);
    for _ in 0..3 {
        ask(&world, Http::post(&of_call("/hangup"))).await;
    }
    let first = json_of(&world, Http::get("/api/audit?limit=2")).await;
    assert_eq!(first["acts"].as_array().unwrap().len(), 2);
    let next = format!("/api/audit?limit=2&after={}", first["next"].as_str().unwrap());
    let second = json_of(&world, Http::get(&next)).await;
    assert_eq!((second["acts"].as_array().unwrap().len(), &second["next"]), (1, &Value::Null));
    assert_eq!(ask_with(&world, &pass(Role::Operator), Http::get("/api/audit")).await.status_code, 403);
    assert_eq!(ask(&world, Http::get("/api/audit?after=nowhere!")).await.status_code, 400);
}

#[tokio::test]
async fn calls_are_listed_page_by_page() {
    let world = World::new().with_call(CallStatus::InProgress);
    let list = json_of(&world, Http::get("/calls?limit=1")).await;
    assert_eq!((list["calls"].as_array().unwrap().len(), &list["next"]), (1, &Value::Null));
    let behind = Cursor::behind(CALL);
    assert_eq!(json_of(&world, Http::get(&format!("/calls?after={behind}"))).await["calls"], json!([]));
    assert_eq!(ask(&world, Http::get("/calls?after=")).await.status_code, 400);
}

#[tokio::test]
async fn forged_tokens_are_noted_and_an_address_with_too_many_has_to_wait() {
    let world = World::new();
    let api = api(&world, PUBLIC_URL, Some(TOKEN));
    let ask = async |token: &str, address: &'static str| {
        let request = Http::get("/calls").header("authorization", &format!("Bearer {token}")).from(address);
        api.handle(request.event()).await.status_code
    };
    for _ in 0..10 {
        assert_eq!(ask("guess", "203.0.113.7").await, 401);
    }
    assert_eq!(ask("guess", "203.0.113.7").await, 429);
    assert_eq!(ask(TOKEN, "203.0.113.7").await, 429, "who guesses learns nothing more");
    assert_eq!(ask(TOKEN, "203.0.113.8").await, 200);
    let told = |act: &shared::console::Act| (act.act.clone(), act.status, act.role);
    assert_eq!(
        world.state().acts.iter().map(told).collect::<Vec<_>>(),
        vec![("token.refused".to_owned(), 401, None); 10]
    );
    world.state().passed_ms = 60_000;
    assert_eq!(ask(TOKEN, "203.0.113.7").await, 200);
}

#[tokio::test]
async fn an_expired_token_is_told_so_and_counts_against_nobody() {
    let world = World::new();
    let viewer = pass(Role::Viewer);
    world.state().passed_ms = 24 * HOUR_MS;
    for _ in 0..20 {
        let answer = ask_with(&world, &viewer, Http::get("/calls")).await;
        assert_eq!(answer.status_code, 401);
        assert_eq!(body(&answer)["detail"], "the token has expired; sign in again");
    }
    assert_eq!(ask_with(&world, TOKEN, Http::get("/calls")).await.status_code, 200);
}

#[tokio::test]
async fn tokens_that_are_over_and_none_at_all_are_noted_but_not_without_end() {
    let world = World::new();
    let viewer = pass(Role::Viewer);
    world.state().passed_ms = 24 * HOUR_MS;
    let api = api(&world, PUBLIC_URL, Some(TOKEN));
    let over = Http::get("/calls").header("authorization", &format!("Bearer {viewer}")).from("203.0.113.7");
    assert_eq!(api.handle(over.event()).await.status_code, 401);
    for _ in 0..20 {
        assert_eq!(api.handle(Http::get("/calls").from("203.0.113.7").event()).await.status_code, 401);
    }
    let asks_whether = Http::get("/api/session").from("203.0.113.8");
    assert_eq!(api.handle(asks_whether.event()).await.status_code, 401);
    let told: Vec<_> = world.state().acts.iter().map(|act| (act.act.clone(), act.status, act.role)).collect();
    assert_eq!(told[0], ("token.expired".to_owned(), 401, None));
    assert_eq!(told[1..], vec![("token.missing".to_owned(), 401, None); 9], "ten in a minute from one address");
}

#[tokio::test]
async fn a_page_of_another_site_may_ask_only_if_it_is_configured() {
    let world = World::new();
    let ask_from = async |method: &'static str, origin: &str| {
        let request = Http::new(method, "/calls").header("origin", origin);
        ask(&world, request.header("access-control-request-method", "GET")).await
    };
    let preflight = ask_from("OPTIONS", OTHER_SITE).await;
    assert_eq!(
        (preflight.status_code, &preflight.headers["access-control-allow-origin"]),
        (204, &OTHER_SITE.parse().unwrap())
    );
    assert!(preflight.headers["access-control-allow-headers"].to_str().unwrap().contains("authorization"));
    assert_eq!(preflight.headers["access-control-allow-methods"], "GET, OPTIONS");
    let answer = ask_from("GET", OTHER_SITE).await;
    assert_eq!(
        (answer.status_code, &answer.headers["access-control-allow-origin"]),
        (200, &OTHER_SITE.parse().unwrap())
    );
    assert_eq!(answer.headers["vary"], "Origin");
    for method in ["OPTIONS", "GET"] {
        let answer = ask_from(method, "https://evil.example.com").await;
        assert!(!answer.headers.contains_key("access-control-allow-origin"), "{method}");
    }
}

#[tokio::test]
async fn whoever_comes_by_the_consoles_distribution_comes_from_where_it_saw_them() {
    const EDGE: &str = "203.0.113.200";
    for (proof, passed, from) in [
        ("edge-token", format!("198.51.100.1, {EDGE}"), "198.51.100.1"),
        ("edge-token", format!("192.0.2.66, 198.51.100.1, {EDGE}"), "198.51.100.1"),
        ("edge-token", format!("198.51.100.1,2001:db8::1, {EDGE}"), "2001:db8::1"),
        ("edge-token", "198.51.100.1".to_owned(), "198.51.100.1"),
        ("guessed", format!("198.51.100.1, {EDGE}"), EDGE),
        ("", format!("198.51.100.1, {EDGE}"), EDGE),
    ] {
        let world = World::new();
        let request = Http::get("/calls").header("authorization", "Bearer guess").from(EDGE);
        let request = request.header("x-voicebridge-edge", proof).header("x-forwarded-for", &passed);
        api(&world, PUBLIC_URL, Some(TOKEN)).handle(request.event()).await;
        let noted = world.state().acts[0].address.clone().unwrap();
        assert_eq!(noted.reveal(), from, "{proof} {passed}");
    }
}
