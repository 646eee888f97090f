use serde_json::{Value, json};

use super::testing::{World, booking, json_answer, lookup, tool, with};
use super::*;
use crate::agent::Agent;

fn told(definition: &Value) -> Vec<String> {
    tool(definition).faults(&Guard::default()).iter().map(ToString::to_string).collect()
}

/// The URL that these arguments make of this template.
fn url(template: &str, arguments: Value) -> Result<String, String> {
    let any = json!({ "type": "object", "properties": { "a": {}, "b": {} } });
    let definition = with(with(lookup(), "/parameters", any), "/target/url", json!(template));
    let definition = with(definition, "/target/query", json!({}));
    let world = World::new([json_answer("{}")]);
    let (outcome, _) = world.run(&tool(&definition), &arguments);
    outcome.map(|_| world.urls().remove(0)).map_err(|error| error.message)
}

#[test]
fn a_definition_as_it_should_be_has_no_fault() {
    assert_eq!(told(&lookup()), Vec::<String>::new());
    assert_eq!(told(&booking()), Vec::<String>::new());
    let lambda = json!({ "type": "lambda", "arn": "arn:aws:lambda:eu-central-1:123456789012:function:orders" });
    assert_eq!(told(&with(lookup(), "/target", lambda)), Vec::<String>::new());
}

#[test]
fn every_fault_is_named_with_its_place() {
    let no_body = json!({ "template": { "x": "{nobody}" } });
    for (pointer, wrong, fault) in [
        ("/name", json!("hang_up"), "/name: is the name of a built-in tool"),
        ("/name", json!("get_weather"), "/name: is the name of a built-in tool"),
        ("/name", json!("find order"), "/name: must be 1 to 64 letters"),
        ("/name", json!("x".repeat(65)), "/name: must be 1 to 64 letters"),
        ("/description", json!(" "), "/description: is empty"),
        ("/timeout_ms", json!(15_001), "/timeout_ms: must be from 100 to 15000"),
        ("/on_failure", json!(""), "/on_failure: must be 1 to 500 characters"),
        (
            "/parameters",
            json!({ "type": "object", "properties": 7 }),
            "/parameters/properties: must be an object of schemas",
        ),
        ("/parameters", json!("object"), "/parameters: must be a schema"),
        ("/target/method", json!("FETCH"), "/target/method: must be GET"),
        ("/target/method", json!("get"), "/target/method: must be GET"),
        ("/target/url", json!("https://api.example.com/{nobody}"), "/target/url: uses `{nobody}`"),
        ("/target/url", json!("https://{order}.example.com/"), "/target/url: has an argument in its host"),
        ("/target/url", json!("https://api.example.com/{order"), "/target/url: has a brace"),
        ("/target/url", json!("https://api.example.com/?k={{secret:K}}"), "/target/url: holds a secret"),
        ("/target/url", json!("https://169.254.169.254/latest"), "/target/url: may not be called: it is not on"),
        ("/target/url", json!("https://[fd00:ec2::254]/"), "/target/url: may not be called: it is not on"),
        ("/target/url", json!("https://localhost/"), "/target/url: may not be called: it is not on"),
        ("/target/url", json!("https://api.example.com:22/"), "/target/url: may not be called: it is at a port"),
        ("/target/url", json!("https://user:word@api.example.com/"), "/target/url: may not be called: it holds a user"),
        ("/target/url", json!("https://api.example.com\\@evil.example/"), "/target/url: must be printable ASCII"),
        ("/target/url", json!("ftp://api.example.com/"), "/target/url: may not be called: it is neither"),
        ("/target/url", json!("api.example.com"), "/target/url: must begin with https://"),
        ("/target/url", json!("https://api.example.com/#{order}"), "/target/url: has a fragment"),
        ("/target/url", json!("http://api.example.com/"), "/target/url: must begin with https: secrets"),
        ("/target/query", json!({ "q": "{nobody}" }), "/target/query/q: uses `{nobody}`"),
        (
            "/target/headers",
            json!({ "Authorization": "Bearer abc" }),
            "/target/headers/Authorization: holds a key in the clear",
        ),
        ("/target/headers", json!({ "Host": "evil.example" }), "/target/headers/Host: is set by the bridge"),
        ("/target/headers", json!({ "x y": "1" }), "/target/headers/x y: is no name of a header"),
        ("/target/headers", json!({ "x-a": "1\r\nx-b: 2" }), "/target/headers/x-a: must be printable ASCII"),
        ("/target/headers", json!({ "x-a": "1", "X-A": "2" }), "/target/headers/x-a: is there twice"),
        ("/target/body", json!("arguments"), "/target/body: cannot be sent with GET"),
        ("/target/retries", json!(4), "/target/retries: must be at most 3"),
        ("/target/largest_answer", json!(0), "/target/largest_answer: must be from 1"),
        ("/target/pointer", json!("data"), "/target/pointer: must be a JSON Pointer"),
        ("/target", json!({ "type": "lambda", "arn": "orders" }), "/target/arn: must be a function's ARN"),
    ] {
        let told = told(&with(lookup(), pointer, wrong.clone()));
        assert!(told.iter().any(|it| it.starts_with(fault)), "{wrong}: {told:?}");
    }
    assert!(told(&with(booking(), "/target/retries", json!(1)))[0].contains("must not be sent twice"));
    assert!(told(&with(booking(), "/target/body", no_body))[0].contains("`{nobody}`"));
    let several = with(with(lookup(), "/target/method", json!("FETCH")), "/name", json!("hang_up"));
    assert_eq!(told(&several).len(), 2, "all at once");
}

#[test]
fn tools_of_an_agent_are_told_apart_and_fit_its_limits() {
    let mut limits = Agent::default().limits;
    limits.tool = std::time::Duration::from_secs(5);
    let tools = [tool(&lookup()), tool(&with(lookup(), "/timeout_ms", json!(5_000)))];
    let told: Vec<String> = faults(&tools, &limits, &Guard::default()).iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        ["/0/timeout_ms: is longer than the agent's `limits.tool`", "/1/name: is the name of another tool before it"]
    );
    let many = vec![tool(&lookup()); 65];
    assert!(faults(&many, &limits, &Guard::default()).iter().any(|fault| fault.detail == "are more than 64"));
}

#[test]
fn a_setting_lets_a_tool_go_where_it_else_may_not() {
    let near = tool(&with(lookup(), "/target/url", json!("http://localhost:9000/{order}")));
    assert_eq!(near.faults(&"localhost:9000".parse().unwrap()), Vec::new());
    let told: Vec<String> = near.faults(&Guard::default()).iter().map(ToString::to_string).collect();
    assert_eq!(told, ["/target/url: may not be called: it is at a port other than 80 and 443"]);
}

#[test]
fn an_argument_cannot_leave_its_place_in_the_url() {
    let url = |template: &str, a: Value| url(template, json!({ "a": a, "b": "B" }));
    for (a, path) in [
        (json!("x y/../z?q=1&r#f"), "x%20y%2F..%2Fz%3Fq%3D1%26r%23f"),
        (json!("%2e%2e"), "%252e%252e"),
        (json!("é@:\u{202e}"), "%C3%A9%40%3A%E2%80%AE"),
        (json!(7), "7"),
        (json!(true), "true"),
        (json!(-1.5), "-1.5"),
    ] {
        assert_eq!(
            url("https://api.example.com/o/{a}/i", a.clone()).unwrap(),
            format!("https://api.example.com/o/{path}/i")
        );
        assert_eq!(
            url("https://api.example.com/?q={a}&r={b}", a).unwrap(),
            format!("https://api.example.com/?q={path}&r=B")
        );
    }
    for climbing in [".", ".."] {
        assert_eq!(url("https://api.example.com/o/{a}", json!(climbing)).unwrap_err(), "`a` cannot be `.` or `..`.");
    }
    assert_eq!(url("https://api.example.com/%2e{a}/x", json!(".")).unwrap_err(), "`a` cannot be `.` or `..`.");
    assert_eq!(url("https://api.example.com/o/{a}", json!("")).unwrap_err(), "`a` is empty.");
    assert_eq!(url("https://api.example.com/o/{a}", json!(null)).unwrap_err(), "`a` is missing.");
    assert!(url("https://api.example.com/o/{a}", json!(["x"])).unwrap_err().contains("must be text"));
    assert!(url("https://api.example.com/?q={a}", json!({ "x": 1 })).unwrap_err().contains("must be text"));
    assert!(url("https://api.example.com/{a}", json!("x".repeat(9_000))).unwrap_err().contains("too long"));
}

#[test]
fn a_query_leaves_out_what_was_not_given_and_repeats_lists() {
    let template = "https://api.example.com/s?fixed&q={a}&both={a}-{b}";
    assert_eq!(url(template, json!({})).unwrap(), "https://api.example.com/s?fixed&both=-");
    let list = url("https://api.example.com/s?q={a}", json!({ "a": ["x&y", 2] }));
    assert_eq!(list.unwrap(), "https://api.example.com/s?q=x%26y&q=2");
    assert_eq!(url("https://api.example.com", json!({})).unwrap(), "https://api.example.com/");
    let world = World::new([json_answer("{}")]);
    let _outcome = world.run(&tool(&lookup()), &json!({ "order": "7", "with": ["a b"], "page": 2 }));
    assert_eq!(world.urls(), ["https://api.example.com/v1/orders/7?page=2&with=a%20b"]);
}

#[test]
fn what_is_not_said_is_as_usual_and_not_written() {
    let definition = with(lookup(), "/target/headers", json!({}));
    let mut written = serde_json::to_value(tool(&definition)).unwrap();
    assert_eq!(written["timeout_ms"], 8_000);
    assert_eq!(
        written["target"].as_object_mut().unwrap().keys().collect::<Vec<_>>(),
        ["method", "query", "retries", "type", "url"]
    );
    let typo = with(lookup(), "/target/retry", json!(1));
    assert!(serde_json::from_value::<OwnTool>(typo).is_err());
    assert_ne!(tool(&definition).fingerprint(), tool(&lookup()).fingerprint());
    assert_eq!(tool(&lookup()).fingerprint(), tool(&lookup()).fingerprint());
}

#[test]
fn an_agent_without_tools_of_its_own_is_written_as_before() {
    assert!(serde_json::to_value(Agent::default()).unwrap().get("own_tools").is_none());
    let agent = Agent { own_tools: vec![tool(&booking())], ..Agent::default() };
    let read: Agent = serde_json::from_value(serde_json::to_value(&agent).unwrap()).unwrap();
    assert_eq!(read, agent);
    let (specs, unknown) = crate::tools::of(&agent);
    assert_eq!((specs.last().unwrap().name.as_str(), unknown.len()), ("book_table", 0));
}
