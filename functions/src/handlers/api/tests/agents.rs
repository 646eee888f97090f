//! Agents and numbers, as people and programs set them up.

use shared::agent::Agent;

use super::super::super::testing::{CALLED, call};
use super::*;

fn night() -> Agent {
    Agent { id: "night".into(), name: "Night desk".to_owned(), ..Agent::default() }
}

fn problem(answer: &ApiGatewayV2httpResponse) -> Value {
    assert_eq!(answer.headers["content-type"], "application/problem+json");
    serde_json::from_str(&text(answer)).unwrap()
}

fn pointers(answer: &ApiGatewayV2httpResponse) -> Vec<String> {
    let problem = problem(answer);
    let errors = problem["errors"].as_array().unwrap().iter();
    errors.map(|error| error["pointer"].as_str().unwrap().to_owned()).collect()
}

fn put(path: &str, document: &Value, tag: Option<&str>) -> Http {
    let request = Http::new("PUT", path).json(document);
    tag.into_iter().fold(request, |request, tag| request.header("if-match", tag))
}

fn delete(path: &str, tag: Option<&str>) -> Http {
    tag.into_iter().fold(Http::new("DELETE", path), |request, tag| request.header("if-match", tag))
}

#[tokio::test]
async fn whoever_sets_up_agents_needs_the_consoles_token() {
    let world = World::new().with_agent(night());
    for request in [
        Http::get("/api/agents"),
        Http::post("/api/agents").json(&json!({ "id": "x" })),
        Http::get("/api/agents/night"),
        delete("/api/agents/night", Some("*")),
        Http::post("/api/agents/validate").json(&json!({})),
        Http::get("/api/numbers"),
        put("/api/numbers/+15557654321", &json!({ "agent": "night" }), None),
        Http::post(&format!("/api/calls/{CALL}/agent")).json(&json!({})),
    ] {
        assert_eq!(api(&world, PUBLIC_URL, Some(TOKEN)).handle(request.event()).await.status_code, 401);
    }
    assert_eq!(world.state().writes, 0);
}

#[tokio::test]
async fn an_agent_is_created_once_and_found_where_it_says() {
    let world = World::new();
    let agent = json!({ "id": "night", "name": "Night desk", "voice": "cedar" });
    let made = ask(&world, Http::post("/api/agents").json(&agent)).await;
    assert_eq!((made.status_code, made.headers["etag"].to_str().unwrap()), (201, "\"1\""));
    let place = made.headers["location"].to_str().unwrap().to_owned();
    let shown = json_of(&world, Http::get(&place)).await;
    assert_eq!((&shown["voice"], &shown["version"]), (&json!("cedar"), &json!(1)));
    assert_eq!(ask(&world, Http::post("/api/agents").json(&agent)).await.status_code, 409);
    let listed = json_of(&world, Http::get("/api/agents")).await;
    let title = json!({ "id": "night", "version": 1, "name": "Night desk", "saved_at_ms": NOW_MS });
    assert_eq!(listed["agents"], json!([title]));
}

#[tokio::test]
async fn every_fault_of_an_agent_is_named_with_its_place() {
    let world = World::new();
    let wrong = json!({ "id": "X", "voice": "bob", "speed": 9, "tools": ["order_pizza"], "colour": "red" });
    for path in ["/api/agents", "/api/agents/validate"] {
        let answer = ask(&world, Http::post(path).json(&wrong)).await;
        assert_eq!(answer.status_code, 422);
        assert_eq!(pointers(&answer), ["#/colour", "#/id", "#/voice", "#/speed", "#/tools/0"]);
    }
    let elsewhere = ask(&world, put("/api/agents/night", &json!({ "id": "day" }), None)).await;
    assert_eq!((elsewhere.status_code, pointers(&elsewhere)), (422, vec!["#/id".to_owned()]));
    assert_eq!(json_of(&world, Http::post("/api/agents/validate").json(&json!({}))).await, json!({ "valid": true }));
    assert_eq!(world.state().writes, 0);
}

/// What their callers would have suffered from is told whoever writes them, and no number is repeated.
#[tokio::test]
async fn an_agent_that_would_fail_its_callers_is_refused_in_words() {
    let world = World::new().with_agent(night());
    let tool = |parameters: Value| {
        json!({ "name": "find_order", "description": "An order.", "parameters": parameters,
            "target": { "type": "http", "method": "GET", "url": "https://api.example.com/orders" } })
    };
    let key = |action: Value| json!({ "keypad": { "actions": { "0": action } } });
    let target = |to: &str| json!({ "transfer_targets": [{ "name": "doctor", "to": to }] });
    for (wrong, place, words) in [
        (json!({ "voice": "bob" }), "#/voice", "this backend has no such voice; it has "),
        (json!({ "own_tools": [tool(json!("object"))] }), "#/own_tools/0/parameters", "must be a schema"),
        (
            json!({ "own_tools": [tool(json!({ "type": "object", "properties": { "a": { "type": "strin" } } }))] }),
            "#/own_tools/0/parameters/properties/a/type",
            "is not what a schema has there",
        ),
        (key(json!({ "do": "transfer" })), "#/keypad/actions/0", "missing field `to`"),
        (key(json!({ "do": "transfer", "to": "nobody" })), "#/keypad/actions/0", "leads nowhere: nobody of that name"),
        (key(json!({ "do": "say", "instructions": " " })), "#/keypad/actions/0", "has nothing to say"),
        (key(json!({ "do": "order_pizza" })), "#/keypad/actions/0/do", "unknown variant `order_pizza`"),
        (target("030 123456"), "#/transfer_targets/0/to", "a malformed number or address"),
        (target("sip:doctor"), "#/transfer_targets/0/to", "a SIP address is"),
    ] {
        let answer = ask(&world, put("/api/agents/night", &wrong, Some("\"1\""))).await;
        let problem = problem(&answer);
        let fault = problem["errors"].as_array().unwrap().iter().find(|error| error["pointer"] == place);
        let told = fault.and_then(|fault| fault["detail"].as_str()).unwrap_or_default();
        assert!(answer.status_code == 422 && told.contains(words), "{wrong}: {problem}");
        assert!(!problem.to_string().contains("030 123456"), "{problem}");
    }
    let stands = json_of(&world, Http::get("/api/agents/night")).await;
    assert_eq!((&stands["version"], world.state().writes), (&json!(1), 0), "the one before answers on");
}

#[tokio::test]
async fn what_is_no_document_is_said_so() {
    let world = World::new();
    let send =
        async |kind: &str, text: String| ask(&world, Http::post("/api/agents").document(kind, text)).await.status_code;
    assert_eq!(send("application/json", "{".to_owned()).await, 400);
    assert_eq!(send("application/yaml", "a: [".to_owned()).await, 400);
    assert_eq!(send("application/xml", "<agent/>".to_owned()).await, 415);
    assert_eq!(send("application/json", "x".repeat(200_000)).await, 413);
    assert_eq!(send("application/json", "[]".to_owned()).await, 422);
    assert_eq!(world.state().writes, 0);
}

#[tokio::test]
async fn who_replaces_an_agent_says_which_they_saw() {
    let world = World::new();
    let named = |name: &str| json!({ "name": name });
    assert_eq!(ask(&world, put("/api/agents/night", &named("A"), Some("\"1\""))).await.status_code, 412);
    assert_eq!(ask(&world, put("/api/agents/night", &named("A"), None)).await.status_code, 201);
    assert_eq!(ask(&world, put("/api/agents/night", &named("B"), None)).await.status_code, 428);
    let only_new = put("/api/agents/night", &named("B"), None).header("if-none-match", "*");
    assert_eq!(ask(&world, only_new).await.status_code, 412);
    let replaced = ask(&world, put("/api/agents/night", &named("B"), Some("\"1\""))).await;
    assert_eq!((replaced.status_code, replaced.headers["etag"].to_str().unwrap()), (200, "\"2\""));
    assert_eq!(ask(&world, put("/api/agents/night", &named("C"), Some("\"1\""))).await.status_code, 412);
    assert_eq!(ask(&world, put("/api/agents/night", &named("C"), Some("\"7\", \"2\""))).await.status_code, 200);
    let versions = json_of(&world, Http::get("/api/agents/night/versions")).await;
    let names: Vec<_> = versions["versions"].as_array().unwrap().iter().map(|version| &version["name"]).collect();
    assert_eq!(names, ["C", "B", "A"]);
    assert_eq!(json_of(&world, Http::get("/api/agents/night/versions/2")).await["name"], "B");
    assert_eq!(ask(&world, Http::get("/api/agents/night/versions/4")).await.status_code, 404);
}

#[tokio::test]
async fn an_agent_that_was_deleted_can_be_restored_and_goes_on_counting() {
    let world = World::new().with_agent(night()).with_agent(Agent { voice: "cedar".to_owned(), ..night() });
    assert_eq!(ask(&world, delete("/api/agents/night", None)).await.status_code, 428);
    assert_eq!(ask(&world, delete("/api/agents/night", Some("\"1\""))).await.status_code, 412);
    assert_eq!(ask(&world, delete("/api/agents/night", Some("\"2\""))).await.status_code, 204);
    assert_eq!(ask(&world, Http::get("/api/agents/night")).await.status_code, 404);
    let restore = |version: Value| Http::post("/api/agents/night/restore").json(&json!({ "version": version }));
    assert_eq!(pointers(&ask(&world, restore(json!("one"))).await), ["#/version"]);
    assert_eq!(ask(&world, restore(json!(9))).await.status_code, 404);
    assert_eq!(ask(&world, restore(json!(1))).await.status_code, 201);
    let back = json_of(&world, Http::get("/api/agents/night")).await;
    assert_eq!((&back["version"], &back["voice"]), (&json!(3), &json!("marin")));
}

#[tokio::test]
async fn an_agent_that_answers_a_number_is_not_deleted() {
    let world = World::new().with_agent(night()).with_number(CALLED, "night");
    let answer = ask(&world, delete("/api/agents/night", Some("*"))).await;
    assert_eq!((answer.status_code, problem(&answer)["detail"].as_str().unwrap().contains(CALLED)), (409, true));
    assert_eq!(ask(&world, delete(&format!("/api/numbers/{CALLED}"), None)).await.status_code, 204);
    assert_eq!(ask(&world, delete("/api/agents/night", Some("*"))).await.status_code, 204);
}

#[tokio::test]
async fn an_export_is_yaml_and_an_import_of_it_the_same_agent() {
    let world = World::new().with_agent(Agent { speed: 1.1, ..night() });
    let exported = ask(&world, Http::get("/api/agents/night").header("accept", "application/yaml")).await;
    assert_eq!(exported.headers["content-type"], "application/yaml");
    assert!(text(&exported).contains("speed: 1.1\n") && !text(&exported).contains("version"), "{}", text(&exported));
    let import = Http::new("PUT", "/api/agents/night").document("application/yaml; charset=utf-8", text(&exported));
    assert_eq!(ask(&world, import.header("if-match", "*")).await.status_code, 200);
    let state = world.state();
    let versions = &state.agents[&"night".into()];
    assert_eq!(Agent { version: 1, ..versions[1].agent.clone() }, versions[0].agent);
}

#[tokio::test]
async fn a_number_is_given_to_an_agent_that_exists() {
    let world = World::new().with_agent(night());
    for path in ["/api/numbers/+15557654321", "/api/numbers/%2B15557654321"] {
        assert_eq!(ask(&world, Http::get(path)).await.status_code, 404);
        assert_eq!(pointers(&ask(&world, put(path, &json!({ "agent": "day" }), None)).await), ["#/agent"]);
        assert_eq!(pointers(&ask(&world, put(path, &json!({}), None)).await), ["#/agent"]);
        let given = json!({ "number": "+15557654321", "agent": "night" });
        assert_eq!(json_of(&world, put(path, &json!({ "agent": "night" }), None)).await, given);
        assert_eq!(json_of(&world, Http::get(path)).await, given);
        assert_eq!(json_of(&world, Http::get("/api/numbers")).await["numbers"], json!([given]));
        assert_eq!(ask(&world, delete(path, None)).await.status_code, 204);
    }
    for path in ["/api/numbers/15557654321", "/api/numbers/+1555x", "/api/numbers/", "/api/agents/A", "/api/agents/a/b"]
    {
        assert_eq!(ask(&world, Http::get(path)).await.status_code, 404, "{path}");
    }
}

#[tokio::test]
async fn a_running_call_is_given_another_version_but_no_other_voice() {
    let running = Agent { version: 1, ..night() };
    let newer = Agent { instructions: "Be brief.".to_owned(), voice: "cedar".to_owned(), ..night() };
    let world = World::new().with_agent(night()).with_agent(newer.clone());
    let in_progress = Call { agent: running, ..call(CallStatus::InProgress) };
    world.state().calls.insert(CALL.into(), in_progress);
    let change = |document: Value| Http::post(&format!("/api/calls/{CALL}/agent")).json(&document);
    assert_eq!(ask(&world, change(json!({}))).await.status_code, 202);
    let agent = Box::new(Agent { version: 2, voice: "marin".to_owned(), ..newer });
    let command = Control::ChangeAgent { sid: CALL.into(), agent };
    assert_eq!(world.state().sent.pop(), Some(("relay-1".into(), command)));
    let back = ask(&world, change(json!({ "agent": "night", "version": 1 }))).await;
    assert_eq!(serde_json::from_str::<Value>(&text(&back)).unwrap(), json!({ "agent": "night", "version": 1 }));
    for nobody in [json!({ "agent": "day" }), json!({ "agent": 7 }), json!({ "version": 3 }), json!({ "version": "x" })]
    {
        assert_eq!(pointers(&ask(&world, change(nobody)).await), ["#/agent"]);
    }
    world.state().relays.clear();
    assert_eq!(ask(&world, change(json!({}))).await.status_code, 503);
    let over = World::new().with_agent(Agent::default()).with_call(CallStatus::Ended(Ending::CallerHungUp));
    assert_eq!(ask(&over, change(json!({}))).await.status_code, 409);
    assert_eq!(ask(&World::new(), change(json!({}))).await.status_code, 404);
}

#[tokio::test]
async fn the_instructions_of_one_call_are_changed_and_of_no_other() {
    let world = World::new().with_agent(night());
    let answering = Agent { version: 1, instructions: "Whisper.".to_owned(), ..night() };
    world.state().calls.insert(CALL.into(), Call { agent: answering.clone(), ..call(CallStatus::InProgress) });
    let path = format!("/api/calls/{CALL}/agent");
    let change = |document: Value| Http::post(&path).json(&document);
    assert_eq!(ask(&world, change(json!({ "instructions": "Be brief, {{caller_number}}." }))).await.status_code, 202);
    let agent = Box::new(Agent { instructions: "Be brief, {{caller_number}}.".to_owned(), ..answering });
    let command = Control::ChangeAgent { sid: CALL.into(), agent };
    assert_eq!(world.state().sent.pop(), Some(("relay-1".into(), command)));
    assert_eq!(json_of(&world, Http::get("/api/agents/night")).await["instructions"], night().instructions);
    for wrong in [json!(7), json!(" "), json!("Say {{nothing}}.")] {
        assert_eq!(pointers(&ask(&world, change(json!({ "instructions": wrong }))).await), ["#/instructions"]);
    }
}
